/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "domain.h"

/* The guest's kernel command line, in UML's syntax (um_arch.c, ubd_kern.c, line.c of Linux 6.1 to 7.2).
 *
 * UML takes the elements of argv as options, but also joins them with spaces into the guest's own kernel command line,
 * which is taken apart again at spaces, and at quotes, before its parameters and init see it: so a path with a space
 * would reach init as arguments of its own. */
#define KERNEL_SEPARATORS " \""
#define DISK_SEPARATORS " \",:"

/* COMMAND_LINE_SIZE of UML is 4096 with the NUL; the rest is room for what the helper and the kernel add. */
#define KERNEL_ARGUMENTS_MAX 3840

/* Splits <cmdline> as libvirt's UML driver did: at spaces (only), but not between two `"`, which stay in the item, as the
 * guest's kernel expects them. Adds to the array, which the caller frees item by item. -EINVAL: a quote is left open. */
int command_line_split(const char *s, char ***items, size_t *n_items);

/* Why an item of <cmdline> may not stand there, or NULL: options that the helper gives, and would be deaf without. */
const char *reserved_argument(const char *item);

/* Tells the guest what it may mount, and where: SHARE_HINT "PATH:TARGET", or with ":ro" after it; PATH is for hostfs'
 * mount option. The kernel itself passes over parameters with a dot that it does not know. */
#define SHARE_HINT "uml.share="

/* Calls put for each argument, in order, without argv[0] and without what the helper adds: umid=, uml_dir=, mconsole=, con=,
 * ssl=, hostfs=. native: for a command line that runs without the helper; then only the first five are left out. Stops at
 * and returns the first negative result. */
typedef int (*PutArgument)(void *userdata, const char *argument);
int kernel_arguments(const Domain *d, bool native, PutArgument put, void *userdata);

/* Whether <cmdline> or an option of the domain's own begins so. */
bool kernel_option_is_given(const Domain *d, const char *prefix);

/* UML appends root=98:0 and console=tty0 where they are not given: behind "--", where they are lost on the kernel and init's
 * to wonder about. Gives a domain with arguments for init both, if it has them not. -ENOMEM. */
int keep_kernel_defaults(Domain *d);

/* Bytes of all of them, with one separator each. */
size_t kernel_arguments_length(const Domain *d);
