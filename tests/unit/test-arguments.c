/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "arguments.h"

static void assert_split(const char *in, size_t n, const char *const *want) {
        char **items = NULL;
        size_t n_items = 0;

        assert_int_equal(command_line_split(in, &items, &n_items), 0);
        assert_int_equal(n_items, n);
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(items[i], want[i]);
                free(items[i]);
        }
        free(items);
}

static void test_split(void **state) {
        assert_split("", 0, NULL);
        assert_split("   ", 0, NULL);
        assert_split("  quiet   single ", 2, (const char *[]) {"quiet", "single"});
        assert_split("a=\"b c\" d\"e f\"g", 2, (const char *[]) {"a=\"b c\"", "d\"e f\"g"});
        assert_split("a\\\" b\\\"", 1, (const char *[]) {"a\\\" b\\\""});
}

static void test_open_quote(void **state) {
        char **items = NULL;
        size_t n = 0;

        assert_int_equal(command_line_split("a \"b c", &items, &n), -EINVAL);
        assert_int_equal(n, 1);
        free(items[0]);
        free(items);
}

static void test_reserved(void **state) {
        static const char *const reserved[] = {"mem=1G", "umid=x", "uml_dir=/", "mconsole=notify:x", "con=xterm", "con0=xterm", "con15=pts",
                                               "ssl=null", "ssl63=null", "noreboot", "--version", "--help", "--showconfig"};
        static const char *const allowed[] = {"console=tty0", "quiet", "con", "ssl-non-raw", "memmap=1", "hostfs=/srv", "--", "con0"};

        for (size_t i = 0; i < ELEMENTSOF(reserved); i++)
                assert_non_null(reserved_argument(reserved[i]));
        for (size_t i = 0; i < ELEMENTSOF(allowed); i++)
                assert_null(reserved_argument(allowed[i]));
}

static int collect(void *userdata, const char *argument) {
        char *all = userdata;

        strcat(strcat(all, argument), "\n");
        return 0;
}

static void test_arguments(void **state) {
        char *cmdline[] = {(char *) "quiet", (char *) "init=/sbin/init"}, all[1024] = "";
        Disk disks[] = {
                {.index = 0, .path = (char *) "/a"},
                {.index = 1, .path = (char *) "/b", .readonly = true},
                {.index = 15, .path = (char *) "/c", .readonly = true, .shareable = true},
        };
        const Domain d = {
                .memory = 65536, .initrd = (char *) "/initrd", .root = (char *) "/dev/ubda",
                .disks = disks, .n_disks = 3, .cmdline = cmdline, .n_cmdline = 2,
        };

        assert_int_equal(kernel_arguments(&d, false, collect, all), 0);
        assert_string_equal(all, "mem=65536K\ninitrd=/initrd\nroot=/dev/ubda\nubd0d=/a\nubd1rd=/b\nubd15rcd=/c\nquiet\ninit=/sbin/init\n");
        assert_int_equal(kernel_arguments_length(&d), strlen(all));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a command line is split at spaces, outside of quotes", test_split),
                TEST("a quote that is left open is refused", test_open_quote),
                TEST("options that the helper gives are refused, others pass", test_reserved),
                TEST("a domain's arguments stand in order, disks as data, the command line last", test_arguments),
        };

        return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
