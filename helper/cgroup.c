/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup.h"
#include "util.h"

/* A line without its end; NULL when there is no more. */
static char *read_line(FILE *f, char **line, size_t *size) {
        if (getline(line, size, f) < 0)
                return NULL;
        (*line)[strcspn(*line, "\n")] = 0;
        return *line;
}

int cgroup_find(const char *self, const char *mount, char **ret) {
        _cleanup_fclose_ FILE *f = fopen(self, "re");
        _cleanup_free_ char *line = NULL;
        const char *path = NULL;
        size_t size = 0;

        while (f && !path && read_line(f, &line, &size))
                path = after_prefix(line, "0::");
        /* "/../…" is outside of the namespace, and would be another one in it. */
        if (!path || path[0] != '/' || strstr(path, "/.."))
                return -ENODATA;
        return asprintf(ret, "%s%s", mount, streq(path, "/") ? "" : path) < 0 ? -ENOMEM : 0;
}

/* A number, of which "max" is the greatest. */
static bool read_number(const char *directory, const char *file, uint64_t *ret) {
        _cleanup_free_ char *path = NULL, *line = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;

        if (asprintf(&path, "%s/%s", directory, file) < 0) {
                path = NULL;
                return false;
        }
        f = fopen(path, "re");
        if (!f || !read_line(f, &line, &size))
                return false;
        if (streq(line, "max")) {
                *ret = UINT64_MAX;
                return true;
        }
        return parse_number(line, UINT64_MAX - 1, ret) >= 0;
}

uint64_t cgroup_room(const char *directory, const char *mount, const char *limit, const char *used) {
        _cleanup_free_ char *group = strdup(directory);
        uint64_t room = UINT64_MAX;

        while (group) {
                uint64_t all, taken = 0;
                char *slash = strrchr(group, '/');

                if (read_number(group, limit, &all) && all < UINT64_MAX) {
                        if (used)
                                (void) read_number(group, used, &taken);
                        room = MIN_OF(room, all > taken ? all - taken : 0);
                }
                if (!slash || streq(group, mount))
                        break;
                *slash = 0;
        }
        return room;
}

uint64_t cgroup_event(const char *directory, const char *file, const char *event) {
        _cleanup_free_ char *path = NULL, *line = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;
        uint64_t count;

        if (asprintf(&path, "%s/%s", directory, file) < 0) {
                path = NULL;
                return 0;
        }
        f = fopen(path, "re");
        while (f && read_line(f, &line, &size)) {
                const char *rest = after_prefix(line, event);

                if (rest && *rest == ' ' && parse_number(rest + 1, UINT64_MAX, &count) >= 0)
                        return count;
        }
        return 0;
}
