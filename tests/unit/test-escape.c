/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "escape.h"

static void assert_put(int (*put)(FILE *, const char *), const char *in, const char *want) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        int r;

        assert_non_null(f);
        r = put(f, in);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(r, want ? 0 : -EINVAL);
        assert_string_equal(text, want ?: "");
}

static int put_plain_argument(FILE *f, const char *s) {
        return put_argument(f, "", s);
}

static void test_value(void **state) {
        assert_put(put_value, "", "");
        assert_put(put_value, "A guest of 100% \"quality\" for $5; \\x41", "A guest of 100%% \"quality\" for $5; \\x41");
        assert_put(put_value, "größer → €", "größer → €");
        assert_put(put_value, "%n%%", "%%n%%%%");
}

static void test_value_refuses(void **state) {
        assert_put(put_value, "a\nExecStart=/bin/evil", NULL);
        assert_put(put_value, "ends in a backslash\\", NULL);
        assert_put(put_value, " begins with a space", NULL);
        assert_put(put_value, "ends with one ", NULL);
        assert_put(put_value, "tab\there", NULL);
}

static void test_word(void **state) {
        assert_put(put_word, "", "\"\"");
        assert_put(put_word, "/a b/%i", "\"/a b/%%i\"");
        assert_put(put_plain_argument, "a\"b\\c'd;$HOME${X}%h", "\"a\\\"b\\\\c'd;$HOME${X}%%h\"");
        assert_put(put_plain_argument, "ends in \\", "\"ends in \\\\\"");
        assert_put(put_plain_argument, "\x1b[31m", NULL);
        assert_put(put_word, "a\rb", NULL);
}

static void test_clean(void **state) {
        assert_true(text_is_clean("\xc2\xa0\xef\xbf\xbd\xf0\x9f\x90\xa7"));
        assert_false(text_is_clean("\x7f"));
        assert_false(text_is_clean("\xc2\x85"));         /* C1: next line */
        assert_false(text_is_clean("\xc0\x8a"));         /* overlong line feed */
        assert_false(text_is_clean("\xe0\x80\x8a"));
        assert_false(text_is_clean("\xed\xa0\x80"));     /* surrogate */
        assert_false(text_is_clean("\xf4\x90\x80\x80")); /* beyond Unicode */
        assert_false(text_is_clean("\xef\xb7\x90"));     /* U+FDD0, a noncharacter */
        assert_false(text_is_clean("\xf0\x9f\xbf\xbe")); /* U+1FFFE, another */
        assert_false(text_is_clean("\xff"));
        assert_false(text_is_clean("cut\xe2\x82"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a plain value keeps its text but for doubled percent signs", test_value),
                TEST("a plain value that the loader would change is refused", test_value_refuses),
                TEST("a word or argument is quoted so that nothing in it is syntax", test_word),
                TEST("control characters, noncharacters and broken UTF-8 are told from text", test_clean),
        };

        return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
