/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include "check.h"
#include "cow.h"
#include "disks.h"
#include "memory.h"
#include "room.h"

/* Images */

/* The size of a file that the guest can make full: of a COW that is not there yet, or is not what it should be, that of the
 * disk, without a header and a bitmap, which are a thousandth of it. */
static uint64_t full_size(const DiskArgument *d, int fd, const struct stat *st) {
        struct stat backing;
        CowHeader h;

        if (!d->backing)
                return (uint64_t) st->st_size;
        if (fd >= 0 && cow_read(fd, &h) >= 0)
                return h.file_size;
        return stat(d->backing, &backing) >= 0 && S_ISREG(backing.st_mode) ? (uint64_t) backing.st_size : 0;
}

/* Directory of a file that need not be there. */
static int stat_directory(const char *path, struct stat *ret, struct statvfs *ret_fs) {
        _cleanup_free_ char *copy = strdup(path);
        char *slash = copy ? strrchr(copy, '/') : NULL;
        const char *directory = slash ? copy : ".";

        if (!copy)
                return -ENOMEM;
        if (slash)
                slash[slash == copy] = 0; /* the root's own stays */
        return stat(directory, ret) < 0 || statvfs(directory, ret_fs) < 0 ? negative_errno() : 0;
}

/* 1: an image that can grow, with its full size, what it takes now, and its file system. 0: it is none, or cannot be looked
 * at, which other checks tell. */
static int measure_image(const DiskArgument *d, uint64_t *ret_size, struct stat *ret_st, struct statvfs *ret_fs) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (d->readonly)
                return 0;
        *ret_st = (struct stat) {};
        fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0 && (fstat(fd, ret_st) < 0 || fstatvfs(fd, ret_fs) < 0 || !S_ISREG(ret_st->st_mode)))
                return 0;
        if (fd < 0 && (errno != ENOENT || !d->backing))
                return 0;
        if (fd < 0) {
                r = stat_directory(d->path, ret_st, ret_fs);
                if (r < 0)
                        return r == -ENOMEM ? r : 0;
                ret_st->st_blocks = 0;
        }
        *ret_size = full_size(d, fd, ret_st);
        return 1;
}

static int add_image(Rooms *rooms, const DiskArgument *d) {
        struct statvfs fs;
        struct stat st;
        uint64_t size, taken;
        Room *room;
        int r;

        r = measure_image(d, &size, &st, &fs);
        if (r <= 0)
                return r;
        taken = (uint64_t) st.st_blocks * 512;
        if (taken >= size)
                return 0;
        for (room = rooms->items; room < rooms->items + rooms->n; room++)
                if (room->device == st.st_dev)
                        break;
        if (room == rooms->items + rooms->n) {
                if (rooms->n >= ELEMENTSOF(rooms->items))
                        return 0; /* one disk was given twice */
                *room = (Room) {
                        .image = strdup(d->path),
                        .device = st.st_dev,
                        .room = fs.f_blocks > 0 ? (uint64_t) fs.f_bavail * fs.f_frsize : UINT64_MAX,
                };
                if (!room->image)
                        return -ENOMEM;
                rooms->n++;
        }
        room->n_images++;
        room->missing += size - taken;
        return 0;
}

void rooms_done(Rooms *r) {
        for (size_t i = 0; i < r->n; i++)
                free(r->items[i].image);
        r->n = 0;
}

