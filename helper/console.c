/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "console.h"
#include "lines.h"
#include "replay.h"
#include "server.h"
#include "sink.h"
#include "store.h"

#define READ_SIZE 65536
#define INPUT_SIZE 4096
#define CLIENTS_MAX 32
#define PROMPT_DELAY (150 * USEC_PER_MSEC) /* an unfinished line that is left alone so long is shown */

typedef struct Client {
        Console *console;
        Io io;
        uint64_t position; /* in the line's output: what is before, it was sent or has lost */
        uint64_t lost;     /* bytes, which it is still to be told of */
        bool is_pty;
        bool ended; /* it will send nothing more, but may still listen */
        bool gone;  /* it has hung up; what it sent before waits for the guest */
        char name[STORE_NAME_SIZE]; /* in the store */
        struct Client *next;
} Client;

struct Console {
        const char *name;
        Loop *loop;
        Journal *journal;
        Io line; /* our end of the socketpair; fd -EBADF without a kernel */
        Timer prompt;
        Lines lines;
        char last_line[257];
        char reboot_line[64];
        void (*on_line)(void *userdata, const char *line);
        void *on_line_userdata;

        char input[INPUT_SIZE]; /* from clients, not yet taken by the guest */
        size_t input_size;

        Sink sinks[2];
        char sink_names[2][STORE_NAME_SIZE];
        size_t n_sinks;

        char replay_name[STORE_NAME_SIZE], socket_name[STORE_NAME_SIZE], pty_name[STORE_NAME_SIZE];
        Replay replay;
        Server server;
        Client *clients;
        unsigned last_client; /* the number in the name of the newest one */

        Client pty; /* in no list; watched only while somebody has the pty open */
        PtyWatcher *watcher;
        int watch; /* of the pty's opening */
        Console *next_watched;
};

/* Clients */

static bool client_is_behind(const Client *client) {
        return client->lost > 0 || client->position < client->console->replay.end;
}

static void client_watch(Client *client) {
        uint32_t events = 0;

        if (client->console->input_size == 0 && !client->ended)
                events |= EPOLLIN;
        if (client_is_behind(client) && !client->gone)
                events |= EPOLLOUT;
        /* Nothing is wanted of the client now, as while another's input waits for the guest. Its hang-up is told in any
         * case, but once, not all the time. */
        (void) loop_watch(client->console->loop, &client->io, events ? events : EPOLLRDHUP | EPOLLET);
}

static void watch_clients(Console *c) {
        for (Client *client = c->clients; client; client = client->next)
                client_watch(client);
        if (c->pty.io.events)
                client_watch(&c->pty);
}

static void pty_closed(Console *c);

static void drop_client(Client *client) {
        Console *c = client->console;

        loop_unwatch(c->loop, &client->io);
        client->lost = 0;
        client->ended = client->gone = false;
        if (client->is_pty) { /* closed by its user; the pty itself stays */
                pty_closed(c);
                return;
        }

        for (Client **p = &c->clients; *p; p = &(*p)->next)
                if (*p == client) {
                        *p = client->next;
                        break;
                }
        store_remove(client->name);
        safe_close(client->io.fd);
        server_client_gone(&c->server);
        free(client);
}

