/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "native-import.h"

/* Consoles and serial lines: con<n>=CHANNEL, or a channel for input and one for output. A line of a service's guest has no
 * terminal that it was started from: what was to be that is a pty, which one can attach to. */

/* How many lines con=pts and ssl=pts stand for: those that distributions run a getty on. Of all 80, the most would be
 * opened by nobody. */
#define DEFAULT_CONSOLES 7
#define DEFAULT_SERIALS 1 /* as a message says both */

#define FD_NONE -1

typedef enum ChannelKind {
        CHANNEL_NONE,
        CHANNEL_NULL,
        CHANNEL_FD,
        CHANNEL_PTY,
        CHANNEL_XTERM,
        CHANNEL_PORT,
        CHANNEL_DEVICE,
} ChannelKind;

typedef struct Channel {
        ChannelKind kind;
        int fd;           /* of CHANNEL_FD, else FD_NONE */
        const char *rest; /* what follows the `:` */
} Channel;

/* A word of the kernel's, and whether something follows it after a `:`. */
static const struct {
        const char *name;
        ChannelKind kind;
        bool argument;
} channels[] = {
        {"none",  CHANNEL_NONE,   false},
        {"null",  CHANNEL_NULL,   false},
        {"pts",   CHANNEL_PTY,    false},
        {"pty",   CHANNEL_PTY,    false},
        {"xterm", CHANNEL_XTERM,  false},
        {"fd:",   CHANNEL_FD,     true},
        {"port:", CHANNEL_PORT,   true},
        {"tty:",  CHANNEL_DEVICE, true},
};

static bool read_channel(const char *text, Channel *ret) {
        for (size_t k = 0; k < ELEMENTSOF(channels); k++) {
                const char *rest = after_prefix(text, channels[k].name);
                uint64_t number = 0;

                if (!rest || (channels[k].argument ? !*rest : *rest))
                        continue;
                if ((channels[k].kind == CHANNEL_FD || channels[k].kind == CHANNEL_PORT) && parse_number(rest, 65535, &number) < 0)
                        return false;
                *ret = (Channel) {.kind = channels[k].kind, .fd = FD_NONE, .rest = rest};
                if (ret->kind == CHANNEL_FD)
                        ret->fd = (int) number;
                return true;
        }
        return false;
}

/* The file that the shell opens as that descriptor. */
static const ShellRedirection *find_redirection(const Import *i, int fd) {
        for (size_t k = i->command.n_redirections; k > 0; k--)
                if (fd != FD_NONE && i->command.redirections[k - 1].fd == (unsigned) fd)
                        return &i->command.redirections[k - 1];
        return NULL;
}

static void set_file(Import *i, Console *c, const char *line, const Channel *in, const ShellRedirection *file) {
        const ShellWord *option = i->word;

        if (file->fd < ELEMENTSOF(i->redirection_used))
                i->redirection_used[file->fd] = true;
        if (in->kind != CHANNEL_NULL)
                warning(i, "%s: its output goes to a file, and then a service has no input for it", line);
        i->word = &file->path;
        c->kind = CONSOLE_FILE;
        c->path = import_path(i, "file", file->path.text, NULL);
        c->truncate = !file->append;
        i->word = option;
}

/* A channel for both directions, or one for each. */
static void set_channels(Import *i, Console *c, const char *line, const Channel *in, const Channel *out) {
        const ShellRedirection *file = find_redirection(i, out->fd);

        c->kind = CONSOLE_PTY;
        if (file)
                set_file(i, c, line, in, file);
        else if (out->kind == CHANNEL_NULL && in->kind == CHANNEL_NULL)
                c->kind = CONSOLE_NULL;
        else if (in == out && out->kind == CHANNEL_DEVICE) {
                c->kind = CONSOLE_DEV;
                c->path = import_path(i, "device", out->rest, CHANNEL_SEPARATORS);
        } else if (in == out && out->kind == CHANNEL_XTERM)
                warning(i, "%s=xterm is taken as a pty: a service has no display", line);
        else if (in == out && out->kind == CHANNEL_PORT)
                warning(i, "%s=port:%s is taken as a pty: a TCP port that anybody may connect to is not supported",
                        line, out->rest);
        else if (in->kind == CHANNEL_NULL && out->fd == STDOUT_FILENO)
                c->kind = CONSOLE_STDIO;
        else if (!(in == out && out->kind == CHANNEL_PTY) && !(in->fd == STDIN_FILENO && out->fd == STDOUT_FILENO))
                warning(i, "'%s' is taken as a pty: a service has no such channels", i->word->text);
}

