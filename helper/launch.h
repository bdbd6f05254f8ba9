/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Starts a kernel below a keeper of its own: a process with a clean environment and clean signals, without address space
 * randomisation where that is allowed, stdin from /dev/null, stdout and stderr to `output`, and of all other descriptors
 * only the `keep` ones, under the same numbers. keeper: the path of uml-keeper.
 *
 * Returns the socket to the keeper (keeper.h), which does not block and is the caller's, and in ret_kernel the kernel's pid;
 * or the negative errno of what failed, execve() of the kernel included. */
int launch_kernel(const char *keeper, const char *kernel, char *const argv[], int output, const int *keep, size_t n_keep, pid_t *ret_kernel);
