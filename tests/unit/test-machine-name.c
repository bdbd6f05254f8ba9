/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "machine-name.h"

#define LONGEST "a23456789012345678901234567890123456789012345678901234567890123"

static void check(const char *guest, const char *expected) {
        char name[DOMAIN_NAME_MAX + 1];

        assert_true(domain_name_is_valid(guest));
        machine_name(guest, name);
        assert_string_equal(name, expected);
}

static void test_kept(void **state) {
        static const char *const names[] = {"a", "1", "demo", "Web-01.example.com", "a--b", "1.2", LONGEST};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                check(names[i], names[i]);
}

static void test_changed(void **state) {
        check("a_b", "a-b");
        check("web:8080", "web-8080");
        check("a_:b", "a--b");
        check("a..b", "a.b");
        check("a.-b", "a.b");
        check("a-.b", "a.b");
        check("a_._b.c", "a.b.c");
        check("a.", "a");
        check("a-", "a");
        check("a.b_:.-", "a.b");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a guest's name that is a host name is its machine's", test_kept),
                TEST("of any other name of a guest the nearest host name is", test_changed),
        };

        return cmocka_run_group_tests_name("machine-name", tests, NULL, NULL);
}
