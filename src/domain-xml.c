/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domain XML to Domain. The table `elements` is the grammar: what is in it is honoured, by the function beside it; what
 * is not in it gets one warning, with its place. walk() goes through the document once and knows nothing of its
 * meaning. */

#include <uuid.h>

#include "arguments.h"
#include "domain-reader.h"
#include "escape.h"
#include "util.h"
#include "xml.h"

#define TITLE_MAX 1024 /* bytes */

/* Called at an element's start. False: its children are not looked at (the function has said why, where that is called
 * for). */
typedef bool (*BeginFunction)(Reader *r, xmlNode *n);
typedef void (*EndFunction)(Reader *r, xmlNode *n);

typedef struct Element {
        const char *path;       /* below <domain> */
        const char *attributes; /* those that have a meaning, or harmlessly none */
        BeginFunction begin;
        EndFunction end;
        bool repeats; /* may be given more than once under one parent */
} Element;

/* Elements */

static bool begin_name(Reader *r, xmlNode *n) {
        r->name = n;
        r->domain->name = reader_content(r, n);
        if (!r->domain->name)
                return false;

        if (!domain_name_is_valid(r->domain->name))
                error(r, n, "name '%s' is refused: " DOMAIN_NAME_RULE, r->domain->name);
        else if (!streq(r->domain->name, r->stem))
                error(r, n, "name '%s' is not that of the file; rename the file to %s.xml, or the guest to %s", r->domain->name,
                      r->domain->name, r->stem);
        return true;
}

/* As libvirt: 32 hexadecimal digits, with hyphens anywhere or none. */
static bool begin_uuid(Reader *r, xmlNode *n) {
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

static bool begin_title(Reader *r, xmlNode *n) {
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

static bool begin_memory(Reader *r, xmlNode *n) {
        r->memory = n;
        r->maximum_memory = reader_memory(r, n);
        return true;
}

static bool begin_current_memory(Reader *r, xmlNode *n) {
        r->current_memory = n;
        r->domain->memory = reader_memory(r, n);
        return true;
}

static bool begin_vcpu(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);
        uint64_t value;

        if (!s)
                return false;
        if (parse_number(s, 4096, &value) < 0 || value == 0)
                error(r, n, "vcpu '%s' is not a number from 1 to 4096", s);
        else if (value > 1)
                warning(r, n, "vcpu %s: the guest has one CPU, as UML kernels are built today", s);
        return true;
}

static bool begin_os(Reader *r, xmlNode *n) {
        r->os = n;
        return true;
}

static bool begin_os_type(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);

        if (s && !streq(s, "uml") && !streq(s, "linux") && !streq(s, "hvm"))
                error(r, n, "os type '%s' is refused: a UML guest's is uml (linux and hvm pass for it)", s);
        return true;
}

static bool begin_kernel(Reader *r, xmlNode *n) {
        r->kernel = n;
        r->domain->kernel = reader_path(r, n, NULL);
        return true;
}

static bool begin_initrd(Reader *r, xmlNode *n) {
        r->domain->initrd = reader_path(r, n, KERNEL_SEPARATORS);
        return true;
}

static bool begin_root(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_content(r, n);

        if (!s)
                return false;
        if (s[strcspn(s, KERNEL_SEPARATORS)]) {
                error(r, n, "root '%s' contains a space or a quote, which would make it more than one kernel option", s);
                return false;
        }
        r->domain->root = TAKE_PTR(s);
        return true;
}

static bool begin_cmdline(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_checked(r, n, NULL, (char *) xmlNodeGetContent(n));
        const char *reserved;
        int k;

        if (!s)
                return false;
        k = command_line_split(s, &r->domain->cmdline, &r->domain->n_cmdline);
        if (k == -ENOMEM)
                r->out_of_memory = true;
        else if (k < 0)
                error(r, n, "cmdline: a quote (\") is opened and not closed");

        for (size_t i = 0; i < r->domain->n_cmdline; i++) {
                reserved = reserved_argument(r->domain->cmdline[i]);
                if (reserved)
                        error(r, n, "cmdline: '%s' is refused: %s", r->domain->cmdline[i], reserved);
        }
        return true;
}

