/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A console's bytes as lines for the journal: ended by a line feed, or by the size, or by the caller after a while of
 * silence (a prompt has no line feed). Cleaned: no escape sequences, of a line drawn several times (bare carriage
 * returns: a progress bar) the last picture, the kernel's `<N>` prefix as priority. All else is kept as it came. */

#define LINES_MAX 16384 /* bytes of a line; journald takes 48 KiB */

typedef struct Lines {
        char buffer[LINES_MAX];
        size_t size;
} Lines;

/* Receives a line without its end. Never an empty one. */
typedef void (*LineFunction)(void *userdata, int priority, const char *text, size_t size);

void lines_add(Lines *l, const char *data, size_t size, LineFunction function, void *userdata);
void lines_flush(Lines *l, LineFunction function, void *userdata);

/* Cleans a line in place. Returns its new size, and the priority that the line names, else 6 (info). */
size_t line_clean(char *text, size_t size, int *ret_priority);
