/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "journal.h"
#include "options.h"

/* An argument ubdN<flags>=FILE[,BACKING[,SERIAL]] of a UML kernel (ubd_setup_common() in ubd_kern.c of Linux; a colon
 * separates as well). */
typedef struct DiskArgument {
        unsigned index;
        bool readonly;       /* flag r */
        bool raw;            /* flag d: what FILE contains is data, whatever it looks like */
        bool keep;           /* flag t: the guest cannot discard, nor zero ranges without writing them */
        const char *path;    /* FILE; of a pair, the COW */
        const char *backing; /* of a COW pair, or NULL */
        char *text;          /* where these are */
} DiskArgument;

/* 1: it is a disk's, to be freed; 0: it is something else; -ENOMEM. */
int disk_argument_parse(const char *argument, DiskArgument *ret);
void disk_argument_done(DiskArgument *d);

/* Whether its COW is the one of a transient disk: TRANSIENT_COW in the runtime directory. The kernel makes it as large as the
 * disk and a little more, but sparse: on tmpfs, of 8 MiB, 20 KiB are taken when it is new (Linux 6.1). What the guest writes
 * takes room; when the tmpfs is full, the guest's writes fail with ENOSPC, it goes on, and everything else on /run fails. */
bool disk_is_transient(const DiskArgument *d);

/* Before the first kernel of a service's start: takes optional disks whose image is not there out of the kernel's arguments,
 * and removes the COWs of transient ones, which may be there if the runtime directory was preserved. A failure is logged:
 * negative errno. */
int disks_prepare(Options *o, Journal *journal);
