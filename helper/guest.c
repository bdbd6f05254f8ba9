/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A guest's life:
 *
 *            launch()                on_version()
 *     (start) -----> PHASE_BOOTING -----> PHASE_RUNNING
 *                        ^  |  stop()          |  |
 *      on_reboot,        |  +-----------+------+  |
 *      on_poweroff:      |              v         | the kernel ends
 *      restart           |       PHASE_STOPPING   |
 *                        |     (the ladder below) |
 *                        |              |         |
 *                        |              v         v
 *                        +----------- kernel_ended() ----> (exit status)
 *
 * Everything happens in callbacks of the loop; whatever takes time in the guest has a bound. */

#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "disks.h"
#include "exhaustion.h"
#include "failure.h"
#include "guest.h"
#include "helper.h"
#include "launch.h"
#include "life.h"
#include "notify.h"
#include "preflight.h"
#include "shares.h"
#include "umid.h"

#define RELAYED_TIMEOUT (30 * USEC_PER_SEC) /* of what clients of `control` ask */
#define RELOAD_TIMEOUT (300 * USEC_PER_SEC) /* in which a guest that took ctrl-alt-del has rebooted */

/* Below the runtime directory. UML makes the second of its own: UMID_DIRECTORY/NAME; in a directory apart, because a guest
 * may be called "control". */
#define UMID_DIRECTORY "umid"
#define NOTIFY_SOCKET_NAME "notify"
#define CONTROL_SOCKET_NAME "control"

void guest_finish(Guest *g, int status) {
        g->status = status;
        g->loop.done = true;
}

void guest_ask(Guest *g, const char *command, MonitorReply function) {
        static const MconsoleReply none;
        int r = monitor_request(g->monitor, command, REQUEST_TIMEOUT, function, g);

        if (r < 0)
                function(g, r, &none);
}

/* Foreign text for a message or a status: one line of visible characters. */
static void make_visible(char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || (unsigned char) *s >= 0x7f)
                        *s = '?';
}

/* The last line that anybody knows; what the kernel last printed is the best reason there is. */
const char *guest_last_words(const Guest *g) {
        const char *last = "";

        for (size_t i = 0; i < g->options->n_lines && !*last; i++)
                if (g->consoles[i])
                        last = console_last_line(g->consoles[i]);
        return *last ? last : console_last_line(g->early); /* it did not come so far */
}

/* Reload, and whatever else is asked through `control` */

static void refuse_reload(Guest *g, ControlClient *client, const char *reason) {
        char text[256];

        (void) snprintf(text, sizeof(text), "The guest cannot be asked to reboot: %s", reason);
        warn(g, "%s", text);
        control_reply(client, true, text);
}

static void on_reload_cad(Guest *g, int result, const char *reason) {
        ControlClient *client = TAKE_PTR(g->reload);

        if (result < 0) {
                refuse_reload(g, client, reason ?: request_failure(result));
                return;
        }
        g->reboot_wanted = true;
        loop_set_timer(&g->loop, &g->reload_timer, RELOAD_TIMEOUT);
        info(g, "The guest was asked to reboot (ctrl-alt-del)");
        notify("STATUS=Rebooting: the guest was asked to (Linux %s)", g->release);
        control_reply(client, false, "");
}

static void on_reload_timer(void *userdata) {
        Guest *g = userdata;

        g->reboot_wanted = false;
        warn(g, "The guest was asked to reboot %d s ago, and has not", (int) (RELOAD_TIMEOUT / USEC_PER_SEC));
        notify("STATUS=Running: Linux %s", g->release);
}

static void on_relayed(void *userdata, int result, const MconsoleReply *reply) {
        control_reply(userdata, result < 0, result < 0 && result != -EREMOTEIO ? request_failure(result) : reply->text ?: "");
}

