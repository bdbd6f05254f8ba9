/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "output.h"
#include "util.h"

/* DIRECTORY/NAME, with the directory made. Both are ours and short: "uml@NAME.service.d/50-domain.conf". */
static int make_path(int directory, const char *subdirectory, const char *name, char path[static PATH_MAX]) {
        if (mkdirat(directory, subdirectory, 0755) < 0 && errno != EEXIST)
                return negative_errno();
        return snprintf(path, PATH_MAX, "%s/%s", subdirectory, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int output_file(int directory, const char *subdirectory, const char *name, const char *text, unsigned long size) {
        _cleanup_close_ int fd = -EBADF;
        char path[PATH_MAX];
        int r;

        r = make_path(directory, subdirectory, name, path);
        if (r < 0)
                return r;
        fd = openat(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return negative_errno();

        r = write_all(fd, text, size);
        if (r < 0)
                (void) unlinkat(directory, path, 0);
        return r;
}

int output_link(int directory, const char *subdirectory, const char *name, const char *target) {
        char path[PATH_MAX];
        int r;

        r = make_path(directory, subdirectory, name, path);
        if (r < 0)
                return r;
        return symlinkat(target, directory, path) < 0 ? negative_errno() : 0;
}
