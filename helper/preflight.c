/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "check.h"
#include "cow.h"
#include "disks.h"
#include "preflight.h"
#include "shares.h"
#include "sink.h"
#include "umid.h"

static void check_kernel(Check *c) {
        const char *const own[] = {c->options->guest_path, c->options->keeper_path};
        const char *kernel = c->options->arguments[0];
        struct stat st;

        if (stat(kernel, &st) < 0)
                problem(c, "kernel %s: %m; install a UML kernel (in Debian, the package user-mode-linux), or correct <kernel>", kernel);
        else if (!S_ISREG(st.st_mode))
                problem(c, "kernel %s is not a regular file; correct <kernel>", kernel);
        else if (access(kernel, X_OK) < 0)
                problem(c, "kernel %s cannot be executed: %m; make it executable (chmod +x)", kernel);

        for (size_t i = 0; i < ELEMENTSOF(own); i++)
                if (access(own[i], X_OK) < 0)
                        problem(c, "%s: %m; it belongs to uml-systemd; install that again", own[i]);
}

/* Looks like UML will: the guest opens its disks late, and a missing one would be a panic for want of a root device. Returns
 * the descriptor, or a negative errno if there is none, which it has told. */
static int open_file(Check *c, const char *what, const char *path, bool writable, struct stat *ret) {
        _cleanup_close_ int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0) {
                problem(c, "%s %s: %m; %s", what, path,
                        errno == ENOENT ? "create it, or correct its path in the definition"
                        : errno == EROFS ? "mark the disk <readonly/>, or put the file on a file system that can be written"
                                         : "the guest's user must be able to open it");
                return -ENOENT;
        }
        if (fstat(fd, ret) < 0 || (!S_ISREG(ret->st_mode) && !S_ISBLK(ret->st_mode))) {
                problem(c, "%s %s is neither a file nor a block device", what, path);
                return -ENOTSUP;
        }
        return TAKE_FD(fd);
}

static void check_file(Check *c, const char *what, const char *path, bool writable) {
        struct stat st;

        safe_close(open_file(c, what, path, writable, &st));
}

/* Seconds since 1970 in words, in the host's time zone, as ls(1) has them. */
static const char *time_text(int64_t seconds, char ret[static 32]) {
        time_t t = (time_t) seconds;
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(ret, 32, "%F %T", &tm) == 0)
                (void) snprintf(ret, 32, "@%lld", (long long) seconds);
        return ret;
}

/* The kernel opens no COW whose backing file is not the very same as when it was made, by size and time. (With another path
 * it takes the one it is given, if these are right; else it takes whatever the COW names. So they must be.) */
static void check_cow_header(Check *c, const DiskArgument *d, int cow, const struct stat *cow_st, int backing,
                             const struct stat *backing_st) {
        char stored_time[32], present_time[32];
        CowHeader h;
        off_t size;
        int r;

        r = cow_read(cow, &h);
        if (r >= 0 && S_ISREG(cow_st->st_mode) && (uint64_t) cow_st->st_size < h.file_size)
                r = -ENODATA;
        if (r < 0) {
                problem(c, "the file %s of disk ubd%u %s; move it away, and UML makes a new one, or correct its path in the definition", d->path,
                        d->index, cow_failure(r));
                return;
        }
        size = lseek(backing, 0, SEEK_END);
        if (size < 0)
                problem(c, "backing file %s: %m", d->backing);
        else if ((uint64_t) size != h.backing_size)
                problem(c, "%s was made of a backing file of %llu bytes, but %s has %llu; give it the file that it was made of, or move %s away: what the guest has written is of no use with another one",
                        d->path, (unsigned long long) h.backing_size, d->backing, (unsigned long long) size, d->path);
        else if ((uint64_t) backing_st->st_mtime != h.backing_mtime)
                problem(c, "%s was made of a backing file last changed at %s, but %s was last changed at %s; if really only the time is another (a copy, a restored backup), set it: touch -d @%llu %s; else move %s away: what the guest has written is of no use with another content",
                        d->path, time_text((int64_t) h.backing_mtime, stored_time), d->backing, time_text(backing_st->st_mtime, present_time),
                        (unsigned long long) h.backing_mtime, d->backing, d->path);
}

/* UML opens the COW without O_CREAT first, and makes one with the flags of the disk: a read-only one could not be written. */
static void check_new_cow(Check *c, const DiskArgument *d, const char *directory) {
        if (d->readonly)
                problem(c, "%s of disk ubd%u does not exist, and UML cannot make it for a disk that is read-only; remove <readonly/>, or use %s itself",
                        d->path, d->index, d->backing);
        else if (access(directory, W_OK | X_OK) < 0)
                problem(c, "%s of disk ubd%u does not exist, and cannot be made in %s: %m; the guest's user must be able to write there", d->path, d->index,
                        directory);
}

/* tmpfs cannot zero a range of a file. Linux 6.1 then tells the guest that zeros were written, which were not where the COW
 * has nothing yet: the guest reads what the backing file has (measured; BLKZEROOUT, which file systems use for their tables
 * and extents). With the flag t it writes zeros like other data. */
