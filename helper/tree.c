/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tree.h"
#include "util.h"

#define DEPTH_MAX 64        /* each has a descriptor open */
#define ENTRIES_MAX 1000000 /* what a tmpfs removes in a second */

typedef struct Removal {
        unsigned depth, entries;
        int top; /* the directory that all is in */
        dev_t device;
} Removal;

static int remove_below(Removal *t, DIR *d);

/* A directory that not even its owner may read or write is no obstacle. */
static int open_directory(Removal *t, int at, const char *name, DIR **ret) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return negative_errno();
        if (t->entries > 1 && st.st_dev != t->device)
                return -EXDEV;
        t->device = st.st_dev;
        if ((st.st_mode & 0700) != 0700 && fchmodat(at, name, 0700, 0) < 0)
                return negative_errno();
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        *ret = fd >= 0 ? fdopendir(fd) : NULL;
        if (!*ret)
                return negative_errno();
        (void) TAKE_FD(fd);
        return 0;
}

/* What is too deep goes to the top, where it is found again. */
static int move_up(const Removal *t, int at, const char *name) {
        char other[32];

        (void) snprintf(other, sizeof(other), ".deep-%u", t->entries);
        return renameat2(at, name, t->top, other, RENAME_NOREPLACE) < 0 ? negative_errno() : 0;
}

static int remove_entry(Removal *t, int at, const char *name) {
        DIR *d;
        int r;

        if (++t->entries > ENTRIES_MAX)
                return -E2BIG;
        if (unlinkat(at, name, 0) >= 0 || errno == ENOENT || errno == ENOTDIR)
                return 0;
        if (errno != EISDIR)
                return negative_errno();

        r = open_directory(t, at, name, &d);
        if (r < 0)
                return r;
        if (t->depth >= DEPTH_MAX) {
                (void) closedir(d);
                return move_up(t, at, name);
        }
        if (t->depth++ == 0)
                t->top = dirfd(d);
        r = remove_below(t, d);
        t->depth--;
        (void) closedir(d);
        return r < 0 ? r : unlinkat(at, name, AT_REMOVEDIR) < 0 ? negative_errno() : 0;
}

/* In some file systems, readdir() passes over entries when others are removed: so until there is nothing. */
static int remove_below(Removal *t, DIR *d) {
        const struct dirent *entry;
        bool found = true;

        while (found) {
                found = false;
                rewinddir(d);
                while ((entry = readdir(d))) {
                        int r;

                        if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                                continue;
                        found = true;
                        r = remove_entry(t, dirfd(d), entry->d_name);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int tree_remove(const char *path) {
        Removal t = {};

        return remove_entry(&t, AT_FDCWD, path);
}