static void set_lifecycle(Reader *r, xmlNode *n, LifecycleAction *ret) {
        static const char *const later[] = {"preserve", "rename-restart", "coredump-destroy", "coredump-restart"};
        _cleanup_free_ char *s = reader_word(r, n);

        LifecycleAction action;

        if (!s)
                return;
        if (lifecycle_action_from_string(s, &action) >= 0 && action <= LIFECYCLE_RESTART) {
                *ret = action;
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(later); i++)
                if (streq(s, later[i])) {
                        warning(r, n, "<%s>: '%s' is not supported; '%s' is done instead", (const char *) n->name, s,
                                lifecycle_action_to_string(*ret));
                        return;
                }
        error(r, n, "<%s>: '%s' is neither destroy nor restart", (const char *) n->name, s);
}

static bool begin_on_poweroff(Reader *r, xmlNode *n) {
        set_lifecycle(r, n, &r->domain->on_poweroff);
        return true;
}

static bool begin_on_reboot(Reader *r, xmlNode *n) {
        set_lifecycle(r, n, &r->domain->on_reboot);
        return true;
}

static bool begin_on_crash(Reader *r, xmlNode *n) {
        set_lifecycle(r, n, &r->domain->on_crash);
        return true;
}

static bool begin_stop(Reader *r, xmlNode *n) {
        _cleanup_free_ char *method = reader_attribute(r, n, "method");

        if (method && stop_method_from_string(method, &r->domain->stop_method) < 0)
                error(r, n, "<stop>: method '%s' is neither cad nor halt", method);
        reader_number(r, n, "timeout", 86400, &r->domain->stop_timeout);
        return true;
}

/* Disks */

static Disk *this_disk(Reader *r) {
        return &r->domain->disks[r->domain->n_disks - 1];
}

static bool begin_disk(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type"), *device = reader_attribute(r, n, "device");

        if (device && (streq(device, "cdrom") || streq(device, "floppy"))) {
                warning(r, n, "<disk device='%s'>: UML has no such device; ignored", device);
                return false;
        }
        if (device && !streq(device, "disk") && !streq(device, "lun")) {
                error(r, n, "<disk>: device '%s' is refused: expected disk", device);
                return false;
        }
        if (type && !streq(type, "file") && !streq(type, "block")) {
                error(r, n, "<disk>: type '%s' is not supported: expected file or block", type);
                return false;
        }
        if (r->domain->n_disks >= DOMAIN_DISKS_MAX) {
                error(r, n, "<disk>: one too many; UML has %d disks, ubd0 to ubd%d", DOMAIN_DISKS_MAX, DOMAIN_DISKS_MAX - 1);
                return false;
        }
        if (!domain_add_disk(r->domain)) {
                r->out_of_memory = true;
                return false;
        }
        r->has_source = r->has_target = false;
        return true;
}

static bool begin_disk_source(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n->parent, "type"), *path = NULL;
        const char *which = type && streq(type, "block") ? "dev" : "file";

        r->has_source = true;
        path = reader_attribute(r, n, which);
        if (!reader_has_attribute(n, which))
                error(r, n, "<source>: attribute %s, the disk's path, is missing", which);
        if (path && reader_check_path(r, n, "source", path, DISK_SEPARATORS))
                this_disk(r)->path = TAKE_PTR(path);
        return true;
}

