/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/statvfs.h>

#include "cgroup.h"
#include "check.h"
#include "exhaustion.h"
#include "memory.h"
#include "room.h"

#define warn(j, ...) journal_log(j, PRIORITY_WARNING, __VA_ARGS__)

/* arch/um/kernel/trap.c of Linux. The kernel has one reason for it: a page of its memory's file that cannot be had. */
#define BUS_ERROR_PANIC "Kernel mode signal 7"

#define FULL MIB /* a file system with less than that free */

/* The file has gone with the kernel: what it had taken is free again, and must be enough for all that it may take. */
static void explain_memory(const Options *o, Journal *j, bool bus_error) {
        const char *directory = memory_directory();
        uint64_t need = memory_size(o), room;
        struct statvfs fs;

        if (statvfs(directory, &fs) < 0)
                return;
        room = fs.f_blocks > 0 ? (uint64_t) fs.f_bavail * fs.f_frsize : UINT64_MAX;
        if (room < need)
                warn(j, "%s %s full: it has %llu MiB free without the guest's memory, which is kept there and has %llu MiB; when it is full, the guest's kernel dies; remove what else is there, or make it larger (mount -o remount,size=… %s), or the guest's memory smaller",
                     directory, bus_error ? "was" : "may have been", mib_down(room), mib_up(need), directory);
        else if (bus_error)
                warn(j, "%s was full, or the host short of memory: a part of the guest's memory, which is kept there, could not be had when the guest used it; now there would be room again; see what else is kept there at times (other guests' memory, too)",
                     directory);
}

void exhaustion_explain_images(const Options *o, Journal *j) {
        Rooms rooms;

        if (rooms_measure(o, &rooms) < 0)
                return;
        for (const Room *r = rooms.items; r < rooms.items + rooms.n; r++)
                if (r->room < FULL && r->missing > r->room)
                        warn(j, "The file system of %s is full: what the guest wrote to its disk may have failed; what it had written before is there; make room, and have the guest check its file systems",
                             r->image);
        rooms_done(&rooms);
}

/* systemd makes the group for one start of the service, and its counters begin at 0. */
void exhaustion_explain_cgroup(const char *directory, const char *mount, Journal *j) {
        uint64_t killed = cgroup_event(directory, "memory.events", "oom_kill");
        uint64_t refused = cgroup_event(directory, "pids.events", "max");
        uint64_t memory = cgroup_room(directory, mount, "memory.max", NULL);

        if (killed > 0 && memory < UINT64_MAX)
                warn(j, "The host has killed %llu of the service's processes for want of memory: the service may use %llu MiB; raise MemoryMax= of the unit, or of the slice that it is in, or make the guest's memory smaller",
                     (unsigned long long) killed, mib_down(memory));
        else if (killed > 0)
                warn(j, "The host has killed %llu of the service's processes for want of memory; make the guest's memory smaller, or have fewer guests",
                     (unsigned long long) killed);
        /* A kernel that boots tries to run programs that do not exist, and is refused without harm: but this one has died. */
        if (refused > 0)
                warn(j, "The host has refused the service a process %llu times: TasksMax= of the unit, or of a slice that it is in, was reached, and each process of the guest is one; raise it",
                     (unsigned long long) refused);
}

void exhaustion_explain(const Options *o, Journal *j, const char *panic) {
        _cleanup_free_ char *group = NULL;

        explain_memory(o, j, streq(panic, BUS_ERROR_PANIC));
        exhaustion_explain_images(o, j);
        if (cgroup_find(CGROUP_SELF, CGROUP_MOUNT, &group) >= 0)
                exhaustion_explain_cgroup(group, CGROUP_MOUNT, j);
}
