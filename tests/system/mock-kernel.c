/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A mock of a UML kernel, for what no real one does: it comes up as one does, answers its first request on mconsole, and
 * from then on misbehaves as its argument `mock=` says. It goes only when it is killed. */

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DATA_MAX 512
#define VERSION_TEXT "Linux mock 0.0 a mock of a kernel"

typedef struct Reply {
        uint32_t error, more, length;
        char data[DATA_MAX];
} Reply;

typedef struct Notification {
        uint32_t magic, version, kind, length;
        char data[DATA_MAX];
} Notification;

static int mconsole;
static struct sockaddr_un helper = {.sun_family = AF_UNIX, .sun_path = "./notify"};

static void fail(const char *what) {
        perror(what);
        exit(EXIT_FAILURE);
}

static const char *value_of(char *argv[], const char *key, const char *otherwise) {
        size_t n = strlen(key);

        for (; *argv; argv++)
                if (strncmp(*argv, key, n) == 0)
                        return *argv + n;
        return otherwise;
}

static ssize_t send_reply(const struct sockaddr_un *client, const Reply *reply, size_t size) {
        return sendto(mconsole, reply, size, MSG_NOSIGNAL, (const struct sockaddr *) client, sizeof(*client));
}

static ssize_t notify(uint32_t kind, const char *data, size_t size) {
        Notification n = {0xcafebabe, 2, kind, (uint32_t) size, ""};

        memcpy(n.data, data, size);
        return sendto(mconsole, &n, offsetof(Notification, data) + size, MSG_NOSIGNAL, (const struct sockaddr *) &helper, sizeof(helper));
}

static void answer(const struct sockaddr_un *client, const char *text) {
        Reply reply = {0, 0, (uint32_t) strlen(text) + 1, ""};

        strcpy(reply.data, text);
        (void) send_reply(client, &reply, offsetof(Reply, data) + reply.length);
}

/* What it does with each request but the first. */

static void send_well(const struct sockaddr_un *client) {
        answer(client, VERSION_TEXT);
}

static void send_nothing(const struct sockaddr_un *client) {
}

/* A datagram of any size, whatever its fields happen to say. */
static void send_garbage(const struct sockaddr_un *client) {
        Reply reply;

        for (size_t i = 0; i < sizeof(reply); i++)
                ((char *) &reply)[i] = (char) rand();
        (void) send_reply(client, &reply, (size_t) rand() % sizeof(reply));
}

static void send_wrong_length(const struct sockaddr_un *client) {
        Reply reply = {.length = UINT32_MAX};

        (void) send_reply(client, &reply, sizeof(reply));
}

/* More, and more, until nobody is there to get it. */
static void send_more(const struct sockaddr_un *client, uint32_t length) {
        Reply reply = {.more = 1, .length = length};

        memset(reply.data, 'x', sizeof(reply.data));
        while (send_reply(client, &reply, offsetof(Reply, data) + length) >= 0)
                ;
}

static void send_more_text(const struct sockaddr_un *client) {
        send_more(client, DATA_MAX);
}

static void send_more_of_nothing(const struct sockaddr_un *client) {
        send_more(client, 0);
}

/* What a guest writes, kinds that there are not, and what is no notification at all, without end. */
static void flood(void) {
        char data[DATA_MAX];

        memset(data, 'x', sizeof(data));
        for (uint32_t i = 0; notify(3 + i % 5, data, sizeof(data)) >= 0; i++)
                (void) sendto(mconsole, data, i % DATA_MAX, MSG_NOSIGNAL, (const struct sockaddr *) &helper, sizeof(helper));
}

static const struct Fault {
        const char *name;
        void (*serve)(const struct sockaddr_un *client);
        void (*besides)(void); /* in a process of its own */
} faults[] = {
        {"none",     send_well,            NULL },
        {"silence",  send_nothing,         NULL },
        {"garbage",  send_garbage,         NULL },
        {"length",   send_wrong_length,    NULL },
        {"more",     send_more_text,       NULL },
        {"nothing",  send_more_of_nothing, NULL },
        {"flood",    send_well,            flood},
};

static const struct Fault *find_fault(const char *name) {
        for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
                if (strcmp(faults[i].name, name) == 0)
                        return &faults[i];
        (void) fprintf(stderr, "mock=%s is unknown\n", name);
        exit(EXIT_FAILURE);
}

/* The directory, the pid file and the socket of a kernel; it tells the helper of the socket. */
static void come_up(const char *umid) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char path[sizeof(address.sun_path) + 8];
        FILE *f;

        (void) snprintf(path, sizeof(path), "./umid/%.63s", umid);
        if (mkdir("umid", 0700) < 0 || mkdir(path, 0700) < 0)
                fail(path);
        (void) snprintf(path, sizeof(path), "./umid/%.63s/pid", umid);
        f = fopen(path, "w");
        if (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f) != 0)
                fail(path);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "./umid/%.63s/mconsole", umid);
        mconsole = socket(AF_UNIX, SOCK_DGRAM, 0);
        if (mconsole < 0 || bind(mconsole, (const struct sockaddr *) &address, sizeof(address)) < 0)
                fail(address.sun_path);
        if (notify(0, address.sun_path, strlen(address.sun_path) + 1) < 0)
                fail("notify");
}

int main(int argc, char *argv[]) {
        const struct Fault *fault = find_fault(value_of(argv, "mock=", ""));
        struct sockaddr_un client;
        char request[1024];

        (void) signal(SIGTERM, SIG_IGN);
        (void) setsid(); /* as UML does */
        come_up(value_of(argv, "umid=", ""));
        for (int n = 0;; n++) {
                socklen_t size = sizeof(client);

                memset(&client, 0, sizeof(client));
                if (recvfrom(mconsole, request, sizeof(request), 0, (struct sockaddr *) &client, &size) < 0)
                        fail("recvfrom");
                if (n > 0)
                        fault->serve(&client);
                else
                        answer(&client, VERSION_TEXT);
                if (n == 0 && fault->besides && fork() == 0)
                        fault->besides();
        }
}
