/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util.h"

int grow(void *array, size_t n, size_t item_size) {
        size_t room;
        void *p;

        if (n > 0 && (n & (n - 1)) != 0)
                return 0;

        room = n == 0 ? 1 : n * 2;
        p = reallocarray(*(void **) array, room, item_size);
        if (!p)
                return -ENOMEM;

        *(void **) array = p;
        return 0;
}

int write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

int parse_number(const char *s, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (!*s)
                return -EINVAL;

        for (; *s; s++) {
                unsigned digit = (unsigned char) *s - '0';

                if (digit > 9)
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
                        return -ERANGE;
        }
        if (value > max)
                return -ERANGE;

        *ret = value;
        return 0;
}
