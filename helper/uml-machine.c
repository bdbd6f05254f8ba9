/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* uml-machine: tells systemd-machined(8) of a guest, so that machinectl(1) knows it. A step of the system's uml@.service
 * after its start and after its end: registering takes root (before systemd 257), which a guest's helper need not be.
 *
 * The guest does without machined: whatever becomes of this, the service goes on. Where there is no machined, or no bus, not
 * a word is said. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-login.h>

#include "helper.h"
#include "journal.h"
#include "machine-name.h"

#define CALL_TIMEOUT (5 * USEC_PER_SEC)
#define TIMEOUT 10 /* s, of all; sd-bus itself would wait for a bus that does not greet it for 90 */

#define MACHINED "org.freedesktop.machine1"
#define MACHINED_PATH "/org/freedesktop/machine1"
#define ERROR_MACHINE_EXISTS MACHINED ".MachineExists"
#define ERROR_NO_MACHINE_FOR_PID MACHINED ".NoMachineForPID"

typedef struct Machine {
        const char *guest;
        char unit[sizeof("uml@.service") + DOMAIN_NAME_MAX];
        char name[DOMAIN_NAME_MAX + 1];
        pid_t helper; /* its leader: who gets the signals of `machinectl poweroff` and `reboot` */
        sd_bus *bus;
        bool activate;      /* machined is to be started for this */
        sd_bus_error error; /* of the last call */
} Machine;

static void PRINTF_LIKE(2, 3) say(const Machine *m, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        Journal *journal;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                text = NULL;
        if (n < 0 || journal_new(&journal, NULL, "") < 0)
                return;
        journal_log(journal, PRIORITY_NOTICE, "machinectl does not know the guest as '%s': %s", m->name, text);
        journal_close(journal);
}

static void on_alarm(int signal) {
        _exit(EXIT_SUCCESS);
}

/* The guest's UUID as its helper was told it; none is all zero, to machined as well. */
static sd_id128_t read_uuid(pid_t helper) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *word = NULL;
        sd_id128_t id = SD_ID128_NULL;
        size_t size = 0;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long) helper);
        f = fopen(path, "re");
        while (f && getdelim(&word, &size, 0, f) > 0 && !streq(word, "--")) {
                const char *uuid = after_prefix(word, "--uuid=");

                if (uuid)
                        (void) sd_id128_from_string(uuid, &id);
        }
        return id;
}

/* One call of machined's. It ends itself when it has nothing to do, and a call that comes just then is lost (systemd#11595):
 * it is made once more. */
static int call(Machine *m, sd_bus_message **ret, const char *method, const char *types, ...) {
        for (int attempt = 0;; attempt++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
                va_list ap;
                int r;

                sd_bus_error_free(&m->error);
                r = sd_bus_message_new_method_call(m->bus, &message, MACHINED, MACHINED_PATH, MACHINED ".Manager", method);
                if (r < 0)
                        return r;
                (void) sd_bus_message_set_auto_start(message, m->activate);
                va_start(ap, types);
                r = sd_bus_message_appendv(message, types, ap);
                va_end(ap);
                if (r < 0)
                        return r;
                r = sd_bus_call(m->bus, message, CALL_TIMEOUT, &m->error, ret);
                if (r >= 0)
                        return 0;
                if (attempt > 0 || !sd_bus_error_has_name(&m->error, SD_BUS_ERROR_NO_REPLY))
                        return r;
        }
}

static int get_property(Machine *m, const char *path, const char *property, char **ret) {
        return sd_bus_get_property_string(m->bus, MACHINED, path, MACHINED ".Machine", property, &m->error, ret);
}

/* Removes the machine that was found, if it is this unit's: then it is of an earlier helper, of which machined has not
 * heard that it ended. 1 and its unit: it is somebody else's. */
static int forget(Machine *m, sd_bus_message *found, char **ret_unit) {
        _cleanup_free_ char *name = NULL, *unit = NULL;
        const char *path;
        int r;

        r = sd_bus_message_read(found, "o", &path);
        if (r >= 0)
                r = get_property(m, path, "Name", &name);
        if (r >= 0)
                r = get_property(m, path, "Unit", &unit);
        if (r < 0)
                return r;
        if (!streq(unit, m->unit)) {
                *ret_unit = TAKE_PTR(unit);
                return 1;
        }
        return call(m, NULL, "UnregisterMachine", "s", name);
}

static int register_helper(Machine *m) {
        sd_id128_t id = read_uuid(m->helper);

        return call(m, NULL, "RegisterMachine", "sayssus", m->name, SD_BUS_MESSAGE_APPEND_ID128(id), "uml", "vm", (uint32_t) m->helper, "");
}

