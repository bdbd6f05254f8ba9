/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "shares.h"
#include "tree.h"
#include "util.h"

int shares_make(const SharedDirectory *shares, size_t n) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* A guest can write there: what is left of an earlier one is perhaps not only what we made. */
        r = tree_remove(SHARES_DIRECTORY);
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