static void on_control(void *userdata, ControlClient *client, const char *command) {
        bool reload = streq(command, "cad");
        Guest *g = userdata;
        int r;

        if (reload && (g->phase == PHASE_STOPPING || g->cad_answer))
                refuse_reload(g, client, g->cad_answer ? "it is being asked already" : "it is being stopped");
        else if (reload) {
                g->reload = client;
                guest_ask_cad(g, on_reload_cad);
        } else if (g->phase == PHASE_STOPPING)
                control_reply(client, true, "the guest is being stopped");
        else {
                r = monitor_request(g->monitor, command, RELAYED_TIMEOUT, on_relayed, client);
                if (r < 0)
                        control_reply(client, true, strerror(-r));
        }
}

/* Up */

static void on_version(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (result == -ETIMEDOUT) { /* slow; how long is too long is --ready-timeout='s to say */
                guest_ask(g, "version", on_version);
                return;
        }
        if (result < 0)
                return; /* the kernel has gone, or will be noticed to hang */

        /* Linux NAME RELEASE … */
        (void) sscanf(reply->text ?: "", "%*s %*s %63s", g->release);
        make_visible(g->release);
        if (g->phase == PHASE_STOPPING)
                return;
        g->phase = PHASE_RUNNING;
        info(g, "The guest is up: Linux %s", g->release);
        ready_check(g);
}

/* A minute after the guest last served its watchdog. */
static void on_hang(Guest *g) {
        static const char *const done[_WATCHDOG_ACTION_MAX] = {
                [WATCHDOG_NONE] = "",
                [WATCHDOG_RESET] = "; it is reset",
                [WATCHDOG_SHUTDOWN] = "; it is stopped",
                [WATCHDOG_POWEROFF] = "; it is powered off",
        };
        WatchdogAction action = g->kernel <= 0 || g->phase == PHASE_STOPPING ? WATCHDOG_NONE : g->options->watchdog;

        warn(g, "The guest's watchdog was not served: it hangs, or its daemon does%s", done[action]);
        if (action == WATCHDOG_SHUTDOWN)
                guest_stop(g);
        else if (action != WATCHDOG_NONE) {
                g->hung = true;
                (void) kill(-g->kernel, SIGKILL); /* its end is seen, and all that is left of it killed, as with any other */
        }
}

static void on_notification(void *userdata, MconsoleNotification kind, const char *text) {
        Guest *g = userdata;

        switch (kind) {
        case MCONSOLE_SOCKET:
                /* UML takes a random umid if it cannot have ours, and says so nowhere else. */
                if (!streq(text, g->socket)) {
                        failure(g->journal, "The guest's mconsole is not at %s: UML could not have this directory", g->socket);
                        guest_finish(g, STATUS_UNAVAILABLE);
                        break;
                }
                /* One is enough: a hostile kernel could send them for ever. And a kernel that is terminated has no file
                 * system mounted, or it would have been up before. */
                if (g->up || g->rung >= RUNG_TERM)
                        break;
                g->up = true;
                guest_ask(g, "version", on_version);
                break;
        case MCONSOLE_PANIC:
                if (g->panic[0])
                        break;
                (void) snprintf(g->panic, sizeof(g->panic), "%s", text);
                make_visible(g->panic);
                failure(g->journal, "Kernel panic in the guest: %s", g->panic);
                break;
        case MCONSOLE_HANG:
                on_hang(g);
                break;
        case MCONSOLE_USER:
                ready_on_message(g, text);
                debug(g, "The guest wrote %zu bytes to /proc/mconsole", strlen(text));
                break;
        }
}

/* Start */

/* A crashed kernel leaves its directory, and the next one would not take it. */
static void remove_umid_directory(const Guest *g) {
        (void) umid_clear(UMID_DIRECTORY, g->options->name); /* if it could not, UML boots elsewhere, which is told then */
}

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

static int launch_with(Guest *g, const int *lines, int early) {
        int keep[ELEMENTSOF(g->consoles)];
        Arguments a = {};
        size_t n = 0;
        int r;

        for (size_t i = 0; i < g->options->n_lines; i++)
                if (lines[i] >= 0)
                        keep[n++] = lines[i];
        r = make_arguments(g, lines, &a);
        if (r >= 0)
                r = launch_kernel(g->options->arguments[0], a.items, early, keep, n);
        arguments_done(&a);
        return r;
}