static void check_cow_flags(Check *c, const DiskArgument *d, const char *directory) {
        struct statfs fs;

        if (d->raw)
                problem(c, "disk ubd%u has the flag d, and a backing file: UML takes only one of them", d->index);
        if (!d->keep && !d->readonly && statfs(directory, &fs) >= 0 && fs.f_type == TMPFS_MAGIC)
                problem(c, "%s of disk ubd%u is on a tmpfs, where UML loses zeros that the guest writes, unless the disk has the flag t; give it <driver discard='ignore'/>, or put %s on a disk",
                        d->path, d->index, d->path);
}

static void check_cow_pair(Check *c, const DiskArgument *d) {
        _cleanup_close_ int cow = -EBADF, backing = -EBADF;
        _cleanup_free_ char *copy = strdup(d->path);
        char *slash = copy ? strrchr(copy, '/') : NULL;
        const char *directory = slash ? copy : ".";
        struct stat cow_st, backing_st;

        if (!copy) {
                problem(c, "%s", strerror(ENOMEM));
                return;
        }
        if (slash)
                slash[slash == copy] = 0; /* the root's own stays */

        check_cow_flags(c, d, directory);
        backing = open_file(c, "backing file", d->backing, false, &backing_st);
        if (access(d->path, F_OK) < 0 && errno == ENOENT) {
                check_new_cow(c, d, directory);
                return;
        }
        cow = open_file(c, "COW file", d->path, !d->readonly, &cow_st);
        if (cow >= 0 && backing >= 0)
                check_cow_header(c, d, cow, &cow_st, backing, &backing_st);
}

static void check_files(Check *c) {
        for (char *const *a = c->options->arguments + 1; *a; a++) {
                const char *initrd = after_prefix(*a, "initrd=");
                DiskArgument d;
                int r;

                if (initrd)
                        check_file(c, "initrd", initrd, false);
                r = disk_argument_parse(*a, &d);
                if (r < 0)
                        problem(c, "%s", strerror(-r));
                if (r <= 0)
                        continue;
                if (d.backing)
                        check_cow_pair(c, &d);
                else
                        check_file(c, "disk image", d.path, !d.readonly);
                disk_argument_done(&d);
        }
}

/* What there is in the files stays until all is known to be well. */
static void check_output(Check *c, const Line *line, const char *path) {
        int fd;

        if (!path)
                return;
        fd = sink_open(path, false);
        if (fd < 0)
                problem(c, "the output of %s cannot be written to %s: %s; correct the path, or let the guest's user write there", line->name, path,
                        sink_failure(path, fd));
        safe_close(fd);
}

static void check_lines(Check *c) {
        for (size_t i = 0; i < c->options->n_lines; i++) {
                check_output(c, &c->options->lines[i], c->options->lines[i].path);
                check_output(c, &c->options->lines[i], c->options->lines[i].log);
        }
}

static void check_shares(Check *c) {
        const Options *o = c->options;

        for (size_t i = 0; i < o->n_shares; i++) {
                const char *path = o->shares[i].path;
                struct stat st;

                if (stat(path, &st) < 0)
                        problem(c, "shared directory %s (%s): %m; create it, or correct its path in the definition", path, o->shares[i].name);
                else if (!S_ISDIR(st.st_mode))
                        problem(c, "shared directory %s (%s) is not a directory", path, o->shares[i].name);
                else if (access(path, X_OK) < 0)
                        problem(c, "shared directory %s (%s): %m; the guest's user must be able to enter it", path, o->shares[i].name);
        }
        /* UML looks for options behind a comma, and its command line is split at spaces. */
        if (o->n_shares > 0 && strpbrk(o->runtime_directory, ", \""))
                problem(c, "directories cannot be shared by way of %s: its path has a comma, space or quote; use another runtime directory",
                        o->runtime_directory);
}

/* For a message. */
static const char *process_name(pid_t pid, char ret[static 64]) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64], name[32] = "";

        (void) snprintf(path, sizeof(path), "/proc/%d/comm", (int) pid);
        f = pid > 0 ? fopen(path, "re") : NULL;
        if (f && fgets(name, sizeof(name), f))
                name[strcspn(name, "\n")] = 0;
        if (*name)
                (void) snprintf(ret, 64, "process %d (%s)", (int) pid, name);
        else
                (void) snprintf(ret, 64, "a process that its pid file does not tell");
        return ret;
}

/* UML would boot under another umid, and be out of everybody's reach. */
static void check_umid(Check *c) {
        const char *directory = c->options->runtime_directory, *name = c->options->name;
        char process[64];
        pid_t pid = 0;
        int r;

        r = umid_taken_by(UMID_DIRECTORY, name, &pid);
        if (r > 0) {
                problem(c, "a UML is running with the umid %s in %s/" UMID_DIRECTORY ": %s; stop it (uml_mconsole %s/" UMID_DIRECTORY "/%s/mconsole cad), then start this one",
                        name, directory, process_name(pid, process), directory, name);
                return;
        }
        if (r >= 0)
                r = umid_clear(UMID_DIRECTORY, name);
        if (r < 0)
                problem(c, "%s/" UMID_DIRECTORY ", which is left of an earlier guest, cannot be removed: %s; remove it (rm -r)", directory, strerror(-r));
}

int preflight(const Options *o, Journal *journal) {
        Check c = {.options = o, .journal = journal};

        check_kernel(&c);
        check_files(&c);
        check_lines(&c);
        check_shares(&c);
        check_images(&c);
        check_memory(&c);
        check_tasks(&c);
        check_runtime_directory(&c);
        check_umid(&c);
        return c.failures > 0 ? -EINVAL : 0;
}
