/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <uuid.h>

#include "domain.h"
#include "util.h"

#define STOP_TIMEOUT_DEFAULT 60 /* seconds */

Domain *domain_new(void) {
        Domain *d = calloc(1, sizeof(*d));

        if (!d)
                return NULL;

        /* libvirt's defaults */
        d->on_poweroff = LIFECYCLE_DESTROY;
        d->on_reboot = LIFECYCLE_RESTART;
        d->on_crash = LIFECYCLE_DESTROY;
        d->stop_method = STOP_CAD;
        d->stop_timeout = STOP_TIMEOUT_DEFAULT;
        return d;
}

Domain *domain_free(Domain *d) {
        if (!d)
                return NULL;

        free(d->name);
        free(d->title);
        free(d->kernel);
        free(d->initrd);
        free(d->root);
        for (size_t i = 0; i < d->n_cmdline; i++)
                free(d->cmdline[i]);
        free(d->cmdline);
        for (size_t i = 0; i < d->n_disks; i++)
                free(d->disks[i].path);
        free(d->disks);
        free(d->consoles);
        free(d);
        return NULL;
}

void domain_default_uuid(Domain *d, const char *seed) {
        /* The name space of this project's UUIDs; made once, at random. */
        static const uuid_t space = {0x6e, 0x1d, 0x0d, 0x3f, 0x52, 0x0b, 0x4a, 0x57,
                                     0x9c, 0x41, 0x27, 0xb5, 0x8a, 0x1f, 0x64, 0xe3};
        uuid_t of_seed, of_guest;

        if (d->uuid[0])
                return;

        uuid_generate_sha1(of_seed, space, seed, strlen(seed));
        uuid_generate_sha1(of_guest, of_seed, d->name, strlen(d->name));
        uuid_unparse_lower(of_guest, d->uuid);
}
