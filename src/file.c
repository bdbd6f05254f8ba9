/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "file.h"
#include "util.h"

int file_read(int directory, const char *filename, size_t max, char **ret, size_t *ret_size, const char **ret_reason) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t size = 0;

        fd = openat(directory, filename, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
                *ret_reason = errno == ENOENT ? "the link leads to nothing; is its target on a file system that is not mounted yet?"
                                              : "it cannot be opened";
                return negative_errno();
        }
        if (fstat(fd, &st) < 0) {
                *ret_reason = "it cannot be looked at";
                return negative_errno();
        }
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
                return 1;
        if (!S_ISREG(st.st_mode)) {
                *ret_reason = "it is not a regular file";
                return -EINVAL;
        }
        if ((size_t) st.st_size > max) {
                *ret_reason = "it is too large";
                return -EFBIG;
        }

        /* The file may grow while it is read: what counts is what was read. */
        text = malloc((size_t) st.st_size + 1);
        if (!text)
                goto no_memory;
        while (size < (size_t) st.st_size) {
                ssize_t n = read(fd, text + size, (size_t) st.st_size - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        *ret_reason = "it cannot be read";
                        return negative_errno();
                }
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        text[size] = 0;

        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;

no_memory:
        *ret_reason = "out of memory";
        return -ENOMEM;
}
