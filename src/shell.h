/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "report.h"

/* One command as it stands in a shell script, taken apart as a POSIX shell would, but for what only a running shell can
 * know (the values of variables, the names of files): that is an error, which asks for the value itself. */

typedef struct ShellWord {
        char *text; /* clean; may be empty */
        unsigned line, column; /* from 1; the column counts bytes */
} ShellWord;

/* Output to a file: `N>PATH`, `N>>PATH`. */
typedef struct ShellRedirection {
        unsigned fd;
        bool append;
        ShellWord path;
} ShellRedirection;

typedef struct ShellCommand {
        ShellWord *words;
        size_t n_words;
        ShellRedirection *redirections;
        size_t n_redirections;
} ShellCommand;

/* Reads size bytes, which need no NUL after them. Comments, and a `&` at the end, mean nothing here; redirections other
 * than to a file get a warning. -EBADMSG: something was refused, or there is more than one command; -ENOMEM. In each case
 * ret is to be freed with shell_command_done(). */
int shell_read(const char *text, size_t size, Reporter *r, ShellCommand *ret);
void shell_command_done(ShellCommand *c);

/* Writes a word so that a POSIX shell reads it as it is; in single quotes if it has to be. */
void shell_put_word(FILE *f, const char *word);
