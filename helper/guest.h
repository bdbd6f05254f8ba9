/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"
#include "options.h"

/* What the helper does when guest_run() is over. */
typedef enum GuestNext {
        NEXT_EXIT,
        NEXT_REPLACE, /* another helper takes over: the guest runs */
        NEXT_ANEW,    /* the guest is started anew, by the command line that this process was given */
} GuestNext;

/* Runs the guest, from its kernel's start to its end, or takes over one that runs; returns the helper's exit status. The
 * current directory must be the guest's runtime directory. Signals tell what to do with the guest; see uml-helper(8).
 * Arguments of the kernel that this guest starts without are taken out. */
int guest_run(Options *o, Journal *journal, GuestNext *ret_next);

/* The command line of the guest that is to be taken over, NULL-terminated; NULL: there is none. Never freed, like argv. */
char **guest_command_line(void);
