/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "console.h"

/* The guest is this test, at the kernel's end of the console. */

#define REPLAY 65536
#define LONG_REPLAY (1024 * 1024)

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
        assert_int_equal(console_new(&console, &loop, journal, "con0"), 0);
        guest = console_connect(console);
        assert_true(guest >= 0);
        assert_int_equal(fcntl(guest, F_SETFL, O_NONBLOCK), 0);
        return 0;
}

/* The kinds of consoles that clients meet. */

static int setup_forgetful(void **state) {
        return setup(state) == 0 ? console_accept_clients(console, 0, &watcher) : -1;
}

static int setup_with_replay(void **state) {
        return setup(state) == 0 ? console_accept_clients(console, REPLAY, &watcher) : -1;
}

static int setup_with_long_replay(void **state) {
        return setup(state) == 0 ? console_accept_clients(console, LONG_REPLAY, &watcher) : -1;
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

static void run_loop(uint64_t usec) {
        Timer timer = {.function = end};

        loop.done = false;
        loop_set_timer(&loop, &timer, usec);
        assert_int_equal(loop_run(&loop), 0);
}

/* Runs the loop until it has nothing to do, and returns the processor time that this took: a loop that spins is noticed. */
static double settle(void) {
        clock_t begin = clock();

        run_loop(50 * USEC_PER_MSEC);
        return (double) (clock() - begin) / CLOCKS_PER_SEC;
}

/* For what is done often. */
static void settle_shortly(void) {
        run_loop(5 * USEC_PER_MSEC);
}

static int attach(void) {
        const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "con0.sock"};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        settle_shortly();
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
                        settle_shortly();
                settle_shortly();
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

/* Reads from a client until there is nothing more; returns the size. */
static size_t read_all(int fd, char *ret, size_t size) {
        size_t got = 0;

        (void) settle();
        for (;;) {
                ssize_t n;

                settle_shortly();
                n = read(fd, ret + got, size - got);
                if (n <= 0)
                        return got;
                got += (size_t) n;
        }
}

static void test_replay(void **state) {
        int a, b;

        put(guest, "one\ntwo\nlogin: ");
        (void) settle();
        a = attach();
        assert_read(a, "one\ntwo\nlogin: ");
        put(guest, "root\n");
        (void) settle();
        assert_read(a, "root\n");
        b = attach();
        assert_read(b, "one\ntwo\nlogin: root\n");
        safe_close(a);
        safe_close(b);
}

/* Output of numbered lines, so that whatever is missing or twice is seen. */
static void put_numbers(unsigned first, unsigned last) {
        for (unsigned i = first; i <= last; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "line %07u\n", i);
                while (write(guest, line, strlen(line)) < 0)
                        settle_shortly();
        }
        (void) settle();
}

static void assert_numbers(const char *text, size_t size, unsigned first, unsigned last) {
        assert_int_equal(size, (last - first + 1) * 13);
        for (unsigned i = first; i <= last; i++, text += 13) {
                char line[16];

                (void) snprintf(line, sizeof(line), "line %07u\n", i);
                assert_memory_equal(text, line, 13);
        }
}

static void test_replay_begins_with_a_line(void **state) {
        static char data[2 * REPLAY];
        unsigned kept = REPLAY / 13; /* lines, and a piece of another */
        int fd;

        put_numbers(1, 10000);
        fd = attach();
        assert_numbers(data, read_all(fd, data, sizeof(data)), 10000 - kept + 1, 10000);
        put_numbers(10001, 10002);
        assert_numbers(data, read_all(fd, data, sizeof(data)), 10001, 10002);
        safe_close(fd);
}

/* More than a socket holds at once; and the guest goes on while it is taken. */
static void test_long_replay(void **state) {
        static char data[2 * LONG_REPLAY];
        size_t size = 0;
        int fd;

        put_numbers(1, 60000);
        fd = attach();
        for (unsigned i = 0; i < 10; i++) {
                ssize_t n = read(fd, data + size, 10000);

                assert_true(n > 0);
                size += (size_t) n;
                put_numbers(60001 + i * 10, 60010 + i * 10);
        }
        size += read_all(fd, data + size, sizeof(data) - size);
        assert_numbers(data, size, 1, 60100);
        safe_close(fd);
}