/* Returns how much was taken, or a negative errno if nothing ever will be. */
static ssize_t client_write(Client *client, const char *data, size_t size) {
        ssize_t n = client->is_pty ? write(client->io.fd, data, size)
                                   : send(client->io.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
}

static int client_tell_loss(Client *client) {
        char text[80];
        int n = snprintf(text, sizeof(text), "\r\n[uml-helper: %llu bytes were lost here: read faster]\r\n",
                         (unsigned long long) client->lost);
        ssize_t k = client_write(client, text, (size_t) n);

        if (k > 0)
                client->lost = 0;
        return k < 0 ? (int) k : 0;
}

/* Sends what the client has not got yet, as far as it takes it. */
static int client_catch_up(Client *client) {
        const Replay *replay = &client->console->replay;
        uint64_t oldest = replay_oldest(replay);
        const char *data = NULL;
        size_t size;

        if (client->position < oldest) {
                client->lost += oldest - client->position;
                client->position = oldest;
        }
        if (client->lost > 0) {
                int r = client_tell_loss(client);

                if (r < 0 || client->lost > 0)
                        return r;
        }
        while ((size = replay_peek(replay, client->position, &data)) > 0) {
                ssize_t n = client_write(client, data, size);

                if (n <= 0)
                        return (int) n;
                client->position += (uint64_t) n;
        }
        return 0;
}

/* New output, which is not in the replay yet: goes right to a client that has all before it. For one that has not, it is
 * among what it will catch up with. */
static void client_output(Client *client, const char *data, size_t size) {
        ssize_t n;

        if (client_is_behind(client) || client->gone)
                return;
        n = client_write(client, data, size);
        if (n > 0) /* an error is found again when it is to catch up */
                client->position += (uint64_t) n;
}

/* Whether a client that hung up has left something to be read. */
static bool client_has_input(const Client *client) {
        struct pollfd p = {.fd = client->io.fd, .events = POLLIN};
        char byte;

        if (client->is_pty)
                return poll(&p, 1, 0) > 0 && p.revents & POLLIN;
        return !client->ended && recv(client->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void send_input(Console *c) {
        ssize_t n = 0;

        if (c->input_size > 0)
                n = send(c->line.fd, c->input, c->input_size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
                n = errno == EAGAIN || errno == EINTR ? 0 : (ssize_t) c->input_size; /* nobody there: typed into the void */
        c->input_size -= (size_t) n;
        memmove(c->input, c->input + n, c->input_size);

        if (c->line.fd >= 0)
                (void) loop_watch(c->loop, &c->line, EPOLLIN | (c->input_size > 0 ? EPOLLOUT : 0));
        watch_clients(c);
}

/* False: the client is not there any more. */
static bool read_client(Client *client) {
        Console *c = client->console;
        ssize_t n = read(client->io.fd, c->input, sizeof(c->input));

        if (n > 0) {
                c->input_size = (size_t) n;
                send_input(c);
        } else if (n == 0 && !client->is_pty)
                client->ended = true;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                drop_client(client);
                return false;
        }
        return true;
}

static void on_client(void *userdata, uint32_t events) {
        Client *client = userdata;
        bool hung_up = events & (EPOLLHUP | EPOLLERR);

        if (!hung_up && events & EPOLLOUT && client_catch_up(client) < 0)
                hung_up = true;
        if (events & ~(uint32_t) EPOLLOUT && client->console->input_size == 0 && !client->ended && !read_client(client))
                return;
        client->gone = client->gone || hung_up;
        /* One that typed and went waits for the guest, but not if that keeps others out. */
        if (client->gone && (!client_has_input(client) || client->console->server.n_clients >= client->console->server.max_clients))
                drop_client(client);
        else
                client_watch(client);
}

/* While the guest reads nothing, those who typed and went must not keep the living out. */
static void drop_gone_clients(Console *c) {
        Client *next;

        for (Client *client = c->clients; client; client = next) {
                next = client->next;
                if (client->gone)
                        drop_client(client);
        }
}

/* NULL without memory, and then the descriptor is closed. */
static Client *add_client(Console *c, int fd, uint64_t position) {
        Client *client = calloc(1, sizeof(*client));

        if (!client) {
                safe_close(fd);
                server_client_gone(&c->server);
                return NULL;
        }
        *client = (Client) {.console = c, .io = {.fd = fd, .function = on_client, .userdata = client}, .position = position, .next = c->clients};
        c->clients = client;
        return client;
}

static void on_connection(void *userdata, int fd) {
        Console *c = userdata;
        Client *client = add_client(c, fd, replay_begin(&c->replay));

        if (client) {
                (void) snprintf(client->name, sizeof(client->name), "%s.client.%u", c->name, ++c->last_client);
                store_add(client->name, fd);
                client_watch(client);
        }
        if (c->server.n_clients >= c->server.max_clients)
                drop_gone_clients(c);
}

/* Those of the helper before this one. They have had all output that it had, perhaps but for the last that it read. */
static void take_over_clients(Console *c) {
        char prefix[STORE_NAME_SIZE];
        const char *name;

        (void) snprintf(prefix, sizeof(prefix), "%s.client.", c->name);
        while ((name = store_find(prefix))) {
                unsigned number = (unsigned) strtoul(name + strlen(prefix), NULL, 10);
                char copy[STORE_NAME_SIZE];
                Client *client;

                strcpy(copy, name);
                server_add_client(&c->server);
                client = add_client(c, store_take(copy), c->replay.end);
                if (!client) {
                        store_remove(copy);
                        continue;
                }
                strcpy(client->name, copy);
                if (number > c->last_client)
                        c->last_client = number;
                client_watch(client);
        }
}

/* The pty: its master is a client like others, but there only while somebody has the slave open: before, what is written
 * would wait there and be shown, outdated, to who comes. inotify tells of the opening, a hang-up of the last close. */

static void pty_opened(Console *c) {
        if (c->pty.io.events)
                return;
        c->pty.position = replay_begin(&c->replay);
        client_watch(&c->pty);
}

/* As long as the master is open the terminal keeps what its last user set: an echo, or a translation of line ends. */
static int make_raw(int slave) {
        struct termios raw;

        if (tcgetattr(slave, &raw) < 0)
                return negative_errno();
        cfmakeraw(&raw);
        return tcsetattr(slave, TCSANOW, &raw) < 0 ? negative_errno() : 0;
}

static int open_pty(Console *c);

/* A program that took the terminal for itself (TIOCEXCL; screen does) has left it so: for all but root it cannot be opened
 * any more, also not to be freed. There is a new one, then. */
static void renew_pty(Console *c) {
        int r;

        for (Console **p = &c->watcher->consoles; *p; p = &(*p)->next_watched)
                if (*p == c) {
                        *p = c->next_watched;
                        break;
                }
        store_remove(c->pty_name);
        loop_close_io(c->loop, &c->pty.io);
        r = open_pty(c);
        if (r < 0)
                journal_log(c->journal, PRIORITY_WARNING, "There is no %s any more: %s; %s is the same line", c->pty_name, strerror(-r), c->socket_name);
}

/* What the user left unread still waits in the pty, partly in what the slave has read already: it would be shown to the next
 * user before the replay, which has it, too. Our own opening of the slave is not to be told; if somebody else opens it
 * meanwhile, there is no hang-up after it. */
static void pty_closed(Console *c) {
        struct pollfd p = {.fd = c->pty.io.fd};
        _cleanup_close_ int slave = -EBADF;
        char path[64];

        if (ptsname_r(p.fd, path, sizeof(path)) != 0)
                return;
        (void) inotify_rm_watch(c->watcher->io.fd, c->watch);
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (slave < 0 && errno == EBUSY && poll(&p, 1, 0) >= 0 && p.revents & POLLHUP) {
                renew_pty(c);
                return;
        }
        if (slave >= 0) {
                (void) tcflush(p.fd, TCOFLUSH);
                (void) tcflush(slave, TCIFLUSH);
                (void) make_raw(slave);
                slave = safe_close(slave);
        }
        c->watch = inotify_add_watch(c->watcher->io.fd, path, IN_OPEN);
        if (c->watch < 0)
                journal_log(c->journal, PRIORITY_WARNING, "%s is dead from now on: %m; %s is the same line", c->pty_name, c->socket_name);
        if (poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP))
                pty_opened(c);
}

static void on_pty_opened(void *userdata, uint32_t events) {
        char buffer[32 * (sizeof(struct inotify_event) + NAME_MAX + 1)] __attribute__((aligned(__alignof__(struct inotify_event))));
        PtyWatcher *w = userdata;
        ssize_t n = read(w->io.fd, buffer, sizeof(buffer));

        for (ssize_t i = 0; i < n;) {
                const struct inotify_event *event = (const struct inotify_event *) (buffer + i);

                for (Console *c = w->consoles; c; c = c->next_watched)
                        if (event->wd == c->watch || event->mask & IN_Q_OVERFLOW)
                                pty_opened(c);
                i += (ssize_t) (sizeof(*event) + event->len);
        }
}

int pty_watcher_open(PtyWatcher *w, Loop *loop) {
        *w = (PtyWatcher) {.loop = loop, .io = {.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .function = on_pty_opened, .userdata = w}};
        return w->io.fd < 0 ? negative_errno() : loop_watch(loop, &w->io, EPOLLIN);
}

void pty_watcher_close(PtyWatcher *w) {
        loop_close_io(w->loop, &w->io);
}

static int make_pty(Console *c) {
        _cleanup_close_ int master = -EBADF, slave = -EBADF;
        char path[64];

        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (master < 0 || unlockpt(master) < 0 || ptsname_r(master, path, sizeof(path)) != 0)
                return negative_errno();
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0 || make_raw(slave) < 0 || fchmod(slave, 0600) < 0)
                return negative_errno();
        (void) unlink(c->pty_name);
        if (symlink(path, c->pty_name) < 0)
                return negative_errno();
        return TAKE_FD(master);
}

static int open_pty(Console *c) {
        _cleanup_close_ int master = store_take(c->pty_name);
        bool is_new = master < 0;
        struct pollfd p;
        char path[64];

        if (is_new)
                master = make_pty(c);
        if (master < 0)
                return master;
        if (ptsname_r(master, path, sizeof(path)) != 0)
                return negative_errno();
        c->watch = inotify_add_watch(c->watcher->io.fd, path, IN_OPEN);
        if (c->watch < 0)
                return negative_errno();

        if (is_new)
                store_add(c->pty_name, master);
        p = (struct pollfd) {.fd = master};
        c->pty = (Client) {.console = c, .is_pty = true, .io = {.fd = TAKE_FD(master), .function = on_client, .userdata = &c->pty}};
        c->next_watched = c->watcher->consoles;
        c->watcher->consoles = c;
        if (!is_new && poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP)) { /* somebody has had it open since the last helper */
                pty_opened(c);
                c->pty.position = c->replay.end;
        }
        return 0;
}

