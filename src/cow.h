/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The header of UML's copy-on-write files: a COW has what was written to a disk since it was made of a backing file, which
 * stays as it is. Header, bitmap (one bit for each sector that the COW has), data.
 *
 * Source: cow_user.c of Linux (arch/um/drivers, 2.6 to 7), and files that linux.uml 6.1 and uml_mkcow make, which are the
 * same but for what follows the name. Versions 1 and 2 were made before 2003, the layout of version 3 with padding by
 * kernels for 64 bits until 2005; the kernel of today still reads them all. */

#define COW_PATH_MAX 4096 /* with the NUL */
#define COW_HEADER_MAX 4136 /* bytes of the longest header */

typedef struct CowHeader {
        unsigned version;      /* 1, 2 or 3 */
        uint64_t backing_mtime; /* seconds since 1970, unsigned: 32 bits in the file */
        uint64_t backing_size;  /* bytes; of the disk, too */
        uint64_t file_size;     /* bytes that the COW has if it is complete, holes included */
        char backing_path[COW_PATH_MAX]; /* absolute when UML wrote it; who wrote the file may have put anything there */
} CowHeader;

/* Reads a header from the first bytes of a file, at most COW_HEADER_MAX of which are looked at.
 *
 * -EMEDIUMTYPE: this does not begin like a COW; -EPROTONOSUPPORT: a version that is not known; -ENODATA: it ends within the
 * header; -EBADMSG: something in it cannot be (a sector size other than 512 bytes, which all UMLs use, no path, a size that
 * the kernel's arithmetic does not bear). */
int cow_parse(const void *data, size_t size, CowHeader *ret);

/* The same of an open file, whose offset stays as it is. Also negative errno of the reading. */
int cow_read(int fd, CowHeader *ret);

/* What an error of these means, as the end of a sentence that begins with the file's name. */
const char *cow_failure(int error);
