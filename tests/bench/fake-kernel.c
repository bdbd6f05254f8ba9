/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kernel that says when it began, and ends: writes CLOCK_MONOTONIC, in nanoseconds, to the file of the argument
 * `out=FILE`. */

#include <stdio.h>
#include <string.h>
#include <time.h>

int main(int argc, char *argv[]) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        for (int i = 1; i < argc; i++)
                if (strncmp(argv[i], "out=", 4) == 0) {
                        FILE *f = fopen(argv[i] + 4, "w");

                        if (!f)
                                return 1;
                        fprintf(f, "%lld\n", (long long) now.tv_sec * 1000000000 + now.tv_nsec);
                        return fclose(f) == 0 ? 0 : 1;
                }
        return 1;
}
