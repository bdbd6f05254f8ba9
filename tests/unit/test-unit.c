/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "unit.h"

static char text[8192];

static int write_text(const Domain *d, const char *source, char *const *reasons, size_t n_reasons) {
        FILE *f = fmemopen(text, sizeof(text), "w");
        int r = d ? unit_write(f, d, source, false) : unit_write_refused(f, source, reasons, n_reasons);

        assert_int_equal(fclose(f), 0);
        return r;
}

static Domain guest(void) {
        return (Domain) {.name = (char *) "x", .memory = 1024, .kernel = (char *) "/k"};
}

static void test_percent(void **state) {
        Domain d = guest();

        d.kernel = (char *) "/100%/$k";
        d.title = (char *) "50%";
        assert_int_equal(write_text(&d, "/e%/x.xml", NULL, 0), 0);
        assert_non_null(strstr(text, "\nSourcePath=/e%%/x.xml\n"));
        assert_non_null(strstr(text, "\nDescription=50%%\n"));
        assert_non_null(strstr(text, "\nRequiresMountsFor=\"/100%%/$k\"\n"));
        assert_non_null(strstr(text, "\nExecStart=\nExecStart=:"));
        assert_non_null(strstr(text, "\"/100%%/$k\" \\\n"));
}

static void test_restart(void **state) {
        Domain d = guest();

        assert_int_equal(write_text(&d, "/x", NULL, 0), 0);
        assert_null(strstr(text, "Restart="));
        d.on_crash = LIFECYCLE_RESTART;
        assert_int_equal(write_text(&d, "/x", NULL, 0), 0);
        assert_non_null(strstr(text, "\nRestart=on-failure\n"));
}

/* The reader refuses such texts; should it ever fail to, this must not. */
static void test_second_wall(void **state) {
        static char evil[] = "/k\nExecStart=/bin/evil";
        char *evil_reason = evil;
        Domain d = guest();

        d.kernel = evil;
        assert_int_equal(write_text(&d, "/x", NULL, 0), -EINVAL);
        assert_null(strstr(text, "evil"));
        d = guest();
        d.title = evil;
        assert_int_equal(write_text(&d, "/x", NULL, 0), -EINVAL);
        assert_int_equal(write_text(NULL, "/x", &evil_reason, 1), -EINVAL);
        assert_int_equal(write_text(NULL, evil, &evil_reason, 0), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("percent and dollar signs lose their meaning in a unit", test_percent),
                TEST("on_crash restart is systemd's to do", test_restart),
                TEST("a line break never reaches a unit", test_second_wall),
        };

        return cmocka_run_group_tests_name("unit", tests, NULL, NULL);
}
