/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "failure.h"
#include "notify.h"

void failure(Journal *j, const char *format, ...) {
        static bool told;
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                text = NULL;

        journal_log(j, PRIORITY_ERR, "%s", text ?: "out of memory");
        if (!told)
                notify("STATUS=%s", text ?: "out of memory");
        told = true;
}
