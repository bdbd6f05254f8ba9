/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "directories.h"
#include "escape.h"
#include "util.h"

/* What of the environment begins a directory's path; NULL: nothing, the path is absolute. */
typedef struct Candidate {
        const char *variable, *rest;
        bool instead; /* of the one before, if that has no value */
} Candidate;

static const Candidate of_system[] = {
        {NULL, "/etc/uml", false},
        {NULL, "/run/uml", false},
        {NULL, "/usr/share/uml", false},
};

static const Candidate of_user[] = {
        {"XDG_CONFIG_HOME", "/uml", false},
        {"HOME", "/.config/uml", true},
        {"XDG_RUNTIME_DIR", "/uml", false},
};

int definition_directories(bool user, char *ret[static DIRECTORIES_MAX], size_t *ret_n) {
        const Candidate *candidates = user ? of_user : of_system;
        char *paths[DIRECTORIES_MAX] = {};
        bool before = false;
        size_t n = 0;

        for (size_t i = 0; i < DIRECTORIES_MAX; i++) {
                const Candidate *c = &candidates[i];
                const char *base = c->variable ? getenv(c->variable) : "";

                if ((c->variable && (!base || !*base)) || (c->instead && before)) {
                        before = false;
                        continue;
                }
                if (asprintf(&paths[n], "%s%s", base, c->rest) < 0) {
                        while (n > 0)
                                free(paths[--n]);
                        return -ENOMEM;
                }
                n++;
                before = true;
        }
        memcpy(ret, paths, sizeof(paths));
        *ret_n = n;
        return 0;
}

bool directory_is_usable(const char *path) {
        return path[0] == '/' && text_is_value(path);
}
