/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "tree.h"

/* A directory with files as the kernel has them (cgroup-v2.rst). */
static char mount[] = "/tmp/test-cgroup-XXXXXX";

static void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        safe_close(fd);
}

static int setup(void **state) {
        return mkdtemp(mount) && chdir(mount) == 0 && mkdir("machine.slice", 0700) == 0 && mkdir("machine.slice/uml@a.service", 0700) == 0
                ? 0 : -1;
}

static int teardown(void **state) {
        return tree_remove(mount);
}

static void test_find(void **state) {
        static const struct {
                const char *text, *want; /* NULL: none */
        } selves[] = {
                {"0::/machine.slice/uml@a.service\n", "/m/machine.slice/uml@a.service"},
                {"9:name=systemd:/x\n4:memory:/y\n0::/z\n", "/m/z"}, /* both versions, as with systemd.legacy_systemd_cgroup_controller */
                {"0::/\n", "/m"},
                {"0::/../other\n", NULL},
                {"4:memory:/y\n", NULL},
                {"10::/y\n", NULL},
                {"0::\n", NULL},
                {"", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(selves); i++) {
                _cleanup_free_ char *found = NULL;

                write_file("self", selves[i].text);
                assert_int_equal(cgroup_find("self", "/m", &found), selves[i].want ? 0 : -ENODATA);
                if (selves[i].want)
                        assert_string_equal(found, selves[i].want);
        }
        assert_int_equal(unlink("self"), 0);
        assert_int_equal(cgroup_find("self", "/m", NULL), -ENODATA);
}

static void test_room(void **state) {
        _cleanup_free_ char *group = NULL;

        assert_true(asprintf(&group, "%s/machine.slice/uml@a.service", mount) > 0);
        assert_true(cgroup_room(group, mount, "pids.max", "pids.current") == UINT64_MAX); /* no controller */
        write_file("machine.slice/uml@a.service/pids.max", "max\n");
        assert_true(cgroup_room(group, mount, "pids.max", "pids.current") == UINT64_MAX);
        write_file("machine.slice/uml@a.service/pids.max", "16384\n");
        assert_int_equal(cgroup_room(group, mount, "pids.max", "pids.current"), 16384); /* what is used is not known */
        write_file("machine.slice/uml@a.service/pids.current", "1\n");
        assert_int_equal(cgroup_room(group, mount, "pids.max", "pids.current"), 16383);
        write_file("machine.slice/pids.max", "100\n");
        write_file("machine.slice/pids.current", "98\n");
        assert_int_equal(cgroup_room(group, mount, "pids.max", "pids.current"), 2);
        assert_int_equal(cgroup_room(group, mount, "pids.max", NULL), 100);
        write_file("machine.slice/pids.current", "101\n"); /* a limit may be set below what is there */
        assert_int_equal(cgroup_room(group, mount, "pids.max", "pids.current"), 0);
        write_file("machine.slice/pids.max", "much\n");
        assert_int_equal(cgroup_room(group, mount, "pids.max", "pids.current"), 16383);
}

static void test_event(void **state) {
        write_file("machine.slice/memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 0\n");
        assert_int_equal(cgroup_event("machine.slice", "memory.events", "oom_kill"), 3);
        assert_int_equal(cgroup_event("machine.slice", "memory.events", "oom"), 2);
        assert_int_equal(cgroup_event("machine.slice", "memory.events", "low"), 0);
        assert_int_equal(cgroup_event("machine.slice", "memory.events", "oom_"), 0);
        assert_int_equal(cgroup_event("machine.slice", "pids.events", "max"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("the control group is the one of version 2, below the mount", test_find),
                TEST("the room in a group is that in the fullest of the groups that it is in", test_room),
                TEST("an event is counted by its whole name", test_event),
        };

        return cmocka_run_group_tests_name("cgroup", tests, setup, teardown);
}
