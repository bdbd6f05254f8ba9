/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Exit statuses, as uml-helper(8) documents them; where there is one, sysexits.h's. */
#define STATUS_USAGE 64       /* the helper was called wrongly */
#define STATUS_UNAVAILABLE 69 /* the guest could not be started */
#define STATUS_CRASHED 70     /* the guest's kernel panicked, or died otherwise by itself */
#define STATUS_OS 71          /* the host refused the helper something */
#define STATUS_KILLED 72      /* the guest did not stop and was killed: its file systems may be unclean */
#define STATUS_HUNG 73        /* the guest's kernel did not answer any more, and was killed for that */
#define STATUS_CONFIG 78      /* no definition, or one that was refused */

/* What the kernel's process ends with when the guest reboots: it executes argv[0], which is uml-guest, and that exits so
 * (helper/uml-guest.c); and what the helper ends with if that is the end of the guest (on_reboot). The value is the one systemd-nspawn uses for the same. */
#define STATUS_REBOOT 133
