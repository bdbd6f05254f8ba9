/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints what config_read_text() knows, one setting a line: its section, then its key. With a file, prints what is wrong
 * with it instead. For check.py. */

#include <fcntl.h>

#include "config.h"
#include "file.h"
#include "util.h"

static void on_report(void *userdata, Severity severity, const char *path, unsigned line, const char *text) {
        printf("%s:%u: %s: %s\n", path, line, severity == SEVERITY_ERROR ? "error" : "warning", text);
}

static int check_file(const char *path) {
        __attribute__((cleanup(config_freep))) Config *c = config_new();
        _cleanup_free_ char *text = NULL;
        const char *reason = "out of memory";
        size_t size;

        if (!c || file_read(AT_FDCWD, path, CONFIG_SIZE_MAX, &text, &size, &reason) != 0) {
                printf("%s: %s\n", path, reason);
                return EXIT_FAILURE;
        }
        return config_read_text(c, text, size, path, on_report, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[]) {
        const char *section, *key;

        if (argc > 1)
                return check_file(argv[1]);
        for (size_t i = 0; (key = config_setting(i, &section)); i++)
                printf("[%s] %s=\n", section, key);
        return EXIT_SUCCESS;
}
