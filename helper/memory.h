/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "options.h"

/* Bytes of the guest's memory: mem=, which UML takes with K, M, G or nothing after it; 64 MiB if it is not given. */
uint64_t memory_size(const Options *o);

/* The directory of the file that the guest's memory is: $TMPDIR, or /dev/shm if it is a tmpfs, or /tmp, as UML chooses
 * (choose_tempdir() in os-Linux/mem.c of Linux 6.1; $TMP and $TEMP are not passed on). The file has no name. */
const char *memory_directory(void);
