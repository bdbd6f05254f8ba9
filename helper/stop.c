/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stopping a guest: a ladder of ways, from asking it to killing it. Each rung has its time; what ends the guest ends the
 * ladder, in guest.c, where the kernel's end is noticed. */

#include <signal.h>

#include "failure.h"
#include "life.h"
#include "notify.h"

#define POLL_INTERVAL (100 * USEC_PER_MSEC) /* between looks at the guest's mounts and disks */
#define QUIET_LOOKS 2                       /* so often its disks must be seen unchanged */
#define REMOUNT_INTERVAL USEC_PER_SEC       /* a guest that can still be written is remounted again */
#define MARGIN 10                           /* seconds that systemd is asked for beyond what a rung may take */
#define STATUS_INTERVAL USEC_PER_SEC

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

/* Whether the guest's init is asked. */
static bool asks_first(const Guest *g) {
        return g->options->stop_method == STOP_CAD && g->options->stop_timeout > 0 && g->first_rung == RUNG_NONE;
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
        bool asks = asks_first(userdata);
        Guest *g = userdata;

        if (g->rung != RUNG_GO || g->keeper.fd < 0)
                return;
        g->suspended = false;
        if (has_failed(result) && result != -ENOTCONN)
                go_on(g, result, RUNG_SYNC);
        else
                climb(g, asks ? RUNG_CAD : RUNG_SYNC);
}

/* In case somebody has suspended it, also behind our back, by uml_mconsole: it would only queue a ctrl-alt-del, write
 * nothing to its disks, and end a halt with SIGABRT. One that goes says so, and that is all. */
static void begin_go(Guest *g) {
        guest_ask(g, "go", on_go);
}

static void begin_cad(Guest *g) {
        guest_ask_cad(g, on_stop_cad);
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

static void begin_remount(Guest *g);

/* A guest that boots may have mounted its disk, or made it writable, right after it was asked. */
static void on_mounts(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        if (g->rung != RUNG_REMOUNT)
                return;
        if (result == 0 && !something_is_writable(reply->text ?: ""))
                guest_ask(g, "proc diskstats", on_disks);
        else if (result == 0 && now_usec() >= g->remounted_at + REMOUNT_INTERVAL)
                begin_remount(g);
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
        g->remounted_at = now_usec();
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
        kernel_signal(g, SIGTERM);
}

static void begin_kill(Guest *g) {
        kernel_signal(g, SIGKILL);
}

/* The ladder: from asking politely to killing. Each rung has its time; if the guest is not gone by then, the next. The sum of
 * the times is the bound of a stop. */
static const struct Rung {
        const char *name; /* UML_RUNG= in the journal */
        const char *what; /* is done; completes "Stopping: …" */
        unsigned seconds; /* 0: as configured */
        void (*begin)(Guest *g);
} ladder[_RUNG_MAX] = {
        [RUNG_GO] =      {"go",      "the guest is seen to",                             10, begin_go},
        [RUNG_CAD] =     {"cad",     "the guest shuts itself down (ctrl-alt-del)",       0,  begin_cad},
        [RUNG_SYNC] =    {"sync",    "the guest's file systems are synced",              10, begin_sync},
        [RUNG_REMOUNT] = {"remount", "the guest's file systems are remounted read-only", 10, begin_remount},
        [RUNG_HALT] =    {"halt",    "the guest is halted",                              5,  begin_halt},
        [RUNG_TERM] =    {"term",    "the guest's kernel is terminated",                 5,  begin_term},
        [RUNG_KILL] =    {"kill",    "the guest's processes are killed",                 10, begin_kill},
};

static unsigned rung_seconds(const Guest *g, RungIndex rung) {
        return ladder[rung].seconds ?: g->options->stop_timeout;
}

static void show_rung(Guest *g) {
        uint64_t now = now_usec();

        notify("STATUS=Stopping: %s (%llu s left)", ladder[g->rung].what,
               g->rung_end > now ? (unsigned long long) ((g->rung_end - now + USEC_PER_SEC / 2) / USEC_PER_SEC) : 0);
        loop_set_timer(&g->loop, &g->rung_status_timer, STATUS_INTERVAL);
}

void guest_on_rung_status_timer(void *userdata) {
        show_rung(userdata);
}

static void climb(Guest *g, RungIndex rung) {
        const struct Rung *r = &ladder[rung];
        unsigned seconds = rung_seconds(g, rung);
        char fields[64];

        g->rung = rung;
        g->rung_end = now_usec() + seconds * USEC_PER_SEC;
        notify("EXTEND_TIMEOUT_USEC=%llu", (unsigned long long) (seconds + MARGIN) * USEC_PER_SEC);
        show_rung(g);
        (void) snprintf(fields, sizeof(fields), "UML_RUNG=%s\n", r->name);
        if (rung != RUNG_GO) /* which is no news */
                journal_event(g->journal, rung >= RUNG_TERM ? PRIORITY_WARNING : PRIORITY_INFO, EVENT_STOPPING, fields, "Stopping: %s", r->what);
        loop_set_timer(&g->loop, &g->rung_timer, seconds * USEC_PER_SEC);
        r->begin(g);
}

void guest_stop_ended(Guest *g) {
        loop_clear_timer(&g->loop, &g->rung_timer);
        loop_clear_timer(&g->loop, &g->rung_status_timer);
        loop_clear_timer(&g->loop, &g->poll_timer);
}

void guest_on_rung_timer(void *userdata) {
        Guest *g = userdata;
        RungIndex next;

        if (g->rung == RUNG_KILL) { /* not even SIGKILL: it hangs in the host's kernel */
                failure(g->journal, "The guest's kernel (process %ld) cannot be killed", (long) g->kernel);
                guest_finish(g, STATUS_KILLED);
                return;
        }
        warn(g, "After %u s the guest is still there", rung_seconds(g, g->rung));
        next = g->rung + 1;
        g->rung = next; /* so that the cancelled requests change nothing */
        monitor_cancel(g->monitor, -ECANCELED);
        climb(g, next);
}

void guest_stop(Guest *g, RungIndex first) {
        if (g->phase == PHASE_STOPPING)
                return;
        g->phase = PHASE_STOPPING;
        g->first_rung = first;
        state_save(g);
        if (g->next != NEXT_ANEW) /* to systemd this is the beginning of a start */
                notify("STOPPING=1");
        loop_clear_timer(&g->loop, &g->reload_timer);
        monitor_cancel(g->monitor, -ECANCELED); /* what others asked would come before what the ladder asks */
        climb(g, g->up ? RUNG_GO : RUNG_TERM);
}
