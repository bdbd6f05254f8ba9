/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What preflight.c and the files that have its checks share, and nobody else. */

#include "failure.h"
#include "options.h"

typedef struct Check {
        const Options *options;
        Journal *journal;
        int failures;
} Check;

/* What keeps the guest from starting. */
#define problem(c, format, ...)                                                                                        \
        ((c)->failures++, failure((c)->journal, "%s%s" format, (c)->options->definition ?: "",                        \
                                  (c)->options->definition ? ": " : "", ##__VA_ARGS__))

/* What may harm it later. */
#define caution(c, format, ...)                                                                                        \
        journal_log((c)->journal, PRIORITY_WARNING, "%s%s" format, (c)->options->definition ?: "",                    \
                    (c)->options->definition ? ": " : "", ##__VA_ARGS__)

#define MIB (UINT64_C(1) << 20)

/* For messages: what there is, and what is needed, in whole MiB, so that the one never looks like enough for the other. */
static inline unsigned long long mib_down(uint64_t bytes) {
        return bytes / MIB;
}

static inline unsigned long long mib_up(uint64_t bytes) {
        return bytes / MIB + (bytes % MIB > 0);
}

void check_memory(Check *c);            /* memory.c */
void check_tasks(Check *c);             /* tasks.c */
void check_images(Check *c);            /* room.c */
void check_runtime_directory(Check *c); /* room.c */
