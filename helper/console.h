/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "journal.h"
#include "loop.h"

/* One line of the guest's (con0, ssl3, or what the kernel prints on its stderr): the kernel has one end of a socketpair,
 * all else is behind the other end, here. Its output goes to the journal and to every client; clients are who connects to
 * NAME.sock, and who opens the pty that NAME.pty leads to, both in the current directory.
 *
 * The guest is never slowed: what a client does not read, it loses, and is told so. */

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

/* With a watcher: makes socket and pty link, or, if the watcher is not open, the socket alone; without one only the journal
 * listens. name is kept by reference. */
int console_new(Console **ret, Loop *loop, Journal *journal, const char *name, PtyWatcher *watcher);
Console *console_free(Console *c);

/* A new socketpair for a kernel that is about to start; returns the kernel's end, which is the caller's. Whatever the
 * last kernel left is over. */
int console_connect(Console *c);

/* After the kernel's end: reads what is left, and lets go. Nobody may hold the kernel's end any more. */
void console_disconnect(Console *c);

/* The last line that the kernel printed about its own end ("reboot: Power down"), since it was connected; "" if none. */
const char *console_reboot_line(const Console *c);

/* The last line, for a message; "" if there was none. Cleaned; at most 256 bytes. */
const char *console_last_line(const Console *c);
