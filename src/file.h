/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Reads a file whole, up to a number of bytes. Never blocks, whatever the name leads to (a FIFO, a device). Returns 0 and
 * the bytes, with a NUL after them (the caller frees them); 1 if the name leads to /dev/null, which masks a definition or
 * a drop-in as it masks a unit; else a negative errno and, in ret_reason, a text for the user, which strerror() may follow
 * if the errno says more (not -EINVAL or -EFBIG). */
int file_read(int directory, const char *filename, size_t max, char **ret, size_t *ret_size, const char **ret_reason);
