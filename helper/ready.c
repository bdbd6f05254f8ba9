/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When the guest is up, for systemd: once its kernel answers on its mconsole, and, if that is wanted, a line of a console has
 * matched a pattern, or the guest has said so itself through /proc/mconsole. Nothing else that a guest prints or says
 * becomes a state of the unit. */

#include "failure.h"
#include "life.h"
#include "notify.h"

#define GUEST_WORD "READY=1"
#define READY_MARGIN 10 /* seconds that systemd is asked for beyond the guest's own time to come up */

static void become_ready(Guest *g) {
        g->ready = true;
        state_save(g);
        loop_clear_timer(&g->loop, &g->ready_timer);
}

/* In words, what has not come yet. */
static const char *missing(const Guest *g) {
        if (g->phase == PHASE_BOOTING)
                return "its mconsole did not answer";
        return g->options->ready_when == READY_CONSOLE ? "no line of its console matched the pattern"
                                                       : "it did not write " GUEST_WORD " to /proc/mconsole";
}

void ready_check(Guest *g) {
        const Options *o = g->options;

        if (g->phase != PHASE_RUNNING)
                return;
        if (g->ready || o->ready_when == READY_MCONSOLE || g->has_said_ready) {
                notify("STATUS=Running: Linux %s\n%s", g->release, g->ready ? "" : "READY=1");
                become_ready(g);
                return;
        }
        if (o->ready_when == READY_CONSOLE)
                notify("STATUS=Booting: Linux %s; %s has not matched '%s' yet", g->release, o->ready_line, o->ready_pattern);
        else
                notify("STATUS=Booting: Linux %s; the guest has not said " GUEST_WORD " yet", g->release);
}

void ready_force(Guest *g) {
        notify("READY=1");
        become_ready(g);
}

static void guest_says_ready(Guest *g) {
        if (g->has_said_ready)
                return;
        g->has_said_ready = true;
        state_save(g);
        if (g->phase == PHASE_RUNNING)
                ready_check(g);
}

static void on_line(void *userdata, const char *line) {
        Guest *g = userdata;

        if (!g->has_said_ready && regexec(&g->ready_pattern, line, 0, NULL, 0) == 0)
                guest_says_ready(g);
}

void ready_on_message(Guest *g, const char *text) {
        const char *rest = after_prefix(text, GUEST_WORD);

        if (g->options->ready_when == READY_MESSAGE && rest && (!*rest || *rest == '\n'))
                guest_says_ready(g);
}

/* Such a guest may have its file systems mounted, but it cannot be asked to unmount them. Who ends the helper here has its
 * processes killed. */
static void on_timer(void *userdata) {
        Guest *g = userdata;
        const char *last = guest_last_words(g);

        if (g->phase == PHASE_STOPPING)
                return;
        failure(g->journal, "The guest '%s' has not come up: %s within %u s (ready timeout), so it is killed%s%s", g->options->name, missing(g),
                g->options->ready_timeout, *last ? "; it last said: " : "", last);
        guest_finish(g, STATUS_UNAVAILABLE);
}

int ready_prepare(Guest *g) {
        const Options *o = g->options;

        g->ready_timer = (Timer) {.function = on_timer, .userdata = g};
        if (o->ready_when != READY_CONSOLE)
                return 0;
        if (regcomp(&g->ready_pattern, o->ready_pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return -ENOMEM; /* it was compiled before, when it was read */
        g->has_pattern = true;
        for (size_t i = 0; i < o->n_lines; i++)
                if (streq(o->lines[i].name, o->ready_line) && g->consoles[i]) {
                        console_watch_lines(g->consoles[i], on_line, g);
                        return 0;
                }
        failure(g->journal, "The start is to wait for a pattern on %s, but there is no such line, or it is null; give it another kind", o->ready_line);
        return -EINVAL;
}

void ready_begin(Guest *g) {
        unsigned seconds = g->options->ready_timeout;

        loop_set_timer(&g->loop, &g->ready_timer, seconds * USEC_PER_SEC);
        notify("EXTEND_TIMEOUT_USEC=%llu", (unsigned long long) (seconds + READY_MARGIN) * USEC_PER_SEC);
}

void ready_release(Guest *g) {
        if (g->has_pattern)
                regfree(&g->ready_pattern);
}
