/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/* The directory that UML makes for itself, below the runtime directory: UMID_DIRECTORY/NAME, with its socket and its pid. In a
 * directory apart, because a guest may be called "control". */
#define UMID_DIRECTORY "umid"

/* A crashed kernel leaves its directory, and the next one would not take it. */
void umid_clear(const char *name);

/* The process that its pid file names; 0 if there is none. */
pid_t umid_find(const char *name);
