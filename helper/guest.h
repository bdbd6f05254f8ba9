/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"
#include "options.h"

/* Runs the guest, from its kernel's start to its end; returns the helper's exit status. The current directory must be the
 * guest's runtime directory. SIGTERM and SIGINT stop the guest. Arguments of the
 * kernel that this guest starts without are taken out. */
int guest_run(Options *o, Journal *journal);
