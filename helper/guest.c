/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A guest's life:
 *
 *                 kernel_launch()              on_version()
 *         (start) --------------> PHASE_BOOTING ----------> PHASE_RUNNING
 *                                     ^  |  guest_stop()        |  |
 *            on_reboot, on_poweroff:  |  +-----------+----------+  |
 *            restart                  |              v             | the kernel ends
 *                                     |       PHASE_STOPPING       |
 *                                     |      (the ladder, stop.c)  |
 *                                     |              |             |
 *                                     |              v             v
 *                                     +----------- guest_kernel_ended() ----> (exit status)
 *
 * Everything happens in callbacks of the loop; whatever takes time in the guest has a bound. At each moment the helper may be
 * killed: the next one finds the guest as it is (take_over()), in the phase that state.c has kept. */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "disks.h"
#include "exhaustion.h"
#include "failure.h"
#include "guest.h"
#include "helper.h"
#include "kill.h"
#include "life.h"
#include "notify.h"
#include "preflight.h"
#include "shares.h"
#include "store.h"
#include "tree.h"
#include "umid.h"

#define CONTROL_SOCKET_NAME "control"

void guest_finish(Guest *g, int status) {
        g->status = status;
        g->finished = true;
        g->loop.done = true;
        state_save(g);
}

void guest_ask(Guest *g, const char *command, MonitorReply function) {
        static const MconsoleReply none;
        int r = monitor_request(g->monitor, command, REQUEST_TIMEOUT, function, g);

        if (r < 0)
                function(g, r, &none);
}

void make_visible(char *s) {
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
        journal_event(g->journal, PRIORITY_INFO, EVENT_READY, "", "The guest is up: Linux %s", g->release);
        ready_check(g);
        state_save(g);
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
                state_save(g);
                guest_ask(g, "version", on_version);
                break;
        case MCONSOLE_PANIC:
                if (g->panic[0])
                        break;
                (void) snprintf(g->panic, sizeof(g->panic), "%s", text);
                make_visible(g->panic);
                state_save(g);
                failure_event(g->journal, EVENT_PANIC, "", "Kernel panic in the guest: %s", g->panic);
                break;
        case MCONSOLE_HANG:
                guest_watchdog_expired(g);
                break;
        case MCONSOLE_USER:
                ready_on_message(g, text);
                break;
        }
}

/* Starts a kernel, the first or the next. */
static int launch(Guest *g) {
        int r;

        g->phase = PHASE_BOOTING;
        g->up = g->reboot_wanted = g->suspended = g->hung = g->has_ended = false;
        loop_clear_timer(&g->loop, &g->reload_timer);
        g->panic[0] = 0;
        g->kernel = 0;
        state_save(g);
        r = kernel_launch(g);
        if (r < 0)
                return r;
        state_save(g);
        notify("STATUS=Booting");
        return 0;
}

/* End */

typedef enum Outcome {
        OUTCOME_NO_START, /* it was no UML kernel, or could not go on */
        OUTCOME_POWEROFF,
        OUTCOME_REBOOT,
        OUTCOME_CRASH,
        OUTCOME_HANG, /* it was killed for that */
        _OUTCOME_MAX,
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

/* A guest that was killed because it hung has done what the definition makes of that. */
static Outcome classify_hung(const Guest *g) {
        return g->options->watchdog == WATCHDOG_RESET ? OUTCOME_REBOOT : g->options->watchdog == WATCHDOG_NONE ? OUTCOME_HANG : OUTCOME_POWEROFF;
}

static Outcome classify(const Guest *g, int wait_status, bool has_socket) {
        if (g->hung)
                return classify_hung(g);
        if (wait_status == KERNEL_STATUS_UNKNOWN)
                return OUTCOME_CRASH;
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
        const char *last = guest_last_words(g), *before = *last ? "; it last said: " : "";

        exhaustion_explain(g->options, g->journal, g->panic);
        if (g->panic[0] || g->hung)
                return;
        if (wait_status == KERNEL_STATUS_UNKNOWN)
                failure(g->journal, "The guest's kernel has ended, and nobody was there to see how: it was killed with its keeper, or the whole service ran out of memory%s%s",
                        before, last);
        else if (WIFSIGNALED(wait_status))
                failure(g->journal, "The guest's kernel was ended by signal %d (%s)%s%s", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)), before, last);
        else
                failure(g->journal, "The guest's kernel ended with status %d%s%s%s", WEXITSTATUS(wait_status), g->up ? "" : ", before it was up", before,
                        last);
}

