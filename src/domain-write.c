/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The document's parts stand here in the order in which they stand in the document. A text of the domain's is written by
 * put_text() alone, as it may hold anything that XML has a meaning for. */

#include <strings.h>

#include "arguments.h"
#include "domain-write.h"
#include "domain-xml.h"
#include "util.h"
#include "vector.h"

static void put_text(FILE *f, const char *s) {
        for (; *s; s++)
                switch (*s) {
                case '&':
                        fputs_unlocked("&amp;", f);
                        break;
                case '<':
                        fputs_unlocked("&lt;", f);
                        break;
                case '>':
                        fputs_unlocked("&gt;", f);
                        break;
                case '\'':
                        fputs_unlocked("&apos;", f);
                        break;
                case '"':
                        fputs_unlocked("&quot;", f);
                        break;
                default:
                        putc_unlocked(*s, f);
                }
}

/* ` name='value'`; nothing without a value. */
static void put_attribute(FILE *f, const char *name, const char *value) {
        if (!value)
                return;
        fprintf(f, " %s='", name);
        put_text(f, value);
        putc_unlocked('\'', f);
}

/* `<name>text</name>` on a line of its own; nothing without a text. */
static void put_element(FILE *f, const char *indent, const char *name, const char *text) {
        if (!text)
                return;
        fprintf(f, "%s<%s>", indent, name);
        put_text(f, text);
        fprintf(f, "</%s>\n", name);
}

static void put_flag(FILE *f, const char *name, bool set) {
        if (set)
                fprintf(f, "      <%s/>\n", name);
}

/* `<name attribute='value'/>`, on a line of its own. */
static void put_single(FILE *f, const char *indent, const char *name, const char *attribute, const char *value) {
        fprintf(f, "%s<%s", indent, name);
        put_attribute(f, attribute, value);
        fputs_unlocked("/>\n", f);
}

/* Network devices */

/* A tap with a name, and nothing but what <interface> has words for. */
static bool is_interface(const VectorOptions *o) {
        static const char *const words[] = {"transport", "ifname", "mac", "mtu"};
        size_t n = 0, n_words = 0;

        for (size_t i = 0; vector_key(i); i++)
                n += o->values[i] != NULL;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                n_words += vector_get(o, words[i]) != NULL;
        return streq(vector_get(o, "transport") ?: "", "tap") && vector_get(o, "ifname") && n == n_words &&
               strncasecmp(vector_get(o, "mac") ?: "", "fe", 2) != 0; /* libvirt's, but not UML's, for the host's side */
}

/* The values stay in *ret_text, which the caller frees. */
static int split_vector(const Vector *v, VectorOptions *ret, char **ret_text) {
        _cleanup_free_ char *text = strdup(v->options);
        const char *problem;
        int r;

        if (!text)
                return -ENOMEM;
        r = vector_split(text, ret, &problem);
        if (r < 0)
                return r;
        *ret_text = TAKE_PTR(text);
        return 0;
}

/* Interfaces are numbered by their position: only if all devices are such, in order, is each to keep its number. */
static int all_are_interfaces(const Domain *d) {
        for (size_t i = 0; i < d->n_vectors; i++) {
                _cleanup_free_ char *text = NULL;
                VectorOptions o;
                int r = split_vector(&d->vectors[i], &o, &text);

                if (r < 0)
                        return r;
                if (d->vectors[i].index != i || !is_interface(&o))
                        return false;
        }
        return true;
}

static void put_interface(FILE *f, const VectorOptions *o) {
        fputs_unlocked("    <interface type='ethernet'>\n", f);
        if (vector_get(o, "mac"))
                put_single(f, "      ", "mac", "address", vector_get(o, "mac"));
        fputs_unlocked("      <target", f);
        put_attribute(f, "dev", vector_get(o, "ifname"));
        fputs_unlocked(" managed='no'/>\n", f);
        if (vector_get(o, "mtu"))
                put_single(f, "      ", "mtu", "size", vector_get(o, "mtu"));
        fputs_unlocked("    </interface>\n", f);
}

