/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "notify.h"

#define BUSY_TIMEOUT 1000 /* ms */
#define TEXT_SIZE 1024

static int notify_fd = -EBADF;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int notify_connect(void) {
        bool is_abstract = address.sun_path[0] == '@';
        struct sockaddr_un real = address;
        _cleanup_close_ int fd = -EBADF;

        if (is_abstract)
                real.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &real, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path))) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}

bool notify_open(void) {
        const char *path = getenv("NOTIFY_SOCKET");

        if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
                return false;
        strcpy(address.sun_path, path);
        notify_fd = notify_connect();
        (void) unsetenv("NOTIFY_SOCKET");
        return notify_fd >= 0;
}

const char *notify_path(void) {
        return notify_fd >= 0 ? address.sun_path : NULL;
}

/* The manager may have been replaced by one that listens anew at the same place. */
static void notify_reconnect(void) {
        int fd = notify_connect();

        if (fd < 0)
                return;
        safe_close(notify_fd);
        notify_fd = fd;
}

/* False: there is no room now. What cannot be sent at all is lost, and that is all there is to it. */
static bool notify_try(int fd, const char *text, size_t size) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = {(char *) text, size};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        if (fd >= 0) {
                struct cmsghdr *c = &control.header;

                *c = (struct cmsghdr) {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
                memcpy(CMSG_DATA(c), &fd, sizeof(fd));
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
        }
        for (int attempt = 0; attempt < 2; attempt++) {
                if (sendmsg(notify_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                        return true;
                if (errno == EAGAIN || errno == ENOBUFS)
                        return false;
                if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET)
                        return true;
                notify_reconnect();
        }
        return true;
}

void notify_await_room(void) {
        struct pollfd p = {.fd = notify_fd, .events = POLLOUT};

        (void) poll(&p, 1, BUSY_TIMEOUT);
}

/* A text's size; 0: there is nothing to be sent, or nobody to send it to. */
static size_t PRINTF_LIKE(2, 0) notify_format(char text[static TEXT_SIZE], const char *format, va_list ap) {
        int n = notify_fd >= 0 ? vsnprintf(text, TEXT_SIZE, format, ap) : 0;

        return n > 0 ? MIN_OF((size_t) n, (size_t) TEXT_SIZE - 1) : 0;
}

void notify(const char *format, ...) {
        char text[TEXT_SIZE];
        va_list ap;
        size_t n;

        va_start(ap, format);
        n = notify_format(text, format, ap);
        va_end(ap);
        if (n == 0 || notify_try(-EBADF, text, n))
                return;
        /* A manager that does not read must not stop the guest's consoles for longer than this. */
        notify_await_room();
        (void) notify_try(-EBADF, text, n);
}

bool notify_now(int fd, const char *format, ...) {
        char text[TEXT_SIZE];
        va_list ap;
        size_t n;

        va_start(ap, format);
        n = notify_format(text, format, ap);
        va_end(ap);
        return n == 0 || notify_try(fd, text, n);
}

void notify_close(void) {
        notify_fd = safe_close(notify_fd);
}
