/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* What the control group that this process is in may use, and what it was refused (cgroup-v2.rst of Linux). A controller that
 * is not enabled has no files, and then there is no limit. Version 1 is not looked at: systemd's own default is version 2
 * since 2019, and then its limits are all there. */

#define CGROUP_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"

/* The directory of the group that a file like /proc/self/cgroup names, below the mount; the caller frees it. -ENODATA: it
 * names none of version 2, or one that cannot be seen from this namespace. */
int cgroup_find(const char *self, const char *mount, char **ret);

/* What is left of a limit, in the group and all that it is in, up to the mount: the least of (limit - used). `used` is the
 * file that has what is taken already; NULL: the whole limit counts. UINT64_MAX if there is none. */
uint64_t cgroup_room(const char *directory, const char *mount, const char *limit, const char *used);

/* The counter of an event in one of the group's files (memory.events, pids.events); 0 if there is none. systemd makes a new
 * group, with new counters, for each start of a service. */
uint64_t cgroup_event(const char *directory, const char *file, const char *event);
