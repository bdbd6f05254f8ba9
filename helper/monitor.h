/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "mconsole.h"

/* The helper's side of the guest's mconsole: one request at a time (the kernel may answer several in any order), in order,
 * each with a bound on its time; and the notifications that the kernel sends.
 *
 * A reply that comes too late cannot be taken for the next one's: after a time-out the next request has another socket. */

typedef struct Monitor Monitor;

/* result: 0 and a reply; -EREMOTEIO and a reply whose text says why the kernel refused; -ETIMEDOUT: the guest did not answer
 * in time; -ENOTCONN: there is no mconsole (any more); other negative errno. The reply is valid during the call only. */
typedef void (*MonitorReply)(void *userdata, int result, const MconsoleReply *reply);

/* text is NUL-terminated and otherwise whatever the guest sent. */
typedef void (*MonitorNotification)(void *userdata, MconsoleNotification kind, const char *text);

/* Both paths are relative to the current directory, so that they fit into a socket address however deep it is. Binds the
 * socket for notifications at once, or takes it from the store. */
int monitor_new(Monitor **ret, Loop *loop, const char *socket_path, const char *notify_path, MonitorNotification function, void *userdata);
Monitor *monitor_free(Monitor *m);

/* timeout in microseconds, from when the request is sent. The function is called exactly once, later; not if -ENOMEM or
 * -E2BIG is returned. */
int monitor_request(Monitor *m, const char *command, uint64_t timeout, MonitorReply function, void *userdata);

/* When the kernel last answered (CLOCK_MONOTONIC, microseconds), or the monitor was made, if it never has. */
uint64_t monitor_answered_at(const Monitor *m);

/* Ends every request, the one under way too, with the given result. Functions called for it ask nothing new. */
void monitor_cancel(Monitor *m, int result);

/* The kernel is gone: handles the notifications that wait, ends every request with -ENOTCONN. */
void monitor_disconnect(Monitor *m);
