/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Messages of a generator. In early boot nothing reads its stderr, and the journal's socket must not be used (journald is
 * started by the manager that waits for us), so the system's generator writes to the kernel's log as well. Silent unless
 * there is something to say, so /dev/kmsg is opened at the first message. */

#define LOG_ERR 3
#define LOG_WARNING 4

void log_to_kmsg(bool yes);

/* One line; level as in syslog(3). */
void log_line(int level, const char *line);
