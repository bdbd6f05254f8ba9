/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "loop.h"

/* Descriptors that outlive the helper: the service manager keeps a copy of each (sd_pid_notify_with_fds(3),
 * FileDescriptorStoreMax=) and gives them to the next helper of the same service, if this one is killed or crashes. A
 * helper that ends as it should leaves nothing there.
 *
 * Who needs a descriptor asks here for one of its name first, and makes it if there is none. So every part of the helper
 * takes over what is its own, and needs to know nothing of the others.
 *
 * Without a manager that keeps anything, nothing is there and nothing is kept. One store for the process, as there is one
 * manager. */

#define STORE_NAME_SIZE 32

/* Receives what the manager has kept ($LISTEN_FDS and so on, which are removed from the environment). After
 * notify_open(). */
void store_open(void);

/* Whether there is something of this name, which nobody has taken yet. */
bool store_has(const char *name);

/* Gives the descriptor of a name to the caller, who owns it, and goes on being kept. -ENOENT: there is none. */
int store_take(const char *name);

/* The same, without giving it; it stays the store's. */
int store_peek(const char *name);

/* The name of something that nobody has taken yet, and that begins so; NULL if there is none. */
const char *store_find(const char *prefix);

/* From now on what the manager had no room for is told it again by the loop; NULL: no more. */
void store_attach(Loop *loop);

/* Has the manager keep a copy. The caller goes on owning the descriptor, and calls store_remove() before closing it. */
void store_add(const char *name, int fd);
void store_remove(const char *name);

/* Closes what nobody has taken, and has the manager forget it. */
void store_close_rest(void);

/* Has the manager forget everything; waits, but not for ever, until it was told. */
void store_clear(void);

/* Replaces this process by another program, which finds in its store all that is in this one. Returns only on failure,
 * negative errno; descriptors may be lost then, but for the manager's copies. */
int store_exec(const char *path, char *const argv[]);
