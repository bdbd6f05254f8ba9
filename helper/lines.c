/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"
#include "lines.h"
#include "util.h"

#define ESC 0x1b
#define BEL 0x07

/* The size of the escape sequence (ECMA-48) at the beginning of text: CSI … final byte, OSC and its like … BEL or ST, else
 * intermediate bytes and a final one. An unfinished one reaches to the end. */
static size_t escape_size(const char *text, size_t size) {
        const unsigned char *p = (const unsigned char *) text;
        size_t i = 2;

        if (size < 2)
                return size;
        if (p[1] == '[') {
                while (i < size && (p[i] < 0x40 || p[i] > 0x7e))
                        i++;
                return MIN_OF(i + 1, size);
        }
        if (p[1] == ']' || p[1] == 'P' || p[1] == '_' || p[1] == '^' || p[1] == 'X') {
                for (; i < size; i++) {
                        if (p[i] == BEL)
                                return i + 1;
                        if (p[i] == ESC && i + 1 < size && p[i + 1] == '\\')
                                return i + 2;
                }
                return size;
        }
        for (i = 1; i < size && p[i] >= 0x20 && p[i] <= 0x2f; i++)
                ;
        return MIN_OF(i + 1, size);
}

static size_t strip_escapes(char *text, size_t size) {
        size_t kept = 0;

        for (size_t i = 0; i < size;) {
                if (text[i] == ESC) {
                        i += escape_size(text + i, size - i);
                        continue;
                }
                text[kept++] = text[i++];
        }
        return kept;
}

/* What a terminal would show in the end, roughly: the text after the last carriage return that something follows. */
static size_t last_picture(char *text, size_t size) {
        const char *cr;
        size_t begin;

        while (size > 0 && text[size - 1] == '\r')
                size--;
        cr = memrchr(text, '\r', size);
        if (!cr)
                return size;
        begin = (size_t) (cr - text) + 1;
        memmove(text, text + begin, size - begin);
        return size - begin;
}

size_t line_clean(char *text, size_t size, int *ret_priority) {
        int priority = PRIORITY_INFO;

        size = last_picture(text, strip_escapes(text, size));

        if (size >= 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>') {
                /* journald writes emergencies to every terminal of the host, which is not for a guest to do. */
                priority = text[1] < '2' ? 2 : text[1] - '0';
                size -= 3;
                memmove(text, text + 3, size);
        }
        *ret_priority = priority;
        return size;
}

void lines_flush(Lines *l, LineFunction function, void *userdata) {
        int priority;
        size_t n = line_clean(l->buffer, l->size, &priority);

        l->size = 0;
        if (n > 0)
                function(userdata, priority, l->buffer, n);
}

void lines_add(Lines *l, const char *data, size_t size, LineFunction function, void *userdata) {
        while (size > 0) {
                const char *end = memchr(data, '\n', size);
                size_t n = end ? (size_t) (end - data) : size;
                size_t fits = MIN_OF(n, sizeof(l->buffer) - l->size);

                memcpy(l->buffer + l->size, data, fits);
                l->size += fits;
                if (fits < n || end || l->size == sizeof(l->buffer))
                        lines_flush(l, function, userdata);
                if (fits == n && end)
                        fits++; /* the line feed */
                data += fits;
                size -= fits;
        }
}
