/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "lines.h"

static char out[4 * LINES_MAX];
static size_t n_lines;

static void on_line(void *userdata, int priority, const char *text, size_t size) {
        size_t n = strlen(out);

        assert_true(size > 0);
        n_lines++;
        (void) snprintf(out + n, sizeof(out) - n, "%d:%.*s|", priority, (int) size, text);
}

static void assert_lines(const char *in, const char *want) {
        static Lines l;

        l.size = 0;
        out[0] = 0;
        lines_add(&l, in, strlen(in), on_line, NULL);
        lines_flush(&l, on_line, NULL);
        assert_string_equal(out, want);

        /* The same, a byte at a time. */
        out[0] = 0;
        for (const char *p = in; *p; p++)
                lines_add(&l, p, 1, on_line, NULL);
        lines_flush(&l, on_line, NULL);
        assert_string_equal(out, want);
}

static void test_split(void **state) {
        assert_lines("one\ntwo\r\n\n\r\nguest login: ", "6:one|6:two|6:guest login: |");
}

static void test_carriage_return(void **state) {
        assert_lines(" 10%\r 50%\r100%\ndone\r\r\n", "6:100%|6:done|");
}

static void test_escapes(void **state) {
        assert_lines("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b]0;t\x1b\\.\x1b(Bx\x1b=y\n", "6:red text.xy|");
        assert_lines("cut\x1b[31", "6:cut|");
        assert_lines("cut\x1b", "6:cut|");
}

static void test_priority(void **state) {
        assert_lines("<3>error\n<0>to all terminals\n<7>debug\n<8>no\n<5>\n< 3>x\n", "3:error|2:to all terminals|7:debug|6:<8>no|6:< 3>x|");
}

static void test_long(void **state) {
        static Lines l;
        static char data[2 * LINES_MAX + 10];

        memset(data, 'a', sizeof(data));
        out[0] = 0;
        n_lines = 0;
        lines_add(&l, data, sizeof(data), on_line, NULL);
        lines_add(&l, "\n", 1, on_line, NULL);
        assert_int_equal(n_lines, 3);
        assert_int_equal(strlen(out), sizeof(data) + 3 * 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("output becomes lines, and a prompt one of its own", test_split),
                TEST("of a line drawn again and again the last picture is kept", test_carriage_return),
                TEST("escape sequences are left out, whole or cut", test_escapes),
                TEST("the kernel's level is the priority, but no guest has an emergency", test_priority),
                TEST("a line without end comes in parts, and nothing of it is lost", test_long),
        };

        return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
