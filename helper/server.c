/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>
#include <sys/un.h>

#include "server.h"
#include "util.h"

static void on_connection(void *userdata, uint32_t events) {
        Server *s = userdata;
        int fd = accept4(s->io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
                /* Who waits stays in the queue, and the loop would not stop saying so. */
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                        loop_unwatch(s->loop, &s->io);
                return;
        }
        s->n_clients++;
        if (s->n_clients >= s->max_clients)
                loop_unwatch(s->loop, &s->io);
        s->function(s->userdata, fd);
}

void server_client_gone(Server *s) {
        s->n_clients--;
        if (s->io.fd >= 0)
                (void) loop_watch(s->loop, &s->io, EPOLLIN);
}

int server_open(Server *s, Loop *loop, int type, const char *path, unsigned max_clients, void (*function)(void *userdata, int fd),
                void *userdata) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        (void) unlink(path);

        *s = (Server) {.loop = loop, .max_clients = max_clients, .function = function, .userdata = userdata};
        s->io = (Io) {.fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .function = on_connection, .userdata = s};
        if (s->io.fd < 0 || bind(s->io.fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(s->io.fd, (int) max_clients) < 0)
                r = negative_errno();
        else
                r = loop_watch(loop, &s->io, EPOLLIN);
        if (r < 0)
                server_close(s);
        return r;
}

void server_close(Server *s) {
        loop_close_io(s->loop, &s->io);
}
