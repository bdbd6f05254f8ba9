/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control.h"
#include "server.h"
#include "util.h"

#define CLIENTS_MAX 32
#define READ_TIMEOUT (30 * USEC_PER_SEC) /* in which a client has to read its answer */

struct ControlClient {
        Control *control; /* NULL: freed while a request was under way */
        Io io;
        bool busy; /* a request is under way; nothing more is read until it is answered */
        bool gone; /* the client went away meanwhile */
        char *answer;     /* that is still to be sent, and not NULL while it is */
        size_t sent;      /* bytes of it */
        bool failed;      /* what the answer says of the request */
        Timer timer;      /* of the answer */
        ControlClient *next;
};

struct Control {
        Loop *loop;
        Server server;
        ControlRequest function;
        void *userdata;
        ControlClient *clients;
};

static void drop_client(ControlClient *client) {
        Control *c = client->control;

        loop_close_io(c->loop, &client->io);
        loop_clear_timer(c->loop, &client->timer);
        if (client->busy) {
                client->gone = true;
                return;
        }
        for (ControlClient **p = &c->clients; *p; p = &(*p)->next)
                if (*p == client) {
                        *p = client->next;
                        break;
                }
        server_client_gone(&c->server);
        free(client->answer);
        free(client);
}

static void on_timeout(void *userdata) {
        drop_client(userdata);
}

/* Packets of the answer, as many as the socket takes. */
static void send_answer(ControlClient *client) {
        Loop *loop = client->control->loop;
        char packet[MCONSOLE_PACKET_MAX];
        size_t taken;

        do {
                int n = mconsole_pack_reply(packet, client->failed, client->answer + client->sent, &taken);

                if (send(client->io.fd, packet, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                        if (errno != EAGAIN || loop_watch(loop, &client->io, EPOLLOUT) < 0)
                                drop_client(client);
                        return;
                }
                client->sent += taken;
        } while (client->answer[client->sent]);
        free(TAKE_PTR(client->answer));
        loop_clear_timer(loop, &client->timer);
        (void) loop_watch(loop, &client->io, EPOLLIN);
}

static void on_client(void *userdata, uint32_t events) {
        ControlClient *client = userdata;
        char packet[MCONSOLE_PACKET_MAX], command[MCONSOLE_DATA_MAX];
        ssize_t n;

        if (client->answer) {
                send_answer(client); /* which notices if it has hung up */
                return;
        }
        n = events & EPOLLIN ? recv(client->io.fd, packet, sizeof(packet), MSG_DONTWAIT) : 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                drop_client(client);
                return;
        }
        client->busy = true;
        (void) loop_watch(client->control->loop, &client->io, EPOLLERR); /* and EPOLLHUP: a half-closed client wants its answer */
        if (mconsole_unpack_request(packet, (size_t) n, command) < 0)
                control_reply(client, true, "This is no mconsole request");
        else
                client->control->function(client->control->userdata, client, command);
}

void control_reply(ControlClient *client, bool failed, const char *text) {
        client->busy = false;
        if (!client->control) {
                free(client);
                return;
        }
        if (client->gone) {
                drop_client(client);
                return;
        }
        client->failed = failed;
        client->sent = 0;
        client->answer = strdup(text);
        if (!client->answer) {
                drop_client(client);
                return;
        }
        loop_set_timer(client->control->loop, &client->timer, READ_TIMEOUT);
        send_answer(client);
}

static bool is_idle(const ControlClient *client) {
        char byte;

        return !client->busy && !client->answer && recv(client->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

/* Those who come and say nothing must not keep others out: when there is no room for one more, the oldest of them goes. */
static void make_room(Control *c, const ControlClient *newest) {
        ControlClient *oldest = NULL;

        for (ControlClient *client = c->clients; client; client = client->next)
                if (client != newest && is_idle(client))
                        oldest = client;
        if (oldest)
                drop_client(oldest);
}

static void on_connection(void *userdata, int fd) {
        Control *c = userdata;
        ControlClient *client = calloc(1, sizeof(*client));

        if (!client) {
                safe_close(fd);
                server_client_gone(&c->server);
                return;
        }
        *client = (ControlClient) {.control = c, .io = {.fd = fd, .function = on_client, .userdata = client},
                                    .timer = {.function = on_timeout, .userdata = client}, .next = c->clients};
        c->clients = client;
        if (loop_watch(c->loop, &client->io, EPOLLIN) < 0)
                drop_client(client);
        else if (c->server.n_clients >= c->server.max_clients)
                make_room(c, client);
}

int control_new(Control **ret, Loop *loop, const char *path, ControlRequest function, void *userdata) {
        Control *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Control) {.loop = loop, .function = function, .userdata = userdata};
        r = server_open(&c->server, loop, SOCK_SEQPACKET, path, CLIENTS_MAX, RESERVE_OF_CONTROL, on_connection, c);
        if (r < 0) {
                free(c);
                return r;
        }
        *ret = c;
        return 0;
}

Control *control_free(Control *c) {
        if (!c)
                return NULL;
        while (c->clients) {
                ControlClient *client = c->clients;

                if (client->busy) { /* its control_reply() frees it */
                        loop_close_io(c->loop, &client->io);
                        c->clients = client->next;
                        client->control = NULL;
                } else
                        drop_client(client);
        }
        server_close(&c->server);
        free(c);
        return NULL;
}

static int wait_until(int fd, short events, uint64_t end) {
        for (;;) {
                struct pollfd p = {.fd = fd, .events = events};
                uint64_t now = now_usec();
                int n;

                if (now >= end)
                        return -ETIMEDOUT;
                n = poll(&p, 1, (int) MIN_OF((end - now) / USEC_PER_MSEC + 1, (uint64_t) 60000));
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return negative_errno();
        }
}

int control_call(const char *path, const char *command, uint64_t timeout, MconsoleReply *ret) {
        uint64_t end = now_usec() + timeout;
        _cleanup_close_ int fd = -EBADF;
        char packet[MCONSOLE_PACKET_MAX];
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        MconsoleReply reply = {};
        ssize_t n;
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return negative_errno();
        r = mconsole_pack_request(packet, command);
        if (r < 0)
                return r;
        if (send(fd, packet, (size_t) r, MSG_NOSIGNAL) < 0)
                return negative_errno();

        do {
                r = wait_until(fd, POLLIN, end);
                if (r < 0)
                        break;
                n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
                r = n > 0 ? mconsole_add_reply(&reply, packet, (size_t) n) : n == 0 ? -ECONNRESET : errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
        } while (r == 0);
        if (r < 0) {
                mconsole_reply_done(&reply);
                return r;
        }
        *ret = reply;
        return 0;
}
