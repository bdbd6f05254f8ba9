/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "domain-xml.h"
#include "util.h"

/* Messages about one text, on their way to a ReportFunction: clean, of bounded length, and of bounded number, because a
 * hostile text shall not fill a log. */

#define REPORTS_MAX 50       /* warnings about one text, and errors */
#define REPORT_TEXT_MAX 600  /* bytes of one message: it has to fit into a line of the kernel's log, and of a unit */

typedef struct Reporter {
        ReportFunction report;
        void *userdata;
        unsigned n[2]; /* said so far, by severity */
        bool failed, out_of_memory;
} Reporter;

/* A foreign text is shown only through `%s` of this function, which cleans and shortens the whole. An error sets
 * failed. */
void reporter_say(Reporter *r, Severity severity, unsigned line, unsigned column, const char *format, ...) PRINTF_LIKE(5, 6);
void reporter_say_list(Reporter *r, Severity severity, unsigned line, unsigned column, const char *format, va_list ap) PRINTF_LIKE(5, 0);

/* Whether a message of that severity would still be shown: finding its place may be work. */
static inline bool reporter_has_room(const Reporter *r, Severity severity) {
        return r->n[severity] < REPORTS_MAX;
}

/* Says how many messages were left out. */
void reporter_end(Reporter *r);

/* What the function that read the text returns: 0, -EBADMSG after an error, -ENOMEM. */
int reporter_result(const Reporter *r);
