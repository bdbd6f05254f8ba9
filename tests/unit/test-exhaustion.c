/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "exhaustion.h"
#include "memory.h"
#include "room.h"
#include "tree.h"

static char directory[] = "/tmp/test-exhaustion-XXXXXX";
static Journal *journal;

static int setup(void **state) {
        return mkdtemp(directory) && chdir(directory) == 0 && unsetenv("JOURNAL_STREAM") == 0 && journal_new(&journal, NULL, "") == 0 ? 0 : -1;
}

static int teardown(void **state) {
        journal_close(journal);
        return tree_remove(directory);
}

static void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        safe_close(fd);
}

/* What a call logs, where there is no journal. */
static char *text_of(void (*call)(const void *), const void *argument) {
        static char text[4096];
        int saved = dup(STDERR_FILENO), fd = open("stderr", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ssize_t n;

        assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        call(argument);
        (void) fflush(stderr);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        n = pread(fd, text, sizeof(text) - 1, 0);
        assert_true(n >= 0);
        text[n] = 0;
        safe_close(saved);
        safe_close(fd);
        return text;
}

static void explain_cgroup(const void *group) {
        exhaustion_explain_cgroup(group, "slice", journal);
}

/* Mock: files as the kernel has them. */
static void test_cgroup(void **state) {
        assert_true(mkdir("slice", 0700) == 0 && mkdir("slice/a", 0700) == 0);
        assert_string_equal(text_of(explain_cgroup, "slice/a"), "");
        write_file("slice/a/memory.events", "oom 0\noom_kill 0\n");
        write_file("slice/a/pids.events", "max 0\n");
        assert_string_equal(text_of(explain_cgroup, "slice/a"), "");

        write_file("slice/a/memory.events", "oom 1\noom_kill 2\n");
        assert_non_null(strstr(text_of(explain_cgroup, "slice/a"), "has killed 2 of the service's processes for want of memory; make"));
        write_file("slice/memory.max", "83886080\n");
        assert_non_null(strstr(text_of(explain_cgroup, "slice/a"), "may use 80 MiB; raise MemoryMax="));
        assert_null(strstr(text_of(explain_cgroup, "slice/a"), "TasksMax="));
        write_file("slice/a/pids.events", "max 7\n");
        assert_non_null(strstr(text_of(explain_cgroup, "slice/a"), "a process 7 times: TasksMax="));
}

static Options *options_of(const char *memory, const char *disk) {
        static const char *arguments[4];
        static Options o = {.arguments = (char **) arguments};

        arguments[0] = "linux";
        arguments[1] = memory;
        arguments[2] = disk;
        return &o;
}

static void explain_large(const void *panic) {
        exhaustion_explain(options_of("mem=1048576G", "ubd0=file"), journal, panic);
}

static void explain_small(const void *panic) {
        exhaustion_explain(options_of("mem=4K", "ubd0=file"), journal, panic);
}

static void test_memory(void **state) {
        assert_true(memory_size(options_of("mem=512m", NULL)) == UINT64_C(512) << 20);
        assert_true(memory_size(options_of("mem=2G", NULL)) == UINT64_C(2) << 30);
        assert_true(memory_size(options_of("mem=65536K", NULL)) == 64 << 20);
        assert_true(memory_size(options_of("mem=1048576", NULL)) == 1 << 20);
        assert_true(memory_size(options_of("root=mem=1", NULL)) == 64 << 20); /* UML's own */

        assert_int_equal(setenv("TMPDIR", "", 1), 0);
        assert_true(streq(memory_directory(), "/dev/shm") || streq(memory_directory(), "/tmp"));
        assert_int_equal(setenv("TMPDIR", directory, 1), 0);
        assert_string_equal(memory_directory(), directory);
        assert_null(strstr(text_of(explain_small, "Attempted to kill init!"), directory));
        assert_non_null(strstr(text_of(explain_small, "Kernel mode signal 7"), "was full, or the host short of memory"));
        assert_non_null(strstr(text_of(explain_large, ""), "may have been full: it has "));
        assert_non_null(strstr(text_of(explain_large, "Kernel mode signal 7"), "was full: it has "));
        assert_int_equal(unsetenv("TMPDIR"), 0);
}

static void test_rooms(void **state) {
        const char *arguments[] = {"linux", "ubd0d=sparse", "ubd1r=sparse", "ubd2=new.cow,base", "ubd3d=/dev/null", "ubd4d=full",
                                   "ubd5d=nowhere", "ubd6=gone/cow,base", NULL};
        const Options o = {.arguments = (char **) arguments};
        struct stat st;
        Rooms rooms;

        write_file("sparse", "data");
        assert_int_equal(stat("sparse", &st), 0);
        write_file("base", "");
        write_file("full", "full");
        assert_int_equal(truncate("sparse", 100 << 20), 0);
        assert_int_equal(truncate("base", 10 << 20), 0);
        assert_int_equal(rooms_measure(&o, &rooms), 0);
        assert_int_equal(rooms.n, 1);
        assert_int_equal(rooms.items[0].n_images, 2);
        assert_string_equal(rooms.items[0].image, "sparse");
        assert_true(rooms.items[0].device == st.st_dev);
        assert_int_equal(rooms.items[0].missing, (110 << 20) - st.st_blocks * 512);
        assert_true(rooms.items[0].room > 0);
        rooms_done(&rooms);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("what a control group's counters tell is told, with the limit that is to be raised", test_cgroup),
                TEST("a bus error is told as what it is, and no other panic", test_memory),
                TEST("what sparse images and new COW files can still take is added up for each file system", test_rooms),
        };

        return cmocka_run_group_tests_name("exhaustion", tests, setup, teardown);
}
