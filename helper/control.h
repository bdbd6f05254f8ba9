/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loop.h"
#include "mconsole.h"

/* The socket `control` in the guest's runtime directory: mconsole's own request and reply packets, over SEQPACKET. Unlike
 * the guest's own socket it works across network namespaces, serves one request after the other, and always answers. */

typedef struct Control Control;
typedef struct ControlClient ControlClient;

/* Called with a client's request. Whoever gets it calls control_reply() once, then or later. */
typedef void (*ControlRequest)(void *userdata, ControlClient *client, const char *command);

int control_new(Control **ret, Loop *loop, const char *path, ControlRequest function, void *userdata);
Control *control_free(Control *c);

/* Ends the request; the client may be gone by then. Text of any length. */
void control_reply(ControlClient *client, bool failed, const char *text);

/* The other side: sends a command to a helper, waits for its answer until CLOCK_MONOTONIC says `timeout` microseconds have
 * passed. Returns 0 and the reply, which the caller frees with mconsole_reply_done(), -ETIMEDOUT, or another errno. */
int control_call(const char *path, const char *command, uint64_t timeout, MconsoleReply *ret);
