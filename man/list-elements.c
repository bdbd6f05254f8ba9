/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints what domain_read_xml() knows, one element a line: its path, then its attributes. For check.py. */

#include <stdio.h>

#include "domain-xml.h"

int main(void) {
        const char *path, *attributes;

        for (size_t i = 0; (path = domain_xml_element(i, &attributes)); i++)
                printf("%s %s\n", path, attributes);
        return 0;
}
