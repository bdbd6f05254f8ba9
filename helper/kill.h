/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/* A UML kernel that is killed sets its guest's processes free, as ordinary processes of the host that run on with the
 * guest's code (Linux 6.1 and 6.12; no PTRACE_O_EXITKILL). So whatever ends a kernel, all of them are killed at once. */

/* Ends every process below this one, and reaps it, until none is left; this process must be their subreaper. kernel: the
 * pid of the kernel, whose process group is killed first, or 0. Gives up after a while, for what even SIGKILL does not end.
 *
 * Returns 0, or -EBUSY if something is left. */
int kill_children(pid_t kernel);

/* Ends every other process of this one's control group: what is left when nobody is there any more who was its parent.
 * Nothing, outside of a service's own group. Returns 0, or -EBUSY. */
int kill_group(void);
