/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stopping a guest: a ladder of ways, from asking it to killing it. Each rung has its time; what ends the guest ends the
 * ladder, in guest.c, where the kernel's end is noticed. */

#include <signal.h>

#include "failure.h"
#include "life.h"
#include "notify.h"

#define POLL_INTERVAL (100 * USEC_PER_MSEC) /* between looks at the guest's mounts and disks */
#define QUIET_LOOKS 2                       /* so often its disks must be seen unchanged */
#define MARGIN 10                           /* seconds that systemd is asked for beyond what a rung may take */

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

void guest_ask_cad(Guest *g, CadAnswer answer) {
        int r;

        g->cad_answer = answer;
        r = monitor_request(g->monitor, "proc sys/kernel/ctrl-alt-del", REQUEST_TIMEOUT, on_cad_setting, g);
        if (r < 0)
                cad_done(g, r, NULL);
}

const char *request_failure(int result) {
        return result == -ETIMEDOUT ? "it does not answer its mconsole" : result == -ENOTCONN ? "its mconsole is not there" : strerror(-result);
}

/* The ladder: from asking politely to killing. Each rung has its time; if the guest is not gone by then, the next. */

static void climb(Guest *g, RungIndex rung);

/* After a request that had no answer. UML removes its socket when it goes down (-ENOTCONN): it is on its way then, and the
 * rung's time is its bound. A kernel that is deaf to one request may still hear the next: `proc` and others wait for the
 * guest's work queue, `go`, `sysrq` for its interrupts alone. */
static void go_on(Guest *g, int result, RungIndex next) {
        if (result == -ENOTCONN)
                return;
        warn(g, "Stopping: the guest's kernel cannot be asked: %s", request_failure(result));
        climb(g, next);
}

static bool has_failed(int result) {
        return result < 0 && result != -EREMOTEIO; /* a refusal is an answer */
}

static void on_stop_cad(Guest *g, int result, const char *reason) {
        if (g->rung != RUNG_CAD || result >= 0)
                return;
        if (!reason) {
                go_on(g, result, RUNG_SYNC);
                return;
        }
        info(g, "The guest is not asked to shut down: %s", reason);
        climb(g, RUNG_SYNC);
}

static void on_go(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_CAD)
                return;
        if (has_failed(result))
                go_on(g, result, RUNG_SYNC);
        else
                guest_ask_cad(g, on_stop_cad);
}

static void begin_cad(Guest *g) {
        guest_ask(g, "go", on_go); /* in case somebody has stopped it by mconsole: it would only queue what follows */
}

static void on_sync(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_SYNC)
                return;
        if (has_failed(result)) /* not even interrupts are served */
                go_on(g, result, RUNG_TERM);
        else
                climb(g, RUNG_REMOUNT);
}

static void begin_sync(Guest *g) {
        guest_ask(g, "sysrq s", on_sync);
}

/* Of any length: names below /dev/mapper are long. */
static const char *next_field(const char *s) {
        s += strcspn(s, " \n");
        return *s == ' ' ? s + 1 : s;
}

/* Whether a mount table, as /proc/PID/mounts has it, has a file system on a device that can still be written. (A hostfs
 * root is called /dev/root, too, and is none.) */
static bool something_is_writable(const char *mounts) {
        for (const char *line = mounts; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *type = next_field(next_field(line)), *options = next_field(type); /* device, place, type, options */

                if (after_prefix(line, "/dev/") && !after_prefix(type, "hostfs ") && after_prefix(options, "rw"))
                        return true;
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
        if (has_failed(result)) { /* perhaps it is busy with just this */
                look_again(g);
                return;
        }
        if (result == 0 && g->disks && streq(g->disks, reply->text ?: ""))
                g->quiet_looks++;
        else
                g->quiet_looks = 0;
        free(g->disks);
        g->disks = strdup(reply->text ?: "");
        g->settled = g->quiet_looks >= QUIET_LOOKS;
        if (g->settled)
                climb(g, RUNG_HALT);
        else
                look_again(g);
}

static void on_mounts(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_REMOUNT)
                return;
        if (result == 0 && !something_is_writable(reply->text ?: ""))
                guest_ask(g, "proc diskstats", on_disks);
        else
                look_again(g);
}

/* `sysrq u` returns before the work is done, and the kernel has no event for its end. */
void guest_on_poll_timer(void *userdata) {
        Guest *g = userdata;

        if (g->rung == RUNG_REMOUNT)
                guest_ask(g, "proc 1/mounts", on_mounts);
}

static void on_remount(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_REMOUNT)
                return;
        if (has_failed(result))
                go_on(g, result, RUNG_HALT);
        else
                guest_on_poll_timer(g);
}

static void begin_remount(Guest *g) {
        guest_ask(g, "sysrq u", on_remount);
}

static void on_halt(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung == RUNG_HALT && result < 0)
                go_on(g, result, RUNG_TERM);
}

static void begin_halt(Guest *g) {
        guest_ask(g, "halt", on_halt);
}

static void begin_term(Guest *g) {
        if (g->kernel > 0)
                (void) kill(g->kernel, SIGTERM);
}

static void begin_kill(Guest *g) {
        if (g->kernel <= 0)
                return;
        /* Ends in SIGCHLD; guest.c takes care of what is left. */
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

void guest_on_rung_timer(void *userdata) {
        Guest *g = userdata;
        RungIndex next;

        if (g->rung == RUNG_KILL) { /* not even SIGKILL: it hangs in the host's kernel */
                failure(g->journal, "The guest's kernel (process %ld) cannot be killed", (long) g->kernel);
                guest_finish(g, STATUS_KILLED);
                return;
        }
        warn(g, "After %u s the guest is still there", ladder[g->rung].seconds ?: g->options->stop_timeout);
        next = g->rung + 1;
        g->rung = next; /* so that the cancelled requests change nothing */
        monitor_cancel(g->monitor, -ECANCELED);
        climb(g, next);
}

void guest_stop(Guest *g) {
        if (g->phase == PHASE_STOPPING)
                return;
        g->phase = PHASE_STOPPING;
        notify("STOPPING=1");
        loop_clear_timer(&g->loop, &g->reload_timer);
        monitor_cancel(g->monitor, -ECANCELED); /* what others asked would come before what the ladder asks */
        if (!g->up)
                climb(g, RUNG_TERM);
        else
                climb(g, g->options->stop_method == STOP_CAD && g->options->stop_timeout > 0 ? RUNG_CAD : RUNG_SYNC);
}
