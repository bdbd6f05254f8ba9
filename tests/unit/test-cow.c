/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <endian.h>
#include <fcntl.h>

#include "cow.h"

static char header[COW_HEADER_MAX];

static void put_32(size_t at, uint32_t n) {
        n = htobe32(n);
        memcpy(header + at, &n, sizeof(n));
}

static void put_64(size_t at, uint64_t n) {
        n = htobe64(n);
        memcpy(header + at, &n, sizeof(n));
}

/* As linux.uml 6.1 and uml_mkcow make one of a file of 8 MiB with the time 1700000000: checked with hexdump(1). */
static void make_version_3(void) {
        static const unsigned char begin[] = {
                0x4f, 0x4f, 0x4f, 0x4d, 0x00, 0x00, 0x00, 0x03, 0x65, 0x53, 0xf1, 0x00, 0x00, 0x00, 0x00, 0x00,
                0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
        };

        memset(header, 0, sizeof(header));
        memcpy(header, begin, sizeof(begin));
        strcpy(header + sizeof(begin), "/var/lib/base.img");
        memset(header + 4096, 0x60, 16); /* the kernel does not clear what is behind the name */
}

static void test_version_3(void **state) {
        CowHeader h;

        make_version_3();
        assert_int_equal(cow_parse(header, 4128, &h), 0);
        assert_int_equal(h.version, 3);
        assert_int_equal(h.backing_mtime, 1700000000);
        assert_int_equal(h.backing_size, 8 * 1024 * 1024);
        assert_int_equal(h.file_size, 8400896); /* as ls(1) says of the one from the kernel */
        assert_string_equal(h.backing_path, "/var/lib/base.img");
        put_32(8, 0xffffffff); /* 2106 */
        assert_int_equal(cow_parse(header, sizeof(header), &h), 0);
        assert_int_equal(h.backing_mtime, 0xffffffff);
}

static void test_old_versions(void **state) {
        const uint32_t native[] = {0x4f4f4f4d, 1, 1000000000, 512};
        const uint64_t size = 1024 * 1024;
        CowHeader h;

        memset(header, 0, sizeof(header));
        memcpy(header, native, 8);
        strcpy(header + 8, "/base");
        memcpy(header + 264, &native[2], 4);
        memcpy(header + 268, &size, 8);
        memcpy(header + 276, &native[3], 4);
        assert_int_equal(cow_parse(header, 280, &h), 0);
        assert_int_equal(h.version, 1);
        assert_int_equal(h.backing_mtime, 1000000000);
        assert_int_equal(h.backing_size, size);
        assert_int_equal(h.file_size, 1024 + size);
        assert_int_equal(cow_parse(header, 279, &h), -ENODATA);

        memset(header, 0, sizeof(header));
        put_32(0, 0x4f4f4f4d);
        put_32(4, 2);
        strcpy(header + 8, "/base");
        put_32(4104, 1000000000);
        put_64(4108, size);
        put_32(4116, 512);
        assert_int_equal(cow_parse(header, 4120, &h), 0);
        assert_int_equal(h.version, 2);
        assert_int_equal(h.file_size, 4608 + size);
        assert_string_equal(h.backing_path, "/base");

        memset(header, 0, sizeof(header)); /* version 3 with padding */
        put_32(0, 0x4f4f4f4d);
        put_32(4, 3);
        put_32(8, 1000000000);
        put_64(16, size);
        put_32(24, 512);
        put_32(28, 4096);
        strcpy(header + 36, "/base");
        assert_int_equal(cow_parse(header, 4136, &h), 0);
        assert_int_equal(h.backing_mtime, 1000000000);
        assert_int_equal(h.backing_size, size);
        assert_string_equal(h.backing_path, "/base");
}

static void test_no_cow(void **state) {
        CowHeader h;

        make_version_3();
        for (size_t n = 0; n < 4128; n++)
                assert_int_equal(cow_parse(header, n, &h), n < 4 ? -EMEDIUMTYPE : -ENODATA);
        header[0] = 'X';
        assert_int_equal(cow_parse(header, sizeof(header), &h), -EMEDIUMTYPE);
        memset(header, 0, sizeof(header));
        assert_int_equal(cow_parse(header, sizeof(header), &h), -EMEDIUMTYPE);
        for (uint32_t version = 0; version < 100; version++) {
                make_version_3();
                put_32(4, version == 2 || version == 3 ? 0x80000003 : version);
                assert_int_equal(cow_parse(header, sizeof(header), &h), -EPROTONOSUPPORT);
        }
}

