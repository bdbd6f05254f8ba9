/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util.h"

/* Tells the service manager (sd_notify(3)'s protocol, which is stable and documented): lines of NAME=value. Does nothing
 * without $NOTIFY_SOCKET. A failure is not the guest's concern, and there is nobody else to tell. */
void notify(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same, perhaps with a descriptor, and without any waiting: false if the manager has no room for it now. (Without a
 * manager all is told.) */
bool notify_now(int fd, const char *format, ...) PRINTF_LIKE(2, 3);

/* Waits a moment for room. */
void notify_await_room(void);

/* Reads $NOTIFY_SOCKET and removes it from the environment. Returns whether there is a manager to be told. */
bool notify_open(void);
void notify_close(void);

/* What $NOTIFY_SOCKET was; NULL without a manager. */
const char *notify_path(void);
