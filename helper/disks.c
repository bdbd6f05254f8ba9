/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>

#include "disks.h"
#include "failure.h"
#include "util.h"

#define SEPARATORS ",:"

static const char *none_if_empty(const char *s) {
        return s && *s ? s : NULL;
}

int disk_argument_parse(const char *argument, DiskArgument *ret) {
        const char *unit = after_prefix(argument, "ubd"), *value = strchr(argument, '='), *flags;
        char number[3] = "", *rest;
        unsigned index;
        size_t n;

        if (!unit || !value)
                return 0;
        n = strspn(unit, "0123456789") ?: 1; /* or one letter */
        if (n >= sizeof(number) || unit + n > value)
                return 0; /* ubd=sync, for one */
        memcpy(number, unit, n);
        if (disk_index_from_string(number, &index) < 0)
                return 0;

        flags = unit + n;
        *ret = (DiskArgument) {
                .index = index,
                .readonly = memchr(flags, 'r', (size_t) (value - flags)),
                .raw = memchr(flags, 'd', (size_t) (value - flags)),
                .keep = memchr(flags, 't', (size_t) (value - flags)),
                .text = strdup(value + 1),
        };
        if (!ret->text)
                return -ENOMEM;
        rest = ret->text;
        ret->path = strsep(&rest, SEPARATORS);
        ret->backing = none_if_empty(strsep(&rest, SEPARATORS));
        return 1;
}

void disk_argument_done(DiskArgument *d) {
        free(d->text);
}

bool disk_is_transient(const DiskArgument *d) {
        char cow[sizeof(TRANSIENT_COW) + 8];

        (void) snprintf(cow, sizeof(cow), TRANSIENT_COW, d->index);
        return d->backing && streq(d->path, cow);
}

/* The COW of a pair is made by the kernel; what must be there is what it is based on. */
static bool is_missing(const DiskArgument *d) {
        struct stat st;

        return stat(d->backing ?: d->path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Returns whether the disk stays. */
static int prepare_disk(const Options *o, const DiskArgument *d, Journal *journal) {
        if (o->optional_disks[d->index] && is_missing(d)) {
                journal_log(journal, PRIORITY_NOTICE, "The guest starts without its disk ubd%u, which is optional: %s does not exist", d->index,
                            d->backing ?: d->path);
                return false;
        }
        if (disk_is_transient(d) && unlink(d->path) < 0 && errno != ENOENT) {
                int r = negative_errno();

                failure(journal, "%s in %s, which has what the guest wrote to its transient disk when it last ran, cannot be removed: %s",
                        d->path, o->runtime_directory, strerror(-r));
                return r;
        }
        return true;
}

int disks_prepare(Options *o, Journal *journal) {
        char **to = o->arguments + 1;

        for (char **from = to; *from; from++) {
                DiskArgument d;
                int r;

                r = disk_argument_parse(*from, &d);
                if (r < 0)
                        return r;
                if (r > 0) {
                        r = prepare_disk(o, &d, journal);
                        disk_argument_done(&d);
                        if (r < 0)
                                return r;
                        if (r == 0)
                                continue;
                }
                *to++ = *from;
        }
        *to = NULL;
        return 0;
}
