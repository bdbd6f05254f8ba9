/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"
#include "options.h"

/* After the crash of a guest's kernel, whose processes have all gone: looks at what the host may have been short of, and logs
 * a warning for each with what to do about it. panic: what the kernel said, or "".
 *
 * What cannot be seen any more afterwards: a limit of the user's processes (LimitNPROC=), for which nobody counts the
 * refusals, and a memory file system that others had filled and have made free since, unless the panic tells. */
void exhaustion_explain(const Options *o, Journal *j, const char *panic);

/* The part of it that is of use after any end: a guest whose image could not be written goes on with a file system that is
 * read-only, and its sync(2) says that all is well. The helper of a running one sees nothing of it. */
void exhaustion_explain_images(const Options *o, Journal *j);

/* The part of it that a control group's counters tell. */
void exhaustion_explain_cgroup(const char *directory, const char *mount, Journal *j);
