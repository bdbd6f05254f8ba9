/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Starts the kernel: a child with a clean environment and clean signals, without address space randomisation where that
 * is allowed, stdin from /dev/null, stdout and stderr to `output`, and of all other descriptors only the `keep` ones, under
 * the same numbers. Returns its pid, or the negative errno of what failed, execve() included. */
pid_t launch_kernel(const char *path, char *const argv[], int output, const int *keep, size_t n_keep);

/* Ends every process below this one, and reaps it. A UML kernel that is killed sets its guest's processes free, as
 * ordinary processes of the host that run on with the guest's code (Linux 6.1 and 6.12; no PTRACE_O_EXITKILL): so all of
 * them are killed, until none is left. This process must be their subreaper. kernel: the pid of the kernel that is to be
 * killed with its process group first, or 0. Gives up after a while, for what even SIGKILL does not end at once.
 *
 * Returns 0, or -EBUSY if something is left. */
int kill_all(pid_t kernel);
