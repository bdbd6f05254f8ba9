/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "console.h"

/* The guest is this test, at the kernel's end of the console. */

static Loop loop;
static Journal *journal;
static PtyWatcher watcher;
static Console *console;
static int guest;
static char directory[] = "/tmp/test-console-XXXXXX";

static int setup_group(void **state) {
        return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int teardown_group(void **state) {
        (void) unlink("con0.sock");
        (void) unlink("con0.pty");
        return rmdir(directory);
}

static int setup(void **state) {
        assert_int_equal(loop_open(&loop), 0);
        assert_int_equal(journal_new(&journal, NULL, ""), 0);
        journal_attach(journal, &loop);
        assert_int_equal(pty_watcher_open(&watcher, &loop), 0);
        assert_int_equal(console_new(&console, &loop, journal, "con0", &watcher), 0);
        guest = console_connect(console);
        assert_true(guest >= 0);
        assert_int_equal(fcntl(guest, F_SETFL, O_NONBLOCK), 0);
        return 0;
}

static int teardown(void **state) {
        guest = safe_close(guest);
        console_free(console);
        pty_watcher_close(&watcher);
        journal_close(journal);
        loop_close(&loop);
        return 0;
}

static void end(void *userdata) {
        loop.done = true;
}

/* Runs the loop until it has nothing to do, and returns the processor time that this took: a loop that spins is noticed. */
static double settle(void) {
        clock_t begin = clock();
        Timer timer = {.function = end};

        loop.done = false;
        loop_set_timer(&loop, &timer, 50 * USEC_PER_MSEC);
        assert_int_equal(loop_run(&loop), 0);
        return (double) (clock() - begin) / CLOCKS_PER_SEC;
}

static int attach(void) {
        const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "con0.sock"};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        (void) settle();
        return fd;
}

static void assert_read(int fd, const char *want) {
        char text[256];
        ssize_t n = read(fd, text, sizeof(text) - 1);

        text[n > 0 ? n : 0] = 0;
        assert_string_equal(text, want);
}

static void put(int fd, const char *text) {
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_clients(void **state) {
        int a = attach(), b = attach();

        put(guest, "login: ");
        (void) settle();
        assert_read(a, "login: ");
        assert_read(b, "login: ");
        put(a, "root\n");
        (void) settle();
        assert_read(guest, "root\n");
        safe_close(a);
        put(guest, "# ");
        (void) settle();
        assert_read(b, "# ");
        safe_close(b);
}

static void test_half_closed(void **state) {
        int fd = attach();

        put(fd, "date\n");
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        (void) settle();
        assert_read(guest, "date\n");
        put(guest, "today\n");
        assert_true(settle() < 0.03);
        assert_read(fd, "today\n");
        safe_close(fd);
}

static void test_gone(void **state) {
        int fd = attach();

        put(fd, "halt\n");
        safe_close(fd);
        (void) settle();
        assert_read(guest, "halt\n");
}

static void test_deaf_client(void **state) {
        static char data[65536];
        int fd = attach(), other = attach();
        size_t received = 0;
        ssize_t n;

        assert_int_equal(shutdown(other, SHUT_RD), 0);
        memset(data, 'x', sizeof(data));
        for (int i = 0; i < 64; i++) { /* far more than a socket holds */
                while (write(guest, data, sizeof(data)) < 0)
                        assert_true(settle() < 0.5);
                (void) settle();
        }
        assert_true(settle() < 0.03);
        while ((n = read(fd, data, sizeof(data))) > 0)
                received += (size_t) n;
        assert_true(received < 64 * sizeof(data));
        (void) settle();
        n = read(fd, data, sizeof(data) - 1);
        assert_true(n > 0);
        data[n] = 0;
        assert_non_null(strstr(data, "bytes were lost here"));
        safe_close(fd);
        safe_close(other);
}

/* A guest that reads nothing: clients come, type and go. */
static void test_deaf_guest(void **state) {
        char data[4096];
        int last;

        memset(data, 'x', sizeof(data));
        for (int i = 0; i < 200; i++) {
                int fd = attach();

                (void) send(fd, data, sizeof(data), MSG_NOSIGNAL);
                safe_close(fd);
        }
        assert_true(settle() < 0.03);
        last = attach();
        put(guest, "still here");
        (void) settle();
        assert_read(last, "still here");
        safe_close(last);
}

static void test_pty(void **state) {
        int fd;

        put(guest, "before anybody was there");
        (void) settle();
        for (int i = 0; i < 3; i++) {
                fd = open("con0.pty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
                assert_true(fd >= 0);
                (void) settle();
                put(guest, "hello\n");
                (void) settle();
                assert_read(fd, "hello\n");
                put(fd, "typed\x03");
                (void) settle();
                assert_read(guest, "typed\x03");
                safe_close(fd);
                assert_true(settle() < 0.03);
        }
}

static void test_reboot(void **state) {
        int fd = attach();

        put(guest, "last words");
        safe_close(guest);
        console_disconnect(console);
        assert_read(fd, "last words");
        assert_string_equal(console_last_line(console), "last words");
        put(fd, "into the void");
        assert_true(settle() < 0.03);

        guest = console_connect(console);
        put(guest, "again");
        (void) settle();
        assert_read(fd, "again");
        safe_close(fd);
}

#define CONSOLE_TEST(sentence, function) {sentence, function, setup, teardown, NULL}

int main(void) {
        const struct CMUnitTest tests[] = {
                CONSOLE_TEST("every client sees the guest's output, and can type", test_clients),
                CONSOLE_TEST("a client that has said all still gets the answer", test_half_closed),
                CONSOLE_TEST("what a client typed before it went is not lost", test_gone),
                CONSOLE_TEST("a client that does not read loses output and is told, and costs nothing", test_deaf_client),
                CONSOLE_TEST("a guest that does not read does not use up the clients' places", test_deaf_guest),
                CONSOLE_TEST("the pty shows what comes while it is open, each time, with raw input", test_pty),
                CONSOLE_TEST("clients stay when the guest reboots, and the last output before it is not lost", test_reboot),
        };

        return cmocka_run_group_tests_name("console", tests, setup_group, teardown_group);
}
