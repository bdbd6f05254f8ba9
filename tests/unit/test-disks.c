/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>

#include "disks.h"

static void test_parse(void **state) {
        static const struct {
                const char *argument;
                unsigned index;
                const char *path, *backing;
                bool readonly, raw, transient, keep;
        } disks[] = {
                {"ubd0=/a", 0, "/a", NULL, false, false, false},
                {"ubd15rd=/a b", 15, "/a b", NULL, true, true, false},
                {"ubdasc=/a", 0, "/a", NULL, false, false, false},
                {"ubdr=/a", 17, NULL, NULL, false, false, false}, /* there is no such disk */
                {"ubdbr=/a", 1, "/a", NULL, true, false, false},
                {"ubd1d=/a,,SERIAL", 1, "/a", NULL, false, true, false},
                {"ubd1=/cow,/base", 1, "/cow", "/base", false, false, false},
                {"ubd1c=/cow:/base:r=d", 1, "/cow", "/base", false, false, false},
                {"ubd2t=ubd2.cow,/base,S", 2, "ubd2.cow", "/base", false, false, true, true},
                {"ubd3=ubd2.cow,/base", 3, "ubd2.cow", "/base", false, false, false},
                {"ubd2d=ubd2.cow", 2, "ubd2.cow", NULL, false, true, false},
                {"ubd0=", 0, "", NULL, false, false, false},
        };
        static const char *const others[] = {"ubd=sync", "ubd16=/a", "ubd999=/a", "ubdq=/a", "ubd0", "ubd", "ubd=", "ud0=/a",
                                             "initrd=/a", "root=ubd0=x", ""};
        DiskArgument d;

        for (size_t i = 0; i < ELEMENTSOF(disks); i++) {
                if (!disks[i].path) {
                        assert_int_equal(disk_argument_parse(disks[i].argument, &d), 0);
                        continue;
                }
                assert_int_equal(disk_argument_parse(disks[i].argument, &d), 1);
                assert_int_equal(d.index, disks[i].index);
                assert_string_equal(d.path, disks[i].path);
                if (disks[i].backing)
                        assert_string_equal(d.backing, disks[i].backing);
                else
                        assert_null(d.backing);
                assert_int_equal(d.readonly, disks[i].readonly);
                assert_int_equal(d.raw, disks[i].raw);
                assert_int_equal(d.keep, disks[i].keep);
                assert_int_equal(disk_is_transient(&d), disks[i].transient);
                disk_argument_done(&d);
        }
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_int_equal(disk_argument_parse(others[i], &d), 0);
}

static void touch(const char *path) {
        safe_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void test_prepare(void **state) {
        char directory[] = "/tmp/test-disks-XXXXXX";
        const char *given[] = {"/linux", "ubd0d=/nowhere/a", "mem=64M", "ubd1d=here", "ubd2=ubd2.cow,here",
                               "ubdd=new.cow,/nowhere/b", "ubd4=new.cow,here", "ubd5d=here/below", "ubd6d=/nowhere/c", "ubd7=ubd6.cow,here", NULL};
        static const char *const left[] = {"/linux", "mem=64M", "ubd1d=here", "ubd2=ubd2.cow,here", "ubd4=new.cow,here",
                                           "ubd6d=/nowhere/c", "ubd7=ubd6.cow,here"};
        Options o = {.arguments = (char **) given, .optional_disks = {true, true, true, true, true, true, false}};
        Journal *journal;
        size_t n;

        assert_true(mkdtemp(directory) && chdir(directory) == 0);
        assert_int_equal(journal_new(&journal, NULL, ""), 0);
        touch("here");
        touch("ubd2.cow");
        touch("ubd6.cow");
        assert_int_equal(disks_prepare(&o, journal), 0);
        for (n = 0; given[n]; n++)
                assert_string_equal(given[n], left[n]);
        assert_int_equal(n, ELEMENTSOF(left));
        assert_int_equal(access("ubd2.cow", F_OK), -1);
        assert_int_equal(access("ubd6.cow", F_OK), 0); /* disk 7 only happens to be at it */
        journal_close(journal);
        assert_int_equal(unlink("here"), 0);
        assert_int_equal(unlink("ubd6.cow"), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a disk's argument is taken apart as the kernel does it", test_parse),
                TEST("an optional disk without image is left out, and a transient one's old COW is removed", test_prepare),
        };

        return cmocka_run_group_tests_name("disks", tests, NULL, NULL);
}
