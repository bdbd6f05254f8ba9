/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "notify.h"

#define BUSY_TIMEOUT 1000 /* ms */

static int notify_fd = -EBADF;

bool notify_open(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const char *path = getenv("NOTIFY_SOCKET");
        _cleanup_close_ int fd = -EBADF;
        size_t n;

        if (!path || (path[0] != '/' && path[0] != '@'))
                return false;
        n = strlen(path);
        if (n >= sizeof(address.sun_path))
                return false;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@')
                address.sun_path[0] = 0;

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)) < 0)
                return false;
        (void) unsetenv("NOTIFY_SOCKET");
        notify_fd = TAKE_FD(fd);
        return true;
}

void notify(const char *format, ...) {
        char text[1024];
        va_list ap;
        int n;

        if (notify_fd < 0)
                return;
        va_start(ap, format);
        n = vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (n <= 0)
                return;
        /* A manager that does not read must not stop the guest's consoles for longer than this. */
        for (int attempt = 0; attempt < 2; attempt++) {
                struct pollfd p = {.fd = notify_fd, .events = POLLOUT};

                if (send(notify_fd, text, MIN_OF((size_t) n, sizeof(text) - 1), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno != EAGAIN)
                        return;
                (void) poll(&p, 1, BUSY_TIMEOUT);
        }
}

void notify_close(void) {
        notify_fd = safe_close(notify_fd);
}
