/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <time.h>

#include "loop.h"
#include "util.h"

uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

int loop_open(Loop *loop) {
        *loop = (Loop) {.epoll = epoll_create1(EPOLL_CLOEXEC)};
        return loop->epoll < 0 ? negative_errno() : 0;
}

void loop_close(Loop *loop) {
        loop->epoll = safe_close(loop->epoll);
}

int loop_watch(Loop *loop, Io *io, uint32_t events) {
        struct epoll_event event = {.events = events, .data.ptr = io};
        int op = !events ? EPOLL_CTL_DEL : io->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

        if (events == io->events)
                return 0;
        if (epoll_ctl(loop->epoll, op, io->fd, &event) < 0)
                return negative_errno();
        io->events = events;
        return 0;
}

void loop_unwatch(Loop *loop, Io *io) {
        (void) loop_watch(loop, io, 0);
}

void loop_close_io(Loop *loop, Io *io) {
        if (io->fd < 0)
                return;
        loop_unwatch(loop, io);
        io->fd = safe_close(io->fd);
}

void loop_clear_timer(Loop *loop, Timer *timer) {
        for (Timer **p = &loop->timers; *p; p = &(*p)->next)
                if (*p == timer) {
                        *p = timer->next;
                        break;
                }
        timer->at = 0;
}

/* Kept in order of time; there are few. */
void loop_set_timer(Loop *loop, Timer *timer, uint64_t usec) {
        Timer **p;

        loop_clear_timer(loop, timer);
        timer->at = now_usec() + usec;
        for (p = &loop->timers; *p && (*p)->at <= timer->at; p = &(*p)->next)
                ;
        timer->next = *p;
        *p = timer;
}

/* For epoll_wait(): milliseconds to the first timer, rounded up; -1 if there is none. */
static int first_timeout(const Loop *loop) {
        uint64_t now = now_usec(), msec;

        if (!loop->timers)
                return -1;
        if (loop->timers->at <= now)
                return 0;
        msec = (loop->timers->at - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
        return (int) MIN_OF(msec, (uint64_t) INT_MAX);
}

static void run_timers(Loop *loop) {
        uint64_t now = now_usec();

        while (loop->timers && loop->timers->at <= now && !loop->done) {
                Timer *t = loop->timers;

                loop_clear_timer(loop, t);
                t->function(t->userdata);
        }
}

int loop_run(Loop *loop) {
        while (!loop->done) {
                struct epoll_event event;
                int n = epoll_wait(loop->epoll, &event, 1, first_timeout(loop));

                if (n < 0 && errno != EINTR)
                        return negative_errno();
                if (n > 0) {
                        Io *io = event.data.ptr;

                        io->function(io->userdata, event.events);
                }
                run_timers(loop);
        }
        return 0;
}