/* Starts a kernel, the first or the next. */
static int launch(Guest *g) {
        int lines[ELEMENTSOF(g->consoles)], early, r = 0;
        size_t n = g->options->n_lines;

        remove_umid_directory(g);
        g->phase = PHASE_BOOTING;
        g->up = g->reboot_wanted = g->hung = false;
        loop_clear_timer(&g->loop, &g->reload_timer);
        g->panic[0] = 0;

        early = console_connect(g->early);
        if (early < 0)
                r = early;
        for (size_t i = 0; i < n; i++) {
                lines[i] = r >= 0 && g->consoles[i] ? console_connect(g->consoles[i]) : -EBADF;
                if (g->consoles[i] && lines[i] < 0 && r >= 0)
                        r = lines[i];
        }
        if (r >= 0)
                r = launch_with(g, lines, early);
        for (size_t i = 0; i < n; i++)
                safe_close(lines[i]);
        safe_close(early);
        if (r < 0) {
                failure(g->journal, "The kernel %s cannot be started: %s", g->options->arguments[0], strerror(-r));
                return r;
        }
        g->kernel = r;
        notify("STATUS=Booting");
        return 0;
}

/* End */

typedef enum Outcome {
        OUTCOME_NO_START, /* it was no UML kernel, or could not go on */
        OUTCOME_POWEROFF,
        OUTCOME_REBOOT,
        OUTCOME_CRASH,
} Outcome;

/* A kernel may fall over its own feet in the last step (6.1 does now and then: "Segfault with no mm"), when init has done all
 * that it wanted and called reboot(2), and the kernel has removed its mconsole socket and said what it does. Or in the halt
 * that we asked for when everything was read-only. That is no crash. What it said decides about nothing that is not the
 * guest's to decide. */
static Outcome classify_last_step(const Guest *g, bool has_socket) {
        const char *said = "";

        if (g->rung == RUNG_HALT && g->settled)
                return OUTCOME_POWEROFF;
        for (size_t i = 0; i < g->options->n_lines && !*said; i++)
                if (g->consoles[i])
                        said = console_reboot_line(g->consoles[i]);
        if (has_socket || !*said)
                return OUTCOME_CRASH;
        return strstr(said, "Restarting") ? OUTCOME_REBOOT : OUTCOME_POWEROFF;
}

static Outcome classify(const Guest *g, int wait_status, bool has_socket) {
        if (g->hung)
                return g->options->watchdog == WATCHDOG_RESET ? OUTCOME_REBOOT : OUTCOME_POWEROFF;
        if (!g->up)
                return OUTCOME_NO_START;
        if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGABRT)
                return classify_last_step(g, has_socket);
        if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
                return OUTCOME_POWEROFF;
        if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == STATUS_REBOOT)
                return OUTCOME_REBOOT;
        return OUTCOME_CRASH;
}

/* Says why, if the panic itself has not. */
static void report_crash(Guest *g, int wait_status) {
        const char *last = guest_last_words(g);

        exhaustion_explain(g->options, g->journal, g->panic);
        if (g->panic[0])
                return;
        if (WIFSIGNALED(wait_status))
                failure(g->journal, "The guest's kernel was ended by signal %d (%s)%s%s", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)),
                        *last ? "; it last said: " : "", last);
        else
                failure(g->journal, "The guest's kernel ended with status %d%s%s%s", WEXITSTATUS(wait_status), g->up ? "" : ", before it was up",
                        *last ? "; it last said: " : "", last);
}

/* The end of a guest that was told to stop. */
static int stopped(Guest *g, Outcome outcome, int wait_status) {
        if (g->rung >= RUNG_TERM && g->up) {
                failure(g->journal, "The guest did not stop and was killed; its file systems may be unclean");
                return STATUS_KILLED;
        }
        if (outcome == OUTCOME_CRASH && g->rung < RUNG_TERM) {
                report_crash(g, wait_status);
                return STATUS_CRASHED;
        }
        if (g->rung == RUNG_HALT && !g->settled)
                warn(g, "The guest was halted before its file systems were seen read-only; they may be unclean");
        notify("STATUS=Stopped");
        info(g, "The guest is stopped");
        return EXIT_SUCCESS;
}

