/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* uml-keeper is the parent of one kernel process, and lives as long as that does: so the helper can be replaced, and still
 * there is always somebody who sees the kernel's end at once, kills what it leaves, and knows its wait status.
 *
 *      uml-keeper KERNEL ARGV0 [ARGUMENT…]
 *
 * Descriptor 0 is one end of a socket pair (SEQPACKET); the helper has the other one, and a copy of that is in the service
 * manager's store. A keeper of one version may meet a helper of another: what follows must not change.
 *
 * From the keeper: a KeeperMessage. First KEEPER_STARTED or KEEPER_FAILED; when all is over, KEEPER_ENDED.
 * To the keeper: one byte, a signal for the kernel; SIGKILL is for all processes of the guest.
 * The end of file at the keeper's side: nobody is left who could want the guest, and none will come; all of it is killed. */

#define KEEPER_FD 0

enum {
        KEEPER_STARTED = 1, /* value: the kernel's process id */
        KEEPER_FAILED = 2,  /* value: the negative errno of what could not be done */
        KEEPER_ENDED = 3,   /* value: the kernel's wait status; rest: 1 if some process could not be killed */
};

typedef struct KeeperMessage {
        int32_t kind;
        int32_t value;
        int32_t rest;
} KeeperMessage;
