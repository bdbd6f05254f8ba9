/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/* The directory that UML makes for a running guest, DIRECTORY/NAME, with its pid file and its mconsole socket. If UML cannot
 * have it, it boots all the same, under a random name. That is so when there is a directory, or anything else, in NAME, and
 * when the pid file names a process that lives, whatever that is: so all must have gone before a kernel is started. */

/* In a guest's runtime directory. */
#define UMID_DIRECTORY "umid"

/* Whether a UML lives there: 1, and its pid, or 0 for that if its pid file does not say; 0: no; negative errno: it cannot be
 * told. It lives if its mconsole can be connected to. (What the pid file says proves nothing: pids are used again. But a
 * kernel that has just been started, and is not ready for its mconsole yet, is not noticed.) */
int umid_taken_by(const char *directory, const char *name, pid_t *ret);

/* What its pid file names, which may be long gone; 0 if there is none. */
pid_t umid_pid(const char *directory, const char *name);

/* Removes DIRECTORY and all that is below it, whatever a crash or the guest has left there; a guest can write to it if it has
 * a shared directory. -EBUSY, and nothing is removed: a UML lives there; else as tree_remove(). */
int umid_clear(const char *directory, const char *name);
