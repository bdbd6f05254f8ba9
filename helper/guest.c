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
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "console.h"
#include "control.h"
#include "failure.h"
#include "guest.h"
#include "launch.h"
#include "monitor.h"
#include "notify.h"
#include "preflight.h"

#define REQUEST_TIMEOUT (5 * USEC_PER_SEC)
#define RELAYED_TIMEOUT (30 * USEC_PER_SEC) /* of what clients of `control` ask */
#define POLL_INTERVAL (100 * USEC_PER_MSEC) /* between looks at the guest's mounts and disks */
#define QUIET_LOOKS 2                       /* so often its disks must be seen unchanged */
#define MARGIN 10                           /* seconds that systemd is asked for beyond what a rung may take */

#define NOTIFY_SOCKET_NAME "notify"
#define CONTROL_SOCKET_NAME "control"

typedef enum Phase {
        PHASE_BOOTING,
        PHASE_RUNNING,
        PHASE_STOPPING,
} Phase;

typedef enum RungIndex {
        RUNG_NONE,
        RUNG_CAD,
        RUNG_SYNC,
        RUNG_REMOUNT,
        RUNG_HALT,
        RUNG_TERM,
        RUNG_KILL,
        _RUNG_MAX,
} RungIndex;

typedef struct Guest Guest;

/* Why the guest cannot take ctrl-alt-del; NULL: it was asked to. result as in MonitorReply. */
typedef void (*CadAnswer)(Guest *g, int result, const char *reason);

struct Guest {
        const Options *options;
        Journal *journal;
        Loop loop;
        Io signals;
        Monitor *monitor;
        Control *control;
        Console *consoles[DOMAIN_CONSOLES_MAX + DOMAIN_SERIALS_MAX]; /* NULL where the line is null */
        Console *early;                                              /* the kernel's stdout and stderr */

        pid_t kernel;
        Phase phase;
        bool ready;      /* systemd knows that the guest is up */
        bool up;         /* this kernel has told of its mconsole: before, no file system is mounted */
        char socket[2 * DOMAIN_NAME_MAX]; /* of mconsole */
        char release[64];
        char panic[MCONSOLE_DATA_MAX + 1];

        RungIndex rung;
        Timer rung_timer, poll_timer;
        char *disks; /* the counters of the guest's disks, when last looked at */
        unsigned quiet_looks;
        CadAnswer cad_answer;
        ControlClient *reload; /* waits for the answer to its cad */
        bool reboot_wanted;    /* a reload was accepted: the next reboot is ours */

        int status; /* to exit with */
};

#define debug(g, ...) journal_log((g)->journal, PRIORITY_DEBUG, __VA_ARGS__)
#define info(g, ...) journal_log((g)->journal, PRIORITY_INFO, __VA_ARGS__)
#define warn(g, ...) journal_log((g)->journal, PRIORITY_WARNING, __VA_ARGS__)

static void finish(Guest *g, int status) {
        g->status = status;
        g->loop.done = true;
}

/* Foreign text for a message or a status: one line of visible characters. */
static void make_visible(char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || (unsigned char) *s >= 0x7f)
                        *s = '?';
}

/* Asking the guest for ctrl-alt-del. mconsole's cad only says that it was asked; whether the guest will take it is told by
 * a setting: kernel.ctrl-alt-del is 1 as long as no init has claimed it, and then the kernel resets at once, without a
 * sync. Every init that handles the SIGINT that comes otherwise sets it to 0 (systemd, sysvinit, busybox).
 * (/proc/1/status would say more, but mconsole cannot read files of that kind, and prints a warning on the console.) */

static void cad_done(Guest *g, int result, const char *reason) {
        CadAnswer answer = TAKE_PTR(g->cad_answer);

        answer(g, result, reason);
}

static void on_cad(void *userdata, int result, const MconsoleReply *reply) {
        cad_done(userdata, result, NULL);
}

static void send_cad(Guest *g) {
        int r = monitor_request(g->monitor, "cad", REQUEST_TIMEOUT, on_cad, g);

        if (r < 0)
                cad_done(g, r, NULL);
}

static void on_cad_setting(void *userdata, int result, const MconsoleReply *reply) {
        const char *text = reply->text ?: "";
        Guest *g = userdata;

        if (result == 0 && text[strspn(text, "\n ")] == '0')
                send_cad(g);
        else if (result == 0)
                cad_done(g, -EOPNOTSUPP, "its init (PID 1) does not handle ctrl-alt-del (kernel.ctrl-alt-del is not 0: it would reset without unmounting its file systems)");
        else if (result == -EREMOTEIO)
                cad_done(g, result, "whether its init (PID 1) handles ctrl-alt-del cannot be told (kernel.ctrl-alt-del cannot be read)");
        else
                cad_done(g, result, NULL);
}

