/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mconsole.h"
#include "util.h"

#define MAGIC UINT32_C(0xcafebabe)
#define VERSION UINT32_C(2)

static void put_u32(char *p, uint32_t value) {
        memcpy(p, &value, sizeof(value));
}

static uint32_t get_u32(const char *p) {
        uint32_t value;

        memcpy(&value, p, sizeof(value));
        return value;
}

int mconsole_pack_request(char *buffer, const char *command) {
        size_t n = strlen(command);

        if (n > MCONSOLE_COMMAND_MAX)
                return -E2BIG;

        put_u32(buffer, MAGIC);
        put_u32(buffer + 4, VERSION);
        put_u32(buffer + 8, (uint32_t) n);
        memcpy(buffer + MCONSOLE_REQUEST_HEADER, command, n);
        return (int) (MCONSOLE_REQUEST_HEADER + n);
}

int mconsole_unpack_request(const void *packet, size_t size, char *command) {
        const char *p = packet;
        size_t n;

        if (size < MCONSOLE_REQUEST_HEADER || get_u32(p) != MAGIC || get_u32(p + 4) != VERSION)
                return -EBADMSG;
        n = get_u32(p + 8);
        if (n > MCONSOLE_COMMAND_MAX || n > size - MCONSOLE_REQUEST_HEADER)
                return -EBADMSG;

        memcpy(command, p + MCONSOLE_REQUEST_HEADER, n);
        while (n > 0 && (command[n - 1] == 0 || command[n - 1] == '\n'))
                n--;
        command[n] = 0;
        return strlen(command) == n ? 0 : -EBADMSG;
}

int mconsole_pack_reply(char *buffer, bool failed, const char *text, size_t *ret_taken) {
        size_t length = strlen(text), n = MIN_OF(length, (size_t) MCONSOLE_DATA_MAX - 1);

        put_u32(buffer, failed);
        put_u32(buffer + 4, n < length);
        put_u32(buffer + 8, (uint32_t) n + 1); /* counts the NUL */
        memcpy(buffer + MCONSOLE_REPLY_HEADER, text, n);
        buffer[MCONSOLE_REPLY_HEADER + n] = 0;
        *ret_taken = n;
        return (int) (MCONSOLE_REPLY_HEADER + n + 1);
}

int mconsole_add_reply(MconsoleReply *reply, const void *packet, size_t size) {
        const char *p = packet;
        size_t n;
        char *text;

        if (size < MCONSOLE_REPLY_HEADER)
                return -EBADMSG;
        n = get_u32(p + 8);
        if (n > size - MCONSOLE_REPLY_HEADER)
                return -EBADMSG;
        n = strnlen(p + MCONSOLE_REPLY_HEADER, n); /* the length counts a NUL, and what follows one is stray */
        if (reply->size + n > MCONSOLE_REPLY_TEXT_MAX)
                return -E2BIG;

        text = realloc(reply->text, reply->size + n + 1);
        if (!text)
                return -ENOMEM;
        memcpy(text + reply->size, p + MCONSOLE_REPLY_HEADER, n);
        reply->text = text;
        reply->size += n;
        reply->text[reply->size] = 0;

        /* An errno or 1, in the first packet only; and `config` and `remove` give it negative. */
        if (get_u32(p) != 0)
                reply->failed = true;
        return get_u32(p + 4) == 0;
}

void mconsole_reply_done(MconsoleReply *reply) {
        free(reply->text);
        *reply = (MconsoleReply) {};
}

/* uml_watchdog (uml-utilities 20070815) has a magic number of type long: on 64 bits its packet is that, with zeros up to 8
 * bytes, then version, kind and length, and what its stack held. */
static bool is_of_watchdog(const char *p, size_t size) {
        return size == sizeof(uint64_t) + 4 * sizeof(uint32_t) && get_u32(p) == MAGIC && get_u32(p + 4) == 0 && get_u32(p + 8) == VERSION &&
               get_u32(p + 12) == MCONSOLE_HANG;
}

int mconsole_unpack_notification(const void *packet, size_t size, MconsoleNotification *ret_kind, char *text) {
        const char *p = packet;
        size_t n;
        uint32_t kind;

        if (is_of_watchdog(p, size)) {
                *text = 0;
                *ret_kind = MCONSOLE_HANG;
                return 0;
        }
        if (size < MCONSOLE_NOTIFY_HEADER || get_u32(p) != MAGIC || get_u32(p + 4) != VERSION)
                return -EBADMSG;
        kind = get_u32(p + 8);
        n = get_u32(p + 12);
        if (kind > MCONSOLE_USER || n > MCONSOLE_DATA_MAX || n > size - MCONSOLE_NOTIFY_HEADER)
                return -EBADMSG;

        memcpy(text, p + MCONSOLE_NOTIFY_HEADER, n);
        text[n] = 0;
        *ret_kind = (MconsoleNotification) kind;
        return 0;
}
