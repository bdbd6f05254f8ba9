/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#include "cgroup.h"
#include "check.h"
#include "memory.h"

/* Measured with Linux 6.1, mem=64M and 512M, and an init that does nothing: */
#define KERNEL_ADDRESSES (3 * MIB)  /* of address space that the kernel has beyond mem= */
#define KERNEL_DATA (5 * MIB)       /* of its own data segment: with 4 MiB its first malloc() fails */
#define KERNEL_MEMORY (16 * MIB)    /* of the host's memory that it has beyond mem= */
#define BOOT_MEMORY (24 * MIB)      /* of the host's memory, without which no kernel boots, whatever its mem= */

uint64_t memory_size(const Options *o) {
        uint64_t size = 64 * MIB;

        for (char *const *a = o->arguments + 1; *a; a++) {
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

static bool is_tmpfs(const char *directory) {
        struct statfs fs;

        return statfs(directory, &fs) >= 0 && fs.f_type == TMPFS_MAGIC;
}

const char *memory_directory(void) {
        const char *directory = getenv("TMPDIR");

        if (directory && *directory)
                return directory;
        return is_tmpfs("/dev/shm") ? "/dev/shm" : "/tmp";
}

/* The file is mapped executable, and sparse. A file system that is too small would let the guest boot, and kill it with
 * SIGBUS in the middle of something. */
static void check_directory(Check *c, const char *directory, uint64_t need) {
        struct statvfs fs;
        uint64_t room;

        if (statvfs(directory, &fs) < 0) {
                problem(c, "%s, where the guest's memory is kept: %m", directory);
                return;
        }
        if (access(directory, W_OK | X_OK) < 0)
                problem(c, "%s, where the guest's memory is kept, cannot be written: %m; the guest's user must be able to make files there, or set TMPDIR= of the unit to a tmpfs where it is",
                        directory);
        if (fs.f_flag & ST_NOEXEC)
                problem(c, "%s is mounted noexec, but the guest's memory, which is kept there, must be executable; remount it with exec (mount -o remount,exec %s), or set TMPDIR= of the unit to a tmpfs that allows it",
                        directory, directory);
        /* A tmpfs without a limit has no blocks at all. */
        room = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (fs.f_blocks > 0 && room < need)
                problem(c, "%s has %llu MiB free, but the guest's memory, which is kept there, needs %llu MiB, %llu MiB more; make it larger (mount -o remount,size=… %s), or the guest's memory smaller",
                        directory, mib_down(room), mib_up(need), mib_up(need - room), directory);
}

static uint64_t soft_limit(int resource) {
        struct rlimit limit;

        return getrlimit((__rlimit_resource_t) resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

static void check_limits(Check *c, uint64_t need) {
        uint64_t file = soft_limit(RLIMIT_FSIZE), addresses = soft_limit(RLIMIT_AS), data = soft_limit(RLIMIT_DATA);

        if (file < need)
                problem(c, "files may have %llu MiB (LimitFSIZE=), but the guest's memory is a file of %llu MiB; raise the limit, or make the guest's memory smaller",
                        mib_down(file), mib_up(need));
        if (addresses < need + KERNEL_ADDRESSES)
                problem(c, "a process may have %llu MiB of address space (LimitAS=), but the guest's kernel needs %llu MiB for the guest's memory and itself; raise the limit, or remove it",
                        mib_down(addresses), mib_up(need + KERNEL_ADDRESSES));
        else if (addresses < UINT64_MAX)
                caution(c, "a process may have %llu MiB of address space (LimitAS=), and so may none of the guest's have more; with many modules, the guest's kernel may need more itself; better remove the limit: the guest's memory is what bounds it",
                        mib_down(addresses));
        if (data < KERNEL_DATA)
                problem(c, "a process may have %llu MiB of data (LimitDATA=), but the guest's kernel needs %llu MiB; raise the limit, or remove it",
                        mib_down(data), mib_up(KERNEL_DATA));
}

/* Only what is on a tmpfs: the pages of a file on a disk can be written back there when memory is short. A guest takes its
 * memory when it first uses it, so that one with too little may live, and end only when it uses what it believes to have. */
static void check_host(Check *c, uint64_t need) {
        _cleanup_free_ char *group = NULL;
        uint64_t limit, swap, most, least = BOOT_MEMORY + need / 64; /* a descriptor for each page, when it boots */
        struct sysinfo host;

        if (sysinfo(&host) < 0)
                return;
        swap = (uint64_t) host.totalswap * host.mem_unit;
        most = (uint64_t) host.totalram * host.mem_unit + swap;
        if (most < need)
                caution(c, "the host has %llu MiB of memory, swap included, but the guest is to have %llu MiB; when it uses them, the host kills it, or others; make its memory smaller",
                        mib_down(most), mib_up(need));

        if (cgroup_find(CGROUP_SELF, CGROUP_MOUNT, &group) < 0)
                return;
        limit = cgroup_room(group, CGROUP_MOUNT, "memory.max", NULL);
        if (limit == UINT64_MAX)
                return;
        most = limit + MIN_OF(swap, cgroup_room(group, CGROUP_MOUNT, "memory.swap.max", NULL));
        if (most < least)
                problem(c, "the service may use %llu MiB of memory (MemoryMax= of the unit, or of a slice that it is in), but no kernel with %llu MiB boots with less than %llu MiB; raise it",
                        mib_down(most), mib_up(need), mib_up(least));
        else if (most < need + KERNEL_MEMORY)
                caution(c, "the service may use %llu MiB of memory (MemoryMax= of the unit, or of a slice that it is in), but the guest and its kernel may need %llu MiB; when they do, the guest is killed; raise it, or make the guest's memory smaller",
                        mib_down(most), mib_up(need + KERNEL_MEMORY));
}

void check_memory(Check *c) {
        const char *directory = memory_directory();
        uint64_t need = memory_size(c->options);

        check_directory(c, directory, need);
        check_limits(c, need);
        if (is_tmpfs(directory))
                check_host(c, need);
}
