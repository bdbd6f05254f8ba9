/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "native.h"
#include "report.h"
#include "shell.h"

/* Descriptors for files: a POSIX shell knows those of one digit, and the first three have their users. */
#define FILE_FD_FIRST 3
#define FILE_FD_LAST 9

typedef struct Export {
        FILE *f;
        const Domain *domain;
        Reporter reporter;
        char **arguments; /* of the kernel */
        size_t n_arguments;
        const Console *files[FILE_FD_LAST - FILE_FD_FIRST + 1];
        size_t n_files;
} Export;

#define warn(e, ...) reporter_say(&(e)->reporter, SEVERITY_WARNING, 1, 1, __VA_ARGS__)

static void put_word(Export *e, const char *word) {
        putc_unlocked(' ', e->f);
        shell_put_word(e->f, word);
}

static void put_words(Export *e, size_t begin, size_t n) {
        for (size_t i = 0; i < n; i++)
                put_word(e, e->arguments[begin + i]);
}

static int add_argument(void *userdata, const char *argument) {
        Export *e = userdata;
        char *copy;

        if (grow(&e->arguments, e->n_arguments, sizeof(char *)) < 0)
                return -ENOMEM;
        copy = strdup(argument);
        if (!copy)
                return -ENOMEM;
        e->arguments[e->n_arguments++] = copy;
        return 0;
}

/* The channel of a line whose output goes into a file; the redirection that opens it comes at the end. */
static void put_file_channel(Export *e, const Console *c, const char *name) {
        if (e->n_files >= ELEMENTSOF(e->files)) {
                warn(e, "%s: a shell opens no more than %zu files for a command; nothing keeps the line's output",
                     name, ELEMENTSOF(e->files));
                fputs_unlocked("null", e->f);
                return;
        }
        fprintf(e->f, "null,fd:%zu", FILE_FD_FIRST + e->n_files);
        e->files[e->n_files++] = c;
}

static void put_device_channel(Export *e, const Console *c, const char *name) {
        if (!c->path || strpbrk(c->path, CHANNEL_SEPARATORS)) {
                warn(e, "%s: a command line cannot name the device %s; the line is a pty", name, c->path ?: "");
                fputs_unlocked("pts", e->f);
                return;
        }
        fputs_unlocked("tty:", e->f);
        shell_put_word(e->f, c->path);
}

/* con0 is the terminal that the line is typed at: what a user expects. */
static void put_line(Export *e, const Console *c) {
        bool first = !c->serial && c->port == 0;
        char name[LINE_NAME_SIZE];

        console_name(c, name);
        if (c->log)
                warn(e, "%s: a command line cannot say that the output goes into %s, too", name, c->log);

        fprintf(e->f, " %s=", name);
        switch (c->kind) {
        case CONSOLE_NULL:
                fputs_unlocked("null", e->f);
                break;
        case CONSOLE_PTY:
                fputs_unlocked(first ? "fd:0,fd:1" : "pts", e->f);
                break;
        case CONSOLE_STDIO:
                fputs_unlocked("null,fd:1", e->f); /* a service has no input */
                break;
        case CONSOLE_FILE:
                put_file_channel(e, c, name);
                break;
        case CONSOLE_DEV:
                put_device_channel(e, c, name);
                break;
        default:
                warn(e, "%s: a UML kernel has no channel of type %s; the line is a pty", name, console_kind_to_string(c->kind));
                fputs_unlocked("pts", e->f);
        }
}

static void put_redirections(Export *e) {
        for (size_t i = 0; i < e->n_files; i++) {
                fprintf(e->f, " %zu%s", FILE_FD_FIRST + i, e->files[i]->truncate ? ">" : ">>");
                shell_put_word(e->f, e->files[i]->path);
        }
}

static bool has_understood(char *const *items, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (native_is_understood(items[i]))
                        return true;
        return false;
}

/* The end of the kernel's arguments, as kernel_arguments() has them: options, init=, <cmdline>, -- and what is for init. */
static void put_tail(Export *e, size_t begin) {
        const Domain *d = e->domain;
        size_t at = begin + d->n_options + (d->init ? 1 : 0);

        if (d->n_options > 0)
                fprintf(e->f, " " OPTIONS_HINT "%zu", d->n_options);
        put_words(e, begin, at - begin);
        if (has_understood(d->cmdline, d->n_cmdline))
                fprintf(e->f, " " COMMAND_LINE_HINT "%zu", d->n_cmdline);
        put_words(e, at, e->n_arguments - at);
}

static void put_line_of_words(Export *e) {
        const Domain *d = e->domain;
        size_t tail = d->n_options + (d->init ? 1 : 0) + d->n_cmdline + (d->n_init_arguments > 0 ? 1 + d->n_init_arguments : 0);

        shell_put_word(e->f, d->kernel);
        put_words(e, 0, e->n_arguments - tail);
        fprintf(e->f, " umid=%s con=null ssl=null", d->name);
        for (size_t i = 0; i < d->n_consoles; i++)
                put_line(e, &d->consoles[i]);
        if (d->on_reboot != LIFECYCLE_RESTART)
                fputs_unlocked(" noreboot", e->f);
        put_tail(e, e->n_arguments - tail);
        put_redirections(e);
        putc_unlocked('\n', e->f);
}

int native_export(FILE *f, const Domain *d, ReportFunction report, void *userdata) {
        Export e = {.f = f, .domain = d, .reporter = {.report = report, .userdata = userdata}};
        int r;

        for (size_t i = 0; i < d->n_disks; i++)
                if (d->disks[i].optional)
                        warn(&e, "ubd%u: a command line cannot say that the guest starts without the disk, too", d->disks[i].index);
        r = kernel_arguments(d, true, add_argument, &e);
        if (r >= 0)
                put_line_of_words(&e);
        reporter_end(&e.reporter);

        for (size_t i = 0; i < e.n_arguments; i++)
                free(e.arguments[i]);
        free(e.arguments);
        return r < 0 ? r : reporter_result(&e.reporter);
}
