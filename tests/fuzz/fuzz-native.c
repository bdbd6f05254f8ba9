/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A command line is refused with a message, or gives a guest that the same line can be made of again, and a definition
 * that is read again. An input that begins with `<` is a definition. */

#include "../unit/equal.h"
#include "domain-write.h"
#include "domain-xml.h"
#include "escape.h"
#include "fuzz.h"
#include "native.h"

static unsigned reports[2];

static void on_report(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        MUST(line > 0 && column > 0);
        MUST(text_is_clean(text));
        reports[severity]++;
}

static Domain *import(const char *text, size_t size) {
        const NativeContext context = {.directory = "/d"};
        Domain *d = NULL;
        int r;

        reports[SEVERITY_ERROR] = reports[SEVERITY_WARNING] = 0;
        r = native_import(text, size, &context, on_report, NULL, &d);
        MUST(r == 0 || (r == -EBADMSG && reports[SEVERITY_ERROR] > 0));
        MUST((r == 0) == (d && reports[SEVERITY_ERROR] == 0));
        return d;
}

static char *export(const Domain *d) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        MUST(f);
        reports[SEVERITY_ERROR] = reports[SEVERITY_WARNING] = 0;
        MUST(native_export(f, d, on_report, NULL) == 0);
        MUST(fclose(f) == 0);
        MUST(size > 0 && strchr(text, '\n') == text + size - 1);
        return text;
}

static void check_line(const Domain *d) {
        char *line = export(d), *again;
        bool whole = reports[SEVERITY_WARNING] == 0;
        Domain *copy = import(line, strlen(line));

        MUST(copy);
        MUST(!whole || native_equal(d, copy));
        again = export(copy);
        MUST(streq(line, again));
        free(line);
        free(again);
        domain_free(copy);
}

static void check_xml(const Domain *d) {
        char *text = NULL;
        Domain *copy = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        MUST(f);
        MUST(domain_write_xml(f, d) == 0);
        MUST(fclose(f) == 0);
        MUST(strlen(text) == size);
        if (size <= DEFINITION_SIZE_MAX) {
                MUST(domain_read_xml(text, size, &(DomainContext) {.stem = d->name}, on_report, NULL, &copy) == 0);
                for (size_t i = 0; i < d->n_consoles; i++)
                        if (d->consoles[i].kind > CONSOLE_FILE) { /* is a pty then */
                                d->consoles[i].kind = CONSOLE_PTY;
                                free(TAKE_PTR(d->consoles[i].path));
                        }
                MUST(native_equal(d, copy));
        }
        domain_free(copy);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Domain *d = NULL;

        if (size > DEFINITION_SIZE_MAX)
                return 0;
        if (size > 0 && data[0] == '<')
                (void) domain_read_xml((const char *) data, size, &(DomainContext) {.stem = "x"}, on_report, NULL, &d);
        else
                d = import((const char *) data, size);
        if (d) {
                check_line(d);
                check_xml(d);
        }
        domain_free(d);
        return 0;
}
