/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>

#include "test.h"

#include "domain.h"

static void test_valid(void **state) {
        assert_true(domain_name_is_valid("a"));
        assert_true(domain_name_is_valid("Web-01.example_com:8080"));
        assert_true(domain_name_is_valid("a23456789012345678901234567890123456789012345678901234567890123"));
}

static void test_invalid(void **state) {
        static const char *const names[] = {
                "", "-a", ".a", "_a", ":a", "a b", "a/b", "a%b", "a\\b", "a\nb", "\xc3\xa4", "demo.xml",
                "a234567890123456789012345678901234567890123456789012345678901234",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_false(domain_name_is_valid(names[i]));
}

/* The rules that both definitions and command lines are read by. */
static void test_small_rules(void **state) {
        char longest[NAME_MAX + 2];

        memset(longest, 'a', sizeof(longest));
        longest[NAME_MAX + 1] = 0;
        assert_false(share_name_is_valid(longest));
        assert_true(share_name_is_valid(longest + 1));
        assert_true(share_name_is_valid("..."));
        assert_false(share_name_is_valid(""));
        assert_false(share_name_is_valid("."));
        assert_false(share_name_is_valid(".."));
        assert_false(share_name_is_valid("a/b"));

        assert_true(disk_serial_is_valid("SN_1.2+3-4"));
        assert_false(disk_serial_is_valid("SN 1"));
        assert_false(disk_serial_is_valid("SN,1"));
        assert_false(disk_serial_is_valid("\xc3\xa4"));

        assert_true(mac_is_valid("02:16:3e:00:Aa:fF"));
        assert_false(mac_is_valid(""));
        assert_false(mac_is_valid("02:16:3e:00:00"));
        assert_false(mac_is_valid("02:16:3e:00:00:0"));
        assert_false(mac_is_valid("02:16:3e:00:00:01:"));
        assert_false(mac_is_valid("02-16-3e-00-00-01"));
        assert_false(mac_is_valid("0g:16:3e:00:00:01"));
}

static void test_number(void **state) {
        uint64_t n;

        assert_int_equal(parse_number("18446744073709551615", UINT64_MAX, &n), 0);
        assert_true(n == UINT64_MAX);
        assert_int_equal(parse_number("18446744073709551616", UINT64_MAX, &n), -ERANGE);
        assert_int_equal(parse_number("64", 63, &n), -ERANGE);
        assert_int_equal(parse_number("", 63, &n), -EINVAL);
        assert_int_equal(parse_number("-1", 63, &n), -EINVAL);
        assert_int_equal(parse_number("+1", 63, &n), -EINVAL);
        assert_int_equal(parse_number("0x1", 63, &n), -EINVAL);
        assert_int_equal(parse_number("1 ", 63, &n), -EINVAL);
}

static void test_words(void **state) {
        LifecycleAction action;
        ConsoleKind kind;

        for (int i = 0; i < _LIFECYCLE_MAX; i++) {
                assert_int_equal(lifecycle_action_from_string(lifecycle_action_to_string(i), &action), 0);
                assert_int_equal(action, i);
        }
        for (int i = 0; i < _CONSOLE_KIND_MAX; i++) {
                assert_int_equal(console_kind_from_string(console_kind_to_string(i), &kind), 0);
                assert_int_equal(kind, i);
        }
        assert_int_equal(lifecycle_action_from_string("explode", &action), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("names that need no escaping as unit instance are taken", test_valid),
                TEST("all other names are refused", test_invalid),
                TEST("a share's name is one component of a path, a serial has no separator, a MAC address has six bytes", test_small_rules),
                TEST("numbers are decimal, whole and bounded", test_number),
                TEST("the words of the enumerations read back as themselves", test_words),
        };

        return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
