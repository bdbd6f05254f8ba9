/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "server.h"
#include "store.h"
#include "util.h"

#define RETRY_INTERVAL USEC_PER_SEC

/* Whether a client would leave enough of them. The next one's number tells: they are given out from below. */
static bool has_descriptors(const Server *s) {
        struct rlimit limit;
        int fd;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return true;
        fd = fcntl(s->io.fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return false;
        (void) close(fd);
        return (rlim_t) fd + s->reserve < limit.rlim_cur;
}

static void watch(Server *s) {
        if (s->io.fd >= 0 && s->n_clients < s->max_clients)
                (void) loop_watch(s->loop, &s->io, EPOLLIN);
}

static void on_retry(void *userdata) {
        watch(userdata);
}

/* Who waits stays in the queue, and the loop would not stop saying so. The next descriptor may become free anywhere. */
static void wait_for_descriptors(Server *s) {
        loop_unwatch(s->loop, &s->io);
        loop_set_timer(s->loop, &s->retry, RETRY_INTERVAL);
}

static void on_connection(void *userdata, uint32_t events) {
        Server *s = userdata;
        int fd;

        if (!has_descriptors(s)) {
                wait_for_descriptors(s);
                return;
        }
        fd = accept4(s->io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                        wait_for_descriptors(s);
                return;
        }
        server_add_client(s);
        s->function(s->userdata, fd);
}

void server_client_gone(Server *s) {
        s->n_clients--;
        watch(s);
}

static int make_socket(int type, const char *path, unsigned max_clients) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        (void) unlink(path);

        fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, (int) max_clients) < 0)
                return negative_errno();
        store_add(path, fd);
        return TAKE_FD(fd);
}

int server_open(Server *s, Loop *loop, int type, const char *path, unsigned max_clients, unsigned reserve,
                void (*function)(void *userdata, int fd), void *userdata) {
        int fd = store_take(path), r;

        *s = (Server) {.loop = loop, .path = path, .max_clients = max_clients, .reserve = reserve, .function = function, .userdata = userdata};
        s->io = (Io) {.fd = fd >= 0 ? fd : make_socket(type, path, max_clients), .function = on_connection, .userdata = s};
        s->retry = (Timer) {.function = on_retry, .userdata = s};
        r = s->io.fd < 0 ? s->io.fd : loop_watch(loop, &s->io, EPOLLIN);
        if (r < 0)
                server_close(s);
        return r;
}

void server_close(Server *s) {
        if (s->io.fd < 0)
                return;
        store_remove(s->path);
        loop_clear_timer(s->loop, &s->retry);
        loop_close_io(s->loop, &s->io);
}

void server_add_client(Server *s) {
        s->n_clients++;
        if (s->n_clients >= s->max_clients)
                loop_unwatch(s->loop, &s->io);
}