static void put_vector(FILE *f, unsigned index, const VectorOptions *o) {
        fprintf(f, "    <uml:vector xmlns:uml='" UML_SYSTEMD_NAMESPACE "' index='%u'", index);
        for (size_t i = 0; vector_key(i); i++)
                put_attribute(f, vector_key(i), o->values[i]);
        fputs_unlocked("/>\n", f);
}

static int put_vectors(FILE *f, const Domain *d, bool interfaces) {
        for (size_t i = 0; i < d->n_vectors; i++) {
                _cleanup_free_ char *text = NULL;
                VectorOptions o;
                int r = split_vector(&d->vectors[i], &o, &text);

                if (r < 0)
                        return r;
                if (interfaces)
                        put_interface(f, &o);
                else
                        put_vector(f, d->vectors[i].index, &o);
        }
        return 0;
}

/* What libvirt has no word for */
static int put_metadata(FILE *f, const Domain *d, bool interfaces) {
        int r = 0;

        if (d->n_options == 0 && (interfaces || d->n_vectors == 0))
                return 0;
        fputs_unlocked("  <metadata>\n", f);
        for (size_t i = 0; i < d->n_options; i++) {
                fputs_unlocked("    <uml:option xmlns:uml='" UML_SYSTEMD_NAMESPACE "'>", f);
                put_text(f, d->options[i]);
                fputs_unlocked("</uml:option>\n", f);
        }
        if (!interfaces)
                r = put_vectors(f, d, false);
        fputs_unlocked("  </metadata>\n", f);
        return r;
}

/* <initarg> holds no quotes, but <cmdline> does, after a "--". */
static bool has_quoted_argument(const Domain *d) {
        for (size_t i = 0; i < d->n_init_arguments; i++)
                if (d->init_arguments[i][strcspn(d->init_arguments[i], KERNEL_SEPARATORS)])
                        return true;
        return false;
}

static void put_cmdline(FILE *f, const Domain *d) {
        bool quoted = has_quoted_argument(d);

        if (d->n_cmdline == 0 && !quoted)
                return;
        fputs_unlocked("    <cmdline>", f);
        for (size_t i = 0; i < d->n_cmdline; i++) {
                fputs_unlocked(i > 0 ? " " : "", f);
                put_text(f, d->cmdline[i]);
        }
        if (quoted)
                fputs_unlocked(d->n_cmdline > 0 ? " --" : "--", f);
        for (size_t i = 0; quoted && i < d->n_init_arguments; i++) {
                putc_unlocked(' ', f);
                put_text(f, d->init_arguments[i]);
        }
        fputs_unlocked("</cmdline>\n", f);
}

static void put_os(FILE *f, const Domain *d) {
        static const char indent[] = "    ";

        fputs_unlocked("  <os>\n"
                       "    <type>uml</type>\n", f);
        put_element(f, indent, "kernel", d->kernel);
        put_element(f, indent, "initrd", d->initrd);
        put_element(f, indent, "dtb", d->dtb);
        put_element(f, indent, "root", d->root);
        put_cmdline(f, d);
        put_element(f, indent, "init", d->init);
        for (size_t i = 0; i < d->n_init_arguments && !has_quoted_argument(d); i++)
                put_element(f, indent, "initarg", d->init_arguments[i]);
        fputs_unlocked("  </os>\n", f);
}

/* libvirt's defaults need not be said. */
static void put_lifecycle(FILE *f, const Domain *d) {
        if (d->on_poweroff != LIFECYCLE_DESTROY)
                put_element(f, "  ", "on_poweroff", lifecycle_action_to_string(d->on_poweroff));
        if (d->on_reboot != LIFECYCLE_RESTART)
                put_element(f, "  ", "on_reboot", lifecycle_action_to_string(d->on_reboot));
        if (d->on_crash != LIFECYCLE_DESTROY)
                put_element(f, "  ", "on_crash", lifecycle_action_to_string(d->on_crash));
}

