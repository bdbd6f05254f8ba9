/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure.h"
#include "notify.h"

void failure_event(Journal *j, const char *event, const char *fields, const char *format, ...) {
        static bool told;
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                text = NULL;

        journal_event(j, PRIORITY_ERR, event, fields, "%s", text ?: "out of memory");
        if (!told)
                notify("STATUS=%s", text ?: "out of memory");
        told = true;
}
