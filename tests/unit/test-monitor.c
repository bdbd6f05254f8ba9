/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "monitor.h"

/* The guest's side is a mock: a datagram socket that answers what a kernel would not. The real kernel is asked in
 * tests/system. */

static Loop loop;
static Monitor *monitor;
static Io mock;
static char log_text[256];
static unsigned to_come;

static void note(const char *what, int number, const char *text) {
        size_t n = strlen(log_text);

        (void) snprintf(log_text + n, sizeof(log_text) - n, "%s%d %s;", what, number, text);
}

static void on_reply(void *userdata, int result, const MconsoleReply *reply) {
        note("", result, reply->text ?: "-");
        loop.done = --to_come == 0;
}

static void on_notification(void *userdata, MconsoleNotification kind, const char *text) {
        note("notified ", (int) kind, text);
        loop.done = --to_come == 0;
}

static void answer(const struct sockaddr_un *to, socklen_t to_size, bool failed, bool more, const char *text) {
        char packet[MCONSOLE_PACKET_MAX];
        size_t taken;
        int n = mconsole_pack_reply(packet, failed, text, &taken);

        packet[4] = more;
        assert_int_equal(sendto(mock.fd, packet, (size_t) n, 0, (const struct sockaddr *) to, to_size), n);
}

/* Does what the command says. */
static void on_request(void *userdata, uint32_t events) {
        char packet[MCONSOLE_PACKET_MAX], command[MCONSOLE_DATA_MAX];
        static struct sockaddr_un late;
        static socklen_t late_size;
        struct sockaddr_un from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(mock.fd, packet, sizeof(packet), 0, (struct sockaddr *) &from, &size);

        assert_true(n > 0);
        assert_int_equal(mconsole_unpack_request(packet, (size_t) n, command), 0);
        if (streq(command, "silence")) {
                late = from;
                late_size = size;
        } else if (streq(command, "long")) {
                answer(&from, size, false, true, "one, ");
                answer(&from, size, false, false, "two");
        } else if (streq(command, "no"))
                answer(&from, size, true, false, "not so");
        else if (streq(command, "garbage"))
                assert_int_equal(sendto(mock.fd, "ERR", 3, 0, (struct sockaddr *) &from, size), 3);
        else if (streq(command, "after")) {
                /* The answer to the request that has timed out comes now; who asked it is not there any more. */
                assert_int_equal(sendto(mock.fd, "late", 4, 0, (struct sockaddr *) &late, late_size), -1);
                answer(&from, size, false, false, "mine");
        } else
                answer(&from, size, false, false, command);
}

static int setup(void **state) {
        const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "mconsole"};
        static char directory[] = "/tmp/test-monitor-XXXXXX";

        assert_true(mkdtemp(directory) || chdir(directory) == 0);
        assert_int_equal(chdir(directory), 0);
        assert_int_equal(loop_open(&loop), 0);
        mock.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        mock.function = on_request;
        assert_int_equal(bind(mock.fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(loop_watch(&loop, &mock, EPOLLIN), 0);
        assert_int_equal(monitor_new(&monitor, &loop, "./mconsole", "notify", on_notification, NULL), 0);
        log_text[0] = 0;
        return 0;
}

static int teardown(void **state) {
        monitor_free(monitor);
        loop_unwatch(&loop, &mock);
        mock.fd = safe_close(mock.fd);
        loop_close(&loop);
        assert_int_equal(unlink("mconsole"), 0);
        assert_int_equal(unlink("notify"), 0);
        return 0;
}

static void ask(const char *command, uint64_t timeout) {
        to_come++;
        assert_int_equal(monitor_request(monitor, command, timeout, on_reply, NULL), 0);
}

static void test_order(void **state) {
        char want[64];

        ask("first", USEC_PER_SEC);
        ask("long", USEC_PER_SEC);
        ask("no", USEC_PER_SEC);
        ask("last", USEC_PER_SEC);
        assert_int_equal(loop_run(&loop), 0);
        (void) snprintf(want, sizeof(want), "0 first;0 one, two;%d not so;0 last;", -EREMOTEIO);
        assert_string_equal(log_text, want);
}

static void test_timeout(void **state) {
        char want[64];

        ask("silence", 20000);
        ask("after", USEC_PER_SEC);
        assert_int_equal(loop_run(&loop), 0);
        (void) snprintf(want, sizeof(want), "%d -;0 mine;", -ETIMEDOUT);
        assert_string_equal(log_text, want);
}

static void test_garbage(void **state) {
        char want[64];

        ask("garbage", USEC_PER_SEC);
        ask("next", USEC_PER_SEC);
        assert_int_equal(loop_run(&loop), 0);
        (void) snprintf(want, sizeof(want), "%d -;0 next;", -EBADMSG);
        assert_string_equal(log_text, want);
}

static void test_absent(void **state) {
        char want[64];

        assert_int_equal(rename("mconsole", "elsewhere"), 0);
        ask("version", USEC_PER_SEC);
        assert_int_equal(loop_run(&loop), 0);
        assert_int_equal(rename("elsewhere", "mconsole"), 0);
        (void) snprintf(want, sizeof(want), "%d -;", -ENOTCONN);
        assert_string_equal(log_text, want);
}

static void test_disconnect(void **state) {
        char want[64];

        ask("silence", USEC_PER_SEC);
        ask("never sent", USEC_PER_SEC);
        monitor_disconnect(monitor);
        (void) snprintf(want, sizeof(want), "%d -;%d -;", -ENOTCONN, -ENOTCONN);
        assert_string_equal(log_text, want);
        assert_int_equal(to_come, 0);
        loop.done = false;
        ask("again", USEC_PER_SEC);
        assert_int_equal(loop_run(&loop), 0);
        assert_non_null(strstr(log_text, "0 again;"));
}

static void test_notification(void **state) {
        const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "notify"};
        const uint32_t head[] = {0xcafebabe, 2, 1, 6};
        char packet[22];

        memcpy(packet, head, sizeof(head));
        memcpy(packet + sizeof(head), "oh no", 6);
        assert_int_equal(sendto(mock.fd, "garbage", 7, 0, (const struct sockaddr *) &address, sizeof(address)), 7);
        assert_int_equal(sendto(mock.fd, packet, sizeof(packet), 0, (const struct sockaddr *) &address, sizeof(address)), sizeof(packet));
        to_come = 1;
        assert_int_equal(loop_run(&loop), 0);
        assert_string_equal(log_text, "notified 1 oh no;");
}

#define MONITOR_TEST(sentence, function) {sentence, function, setup, teardown, NULL}

int main(void) {
        const struct CMUnitTest tests[] = {
                MONITOR_TEST("requests are answered in order, whole, with the guest's refusals", test_order),
                MONITOR_TEST("a guest that does not answer costs its time, and its late answer is nobody's", test_timeout),
                MONITOR_TEST("garbage is an error of its own request", test_garbage),
                MONITOR_TEST("a mconsole that is not there is an error at once", test_absent),
                MONITOR_TEST("when the kernel ends, every request ends", test_disconnect),
                MONITOR_TEST("notifications are told, garbage is not", test_notification),
        };

        return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
