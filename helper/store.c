/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "notify.h"
#include "store.h"
#include "util.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define RETRY_INTERVAL (100 * USEC_PER_MSEC)
#define CLEAR_TIMEOUT USEC_PER_SEC

typedef struct Kept {
        char name[STORE_NAME_SIZE];
        int fd;
        bool taken;
} Kept;

/* What the manager is still to be told, in order; it had no room for it. */
typedef struct Task {
        char name[STORE_NAME_SIZE];
        bool add;
} Task;

static Kept *kept;
static size_t n_kept;
static Task *tasks;
static size_t n_tasks;
static Loop *loop;
static Timer timer;

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

/* FDPOLL=0: otherwise the manager drops a socket when its other end is closed, and what that had still said with it. */
static bool do_task(const Task *t) {
        const Kept *k = find(t->name);

        if (!t->add)
                return notify_now(-EBADF, "FDSTOREREMOVE=1\nFDNAME=%s", t->name);
        return !k || notify_now(k->fd, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", t->name); /* it may have gone meanwhile */
}

static void do_tasks(void) {
        size_t done = 0;

        while (done < n_tasks && do_task(&tasks[done]))
                done++;
        n_tasks -= done;
        if (n_tasks > 0)
                memmove(tasks, tasks + done, n_tasks * sizeof(*tasks));
}

static void on_timer(void *userdata) {
        do_tasks();
        if (n_tasks > 0)
                loop_set_timer(loop, &timer, RETRY_INTERVAL);
}

/* Never waits: the guest's consoles would. Without memory a task is lost, and a descriptor more or less kept. */
static void add_task(const char *name, bool add) {
        Task t = {.add = add};

        (void) snprintf(t.name, sizeof(t.name), "%s", name);
        if ((n_tasks == 0 && do_task(&t)) || grow(&tasks, n_tasks, sizeof(*tasks)) < 0)
                return;
        tasks[n_tasks++] = t;
        if (loop && timer.at == 0)
                loop_set_timer(loop, &timer, RETRY_INTERVAL);
}

void store_attach(Loop *l) {
        if (loop)
                loop_clear_timer(loop, &timer);
        loop = l;
        timer.function = on_timer;
        if (loop && n_tasks > 0)
                loop_set_timer(loop, &timer, RETRY_INTERVAL);
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

int store_peek(const char *name) {
        const Kept *k = find(name);

        return k && !k->taken ? k->fd : -ENOENT;
}

const char *store_find(const char *prefix) {
        for (size_t i = 0; i < n_kept; i++)
                if (!kept[i].taken && after_prefix(kept[i].name, prefix))
                        return kept[i].name;
        return NULL;
}

void store_add(const char *name, int fd) {
        if (!notify_path())
                return;
        store_remove(name);
        if (put(name, fd, true))
                add_task(name, true);
}

void store_remove(const char *name) {
        Kept *k = find(name);

        if (!k)
                return;
        if (!k->taken)
                safe_close(k->fd);
        drop(k);
        add_task(name, false);
}

void store_close_rest(void) {
        char copy[STORE_NAME_SIZE];
        const char *name;

        while ((name = store_find(""))) {
                strcpy(copy, name);
                store_remove(copy);
        }
}

void store_clear(void) {
        uint64_t end = now_usec() + CLEAR_TIMEOUT;
        char copy[STORE_NAME_SIZE];

        while (n_kept > 0) {
                strcpy(copy, kept[n_kept - 1].name);
                store_remove(copy);
        }
        for (do_tasks(); n_tasks > 0 && now_usec() < end; do_tasks())
                notify_await_room();
        free(kept);
        free(tasks);
        kept = NULL;
        tasks = NULL;
        n_tasks = 0;
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
