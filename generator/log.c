/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "log.h"
#include "util.h"

#define KMSG_LINE_MAX 900 /* devkmsg_write() refuses more than LOG_LINE_MAX, 1024 less a prefix */

static bool use_kmsg;

void log_to_kmsg(bool yes) {
        use_kmsg = yes;
}

void log_line(int level, const char *line) {
        _cleanup_close_ int fd = -EBADF;
        char record[KMSG_LINE_MAX + 64];
        int n;

        (void) fprintf(stderr, "%s\n", line);
        if (!use_kmsg)
                return;

        fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return; /* stderr has it */
        n = snprintf(record, sizeof(record), "<%d>uml-generator[%ld]: %.*s", level, (long) getpid(), KMSG_LINE_MAX, line);
        if (n > 0)
                (void) write_all(fd, record, (size_t) n);
}
