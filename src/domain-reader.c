/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <stdarg.h>
#include <strings.h>

#include "domain-reader.h"
#include "escape.h"
#include "util.h"
#include "xml.h"

#define REPORTS_MAX 50  /* warnings about one file, and errors; a hostile one shall not fill the log */
#define MESSAGE_MAX 600 /* bytes of one message: it has to fit into a line of the kernel's log, and of a unit */

/* Messages. A text from the file is shown only through `%s` of this function, which cleans and shortens it. */

void reader_clean(char *text) {
        size_t n = MESSAGE_MAX - strlen("..."); /* so that it has room for them */

        if (strlen(text) > MESSAGE_MAX) {
                while ((text[n] & 0xc0) == 0x80) /* not within a character */
                        n--;
                strcpy(text + n, "...");
        }
        for (unsigned char *p = (unsigned char *) text; *p; p++)
                if (*p < 0x20 || *p == 0x7f)
                        *p = '?';
        /* Something else that is not for a log or a unit: only ASCII is kept then. */
        if (!text_is_clean(text))
                for (unsigned char *p = (unsigned char *) text; *p; p++)
                        if (*p >= 0x80)
                                *p = '?';
}

void reader_say(Reader *r, Severity severity, const xmlNode *n, const char *format, ...) {
        char *text = NULL;
        Place place;
        va_list ap;
        int k;

        if (severity == SEVERITY_ERROR)
                r->failed = true;
        if (r->n_reports[severity]++ >= REPORTS_MAX)
                return;

        place = xml_place(r->text, r->size, n); /* reads the whole text up to there */
        va_start(ap, format);
        k = vasprintf(&text, format, ap);
        va_end(ap);
        if (k < 0) {
                r->out_of_memory = true;
                return;
        }
        reader_clean(text);
        r->report(r->userdata, severity, place.line, place.column, text);
        free(text);
}

/* Values */

/* Takes p; NULL is lack of memory. */
char *reader_checked(Reader *r, xmlNode *n, const char *attribute, char *p) {
        if (!p) {
                r->out_of_memory = true;
                return NULL;
        }
        if (!text_is_clean(p)) {
                error(r, n, "<%s>: %s%s contains a control character (a line break, perhaps); remove it", (const char *) n->name,
                      attribute ? "attribute " : "its text", attribute ?: "");
                free(p);
                return NULL;
        }
        return p;
}

bool reader_has_attribute(xmlNode *n, const char *name) {
        return xmlHasNsProp(n, (const xmlChar *) name, NULL);
}

/* The attribute's value, which the caller frees; NULL if it is not there, or was refused. */
char *reader_attribute(Reader *r, xmlNode *n, const char *name) {
        if (!reader_has_attribute(n, name))
                return NULL;
        return reader_checked(r, n, name, (char *) xmlGetNoNsProp(n, (const xmlChar *) name));
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
        char *s = (char *) xmlNodeGetContent(n);

        if (s && stripped) {
                const char *begin = strip(s);

                memmove(s, begin, strlen(begin) + 1);
        }
        s = reader_checked(r, n, NULL, s);
        if (s && !*s) {
                error(r, n, "<%s> is empty", (const char *) n->name);
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

        if (!s || !reader_check_path(r, n, (const char *) n->name, s, separators))
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

/* KiB, rounded up as libvirt does. 0 after an error. */
uint64_t reader_memory(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n), *unit = reader_attribute(r, n, "unit");
        uint64_t value, factor = 1024;

        if (!s)
                return 0;
        if (unit && unit_factor(unit, &factor) < 0) {
                error(r, n, "<%s>: unknown unit '%s'; known are b, bytes, KB, KiB, MB, MiB, GB, GiB, TB, TiB, PB, PiB, EB, EiB",
                      (const char *) n->name, unit);
                return 0;
        }
        switch (parse_number(s, UINT64_MAX, &value)) {
        case 0:
                break;
        case -ERANGE:
                value = UINT64_MAX;
                break;
        default:
                error(r, n, "<%s>: '%s' is not a number", (const char *) n->name, s);
                return 0;
        }
        if (value == 0) {
                error(r, n, "<%s> is 0", (const char *) n->name);
                return 0;
        }
        if (__builtin_mul_overflow(value, factor, &value) || __builtin_add_overflow(value, 1023, &value)) {
                error(r, n, "<%s>: %s %s is more than can be counted", (const char *) n->name, s, unit ?: "KiB");
                return 0;
        }
        return value / 1024;
}

bool reader_number(Reader *r, xmlNode *n, const char *name, uint64_t max, unsigned *ret) {
        _cleanup_free_ char *s = reader_attribute(r, n, name);
        uint64_t value;

        if (!s)
                return false;
        if (parse_number(strip(s), max, &value) < 0) {
                error(r, n, "<%s>: %s '%s' is not a number from 0 to %llu", (const char *) n->name, name, s, (unsigned long long) max);
                return false;
        }
        *ret = (unsigned) value;
        return true;
}

static void say_rest(Reader *r, Severity severity, const char *what) {
        char text[64];

        if (r->n_reports[severity] <= REPORTS_MAX)
                return;
        (void) snprintf(text, sizeof(text), "and %u more %s about this file", r->n_reports[severity] - REPORTS_MAX, what);
        r->report(r->userdata, severity, 1, 1, text);
}

void reader_end(Reader *r) {
        say_rest(r, SEVERITY_WARNING, "warnings");
        say_rest(r, SEVERITY_ERROR, "errors");
}
