/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "domain.h"
#include "util.h"

/* Whether two domains are one guest, as far as a command line can say it (see native.h). */

static inline bool equal_strings(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static inline bool equal_arrays(char *const *a, size_t n_a, char *const *b, size_t n_b) {
        for (size_t i = 0; n_a == n_b && i < n_a; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return n_a == n_b;
}

static inline bool equal_disks(const Disk *a, const Disk *b) {
        return a->index == b->index && equal_strings(a->path, b->path) && equal_strings(a->backing, b->backing) &&
               equal_strings(a->serial, b->serial) && a->readonly == b->readonly && a->shareable == b->shareable &&
               a->transient == b->transient && a->sync == b->sync && a->keep == b->keep;
}

static inline bool equal_consoles(const Console *a, const Console *b) {
        return a->serial == b->serial && a->port == b->port && a->kind == b->kind && equal_strings(a->path, b->path) &&
               a->truncate == b->truncate;
}

/* The name is for the helper's directory. */
static inline bool equal_shares(const Share *a, const Share *b) {
        return equal_strings(a->source, b->source) && equal_strings(a->target, b->target) && a->readonly == b->readonly;
}

static inline bool equal_vectors(const Vector *a, const Vector *b) {
        return a->index == b->index && streq(a->options, b->options);
}

#define DEFINE_EQUAL_ALL(array, equal)                                                          \
        static inline bool equal_all_##array(const Domain *a, const Domain *b) {                \
                for (size_t i = 0; a->n_##array == b->n_##array && i < a->n_##array; i++)       \
                        if (!equal(&a->array[i], &b->array[i]))                                 \
                                return false;                                                   \
                return a->n_##array == b->n_##array;                                            \
        }

DEFINE_EQUAL_ALL(disks, equal_disks)
DEFINE_EQUAL_ALL(consoles, equal_consoles)
DEFINE_EQUAL_ALL(shares, equal_shares)
DEFINE_EQUAL_ALL(vectors, equal_vectors)

static inline bool has_root_share(const Domain *d) {
        for (size_t i = 0; i < d->n_shares; i++)
                if (streq(d->shares[i].target, "/"))
                        return true;
        return false;
}

static inline bool native_equal(const Domain *a, const Domain *b) {
        return streq(a->name, b->name) && a->memory == b->memory && streq(a->kernel, b->kernel) && equal_strings(a->initrd, b->initrd) &&
               equal_strings(a->dtb, b->dtb) && (has_root_share(a) || equal_strings(a->root, b->root)) && equal_strings(a->init, b->init) &&
               equal_arrays(a->init_arguments, a->n_init_arguments, b->init_arguments, b->n_init_arguments) &&
               equal_arrays(a->options, a->n_options, b->options, b->n_options) &&
               equal_arrays(a->cmdline, a->n_cmdline, b->cmdline, b->n_cmdline) && equal_all_disks(a, b) && equal_all_consoles(a, b) &&
               equal_all_shares(a, b) && equal_all_vectors(a, b) &&
               (a->on_reboot == LIFECYCLE_RESTART) == (b->on_reboot == LIFECYCLE_RESTART);
}
