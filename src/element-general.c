/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <name> to <on_crash>: what a guest is, and what it boots. */

#include <uuid.h>

#include "arguments.h"
#include "elements.h"
#include "escape.h"

#define TITLE_MAX 1024 /* bytes */

bool begin_name(Reader *r, xmlNode *n) {
        const char *stem = r->context->stem;

        r->name = n;
        r->domain->name = reader_content(r, n);
        if (!r->domain->name)
                return false;

        if (!domain_name_is_valid(r->domain->name))
                error(r, n, "name '%s' is refused: " DOMAIN_NAME_RULE, r->domain->name);
        else if (!streq(r->domain->name, stem))
                error(r, n, "name '%s' is not that of the file; rename the file to %s.xml, or the guest to %s", r->domain->name,
                      r->domain->name, stem);
        return true;
}

/* As libvirt: 32 hexadecimal digits, with hyphens anywhere or none. */
bool begin_uuid(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);
        char canonical[UUID_TEXT_SIZE];
        const char *p;
        size_t k = 0;
        uuid_t uuid;

        if (!s)
                return false;
        for (p = s; *p && k < sizeof(canonical) - 1; p++) {
                if (*p == '-')
                        continue;
                if (k == 8 || k == 13 || k == 18 || k == 23)
                        canonical[k++] = '-';
                canonical[k++] = *p;
        }
        canonical[k] = 0;
        if (*p || uuid_parse(canonical, uuid) < 0) {
                error(r, n, "uuid '%s' is not a UUID: 32 hexadecimal digits, as uuidgen(1) prints them", s);
                return false;
        }
        uuid_unparse_lower(uuid, r->domain->uuid);
        return true;
}

bool begin_title(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);

        if (!s)
                return false;
        if (!text_is_value(s)) {
                error(r, n, "title ends in a backslash, which a unit's description cannot; remove it");
                return false;
        }
        if (strlen(s) > TITLE_MAX) {
                error(r, n, "title has %zu bytes, of %d that it may have", strlen(s), TITLE_MAX);
                return false;
        }
        r->domain->title = TAKE_PTR(s);
        return true;
}

/* Memory */

bool begin_memory(Reader *r, xmlNode *n) {
        r->memory = n;
        r->maximum_memory = reader_memory(r, n);
        r->domain->core_without_memory = reader_attribute_is(n, "dumpCore", "off");
        return true;
}

bool begin_current_memory(Reader *r, xmlNode *n) {
        r->current_memory = n;
        r->domain->memory = reader_memory(r, n);
        return true;
}

/* The kernel's memory is a file without a name, in $TMPDIR or /dev/shm: there it is what a memfd is. */
bool begin_memory_source(Reader *r, xmlNode *n) {
        const Config *config = r->context->config;

        if (reader_attribute_is(n, "type", "file"))
                r->domain->memory_directory = reader_allocated(r, strdup(config && config->memory_directory ? config->memory_directory : DEFAULT_MEMORY_DIRECTORY));
        return true;
}

bool begin_memory_access(Reader *r, xmlNode *n) {
        if (reader_attribute_is(n, "mode", "private"))
                warning(r, n, "<access mode='private'> is ignored: UML's memory is a shared mapping");
        return true;
}

bool begin_memory_allocation(Reader *r, xmlNode *n) {
        if (reader_attribute_is(n, "mode", "immediate"))
                warning(r, n, "<allocation mode='immediate'> is ignored: UML's memory is allocated as the guest uses it");
        return true;
}

/* The kernel locks nothing itself, but its pages are its unit's, and those may not be swapped then. */
bool begin_locked(Reader *r, xmlNode *n) {
        r->tuning.locked = n;
        return true;
}

/* CPUs */

bool begin_vcpu(Reader *r, xmlNode *n) {
        uint64_t count;

        if (!reader_content_number(r, n, 1, 4096, &count))
                return false;
        r->tuning.vcpus = (unsigned) count;
        (void) reader_number(r, n, "current", count, &r->tuning.vcpus);
        r->tuning.has_cpuset = reader_cpuset(r, n, "cpuset", r->tuning.cpuset);
        if (reader_attribute_is(n, "placement", "auto"))
                warning(r, n, "<vcpu>: placement 'auto' is ignored: nothing here asks numad; give a cpuset");
        if (count > 1)
                warning(r, n, "vcpu %u: the guest has one CPU, as UML kernels are built today", (unsigned) count);
        return true;
}

/* Boot */

bool begin_os(Reader *r, xmlNode *n) {
        r->os = n;
        return true;
}

bool begin_os_type(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);

        if (s && !streq(s, "uml") && !streq(s, "linux") && !streq(s, "hvm"))
                error(r, n, "os type '%s' is refused: a UML guest's is uml (linux and hvm pass for it)", s);
        return true;
}

bool begin_kernel(Reader *r, xmlNode *n) {
        r->domain->kernel = reader_path(r, n, NULL);
        return true;
}

bool begin_initrd(Reader *r, xmlNode *n) {
        r->domain->initrd = reader_path(r, n, KERNEL_SEPARATORS);
        return true;
}

bool begin_dtb(Reader *r, xmlNode *n) {
        r->domain->dtb = reader_path(r, n, KERNEL_SEPARATORS);
        return true;
}

