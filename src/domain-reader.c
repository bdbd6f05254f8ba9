/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <limits.h>
#include <stdarg.h>
#include <strings.h>

#include "domain-reader.h"
#include "escape.h"
#include "xml.h"

void reader_say(Reader *r, Severity severity, const xmlNode *n, const char *format, ...) {
        Place place = {1, 1};
        va_list ap;

        if (severity == SEVERITY_WARNING && r->quiet)
                return;
        if (reporter_has_room(&r->reporter, severity))
                place = xml_place(r->text, r->size, n); /* reads the whole text up to there */
        va_start(ap, format);
        reporter_say_list(&r->reporter, severity, place.line, place.column, format, ap);
        va_end(ap);
}

/* Values */

void *reader_allocated(Reader *r, void *p) {
        if (!p)
                r->reporter.out_of_memory = true;
        return p;
}

char *reader_checked(Reader *r, xmlNode *n, const char *attribute, char *p) {
        if (!reader_allocated(r, p))
                return NULL;
        if (!text_is_clean(p)) {
                error(r, n, "<%s>: %s%s contains a control character (a line break, perhaps); remove it", node_name(n),
                      attribute ? "attribute " : "its text", attribute ?: "");
                free(p);
                return NULL;
        }
        return p;
}

bool reader_has_attribute(xmlNode *n, const char *name) {
        return xmlHasNsProp(n, (const xmlChar *) name, NULL);
}

bool reader_attribute_is(xmlNode *n, const char *name, const char *value) {
        const xmlAttr *a = xmlHasNsProp(n, (const xmlChar *) name, NULL);
        const xmlNode *text = a ? a->children : NULL;

        /* One text: libxml2 makes more of it only for references to entities, and a file has none of its own. */
        return text && !text->next && text->content ? streq((const char *) text->content, value) : a && !text && !*value;
}

/* The attribute's value, which the caller frees; NULL if it is not there, or was refused. */
char *reader_attribute(Reader *r, xmlNode *n, const char *name) {
        if (!reader_has_attribute(n, name))
                return NULL;
        return reader_checked(r, n, name, (char *) xmlGetNoNsProp(n, (const xmlChar *) name));
}

xmlNode *reader_child(xmlNode *n, const char *name) {
        for (xmlNode *child = n->children; child; child = child->next)
                if (child->type == XML_ELEMENT_NODE && !child->ns && streq(node_name(child), name))
                        return child;
        return NULL;
}

static char *strip(char *s) {
        size_t n;

        s += strspn(s, " \t\n");
        n = strlen(s);
        while (n > 0 && strchr(" \t\n", s[n - 1]))
                s[--n] = 0;
        return s;
}

static char *text_of(Reader *r, xmlNode *n, bool stripped) {
        char *s;

        for (const xmlNode *child = n->children; child; child = child->next)
                if (child->type == XML_ELEMENT_NODE) {
                        error(r, child, "<%s> is refused within <%s>, which is a text", node_name(child), node_name(n));
                        return NULL;
                }
        s = (char *) xmlNodeGetContent(n);
        if (s && stripped) {
                const char *begin = strip(s);

                memmove(s, begin, strlen(begin) + 1);
        }
        s = reader_checked(r, n, NULL, s);
        if (s && !*s) {
                error(r, n, "<%s> is empty", node_name(n));
                free(s);
                return NULL;
        }
        return s;
}

char *reader_content(Reader *r, xmlNode *n) {
        return text_of(r, n, false);
}

char *reader_word(Reader *r, xmlNode *n) {
        return text_of(r, n, true);
}

/* An absolute path, for a kernel option if separators is not NULL: UML and the guest's kernel take their command line
 * apart at these characters, and have no way to quote them. */
bool reader_check_path(Reader *r, xmlNode *n, const char *what, const char *path, const char *separators) {
        size_t bad;

        if (path[0] != '/') {
                error(r, n, "%s '%s' is not an absolute path", what, path);
                return false;
        }
        if (strstr(path, "/../") || (strlen(path) >= 3 && streq(path + strlen(path) - 3, "/.."))) {
                error(r, n, "%s '%s' contains '..', with which systemd cannot tell the file system that it needs; write it without", what, path);
                return false;
        }
        if (strlen(path) >= PATH_MAX) {
                error(r, n, "%s has %zu bytes, of %d that a path may have", what, strlen(path), PATH_MAX - 1);
                return false;
        }
        bad = strcspn(path, separators ?: "");
        if (path[bad]) {
                error(r, n, "%s '%s' contains '%c', which separates options on a UML command line and cannot be quoted there; rename the file or link to it",
                      what, path, path[bad]);
                return false;
        }
        return true;
}

