/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "shares.h"
#include "util.h"

static int remove_item(const char *path, const struct stat *st, int type, struct FTW *at) {
        return remove(path) < 0 ? negative_errno() : 0;
}

/* A guest can write there: what is left of an earlier one is perhaps not only what we made. Links are not followed. */
static int remove_tree(const char *path) {
        int r;

        errno = 0;
        r = nftw(path, remove_item, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        return r >= 0 || errno == ENOENT ? 0 : r == -1 ? negative_errno() : r;
}

int shares_make(const SharedDirectory *shares, size_t n) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = remove_tree(SHARES_DIRECTORY);
        if (r < 0)
                return r;
        if (mkdir(SHARES_DIRECTORY, 0700) < 0)
                return negative_errno();
        fd = open(SHARES_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return negative_errno();
        for (size_t i = 0; i < n; i++)
                if (symlinkat(shares[i].path, fd, shares[i].name) < 0)
                        return negative_errno();
        return 0;
}