/* The guest's output */

static void on_line(void *userdata, int priority, const char *text, size_t size) {
        Console *c = userdata;
        size_t n = MIN_OF(size, sizeof(c->last_line) - 1);

        for (size_t i = 0; i < n; i++)
                c->last_line[i] = text[i] < 0x20 || text[i] >= 0x7f ? '?' : text[i];
        c->last_line[n] = 0;
        if (after_prefix(c->last_line, "reboot: "))
                (void) snprintf(c->reboot_line, sizeof(c->reboot_line), "%.63s", c->last_line);
        journal_console(c->journal, priority, c->name, text, size);
        if (c->on_line)
                c->on_line(c->on_line_userdata, c->last_line);
}

static void on_prompt(void *userdata) {
        Console *c = userdata;

        lines_flush(&c->lines, on_line, c);
}

static void output(Console *c, const char *data, size_t size) {
        lines_add(&c->lines, data, size, on_line, c);
        if (c->lines.size > 0)
                loop_set_timer(c->loop, &c->prompt, PROMPT_DELAY);
        else
                loop_clear_timer(c->loop, &c->prompt);

        for (size_t i = 0; i < c->n_sinks; i++)
                sink_write(&c->sinks[i], data, size);

        for (Client *client = c->clients; client; client = client->next)
                client_output(client, data, size);
        if (c->pty.io.events)
                client_output(&c->pty, data, size);
        replay_add(&c->replay, data, size);
        watch_clients(c);
}

