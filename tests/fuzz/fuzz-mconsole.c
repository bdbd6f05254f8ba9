/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte of the input chooses what the rest is: a request, a reply's packets (each with its size before it), a
 * notification. */

#include "fuzz.h"
#include "mconsole.h"

static void fuzz_request(const uint8_t *data, size_t size) {
        char command[MCONSOLE_DATA_MAX], packet[MCONSOLE_PACKET_MAX], again[MCONSOLE_DATA_MAX];
        int n;

        if (mconsole_unpack_request(data, size, command) < 0)
                return;
        n = mconsole_pack_request(packet, command);
        MUST(n > 0);
        MUST(mconsole_unpack_request(packet, (size_t) n, again) == 0);
        MUST(streq(command, again));
}

static void fuzz_reply(const uint8_t *data, size_t size) {
        MconsoleReply reply = {};
        int r = 0;

        while (size > 1 && r == 0) {
                size_t n = MIN_OF((size_t) data[0] << 2, size - 1);

                r = mconsole_add_reply(&reply, data + 1, n);
                data += n + 1;
                size -= n + 1;
        }
        MUST(!reply.text || strlen(reply.text) == reply.size);
        MUST(reply.size <= MCONSOLE_REPLY_TEXT_MAX);
        mconsole_reply_done(&reply);
}

static void fuzz_notification(const uint8_t *data, size_t size) {
        char text[MCONSOLE_DATA_MAX + 1];
        MconsoleNotification kind;

        if (mconsole_unpack_notification(data, size, &kind, text) == 0)
                MUST(strlen(text) <= MCONSOLE_DATA_MAX && kind <= MCONSOLE_USER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        switch (data[0] % 3) {
        case 0:
                fuzz_request(data + 1, size - 1);
                break;
        case 1:
                fuzz_reply(data + 1, size - 1);
                break;
        default:
                fuzz_notification(data + 1, size - 1);
        }
        return 0;
}
