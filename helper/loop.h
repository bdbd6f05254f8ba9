/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* The helper's event loop: descriptors and timers, one thread. One event is fetched at a time, so a callback may free
 * whatever it likes, other sources included.
 *
 * Why not sd-event: one helper runs per guest, and loading libsystemd costs each 1.4 MB of resident memory (2.8 MB
 * instead of 1.4 MB, measured with 252). Besides, its journal client blocks when journald hangs, and then the guest would
 * hang too. */

typedef struct Loop Loop;

/* A descriptor to be watched. The owner keeps the struct until loop_unwatch(). */
typedef struct Io {
        int fd;
        void (*function)(void *userdata, uint32_t events);
        void *userdata;
        uint32_t events; /* as watched now; 0: not at all */
} Io;

typedef struct Timer {
        void (*function)(void *userdata);
        void *userdata;
        uint64_t at; /* CLOCK_MONOTONIC, microseconds; 0: not set */
        struct Timer *next;
} Timer;

struct Loop {
        int epoll;
        Timer *timers;
        bool done;
};

int loop_open(Loop *loop);
void loop_close(Loop *loop);

/* Watches io->fd for events (EPOLLIN, EPOLLOUT), instead of what was watched before; 0 ends it. Negative errno. */
int loop_watch(Loop *loop, Io *io, uint32_t events);
void loop_unwatch(Loop *loop, Io *io);

/* Ends the watch and closes the descriptor, if there is one. */
void loop_close_io(Loop *loop, Io *io);

/* Calls the function once, in so many microseconds; a timer that is set already is set anew. */
void loop_set_timer(Loop *loop, Timer *timer, uint64_t usec);
void loop_clear_timer(Loop *loop, Timer *timer);

/* Runs until loop->done. Negative errno if epoll fails. */
int loop_run(Loop *loop);

uint64_t now_usec(void); /* CLOCK_MONOTONIC */