/* 1 and its unit: somebody else has the name, or what machined takes for our process. */
static int register_anew(Machine *m, char **ret_unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *by_process = NULL, *by_name = NULL;
        int r;

        /* machined must not have a machine with this process yet, by whatever name: it would not only refuse the new one,
         * but stop the process's unit, which is the guest's (seen with 252). This finds one with our unit, too. */
        r = call(m, &by_process, "GetMachineByPID", "u", (uint32_t) m->helper);
        if (r >= 0)
                r = forget(m, by_process, ret_unit);
        else if (sd_bus_error_has_name(&m->error, ERROR_NO_MACHINE_FOR_PID))
                r = 0;
        if (r != 0)
                return r;

        r = register_helper(m);
        if (r >= 0 || !sd_bus_error_has_name(&m->error, ERROR_MACHINE_EXISTS))
                return r;

        /* It may be ours for all that: machined loses track of the units of machines that it once refused. */
        r = call(m, &by_name, "GetMachine", "s", m->name);
        if (r >= 0)
                r = forget(m, by_name, ret_unit);
        return r == 0 ? register_helper(m) : r;
}

/* Of the answers to a call, those that say that there is no machined. */
static bool is_absent(const Machine *m) {
        static const char *const names[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                "org.freedesktop.systemd1.NoSuchUnit",
                "org.freedesktop.systemd1.UnitMasked",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(&m->error, names[i]))
                        return true;
        return false;
}

static void register_guest(Machine *m) {
        _cleanup_free_ char *unit = NULL;
        int r;

        m->activate = true;
        r = register_anew(m, &unit);
        if (r > 0)
                say(m, "that is a machine of %s", unit);
        else if (r < 0 && !is_absent(m) && sd_bus_is_open(m->bus) > 0)
                say(m, "%s", m->error.message ?: strerror(-r));
}

/* machined forgets a machine whose unit has ended by itself; but not before a unit that is started again has, and not
 * every version does. */
static void unregister_guest(Machine *m) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL;
        _cleanup_free_ char *unit = NULL;

        m->activate = false;
        if (call(m, &found, "GetMachine", "s", m->name) >= 0)
                (void) forget(m, found, &unit);
}

/* systemd (252) runs + steps with all rights, but below the unit's TemporaryFileSystem= and BindPaths= all the same, though
 * systemd.service(5) says otherwise. A guest with shares sees no bus and no /sys there, and is not to; PID 1 does. */
static void join_host(void) {
        _cleanup_close_ int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

        if (fd >= 0)
                (void) setns(fd, CLONE_NEWNS);
}

/* systemd makes the guest's runtime directory for this step, too: also if the helper, whose last act that was, has removed
 * it, and nobody will if the service is stopped before it is started again (252). What somebody needs is not empty. */
static void remove_empty_directory(void) {
        const char *directory = getenv("RUNTIME_DIRECTORY");

        if (directory)
                (void) rmdir(directory);
}

/* $MAINPID, if it is there still. Signals for the guest would go to whatever it is, and its unit would be stopped. */
static bool find_helper(Machine *m) {
        const char *text = getenv("MAINPID");
        _cleanup_free_ char *unit = NULL;
        uint64_t pid;

        if (!text || parse_number(text, INT32_MAX, &pid) < 0)
                return false;
        m->helper = (pid_t) pid;
        return sd_pid_get_unit(m->helper, &unit) >= 0 && streq(unit, m->unit);
}

/* Whether there is a bus to talk to; one that does not say so in time ends the program. */
static bool connect_bus(Machine *m) {
        const char *name;

        (void) signal(SIGALRM, on_alarm);
        (void) alarm(TIMEOUT);
        return sd_bus_open_system(&m->bus) >= 0 && sd_bus_get_unique_name(m->bus, &name) >= 0;
}

int main(int argc, char *argv[]) {
        Machine m = {.guest = argc == 3 ? argv[2] : ""};
        bool registers = argc == 3 && streq(argv[1], "register");

        if (argc != 3 || (!registers && !streq(argv[1], "unregister")) || !domain_name_is_valid(m.guest)) {
                (void) fprintf(stderr, "uml-machine register|unregister NAME\n");
                return STATUS_USAGE;
        }
        (void) snprintf(m.unit, sizeof(m.unit), "uml@%s.service", m.guest);
        machine_name(m.guest, m.name);

        join_host();
        if (!registers)
                remove_empty_directory();
        if ((!registers || find_helper(&m)) && connect_bus(&m)) {
                if (registers)
                        register_guest(&m);
                else
                        unregister_guest(&m);
        }
        sd_bus_error_free(&m.error);
        sd_bus_flush_close_unref(m.bus);
        return EXIT_SUCCESS;
}
