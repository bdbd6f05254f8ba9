/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the next helper of a running guest has to know, if this one is killed, crashes or is replaced: the command line that
 * the guest was started with (the definition may have changed since), and what was going on. Both are memory files in the
 * store. The state is text, a line KEY=VALUE for each of the fields below, so that helpers of different versions
 * understand each other: an unknown key is passed over, a missing one leaves its field as it is at a start. */

#include <sys/mman.h>
#include <sys/stat.h>

#include "guest.h"
#include "life.h"
#include "store.h"

#define COMMAND "command"
#define STATE "state"
#define COMMAND_SIZE_MAX (4U << 20)
#define STATE_SIZE 4096 /* a page: a write of this much is done, or not, when SIGKILL comes */

typedef enum Kind {
        KIND_BOOL,
        KIND_INT,
        KIND_TEXT,
} Kind;

#define FIELD(kind, name) {#name, kind, offsetof(Guest, name), sizeof(((Guest *) NULL)->name)}

static const struct Field {
        const char *key;
        Kind kind;
        size_t offset, size;
} fields[] = {
        FIELD(KIND_INT, kernel),
        FIELD(KIND_INT, phase),
        FIELD(KIND_BOOL, up),
        FIELD(KIND_BOOL, suspended),
        FIELD(KIND_BOOL, hung),
        FIELD(KIND_BOOL, ready),
        FIELD(KIND_BOOL, has_said_ready),
        FIELD(KIND_BOOL, reboot_wanted),
        FIELD(KIND_BOOL, by_manager),
        FIELD(KIND_BOOL, has_ended),
        FIELD(KIND_INT, wait_status),
        FIELD(KIND_BOOL, finished),
        FIELD(KIND_INT, status),
        FIELD(KIND_TEXT, release),
        FIELD(KIND_TEXT, panic),
};

_Static_assert(sizeof(Phase) == sizeof(int) && sizeof(pid_t) == sizeof(int), "KIND_INT is for ints");

static int make_file(const char *name) {
        int fd = memfd_create(name, MFD_CLOEXEC);

        if (fd >= 0)
                store_add(name, fd);
        return fd;
}

static int save_command_line(char *const argv[]) {
        int fd = make_file(COMMAND);

        for (; fd >= 0 && *argv; argv++)
                if (write_all(fd, *argv, strlen(*argv) + 1) < 0)
                        break;
        return fd;
}

char **guest_command_line(void) {
        int fd = store_peek(COMMAND);
        struct stat st;
        char *text, **argv;
        size_t n = 0;

        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > COMMAND_SIZE_MAX)
                return NULL;
        text = calloc(1, (size_t) st.st_size + 1);
        argv = calloc((size_t) st.st_size + 1, sizeof(*argv)); /* no more than there are bytes */
        if (!text || !argv || pread(fd, text, (size_t) st.st_size, 0) != st.st_size) {
                free(text);
                free(argv);
                return NULL;
        }
        for (char *p = text; p < text + st.st_size; p += strlen(p) + 1)
                argv[n++] = p;
        return argv;
}

void state_save(const Guest *g) {
        char text[STATE_SIZE] = "";
        size_t n = 0;

        if (g->state_fd < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const struct Field *f = &fields[i];
                const void *value = (const char *) g + f->offset;
                size_t room = sizeof(text) - n;

                if (f->kind == KIND_TEXT)
                        n += (size_t) snprintf(text + n, room, "%s=%s\n", f->key, (const char *) value);
                else
                        n += (size_t) snprintf(text + n, room, "%s=%d\n", f->key, f->kind == KIND_BOOL ? *(const bool *) value : *(const int *) value);
        }
        if (pwrite(g->state_fd, text, sizeof(text), 0) != sizeof(text)) /* it has its page since the first time */
                warn(g, "What the next helper would have to know cannot be kept: %m");
}

void state_begin(Guest *g) {
        g->command_fd = save_command_line(g->options->command);
        g->state_fd = make_file(STATE);
        state_save(g);
}

void state_release(Guest *g) {
        g->state_fd = safe_close(g->state_fd);
        g->command_fd = safe_close(g->command_fd);
}

static void load_field(Guest *g, const struct Field *f, const char *text) {
        void *value = (char *) g + f->offset;

        switch (f->kind) {
        case KIND_BOOL:
                *(bool *) value = atoi(text) != 0;
                break;
        case KIND_INT:
                *(int *) value = atoi(text);
                break;
        case KIND_TEXT:
                (void) snprintf(value, f->size, "%s", text);
                break;
        }
}

int state_load(Guest *g) {
        char text[STATE_SIZE + 1] = "", *rest = text, *line;

        g->command_fd = store_take(COMMAND);
        g->state_fd = store_take(STATE);
        if (g->state_fd < 0)
                return g->state_fd;
        if (pread(g->state_fd, text, STATE_SIZE, 0) < 0)
                return negative_errno();
        while ((line = strsep(&rest, "\n"))) {
                char *value = strchr(line, '=');

                if (!value)
                        continue;
                *value++ = 0;
                for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                        if (streq(fields[i].key, line))
                                load_field(g, &fields[i], value);
        }
        return g->phase <= PHASE_STOPPING ? 0 : -EINVAL;
}
