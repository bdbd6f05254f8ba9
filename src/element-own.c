/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The project's own elements in <metadata>, for what libvirt has no word. */

#include "elements.h"

#define REPLAY_MAX (16U << 20) /* bytes */

bool begin_stop(Reader *r, xmlNode *n) {
        _cleanup_free_ char *method = reader_attribute(r, n, "method");

        if (method && stop_method_from_string(method, &r->domain->stop_method) < 0)
                error(r, n, "<stop>: method '%s' is neither cad nor halt", method);
        (void) reader_number(r, n, "timeout", 86400, &r->domain->stop_timeout);
        return true;
}

bool begin_ready(Reader *r, xmlNode *n) {
        _cleanup_free_ char *when = reader_attribute(r, n, "when");

        if (when && !streq(when, "mconsole"))
                warning(r, n, "<ready>: when '%s' is refused: this version of uml-systemd waits for the guest's mconsole to answer, and so it does here", when);
        if (reader_number(r, n, "timeout", 86400, &r->domain->ready_timeout) && r->domain->ready_timeout == 0)
                error(r, n, "<ready>: a timeout of 0 would end every start; give at least 1 second");
        return true;
}

bool begin_replay(Reader *r, xmlNode *n) {
        if (reader_size(r, n, &r->domain->replay) && r->domain->replay > REPLAY_MAX)
                error(r, n, "<replay> of %llu bytes is refused: at most %u are kept", (unsigned long long) r->domain->replay, REPLAY_MAX);
        return true;
}