char *reader_path(Reader *r, xmlNode *n, const char *separators) {
        _cleanup_free_ char *s = reader_content(r, n);

        if (!s || !reader_check_path(r, n, node_name(n), s, separators))
                return NULL;
        return TAKE_PTR(s);
}

/* libvirt's units: bytes, decimal (KB) and binary (k, KiB) multiples, in any case; without a unit, KiB. */
static int unit_factor(const char *unit, uint64_t *ret) {
        static const char letters[] = "kmgtpe";
        const char *letter;
        uint64_t base, factor = 1;

        if (strcasecmp(unit, "b") == 0 || strcasecmp(unit, "byte") == 0 || strcasecmp(unit, "bytes") == 0) {
                *ret = 1;
                return 0;
        }

        letter = *unit ? strchr(letters, *unit | 0x20) : NULL;
        if (!letter)
                return -EINVAL;
        if (!unit[1] || strcasecmp(unit + 1, "ib") == 0)
                base = 1024;
        else if (strcasecmp(unit + 1, "b") == 0)
                base = 1000;
        else
                return -EINVAL;

        for (const char *p = letters; p <= letter; p++)
                factor *= base; /* 1024^6 fits */
        *ret = factor;
        return 0;
}

bool reader_size(Reader *r, xmlNode *n, uint64_t *ret) {
        _cleanup_free_ char *s = reader_word(r, n), *unit = reader_attribute(r, n, "unit");
        uint64_t value, factor = 1024;

        if (!s)
                return false;
        if (unit && unit_factor(unit, &factor) < 0) {
                error(r, n, "<%s>: unknown unit '%s'; known are b, bytes, KB, KiB, MB, MiB, GB, GiB, TB, TiB, PB, PiB, EB, EiB",
                      node_name(n), unit);
                return false;
        }
        switch (parse_number(s, UINT64_MAX, &value)) {
        case 0:
                break;
        case -ERANGE:
                value = UINT64_MAX;
                break;
        default:
                error(r, n, "<%s>: '%s' is not a number", node_name(n), s);
                return false;
        }
        if (__builtin_mul_overflow(value, factor, &value) || value > UINT64_MAX - 1023) {
                error(r, n, "<%s>: %s %s is more than can be counted", node_name(n), s, unit ?: "KiB");
                return false;
        }
        *ret = value;
        return true;
}

uint64_t reader_memory(Reader *r, xmlNode *n) {
        uint64_t size;

        if (!reader_size(r, n, &size))
                return 0;
        if (size == 0)
                error(r, n, "<%s> is 0", node_name(n));
        return (size + 1023) / 1024;
}

bool reader_content_number(Reader *r, xmlNode *n, uint64_t min, uint64_t max, uint64_t *ret) {
        _cleanup_free_ char *s = reader_word(r, n);
        uint64_t value;

        if (!s)
                return false;
        if (parse_number(s, max, &value) < 0 || value < min) {
                error(r, n, "<%s>: '%s' is not a number from %llu to %llu", node_name(n), s, (unsigned long long) min, (unsigned long long) max);
                return false;
        }
        *ret = value;
        return true;
}

bool reader_number(Reader *r, xmlNode *n, const char *name, uint64_t max, unsigned *ret) {
        _cleanup_free_ char *s = reader_attribute(r, n, name);
        uint64_t value;

        if (!s)
                return false;
        if (parse_number(strip(s), max, &value) < 0) {
                error(r, n, "<%s>: %s '%s' is not a number from 0 to %llu", node_name(n), name, s, (unsigned long long) max);
                return false;
        }
        *ret = (unsigned) value;
        return true;
}

char *reader_attribute_path(Reader *r, xmlNode *n, const char *name, const char *separators) {
        _cleanup_free_ char *path = reader_attribute(r, n, name);

        if (!path || !reader_check_path(r, n, name, path, separators))
                return NULL;
        return TAKE_PTR(path);
}

/* libvirt's sets of CPUs: numbers and ranges, `^` takes one out again; spaces may stand around them. */
static int parse_cpus(const char *s, uint64_t set[static CPUS_MAX / 64]) {
        for (;;) {
                unsigned long first, last;
                bool out;
                char *end;

                s += strspn(s, " ");
                out = *s == '^';
                s += out;
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                first = last = strtoul(s, &end, 10);
                end += strspn(end, " ");
                if (*end == '-' && !out) {
                        end++;
                        end += strspn(end, " ");
                        if (*end < '0' || *end > '9')
                                return -EINVAL;
                        last = strtoul(end, &end, 10);
                        end += strspn(end, " ");
                }
                if (last < first || last >= CPUS_MAX)
                        return -ERANGE;
                for (unsigned long i = first; i <= last; i++)
                        if (out)
                                set[i / 64] &= ~(UINT64_C(1) << i % 64);
                        else
                                set[i / 64] |= UINT64_C(1) << i % 64;
                if (!*end)
                        return 0;
                if (*end != ',')
                        return -EINVAL;
                s = end + 1;
        }
}

