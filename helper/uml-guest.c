/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The argv[0] of every guest's kernel, so what ps(1) shows for it. It is executed only when the guest reboots: a UML kernel
 * does that by executing its argv[0] with its old arguments. A kernel that starts itself again would inherit the old one's
 * descriptors, ignored signals and console state, and nobody could tell a reboot from a power-off. So this program ends,
 * with a status of its own, and the helper, which waits for it, starts a fresh kernel. */

#include "helper.h"

int main(void) {
        return STATUS_REBOOT;
}
