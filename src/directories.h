/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where definitions are; the first directory that has a name wins. */
#define DIRECTORIES_MAX 3

/* The system's directories, or the user's, by $XDG_CONFIG_HOME, $HOME and $XDG_RUNTIME_DIR: which of them exist is not
 * looked at. The caller frees each. -ENOMEM. */
int definition_directories(bool user, char *ret[static DIRECTORIES_MAX], size_t *ret_n);

/* A path that can be searched, and named in a unit file. */
bool directory_is_usable(const char *path);
