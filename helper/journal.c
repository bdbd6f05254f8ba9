/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "journal.h"

#define WAITING_MAX (2U * 1024U * 1024U) /* bytes of records that wait for journald */
#define RETRY_INTERVAL USEC_PER_SEC
#define LOOK_TIME 20 /* ms */
#define CLOSE_TIMEOUT (2 * USEC_PER_SEC)
#define LINE_SIZE_MAX 2048 /* of the helper's own messages */
#define FIELDS_SIZE_MAX 256 /* of those that events have */

typedef struct Record {
        struct Record *next;
        size_t size;
        char data[];
} Record;

struct Journal {
        int fd; /* -EBADF: write to stderr */
        bool stderr_is_journal;
        bool is_away; /* nobody listens at journald's socket */
        Loop *loop;
        Io io;
        Timer retry; /* set while journald is away */
        char *fields; /* that each record has */
        size_t fields_size;
        Record *first, **end;
        size_t waiting; /* bytes */
        unsigned long lost;
};

static int journal_connect(void) {
        const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}

static void on_writable(void *userdata, uint32_t events);
static void on_retry(void *userdata);
static void send_later(Journal *j);

int journal_new(Journal **ret, const char *name, const char *uuid) {
        Journal *j = calloc(1, sizeof(*j));
        int n;

        if (!j)
                return -ENOMEM;
        n = asprintf(&j->fields, "SYSLOG_IDENTIFIER=uml-%s\nUML_DOMAIN=%s\n%s%s%s", name ?: "", name ?: "", uuid[0] ? "UML_DOMAIN_UUID=" : "",
                     uuid, uuid[0] ? "\n" : "");
        if (n < 0) {
                free(j);
                return -ENOMEM;
        }
        j->fields_size = (size_t) n;
        j->end = &j->first;
        j->stderr_is_journal = getenv("JOURNAL_STREAM"); /* set by systemd */
        j->fd = name && j->stderr_is_journal ? journal_connect() : -EBADF;
        j->io = (Io) {.fd = j->fd, .function = on_writable, .userdata = j};
        j->retry = (Timer) {.function = on_retry, .userdata = j};
        *ret = j;
        return 0;
}

void journal_attach(Journal *j, Loop *loop) {
        if (j->loop) {
                loop_unwatch(j->loop, &j->io);
                loop_clear_timer(j->loop, &j->retry);
        }
        j->loop = loop;
        send_later(j);
}

/* Full: when there is room. Away: a socket without a peer can always be written, so a little later. */
static void send_later(Journal *j) {
        if (!j->loop || !j->first)
                return;
        if (j->is_away) {
                loop_unwatch(j->loop, &j->io);
                loop_set_timer(j->loop, &j->retry, RETRY_INTERVAL);
        } else
                (void) loop_watch(j->loop, &j->io, EPOLLOUT);
}

/* The socket was taken from under us (its unit restarted): the next one listens at the same place. */
static bool journal_reconnect(Journal *j) {
        int fd = journal_connect();

        j->is_away = fd < 0;
        if (fd < 0)
                return false;
        if (j->loop)
                loop_unwatch(j->loop, &j->io);
        safe_close(j->fd);
        j->fd = j->io.fd = fd;
        return true;
}

