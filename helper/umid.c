/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain.h"
#include "umid.h"
#include "util.h"

void umid_clear(const char *name) {
        char path[DOMAIN_NAME_MAX + 32];

        (void) snprintf(path, sizeof(path), UMID_DIRECTORY "/%s/mconsole", name);
        (void) unlink(path);
        (void) snprintf(path, sizeof(path), UMID_DIRECTORY "/%s/pid", name);
        (void) unlink(path);
        (void) snprintf(path, sizeof(path), UMID_DIRECTORY "/%s", name);
        (void) rmdir(path);
        (void) rmdir(UMID_DIRECTORY);
}

pid_t umid_find(const char *name) {
        char path[DOMAIN_NAME_MAX + 32];
        _cleanup_fclose_ FILE *f = NULL;
        long pid;

        (void) snprintf(path, sizeof(path), UMID_DIRECTORY "/%s/pid", name);
        f = fopen(path, "re");
        return f && fscanf(f, "%ld", &pid) == 1 && pid > 0 && pid <= INT32_MAX ? (pid_t) pid : 0;
}
