/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domain XML to Domain: walk() goes through the document once, by the table of elements (elements.c), and knows nothing of
 * its meaning. */

#include "arguments.h"
#include "config.h"
#include "elements.h"
#include "vector.h"
#include "xml.h"

const char *domain_xml_element(size_t i, const char **ret_attributes, const char **ret_ignored) {
        if (i >= n_elements)
                return NULL;
        *ret_attributes = elements[i].attributes ?: "";
        *ret_ignored = elements[i].ignored;
        return elements[i].path;
}

static int compare_path(const void *key, const void *element) {
        return strcmp(key, ((const Element *) element)->path);
}

static const Element *find_path(const char *path) {
        return bsearch(path, elements, n_elements, sizeof(Element), compare_path);
}

/* The element itself, or what any device may have. */
static const Element *find_element(const char *path, const char *name) {
        const Element *e = find_path(path);
        char any[64];

        if (e || !after_prefix(path, "devices/") || snprintf(any, sizeof(any), "devices/*/%s", name) >= (int) sizeof(any))
                return e;
        return find_path(any);
}

/* Where the list of attributes has the name; NULL if nowhere. */
static const char *find_attribute(const char *list, const char *name) {
        size_t n = strlen(name);

        for (const char *p = list; (p = strstr(p, name)); p += n)
                if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == ':' || !p[n]))
                        return p + n;
        return NULL;
}

static void check_attributes(Reader *r, xmlNode *n, const char *known) {
        for (xmlAttr *a = n->properties; a; a = a->next) {
                const char *name = (const char *) a->name, *found = a->ns ? NULL : find_attribute(known, name);
                _cleanup_free_ char *value = NULL;

                if (!found)
                        warning(r, n, "<%s>: attribute %s is not supported; ignored", node_name(n), name);
                if (!found || *found != ':')
                        continue;
                value = reader_attribute(r, n, name);
                if (value)
                        reader_check_type(r, n, name, value, found + 1);
        }
}

/* Whether an earlier sibling, one of the few that the parent may have, is the same element. */
static bool given_before(const xmlNode *n, const Element *e, const xmlNode **seen) {
        const xmlNode **slot = &seen[e - elements];

        if (*slot && (*slot)->parent == n->parent)
                return true;
        *slot = n;
        return false;
}

static void walk(Reader *r, xmlNode *parent, const char *path, const xmlNode **seen);

static void walk_element(Reader *r, xmlNode *n, const Element *e, const xmlNode **seen) {
        if (e->ignored) {
                warning(r, n, "<%s> is ignored: %s", node_name(n), e->ignored);
                return;
        }
        if (!e->repeats && given_before(n, e, seen)) {
                error(r, n, "<%s> is given twice; keep one", node_name(n));
                return;
        }
        check_attributes(r, n, e->attributes);
        if (e->begin && !e->begin(r, n))
                return;
        walk(r, n, e->path, seen);
        if (e->end)
                e->end(r, n);
}

static bool is_stray_text(const xmlNode *n) {
        const char *text = (const char *) n->content;

        return (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) && text && text[strspn(text, " \t\r\n")];
}

