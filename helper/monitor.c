/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>
#include <sys/un.h>

#include "monitor.h"
#include "store.h"
#include "util.h"

/* Where the kernel sends its answers: by a name in the file system, because it may live in another network namespace than
 * this helper, and abstract names do not reach across. It resolves the name in its own current directory, which is ours. */
#define REPLY_PATH "./reply.%llx"

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
        uint64_t last_name;
        struct sockaddr_un reply_address; /* of io */
        uint64_t answered_at;
        Timer timer;
        MconsoleReply reply;
        Request *first, **end; /* the first one is under way */
        int send_error;        /* of the first one, if it could not be sent */

        Io notifications;
        MonitorNotification function;
        void *userdata;
};

static void send_first(Monitor *m);

static void close_socket(Monitor *m) {
        if (m->io.fd >= 0)
                (void) unlink(m->reply_address.sun_path);
        loop_close_io(m->loop, &m->io);
}

/* Ends the first request, which is under way or was never sent. */
static void finish(Monitor *m, int result) {
        Request *r = m->first;
        MconsoleReply reply = m->reply;

        m->reply = (MconsoleReply) {};
        m->first = r->next;
        if (!m->first)
                m->end = &m->first;
        loop_clear_timer(m->loop, &m->timer);
        close_socket(m);

        if (result == 0)
                m->answered_at = now_usec();
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

/* Connected, so that nobody but the kernel can answer; with an address of its own, to which it answers. */
static int open_socket(Monitor *m) {
        struct sockaddr_un *a = &m->reply_address;

        *a = (struct sockaddr_un) {.sun_family = AF_UNIX};
        /* No name twice, of earlier helpers either: what comes too late for one must not find another. */
        m->last_name = MAX_OF(m->last_name + 1, now_usec());
        (void) snprintf(a->sun_path, sizeof(a->sun_path), REPLY_PATH, (unsigned long long) m->last_name);
        m->io.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (m->io.fd < 0 || bind(m->io.fd, (const struct sockaddr *) a, sizeof(*a)) < 0 ||
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
                close_socket(m);
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

static int bind_notifications(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) unlink(address->sun_path);
        if (fd < 0 || bind(fd, (const struct sockaddr *) address, sizeof(*address)) < 0)
                return negative_errno();
        store_add(address->sun_path, fd);
        return TAKE_FD(fd);
}

uint64_t monitor_answered_at(const Monitor *m) {
        return m->answered_at;
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
                .answered_at = now_usec(),
        };
        m->end = &m->first;
        strcpy(m->address.sun_path, socket_path);
        strcpy(address.sun_path, notify_path);

        m->notifications.fd = store_take(notify_path);
        if (m->notifications.fd < 0)
                m->notifications.fd = bind_notifications(&address);
        r = m->notifications.fd < 0 ? m->notifications.fd : loop_watch(loop, &m->notifications, EPOLLIN);
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