static void ask_cad(Guest *g, CadAnswer answer) {
        int r;

        g->cad_answer = answer;
        r = monitor_request(g->monitor, "proc sys/kernel/ctrl-alt-del", REQUEST_TIMEOUT, on_cad_setting, g);
        if (r < 0)
                cad_done(g, r, NULL);
}

static const char *request_failure(int result) {
        return result == -ETIMEDOUT ? "it does not answer its mconsole" : result == -ENOTCONN ? "its mconsole is not there" : strerror(-result);
}

/* The ladder: from asking politely to killing. Each rung has its time; if the guest is not gone by then, the next. */

static void climb(Guest *g, RungIndex rung);

/* A guest whose kernel does not answer will not answer the next request either. */
static void climb_past_deaf(Guest *g, int result) {
        warn(g, "The guest cannot be asked to stop: %s", request_failure(result));
        climb(g, RUNG_TERM);
}

static void on_stop_cad(Guest *g, int result, const char *reason) {
        if (g->rung != RUNG_CAD || result >= 0)
                return;
        if (!reason) {
                climb_past_deaf(g, result);
                return;
        }
        info(g, "The guest is not asked to shut down: %s", reason);
        climb(g, RUNG_SYNC);
}

static void on_go(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_CAD)
                return;
        if (result < 0 && result != -EREMOTEIO) /* "Not stopped" */
                climb_past_deaf(g, result);
        else if (!g->cad_answer)
                ask_cad(g, on_stop_cad);
        else { /* a reload is asking already */
                g->cad_answer = on_stop_cad;
                control_reply(TAKE_PTR(g->reload), true, "the guest is being stopped");
        }
}

/* A rung's request; a failure to send it is a failure of it. */
static void ask(Guest *g, const char *command, MonitorReply function) {
        static const MconsoleReply none;
        int r = monitor_request(g->monitor, command, REQUEST_TIMEOUT, function, g);

        if (r < 0)
                function(g, r, &none);
}

static void begin_cad(Guest *g) {
        ask(g, "go", on_go); /* in case somebody has stopped it by mconsole: it would only queue what follows */
}

static void on_sync(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_SYNC)
                return;
        if (result < 0 && result != -EREMOTEIO)
                climb_past_deaf(g, result);
        else
                climb(g, RUNG_REMOUNT);
}

static void begin_sync(Guest *g) {
        ask(g, "sysrq s", on_sync);
}

/* Whether a mount table, as /proc/PID/mounts has it, has a file system with a device that can still be written. */
static bool something_is_writable(const char *mounts) {
        for (const char *line = mounts; *line;) {
                size_t n = strcspn(line, "\n");
                const char *options = line;

                for (int field = 0; field < 3 && options; field++) {
                        options = memchr(options, ' ', n - (size_t) (options - line));
                        if (options)
                                options++;
                }
                if (line[0] == '/' && options && after_prefix(options, "rw"))
                        return true;
                line += n + (line[n] == '\n');
        }
        return false;
}

static void look_again(Guest *g) {
        loop_set_timer(&g->loop, &g->poll_timer, POLL_INTERVAL);
}

/* A file system says "ro" while its remount still writes its journal's end (seen with ext4 of 6.12): the disks have to be
 * quiet as well. The counters of /proc/diskstats move while a request is under way. */
static void on_disks(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_REMOUNT)
                return;
        if (result < 0 && result != -EREMOTEIO) {
                climb_past_deaf(g, result);
                return;
        }
        if (result == 0 && g->disks && streq(g->disks, reply->text ?: ""))
                g->quiet_looks++;
        else
                g->quiet_looks = 0;
        free(g->disks);
        g->disks = strdup(reply->text ?: "");
        if (g->quiet_looks >= QUIET_LOOKS)
                climb(g, RUNG_HALT);
        else
                look_again(g);
}

static void on_mounts(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_REMOUNT)
                return;
        if (result == 0 && !something_is_writable(reply->text ?: ""))
                ask(g, "proc diskstats", on_disks);
        else if (result < 0 && result != -EREMOTEIO)
                climb_past_deaf(g, result);
        else
                look_again(g);
}