/* UML looks for its own options among all arguments, those of the guest's init too. */
static void check_reserved(Reader *r, xmlNode *n, const char *argument) {
        const char *reason = reserved_argument(argument);

        if (reason)
                error(r, n, "%s: '%s' is refused: %s", node_name(n), argument, reason);
}

/* A text that must stay one option of the guest's kernel command line. */
static char *kernel_word(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_content(r, n);

        if (!s)
                return NULL;
        if (s[strcspn(s, KERNEL_SEPARATORS)]) {
                error(r, n, "<%s>: '%s' contains a space or a quote, which would make it more than one kernel option", node_name(n), s);
                return NULL;
        }
        return TAKE_PTR(s);
}

bool begin_root(Reader *r, xmlNode *n) {
        r->domain->root = kernel_word(r, n);
        return true;
}

bool begin_cmdline(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_checked(r, n, NULL, (char *) xmlNodeGetContent(n));
        int k;

        if (!s)
                return false;
        k = command_line_split(s, &r->domain->cmdline, &r->domain->n_cmdline);
        if (k == -ENOMEM)
                r->reporter.out_of_memory = true;
        else if (k < 0)
                error(r, n, "cmdline: a quote (\") is opened and not closed");

        for (size_t i = 0; i < r->domain->n_cmdline; i++)
                check_reserved(r, n, r->domain->cmdline[i]);
        return true;
}

bool begin_init(Reader *r, xmlNode *n) {
        r->domain->init = reader_path(r, n, KERNEL_SEPARATORS);
        return true;
}

static void add_string(Reader *r, char ***strings, size_t *n_strings, char *s) {
        if (s && grow(strings, *n_strings, sizeof(char *)) >= 0)
                (*strings)[(*n_strings)++] = s;
        else if (s) {
                r->reporter.out_of_memory = true;
                free(s);
        }
}

bool begin_initarg(Reader *r, xmlNode *n) {
        char *s = kernel_word(r, n);

        if (s)
                check_reserved(r, n, s);
        add_string(r, &r->domain->init_arguments, &r->domain->n_init_arguments, s);
        return true;
}

/* The kernel gives init each parameter NAME=VALUE that it does not know itself as an environment variable. */
bool begin_initenv(Reader *r, xmlNode *n) {
        _cleanup_free_ char *name = reader_attribute(r, n, "name"), *value = kernel_word(r, n);
        char *s = NULL;

        if (!name || !*name || (*name >= '0' && *name <= '9') || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")]) {
                error(r, n, "<initenv>: name '%s' is not that of an environment variable", name ?: "");
                return true;
        }
        if (!value)
                return true;
        if (asprintf(&s, "%s=%s", name, value) < 0)
                s = NULL;
        if (s)
                check_reserved(r, n, s);
        add_string(r, &r->domain->options, &r->domain->n_options, reader_allocated(r, s));
        return true;
}

/* An argument of the kernel's. The guest's kernel takes it apart at spaces outside quotes, so what it may not have is looked
 * for in each part. */
bool begin_option(Reader *r, xmlNode *n) {
        char *s = reader_content(r, n), **parts = NULL;
        size_t n_parts = 0;
        int k;

        if (!s)
                return true;
        k = command_line_split(s, &parts, &n_parts);
        if (k == -ENOMEM)
                r->reporter.out_of_memory = true;
        else if (k < 0)
                error(r, n, "<option>: a quote (\") is opened and not closed");
        for (size_t i = 0; i < n_parts; i++) {
                check_reserved(r, n, parts[i]);
                if (streq(parts[i], "--"))
                        error(r, n, "<option>: '--' is refused: what init is to get stands in <initarg>");
                free(parts[i]);
        }
        free(parts);
        add_string(r, &r->domain->options, &r->domain->n_options, s);
        return true;
}

/* Life */

static bool set_lifecycle(Reader *r, xmlNode *n, LifecycleAction last, LifecycleAction *ret) {
        _cleanup_free_ char *s = reader_word(r, n);
        LifecycleAction action;

        if (!s)
                return false;
        if (lifecycle_action_from_string(s, &action) >= 0 && action <= last)
                *ret = action;
        else if (streq(s, "rename-restart")) {
                warning(r, n, "<%s>: 'rename-restart' is ignored: a guest has the name of its file; it is restarted", node_name(n));
                *ret = LIFECYCLE_RESTART;
        } else
                error(r, n, "<%s>: '%s' is none of destroy, restart, preserve%s", node_name(n), s,
                      last > LIFECYCLE_PRESERVE ? ", coredump-destroy, coredump-restart" : "");
        return true;
}

bool begin_on_poweroff(Reader *r, xmlNode *n) {
        return set_lifecycle(r, n, LIFECYCLE_PRESERVE, &r->domain->on_poweroff);
}

bool begin_on_reboot(Reader *r, xmlNode *n) {
        return set_lifecycle(r, n, LIFECYCLE_PRESERVE, &r->domain->on_reboot);
}

bool begin_on_crash(Reader *r, xmlNode *n) {
        return set_lifecycle(r, n, LIFECYCLE_COREDUMP_RESTART, &r->domain->on_crash);
}

bool begin_clock(Reader *r, xmlNode *n) {
        _cleanup_free_ char *offset = reader_attribute(r, n, "offset");

        if (offset && !streq(offset, "utc"))
                warning(r, n, "<clock offset='%s'> is ignored: a UML guest's clock is the host's, in UTC", offset);
        return true;
}
