/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "escape.h"
#include "report.h"

void reporter_say_list(Reporter *r, Severity severity, unsigned line, unsigned column, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;

        if (severity == SEVERITY_ERROR)
                r->failed = true;
        if (r->n[severity]++ >= REPORTS_MAX)
                return;
        if (vasprintf(&text, format, ap) < 0) {
                text = NULL;
                r->out_of_memory = true;
                return;
        }
        text_make_clean(text, REPORT_TEXT_MAX);
        r->report(r->userdata, severity, line, column, text);
}

void reporter_say(Reporter *r, Severity severity, unsigned line, unsigned column, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        reporter_say_list(r, severity, line, column, format, ap);
        va_end(ap);
}

static void say_rest(Reporter *r, Severity severity, const char *what) {
        char text[64];

        if (r->n[severity] <= REPORTS_MAX)
                return;
        (void) snprintf(text, sizeof(text), "and %u more %s about this file", r->n[severity] - REPORTS_MAX, what);
        r->report(r->userdata, severity, 1, 1, text);
}

void reporter_end(Reporter *r) {
        say_rest(r, SEVERITY_WARNING, "warnings");
        say_rest(r, SEVERITY_ERROR, "errors");
}

int reporter_result(const Reporter *r) {
        return r->out_of_memory ? -ENOMEM : r->failed ? -EBADMSG : 0;
}