/* `sysrq u` returns before the work is done, and the kernel has no event for its end. */
static void look_at_mounts(void *userdata) {
        Guest *g = userdata;

        if (g->rung == RUNG_REMOUNT)
                ask(g, "proc 1/mounts", on_mounts);
}

static void on_remount(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_REMOUNT)
                return;
        if (result < 0 && result != -EREMOTEIO)
                climb_past_deaf(g, result);
        else
                look_at_mounts(g);
}

static void begin_remount(Guest *g) {
        ask(g, "sysrq u", on_remount);
}

static void on_halt(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        /* -ENOTCONN: it went before it could say so. */
        if (g->rung == RUNG_HALT && result < 0 && result != -ENOTCONN)
                climb_past_deaf(g, result);
}

static void begin_halt(Guest *g) {
        ask(g, "halt", on_halt);
}

static void begin_term(Guest *g) {
        (void) kill(g->kernel, SIGTERM);
}

static void begin_kill(Guest *g) {
        /* Ends in SIGCHLD; kernel_ended() takes care of what is left. */
        (void) kill(-g->kernel, SIGKILL);
        (void) kill(g->kernel, SIGKILL);
}

static const struct Rung {
        const char *what; /* is done; completes "Stopping: …" */
        unsigned seconds; /* 0: as configured */
        void (*begin)(Guest *g);
} ladder[_RUNG_MAX] = {
        [RUNG_CAD] =     {"the guest shuts itself down (ctrl-alt-del)",          0,  begin_cad},
        [RUNG_SYNC] =    {"the guest's file systems are synced",                 10, begin_sync},
        [RUNG_REMOUNT] = {"the guest's file systems are remounted read-only",    10, begin_remount},
        [RUNG_HALT] =    {"the guest is halted",                                 5,  begin_halt},
        [RUNG_TERM] =    {"the guest's kernel is terminated",                    5,  begin_term},
        [RUNG_KILL] =    {"the guest's processes are killed",                    10, begin_kill},
};

static void climb(Guest *g, RungIndex rung) {
        const struct Rung *r = &ladder[rung];
        unsigned seconds = r->seconds ?: g->options->stop_timeout;

        g->rung = rung;
        notify("STATUS=Stopping: %s (for up to %u s)\nEXTEND_TIMEOUT_USEC=%llu", r->what, seconds,
               (unsigned long long) (seconds + MARGIN) * USEC_PER_SEC);
        if (rung >= RUNG_TERM)
                warn(g, "Stopping: %s", r->what);
        else
                info(g, "Stopping: %s", r->what);
        loop_set_timer(&g->loop, &g->rung_timer, seconds * USEC_PER_SEC);
        r->begin(g);
}

static void on_rung_timer(void *userdata) {
        Guest *g = userdata;

        if (g->rung == RUNG_KILL) { /* not even SIGKILL: it hangs in the host's kernel */
                failure(g->journal, "The guest's kernel (process %ld) cannot be killed", (long) g->kernel);
                finish(g, STATUS_KILLED);
                return;
        }
        warn(g, "After %u s the guest is still there", ladder[g->rung].seconds ?: g->options->stop_timeout);
        climb(g, g->rung + 1);
}

static void stop(Guest *g) {
        if (g->phase == PHASE_STOPPING)
                return;
        g->phase = PHASE_STOPPING;
        notify("STOPPING=1");
        if (!g->up)
                climb(g, RUNG_TERM);
        else
                climb(g, g->options->stop_method == STOP_CAD ? RUNG_CAD : RUNG_SYNC);
}

/* Reload, and whatever else is asked through `control` */

static void on_reload_cad(Guest *g, int result, const char *reason) {
        ControlClient *client = TAKE_PTR(g->reload);
        char text[256];

        if (result >= 0) {
                g->reboot_wanted = true;
                info(g, "Reload: the guest was asked to reboot (ctrl-alt-del)");
                notify("STATUS=Rebooting: the guest was asked to (Linux %s)", g->release);
                control_reply(client, false, "");
                return;
        }
        (void) snprintf(text, sizeof(text), "the guest cannot be asked to reboot: %s", reason ?: request_failure(result));
        control_reply(client, true, text);
}

static void on_relayed(void *userdata, int result, const MconsoleReply *reply) {
        control_reply(userdata, result < 0, result < 0 && result != -EREMOTEIO ? request_failure(result) : reply->text ?: "");
}

