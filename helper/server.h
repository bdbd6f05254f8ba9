/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loop.h"

/* A listening unix socket: accepts clients up to a number, and as long as there are descriptors for more than clients. */
typedef struct Server {
        Loop *loop;
        Io io; /* fd negative: not open */
        const char *path;
        unsigned n_clients, max_clients, reserve;
        void (*function)(void *userdata, int fd); /* takes the client's descriptor, which does not block */
        void *userdata;
        Timer retry; /* while descriptors are short */
} Server;

/* Descriptors that clients leave for what matters more: those of consoles for who controls the guest, and all for the guest
 * itself (a stop asks the kernel by a socket, a reboot makes each line's anew). */
#define RESERVE_OF_CONSOLES 24
#define RESERVE_OF_CONTROL 16

/* Listens at a path relative to the current directory, which must fit into a socket address and the store, and is kept by
 * reference. What the store has of this name goes on to listen; otherwise what was there before is removed. type: SOCK_STREAM
 * or SOCK_SEQPACKET. Negative errno on failure. */
int server_open(Server *s, Loop *loop, int type, const char *path, unsigned max_clients, unsigned reserve,
                void (*function)(void *userdata, int fd), void *userdata);
void server_close(Server *s);

/* Counts a client that came another way. */
void server_add_client(Server *s);

/* To be called when a client has gone and its descriptor is closed. */
void server_client_gone(Server *s);
