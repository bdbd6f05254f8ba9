/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "failure.h"
#include "preflight.h"

typedef struct Check {
        const Options *options;
        Journal *journal;
        int failures;
} Check;

#define problem(c, format, ...)                                                                                        \
        ((c)->failures++, failure((c)->journal, "%s%s" format, (c)->options->definition ?: "",                        \
                                  (c)->options->definition ? ": " : "", ##__VA_ARGS__))

static void check_kernel(Check *c) {
        const char *kernel = c->options->kernel[0];
        struct stat st;

        if (stat(kernel, &st) < 0)
                problem(c, "kernel %s: %m; install a UML kernel (in Debian, the package user-mode-linux), or correct <kernel>", kernel);
        else if (!S_ISREG(st.st_mode))
                problem(c, "kernel %s is not a regular file; correct <kernel>", kernel);
        else if (access(kernel, X_OK) < 0)
                problem(c, "kernel %s cannot be executed: %m; make it executable (chmod +x)", kernel);

        if (access(c->options->guest_path, X_OK) < 0)
                problem(c, "%s: %m; it belongs to uml-systemd; install that again", c->options->guest_path);
}

/* Looks like UML will: the guest opens its disks late, and a missing one would be a panic for want of a root device. */
static void check_file(Check *c, const char *what, const char *path, bool writable) {
        struct stat st;
        int fd;

        fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
                problem(c, "%s %s: %m; %s", what, path,
                        errno == ENOENT ? "create it, or correct its path in the definition"
                        : errno == EROFS ? "mark the disk <readonly/>, or put the file on a file system that can be written"
                                         : "the guest's user must be able to open it");
                return;
        }
        if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
                problem(c, "%s %s is neither a file nor a block device", what, path);
        safe_close(fd);
}

/* ubd0= or ubdard=, but not ubd=sync */
static bool is_disk(const char *argument) {
        const char *unit = after_prefix(argument, "ubd");

        return unit && ((*unit >= '0' && *unit <= '9') || (*unit >= 'a' && *unit <= 'p'));
}

static void check_files(Check *c) {
        for (char *const *a = c->options->kernel + 1; *a; a++) {
                const char *path = strchr(*a, '=');

                if (!path)
                        continue;
                if (is_disk(*a) && strpbrk(path, ",:"))
                        continue; /* a COW and its backing file, from <cmdline>: UML makes the one, and checks the other */
                if (is_disk(*a))
                        check_file(c, "disk image", path + 1, !memchr(*a, 'r', (size_t) (path - *a)));
                else if (after_prefix(*a, "initrd="))
                        check_file(c, "initrd", path + 1, false);
        }
}

/* Bytes of mem=, which UML takes with K, M, G or nothing after it. 0 if there is none. */
static uint64_t memory_size(const Options *o) {
        uint64_t size = 0;

        for (char *const *a = o->kernel + 1; *a; a++) {
                const char *value = after_prefix(*a, "mem=");
                char *unit;

                if (!value)
                        continue;
                size = strtoull(value, &unit, 0);
                switch (*unit | 0x20) {
                case 'g':
                        size *= 1024;
                        /* fall through */
                case 'm':
                        size *= 1024;
                        /* fall through */
                case 'k':
                        size *= 1024;
                }
        }
        return size;
}

/* The guest's memory is a file, mapped executable, in the first of these that UML can use. A file system that is too small
 * would let the guest boot, and kill it with SIGBUS in the middle of something. */
static void check_memory(Check *c) {
        uint64_t need = memory_size(c->options);
        const char *directory = getenv("TMPDIR") ?: "/dev/shm";
        struct rlimit limit;
        struct statvfs fs;

        if (statvfs(directory, &fs) < 0) {
                problem(c, "%s, where the guest's memory is kept: %m", directory);
                return;
        }
        if (fs.f_flag & ST_NOEXEC)
                problem(c, "%s is mounted noexec, but the guest's memory, which is kept there, must be executable; remount it with exec (mount -o remount,exec %s), or set TMPDIR= of the unit to a tmpfs that allows it",
                        directory, directory);
        /* A tmpfs without a limit has no blocks at all. */
        if (fs.f_blocks > 0 && (uint64_t) fs.f_bavail * fs.f_frsize < need)
                problem(c, "%s has %llu MiB free, but the guest's memory, which is kept there, needs %llu MiB; make it larger (mount -o remount,size=… %s), or the guest's memory smaller",
                        directory, (unsigned long long) ((uint64_t) fs.f_bavail * fs.f_frsize >> 20), (unsigned long long) ((need + 0xfffff) >> 20), directory);
        if (getrlimit(RLIMIT_FSIZE, &limit) >= 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < need)
                problem(c, "files may have %llu MiB (LimitFSIZE=), but the guest's memory is a file of %llu MiB", (unsigned long long) (limit.rlim_cur >> 20),
                        (unsigned long long) ((need + 0xfffff) >> 20));
}

int preflight(const Options *o, Journal *journal) {
        Check c = {.options = o, .journal = journal};

        check_kernel(&c);
        check_files(&c);
        check_memory(&c);
        return c.failures > 0 ? -EINVAL : 0;
}