static void on_control(void *userdata, ControlClient *client, const char *command) {
        Guest *g = userdata;
        int r;

        if (!streq(command, "cad")) {
                r = monitor_request(g->monitor, command, RELAYED_TIMEOUT, on_relayed, client);
                if (r < 0)
                        control_reply(client, true, strerror(-r));
        } else if (g->phase == PHASE_STOPPING)
                control_reply(client, true, "the guest is being stopped");
        else if (g->cad_answer)
                control_reply(client, true, "the guest is being asked to reboot already");
        else {
                g->reload = client;
                ask_cad(g, on_reload_cad);
        }
}

/* Up */

static void on_version(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (result == -ETIMEDOUT) { /* slow; how long is too long is TimeoutStartSec='s to say */
                ask(g, "version", on_version);
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
        notify("STATUS=Running: Linux %s\n%s", g->release, g->ready ? "" : "READY=1");
        info(g, "The guest is up: Linux %s", g->release);
        g->ready = true;
}

static void on_notification(void *userdata, MconsoleNotification kind, const char *text) {
        Guest *g = userdata;

        switch (kind) {
        case MCONSOLE_SOCKET:
                /* UML takes a random umid if it cannot have ours, and says so nowhere else. */
                if (!streq(text, g->socket)) {
                        failure(g->journal, "The guest's mconsole is at '%.200s', not at %s", text, g->socket);
                        break;
                }
                g->up = true;
                ask(g, "version", on_version);
                break;
        case MCONSOLE_PANIC:
                (void) snprintf(g->panic, sizeof(g->panic), "%s", text);
                make_visible(g->panic);
                failure(g->journal, "Kernel panic in the guest: %s", g->panic);
                break;
        case MCONSOLE_HANG:
                warn(g, "The guest's watchdog was not served: it hangs, or its daemon does");
                break;
        case MCONSOLE_USER:
                debug(g, "The guest wrote %zu bytes to /proc/mconsole", strlen(text));
                break;
        }
}

/* Start */

/* A crashed kernel leaves its directory, and the next one would not take it. */
static void remove_umid_directory(const Guest *g) {
        char path[DOMAIN_NAME_MAX + 16];

        (void) snprintf(path, sizeof(path), "%s/pid", g->options->name);
        (void) unlink(path);
        (void) snprintf(path, sizeof(path), "%s/mconsole", g->options->name);
        (void) unlink(path);
        (void) rmdir(g->options->name);
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
 * directory is the guest's, and UML has 107 characters for a socket's path. Lines that nobody wants are null: UML's own
 * defaults are an xterm and a BSD pty. */
static int make_arguments(Guest *g, const int *lines, Arguments *a) {
        const Options *o = g->options;
        int r;

        r = add_argument(a, "%s", o->guest_path);
        if (r >= 0)
                r = add_argument(a, "umid=%s", o->name);
        if (r >= 0)
                r = add_argument(a, "uml_dir=./");
        if (r >= 0)
                r = add_argument(a, "mconsole=notify:./" NOTIFY_SOCKET_NAME);
        if (r >= 0)
                r = add_argument(a, "con=null");
        if (r >= 0)
                r = add_argument(a, "ssl=null");
        for (size_t i = 0; r >= 0 && i < o->n_lines; i++)
                if (lines[i] >= 0)
                        r = add_argument(a, "%s=fd:%d", o->lines[i].name, lines[i]);
        for (char *const *p = o->kernel + 1; r >= 0 && *p; p++)
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
                r = launch_kernel(g->options->kernel[0], a.items, early, keep, n);
        arguments_done(&a);
        return r;
}

/* Starts a kernel, the first or the next. */
static int launch(Guest *g) {
        int lines[ELEMENTSOF(g->consoles)], early, r = 0;
        size_t n = g->options->n_lines;

        remove_umid_directory(g);
        g->phase = PHASE_BOOTING;
        g->up = g->reboot_wanted = false;
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
                failure(g->journal, "The kernel %s cannot be started: %s", g->options->kernel[0], strerror(-r));
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

static Outcome classify(const Guest *g, int wait_status) {
        if (!g->up)
                return OUTCOME_NO_START;
        if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
                return OUTCOME_POWEROFF;
        if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == STATUS_REBOOT)
                return OUTCOME_REBOOT;
        return OUTCOME_CRASH;
}

/* Says why, if the panic itself has not. What the kernel last printed is the best reason there is. */
static void report_crash(Guest *g, int wait_status) {
        const char *last = console_last_line(g->early);

        for (size_t i = 0; i < g->options->n_lines && !*last; i++)
                if (g->consoles[i])
                        last = console_last_line(g->consoles[i]);
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
        notify("STATUS=Stopped");
        info(g, "The guest is stopped");
        return EXIT_SUCCESS;
}

static void start_again(Guest *g, const char *why) {
        info(g, "%s; it is started again", why);
        notify("STATUS=%s; it is started again", why);
        if (launch(g) < 0)
                finish(g, STATUS_UNAVAILABLE);
}

static void kernel_ended(Guest *g, int wait_status) {
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

        outcome = classify(g, wait_status);
        if (g->phase == PHASE_STOPPING) {
                finish(g, stopped(g, outcome, wait_status));
                return;
        }
        /* A guest may be faster off than we are to hear that it is up. */
        if (!g->ready && outcome != OUTCOME_CRASH && outcome != OUTCOME_NO_START)
                notify("READY=1");

        if (outcome == OUTCOME_CRASH || outcome == OUTCOME_NO_START) {
                report_crash(g, wait_status);
                finish(g, outcome == OUTCOME_CRASH ? STATUS_CRASHED : STATUS_UNAVAILABLE);
        } else if (outcome == OUTCOME_REBOOT && (g->options->on_reboot == LIFECYCLE_RESTART || g->reboot_wanted))
                start_again(g, "The guest rebooted");
        else if (outcome == OUTCOME_POWEROFF && g->options->on_poweroff == LIFECYCLE_RESTART)
                start_again(g, "The guest powered itself off");
        else {
                notify("STATUS=The guest %s", outcome == OUTCOME_REBOOT ? "rebooted, which ends it" : "powered itself off");
                info(g, "The guest %s", outcome == OUTCOME_REBOOT ? "rebooted, which ends it (on_reboot)" : "powered itself off");
                finish(g, EXIT_SUCCESS);
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
                stop(g);
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
        g->signals = (Io) {.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .function = on_signal, .userdata = g};
        if (g->signals.fd < 0)
                return negative_errno();
        return loop_watch(&g->loop, &g->signals, EPOLLIN);
}

static int prepare(Guest *g) {
        const Options *o = g->options;
        int r;

        r = loop_open(&g->loop);
        if (r < 0)
                return r;
        journal_attach(g->journal, &g->loop);
        r = watch_signals(g);
        if (r < 0)
                return r;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return negative_errno();

        /* UML makes ./NAME/mconsole, and wants that directory for itself; `mconsole` is where people look for it. */
        (void) snprintf(g->socket, sizeof(g->socket), "./%s/mconsole", o->name);
        (void) unlink("mconsole");
        if (symlink(g->socket + 2, "mconsole") < 0)
                return negative_errno();

        r = monitor_new(&g->monitor, &g->loop, g->socket, NOTIFY_SOCKET_NAME, on_notification, g);
        if (r >= 0)
                r = control_new(&g->control, &g->loop, CONTROL_SOCKET_NAME, on_control, g);
        if (r >= 0)
                r = console_new(&g->early, &g->loop, g->journal, "stderr", false);
        for (size_t i = 0; r >= 0 && i < o->n_lines; i++)
                if (o->lines[i].kind == CONSOLE_PTY)
                        r = console_new(&g->consoles[i], &g->loop, g->journal, o->lines[i].name, true);
        return r;
}

static void release(Guest *g) {
        if (g->kernel > 0)
                (void) kill_all(g->kernel);
        for (size_t i = 0; i < g->options->n_lines; i++)
                console_free(g->consoles[i]);
        console_free(g->early);
        monitor_free(g->monitor);
        control_free(g->control);
        free(g->disks);
        safe_close(g->signals.fd);
        journal_attach(g->journal, NULL);
        loop_close(&g->loop);
}

int guest_run(const Options *o, Journal *journal) {
        Guest g = {
                .options = o,
                .journal = journal,
                .signals.fd = -EBADF,
                .rung_timer = {.function = on_rung_timer, .userdata = &g},
                .poll_timer = {.function = look_at_mounts, .userdata = &g},
        };
        int r;

        if (preflight(o, journal) < 0)
                return STATUS_UNAVAILABLE;

        r = prepare(&g);
        if (r < 0) {
                failure(journal, "The guest's sockets cannot be made in %s: %s", o->runtime_directory, strerror(-r));
                g.status = STATUS_OS;
        } else if (launch(&g) < 0)
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
