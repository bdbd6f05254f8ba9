/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "sink.h"

#define WELL_TIME USEC_PER_SEC /* a disk with room for some lines, and not for others, does not fill the journal instead */

static const char *kind_of(mode_t mode) {
        return S_ISDIR(mode) ? "it is a directory, and must be a regular file"
             : S_ISFIFO(mode) ? "it is a FIFO, and must be a regular file"
             : S_ISSOCK(mode) ? "it is a socket, and must be a regular file"
             : S_ISCHR(mode) || S_ISBLK(mode) ? "it is a device, and must be a regular file"
             : "it is no regular file";
}

const char *sink_failure(const char *path, int error) {
        struct stat st;

        return error == -ENOTSUP && stat(path, &st) >= 0 ? kind_of(st.st_mode) : strerror(-error);
}

int sink_open(const char *path, bool truncate) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        /* Not even opened: that alone does something to some devices. */
        if (stat(path, &st) >= 0 && !S_ISREG(st.st_mode))
                return -ENOTSUP;
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (truncate ? O_TRUNC : 0), 0660);
        if (fd < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -ENOTSUP;
}

static void tell_loss(Sink *s, const char *when) {
        journal_log(s->journal, PRIORITY_WARNING, "%s: %llu bytes of %s were lost%s", s->path, (unsigned long long) s->lost, s->line, when);
        s->lost = 0;
}

void sink_write(Sink *s, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(s->fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        if (s->lost == 0)
                                journal_log(s->journal, PRIORITY_WARNING, "%s: the output of %s cannot be written: %s; until it can, it is lost",
                                            s->path, s->line, n < 0 ? strerror(errno) : "nothing is taken");
                        s->lost += size;
                        s->failed_at = now_usec();
                        return;
                }
                data += n;
                size -= (size_t) n;
        }
        if (s->lost > 0 && now_usec() - s->failed_at >= WELL_TIME)
                tell_loss(s, "; it can be written again");
}

void sink_close(Sink *s) {
        if (s->lost > 0)
                tell_loss(s, "");
        s->fd = safe_close(s->fd);
}
