/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few macros and one-liners that every folder uses. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_fclose_ _cleanup_(close_stream)

static inline void free_pointer(void *p) {
        free(*(void **) p);
}

/* Returns -EBADF, so that `fd = safe_close(fd)` leaves nothing to be closed twice. Keeps errno. */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void close_fd(int *fd) {
        safe_close(*fd);
}

static inline void close_stream(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

#define TAKE_PTR(p)                             \
        ({                                      \
                typeof(p) *_pp = &(p);          \
                typeof(p) _taken = *_pp;        \
                *_pp = NULL;                    \
                _taken;                         \
        })

#define TAKE_FD(fd)                             \
        ({                                      \
                int *_fdp = &(fd);              \
                int _taken = *_fdp;             \
                *_fdp = -EBADF;                 \
                _taken;                         \
        })

/* -errno of the call that just failed; never 0, whatever the call did to errno. */
static inline int negative_errno(void) {
        return errno > 0 ? -errno : -EIO;
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* What follows the prefix, or NULL. */
static inline const char *after_prefix(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Makes room for one more item in an array that has n of them: doubles at powers of two, so no capacity is kept
 * beside it. New room is not cleared. Returns -ENOMEM and leaves the array as it was. */
int grow(void *array, size_t n, size_t item_size);

/* Writes all bytes, through EINTR and short writes. */
int write_all(int fd, const void *data, size_t size);

/* A decimal number with nothing around it: -EINVAL for anything else, -ERANGE above max. */
int parse_number(const char *s, uint64_t max, uint64_t *ret);
