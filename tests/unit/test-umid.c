/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tree.h"
#include "umid.h"

static char directory[] = "/tmp/test-umid-XXXXXX";

static int setup(void **state) {
        return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int teardown(void **state) {
        return tree_remove(directory);
}

static void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        safe_close(fd);
}

static int bind_socket(int type, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

static void make_directory(void) {
        assert_int_equal(mkdir("umid", 0700), 0);
        assert_int_equal(mkdir("umid/demo", 0700), 0);
}

static void test_taken(void **state) {
        pid_t pid = 0;
        int fd;

        make_directory();
        fd = bind_socket(SOCK_DGRAM, "umid/demo/mconsole");
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 1);
        assert_int_equal(pid, 0); /* it has no pid file */
        write_file("umid/demo/pid", "1234\n");
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 1);
        assert_int_equal(pid, 1234);
        write_file("umid/demo/pid", "1234567890123456789\n");
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 1);
        assert_int_equal(pid, 0);
        assert_int_equal(umid_taken_by("umid", "other", &pid), 0);

        assert_int_equal(umid_clear("umid", "demo"), -EBUSY);
        assert_int_equal(access("umid/demo/mconsole", F_OK), 0);
        safe_close(fd);
        assert_int_equal(umid_clear("umid", "demo"), 0);
        assert_int_equal(access("umid", F_OK), -1);
}

/* The test's own pid is one of a process that lives, but is no UML. */
static void test_stale(void **state) {
        char text[32];
        pid_t pid;
        int fd;

        assert_int_equal(umid_taken_by("umid", "demo", &pid), 0);
        make_directory();
        (void) snprintf(text, sizeof(text), "%d\n", (int) getpid());
        write_file("umid/demo/pid", text);
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 0);
        safe_close(bind_socket(SOCK_DGRAM, "umid/demo/mconsole")); /* of one that was killed */
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 0);

        assert_int_equal(unlink("umid/demo/mconsole"), 0);
        fd = bind_socket(SOCK_STREAM, "umid/demo/mconsole");
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 0);
        safe_close(fd);

        assert_int_equal(unlink("umid/demo/mconsole"), 0);
        fd = bind_socket(SOCK_DGRAM, "somebody");
        assert_int_equal(symlink("../../somebody", "umid/demo/mconsole"), 0);
        assert_int_equal(umid_taken_by("umid", "demo", &pid), 0);
        assert_int_equal(umid_clear("umid", "demo"), 0);
        assert_int_equal(access("somebody", F_OK), 0);
        safe_close(fd);
}

static void test_clear(void **state) {
        assert_int_equal(umid_clear("umid", "demo"), 0); /* there is nothing */
        make_directory();
        assert_int_equal(mkdir("umid/demo/-rf *\n", 0700), 0);
        assert_int_equal(mkdir("umid/demo/-rf *\n/below", 0700), 0);
        write_file("umid/demo/-rf *\n/below/\xff", "");
        assert_int_equal(mkfifo("umid/demo/pid", 0), 0);
        write_file("precious", "");
        assert_int_equal(mkdir("precious.d", 0700), 0);
        write_file("precious.d/file", "");
        assert_int_equal(symlink("../../precious.d", "umid/demo/link"), 0);
        assert_int_equal(symlink("umid", "umid/demo/loop"), 0);
        assert_int_equal(chmod("umid/demo/-rf *\n", 0), 0);
        assert_int_equal(umid_clear("umid", "demo"), 0);
        assert_int_equal(access("umid", F_OK), -1);
        assert_int_equal(access("precious.d/file", F_OK), 0);

        assert_int_equal(symlink("precious.d", "umid"), 0); /* instead of the directory */
        assert_int_equal(umid_clear("umid", "demo"), 0);
        assert_int_equal(access("precious.d/file", F_OK), 0);
        write_file("umid", "");
        assert_int_equal(umid_clear("umid", "demo"), 0);
        assert_int_equal(access("umid", F_OK), -1);
}

static void test_deep(void **state) {
        make_directory();
        assert_int_equal(chdir("umid"), 0);
        for (int i = 0; i < 2000; i++) /* longer than any path */
                assert_true(mkdir("deep", 0700) == 0 && chdir("deep") == 0);
        assert_int_equal(chdir(directory), 0);
        assert_int_equal(umid_clear("umid", "demo"), 0);
        assert_int_equal(access("umid", F_OK), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a umid is taken when somebody listens at its mconsole, and stays as it is", test_taken),
                TEST("a umid is not taken by what a process that has gone has left, whatever has its pid now", test_stale),
                TEST("all that is in the way of UML's directory is removed, and nothing else", test_clear),
                TEST("a tree that is deeper than any path is removed as well", test_deep),
        };

        return cmocka_run_group_tests_name("umid", tests, setup, teardown);
}
