/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever a guest prints, and however it is cut, becomes the same bounded lines. */

#include "fuzz.h"
#include "lines.h"

static void on_line(void *userdata, int priority, const char *text, size_t size) {
        uint64_t *hash = userdata;

        MUST(size > 0 && size <= LINES_MAX);
        MUST(priority >= 2 && priority <= 7);
        MUST(!memchr(text, '\n', size) && !memchr(text, '\r', size) && !memchr(text, 0x1b, size));
        for (size_t i = 0; i < size; i++)
                *hash = (*hash ^ (uint8_t) text[i]) * UINT64_C(0x100000001b3);
        *hash = (*hash ^ 256) * UINT64_C(0x100000001b3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Lines l;
        uint64_t whole = 1, cut = 1;

        l.size = 0;
        lines_add(&l, (const char *) data, size, on_line, &whole);
        lines_flush(&l, on_line, &whole);
        for (size_t i = 0; i < size;) {
                size_t n = MIN_OF((size_t) data[i] % 7 + 1, size - i);

                lines_add(&l, (const char *) data + i, n, on_line, &cut);
                i += n;
        }
        lines_flush(&l, on_line, &cut);
        MUST(whole == cut);
        return 0;
}
