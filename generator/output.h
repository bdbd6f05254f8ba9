/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing below the manager's generator directory, and nowhere else. Negative errno on failure, with nothing half
 * written left behind: the manager loads what a failed generator wrote. */

/* A file of the given text in a directory of the given name below `directory`, which is made if need be. The file must
 * not be there yet. */
int output_file(int directory, const char *subdirectory, const char *name, const char *text, unsigned long size);

/* A symbolic link, likewise. */
int output_link(int directory, const char *subdirectory, const char *name, const char *target);
