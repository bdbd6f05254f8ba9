/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "kill.h"
#include "loop.h"
#include "util.h"

#define KILL_TIMEOUT (5 * USEC_PER_SEC)
#define PAUSE_MSEC 20 /* between looks */

/* Kills the direct children; the grandchildren become direct ones when their parents end. */
static void kill_direct_children(void) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64];
        long pid;

        (void) snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long) getpid());
        f = fopen(path, "re");
        while (f && fscanf(f, "%ld", &pid) == 1)
                if (pid > 0)
                        (void) kill((pid_t) pid, SIGKILL);
}

int kill_children(pid_t kernel) {
        const struct timespec pause = {.tv_nsec = PAUSE_MSEC * 1000 * 1000};
        uint64_t end = now_usec() + KILL_TIMEOUT;
        sigset_t child;

        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);

        /* UML has called setsid(): one call ends the kernel and every process of its guest together. */
        if (kernel > 0)
                (void) kill(-kernel, SIGKILL);

        for (;;) {
                pid_t pid;

                kill_direct_children();
                while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                        ;
                if (pid < 0 && errno == ECHILD)
                        return 0;
                if (now_usec() > end)
                        return -EBUSY;
                (void) sigtimedwait(&child, NULL, &pause); /* SIGCHLD is blocked, so this awaits the next end */
        }
}

static bool is_in_group(long pid, const char *group) {
        _cleanup_free_ char *other = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%ld/cgroup", pid);
        return cgroup_find(path, "", &other) >= 0 && streq(group, other);
}

/* Kills what there is once; -1 if /proc cannot be read, else how many there were. By /proc, because the tree of control groups
 * may be out of sight. */
static int kill_group_once(const char *group) {
        DIR *proc = opendir("/proc");
        const struct dirent *entry;
        int n = 0;

        if (!proc)
                return -1;
        while ((entry = readdir(proc))) {
                long pid = strtol(entry->d_name, NULL, 10);

                if (pid <= 1 || pid == getpid() || !is_in_group(pid, group))
                        continue;
                if (kill((pid_t) pid, SIGKILL) >= 0)
                        n++;
        }
        (void) closedir(proc);
        return n;
}

int kill_group(void) {
        uint64_t end = now_usec() + KILL_TIMEOUT;
        _cleanup_free_ char *group = NULL;
        const char *name;

        if (cgroup_find(CGROUP_SELF, "", &group) < 0)
                return 0;
        name = strrchr(group, '/');
        if (!name || !strstr(name, ".service"))
                return 0;
        for (;;) {
                int n = kill_group_once(group);

                if (n <= 0)
                        return n;
                if (now_usec() > end)
                        return -EBUSY;
                /* They are nobody's children here: there is no event for their end. */
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                (void) poll(NULL, 0, PAUSE_MSEC);
        }
}