static bool begin_disk_target(Reader *r, xmlNode *n) {
        _cleanup_free_ char *dev = reader_attribute(r, n, "dev"), *bus = reader_attribute(r, n, "bus");
        Disk *disk = this_disk(r);
        const char *unit = dev ? after_prefix(dev, "ubd") : NULL;
        uint64_t index = 0;

        r->has_target = true;
        if (bus && !streq(bus, "uml"))
                error(r, n, "<target>: bus '%s' is refused: a UML disk's is uml", bus);

        if (!dev && reader_has_attribute(n, "dev"))
                return true;
        if (unit && unit[0] >= 'a' && unit[0] <= 'p' && !unit[1])
                index = (uint64_t) (unit[0] - 'a');
        else if (!unit || parse_number(unit, DOMAIN_DISKS_MAX - 1, &index) < 0 || (unit[0] == '0' && unit[1])) {
                error(r, n, "<target>: dev '%s' is not a UML disk: expected ubd0 to ubd15 or ubda to ubdp", dev ?: "");
                return true;
        }
        disk->index = (unsigned) index;
        for (Disk *other = r->domain->disks; other < disk; other++)
                if (other->index == disk->index && other->path)
                        error(r, n, "<target>: dev '%s' is taken: ubd%u and ubd%c are one disk", dev, disk->index,
                              (char) ('a' + disk->index));
        return true;
}

static bool begin_disk_driver(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type");

        if (type && !streq(type, "raw"))
                error(r, n, "<driver>: type '%s' is refused: UML reads raw images", type);
        return true;
}

static bool begin_readonly(Reader *r, xmlNode *n) {
        this_disk(r)->readonly = true;
        return true;
}

static bool begin_shareable(Reader *r, xmlNode *n) {
        this_disk(r)->shareable = true;
        return true;
}

static void end_disk(Reader *r, xmlNode *n) {
        if (!r->has_source)
                error(r, n, "<disk> has no <source>");
        if (!r->has_target)
                error(r, n, "<disk> has no <target dev='ubd0'/>");
}

/* Consoles and serial lines */

static Console *this_console(Reader *r) {
        return &r->domain->consoles[r->domain->n_consoles - 1];
}

static bool begin_console_target(Reader *r, xmlNode *n) {
        Console *c = this_console(r);

        r->has_port = reader_number(r, n, "port", c->serial ? DOMAIN_SERIALS_MAX - 1 : DOMAIN_CONSOLES_MAX - 1, &c->port);
        return true;
}

/* libvirt's rule for a line without a port: the one after the highest so far. */
static void end_console(Reader *r, xmlNode *n) {
        Console *c = this_console(r);
        unsigned next = 0, max = c->serial ? DOMAIN_SERIALS_MAX : DOMAIN_CONSOLES_MAX;

        for (Console *other = r->domain->consoles; other < c; other++) {
                if (other->serial != c->serial)
                        continue;
                if (r->has_port && other->port == c->port)
                        error(r, n, "<%s>: port %u is taken by another <%s>", (const char *) n->name, c->port, (const char *) n->name);
                if (other->port >= next)
                        next = other->port + 1;
        }
        if (r->has_port)
                return;
        if (next >= max)
                error(r, n, "<%s>: there is no port after %u", (const char *) n->name, max - 1);
        c->port = next;
}

static bool begin_console(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type");
        ConsoleKind kind = CONSOLE_PTY; /* libvirt's default */
        bool supported = !type || (console_kind_from_string(type, &kind) >= 0 && kind <= CONSOLE_PTY);

        if (r->domain->n_consoles >= DOMAIN_CONSOLES_MAX + DOMAIN_SERIALS_MAX) {
                error(r, n, "<%s>: one too many", (const char *) n->name);
                return false;
        }
        if (grow(&r->domain->consoles, r->domain->n_consoles, sizeof(Console)) < 0) {
                r->out_of_memory = true;
                return false;
        }
        r->domain->consoles[r->domain->n_consoles++] = (Console) {
                .serial = streq((const char *) n->name, "serial"),
                .kind = supported ? kind : CONSOLE_PTY,
        };
        r->has_port = false;
        if (supported)
                return true;

        /* One warning for the whole of it; but it keeps its port, and so do those after it. */
        warning(r, n, "<%s type='%s'> is not supported: the line is a pty instead", (const char *) n->name, type);
        for (xmlNode *child = n->children; child; child = child->next)
                if (child->type == XML_ELEMENT_NODE && streq((const char *) child->name, "target"))
                        (void) begin_console_target(r, child);
        end_console(r, n);
        return false;
}

