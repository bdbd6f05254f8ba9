/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "domain.h"

/* The text of `uml@NAME.service.d/50-domain.conf`. Both functions return -EINVAL where a text cannot stand in a unit
 * file (see escape.h; nothing useful is in f then), -ENOMEM, or 0; errors of f itself are the caller's to look for.
 *
 * source is the definition's absolute path. user: for a user's service manager. */

int unit_write(FILE *f, const Domain *d, const char *source, bool user);

/* For a definition that was refused: the unit loads, and its start fails with the reasons. */
int unit_write_refused(FILE *f, const char *source, char *const *reasons, size_t n_reasons);
