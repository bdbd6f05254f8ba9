/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* uml-helper: the main process of one guest's service. This file is what it is called for; guest.c is its life with a
 * guest. */

#include <signal.h>

#include "control.h"
#include "failure.h"
#include "guest.h"
#include "helper.h"
#include "notify.h"
#include "store.h"

#define RELOAD_TIMEOUT (30 * USEC_PER_SEC)

/* This program, and the ones beside it. */
static int find_programs(Options *o) {
        ssize_t n = readlink("/proc/self/exe", o->helper_path, sizeof(o->helper_path) - 1);
        const char *slash;
        int directory;

        if (n < 0)
                return negative_errno();
        o->helper_path[n] = 0;
        slash = strrchr(o->helper_path, '/');
        if (!slash || (size_t) (slash - o->helper_path) + sizeof("/uml-keeper") > sizeof(o->guest_path))
                return -ENAMETOOLONG;
        directory = (int) (slash - o->helper_path);
        (void) snprintf(o->guest_path, sizeof(o->guest_path), "%.*s/uml-guest", directory, o->helper_path);
        (void) snprintf(o->keeper_path, sizeof(o->keeper_path), "%.*s/uml-keeper", directory, o->helper_path);
        return 0;
}

/* For the guests that cannot run: the journal and the status text say why, and how to mend it. */

static int refused(char *const *reasons) {
        Journal *journal;

        if (journal_new(&journal, NULL, "") < 0)
                return STATUS_OS;
        for (; *reasons; reasons++)
                failure(journal, "%s", *reasons);
        journal_close(journal);
        return STATUS_CONFIG;
}

static int undefined(const char *name, char *const *directories) {
        char searched[1024] = "";
        Journal *journal;

        if (journal_new(&journal, NULL, "") < 0)
                return STATUS_OS;
        for (; *directories; directories++) {
                size_t n = strlen(searched);
                char path[512];

                (void) snprintf(path, sizeof(path), "%s/%s.xml", *directories, name);
                if (access(path, F_OK) >= 0)
                        failure(journal, "%s was not read yet, or is no definition: run `systemctl daemon-reload`, with --user for a user's guest", path);
                (void) snprintf(searched + n, sizeof(searched) - n, "%s%s", n > 0 ? ", " : "", *directories);
        }
        failure(journal, "Guest '%s' is not defined: there is no definition %s.xml in %s; write one (see uml.xml(5)) and run `systemctl daemon-reload`",
                name, name, searched);
        journal_close(journal);
        return STATUS_CONFIG;
}

/* ExecReload= is this, with `cad`. */
static int send_command(const char *command) {
        const char *directory = getenv("RUNTIME_DIRECTORY");
        MconsoleReply reply = {};
        int r;

        if (!directory || chdir(directory) < 0) {
                (void) fprintf(stderr, "uml-helper: $RUNTIME_DIRECTORY is not the runtime directory of a guest: %m\n");
                return STATUS_USAGE;
        }
        r = control_call("control", command, RELOAD_TIMEOUT, &reply);
        if (r < 0) {
                (void) fprintf(stderr, "uml-helper: %s: the guest's helper does not answer: %s\n", command, strerror(-r));
                return STATUS_UNAVAILABLE;
        }
        if (reply.text && *reply.text)
                (void) fprintf(reply.failed ? stderr : stdout, "%s%s\n", reply.failed ? "uml-helper: " : "", reply.text);
        r = reply.failed ? EXIT_FAILURE : EXIT_SUCCESS;
        mconsole_reply_done(&reply);
        return r;
}

/* A guest that runs goes on by the command line that it was started with, whatever its definition says now: also that it is
 * refused, or gone. Returns whether there is such a guest. */
static bool take_command_line(Options *o) {
        char **argv = guest_command_line();
        Options old;
        int n = 0;

        if (!argv)
                return false;
        while (argv[n])
                n++;
        if (options_parse(&old, n, argv) < 0 || old.verb != VERB_RUN) {
                options_done(&old);
                return false;
        }
        options_done(o);
        *o = old;
        return true;
}

/* Another helper in this process's place. If there is none, systemd starts one, and that finds all in the store. */
static void replace(const Options *o, char *argv[]) {
        int r = store_exec(o->helper_path, argv);

        (void) fprintf(stderr, "uml-helper: %s cannot be executed: %s; the service manager is left to do it\n", o->helper_path, strerror(-r));
        (void) kill(getpid(), SIGKILL);
}

static int run(Options *o, char *argv[]) {
        GuestNext next = NEXT_EXIT;
        const char *directory;
        Journal *journal;
        int r;

        directory = getenv("RUNTIME_DIRECTORY");
        if (!directory || chdir(directory) < 0 || !getcwd(o->runtime_directory, sizeof(o->runtime_directory))) {
                (void) fprintf(stderr, "uml-helper: $RUNTIME_DIRECTORY must be a directory that only this guest uses: %m\n");
                return STATUS_USAGE;
        }
        if (journal_new(&journal, o->name, o->uuid) < 0)
                return STATUS_OS;
        if (!notify_path())
                journal_log(journal, PRIORITY_NOTICE, "No service manager waits for this guest ($NOTIFY_SOCKET is not set)");

        r = find_programs(o);
        if (r < 0) {
                failure(journal, "/proc/self/exe: %s", strerror(-r));
                r = STATUS_OS;
        } else
                r = guest_run(o, journal, &next);
        journal_close(journal);
        /* Last of all: a helper that is killed before has a successor that ends as it would have. */
        if (next != NEXT_REPLACE)
                store_clear();
        if (next != NEXT_EXIT)
                replace(o, argv);
        notify_close();
        return r;
}

int main(int argc, char *argv[]) {
        _cleanup_(options_done) Options o;
        int r = options_parse(&o, argc, argv);

        if (r >= 0 && o.verb == VERB_HELP)
                options_print_help();
        else if (r >= 0 && o.verb == VERB_VERSION)
                puts("uml-systemd " PROJECT_VERSION);
        else if (r >= 0 && o.verb == VERB_SEND)
                return send_command(o.subject);
        else {
                (void) notify_open();
                store_open();
                if (take_command_line(&o) || (r >= 0 && o.verb == VERB_RUN))
                        return run(&o, argv);
                if (r < 0)
                        return STATUS_USAGE;
                return o.verb == VERB_UNDEFINED ? undefined(o.subject, o.arguments) : refused(o.arguments);
        }
        return EXIT_SUCCESS;
}
