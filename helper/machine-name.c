/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine-name.h"
#include "util.h"

#define SEPARATORS "_.:-"

void machine_name(const char *guest, char ret[static DOMAIN_NAME_MAX + 1]) {
        for (;;) {
                size_t n = strcspn(guest, SEPARATORS);

                memcpy(ret, guest, n);
                ret += n;
                guest += n;

                n = strspn(guest, SEPARATORS);
                if (!guest[n])
                        break;
                if (memchr(guest, '.', n))
                        *ret++ = '.';
                else {
                        memset(ret, '-', n);
                        ret += n;
                }
                guest += n;
        }
        *ret = 0;
}
