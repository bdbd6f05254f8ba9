/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"

/* Logs an error. The first one is, as the cause of what follows, also the unit's status text: `systemctl status` shows it,
 * and goes on to show it when the service has failed. */
void failure(Journal *j, const char *format, ...) PRINTF_LIKE(2, 3);
