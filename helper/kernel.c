/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One kernel process of a guest, from its start to its end. Its parent is a keeper (keeper.h), so that it need not end
 * with the helper. */

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "failure.h"
#include "keeper.h"
#include "kill.h"
#include "launch.h"
#include "life.h"
#include "notify.h"
#include "shares.h"
#include "store.h"
#include "umid.h"

#define KEEPER "keeper"         /* in the store */
#define RELEASE_TIMEOUT 7000    /* ms; the keeper takes up to five seconds to kill */

typedef struct Arguments {
        char **items;
        size_t n;
} Arguments;

static int PRINTF_LIKE(2, 3) add_argument(Arguments *a, const char *format, ...) {
        va_list ap;
        int n;

        if (grow(&a->items, a->n, sizeof(char *)) < 0)
                return -ENOMEM;
        va_start(ap, format);
        n = vasprintf(&a->items[a->n], format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        a->n++;
        return 0;
}

static void arguments_done(Arguments *a) {
        for (size_t i = 0; i < a->n; i++)
                free(a->items[i]);
        free(a->items);
}

/* Before the definition's arguments, so that those can override what is not refused there. Paths are relative: the current
 * directory is the guest's, and UML has 107 characters for a socket's path; hostfs= has no such bound. Lines that nobody wants
 * are null: UML's own defaults are an xterm and a BSD pty. */
static int make_arguments(Guest *g, const int *lines, Arguments *a) {
        const Options *o = g->options;
        int r;

        r = add_argument(a, "%s", o->guest_path);
        if (r >= 0)
                r = add_argument(a, "umid=%s", o->name);
        if (r >= 0)
                r = add_argument(a, "uml_dir=./" UMID_DIRECTORY "/");
        if (r >= 0)
                r = add_argument(a, "mconsole=notify:./" NOTIFY_SOCKET_NAME);
        if (r >= 0)
                r = add_argument(a, "con=null");
        if (r >= 0)
                r = add_argument(a, "ssl=null");
        for (size_t i = 0; r >= 0 && i < o->n_lines; i++)
                if (lines[i] >= 0)
                        r = add_argument(a, "%s=fd:%d", o->lines[i].name, lines[i]);
        if (r >= 0 && o->n_shares > 0)
                r = add_argument(a, "hostfs=%s/" SHARES_DIRECTORY, o->runtime_directory);
        for (char *const *p = o->arguments + 1; r >= 0 && *p; p++)
                r = add_argument(a, "%s", *p);
        if (r >= 0 && grow(&a->items, a->n, sizeof(char *)) < 0)
                r = -ENOMEM;
        if (r >= 0)
                a->items[a->n] = NULL;
        return r;
}

/* The socket to its keeper. */
static int launch_with(Guest *g, const int *lines, int early, pid_t *ret_kernel) {
        const Options *o = g->options;
        int keep[ELEMENTSOF(g->consoles)];
        Arguments a = {};
        size_t n = 0;
        int r;

        for (size_t i = 0; i < o->n_lines; i++)
                if (lines[i] >= 0)
                        keep[n++] = lines[i];
        r = make_arguments(g, lines, &a);
        if (r >= 0)
                r = launch_kernel(o->keeper_path, o->arguments[0], a.items, early, keep, n, ret_kernel);
        arguments_done(&a);
        return r;
}

/* Ends of sockets for each line, and stdout and stderr. */
static int connect_lines(Guest *g, int *lines, int *early) {
        int r = *early = console_connect(g->early);

        for (size_t i = 0; i < g->options->n_lines; i++) {
                lines[i] = r >= 0 && g->consoles[i] ? console_connect(g->consoles[i]) : -EBADF;
                if (g->consoles[i] && lines[i] < 0 && r >= 0)
                        r = lines[i];
        }
        return r;
}

static void forget_keeper(Guest *g) {
        store_remove(KEEPER);
        loop_close_io(&g->loop, &g->keeper);
}

/* The keeper was killed. What was below it has come to us, or, if we have not started it, to nobody. */
static void keeper_lost(Guest *g) {
        warn(g, "The keeper of the guest's kernel is gone; all of the guest's processes are killed");
        /* The number of a process that is not below us may be another's by now. */
        if (kill_children(g->taken_over ? 0 : g->kernel) < 0 || (g->taken_over && kill_group() < 0))
                warn(g, "Some of the guest's processes cannot be killed");
}

/* 1: it has told of the kernel's end; 0: it has nothing to say; -EPIPE: it is gone. The message stays. */
static int peek_end(const Guest *g, KeeperMessage *ret) {
        ssize_t n = recv(g->keeper.fd, ret, sizeof(*ret), MSG_DONTWAIT | MSG_PEEK);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n == sizeof(*ret) && ret->kind == KEEPER_ENDED)
                return 1;
        if (n <= 0)
                return -EPIPE;
        (void) recv(g->keeper.fd, ret, sizeof(*ret), MSG_DONTWAIT); /* of a newer keeper */
        return 0;
}

static void on_keeper(void *userdata, uint32_t events) {
        KeeperMessage message = {};
        Guest *g = userdata;
        int r = peek_end(g, &message);

        if (r == 0)
                return;
        if (r < 0)
                keeper_lost(g);
        else if (message.rest)
                warn(g, "Some of the guest's processes cannot be killed");
        g->has_ended = true;
        g->wait_status = r < 0 ? KERNEL_STATUS_UNKNOWN : message.value;
        state_save(g); /* from now on it is known by this, and not by the keeper */
        forget_keeper(g);
        guest_kernel_ended(g, g->wait_status);
}

static int watch_keeper(Guest *g, int fd) {
        g->keeper = (Io) {.fd = fd, .function = on_keeper, .userdata = g};
        return loop_watch(&g->loop, &g->keeper, EPOLLIN);
}

int kernel_launch(Guest *g) {
        int lines[ELEMENTSOF(g->consoles)], early, r;
        pid_t kernel = 0;

        (void) umid_clear(UMID_DIRECTORY, g->options->name); /* if it could not, UML boots elsewhere, which is told then */
        journal_event(g->journal, PRIORITY_INFO, EVENT_STARTING, "", "The kernel %s is started", g->options->arguments[0]);
        r = connect_lines(g, lines, &early);
        if (r >= 0)
                r = launch_with(g, lines, early, &kernel);
        for (size_t i = 0; i < g->options->n_lines; i++)
                safe_close(lines[i]);
        safe_close(early);
        if (r >= 0) {
                store_add(KEEPER, r);
                r = watch_keeper(g, r);
        }
        if (r < 0) {
                failure(g->journal, "The kernel %s cannot be started: %s", g->options->arguments[0], strerror(-r));
                return r;
        }
        g->kernel = kernel;
        g->taken_over = false;
        return 0;
}

int kernel_resume(Guest *g) {
        int fd = store_take(KEEPER);

        return fd < 0 ? fd : watch_keeper(g, fd);
}

void kernel_signal(Guest *g, int signal) {
        unsigned char byte = (unsigned char) signal;

        if (g->keeper.fd >= 0)
                (void) send(g->keeper.fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* a keeper that is gone is noticed */
}

void kernel_release(Guest *g) {
        KeeperMessage message;
        struct pollfd p = {.fd = g->keeper.fd, .events = POLLIN};

        if (g->keeper.fd < 0)
                return;
        kernel_signal(g, SIGKILL);
        if (poll(&p, 1, RELEASE_TIMEOUT) <= 0 || peek_end(g, &message) <= 0)
                keeper_lost(g);
        forget_keeper(g);
        (void) umid_clear(UMID_DIRECTORY, g->options->name);
}
