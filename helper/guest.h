/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "helper.h"

/* Runs the guest, from its kernel's start to its end; returns the helper's exit status. The current directory must be the
 * guest's runtime directory. SIGTERM and SIGINT stop the guest. */
int guest_run(const Options *o, Journal *journal);