/* 1: sent; 0: to be tried again later; negative: it will never be sent. */
static int send_record(Journal *j, const struct iovec *iov, size_t n) {
        const struct msghdr message = {.msg_iov = (struct iovec *) iov, .msg_iovlen = n};

        for (int attempt = 0; attempt < 2; attempt++) {
                if (sendmsg(j->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                        return 1;
                if (errno == EAGAIN || errno == ENOBUFS)
                        return 0;
                if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET)
                        return negative_errno();
                if (!journal_reconnect(j))
                        return 0; /* journald is away; what waits, waits for it */
        }
        return 0;
}

static void keep_record(Journal *j, const struct iovec *iov, size_t n) {
        size_t size = 0;
        Record *r;

        for (size_t i = 0; i < n; i++)
                size += iov[i].iov_len;
        r = j->waiting + size <= WAITING_MAX ? malloc(sizeof(*r) + size) : NULL;
        if (!r) {
                j->lost++;
                return;
        }
        r->next = NULL;
        r->size = 0;
        for (size_t i = 0; i < n; i++) {
                memcpy(r->data + r->size, iov[i].iov_base, iov[i].iov_len);
                r->size += iov[i].iov_len;
        }
        *j->end = r;
        j->end = &r->next;
        j->waiting += size;
        if (!j->io.events && !j->retry.at)
                send_later(j);
}

/* Sends what waits, in order, as far as it goes. */
static void send_waiting(Journal *j) {
        while (j->first) {
                Record *r = j->first;
                const struct iovec iov = {r->data, r->size};
                int k = send_record(j, &iov, 1);

                if (k == 0)
                        return;
                if (k < 0)
                        j->lost++;
                j->first = r->next;
                if (!j->first)
                        j->end = &j->first;
                j->waiting -= r->size;
                free(r);
        }
        if (j->lost > 0) {
                unsigned long n = j->lost;

                j->lost = 0;
                journal_log(j, PRIORITY_WARNING, "%lu lines were lost, because journald did not take them", n);
        }
}

static void on_writable(void *userdata, uint32_t events) {
        Journal *j = userdata;

        send_waiting(j);
        if (j->first)
                send_later(j);
        else
                loop_unwatch(j->loop, &j->io);
}

static void on_retry(void *userdata) {
        on_writable(userdata, 0);
}

/* fields: what this record has besides, each with its line's end. */
static void put_record(Journal *j, int priority, const char *console, const char *fields, const char *text, size_t size) {
        char head[32];
        uint64_t little_endian = htole64(size);
        bool plain = !memchr(text, '\n', size);
        int n = snprintf(head, sizeof(head), "PRIORITY=%d\n", priority);
        const struct iovec iov[] = {
                {j->fields, j->fields_size},
                {head, (size_t) n},
                {(char *) fields, strlen(fields)},
                {(char *) (plain ? "MESSAGE=" : "MESSAGE\n"), 8},
                {&little_endian, plain ? 0 : sizeof(little_endian)},
                {(char *) text, size},
                {(char *) "\n", 1},
        };
        int k;

        if (j->fd < 0) {
                if (j->stderr_is_journal)
                        (void) fprintf(stderr, "<%d>", priority);
                (void) fprintf(stderr, "%s%s%.*s\n", console ?: "", console ? ": " : "", (int) size, text);
                return;
        }
        k = j->first ? 0 : send_record(j, iov, ELEMENTSOF(iov));
        if (k == 0)
                keep_record(j, iov, ELEMENTSOF(iov));
        else if (k < 0)
                j->lost++;
}

void journal_console(Journal *j, int priority, const char *console, const char *text, size_t size) {
        char field[32];

        (void) snprintf(field, sizeof(field), "UML_CONSOLE=%s\n", console);
        put_record(j, priority, console, field, text, size);
}

void journal_vevent(Journal *j, int priority, const char *event, const char *fields, const char *format, va_list ap) {
        char text[LINE_SIZE_MAX], all[FIELDS_SIZE_MAX];
        int n;

        (void) snprintf(all, sizeof(all), "%s%s%s%s", event ? "MESSAGE_ID=" : "", event ?: "", event ? "\n" : "", fields);
        n = vsnprintf(text, sizeof(text), format, ap);
        if (n > 0)
                put_record(j, priority, NULL, all, text, MIN_OF((size_t) n, sizeof(text) - 1));
}

void journal_event(Journal *j, int priority, const char *event, const char *fields, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        journal_vevent(j, priority, event, fields, format, ap);
        va_end(ap);
}

void journal_log(Journal *j, int priority, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        journal_vevent(j, priority, NULL, "", format, ap);
        va_end(ap);
}

/* Whether journald has yet to receive something: it wants to look at us when it does. */
static bool is_under_way(const Journal *j) {
        int bytes = 0, fd = j->fd >= 0 ? j->fd : j->stderr_is_journal ? STDERR_FILENO : -EBADF;

        return fd >= 0 && ioctl(fd, SIOCOUTQ, &bytes) >= 0 && bytes > 0;
}

static void await_delivery(Journal *j) {
        uint64_t end = now_usec() + CLOSE_TIMEOUT;
        bool empty_sent = j->fd < 0;

        for (;;) {
                send_waiting(j);
                if (!j->first && !is_under_way(j)) {
                        /* It looks right after it has received. It takes one datagram after the other, and passes over an
                         * empty one: when it has received that, it has looked for all before. */
                        if (empty_sent || send(j->fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                                break;
                        empty_sent = true;
                        continue;
                }
                if (now_usec() >= end)
                        break;
                (void) poll(NULL, 0, 1); /* the kernel has no event for an empty queue: look again, each millisecond */
        }
        /* Of a stream there is no word of that at all. A process that journald has not seen before (see journal_new()) gives
         * it this while; of others it remembers what it saw. */
        if (j->fd < 0 && j->stderr_is_journal)
                (void) poll(NULL, 0, LOOK_TIME);
}

void journal_close(Journal *j) {
        if (!j)
                return;
        await_delivery(j);
        while (j->first) {
                Record *r = TAKE_PTR(j->first);

                j->first = r->next;
                free(r);
        }
        journal_attach(j, NULL);
        safe_close(j->fd);
        free(j->fields);
        free(j);
}
