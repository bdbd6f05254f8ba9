/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"
#include "options.h"

/* What would make the kernel fail obscurely, late or not at all is looked at before it starts: kernel, images, the files of
 * lines, shared directories, room for the guest's memory, limits, the runtime directory. Logs each problem with what to do
 * about it, and warns of what may become one. Removes what an earlier kernel has left where UML wants its own directory.
 * Returns 0, or -EINVAL when there was a problem. */
int preflight(const Options *o, Journal *journal);
