/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "options.h"

/* A file system that has images which can grow: sparse files, and copy-on-write ones. */
typedef struct Room {
        char *image; /* one of them */
        unsigned n_images;
        uint64_t missing; /* bytes that all of them can still take */
        uint64_t room;    /* bytes that are free; UINT64_MAX if there is no limit */
        uint64_t device;  /* its number */
} Room;

typedef struct Rooms {
        Room items[DOMAIN_DISKS_MAX];
        size_t n;
} Rooms;

/* What the guest's images, those that it can write, can still grow by, and the room for it. What cannot be looked at is left
 * out; -ENOMEM. */
int rooms_measure(const Options *o, Rooms *ret);
void rooms_done(Rooms *r);
