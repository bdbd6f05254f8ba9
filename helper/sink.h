/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "journal.h"

/* A file that a line's output goes to, byte for byte. It is opened for appending, so that it can be cut by others meanwhile
 * (logrotate's copytruncate).
 *
 * What cannot be written is lost, and counted: one warning when that begins, one message when it is over. The file must be
 * a regular one: writing to it then takes no longer than its file system does, and never waits for a reader. */
typedef struct Sink {
        int fd; /* -EBADF: none */
        const char *path;
        const char *line; /* for messages */
        Journal *journal;
        uint64_t lost; /* bytes, since when it cannot be written */
        uint64_t failed_at;
} Sink;

/* Why sink_open() has failed with this negative errno, in words. */
const char *sink_failure(const char *path, int error);

/* Opens the file, and creates it (mode 0660, less the umask) if it is not there. truncate: it begins empty. Negative errno;
 * -ENOTSUP: it is no regular file. */
int sink_open(const char *path, bool truncate);

void sink_write(Sink *s, const char *data, size_t size);

/* Tells what is still to be told. */
void sink_close(Sink *s);
