/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "loop.h"
#include "util.h"

/* Records for the journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL, stable). Never blocks: what
 * journald does not take at once waits here, up to a bound; what is above it is counted, and the count is told when
 * journald is back. Where stderr is no journal (a helper started by hand) the texts go there instead. */

#define PRIORITY_ERR 3
#define PRIORITY_WARNING 4
#define PRIORITY_NOTICE 5
#define PRIORITY_INFO 6
#define PRIORITY_DEBUG 7

typedef struct Journal Journal;

/* name and uuid go into each record: SYSLOG_IDENTIFIER=uml-NAME, UML_DOMAIN=, UML_DOMAIN_UUID=. uuid may be "".
 *
 * name NULL: for a process that ends at once. journald asks /proc for a record's unit, and would come too late; a line on
 * stderr has the unit from the stream that it came by. */
int journal_new(Journal **ret, const char *name, const char *uuid);

/* From now on waiting records are sent by the loop. */
void journal_attach(Journal *j, Loop *loop);

/* One line of the guest's, with UML_CONSOLE=. The text is data: it may contain anything. */
void journal_console(Journal *j, int priority, const char *console, const char *text, size_t size);

/* One message of the helper's own. */
void journal_log(Journal *j, int priority, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same, for one of events.h, with more fields: "NAME=value\n" each, or "". */
void journal_event(Journal *j, int priority, const char *event, const char *fields, const char *format, ...) PRINTF_LIKE(5, 6);
void journal_vevent(Journal *j, int priority, const char *event, const char *fields, const char *format, va_list ap) PRINTF_LIKE(5, 0);

/* Waits, but not for ever, until journald has received all; frees it. Takes NULL. */
void journal_close(Journal *j);