/* Calls a function for each disk. */
static int each_disk(const Options *o, int (*function)(void *userdata, const DiskArgument *d), void *userdata) {
        for (char *const *a = o->arguments + 1; *a; a++) {
                DiskArgument d;
                int r;

                r = disk_argument_parse(*a, &d);
                if (r > 0) {
                        r = function(userdata, &d);
                        disk_argument_done(&d);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int measure_disk(void *userdata, const DiskArgument *d) {
        return add_image(userdata, d);
}

int rooms_measure(const Options *o, Rooms *ret) {
        Rooms rooms = {};
        int r;

        r = each_disk(o, measure_disk, &rooms);
        if (r < 0) {
                rooms_done(&rooms);
                return r;
        }
        *ret = rooms;
        return 0;
}

/* Behind the limit, a write is a SIGXFSZ, which ends the kernel. A block device has none. */
static int check_file_limit(void *userdata, const DiskArgument *d) {
        Check *c = userdata;
        struct rlimit limit;
        struct statvfs fs;
        struct stat st;
        uint64_t size;
        int r;

        if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return 0;
        r = measure_image(d, &size, &st, &fs);
        if (r > 0 && limit.rlim_cur < size)
                problem(c, "files may have %llu MiB (LimitFSIZE=), but %s of disk ubd%u has %llu MiB, and the guest's kernel would be killed when it writes at the end of it; raise the limit, or mark the disk <readonly/>",
                        mib_down(limit.rlim_cur), d->path, d->index, mib_up(size));
        return r;
}

/* The guest would see a disk with I/O errors, whose file system becomes read-only. What it had written before, stays. Who
 * gives out more than there is may know what they do. */
void check_images(Check *c) {
        Rooms rooms;

        if (each_disk(c->options, check_file_limit, c) < 0 || rooms_measure(c->options, &rooms) < 0) {
                problem(c, "%s", strerror(ENOMEM));
                return;
        }
        for (const Room *r = rooms.items; r < rooms.items + rooms.n; r++)
                if (r->missing > r->room)
                        caution(c, "the file system of %s has %llu MiB free, but what the guest can write to its %s takes up to %llu MiB more; when there is no more room, the guest's writes fail, and its file system becomes read-only; make room, or move %s",
                                r->image, mib_down(r->room), r->n_images > 1 ? "disks there" : "disk", mib_up(r->missing),
                                r->n_images > 1 ? "one of the images" : "the image");
        rooms_done(&rooms);
}

/* The runtime directory */

/* Two directories and two files of UML, mconsole, notify, control. */
#define RUNTIME_FILES 7

/* Without bytes, UML's pid file is empty, which harms nobody. */
static void check_runtime_room(Check *c) {
        const Options *o = c->options;
        uint64_t need = RUNTIME_FILES + 2 * o->n_lines + (o->n_shares > 0 ? 1 + o->n_shares : 0);
        struct statvfs fs;

        if (statvfs(".", &fs) < 0) {
                problem(c, "the runtime directory %s: %m", o->runtime_directory);
                return;
        }
        if (fs.f_files > 0 && fs.f_favail < need)
                problem(c, "the file system of %s is full: it can have %llu files more, but the guest's sockets and links are up to %llu; remove files there, or allow more (mount -o remount,nr_inodes=… of the file system)",
                        o->runtime_directory, (unsigned long long) fs.f_favail, (unsigned long long) need);
        if (fs.f_blocks > 0 && fs.f_bavail == 0)
                caution(c, "the file system of %s is full: the guest can start, but nothing can be written there, by others neither; remove files there, or make it larger (mount -o remount,size=… of the file system)",
                        o->runtime_directory);
}

/* The helper and its kernel are in the directory, and have short names for all that is in it; others are not. */
static void check_paths(Check *c) {
        size_t max = sizeof(((struct sockaddr_un *) NULL)->sun_path) - 1, length = strlen(c->options->runtime_directory);
        const char *longest = "mconsole";
        char line[LINE_NAME_SIZE + sizeof(".sock")];

        for (size_t i = 0; i < c->options->n_lines; i++) {
                char name[sizeof(line)];

                (void) snprintf(name, sizeof(name), "%s.sock", c->options->lines[i].name);
                if (strlen(name) > strlen(longest))
                        longest = strcpy(line, name);
        }
        length += 1 + strlen(longest);
        if (length > max)
                caution(c, "%s/%s has %zu bytes, but a socket can be reached by no path of more than %zu; the guest is none the worse, but its clients must go to the directory (cd %s), and use the name alone (socat - UNIX-CONNECT:%s), or the runtime directory must be a shorter one (XDG_RUNTIME_DIR of a user's manager)",
                        c->options->runtime_directory, longest, length, max, c->options->runtime_directory, longest);
}

void check_runtime_directory(Check *c) {
        check_runtime_room(c);
        check_paths(c);
}
