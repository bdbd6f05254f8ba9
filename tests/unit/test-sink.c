/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "sink.h"

static char directory[] = "/tmp/test-sink-XXXXXX";
static Journal *journal;

static int setup(void **state) {
        (void) signal(SIGXFSZ, SIG_IGN);
        return mkdtemp(directory) && chdir(directory) == 0 && journal_new(&journal, NULL, "") == 0 ? 0 : -1;
}

static int teardown(void **state) {
        journal_close(journal);
        (void) unlink("file");
        return rmdir(directory);
}

static void assert_file(const char *want) {
        int fd = open("file", O_RDONLY | O_CLOEXEC);
        char text[256];
        ssize_t n;

        assert_true(fd >= 0);
        n = read(fd, text, sizeof(text) - 1);
        assert_true(n >= 0);
        text[n] = 0;
        safe_close(fd);
        assert_string_equal(text, want);
}

static void write_once(const char *text, bool truncate) {
        Sink s = {.fd = sink_open("file", truncate), .path = "file", .line = "con0", .journal = journal};

        assert_true(s.fd >= 0);
        sink_write(&s, text, strlen(text));
        sink_close(&s);
}

static void test_append(void **state) {
        write_once("one\n", false);
        write_once("\x1b[1mtwo\r\n", false);
        assert_file("one\n\x1b[1mtwo\r\n");
        write_once("three", true);
        assert_file("three");
}

/* As logrotate's copytruncate does it. */
static void test_cut(void **state) {
        Sink s = {.fd = sink_open("file", true), .path = "file", .line = "con0", .journal = journal};

        sink_write(&s, "before", 6);
        assert_int_equal(truncate("file", 0), 0);
        sink_write(&s, "after", 5);
        sink_close(&s);
        assert_file("after");
}

static void test_no_file(void **state) {
        int fd;

        assert_int_equal(mkfifo("fifo", 0600), 0);
        fd = open("fifo", O_RDWR | O_CLOEXEC); /* it has a reader */
        assert_int_equal(sink_open("fifo", false), -ENOTSUP);
        assert_non_null(strstr(sink_failure("fifo", -ENOTSUP), "FIFO"));
        safe_close(fd);
        assert_int_equal(unlink("fifo"), 0);

        assert_int_equal(sink_open("/dev/null", false), -ENOTSUP);
        assert_non_null(strstr(sink_failure("/dev/null", -ENOTSUP), "device"));
        assert_int_equal(sink_open(".", false), -ENOTSUP);
        assert_non_null(strstr(sink_failure(".", -ENOTSUP), "directory"));
        assert_int_equal(sink_open("no/where", false), -ENOENT);
        assert_string_equal(sink_failure("no/where", -ENOENT), "No such file or directory");
}

/* Lets the file become so large and no larger. */
static void limit(rlim_t size) {
        struct rlimit l;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
        l.rlim_cur = size;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void test_full(void **state) {
        Sink s = {.fd = sink_open("file", true), .path = "file", .line = "con0", .journal = journal};
        const struct timespec pause = {.tv_sec = 1, .tv_nsec = 10 * 1000 * 1000};
        int out = dup(STDERR_FILENO), messages[2];
        char text[1024];
        ssize_t n;

        assert_int_equal(pipe2(messages, O_CLOEXEC), 0);
        assert_true(dup2(messages[1], STDERR_FILENO) >= 0);
        limit(6);
        sink_write(&s, "0123456789", 10); /* six fit */
        for (int i = 0; i < 100; i++)
                sink_write(&s, "abcde", 5);
        limit(RLIM_INFINITY);
        sink_write(&s, "X", 1); /* too soon to say that all is well */
        (void) nanosleep(&pause, NULL);
        sink_write(&s, "Y", 1);
        sink_write(&s, "Z", 1);
        limit(6);
        sink_write(&s, "never", 5);
        sink_close(&s);
        limit(RLIM_INFINITY);
        assert_true(dup2(out, STDERR_FILENO) >= 0);
        safe_close(out);
        safe_close(messages[1]);
        n = read(messages[0], text, sizeof(text) - 1);
        assert_true(n > 0);
        text[n] = 0;
        safe_close(messages[0]);

        assert_file("012345XYZ");
        assert_string_equal(text, "file: the output of con0 cannot be written: File too large; until it can, it is lost\n"
                                  "file: 504 bytes of con0 were lost; it can be written again\n"
                                  "file: the output of con0 cannot be written: File too large; until it can, it is lost\n"
                                  "file: 5 bytes of con0 were lost\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a file keeps what it has, or is cut at the beginning, and gets every byte", test_append),
                TEST("a file that is cut meanwhile goes on at its beginning", test_cut),
                TEST("a FIFO, a device or a directory is no file, and is called what it is", test_no_file),
                TEST("what cannot be written is counted, and told once when it begins and once when it is over", test_full),
        };

        return cmocka_run_group_tests_name("sink", tests, setup, teardown);
}
