/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who hangs, and what is done about it. Two watchdogs:
 *
 * - The guest's own (harddog, <watchdog>): the guest has opened /dev/watchdog, and a minute after it was last served
 *   uml_watchdog tells.
 * - systemd's (WatchdogSec=). It hears WATCHDOG=1 as long as the helper's loop turns and the guest's kernel answers on its
 *   mconsole (`version` needs the kernel's work queue, so more of the kernel works than its interrupts). A helper that
 *   hangs is killed by systemd, and the next one takes the guest over. A kernel that hangs is the helper's to end, before
 *   systemd loses its patience with the wrong one. */

#include <signal.h>

#include "failure.h"
#include "life.h"
#include "notify.h"

#define ASKS_PER_TIME 5 /* so often is the kernel asked in the watchdog's time */
#define TELL_INTERVAL (10 * USEC_PER_SEC) /* a hostile kernel may say that it hangs, and that all the time */
#define HANGS_AFTER 3   /* such intervals without an answer to what was asked: within the time, with one to spare */

/* A kernel that boots or is on its way down is bounded otherwise, and one that stands still is to. */
static bool must_answer(const Guest *g) {
        return g->phase == PHASE_RUNNING && !g->suspended && !g->hung;
}

/* Ends a guest that hangs, by what the definition says. */
static void end_hung(Guest *g, WatchdogAction action) {
        if (action == WATCHDOG_SHUTDOWN) {
                g->by_manager = false;
                guest_stop(g, RUNG_NONE);
                return;
        }
        g->hung = true;
        state_save(g);
        kernel_signal(g, SIGKILL); /* its end is seen, and all that is left of it killed, as with any other */
}

void guest_watchdog_expired(Guest *g) {
        static const char *const done[_WATCHDOG_ACTION_MAX] = {
                [WATCHDOG_NONE] = "",
                [WATCHDOG_RESET] = "; it is reset",
                [WATCHDOG_SHUTDOWN] = "; it is stopped",
                [WATCHDOG_POWEROFF] = "; it is powered off",
        };
        uint64_t now = now_usec();
        WatchdogAction action = g->keeper.fd < 0 || g->phase == PHASE_STOPPING || g->suspended ? WATCHDOG_NONE : g->options->watchdog;

        if (g->hang_told > 0 && now - g->hang_told < TELL_INTERVAL)
                return;
        g->hang_told = now;
        journal_event(g->journal, PRIORITY_WARNING, EVENT_HANG, "", "The guest's watchdog was not served: it %s%s",
                      g->suspended ? "is suspended" : "hangs, or its daemon does", done[action]);
        if (action != WATCHDOG_NONE)
                end_hung(g, action);
}

/* Who sets WatchdogSec= wants something done: if the definition does not say what, a hang is a crash. */
static void kernel_hangs(Guest *g) {
        WatchdogAction action = g->options->watchdog;

        failure_event(g->journal, EVENT_HANG, "", "The guest '%s' hangs: its kernel has not answered for %.1f s (WatchdogSec=), so it is %s",
                      g->options->name, (double) (now_usec() - g->watchdog_asked) / USEC_PER_SEC, action == WATCHDOG_RESET ? "reset" : action == WATCHDOG_SHUTDOWN ? "stopped" : "killed");
        end_hung(g, action);
}

static void on_answer(void *userdata, int result, const MconsoleReply *reply) {
        Guest *g = userdata;

        g->watchdog_asked = 0;
        if (result == 0)
                notify("WATCHDOG=1");
}

static void ask_kernel(Guest *g) {
        g->watchdog_asked = now_usec();
        if (monitor_request(g->monitor, "version", g->watchdog_time, on_answer, g) < 0)
                g->watchdog_asked = 0;
}

static void on_timer(void *userdata) {
        Guest *g = userdata;
        uint64_t interval = g->watchdog_time / ASKS_PER_TIME, now = now_usec();
        /* It is we who were away (SIGSTOP, swapping, a log on a slow disk): the answer may be there, and just not read. */
        bool was_late = g->watchdog_due > 0 && now > g->watchdog_due + interval;

        g->watchdog_due = now + interval;
        loop_set_timer(&g->loop, &g->watchdog_timer, interval);
        if (g->watchdog_asked > 0 && (was_late || monitor_answered_at(g->monitor) >= g->watchdog_asked)) /* another request, before ours */
                g->watchdog_asked = now;
        if (!must_answer(g))
                notify("WATCHDOG=1");
        else if (g->watchdog_asked == 0)
                ask_kernel(g);
        else if (now - g->watchdog_asked >= HANGS_AFTER * interval)
                kernel_hangs(g);
}

void watchdog_begin(Guest *g) {
        const char *time = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
        uint64_t usec = 0, owner = (uint64_t) getpid();

        if (!time || parse_number(time, UINT64_MAX / 2, &usec) < 0 || usec == 0)
                return;
        if (pid && (parse_number(pid, INT32_MAX, &owner) < 0 || owner != (uint64_t) getpid()))
                return;
        g->watchdog_time = usec;
        g->watchdog_timer = (Timer) {.function = on_timer, .userdata = g};
        on_timer(g);
}
