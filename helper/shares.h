/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "options.h"

/* Directories of the host's that the guest can mount. UML's hostfs= makes one directory the root of all that hostfs mounts;
 * in it each shared directory is a symbolic link, which the host follows when the guest mounts `-o /NAME`, and the guest
 * does not when it mounts the whole (Linux 6.1: the link is one in the guest as well, and leads to the guest's own files).
 *
 * This is an order, and no confinement: the kernel takes `-o /NAME/../..` as well, and the guest can change the links. What
 * a guest can reach of the host is what its service can. */
#define SHARES_DIRECTORY "shares" /* in the runtime directory */

/* Makes the directory with its links in the current one, instead of what is there. Negative errno. */
int shares_make(const SharedDirectory *shares, size_t n);
