/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The project's own elements in <metadata>, for what libvirt has no word. */

#include <regex.h>

#include "elements.h"

bool begin_stop(Reader *r, xmlNode *n) {
        _cleanup_free_ char *method = reader_attribute(r, n, "method");

        if (method && stop_method_from_string(method, &r->domain->stop_method) < 0)
                error(r, n, "<stop>: method '%s' is neither cad nor halt", method);
        (void) reader_number(r, n, "timeout", TIMEOUT_MAX, &r->domain->stop_timeout);
        return true;
}

/* A repetition of repetitions, a{1,999}{1,999}, is gigabytes to regcomp(): such a pattern is left for the helper to try, where
 * it can harm no other guest. */
static bool pattern_is_bad(const char *pattern) {
        regex_t compiled;

        if (!*pattern)
                return true;
        if (strchr(pattern, '{'))
                return false;
        if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return true;
        regfree(&compiled);
        return false;
}

bool begin_ready(Reader *r, xmlNode *n) {
        _cleanup_free_ char *when = reader_attribute(r, n, "when"), *pattern = reader_attribute(r, n, "pattern");
        Domain *d = r->domain;

        r->ready = n;
        if (when)
                (void) ready_when_from_string(when, &d->ready_when); /* its type was checked */
        if (d->ready_when != READY_CONSOLE && (pattern || reader_has_attribute(n, "console")))
                error(r, n, "<ready>: console and pattern belong to when='console'");
        else if (d->ready_when == READY_CONSOLE) {
                d->ready_line = reader_attribute(r, n, "console");
                if (!d->ready_line)
                        d->ready_line = reader_allocated(r, strdup("con0"));
                if (!pattern || pattern_is_bad(pattern))
                        error(r, n, "<ready>: pattern '%s' is not an extended regular expression (regex(7)), which when='console' needs", pattern ?: "");
                d->ready_pattern = TAKE_PTR(pattern);
        }
        if (reader_number(r, n, "timeout", TIMEOUT_MAX, &r->domain->ready_timeout) && r->domain->ready_timeout == 0)
                error(r, n, "<ready>: a timeout of 0 would end every start; give at least 1 second");
        return true;
}

bool begin_replay(Reader *r, xmlNode *n) {
        if (reader_size(r, n, &r->domain->replay) && r->domain->replay > REPLAY_MAX)
                error(r, n, "<replay> of %llu bytes is refused: at most %u are kept", (unsigned long long) r->domain->replay, REPLAY_MAX);
        return true;
}

/* libvirt's own <watchdog> is the guest's; this one watches from outside, without the guest's help. */
bool begin_own_watchdog(Reader *r, xmlNode *n) {
        (void) reader_number(r, n, "timeout", TIMEOUT_MAX, &r->domain->watchdog_timeout);
        return true;
}