static void walk(Reader *r, xmlNode *parent, const char *path, const xmlNode **seen) {
        bool has_elements = false, has_text = false;

        for (xmlNode *n = parent->children; n; n = n->next) {
                const char *own = n->ns && streq((const char *) n->ns->href, UML_SYSTEMD_NAMESPACE) ? "uml:" : "";
                bool in_metadata = streq(path, "metadata");
                const Element *e;
                char child[128];
                int k;

                if (n->type != XML_ELEMENT_NODE) {
                        has_text = has_text || is_stray_text(n);
                        continue;
                }
                has_elements = true;
                if (in_metadata && n->ns && !*own)
                        continue; /* other programs' */

                k = snprintf(child, sizeof(child), "%s%s%s%s", path, *path ? "/" : "", own, node_name(n));
                e = k < (int) sizeof(child) && (!n->ns || *own) ? find_element(child, node_name(n)) : NULL;
                if (e)
                        walk_element(r, n, e, seen);
                else
                        warning(r, n, "<%s> is not supported; ignored", node_name(n));
        }
        if (has_elements && has_text)
                warning(r, parent, "the text between the elements in <%s> is not supported; ignored", node_name(parent));
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

/* The helper's hostfs= is what the shares are confined by; of two, UML takes the last. */
static void check_hostfs(Reader *r) {
        if (r->domain->n_shares > 0 && kernel_option_is_given(r->domain, "hostfs="))
                error(r, r->filesystem, "a kernel option hostfs= is refused beside <filesystem>, which gives it");
}

static void check_root(Reader *r) {
        const Domain *d = r->domain;

        for (size_t i = 0; i < d->n_shares; i++)
                if (d->shares[i].target && streq(d->shares[i].target, "/") && d->root)
                        error(r, r->filesystem, "<root> is refused beside a <filesystem> whose target is /: both are the guest's root");
}

/* What the definition leaves to the host. */
static void complete(Reader *r) {
        const Config *config = r->context->config;
        Domain *d = r->domain;
        bool has_kernel = d->kernel || (r->os && reader_child((xmlNode *) r->os, "kernel"));

        if (config && config_complete(config, r->context->user, d) < 0)
                r->reporter.out_of_memory = true;
        if (has_kernel || d->kernel)
                return;
        d->kernel = reader_allocated(r, strdup(DEFAULT_KERNEL));
        if (r->os)
                warning(r, r->os, "<os> names no <kernel>, nor does uml.conf; the guest boots " DEFAULT_KERNEL);
}

/* What follows a "--" in <cmdline> is init's, before what <initarg> gives it. */
static void split_dashes(Reader *r) {
        Domain *d = r->domain;
        char **rest = NULL;
        size_t n = 0, k = 0;

        while (k < d->n_cmdline && !streq(d->cmdline[k], "--"))
                k++;
        if (k == d->n_cmdline)
                return;
        rest = reallocarray(d->init_arguments, d->n_cmdline + d->n_init_arguments, sizeof(char *));
        if (!reader_allocated(r, rest))
                return;
        n = d->n_cmdline - k - 1;
        memmove(rest + n, rest, d->n_init_arguments * sizeof(char *));
        memcpy(rest, d->cmdline + k + 1, n * sizeof(char *));
        free(d->cmdline[k]);
        d->n_cmdline = k;
        d->init_arguments = rest;
        d->n_init_arguments += n;
}

/* A guest with shares is given the directories of the files that are made for it; but not one that others use. */
static void check_directory(Reader *r, const char *path) {
        if (path && path_is_in_common_directory(path))
                warning(r, r->filesystem, "'%s' cannot be made for a guest with <filesystem>, which sees no common directory of the host: make it before, or choose a directory that is for guests alone, such as /var/lib/uml/NAME",
                        path);
}

static void check_view(Reader *r) {
        const Domain *d = r->domain;

        if (d->n_shares == 0 || r->context->user)
                return;
        for (size_t i = 0; i < d->n_disks; i++)
                if (d->disks[i].backing && !path_is_device(d->disks[i].path))
                        check_directory(r, d->disks[i].path);
        for (size_t i = 0; i < d->n_consoles; i++) {
                check_directory(r, d->consoles[i].path);
                check_directory(r, d->consoles[i].log);
        }
        for (size_t i = 0; i < d->n_vectors; i++) {
                _cleanup_free_ char *socket = NULL;

                if (d->vectors[i].options && vector_own_socket(d->vectors[i].options, &socket) < 0)
                        r->reporter.out_of_memory = true;
                check_directory(r, socket);
        }
}

static void check_ready(Reader *r) {
        const Domain *d = r->domain;
        char name[LINE_NAME_SIZE];

        for (size_t i = 0; d->ready_line && i < d->n_consoles; i++) {
                console_name(&d->consoles[i], name);
                if (streq(name, d->ready_line) && (d->consoles[i].kind != CONSOLE_NULL || d->consoles[i].log))
                        return;
        }
        if (d->ready_line)
                error(r, r->ready, "<ready>: console '%s' is no line of the guest's, or null; expected con0 to con15 or ssl0 to ssl63, as its <console> and <serial> elements make it",
                      d->ready_line);
}

static void check_domain(Reader *r, xmlNode *root) {
        Domain *d = r->domain;
        size_t length;

        if (!r->name)
                error(r, root, "<name> is missing");
        check_memory(r, root);
        if (!r->os)
                error(r, root, "<os> is missing; it may hold no more than <type>uml</type>");
        split_dashes(r);
        if (domain_add_default_console(d) < 0)
                r->reporter.out_of_memory = true;
        check_ready(r);
        disks_number(r);
        check_tuning(r);
        check_root(r);
        check_hostfs(r);
        complete(r);
        check_view(r);
        if (r->reporter.failed || r->reporter.out_of_memory)
                return; /* what follows needs a domain that is whole */
        if (keep_kernel_defaults(d) < 0)
                r->reporter.out_of_memory = true;

        length = kernel_arguments_length(d);
        if (length > KERNEL_ARGUMENTS_MAX)
                error(r, r->os, "the guest's kernel command line has %zu bytes, of %d that it may have", length, KERNEL_ARGUMENTS_MAX);
}

static void read_domain(Reader *r, xmlNode *root) {
        const xmlNode *seen[ELEMENTS_MAX] = {};
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
}

int domain_read_xml(const char *text, size_t size, const DomainContext *context, ReportFunction report, void *userdata, Domain **ret) {
        Reader r = {.text = text, .size = size, .context = context, .reporter = {.report = report, .userdata = userdata}};
        xmlDoc *doc = NULL;
        Place place;
        char *reason = NULL;
        int k;

        k = xml_parse(text, size, &doc, &place, &reason);
        if (k == -EBADMSG) {
                reporter_say(&r.reporter, SEVERITY_ERROR, place.line, place.column, "%s", reason); /* libxml2 quotes the file */
                free(reason);
        }
        if (k < 0)
                return k;

        r.domain = domain_new();
        if (r.domain && context->config)
                config_apply(context->config, r.domain);
        if (r.domain)
                read_domain(&r, xmlDocGetRootElement(doc));
        else
                r.reporter.out_of_memory = true;
        xmlFreeDoc(doc);

        reporter_end(&r.reporter);
        k = reporter_result(&r.reporter);
        if (k < 0) {
                domain_free(r.domain);
                return k;
        }
        *ret = r.domain;
        return 0;
}
