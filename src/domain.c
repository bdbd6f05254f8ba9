/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <uuid.h>

#include "domain.h"
#include "util.h"

#define UNIT_NAME_MAX 255 /* bytes */

Domain *domain_new(void) {
        Domain *d = calloc(1, sizeof(*d));

        if (!d)
                return NULL;

        /* libvirt's defaults */
        d->on_poweroff = LIFECYCLE_DESTROY;
        d->on_reboot = LIFECYCLE_RESTART;
        d->on_crash = LIFECYCLE_DESTROY;
        d->stop_method = STOP_CAD;
        d->stop_timeout = STOP_TIMEOUT_DEFAULT;
        d->ready_timeout = READY_TIMEOUT_DEFAULT;
        d->replay = REPLAY_DEFAULT;
        return d;
}

static void free_strings(char **strings, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(strings[i]);
        free(strings);
}

static void free_devices(Domain *d) {
        for (size_t i = 0; i < d->n_disks; i++) {
                free(d->disks[i].path);
                free(d->disks[i].backing);
                free(d->disks[i].serial);
        }
        free(d->disks);
        for (size_t i = 0; i < d->n_consoles; i++) {
                free(d->consoles[i].path);
                free(d->consoles[i].log);
        }
        free(d->consoles);
        for (size_t i = 0; i < d->n_shares; i++) {
                free(d->shares[i].name);
                free(d->shares[i].source);
                free(d->shares[i].target);
        }
        free(d->shares);
        for (size_t i = 0; i < d->n_vectors; i++)
                free(d->vectors[i].options);
        free(d->vectors);
}

Domain *domain_free(Domain *d) {
        if (!d)
                return NULL;

        char *const strings[] = {d->name, d->title, d->kernel, d->initrd, d->dtb, d->root, d->init, d->memory_directory, d->ready_line, d->ready_pattern, d->slice,
                                 d->user, d->group, d->selinux_context, d->apparmor_profile};

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free(strings[i]);
        free_strings(d->init_arguments, d->n_init_arguments);
        free_strings(d->options, d->n_options);
        free_strings(d->cmdline, d->n_cmdline);
        free_devices(d);
        for (size_t i = 0; i < d->n_directives; i++) {
                free(d->directives[i].word);
                free(d->directives[i].value);
        }
        free(d->directives);
        free(d);
        return NULL;
}

#define DEFINE_ADD(function, Type, array)                                       \
        Type *function(Domain *d) {                                             \
                if (grow(&d->array, d->n_##array, sizeof(Type)) < 0)            \
                        return NULL;                                            \
                d->array[d->n_##array] = (Type) {};                             \
                return &d->array[d->n_##array++];                               \
        }

DEFINE_ADD(domain_add_disk, Disk, disks)
DEFINE_ADD(domain_add_share, Share, shares)
DEFINE_ADD(domain_add_vector, Vector, vectors)
static DEFINE_ADD(add_console, Console, consoles)
static DEFINE_ADD(add_directive, Directive, directives)

Console *domain_add_console(Domain *d, bool serial) {
        Console *c = add_console(d);

        if (c)
                c->serial = serial;
        return c;
}

Directive *domain_add_directive(Domain *d, const char *key) {
        Directive *directive = add_directive(d);

        if (directive)
                directive->key = key;
        return directive;
}

int domain_add_default_console(Domain *d) {
        Console *c;

        for (size_t i = 0; i < d->n_consoles; i++)
                if (!d->consoles[i].serial && d->consoles[i].port == 0)
                        return 0;
        c = domain_add_console(d, false);
        if (!c)
                return -ENOMEM;
        c->kind = CONSOLE_PTY;
        return 0;
}

char *share_name_of_target(const char *target) {
        size_t n;
        char *name;

        target += strspn(target, "/");
        for (n = strlen(target); n > 0 && target[n - 1] == '/';)
                n--;
        name = n > 0 ? strndup(target, n) : strdup("root");
        for (char *p = name; p && *p; p++)
                if (*p == '/')
                        *p = '-';
        return name;
}

void domain_default_uuid(Domain *d, const char *seed) {
        /* The name space of this project's UUIDs; made once, at random. */
        static const uuid_t space = {0x6e, 0x1d, 0x0d, 0x3f, 0x52, 0x0b, 0x4a, 0x57,
                                     0x9c, 0x41, 0x27, 0xb5, 0x8a, 0x1f, 0x64, 0xe3};
        uuid_t of_seed, of_guest;

        if (d->uuid[0])
                return;

        uuid_generate_sha1(of_seed, space, seed, strlen(seed));
        uuid_generate_sha1(of_guest, of_seed, d->name, strlen(d->name));
        uuid_unparse_lower(of_guest, d->uuid);
}

/* unit_name_escape() of systemd, for one part of the name. */
static void put_unit_part(FILE *f, const char *part, size_t n) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_.";

        for (size_t i = 0; i < n; i++)
                if (strchr(plain, part[i]) && (part[i] != '.' || i > 0))
                        fputc(part[i], f);
                else
                        fprintf(f, "\\x%02x", (unsigned char) part[i]);
}

int slice_of_partition(const char *partition, char **ret) {
        _cleanup_free_ char *text = NULL;
        const char *separator = "";
        bool up = false;
        size_t size = 0;
        FILE *f;

        if (partition[0] != '/' || !partition[strspn(partition, "/")])
                return -EINVAL;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (const char *p = partition; *(p += strspn(p, "/"));) {
                size_t n = strcspn(p, "/");

                up |= (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
                fputs(separator, f);
                put_unit_part(f, p, n);
                separator = "-";
                p += n;
        }
        fputs(".slice", f);
        if (fclose(f) != 0 || !text)
                return -ENOMEM;
        if (size > UNIT_NAME_MAX || up)
                return -EINVAL;
        *ret = TAKE_PTR(text);
        return 0;
}

bool path_is_in_common_directory(const char *path) {
        static const char *const deep[] = {"/usr/", "/var/", "/run/systemd/", "/etc/", "/dev/"};
        unsigned parts = 0, least = 3; /* /srv/guests/x */

        for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
                p += strcspn(p, "/");
                parts++;
        }
        for (size_t i = 0; i < ELEMENTSOF(deep); i++)
                if (after_prefix(path, deep[i]))
                        least = 4; /* /var/log/guests/x */
        return parts < least;
}