/* False: there is nothing more, for now or ever. */
static bool read_output(Console *c, bool *ret_end) {
        char buffer[READ_SIZE];
        ssize_t n;

        do
                n = read(c->line.fd, buffer, sizeof(buffer));
        while (n < 0 && errno == EINTR);

        *ret_end = n == 0 || (n < 0 && errno != EAGAIN);
        if (n > 0)
                output(c, buffer, (size_t) n);
        return n > 0;
}

static void on_output(void *userdata, uint32_t events) {
        Console *c = userdata;
        bool end;

        if (events & EPOLLOUT)
                send_input(c);
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                (void) read_output(c, &end);
                if (end) /* the guest closed the device; nothing more will come, and epoll would not stop saying so */
                        loop_unwatch(c->loop, &c->line);
        }
}

int console_connect(Console *c) {
        int pair[2], r;

        console_disconnect(c);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return negative_errno();
        if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
                r = negative_errno();
                goto fail;
        }
        c->line.fd = pair[0];
        r = loop_watch(c->loop, &c->line, EPOLLIN);
        if (r < 0)
                goto fail;
        store_add(c->name, pair[0]);
        c->input_size = 0;
        c->last_line[0] = c->reboot_line[0] = 0;
        watch_clients(c);
        return pair[1];

fail:
        safe_close(pair[0]);
        safe_close(pair[1]);
        c->line.fd = -EBADF;
        return r;
}