static int parse_with_32(size_t at, uint32_t n) {
        CowHeader h;

        make_version_3();
        put_32(at, n);
        return cow_parse(header, sizeof(header), &h);
}

static int parse_with_size(uint64_t n) {
        CowHeader h;

        make_version_3();
        put_64(12, n);
        return cow_parse(header, sizeof(header), &h);
}

static void test_impossible(void **state) {
        CowHeader h;

        assert_int_equal(parse_with_32(20, 0), -EBADMSG); /* the kernel divides by it */
        assert_int_equal(parse_with_32(20, 1024), -EBADMSG);
        assert_int_equal(parse_with_32(20, 0x80000000), -EBADMSG);
        assert_int_equal(parse_with_32(24, 0), -EBADMSG);
        assert_int_equal(parse_with_32(24, 3), -EBADMSG);
        assert_int_equal(parse_with_32(24, 0x80000000), -EBADMSG);
        assert_int_equal(parse_with_32(24, 512), 0);
        assert_int_equal(parse_with_32(28, 1), -EBADMSG);
        assert_int_equal(parse_with_size(0), -EBADMSG);
        assert_int_equal(parse_with_size(1), 0);
        assert_int_equal(parse_with_size(UINT64_C(1) << 41), 0);
        assert_int_equal(parse_with_size(UINT64_C(1) << 43), -EBADMSG);
        assert_int_equal(parse_with_size(UINT64_MAX), -EBADMSG);

        make_version_3();
        memset(header + 32, 'x', COW_HEADER_MAX - 32); /* a name without end */
        assert_int_equal(cow_parse(header, 4128, &h), -EBADMSG);
        header[4127] = 0;
        assert_int_equal(cow_parse(header, 4128, &h), 0);
        assert_int_equal(strlen(h.backing_path), COW_PATH_MAX - 1);
}

/* Whatever there is in a header, reading it is safe (sanitizers look on), and what is told holds together. */
static void test_garbage(void **state) {
        unsigned random = 1;
        CowHeader h;

        for (int i = 0; i < 100000; i++) {
                size_t at;

                make_version_3();
                for (int k = 0; k < 3; k++) {
                        random = random * 1103515245 + 12345;
                        at = (random >> 8) % 40;
                        random = random * 1103515245 + 12345;
                        header[at] = (char) (random >> 16);
                }
                if (cow_parse(header, 8 + (random >> 8) % 4129, &h) < 0)
                        continue;
                assert_true(h.backing_size > 0 && h.file_size > h.backing_size);
                assert_true(h.backing_path[0] && strlen(h.backing_path) < COW_PATH_MAX);
        }
}

static void test_file(void **state) {
        char path[] = "/tmp/test-cow-XXXXXX";
        int fd = mkstemp(path);
        CowHeader h;

        assert_true(fd >= 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(cow_read(fd, &h), -EMEDIUMTYPE); /* empty */
        make_version_3();
        assert_int_equal(write_all(fd, header, 4128), 0);
        assert_int_equal(cow_read(fd, &h), 0);
        assert_string_equal(h.backing_path, "/var/lib/base.img");
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 4128);
        assert_int_equal(ftruncate(fd, 4127), 0);
        assert_int_equal(cow_read(fd, &h), -ENODATA);
        safe_close(fd);
        fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(cow_read(fd, &h), -EISDIR);
        safe_close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a header as kernel and uml_mkcow write it is read", test_version_3),
                TEST("headers of old versions are read", test_old_versions),
                TEST("what is no COW, cut off or of another version is told apart", test_no_cow),
                TEST("values that the kernel's arithmetic does not bear are refused", test_impossible),
                TEST("garbage is refused, or makes sense", test_garbage),
                TEST("a header is read from a file, whose offset stays", test_file),
        };

        return cmocka_run_group_tests_name("cow", tests, NULL, NULL);
}