static void start_again(Guest *g, const char *why) {
        info(g, "%s; it is started again", why);
        notify("STATUS=%s; it is started again", why);
        if (launch(g) < 0)
                guest_finish(g, STATUS_UNAVAILABLE);
}

static void kernel_ended(Guest *g, int wait_status) {
        bool has_socket = access(g->socket, F_OK) >= 0;
        Outcome outcome;

        g->kernel = 0;
        loop_clear_timer(&g->loop, &g->rung_timer);
        loop_clear_timer(&g->loop, &g->poll_timer);
        if (kill_all(0) < 0)
                warn(g, "Some of the guest's processes cannot be killed");
        for (size_t i = 0; i < g->options->n_lines; i++)
                if (g->consoles[i])
                        console_disconnect(g->consoles[i]);
        console_disconnect(g->early);
        monitor_disconnect(g->monitor); /* handles what it still has to tell, too */
        remove_umid_directory(g);

        outcome = classify(g, wait_status, has_socket);
        if (outcome != OUTCOME_CRASH && g->panic[0])
                info(g, "The panic came in the kernel's last step, when the guest had done with it: it counts as what the guest did");
        if (g->phase == PHASE_STOPPING) {
                guest_finish(g, stopped(g, outcome, wait_status));
                return;
        }
        /* A guest may be faster off than we are to hear that it is up. */
        if (!g->ready && outcome != OUTCOME_CRASH && outcome != OUTCOME_NO_START && g->options->ready_when == READY_MCONSOLE)
                ready_force(g);

        if (outcome == OUTCOME_CRASH || outcome == OUTCOME_NO_START) {
                report_crash(g, wait_status);
                guest_finish(g, outcome == OUTCOME_CRASH ? STATUS_CRASHED : STATUS_UNAVAILABLE);
        } else if (outcome == OUTCOME_REBOOT && (g->options->on_reboot == LIFECYCLE_RESTART || g->reboot_wanted || g->hung))
                start_again(g, g->hung ? "The guest was reset" : "The guest rebooted");
        else if (outcome == OUTCOME_POWEROFF && g->options->on_poweroff == LIFECYCLE_RESTART)
                start_again(g, "The guest powered itself off");
        else if (!g->ready) {
                failure(g->journal, "The guest '%s' %s before it was ready", g->options->name, outcome == OUTCOME_REBOOT ? "rebooted" : "powered itself off");
                guest_finish(g, STATUS_UNAVAILABLE);
        } else {
                notify("STATUS=The guest %s", outcome == OUTCOME_REBOOT ? "rebooted, which ends it" : "powered itself off");
                info(g, "The guest %s", outcome == OUTCOME_REBOOT ? "rebooted, which ends it (on_reboot)" : "powered itself off");
                guest_finish(g, EXIT_SUCCESS);
        }
}

static void on_signal(void *userdata, uint32_t events) {
        struct signalfd_siginfo signal;
        Guest *g = userdata;
        int status, ended = -1;
        pid_t pid;

        if (read(g->signals.fd, &signal, sizeof(signal)) != sizeof(signal))
                return;
        if (signal.ssi_signo != SIGCHLD) {
                guest_stop(g);
                return;
        }
        /* Orphans of the guest's come to us as well; a stopped or traced one is no concern of ours. */
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == g->kernel)
                        ended = status;
        if (ended >= 0)
                kernel_ended(g, ended);
}

static int watch_signals(Guest *g) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return negative_errno();
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);
        (void) signal(SIGXFSZ, SIG_IGN); /* a line's file that comes to LimitFSIZE= is one that cannot be written */
        g->signals = (Io) {.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .function = on_signal, .userdata = g};
        if (g->signals.fd < 0)
                return negative_errno();
        return loop_watch(&g->loop, &g->signals, EPOLLIN);
}

/* Consoles and their clients take descriptors: some thousand, if all are there. */
static void raise_descriptor_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
}

static int add_file(Guest *g, Console *c, const char *path, bool truncate) {
        int r = path ? console_add_file(c, path, truncate) : 0;

        if (r < 0)
                failure(g->journal, "%s: %s", path, strerror(-r));
        return r;
}