/* The same with a terminal, which takes 4 KiB at once. */
static void test_pty_replay(void **state) {
        static char data[2 * REPLAY];
        size_t size;

        put_numbers(1, 1000);
        for (unsigned i = 0; i < 3; i++) {
                int fd = open("con0.pty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

                assert_true(fd >= 0);
                (void) settle();
                put_numbers(1001 + i, 1001 + i);
                size = read_all(fd, data, sizeof(data));
                assert_numbers(data, size, 1, 1001 + i);
                safe_close(fd);
                assert_true(settle() < 0.03);
        }
}

/* What one user did not read of the pty is not there twice for the next. */
static void test_pty_unread(void **state) {
        static char data[2 * REPLAY];
        int fd;

        put_numbers(1, 2000);
        for (unsigned i = 0; i < 2; i++) {
                fd = open("con0.pty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
                assert_true(fd >= 0);
                (void) settle();
                safe_close(fd);
                (void) settle();
        }
        fd = open("con0.pty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_numbers(data, read_all(fd, data, sizeof(data)), 1, 2000);
        safe_close(fd);
}

/* Nothing is lost of what is still kept, when a client reads late; and of what is not, the number is right. */
static void test_late_reader(void **state) {
        static char data[64 * REPLAY];
        int fd = attach();
        const char *told;
        size_t size, lost;

        put_numbers(1, 50000); /* 650000 bytes: the socket's 200 KiB and the replay together hold less */
        size = read_all(fd, data, sizeof(data) - 1);
        data[size] = 0;
        told = strstr(data, "\r\n[uml-helper: ");
        assert_non_null(told);
        assert_int_equal(sscanf(told + 2, "[uml-helper: %zu bytes were lost here", &lost), 1);
        size -= strlen("\r\n[uml-helper:  bytes were lost here: read faster]\r\n") + (size_t) snprintf(NULL, 0, "%zu", lost);
        assert_int_equal(size + lost, 50000 * 13);
        assert_numbers(data, (size_t) (told - data) / 13 * 13, 1, (unsigned) ((size_t) (told - data) / 13));
        assert_memory_equal(data + strlen(data) - 13, "line 0050000\n", 13);
        safe_close(fd);
}

static void test_reboot_replay(void **state) {
        int fd;

        put(guest, "last words\n");
        safe_close(guest);
        console_disconnect(console);
        guest = console_connect(console);
        put(guest, "again\n");
        (void) settle();
        fd = attach();
        assert_read(fd, "last words\nagain\n");
        safe_close(fd);
}

#define FORGETFUL(sentence, function) {sentence, function, setup_forgetful, teardown, NULL}
#define WITH_REPLAY(sentence, function) {sentence, function, setup_with_replay, teardown, NULL}

int main(void) {
        const struct CMUnitTest tests[] = {
                FORGETFUL("every client sees the guest's output, and can type", test_clients),
                FORGETFUL("a client that has said all still gets the answer", test_half_closed),
                FORGETFUL("what a client typed before it went is not lost", test_gone),
                FORGETFUL("a client that does not read loses output and is told, and costs nothing", test_deaf_client),
                FORGETFUL("a guest that does not read does not use up the clients' places", test_deaf_guest),
                FORGETFUL("the pty shows what comes while it is open, each time, with raw input", test_pty),
                FORGETFUL("clients stay when the guest reboots, and the last output before it is not lost", test_reboot),
                WITH_REPLAY("a new client is sent the last output first", test_replay),
                WITH_REPLAY("the replay begins with a whole line", test_replay_begins_with_a_line),
                {"a client that takes a long replay slowly gets each byte once, live output too", test_long_replay,
                 setup_with_long_replay, teardown, NULL},
                WITH_REPLAY("who opens the pty is sent the last output first, each time", test_pty_replay),
                WITH_REPLAY("what was not read of a pty is not shown twice", test_pty_unread),
                WITH_REPLAY("a client that reads late loses no more than it must, and is told how much", test_late_reader),
                WITH_REPLAY("the replay reaches back behind a reboot", test_reboot_replay),
                WITH_REPLAY("with replay, a client that does not read costs nothing", test_deaf_client),
        };

        return cmocka_run_group_tests_name("console", tests, setup_group, teardown_group);
}
