/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"

/* Logs an error. The first one is, as the cause of what follows, also the unit's status text: `systemctl status` shows it,
 * and goes on to show it when the service has failed. */
#define failure(j, ...) failure_event(j, NULL, "", __VA_ARGS__)

/* The same, for one of events.h; see journal_event(). */
void failure_event(Journal *j, const char *event, const char *fields, const char *format, ...) PRINTF_LIKE(4, 5);