/* Sorted by path, for bsearch(). */
static const Element elements[] = {
        /* path                       attributes                begin                 end          repeats */
        {"currentMemory",             "unit",                   begin_current_memory},
        {"description",               ""},
        {"devices",                   ""},
        {"devices/console",           "type tty",               begin_console,        end_console, true},
        {"devices/console/source",    "path"},
        {"devices/console/target",    "port type",              begin_console_target},
        {"devices/disk",              "type device",            begin_disk,           end_disk,    true},
        {"devices/disk/driver",       "name type",              begin_disk_driver},
        {"devices/disk/readonly",     "",                       begin_readonly},
        {"devices/disk/shareable",    "",                       begin_shareable},
        {"devices/disk/source",       "dev file",               begin_disk_source},
        {"devices/disk/target",       "bus dev",                begin_disk_target},
        {"devices/serial",            "type tty",               begin_console,        end_console, true},
        {"devices/serial/source",     "path"},
        {"devices/serial/target",     "port type",              begin_console_target},
        {"memory",                    "unit",                   begin_memory},
        {"metadata",                  ""},
        {"metadata/uml:stop",         "method timeout",         begin_stop},
        {"name",                      "",                       begin_name},
        {"on_crash",                  "",                       begin_on_crash},
        {"on_poweroff",               "",                       begin_on_poweroff},
        {"on_reboot",                 "",                       begin_on_reboot},
        {"os",                        "",                       begin_os},
        {"os/cmdline",                "",                       begin_cmdline},
        {"os/initrd",                 "",                       begin_initrd},
        {"os/kernel",                 "",                       begin_kernel},
        {"os/root",                   "",                       begin_root},
        {"os/type",                   "arch machine",           begin_os_type},
        {"title",                     "",                       begin_title},
        {"uuid",                      "",                       begin_uuid},
        {"vcpu",                      "placement",              begin_vcpu},
};

const char *domain_xml_element(size_t i, const char **ret_attributes) {
        if (i >= ELEMENTSOF(elements))
                return NULL;
        *ret_attributes = elements[i].attributes;
        return elements[i].path;
}

static int compare_path(const void *key, const void *element) {
        return strcmp(key, ((const Element *) element)->path);
}

static const Element *find_element(const char *path) {
        return bsearch(path, elements, ELEMENTSOF(elements), sizeof(Element), compare_path);
}

static bool word_in(const char *word, const char *list) {
        size_t n = strlen(word);

        for (const char *p = list; (p = strstr(p, word)); p += n)
                if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
                        return true;
        return false;
}

static void check_attributes(Reader *r, xmlNode *n, const char *known) {
        for (xmlAttr *a = n->properties; a; a = a->next)
                if (a->ns || !word_in((const char *) a->name, known))
                        warning(r, n, "<%s>: attribute %s is not supported; ignored", (const char *) n->name, (const char *) a->name);
}

/* Whether an earlier sibling, one of the few that the parent may have, is the same element. */
static bool given_before(const xmlNode *n, const Element *e, const xmlNode **seen) {
        const xmlNode **slot = &seen[e - elements];

        if (*slot && (*slot)->parent == n->parent)
                return true;
        *slot = n;
        return false;
}

static void walk(Reader *r, xmlNode *parent, const char *path, const xmlNode **seen) {
        for (xmlNode *n = parent->children; n; n = n->next) {
                const char *own = n->ns && streq((const char *) n->ns->href, UML_SYSTEMD_NAMESPACE) ? "uml:" : "";
                bool in_metadata = streq(path, "metadata");
                const Element *e;
                char child[128];
                int k;

                if (n->type != XML_ELEMENT_NODE)
                        continue;
                if (in_metadata && n->ns && !*own)
                        continue; /* other programs' */

                k = snprintf(child, sizeof(child), "%s%s%s%s", path, *path ? "/" : "", own, (const char *) n->name);
                e = k < (int) sizeof(child) && (!n->ns || *own) ? find_element(child) : NULL;
                if (!e) {
                        warning(r, n, "<%s> is not supported; ignored", (const char *) n->name);
                        continue;
                }
                if (!e->repeats && given_before(n, e, seen)) {
                        error(r, n, "<%s> is given twice; keep one", (const char *) n->name);
                        continue;
                }
                check_attributes(r, n, e->attributes);
                if (e->begin && !e->begin(r, n))
                        continue;
                walk(r, n, e->path, seen);
                if (e->end)
                        e->end(r, n);
        }
}

