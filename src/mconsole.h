/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UML's management console: datagrams over a unix socket, in the host's byte order (arch/um/drivers/mconsole.h). Packing
 * and unpacking only; who sends and waits is elsewhere (helper/monitor.c).
 *
 * What comes in is the guest's kernel's, so it is checked as foreign data. */

#define MCONSOLE_DATA_MAX 512
#define MCONSOLE_COMMAND_MAX 511 /* bytes; the kernel refuses 512: `Request too large` */
#define MCONSOLE_REQUEST_HEADER 12
#define MCONSOLE_REPLY_HEADER 12
#define MCONSOLE_NOTIFY_HEADER 16
#define MCONSOLE_PACKET_MAX (MCONSOLE_NOTIFY_HEADER + MCONSOLE_DATA_MAX)
#define MCONSOLE_REPLY_TEXT_MAX (256U * 1024U) /* our bound on a reply that comes in many packets */

typedef enum MconsoleNotification {
        MCONSOLE_SOCKET = 0, /* the socket is there, and answers; text: its path */
        MCONSOLE_PANIC = 1,  /* text: the panic's message */
        MCONSOLE_HANG = 2,   /* from uml_watchdog; the text is garbage */
        MCONSOLE_USER = 3,   /* what somebody in the guest wrote to /proc/mconsole */
} MconsoleNotification;

/* A request's packet in buffer, of MCONSOLE_PACKET_MAX bytes. Returns its size, or -E2BIG. */
int mconsole_pack_request(char *buffer, const char *command);

/* The command of a request's packet, in command, of MCONSOLE_DATA_MAX bytes; without a line break at the end. -EBADMSG if
 * the packet is none, or its command contains a NUL. */
int mconsole_unpack_request(const void *packet, size_t size, char *command);

/* A reply's packet in buffer, of MCONSOLE_PACKET_MAX bytes; takes up to 511 bytes of the text, and says in ret_taken how
 * many. Returns the packet's size. */
int mconsole_pack_reply(char *buffer, bool failed, const char *text, size_t *ret_taken);

/* A reply under construction. All zero to begin with. */
typedef struct MconsoleReply {
        bool failed;
        char *text; /* NUL-terminated; NULL as long as there is none */
        size_t size;
} MconsoleReply;

/* Adds a packet. Returns 1 when it was the last, 0 when more follow, -EBADMSG for what is no reply, -E2BIG above
 * MCONSOLE_REPLY_TEXT_MAX, -ENOMEM. */
int mconsole_add_reply(MconsoleReply *reply, const void *packet, size_t size);
void mconsole_reply_done(MconsoleReply *reply);

/* A notification's kind and text, in text, of MCONSOLE_DATA_MAX + 1 bytes. -EBADMSG if the packet is none. */
int mconsole_unpack_notification(const void *packet, size_t size, MconsoleNotification *ret_kind, char *text);