static void put_disk(FILE *f, const Disk *disk) {
        fprintf(f, "    <disk type='%s' device='disk'>\n", disk->block ? "block" : "file");
        fprintf(f, "      <driver name='uml' type='%s'%s%s/>\n", disk->backing ? "cow" : "raw", disk->sync ? " cache='writethrough'" : "",
                disk->keep ? " discard='ignore'" : "");
        fputs_unlocked("      <source", f);
        put_attribute(f, disk->block ? "dev" : "file", disk->path);
        fprintf(f, "%s/>\n", disk->optional ? " startupPolicy='optional'" : "");
        if (disk->backing) {
                fputs_unlocked("      <backingStore type='file'>\n"
                               "        <format type='raw'/>\n", f);
                put_single(f, "        ", "source", "file", disk->backing);
                fputs_unlocked("      </backingStore>\n", f);
        }
        fprintf(f, "      <target dev='ubd%u' bus='uml'/>\n", disk->index);
        put_element(f, "      ", "serial", disk->serial);
        put_flag(f, "readonly", disk->readonly);
        put_flag(f, "shareable", disk->shareable);
        put_flag(f, "transient", disk->transient);
        fputs_unlocked("    </disk>\n", f);
}

static void put_share(FILE *f, const Share *share) {
        fputs_unlocked("    <filesystem type='mount'>\n", f);
        put_single(f, "      ", "source", "dir", share->source);
        put_single(f, "      ", "target", "dir", share->target);
        put_flag(f, "readonly", share->readonly);
        fputs_unlocked("    </filesystem>\n", f);
}

static void put_file(FILE *f, const char *element, const char *attribute, const char *path, bool truncate) {
        if (!path)
                return;
        fprintf(f, "      <%s", element);
        put_attribute(f, attribute, path);
        fprintf(f, "%s/>\n", truncate ? " append='off'" : "");
}

static void put_console(FILE *f, const Console *c) {
        const char *element = c->serial ? "serial" : "console";

        fprintf(f, "    <%s type='%s'>\n", element, console_kind_to_string(c->kind));
        put_file(f, "source", "path", c->path, c->truncate);
        fprintf(f, "      <target%s port='%u'/>\n", c->serial ? "" : " type='uml'", c->port);
        put_file(f, "log", "file", c->log, c->log_truncate);
        fprintf(f, "    </%s>\n", element);
}

static int put_devices(FILE *f, const Domain *d, bool interfaces) {
        int r = 0;

        fputs_unlocked("  <devices>\n", f);
        for (size_t i = 0; i < d->n_disks; i++)
                put_disk(f, &d->disks[i]);
        for (size_t i = 0; i < d->n_shares; i++)
                put_share(f, &d->shares[i]);
        if (interfaces)
                r = put_vectors(f, d, true);
        for (size_t i = 0; i < d->n_consoles; i++)
                put_console(f, &d->consoles[i]);
        fputs_unlocked("  </devices>\n", f);
        return r;
}

int domain_write_xml(FILE *f, const Domain *d) {
        int interfaces = all_are_interfaces(d), r;

        if (interfaces < 0)
                return interfaces;
        fputs_unlocked("<domain type='uml'>\n", f);
        put_element(f, "  ", "name", d->name);
        put_element(f, "  ", "uuid", d->uuid[0] ? d->uuid : NULL);
        put_element(f, "  ", "title", d->title);
        r = put_metadata(f, d, interfaces);
        if (r < 0)
                return r;
        fprintf(f, "  <memory unit='KiB'>%llu</memory>\n", (unsigned long long) d->memory);
        put_os(f, d);
        put_lifecycle(f, d);
        r = put_devices(f, d, interfaces);
        fputs_unlocked("</domain>\n", f);
        return r;
}
