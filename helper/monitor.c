/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>
#include <sys/un.h>

#include "monitor.h"
#include "util.h"

typedef struct Request {
        char packet[MCONSOLE_PACKET_MAX];
        size_t size;
        uint64_t timeout;
        MonitorReply function;
        void *userdata;
        struct Request *next;
} Request;

struct Monitor {
        Loop *loop;
        struct sockaddr_un address;
        Io io; /* of the request under way */
        Timer timer;
        MconsoleReply reply;
        Request *first, **end; /* the first one is under way */
        int send_error;        /* of the first one, if it could not be sent */

        Io notifications;
        MonitorNotification function;
        void *userdata;
};

static void send_first(Monitor *m);

/* Ends the first request, which is under way or was never sent. */
static void finish(Monitor *m, int result) {
        Request *r = m->first;
        MconsoleReply reply = m->reply;

        m->reply = (MconsoleReply) {};
        m->first = r->next;
        if (!m->first)
                m->end = &m->first;
        loop_clear_timer(m->loop, &m->timer);
        loop_close_io(m->loop, &m->io);

        if (result == 0 && reply.failed)
                result = -EREMOTEIO;
        r->function(r->userdata, result, &reply);
        mconsole_reply_done(&reply);
        free(r);
}

static void finish_and_go_on(Monitor *m, int result) {
        finish(m, result);
        /* The function may have asked something itself, and that is under way then. */
        if (m->first && m->io.fd < 0 && m->timer.at == 0)
                send_first(m);
}

static void on_reply(void *userdata, uint32_t events) {
        Monitor *m = userdata;
        char packet[MCONSOLE_PACKET_MAX];
        ssize_t n;
        int k;

        n = recv(m->io.fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        finish_and_go_on(m, errno == ECONNREFUSED || errno == ECONNRESET ? -ENOTCONN : negative_errno());
                return;
        }
        k = mconsole_add_reply(&m->reply, packet, (size_t) n);
        if (k != 0)
                finish_and_go_on(m, k < 0 ? k : 0);
}

static void on_timeout(void *userdata) {
        Monitor *m = userdata;

        finish_and_go_on(m, m->send_error ?: -ETIMEDOUT);
}

/* Connected, so that nobody but the kernel can answer; with an address of its own (autobind), to which it answers. */
static int open_socket(Monitor *m) {
        const struct sockaddr_un any = {.sun_family = AF_UNIX};

        m->io.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (m->io.fd < 0 || bind(m->io.fd, (const struct sockaddr *) &any, sizeof(sa_family_t)) < 0 ||
            connect(m->io.fd, (const struct sockaddr *) &m->address, sizeof(m->address)) < 0)
                return negative_errno();
        return loop_watch(m->loop, &m->io, EPOLLIN);
}

static void send_first(Monitor *m) {
        Request *r = m->first;
        uint64_t timeout = r->timeout;

        m->send_error = open_socket(m);
        /* A full queue (EAGAIN) means that the kernel reads nothing: it has the request's time to begin. It will not get
         * this request, but that is what a time-out means. */
        if (m->send_error >= 0 && send(m->io.fd, r->packet, r->size, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
                m->send_error = negative_errno();
        if (m->send_error == -ENOENT || m->send_error == -ECONNREFUSED || m->send_error == -ECONNRESET)
                m->send_error = -ENOTCONN;
        if (m->send_error < 0) {
                loop_close_io(m->loop, &m->io);
                timeout = 0; /* ends it from the loop, not from within monitor_request() */
        }
        loop_set_timer(m->loop, &m->timer, timeout);
}

int monitor_request(Monitor *m, const char *command, uint64_t timeout, MonitorReply function, void *userdata) {
        Request *r = malloc(sizeof(*r));
        int n;

        if (!r)
                return -ENOMEM;
        n = mconsole_pack_request(r->packet, command);
        if (n < 0) {
                free(r);
                return n;
        }
        r->size = (size_t) n;
        r->timeout = timeout;
        r->function = function;
        r->userdata = userdata;
        r->next = NULL;
        *m->end = r;
        m->end = &r->next;
        if (m->first == r)
                send_first(m);
        return 0;
}

static void on_notification(void *userdata, uint32_t events) {
        Monitor *m = userdata;
        char packet[MCONSOLE_PACKET_MAX], text[MCONSOLE_DATA_MAX + 1];
        MconsoleNotification kind;
        ssize_t n;

        n = recv(m->notifications.fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n >= 0 && mconsole_unpack_notification(packet, (size_t) n, &kind, text) >= 0)
                m->function(m->userdata, kind, text);
}

void monitor_disconnect(Monitor *m) {
        char byte;

        while (recv(m->notifications.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
                on_notification(m, EPOLLIN);
        monitor_cancel(m, -ENOTCONN);
}

void monitor_cancel(Monitor *m, int result) {
        while (m->first)
                finish(m, result);
}

int monitor_new(Monitor **ret, Loop *loop, const char *socket_path, const char *notify_path, MonitorNotification function, void *userdata) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Monitor *m;
        int r;

        if (strlen(socket_path) >= sizeof(address.sun_path) || strlen(notify_path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        *m = (Monitor) {
                .loop = loop,
                .address.sun_family = AF_UNIX,
                .io = {.fd = -EBADF, .function = on_reply, .userdata = m},
                .timer = {.function = on_timeout, .userdata = m},
                .notifications = {.function = on_notification, .userdata = m},
                .function = function,
                .userdata = userdata,
        };
        m->end = &m->first;
        strcpy(m->address.sun_path, socket_path);
        strcpy(address.sun_path, notify_path);

        (void) unlink(notify_path);
        m->notifications.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (m->notifications.fd < 0 || bind(m->notifications.fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                r = negative_errno();
        else
                r = loop_watch(loop, &m->notifications, EPOLLIN);
        if (r < 0) {
                monitor_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

Monitor *monitor_free(Monitor *m) {
        if (!m)
                return NULL;
        monitor_cancel(m, -ENOTCONN);
        loop_close_io(m->loop, &m->notifications);
        free(m);
        return NULL;
}
