/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints what domain_read_xml() knows, one element a line: its path, then its attributes without their types; or, of one that
 * is ignored, `!` and the reason. For check.py. */

#include <stdio.h>
#include <string.h>

#include "domain-xml.h"

int main(void) {
        const char *path, *attributes, *ignored;

        for (size_t i = 0; (path = domain_xml_element(i, &attributes, &ignored)); i++) {
                printf("%s%s%s", path, ignored ? " ! " : "", ignored ?: "");
                for (const char *p = attributes; *p; p += strcspn(p, " ") + (p[strcspn(p, " ")] == ' ')) {
                        putchar(' ');
                        fwrite(p, 1, strcspn(p, ": "), stdout);
                }
                putchar('\n');
        }
        return 0;
}
