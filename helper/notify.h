/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util.h"

/* Tells the service manager (sd_notify(3)'s protocol, which is stable and documented): lines of NAME=value. Does nothing
 * without $NOTIFY_SOCKET. A failure is not the guest's concern, and there is nobody else to tell. */
void notify(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same, with a descriptor; false if there is no manager, or it does not take it. */
bool notify_with_fd(int fd, const char *format, ...) PRINTF_LIKE(2, 3);

/* Reads $NOTIFY_SOCKET and removes it from the environment. Returns whether there is a manager to be told. */
bool notify_open(void);
void notify_close(void);

/* What $NOTIFY_SOCKET was; NULL without a manager. */
const char *notify_path(void);
