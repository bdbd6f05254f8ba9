/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "notify.h"
#include "store.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

typedef struct Kept {
        char name[STORE_NAME_SIZE];
        int fd;
        bool taken;
} Kept;

static Kept *kept;
static size_t n_kept;

static Kept *find(const char *name) {
        for (size_t i = 0; i < n_kept; i++)
                if (streq(kept[i].name, name))
                        return &kept[i];
        return NULL;
}

static void drop(Kept *k) {
        memmove(k, k + 1, (size_t) (kept + n_kept - (k + 1)) * sizeof(*k));
        n_kept--;
}

static Kept *put(const char *name, int fd, bool taken) {
        if (grow(&kept, n_kept, sizeof(*kept)) < 0)
                return NULL;
        kept[n_kept] = (Kept) {.fd = fd, .taken = taken};
        (void) snprintf(kept[n_kept].name, sizeof(kept[n_kept].name), "%s", name);
        return &kept[n_kept++];
}

void store_open(void) {
        const char *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
        uint64_t owner, n = 0;

        if (pid && parse_number(pid, INT32_MAX, &owner) >= 0 && owner == (uint64_t) getpid() && getenv("LISTEN_FDS") &&
            parse_number(getenv("LISTEN_FDS"), INT32_MAX - FIRST_FD, &n) < 0)
                n = 0;
        for (int fd = FIRST_FD; fd < FIRST_FD + (int) n; fd++) {
                size_t size = names ? strcspn(names, ":") : 0;
                char name[STORE_NAME_SIZE] = "";

                if (size < sizeof(name) && names)
                        memcpy(name, names, size);
                if (names)
                        names += size + (names[size] == ':');
                if (fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0 && !put(name, fd, false))
                        (void) close(fd);
        }
        (void) unsetenv("LISTEN_PID");
        (void) unsetenv("LISTEN_FDS");
        (void) unsetenv("LISTEN_FDNAMES");
}

bool store_has(const char *name) {
        const Kept *k = find(name);

        return k && !k->taken;
}

int store_take(const char *name) {
        Kept *k = find(name);

        if (!k || k->taken)
                return -ENOENT;
        k->taken = true;
        return k->fd;
}

const char *store_find(const char *prefix) {
        for (size_t i = 0; i < n_kept; i++)
                if (!kept[i].taken && after_prefix(kept[i].name, prefix))
                        return kept[i].name;
        return NULL;
}

/* FDPOLL=0: otherwise the manager drops a socket when its other end is closed, and what that had still said with it. */
void store_add(const char *name, int fd) {
        Kept *k = find(name);

        if (!notify_path())
                return;
        if (k)
                store_remove(name);
        if (put(name, fd, true))
                (void) notify_with_fd(fd, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
}

void store_remove(const char *name) {
        Kept *k = find(name);

        if (!k)
                return;
        notify("FDSTOREREMOVE=1\nFDNAME=%s", name);
        drop(k);
}

void store_close_rest(void) {
        const char *name;

        while ((name = store_find(""))) {
                char copy[STORE_NAME_SIZE];

                (void) snprintf(copy, sizeof(copy), "%s", name);
                (void) close(find(copy)->fd);
                store_remove(copy);
        }
}

void store_clear(void) {
        store_close_rest();
        while (n_kept > 0) {
                char copy[STORE_NAME_SIZE];

                (void) snprintf(copy, sizeof(copy), "%s", kept[n_kept - 1].name);
                store_remove(copy);
        }
        free(kept);
        kept = NULL;
}

/* Their numbers may lie where others are to go: so all are moved out of the way first. */
static int line_up(void) {
        for (size_t i = 0; i < n_kept; i++) {
                kept[i].fd = fcntl(kept[i].fd, F_DUPFD_CLOEXEC, FIRST_FD + (int) n_kept);
                if (kept[i].fd < 0)
                        return negative_errno();
        }
        for (size_t i = 0; i < n_kept; i++)
                if (dup2(kept[i].fd, FIRST_FD + (int) i) < 0)
                        return negative_errno();
        return 0;
}

/* The environment of sd_listen_fds(3), whose names must be in the order of the numbers. */
static int put_environment(void) {
        _cleanup_free_ char *names = calloc(n_kept + 1, STORE_NAME_SIZE + 1);
        char number[24], pid[24];

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n_kept; i++) {
                strcat(names, i > 0 ? ":" : "");
                strcat(names, kept[i].name);
        }
        (void) snprintf(number, sizeof(number), "%zu", n_kept);
        (void) snprintf(pid, sizeof(pid), "%ld", (long) getpid());
        if (setenv("LISTEN_FDNAMES", names, 1) < 0 || setenv("LISTEN_FDS", number, 1) < 0 || setenv("LISTEN_PID", pid, 1) < 0 ||
            (notify_path() && setenv("NOTIFY_SOCKET", notify_path(), 1) < 0))
                return -ENOMEM;
        return 0;
}

int store_exec(const char *path, char *const argv[]) {
        int r;

        r = put_environment();
        if (r >= 0)
                r = line_up();
        if (r < 0)
                return r;
        (void) execv(path, argv);
        return negative_errno();
}
