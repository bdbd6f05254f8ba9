/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <string.h>

#include "escape.h"
#include "util.h"

/* Decodes one code point, or returns -EINVAL: overlong forms, surrogates and what is beyond U+10FFFF are not UTF-8, and a
 * line with one of Unicode's noncharacters is none for systemd's loader (unichar_is_valid()): it would leave it out. */
static int utf8_decode(const unsigned char *s, uint32_t *ret) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        uint32_t c = s[0];
        int n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

        if (n == 0)
                return -EINVAL;
        if (n > 1)
                c &= 0x7fU >> n;

        for (int i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80) /* also catches the terminating NUL */
                        return -EINVAL;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
                return -EINVAL;

        *ret = c;
        return n;
}

bool text_is_clean(const char *s) {
        const unsigned char *p = (const unsigned char *) s;

        while (*p) {
                uint32_t c;
                int n;

                if (*p >= 0x20 && *p < 0x7f) { /* as almost always */
                        p++;
                        continue;
                }
                n = utf8_decode(p, &c);
                if (n < 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
                        return false;
                p += n;
        }
        return true;
}

void text_make_clean(char *s, size_t max) {
        size_t n = max - strlen("..."); /* so that it has room for them */

        if (strlen(s) > max) {
                while (n > 0 && (s[n] & 0xc0) == 0x80) /* not within a character */
                        n--;
                strcpy(s + n, "...");
        }
        for (unsigned char *p = (unsigned char *) s; *p; p++)
                if (*p < 0x20 || *p == 0x7f)
                        *p = '?';
        /* Something else that is not for a log or a unit: only ASCII is kept then. */
        if (!text_is_clean(s))
                for (unsigned char *p = (unsigned char *) s; *p; p++)
                        if (*p >= 0x80)
                                *p = '?';
}

bool text_is_value(const char *s) {
        size_t n = strlen(s);

        return text_is_clean(s) && (n == 0 || (s[0] != ' ' && s[n - 1] != ' ' && s[n - 1] != '\\'));
}

int put_value(FILE *f, const char *s) {
        if (!text_is_value(s))
                return -EINVAL;

        for (; *s; s++) {
                if (*s == '%')
                        putc_unlocked('%', f);
                putc_unlocked(*s, f);
        }
        return 0;
}

/* The text without the quotes around it. */
static void put_escaped(FILE *f, const char *s) {
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        putc_unlocked('\\', f);
                else if (*s == '%')
                        putc_unlocked('%', f);
                putc_unlocked(*s, f);
        }
}

static int put_quoted(FILE *f, const char *prefix, const char *s) {
        if (!text_is_clean(prefix) || !text_is_clean(s))
                return -EINVAL;

        putc_unlocked('"', f);
        put_escaped(f, prefix);
        put_escaped(f, s);
        putc_unlocked('"', f);
        return 0;
}

int put_word(FILE *f, const char *s) {
        return put_quoted(f, "", s);
}

int put_argument(FILE *f, const char *prefix, const char *s) {
        return put_quoted(f, prefix, s);
}
