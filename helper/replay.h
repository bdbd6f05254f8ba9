/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The last output of a line, up to a bound, for who comes late or reads slowly. A byte is known by its position in all of the
 * line's output, from 0: so each reader has one number, and what it has missed is a difference.
 *
 * It is in a memory file, which the helper's successor takes over by the store. That takes memory only as output comes: an
 * idle line costs nothing. Without memory nothing is kept. */
typedef struct Replay {
        const char *name; /* in the store; or NULL: it is this process's alone */
        size_t max;   /* bytes that may be kept; 0: none */
        uint64_t end; /* the position after the last byte */
        size_t size;  /* of data: max, or 0 as long as there was none */
        char *data;
        void *area;   /* the memory file; its first bytes are `end` */
        int fd;
} Replay;

/* max: so many bytes are kept. What the store has of this name is taken over. */
void replay_open(Replay *r, const char *name, size_t max);
void replay_add(Replay *r, const char *data, size_t size);
void replay_done(Replay *r);

/* The position of the oldest byte that is kept; the end, if none is. */
uint64_t replay_oldest(const Replay *r);

/* Where a newcomer begins: the oldest byte that begins a line. */
uint64_t replay_begin(const Replay *r);

/* The bytes from a position on, which must be kept, or the end; perhaps not all of them: 0 only at the end. They are valid
 * until more are added. */
size_t replay_peek(const Replay *r, uint64_t position, const char **ret);
