/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <limits.h>

#include "cow.h"
#include "util.h"

#define COW_MAGIC 0x4f4f4f4d /* "OOOM" in big endian, what all but version 1 are in */
#define SECTOR_SIZE 512
#define ALIGNMENT_MAX (1024U * 1024U)

/* Where the fields are, in bytes. Version and magic are the first two. */
typedef struct Layout {
        size_t path, path_size, mtime, size, sector_size;
        size_t alignment; /* 0: not there; it is the sector size then */
        size_t format;    /* 0: not there; must be 0, a bitmap */
        size_t header;    /* as the kernel that made it had it: with the padding at its end */
} Layout;

static const Layout version_1 = {.path = 8, .path_size = 256, .mtime = 264, .size = 268, .sector_size = 276, .header = 280};
static const Layout version_2 = {.path = 8, .path_size = 4096, .mtime = 4104, .size = 4108, .sector_size = 4116, .header = 4120};
static const Layout version_3 = {
        .mtime = 8, .size = 12, .sector_size = 20, .alignment = 24, .format = 28, .path = 32, .path_size = 4096, .header = 4128,
};
static const Layout padded_3 = {
        .mtime = 8, .size = 16, .sector_size = 24, .alignment = 28, .format = 32, .path = 36, .path_size = 4096, .header = 4136,
};

static uint32_t get_32(const char *data, bool native) {
        uint32_t n;

        memcpy(&n, data, sizeof(n));
        return native ? n : be32toh(n);
}

static uint64_t get_64(const char *data, bool native) {
        uint64_t n;

        memcpy(&n, data, sizeof(n));
        return native ? n : be64toh(n);
}

static uint64_t round_up(uint64_t n, uint64_t alignment) {
        return (n + alignment - 1) / alignment * alignment;
}

/* Of version 1, numbers are as the machine had them that made it, of the others big endian. */
static int find_layout(const char *data, size_t size, const Layout **ret, unsigned *ret_version) {
        uint32_t version;
        bool native;

        if (size < sizeof(uint32_t))
                return -EMEDIUMTYPE;
        native = get_32(data, false) != COW_MAGIC;
        if (native && get_32(data, true) != COW_MAGIC)
                return -EMEDIUMTYPE;
        if (size < 2 * sizeof(uint32_t))
                return -ENODATA;
        version = get_32(data + sizeof(uint32_t), native);
        if (native != (version == 1) || version < 1 || version > 3)
                return -EPROTONOSUPPORT;

        if (version == 3 && size < version_3.path + sizeof(uint32_t))
                return -ENODATA;
        /* With padding, the format is where the path begins otherwise. */
        *ret = version == 1 ? &version_1
             : version == 2 ? &version_2
             : get_32(data + version_3.path, false) ? &version_3
             : &padded_3;
        *ret_version = version;
        return 0;
}

/* The kernel computes with what it finds, in ints, and divides by it. */
static int compute_file_size(const char *data, const Layout *l, CowHeader *ret) {
        bool native = ret->version == 1;
        uint32_t sector_size = get_32(data + l->sector_size, native);
        uint32_t alignment = l->alignment ? get_32(data + l->alignment, native) : sector_size;
        uint64_t bitmap, begin;

        if (sector_size != SECTOR_SIZE || alignment == 0 || alignment > ALIGNMENT_MAX || (alignment & (alignment - 1)) != 0)
                return -EBADMSG;
        if (l->format && get_32(data + l->format, native) != 0)
                return -EBADMSG;
        if (ret->backing_size == 0 || ret->backing_size / (8 * SECTOR_SIZE) > INT_MAX / 2)
                return -EBADMSG;
        if (ret->version < 3) {
                bitmap = (ret->backing_size + SECTOR_SIZE - 1) / (8 * SECTOR_SIZE);
                begin = round_up(l->header + bitmap, SECTOR_SIZE);
        } else {
                bitmap = round_up(ret->backing_size, 8 * SECTOR_SIZE) / (8 * SECTOR_SIZE);
                begin = round_up(round_up(l->header, alignment) + bitmap, alignment);
        }
        ret->file_size = begin + ret->backing_size;
        return 0;
}

int cow_parse(const void *data, size_t size, CowHeader *ret) {
        const Layout *l = NULL;
        const char *p = data;
        CowHeader h = {};
        size_t n;
        int r;

        r = find_layout(p, size, &l, &h.version);
        if (r < 0)
                return r;
        if (size < l->header)
                return -ENODATA;
        h.backing_mtime = get_32(p + l->mtime, h.version == 1);
        h.backing_size = get_64(p + l->size, h.version == 1);
        r = compute_file_size(p, l, &h);
        if (r < 0)
                return r;
        n = strnlen(p + l->path, l->path_size);
        if (n == 0 || n >= l->path_size) /* the kernel would read on behind it */
                return -EBADMSG;
        memcpy(h.backing_path, p + l->path, n);
        *ret = h;
        return 0;
}

int cow_read(int fd, CowHeader *ret) {
        char data[COW_HEADER_MAX];
        size_t size = 0;

        while (size < sizeof(data)) {
                ssize_t n = pread(fd, data + size, sizeof(data) - size, (off_t) size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return negative_errno();
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        return cow_parse(data, size, ret);
}

const char *cow_failure(int error) {
        switch (-error) {
        case EMEDIUMTYPE:
                return "is no COW file";
        case EPROTONOSUPPORT:
                return "is a COW file of an unknown version";
        case ENODATA:
                return "is a COW file that was cut off";
        case EBADMSG:
                return "is a COW file with a damaged header";
        default:
                return strerror(-error);
        }
}