bool reader_cpuset(Reader *r, xmlNode *n, const char *name, uint64_t set[static CPUS_MAX / 64]) {
        _cleanup_free_ char *s = reader_attribute(r, n, name);
        uint64_t parsed[CPUS_MAX / 64] = {}, any = 0;

        if (!s)
                return false;
        for (size_t i = parse_cpus(s, parsed) < 0 ? ELEMENTSOF(parsed) : 0; i < ELEMENTSOF(parsed); i++) {
                any |= parsed[i];
                set[i] |= parsed[i];
        }
        if (!any)
                error(r, n, "<%s>: %s '%s' is not a set of numbers below %d, as in '1-4,^3,6'", node_name(n), name, s, CPUS_MAX);
        return any;
}

void reader_directive(Reader *r, const char *key, const char *word, const char *format, ...) {
        Directive *directive = reader_allocated(r, domain_add_directive(r->domain, key));
        va_list ap;

        if (!directive)
                return;
        va_start(ap, format);
        if (vasprintf(&directive->value, format, ap) < 0) {
                directive->value = NULL;
                r->reporter.out_of_memory = true;
        }
        va_end(ap);
        if (word)
                directive->word = reader_allocated(r, strdup(word));
}

void reader_bits_directive(Reader *r, const char *key, const uint64_t set[static CPUS_MAX / 64]) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = reader_allocated(r, open_memstream(&text, &size));
        const char *separator = "";

        if (!f)
                return;
        for (unsigned i = 0; i < CPUS_MAX; i++) {
                unsigned first = i;

                if (!(set[i / 64] >> i % 64 & 1))
                        continue;
                while (i + 1 < CPUS_MAX && set[(i + 1) / 64] >> (i + 1) % 64 & 1)
                        i++;
                fprintf(f, "%s%u", separator, first);
                if (i > first)
                        fprintf(f, "-%u", i);
                separator = " ";
        }
        if (fclose(f) != 0 || !text)
                r->reporter.out_of_memory = true;
        else
                reader_directive(r, key, NULL, "%s", text);
}

void reader_begin_device(Reader *r) {
        r->device = (Device) {.first_directive = r->domain->n_directives};
}

void reader_end_device(Reader *r, const char *path) {
        Domain *d = r->domain;

        for (size_t i = r->device.first_directive; i < d->n_directives; i++) {
                if (path)
                        d->directives[i].word = reader_allocated(r, strdup(path));
                else
                        free(d->directives[i].value);
        }
        if (!path)
                d->n_directives = r->device.first_directive;
        free(r->device.path);
        free(r->device.format);
        free(r->device.model);
        free(r->device.label);
        free(r->device.dev);
        free(r->device.mac);
        reader_begin_device(r);
}

/* Types of attributes */

static bool is_address(const char *s) {
        struct in6_addr address;

        return inet_pton(AF_INET, s, &address) == 1 || inet_pton(AF_INET6, s, &address) == 1;
}

static bool is_number(const char *s) {
        uint64_t value;

        return parse_number(s, UINT32_MAX, &value) >= 0;
}

static bool is_port(const char *s) {
        uint64_t value;

        return parse_number(s, 65535, &value) >= 0 && value > 0;
}

static bool word_among(const char *word, const char *list) {
        size_t n = strlen(word);

        for (const char *p = list; n > 0 && p; p = strchr(p, '|')) {
                p += *p == '|';
                if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == ' ' || !p[n]))
                        return true;
        }
        return false;
}

void reader_check_type(Reader *r, xmlNode *n, const char *attribute, const char *value, const char *type) {
        static const struct {
                const char *type;
                bool (*is)(const char *s);
                const char *what;
        } types[] = {
                {"address", is_address, "an IP address"},
                {"mac", mac_is_valid, "a MAC address, as in 02:16:3e:00:00:01"},
                {"number", is_number, "a number"},
                {"port", is_port, "a port, 1 to 65535"},
        };
        int length = (int) strcspn(type, " ");

        if (memchr(type, '|', (size_t) length)) {
                if (!word_among(value, type))
                        error(r, n, "<%s>: %s '%s' is none of %.*s", node_name(n), attribute, value, length, type);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (strlen(types[i].type) == (size_t) length && strncmp(types[i].type, type, (size_t) length) == 0 && !types[i].is(value))
                        error(r, n, "<%s>: %s '%s' is not %s", node_name(n), attribute, value, types[i].what);
}
