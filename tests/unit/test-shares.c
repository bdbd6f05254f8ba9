/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "shares.h"

static void test_shares(void **state) {
        const SharedDirectory two[] = {{(char *) "data", "/srv/data, with a comma"}, {(char *) "x", "/nonexistent"}};
        const SharedDirectory one[] = {{(char *) "y", "/"}};
        char directory[] = "/tmp/test-shares-XXXXXX", target[64] = "";
        struct stat st;

        assert_true(mkdtemp(directory) && chdir(directory) == 0);
        assert_int_equal(shares_make(two, ELEMENTSOF(two)), 0);
        assert_int_equal(stat("shares", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(readlink("shares/data", target, sizeof(target)), strlen(two[0].path));
        assert_string_equal(target, two[0].path);

        /* What a guest may have left. */
        assert_int_equal(mkdir("shares/deep", 0700), 0);
        assert_int_equal(mkdir("shares/deep/er", 0700), 0);
        assert_int_equal(mkdir("precious", 0700), 0);
        assert_int_equal(mkdir("precious/child", 0700), 0);
        assert_int_equal(symlink("../../../precious", "shares/deep/er/link"), 0);
        assert_int_equal(shares_make(one, ELEMENTSOF(one)), 0);
        assert_int_equal(lstat("shares/y", &st), 0);
        assert_int_equal(lstat("shares/data", &st), -1);
        assert_int_equal(lstat("shares/deep", &st), -1);
        assert_int_equal(stat("precious/child", &st), 0);

        /* Instead of the directory. */
        assert_int_equal(unlink("shares/y"), 0);
        assert_int_equal(rmdir("shares"), 0);
        assert_int_equal(symlink("precious", "shares"), 0);
        assert_int_equal(shares_make(NULL, 0), 0);
        assert_int_equal(lstat("shares", &st), 0);
        assert_true(S_ISDIR(st.st_mode));

        assert_int_equal(rmdir("shares"), 0);
        assert_int_equal(rmdir("precious/child"), 0);
        assert_int_equal(rmdir("precious"), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("shared directories are links in a directory that has nothing else, whatever was there", test_shares),
        };

        return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