/* The line's channels from value. False: it has none. */
static bool read_line(Import *i, Console *c, const char *line, const char *value) {
        _cleanup_free_ char *copy = import_copy(i, value);
        char *rest = copy, *first;
        Channel in, out;
        bool pair, good;

        if (!copy)
                return false;
        first = strsep(&rest, ",");
        pair = rest;
        good = read_channel(first, &in);
        if (good && pair)
                good = read_channel(rest, &out) && in.kind != CHANNEL_NONE && out.kind != CHANNEL_NONE;
        if (!good) {
                error(i,
                      "'%s': expected null, none, pts, pty, xterm, fd:N, port:N or tty:DEVICE, or two of them with a comma, for input and for output",
                      i->word->text);
                return false;
        }
        if (in.kind == CHANNEL_NONE)
                return false;
        set_channels(i, c, line, &in, pair ? &out : &in);
        return true;
}

static Console *find_line(const Domain *d, bool serial, unsigned port) {
        for (size_t k = 0; k < d->n_consoles; k++)
                if (d->consoles[k].serial == serial && d->consoles[k].port == port)
                        return &d->consoles[k];
        return NULL;
}

static void put_line(Import *i, const Console *new) {
        Console *c = find_line(i->domain, new->serial, new->port);

        if (c) {
                warning(i, "'%s': the line was given before; this one is taken, as by UML", i->word->text);
                free(c->path);
        } else
                c = domain_add_console(i->domain, new->serial);
        if (c)
                *c = *new;
        else {
                free(new->path);
                i->reporter.out_of_memory = true;
        }
}

static bool import_line(Import *i, bool serial, const char *value) {
        unsigned max = (serial ? DOMAIN_SERIALS_MAX : DOMAIN_CONSOLES_MAX) - 1;
        const char *digits = i->word->text + strlen("con");
        _cleanup_free_ char *number = strndup(digits, strspn(digits, "0123456789")), *line = NULL;
        Console c = {.serial = serial};
        uint64_t port;

        if (!number) {
                i->reporter.out_of_memory = true;
                return true;
        }
        if (!*number) {
                import_set(i, serial ? SETTING_SERIALS : SETTING_CONSOLES, value);
                return true;
        }
        if (parse_number(number, max, &port) < 0) {
                error(i, "'%s': expected a number from 0 to %u before the '='", i->word->text, max);
                return true;
        }
        c.port = (unsigned) port;
        line = strndup(i->word->text, strlen("con") + strlen(number));
        if (!line) {
                i->reporter.out_of_memory = true;
                return true;
        }
        /* A guest's definition without con0 has one, as a pty. */
        if (read_line(i, &c, line, value) || (!serial && port == 0) || find_line(i->domain, serial, c.port))
                put_line(i, &c);
        return true;
}

bool import_console(Import *i, const char *value) {
        return import_line(i, false, value);
}

bool import_serial(Import *i, const char *value) {
        return import_line(i, true, value);
}

/* con=CHANNEL is for every console without one of its own. */
static void end_default(Import *i, bool serial) {
        Setting setting = serial ? SETTING_SERIALS : SETTING_CONSOLES;
        unsigned n = serial ? DEFAULT_SERIALS : DEFAULT_CONSOLES;
        const char *prefix = serial ? "ssl" : "con";
        Console c = {};

        i->word = i->settings[setting];
        if (!i->word)
                return;
        if (!read_line(i, &c, prefix, i->values[setting]) || c.kind != CONSOLE_PTY) {
                if (c.kind != CONSOLE_NULL)
                        warning(i, "'%s' is not taken for all lines; give one of them, %s1 for instance, this channel",
                                i->word->text, prefix);
                free(c.path);
                c = (Console) {.kind = CONSOLE_NULL};
                n = serial ? 0 : 1; /* con0 would be a pty */
        } else
                warning(i, "'%s' is taken for %s; add others that you need", i->word->text, serial ? "ssl0" : "con0 to con6");
        for (unsigned port = 0; port < n; port++)
                if (!find_line(i->domain, serial, port)) {
                        c.serial = serial;
                        c.port = port;
                        put_line(i, &c);
                }
}

void import_end_lines(Import *i) {
        end_default(i, false);
        end_default(i, true);
        if (domain_add_default_console(i->domain) < 0)
                i->reporter.out_of_memory = true;
}