/* The end of a guest that was told to stop. */
static int stopped(Guest *g, Outcome outcome, int wait_status) {
        if (g->rung >= RUNG_TERM && g->up) {
                failure_event(g->journal, EVENT_KILLED, "", "The guest did not stop and was killed; its file systems may be unclean");
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
        journal_event(g->journal, PRIORITY_INFO, EVENT_REBOOTED, "", "%s; it is started again", why);
        notify("STATUS=%s; it is started again", why);
        if (launch(g) < 0)
                guest_finish(g, STATUS_UNAVAILABLE);
}

static bool is_failure(Outcome o) {
        return o != OUTCOME_POWEROFF && o != OUTCOME_REBOOT;
}

static bool is_to_restart(const Guest *g, Outcome o) {
        const Options *options = g->options;

        return o == OUTCOME_REBOOT ? options->on_reboot == LIFECYCLE_RESTART || g->reboot_wanted || g->hung
                                   : o == OUTCOME_POWEROFF && options->on_poweroff == LIFECYCLE_RESTART;
}

/* What the guest has done by itself, if it is not started again; of a crash, what follows is systemd's to say (on_crash). */
static const struct Ending {
        const char *did;  /* completes "The guest …" */
        const char *event;
        int status;       /* of the helper */
} endings[_OUTCOME_MAX] = {
        [OUTCOME_POWEROFF] = {"powered itself off",               NULL,         EXIT_SUCCESS},
        [OUTCOME_REBOOT] =   {"rebooted, which ends it (on_reboot)", NULL,      STATUS_REBOOT},
        [OUTCOME_NO_START] = {"could not start",                  NULL,         STATUS_UNAVAILABLE},
        [OUTCOME_CRASH] =    {"crashed",                          NULL,         STATUS_CRASHED},
        [OUTCOME_HANG] =     {"was killed, because it hung",      EVENT_KILLED, STATUS_HUNG},
};

static void ended(Guest *g, Outcome outcome, int wait_status) {
        const struct Ending *e = &endings[outcome];

        if (is_failure(outcome))
                report_crash(g, wait_status);
        else if (is_to_restart(g, outcome)) {
                start_again(g, outcome == OUTCOME_POWEROFF ? "The guest powered itself off" : g->hung ? "The guest was reset" : "The guest rebooted");
                return;
        } else if (!g->ready) {
                failure(g->journal, "The guest '%s' %s before it was ready", g->options->name, e->did);
                guest_finish(g, STATUS_UNAVAILABLE);
                return;
        } else
                notify("STATUS=The guest %s", e->did);
        journal_event(g->journal, is_failure(outcome) ? PRIORITY_WARNING : PRIORITY_INFO, e->event, "", "The guest %s", e->did);
        guest_finish(g, e->status);
}

void guest_kernel_ended(Guest *g, int wait_status) {
        bool has_socket = access(g->socket, F_OK) >= 0;
        Outcome outcome;

        guest_stop_ended(g);
        for (size_t i = 0; i < g->options->n_lines; i++)
                if (g->consoles[i])
                        console_disconnect(g->consoles[i]);
        console_disconnect(g->early);
        monitor_disconnect(g->monitor); /* handles what it still has to tell, too */
        (void) umid_clear(UMID_DIRECTORY, g->options->name);
        state_save(g);

        outcome = classify(g, wait_status, has_socket);
        if (!is_failure(outcome))
                exhaustion_explain_images(g->options, g->journal);
        if (!is_failure(outcome) && g->panic[0])
                info(g, "The panic came in the kernel's last step, when the guest had done with it: it counts as what the guest did");
        if (g->phase == PHASE_STOPPING) {
                guest_finish(g, stopped(g, outcome, wait_status));
                return;
        }
        /* A guest may be faster off than we are to hear that it is up. */
        if (!g->ready && !is_failure(outcome) && g->options->ready_when == READY_MCONSOLE)
                ready_force(g);
        ended(g, outcome, wait_status);
}

/* What the signals ask for; those of real time are machinectl's, which are the same for all its machines. */

static void replace_helper(Guest *g) {
        /* A stop must end as this process's: systemd waits for that. */
        if (!notify_path() || g->phase == PHASE_STOPPING) {
                warn(g, "The helper is not replaced: %s",
                     notify_path() ? "the guest is being stopped" : "there is no service manager to keep what the next one needs");
                return;
        }
        info(g, "The helper is replaced by %s", g->options->helper_path);
        g->next = NEXT_REPLACE;
        g->loop.done = true;
}

static void reap(void) {
        /* Keepers, and orphans of a keeper that was killed; on whose end nothing depends. */
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
}

static void on_signal(void *userdata, uint32_t events) {
        struct signalfd_siginfo info;
        Guest *g = userdata;
        int signal;

        if (read(g->signals.fd, &info, sizeof(info)) != sizeof(info))
                return;
        signal = (int) info.ssi_signo;
        if (signal == SIGCHLD)
                reap();
        else if (signal == SIGUSR1)
                replace_helper(g);
        else if ((signal == SIGINT && notify_path()) || signal == SIGRTMIN + 5)
                guest_reload(g, NULL);
        else { /* SIGTERM, SIGRTMIN + 3 and 4, and Ctrl+C of who started the helper by hand */
                if (g->phase != PHASE_STOPPING)
                        g->by_manager = info.ssi_pid == (uint32_t) getppid();
                guest_stop(g, signal == SIGRTMIN + 3 ? RUNG_SYNC : RUNG_NONE);
        }
}

static int watch_signals(Guest *g) {
        const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGRTMIN + 3, SIGRTMIN + 4, SIGRTMIN + 5};
        sigset_t set;

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&set, signals[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return negative_errno();
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);
        (void) signal(SIGUSR2, SIG_IGN);
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

/* What the guest has printed stays, if another helper was there before; and so does the guest, if the file cannot be opened
 * any more. */
static int add_file(Guest *g, Console *c, const char *path, bool truncate) {
        int r = path ? console_add_file(c, path, truncate && !g->taken_over) : 0;

        if (r >= 0)
                return 0;
        if (g->taken_over) {
                warn(g, "%s: %s; what the guest prints is not written there any more", path, strerror(-r));
                return 0;
        }
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
        store_attach(&g->loop);
        r = watch_signals(g);
        if (r < 0)
                return r;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return negative_errno();

        /* `mconsole` is where people look for it. */
        (void) snprintf(g->socket, sizeof(g->socket), "./" UMID_DIRECTORY "/%s/mconsole", o->name);
        if (!g->taken_over) {
                (void) unlink("mconsole");
                if (symlink(g->socket + 2, "mconsole") < 0)
                        return negative_errno();
        }

        if (o->n_shares > 0 && !g->taken_over) {
                r = shares_make(o->shares, o->n_shares);
                if (r < 0)
                        return r;
        }
        r = monitor_new(&g->monitor, &g->loop, g->socket, NOTIFY_SOCKET_NAME, on_notification, g);
        if (r >= 0)
                r = control_new(&g->control, &g->loop, CONTROL_SOCKET_NAME, guest_on_control, g);
        if (r >= 0)
                r = console_new(&g->early, &g->loop, g->journal, "stderr");
        if (r >= 0 && pty_watcher_open(&g->ptys, &g->loop) < 0)
                warn(g, "No console has a pty: inotify: %m; see fs.inotify.max_user_instances");
        for (size_t i = 0; r >= 0 && i < o->n_lines; i++)
                r = prepare_line(g, i);
        return r < 0 ? r : ready_prepare(g);
}

static void release(Guest *g) {
        kernel_release(g);
        for (size_t i = 0; i < g->options->n_lines; i++)
                console_free(g->consoles[i]);
        ready_release(g);
        console_free(g->early);
        pty_watcher_close(&g->ptys);
        monitor_free(g->monitor);
        control_free(g->control);
        free(g->disks);
        safe_close(g->signals.fd);
        state_release(g);
        journal_attach(g->journal, NULL);
        store_attach(NULL);
        loop_close(&g->loop);
}

/* The first kernel, on whose coming up the service's start waits. */
static int start(Guest *g) {
        int r = launch(g);

        if (r >= 0)
                ready_begin(g);
        return r;
}

/* To systemd it is a new start of the service; the guest was ready before. */
static void tell_ready(const Guest *g) {
        if (g->ready)
                notify("READY=1");
}

/* What the last helper was about to wait for. */
static void resume_phase(Guest *g) {
        if (g->reboot_wanted)
                loop_set_timer(&g->loop, &g->reload_timer, RELOAD_TIMEOUT);
        if (!g->ready)
                ready_begin(g);
        if (g->hung) /* and was to be killed */
                kernel_signal(g, SIGKILL);
        if (g->phase == PHASE_BOOTING && g->up)
                guest_ask(g, "version", on_version);
        else if (g->phase == PHASE_RUNNING && g->ready)
                guest_show_status(g);
        else if (g->phase == PHASE_RUNNING)
                ready_check(g);
        else if (g->phase == PHASE_STOPPING) {
                g->phase = PHASE_RUNNING;
                guest_stop(g, RUNG_NONE);
        }
}

/* The guest of a helper that was killed, has crashed or has replaced itself. It has gone on meanwhile: what it printed, told and
 * did waits in the sockets. */
static int take_over(Guest *g) {
        int r;

        for (size_t i = 0; i < g->options->n_lines; i++)
                if (g->consoles[i])
                        (void) console_resume(g->consoles[i]); /* which the guest may have closed */
        (void) console_resume(g->early);
        r = kernel_resume(g);
        store_close_rest();
        if (r < 0 && r != -ENOENT)
                return r;
        if (r < 0 && !g->has_ended && g->kernel <= 0) { /* it was about to start one */
                tell_ready(g);
                return start(g);
        }

        journal_event(g->journal, PRIORITY_NOTICE, EVENT_TAKEN_OVER, "", "This helper takes the guest over from an earlier one (its kernel is process %ld)",
                      (long) g->kernel);
        tell_ready(g);
        if (g->phase == PHASE_STOPPING && g->by_manager) /* which starts no helper for a guest that is to stop: it is a restart */
                g->next = NEXT_ANEW;
        if (r >= 0)
                resume_phase(g);
        else if (g->has_ended) /* and what is to follow, follows now */
                guest_kernel_ended(g, g->wait_status);
        else { /* the store took no more; and a keeper that nobody knows kills */
                if (kill_group() < 0)
                        warn(g, "Some of the guest's processes cannot be killed");
                guest_kernel_ended(g, KERNEL_STATUS_UNKNOWN);
        }
        return 0;
}

static void guest_init(Guest *g, Options *o, Journal *journal) {
        *g = (Guest) {
                .options = o,
                .journal = journal,
                .signals.fd = -EBADF,
                .ptys.io.fd = -EBADF,
                .keeper.fd = -EBADF,
                .state_fd = -EBADF,
                .command_fd = -EBADF,
                .rung_timer = {.function = guest_on_rung_timer, .userdata = g},
                .rung_status_timer = {.function = guest_on_rung_status_timer, .userdata = g},
                .poll_timer = {.function = guest_on_poll_timer, .userdata = g},
                .reload_timer = {.function = guest_on_reload_timer, .userdata = g},
        };
}

static void run(Guest *g) {
        int r = g->taken_over ? take_over(g) : start(g);

        if (r < 0) {
                g->status = STATUS_UNAVAILABLE;
                return;
        }
        watchdog_begin(g);
        r = loop_run(&g->loop);
        if (r < 0) {
                failure(g->journal, "The helper cannot wait for events: %s", strerror(-r));
                g->status = STATUS_OS;
        }
}

/* Whether there is a guest to be taken over. */
static bool find_guest(Guest *g) {
        pid_t lost;

        if (state_load(g) >= 0)
                return true;
        store_close_rest(); /* of no use without the state */
        lost = umid_pid(UMID_DIRECTORY, g->options->name);
        if (lost > 0) /* a helper that ends as it should removes that */
                warn(g, "An earlier helper of this guest was killed, and its kernel (process %ld) with it, because nothing was kept of them (see FileDescriptorStoreMax=); the guest's file systems may be unclean",
                     (long) lost);
        return false;
}

/* systemd keeps the directory over restarts, for a helper that takes over; and leaves it behind when the service is stopped while
 * it waits for its restart (252). After an end that may be restarted there is nothing to be taken over. (A user of the
 * guest's own cannot remove the directory itself, but empty it.) Only what is surely the guest's: a helper may be started by
 * hand anywhere. */
static void remove_runtime_directory(const Options *o, int status) {
        bool may_restart = status == STATUS_CRASHED || status == STATUS_HUNG || status == STATUS_OS;
        const char *slash = strrchr(o->runtime_directory, '/');

        if (may_restart && notify_path() && !o->preserve && slash && streq(slash + 1, o->name))
                (void) tree_remove(o->runtime_directory);
}

int guest_run(Options *o, Journal *journal, GuestNext *ret_next) {
        char fields[64];
        Guest g;
        int r;

        guest_init(&g, o, journal);
        g.taken_over = find_guest(&g);
        if (g.finished) {
                tell_ready(&g);
                return g.status;
        }
        if (!g.taken_over && (disks_prepare(o, journal) < 0 || preflight(o, journal) < 0))
                return STATUS_UNAVAILABLE;
        r = prepare(&g);
        if (r < 0) {
                failure(journal, "The guest's sockets, links and files cannot be made in %s: %s", o->runtime_directory, strerror(-r));
                g.status = STATUS_OS;
        } else {
                if (!g.taken_over)
                        state_begin(&g);
                run(&g);
        }
        *ret_next = g.next;
        if (g.next == NEXT_REPLACE) /* all that is here is the next one's */
                return 0;
        (void) snprintf(fields, sizeof(fields), "UML_EXIT_STATUS=%d\n", g.status);
        journal_event(journal, PRIORITY_INFO, EVENT_ENDED, fields, "The helper ends with status %d", g.status);
        release(&g);
        if (g.next == NEXT_EXIT)
                remove_runtime_directory(o, g.status);
        return g.status;
}
