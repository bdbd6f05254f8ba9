/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "output.h"
#include "util.h"

static int open_subdirectory(int directory, const char *name) {
        int fd;

        if (mkdirat(directory, name, 0755) < 0 && errno != EEXIST)
                return negative_errno();
        fd = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

int output_file(int directory, const char *subdirectory, const char *name, const char *text, unsigned long size) {
        _cleanup_close_ int sub = open_subdirectory(directory, subdirectory), fd = -EBADF;
        int r;

        if (sub < 0)
                return sub;
        fd = openat(sub, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return negative_errno();

        r = write_all(fd, text, size);
        if (r < 0)
                (void) unlinkat(sub, name, 0);
        return r;
}

int output_link(int directory, const char *subdirectory, const char *name, const char *target) {
        _cleanup_close_ int sub = open_subdirectory(directory, subdirectory);

        if (sub < 0)
                return sub;
        return symlinkat(target, sub, name) < 0 ? negative_errno() : 0;
}
