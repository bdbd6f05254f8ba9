/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "mconsole.h"

static size_t reply_packet(char *packet, uint32_t err, uint32_t more, uint32_t length, const char *data, size_t size) {
        const uint32_t head[] = {err, more, length};

        memcpy(packet, head, sizeof(head));
        memcpy(packet + sizeof(head), data, size);
        return sizeof(head) + size;
}

static void test_request(void **state) {
        char packet[MCONSOLE_PACKET_MAX], command[MCONSOLE_DATA_MAX], longest[MCONSOLE_COMMAND_MAX + 2];
        static const unsigned char want[] = {0xbe, 0xba, 0xfe, 0xca, 2, 0, 0, 0, 7, 0, 0, 0, 'v', 'e', 'r', 's', 'i', 'o', 'n'};

        assert_int_equal(mconsole_pack_request(packet, "version"), sizeof(want));
        if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
                assert_memory_equal(packet, want, sizeof(want));
        assert_int_equal(mconsole_unpack_request(packet, sizeof(want), command), 0);
        assert_string_equal(command, "version");

        memset(longest, 'x', sizeof(longest));
        longest[MCONSOLE_COMMAND_MAX] = 0;
        assert_int_equal(mconsole_pack_request(packet, longest), 12 + 511);
        assert_int_equal(mconsole_unpack_request(packet, 12 + 511, command), 0);
        longest[MCONSOLE_COMMAND_MAX] = 'x';
        longest[MCONSOLE_COMMAND_MAX + 1] = 0;
        assert_int_equal(mconsole_pack_request(packet, longest), -E2BIG);
}

static void test_bad_request(void **state) {
        char packet[MCONSOLE_PACKET_MAX], command[MCONSOLE_DATA_MAX];
        int n = mconsole_pack_request(packet, "halt");

        assert_int_equal(mconsole_unpack_request(packet, 11, command), -EBADMSG);
        assert_int_equal(mconsole_unpack_request(packet, (size_t) n - 1, command), -EBADMSG);
        packet[13] = 0;
        assert_int_equal(mconsole_unpack_request(packet, (size_t) n, command), -EBADMSG);
        packet[4] = 3;
        assert_int_equal(mconsole_unpack_request(packet, (size_t) n, command), -EBADMSG);
}

static void test_reply(void **state) {
        char packet[MCONSOLE_PACKET_MAX], text[1200];
        MconsoleReply reply = {};
        size_t done = 0, taken;
        int r = 0;

        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = 0;
        while (r == 0) {
                int n = mconsole_pack_reply(packet, false, text + done, &taken);

                done += taken;
                r = mconsole_add_reply(&reply, packet, (size_t) n);
        }
        assert_int_equal(r, 1);
        assert_false(reply.failed);
        assert_string_equal(reply.text, text);
        mconsole_reply_done(&reply);
}

static void test_error_reply(void **state) {
        char packet[MCONSOLE_PACKET_MAX];
        MconsoleReply reply = {};

        assert_int_equal(mconsole_add_reply(&reply, packet, reply_packet(packet, (uint32_t) -22, 0, 3, "no", 3)), 1);
        assert_true(reply.failed);
        assert_string_equal(reply.text, "no");
        mconsole_reply_done(&reply);
}

static void test_bad_reply(void **state) {
        char packet[MCONSOLE_PACKET_MAX];
        static const char zeros[MCONSOLE_DATA_MAX] = {};
        MconsoleReply reply = {};
        size_t n = 0;
        int r;

        assert_int_equal(mconsole_add_reply(&reply, "ERR", 3), -EBADMSG);
        assert_int_equal(mconsole_add_reply(&reply, packet, reply_packet(packet, 0, 0, 5, "no", 3)), -EBADMSG);
        assert_int_equal(mconsole_add_reply(&reply, packet, reply_packet(packet, 0, 0, UINT32_MAX, "no", 3)), -EBADMSG);
        assert_int_equal(mconsole_add_reply(&reply, packet, reply_packet(packet, 0, 1, 512, zeros, 512)), 0);
        assert_int_equal(reply.size, 0);

        memset(packet, 'a', sizeof(packet));
        do {
                char full[MCONSOLE_DATA_MAX];

                memset(full, 'a', sizeof(full));
                r = mconsole_add_reply(&reply, packet, reply_packet(packet, 0, 1, sizeof(full), full, sizeof(full)));
                n += sizeof(full);
        } while (r == 0);
        assert_int_equal(r, -E2BIG);
        assert_true(n <= MCONSOLE_REPLY_TEXT_MAX + sizeof(packet));
        mconsole_reply_done(&reply);
}

static void test_notification(void **state) {
        const uint32_t head[] = {0xcafebabe, 2, 1, 6};
        char packet[MCONSOLE_PACKET_MAX], text[MCONSOLE_DATA_MAX + 1];
        MconsoleNotification kind;

        memcpy(packet, head, sizeof(head));
        memcpy(packet + sizeof(head), "panic", 6);
        assert_int_equal(mconsole_unpack_notification(packet, 22, &kind, text), 0);
        assert_int_equal(kind, MCONSOLE_PANIC);
        assert_string_equal(text, "panic");
        assert_int_equal(mconsole_unpack_notification(packet, 21, &kind, text), -EBADMSG);
        packet[8] = 4;
        assert_int_equal(mconsole_unpack_notification(packet, 22, &kind, text), -EBADMSG);
        assert_int_equal(mconsole_unpack_notification(packet, 15, &kind, text), -EBADMSG);
}

/* As uml_watchdog of Debian 12 sent it. */
static void test_watchdog(void **state) {
        const uint32_t packet[] = {0xcafebabe, 0, 2, 2, 0, 0x7fff};
        char text[MCONSOLE_DATA_MAX + 1];
        MconsoleNotification kind;

        assert_int_equal(mconsole_unpack_notification(packet, sizeof(packet), &kind, text), 0);
        assert_int_equal(kind, MCONSOLE_HANG);
        assert_string_equal(text, "");
        assert_int_equal(mconsole_unpack_notification(packet, sizeof(packet) - 4, &kind, text), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a request has the kernel's format, and at most 511 bytes", test_request),
                TEST("a request that is none is refused", test_bad_request),
                TEST("a long reply is put together from its packets", test_reply),
                TEST("a negative errno is an error", test_error_reply),
                TEST("a reply that lies about its size, or has no end, is refused", test_bad_reply),
                TEST("a notification is told from garbage", test_notification),
                TEST("the watchdog's notification is understood, though its format is another", test_watchdog),
        };

        return cmocka_run_group_tests_name("mconsole", tests, NULL, NULL);
}
