/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Reads a definition's file whole, up to DEFINITION_SIZE_MAX, as file_read() does. */
int definition_read(int directory, const char *filename, char **ret, size_t *ret_size, const char **ret_reason);