static int prepare_line(Guest *g, size_t i) {
        const Line *line = &g->options->lines[i];
        Console *c;
        int r;

        if (line->kind == CONSOLE_NULL && !line->log)
                return 0;
        r = console_new(&g->consoles[i], &g->loop, g->journal, line->name);
        if (r < 0)
                return r;
        c = g->consoles[i];
        if (line->kind != CONSOLE_NULL)
                r = console_accept_clients(c, g->options->replay, line->kind == CONSOLE_PTY ? &g->ptys : NULL);
        if (r >= 0)
                r = add_file(g, c, line->path, line->truncate);
        if (r >= 0)
                r = add_file(g, c, line->log, line->log_truncate);
        return r;
}

static int prepare(Guest *g) {
        const Options *o = g->options;
        int r;

        raise_descriptor_limit();
        r = loop_open(&g->loop);
        if (r < 0)
                return r;
        journal_attach(g->journal, &g->loop);
        r = watch_signals(g);
        if (r < 0)
                return r;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return negative_errno();

        /* `mconsole` is where people look for it. */
        (void) snprintf(g->socket, sizeof(g->socket), "./" UMID_DIRECTORY "/%s/mconsole", o->name);
        (void) unlink("mconsole");
        if (symlink(g->socket + 2, "mconsole") < 0)
                return negative_errno();

        if (o->n_shares > 0) {
                r = shares_make(o->shares, o->n_shares);
                if (r < 0)
                        return r;
        }
        r = monitor_new(&g->monitor, &g->loop, g->socket, NOTIFY_SOCKET_NAME, on_notification, g);
        if (r >= 0)
                r = control_new(&g->control, &g->loop, CONTROL_SOCKET_NAME, on_control, g);
        if (r >= 0)
                r = console_new(&g->early, &g->loop, g->journal, "stderr");
        if (r >= 0 && pty_watcher_open(&g->ptys, &g->loop) < 0)
                warn(g, "No console has a pty: inotify: %m; see fs.inotify.max_user_instances");
        for (size_t i = 0; r >= 0 && i < o->n_lines; i++)
                r = prepare_line(g, i);
        return r < 0 ? r : ready_prepare(g);
}

static void release(Guest *g) {
        if (g->kernel > 0)
                (void) kill_all(g->kernel);
        for (size_t i = 0; i < g->options->n_lines; i++)
                console_free(g->consoles[i]);
        ready_release(g);
        console_free(g->early);
        pty_watcher_close(&g->ptys);
        monitor_free(g->monitor);
        control_free(g->control);
        free(g->disks);
        safe_close(g->signals.fd);
        journal_attach(g->journal, NULL);
        loop_close(&g->loop);
}

/* The first kernel, on whose coming up the service's start waits. */
static int start(Guest *g) {
        int r = launch(g);

        if (r >= 0)
                ready_begin(g);
        return r;
}

int guest_run(Options *o, Journal *journal) {
        Guest g = {
                .options = o,
                .journal = journal,
                .signals.fd = -EBADF,
                .ptys.io.fd = -EBADF,
                .rung_timer = {.function = guest_on_rung_timer, .userdata = &g},
                .poll_timer = {.function = guest_on_poll_timer, .userdata = &g},
                .reload_timer = {.function = on_reload_timer, .userdata = &g},
        };
        int r;

        if (disks_prepare(o, journal) < 0 || preflight(o, journal) < 0)
                return STATUS_UNAVAILABLE;

        r = prepare(&g);
        if (r < 0) {
                failure(journal, "The guest's sockets, links and files cannot be made in %s: %s", o->runtime_directory, strerror(-r));
                g.status = STATUS_OS;
        } else if (start(&g) < 0)
                g.status = STATUS_UNAVAILABLE;
        else {
                r = loop_run(&g.loop);
                if (r < 0) {
                        failure(journal, "The helper cannot wait for events: %s", strerror(-r));
                        g.status = STATUS_OS;
                }
        }
        release(&g);
        return g.status;
}