/* What can be said only when all was read. */

static void check_memory(Reader *r, xmlNode *root) {
        Domain *d = r->domain;

        if (!r->memory)
                error(r, root, "<memory> is missing");
        if (r->maximum_memory == 0)
                return;
        /* As libvirt: a little above the maximum is a rounding error of whoever wrote the file. */
        if (d->memory > r->maximum_memory) {
                if (d->memory - r->maximum_memory > 4096)
                        error(r, r->current_memory, "currentMemory (%llu KiB) is more than memory (%llu KiB)",
                              (unsigned long long) d->memory, (unsigned long long) r->maximum_memory);
                d->memory = r->maximum_memory;
        }
        if (d->memory == 0)
                d->memory = r->maximum_memory;
}

static void check_domain(Reader *r, xmlNode *root) {
        Domain *d = r->domain;
        size_t length;

        if (!r->name)
                error(r, root, "<name> is missing");
        check_memory(r, root);
        if (!r->os)
                error(r, root, "<os> is missing; it names the <kernel>");
        else if (!r->kernel)
                error(r, r->os, "<kernel>, the path of a UML kernel, is missing");
        if (r->failed)
                return;

        length = kernel_arguments_length(d);
        if (length > KERNEL_ARGUMENTS_MAX)
                error(r, r->os, "the guest's kernel command line has %zu bytes, of %d that it may have", length, KERNEL_ARGUMENTS_MAX);
}

static int add_default_console(Domain *d) {
        for (size_t i = 0; i < d->n_consoles; i++)
                if (!d->consoles[i].serial && d->consoles[i].port == 0)
                        return 0;
        if (grow(&d->consoles, d->n_consoles, sizeof(Console)) < 0)
                return -ENOMEM;
        d->consoles[d->n_consoles++] = (Console) {.kind = CONSOLE_PTY};
        return 0;
}

static void read_domain(Reader *r, xmlNode *root) {
        const xmlNode *seen[ELEMENTSOF(elements)] = {};
        _cleanup_free_ char *type = NULL;

        if (!root || !streq((const char *) root->name, "domain") || root->ns) {
                error(r, root, "this is no domain definition: expected <domain type='uml'>");
                return;
        }
        type = reader_attribute(r, root, "type");
        if (!type || !streq(type, "uml")) {
                error(r, root, "<domain>: type '%s' is refused: expected uml", type ?: "");
                return;
        }
        check_attributes(r, root, "type id");
        walk(r, root, "", seen);
        check_domain(r, root);
        if (add_default_console(r->domain) < 0)
                r->out_of_memory = true;
}

int domain_read_xml(const char *text, size_t size, const char *stem, ReportFunction report, void *userdata, Domain **ret) {
        Reader r = {.text = text, .size = size, .stem = stem, .report = report, .userdata = userdata};
        xmlDoc *doc = NULL;
        Place place;
        char *reason = NULL;
        int k;

        k = xml_parse(text, size, &doc, &place, &reason);
        if (k == -EBADMSG) {
                reader_clean(reason); /* libxml2 quotes the file */
                report(userdata, SEVERITY_ERROR, place.line, place.column, reason);
                free(reason);
        }
        if (k < 0)
                return k;

        r.domain = domain_new();
        if (r.domain)
                read_domain(&r, xmlDocGetRootElement(doc));
        else
                r.out_of_memory = true;
        xmlFreeDoc(doc);

        reader_end(&r);
        if (r.out_of_memory || r.failed) {
                domain_free(r.domain);
                return r.out_of_memory ? -ENOMEM : -EBADMSG;
        }
        *ret = r.domain;
        return 0;
}
