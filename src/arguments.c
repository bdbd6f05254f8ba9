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

/* A share's path in the guest's hostfs: its name, in the directory of shares that the helper makes; or, on a command line
 * that runs without a helper, below the one directory that hostfs= names, or the host's own path. */
static const char *share_path(const Domain *d, const Share *share, bool native) {
        return native ? d->n_shares == 1 ? "" : share->source + 1 : share->name;
}

static int put_shares(const Domain *d, bool native, PutArgument put, void *userdata) {
        int r = 0;

        if (native && d->n_shares == 1)
                r = put_format(put, userdata, "hostfs=%s", d->shares[0].source);
        for (size_t i = 0; r >= 0 && i < d->n_shares; i++) {
                const Share *share = &d->shares[i];
                const char *path = share_path(d, share, native);

                if (streq(share->target, "/"))
                        r = put_format(put, userdata, "rootflags=/%s", path);
                if (r >= 0)
                        r = put_format(put, userdata, SHARE_HINT "/%s:%s%s", path, share->target, share->readonly ? ":ro" : "");
        }
        return r;
}

/* Flag t for a transient disk: its COW file is on a tmpfs, which cannot zero a range. Linux 6.1 then tells the guest that
 * zeros were written, and lets it read the backing file's data (measured).
 *
 * Flag d: the file is data, whatever it begins with. Without it UML takes a file that begins with the magic number of a
 * COW file for one, and opens the backing file that it names: a guest could write itself a way to any file of the host
 * that the kernel's user can read. */
static int put_disk(const Disk *disk, PutArgument put, void *userdata) {
        const char *path = disk->path, *backing = disk->backing;
        char flags[8], cow[sizeof(TRANSIENT_COW) + 8];
        bool pair = disk->backing || disk->transient;

        if (disk->transient) {
                (void) snprintf(cow, sizeof(cow), TRANSIENT_COW, disk->index);
                path = cow;
                backing = disk->path;
        }
        (void) snprintf(flags, sizeof(flags), "%s%s%s%s%s", disk->readonly ? "r" : "", disk->sync ? "s" : "", disk->shareable ? "c" : "",
                        disk->keep || disk->transient ? "t" : "", pair ? "" : "d");
        return put_format(put, userdata, "ubd%u%s=%s%s%s%s%s", disk->index, flags, path, backing || disk->serial ? "," : "", backing ?: "",
                          disk->serial ? "," : "", disk->serial ?: "");
}

static int put_strings(char *const *strings, size_t n, PutArgument put, void *userdata) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = put(userdata, strings[i]);
        return r;
}

static bool has_root_share(const Domain *d) {
        for (size_t i = 0; i < d->n_shares; i++)
                if (streq(d->shares[i].target, "/"))
                        return true;
        return false;
}

int kernel_arguments(const Domain *d, bool native, PutArgument put, void *userdata) {
        const struct {
                const char *option, *value;
        } paths[] = {
                {"initrd=", d->initrd},
                {"dtb=", d->dtb},
                {"root=", has_root_share(d) ? "/dev/root" : d->root},
                {"rootfstype=", has_root_share(d) ? "hostfs" : NULL},
        };
        int r;

        r = put_format(put, userdata, "mem=%lluK", (unsigned long long) d->memory);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(paths); i++)
                if (paths[i].value)
                        r = put_format(put, userdata, "%s%s", paths[i].option, paths[i].value);
        if (r >= 0)
                r = put_shares(d, native, put, userdata);
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++)
                r = put_disk(&d->disks[i], put, userdata);
        for (size_t i = 0; r >= 0 && i < d->n_vectors; i++)
                r = put_format(put, userdata, "vec%u:%s", d->vectors[i].index, d->vectors[i].options);
        if (r >= 0)
                r = put_strings(d->options, d->n_options, put, userdata);
        if (r >= 0 && d->init)
                r = put_format(put, userdata, "init=%s", d->init);
        if (r >= 0)
                r = put_strings(d->cmdline, d->n_cmdline, put, userdata);
        if (r >= 0 && d->n_init_arguments > 0)
                r = put(userdata, "--");
        if (r >= 0)
                r = put_strings(d->init_arguments, d->n_init_arguments, put, userdata);
        return r;
}

bool kernel_option_is_given(const Domain *d, const char *prefix) {
        for (size_t i = 0; i < d->n_cmdline + d->n_options; i++)
                if (after_prefix(i < d->n_cmdline ? d->cmdline[i] : d->options[i - d->n_cmdline], prefix))
                        return true;
        return false;
}

int keep_kernel_defaults(Domain *d) {
        char *console;

        if (d->n_init_arguments == 0)
                return 0;
        if (!d->root && !has_root_share(d) && !kernel_option_is_given(d, "root=")) {
                d->root = strdup("98:0");
                if (!d->root)
                        return -ENOMEM;
        }
        if (kernel_option_is_given(d, "console="))
                return 0;
        console = strdup("console=tty0");
        if (!console || grow(&d->cmdline, d->n_cmdline, sizeof(char *)) < 0) {
                free(console);
                return -ENOMEM;
        }
        d->cmdline[d->n_cmdline++] = console;
        return 0;
}

static int add_length(void *userdata, const char *argument) {
        *(size_t *) userdata += strlen(argument) + 1;
        return 0;
}

size_t kernel_arguments_length(const Domain *d) {
        size_t n = 0;

        /* Out of memory counts as too long. */
        return kernel_arguments(d, false, add_length, &n) < 0 ? SIZE_MAX : n;
}