int console_resume(Console *c) {
        c->line.fd = store_take(c->name);
        return c->line.fd < 0 ? c->line.fd : loop_watch(c->loop, &c->line, EPOLLIN);
}

void console_disconnect(Console *c) {
        bool end;

        if (c->line.fd < 0)
                return;
        while (read_output(c, &end))
                ;
        loop_clear_timer(c->loop, &c->prompt);
        lines_flush(&c->lines, on_line, c);
        store_remove(c->name);
        loop_close_io(c->loop, &c->line);
}

void console_watch_lines(Console *c, void (*function)(void *userdata, const char *line), void *userdata) {
        c->on_line = function;
        c->on_line_userdata = userdata;
}

const char *console_reboot_line(const Console *c) {
        return c->reboot_line;
}

const char *console_last_line(const Console *c) {
        return c->last_line;
}

int console_accept_clients(Console *c, size_t replay, PtyWatcher *watcher) {
        int r;

        (void) snprintf(c->replay_name, sizeof(c->replay_name), "%s.replay", c->name);
        (void) snprintf(c->socket_name, sizeof(c->socket_name), "%s.sock", c->name);
        (void) snprintf(c->pty_name, sizeof(c->pty_name), "%s.pty", c->name);
        replay_open(&c->replay, c->replay_name, replay);
        r = server_open(&c->server, c->loop, SOCK_STREAM, c->socket_name, CLIENTS_MAX, RESERVE_OF_CONSOLES, on_connection, c);
        if (r < 0)
                return r;
        take_over_clients(c);
        if (!watcher || watcher->io.fd < 0)
                return 0;
        c->watcher = watcher;
        r = open_pty(c);
        if (r < 0)
                journal_log(c->journal, PRIORITY_WARNING, "There is no %s: %s; %s is the same line", c->pty_name, strerror(-r), c->socket_name);
        return 0;
}

int console_add_file(Console *c, const char *path, bool truncate) {
        char *name = c->sink_names[c->n_sinks];
        int fd;

        if (c->n_sinks >= ELEMENTSOF(c->sinks))
                return -E2BIG;
        (void) snprintf(name, sizeof(c->sink_names[0]), "%s.file.%zu", c->name, c->n_sinks);
        fd = store_take(name);
        if (fd < 0) {
                fd = sink_open(path, truncate);
                if (fd < 0)
                        return fd;
                store_add(name, fd);
        }
        c->sinks[c->n_sinks++] = (Sink) {.fd = fd, .path = path, .line = c->name, .journal = c->journal};
        return 0;
}

int console_new(Console **ret, Loop *loop, Journal *journal, const char *name) {
        Console *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        *c = (Console) {
                .name = name,
                .loop = loop,
                .journal = journal,
                .line = {.fd = -EBADF, .function = on_output, .userdata = c},
                .prompt = {.function = on_prompt, .userdata = c},
                .server.io.fd = -EBADF,
                .pty.io.fd = -EBADF,
        };
        *ret = c;
        return 0;
}

Console *console_free(Console *c) {
        if (!c)
                return NULL;
        console_disconnect(c);
        while (c->clients)
                drop_client(c->clients);
        server_close(&c->server);
        if (c->pty.io.fd >= 0)
                store_remove(c->pty_name);
        loop_close_io(c->loop, &c->pty.io);
        for (size_t i = 0; i < c->n_sinks; i++) {
                store_remove(c->sink_names[i]);
                sink_close(&c->sinks[i]);
        }
        replay_done(&c->replay);
        free(c);
        return NULL;
}
