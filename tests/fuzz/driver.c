/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target over files, as a test: what a fuzzer once found stays found. Prints TAP. */

#include <dirent.h>
#include <limits.h>

#include "fuzz.h"

#define INPUT_MAX (4U << 20)

static void run_file(const char *path, unsigned number) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        uint8_t *all = malloc(INPUT_MAX), *exact;
        size_t size;

        MUST(f && all);
        size = fread(all, 1, INPUT_MAX, f);
        exact = malloc(size ?: 1); /* so that a byte too far is noticed */
        MUST(exact);
        memcpy(exact, all, size);
        free(all);
        (void) LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        printf("ok %u - %s does no harm\n", number, strrchr(path, '/') + 1);
}

int main(int argc, char *argv[]) {
        struct dirent **entries;
        unsigned number = 0;
        int n;

        MUST(argc == 2);
        n = scandir(argv[1], &entries, NULL, alphasort);
        MUST(n > 2);
        for (int i = 0; i < n; i++) {
                char path[PATH_MAX];

                if (entries[i]->d_name[0] != '.') {
                        (void) snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
                        run_file(path, ++number);
                }
                free(entries[i]);
        }
        free(entries);
        printf("1..%u\n", number);
        return 0;
}
