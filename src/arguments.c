/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "arguments.h"
#include "util.h"

int command_line_split(const char *s, char ***items, size_t *n_items) {
        while (*s) {
                const char *begin;
                bool quoted = false;
                char *item;

                s += strspn(s, " ");
                if (!*s)
                        break;
                for (begin = s; *s && (quoted || *s != ' '); s++)
                        if (*s == '"')
                                quoted = !quoted;
                if (quoted)
                        return -EINVAL;

                if (grow(items, *n_items, sizeof(char *)) < 0)
                        return -ENOMEM;
                item = strndup(begin, (size_t) (s - begin));
                if (!item)
                        return -ENOMEM;
                (*items)[(*n_items)++] = item;
        }
        return 0;
}

/* con=, con0= to con15=, but not console= */
static bool is_line_option(const char *item, const char *line) {
        const char *p = after_prefix(item, line);

        while (p && *p >= '0' && *p <= '9')
                p++;
        return p && *p == '=';
}

const char *reserved_argument(const char *item) {
        static const struct {
                const char *prefix, *reason;
        } reserved[] = {
                {"mem=",      "the guest's memory comes from <currentMemory>, else <memory>"},
                {"umid=",     "the umid is the guest's name"},
                {"uml_dir=",  "it is the guest's runtime directory"},
                {"mconsole=", "the helper needs the notifications itself"},
                {"noreboot",  "the guest's reboot would pass for a power-off; <on_reboot> says what becomes of it"},
                {"--help",    "the kernel would print a text and end"},
                {"--version", "the kernel would print a text and end"},
                {"--showconfig", "the kernel would print a text and end"},
        };

        if (is_line_option(item, "con"))
                return "consoles come from <console>";
        if (is_line_option(item, "ssl"))
                return "serial lines come from <serial>";
        for (size_t i = 0; i < ELEMENTSOF(reserved); i++)
                if (after_prefix(item, reserved[i].prefix))
                        return reserved[i].reason;
        return NULL;
}

static int PRINTF_LIKE(3, 4) put_format(PutArgument put, void *userdata, const char *format, ...) {
        _cleanup_free_ char *s = NULL;
        va_list ap;
        int k;

        va_start(ap, format);
        k = vasprintf(&s, format, ap);
        va_end(ap);
        if (k < 0) {
                s = NULL;
                return -ENOMEM;
        }
        return put(userdata, s);
}

int kernel_arguments(const Domain *d, PutArgument put, void *userdata) {
        int r;

        r = put_format(put, userdata, "mem=%lluK", (unsigned long long) d->memory);
        if (r >= 0 && d->initrd)
                r = put_format(put, userdata, "initrd=%s", d->initrd);
        if (r >= 0 && d->root)
                r = put_format(put, userdata, "root=%s", d->root);

        /* Flag d: the file is data, whatever it begins with. Without it UML takes a file that begins with the magic
         * number of a COW file for one, and opens the backing file that it names: a guest could write itself a way to any
         * file of the host that the kernel's user can read. */
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++)
                r = put_format(put, userdata, "ubd%u%s%sd=%s", d->disks[i].index, d->disks[i].readonly ? "r" : "",
                               d->disks[i].shareable ? "c" : "", d->disks[i].path);

        for (size_t i = 0; r >= 0 && i < d->n_cmdline; i++)
                r = put(userdata, d->cmdline[i]);
        return r;
}

static int add_length(void *userdata, const char *argument) {
        *(size_t *) userdata += strlen(argument) + 1;
        return 0;
}

size_t kernel_arguments_length(const Domain *d) {
        size_t n = 0;

        /* Out of memory counts as too long. */
        return kernel_arguments(d, add_length, &n) < 0 ? SIZE_MAX : n;
}
