/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tree.h"
#include "umid.h"
#include "util.h"

static pid_t read_pid(int directory) {
        _cleanup_close_ int fd = openat(directory, "pid", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        char text[16];
        ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
        uint64_t pid;

        text[n > 0 ? n : 0] = 0;
        text[strcspn(text, "\n")] = 0;
        return parse_number(text, INT32_MAX, &pid) < 0 ? 0 : (pid_t) pid;
}

/* Nothing is sent. */
static int answers(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return negative_errno();
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) >= 0)
                return 1;
        /* EPROTOTYPE: a socket of another type, which is no mconsole. EPERM: somebody's, who listens to somebody else only. */
        return errno == ECONNREFUSED || errno == ENOENT || errno == EPROTOTYPE ? 0 : errno == EPERM ? 1 : negative_errno();
}

pid_t umid_pid(const char *directory, const char *name) {
        _cleanup_close_ int upper = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), fd = -EBADF;

        fd = upper >= 0 ? openat(upper, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -EBADF;
        return fd >= 0 ? read_pid(fd) : 0;
}

int umid_taken_by(const char *directory, const char *name, pid_t *ret) {
        _cleanup_close_ int upper = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        /* UML makes directories and a socket. What is something else was left by a guest, and leads who knows where. */
        if (upper >= 0)
                fd = openat(upper, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstatat(fd, "mconsole", &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : negative_errno();
        if (!S_ISSOCK(st.st_mode))
                return 0;
        if (asprintf(&path, "%s/%s/mconsole", directory, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = answers(path);
        if (r > 0)
                *ret = read_pid(fd);
        return r;
}

int umid_clear(const char *directory, const char *name) {
        pid_t pid;

        return umid_taken_by(directory, name, &pid) > 0 ? -EBUSY : tree_remove(directory);
}
