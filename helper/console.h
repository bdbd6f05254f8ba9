/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "journal.h"
#include "loop.h"

/* One line of the guest's (con0, ssl3, or what the kernel prints on its stderr): the kernel has one end of a socketpair,
 * all else is behind the other end, here. Its output goes to the journal, to files and to every client; clients are who
 * connects to NAME.sock, and who opens the pty that NAME.pty leads to, both in the current directory. A client is first sent
 * the last output before it came.
 *
 * The guest is never slowed: what a client does not read as long as it is kept for newcomers, it loses, and is told so. */

typedef struct Console Console;

/* Tells when a pty is opened: one for all consoles, because a user has only so many inotify instances (128, of all of
 * the user's programs). A console that is on it must not outlive it. */
typedef struct PtyWatcher {
        Loop *loop;
        Io io;
        Console *consoles;
} PtyWatcher;

int pty_watcher_open(PtyWatcher *w, Loop *loop);
void pty_watcher_close(PtyWatcher *w);

/* name is kept by reference. Only the journal listens as yet. */
int console_new(Console **ret, Loop *loop, Journal *journal, const char *name);
Console *console_free(Console *c);

/* Makes the socket and, with a watcher that is open, the pty link; either at most once. What an earlier helper had of them, and
 * its clients, are taken over. replay: so many bytes of output are
 * kept for newcomers and slow readers. */
int console_accept_clients(Console *c, size_t replay, PtyWatcher *watcher);

/* Output goes to this file as well (at most two of them), which is opened by this, or taken over, as it is, from an earlier
 * helper. path is kept by reference. Negative errno
 * as of sink_open(). */
int console_add_file(Console *c, const char *path, bool truncate);

/* Calls the function for each line of output, also one that is unfinished for a moment (a prompt): cleaned, at most 256
 * bytes. NULL: no more. */
void console_watch_lines(Console *c, void (*function)(void *userdata, const char *line), void *userdata);

/* A new socketpair for a kernel that is about to start; returns the kernel's end, which is the caller's. Whatever the
 * last kernel left is over. */
int console_connect(Console *c);

/* Instead, for a kernel that runs already: takes over the socketpair of the helper before this one. -ENOENT if there is none;
 * the kernel's end is as it was. */
int console_resume(Console *c);

/* After the kernel's end: reads what is left, and lets go. Nobody may hold the kernel's end any more. */
void console_disconnect(Console *c);

/* The last line that the kernel printed about its own end ("reboot: Power down"), since it was connected; "" if none. */
const char *console_reboot_line(const Console *c);

/* The last line, for a message; "" if there was none. Cleaned; at most 256 bytes. */
const char *console_last_line(const Console *c);
