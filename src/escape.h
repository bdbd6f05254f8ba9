/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* The one place where foreign text becomes unit file text. A unit file has three kinds of place, with different rules
 * (systemd.syntax(7), systemd.service(5) "COMMAND LINES"; each checked against systemd's own loader by
 * tests/generator/judge.py), so there is one function for each. Each refuses with -EINVAL, before it writes anything,
 * what its place cannot hold; the callers' texts were checked where they were read, so that is a second wall.
 *
 * Control characters are refused everywhere: a newline would begin a line of the author's choice. */

/* Valid UTF-8 without control characters (C0, DEL, C1) and noncharacters. The empty string is clean. */
bool text_is_clean(const char *s);

/* Makes a text clean, in place: what is not becomes `?`, and what is beyond max bytes `...`. For texts that are shown. */
void text_make_clean(char *s, size_t max);

/* May stand as the whole right side of `Key=value`: clean, no white space at either end (the loader strips it), no
 * backslash at the end (it would join the next line). */
bool text_is_value(const char *s);

/* The right side of `Key=value` for Description=, SourcePath=. Only `%` has a meaning there. */
int put_value(FILE *f, const char *s);

/* One word of RequiresMountsFor= and the like: always quoted. */
int put_word(FILE *f, const char *s);

/* One argument, the two texts together, of a command line that begins with `:` (no environment variable is expanded then).
 * The same rules as a word's, today; another function, because they are other rules. */
int put_argument(FILE *f, const char *prefix, const char *s);
