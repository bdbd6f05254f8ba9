/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <sys/resource.h>

#include "cgroup.h"
#include "check.h"

/* Measured with Linux 6.1: its kernel is three processes, and there is one more for each address space in the guest, which are
 * two while init executes its first program. While it boots there are 18 for a moment, most of them for programs that do
 * not exist (/sbin/hotplug): if those are refused, no harm is done. */
#define BOOT_TASKS 5
#define FEW_TASKS 32

#define MANY_TASKS 4096 /* a limit above it is not one that somebody has set low, and is not worth looking at all of /proc */

/* Threads of one process of the user's; 0 if it is another's, or has just gone. */
static uint64_t threads_of(const char *pid, uid_t uid) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64], line[256];
        unsigned owner, n = 0;

        (void) snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f)) {
                if (sscanf(line, "Uid: %u", &owner) == 1 && owner != uid)
                        return 0;
                if (sscanf(line, "Threads: %u", &n) == 1)
                        return n;
        }
        return 0;
}

/* As far as they can be seen from here. */
static uint64_t count_tasks(uid_t uid) {
        DIR *processes = opendir("/proc");
        const struct dirent *entry;
        uint64_t n = 0;

        while (processes && (entry = readdir(processes)))
                if (isdigit((unsigned char) entry->d_name[0]))
                        n += threads_of(entry->d_name, uid);
        if (processes)
                (void) closedir(processes);
        return n;
}

/* RLIMIT_NPROC bounds all that the user has, services or not; nobody counts for root. */
static uint64_t room_of_user(void) {
        struct rlimit limit;
        uint64_t taken;

        if (getuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_cur > MANY_TASKS)
                return UINT64_MAX;
        taken = count_tasks(getuid());
        return limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
}

static uint64_t room_of_service(void) {
        _cleanup_free_ char *group = NULL;

        if (cgroup_find(CGROUP_SELF, CGROUP_MOUNT, &group) < 0)
                return UINT64_MAX;
        return cgroup_room(group, CGROUP_MOUNT, "pids.max", "pids.current");
}

static void check_room(Check *c, const char *who, const char *setting, uint64_t room) {
        if (room < BOOT_TASKS)
                problem(c, "%s may have %llu processes more (%s), but a UML kernel needs %d to boot; raise it to some hundreds: each process of the guest is one",
                        who, (unsigned long long) room, setting, BOOT_TASKS);
        else if (room < FEW_TASKS)
                caution(c, "%s may have %llu processes more (%s), and each process of the guest is one; when they are used up, the guest can start no program, or panics; raise it to some hundreds",
                        who, (unsigned long long) room, setting);
}

/* UML's timer is a signal, and it has no other clock: if it cannot have that, it hangs when it boots. All timers of the user's
 * processes count, and what else is queued for them. */
static void check_signals(Check *c) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
        unsigned long long queued, limit;
        char line[256];

        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "SigQ: %llu/%llu", &queued, &limit) == 2 && queued >= limit)
                        problem(c, "the guest's user may have %llu signals pending (LimitSIGPENDING=), of which %llu are taken, and without one for a timer the guest's kernel hangs; raise the limit, or remove it",
                                limit, queued);
}

void check_tasks(Check *c) {
        check_room(c, "the service", "TasksMax= of the unit, or of a slice that it is in", room_of_service());
        check_room(c, "the guest's user", "LimitNPROC=, which counts all processes of the user", room_of_user());
        check_signals(c);
}
