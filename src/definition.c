/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition.h"
#include "domain-xml.h"
#include "file.h"
#include "util.h"

int definition_read(int directory, const char *filename, char **ret, size_t *ret_size, const char **ret_reason) {
        int r = file_read(directory, filename, DEFINITION_SIZE_MAX, ret, ret_size, ret_reason);

        if (r == -EFBIG)
                *ret_reason = "it is larger than 1 MiB";
        return r;
}
