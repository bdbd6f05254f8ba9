/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever a file says, the configuration holds nothing that could not stand in a unit, and each message has its line. */

#include "config.h"
#include "escape.h"
#include "fuzz.h"

typedef struct Told {
        unsigned last_line, errors, warnings, lines; /* lines: of the text */
} Told;

static void on_report(void *userdata, Severity severity, const char *path, unsigned line, const char *text) {
        Told *t = userdata;

        MUST(streq(path, "/etc/uml/uml.conf"));
        MUST(line <= t->lines && (line == 0 || line >= t->last_line));
        MUST(*text && text_is_clean(text));
        /* What libinih cannot understand is kept from it. Messages about a key begin with that: "KEY=". */
        MUST(strchr(text, '=') || !after_prefix(text, "libinih did not understand"));
        if (line > 0)
                t->last_line = line;
        *(severity == SEVERITY_ERROR ? &t->errors : &t->warnings) += 1;
}

static void check(const Config *c) {
        const char *const texts[] = {c->kernel, c->slice, c->user, c->group, c->memory_directory};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                MUST(!texts[i] || (*texts[i] && text_is_value(texts[i])));
        MUST(!c->kernel || c->kernel[0] == '/');
        MUST(!c->memory_directory || c->memory_directory[0] == '/');
        for (size_t i = 0; i < c->n_devices; i++)
                MUST(text_is_value(c->devices[i]) && !strpbrk(c->devices[i], "\"'\\") &&
                     (after_prefix(c->devices[i], "/dev/") || after_prefix(c->devices[i], "char-") || after_prefix(c->devices[i], "block-")));
        MUST(c->stop_method < _STOP_METHOD_MAX && c->stop_timeout <= 86400);
        MUST(c->ready_timeout >= 1 && c->ready_timeout <= 86400);
        MUST(c->replay <= 16U << 20 && c->rate_limit <= 1000000 && c->security <= SECURITY_ALL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Told told = {.lines = 1};
        Config *c = config_new();
        Domain *d = domain_new();
        int r;

        MUST(c && d);
        for (size_t i = 0; i < size; i++)
                told.lines += data[i] == '\n';
        r = config_read_text(c, (const char *) data, size, "/etc/uml/uml.conf", on_report, &told);
        MUST(r == (told.errors > 0 ? -EBADMSG : 0));
        MUST(told.errors <= 51 && told.warnings <= 51);
        check(c);

        config_apply(c, d);
        MUST(config_complete(c, false, d) == 0);
        MUST(d->n_directives == c->n_devices + (c->rate_limit > 0));
        domain_free(d);
        config_free(c);
        return 0;
}
