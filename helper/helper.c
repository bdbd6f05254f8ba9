/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* uml-helper: the main process of one guest's service. This file is its command line; guest.c is what it does. */

#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>

#include "control.h"
#include "failure.h"
#include "guest.h"
#include "notify.h"

#define RELOAD_TIMEOUT (30 * USEC_PER_SEC)

static void print_help(void) {
        fputs("uml-helper [OPTION...] -- KERNEL [ARGUMENT...]\n"
              "uml-helper --send=COMMAND\n\n"
              "Runs a User Mode Linux guest as a service's main process, or sends a command to\n"
              "the one that does. The generator writes its command lines; see uml-helper(8).\n\n"
              "  -h --help                  Show this help\n"
              "     --version               Show the version\n"
              "     --name=NAME             The guest's name, which is its umid\n"
              "     --uuid=UUID             The guest's UUID, for the journal\n"
              "     --definition=FILE       Where the guest comes from, for messages\n"
              "     --console=LINE:KIND     Connect con0 to con15, ssl0 to ssl63: pty or null\n"
              "     --on-poweroff=ACTION    destroy (the service ends) or restart\n"
              "     --on-reboot=ACTION      restart or destroy\n"
              "     --stop-method=METHOD    cad (ask the guest's init first) or halt\n"
              "     --stop-timeout=SECONDS  How long the guest's own shutdown may take\n"
              "     --send=COMMAND          Send an mconsole command to the running helper;\n"
              "                             the runtime directory is $RUNTIME_DIRECTORY\n"
              "     --undefined=NAME        Fail, saying that no DIRECTORY given has NAME.xml\n"
              "     --refused               Fail, saying the given reasons\n",
              stdout);
}

static int usage(const char *what, const char *problem) {
        (void) fprintf(stderr, "uml-helper: %s %s; see uml-helper --help\n", what, problem);
        return STATUS_USAGE;
}

/* `--console=con0:pty` */
static int parse_console(Options *o, const char *s) {
        const char *kind = strchr(s, ':');
        Line *line = &o->lines[o->n_lines];
        uint64_t port;
        bool serial = after_prefix(s, "ssl");

        if (!kind || (size_t) (kind - s) >= sizeof(line->name) || o->n_lines >= ELEMENTSOF(o->lines) || (!serial && !after_prefix(s, "con")))
                return -EINVAL;
        memcpy(line->name, s, (size_t) (kind - s));
        line->name[kind - s] = 0;
        if (parse_number(line->name + 3, serial ? DOMAIN_SERIALS_MAX - 1 : DOMAIN_CONSOLES_MAX - 1, &port) < 0 ||
            console_kind_from_string(kind + 1, &line->kind) < 0)
                return -EINVAL;
        o->n_lines++;
        return 0;
}

/* The program beside this one. */
static int find_guest_path(Options *o) {
        ssize_t n = readlink("/proc/self/exe", o->guest_path, sizeof(o->guest_path) - 1);
        char *slash;

        if (n < 0)
                return negative_errno();
        o->guest_path[n] = 0;
        slash = strrchr(o->guest_path, '/');
        if (!slash || (size_t) (slash - o->guest_path) + sizeof("/uml-guest") > sizeof(o->guest_path))
                return -ENAMETOOLONG;
        strcpy(slash, "/uml-guest");
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

static int run(Options *o) {
        bool have_manager = notify_open();
        Journal *journal;
        int r;

        o->runtime_directory = getenv("RUNTIME_DIRECTORY");
        if (!o->runtime_directory || chdir(o->runtime_directory) < 0) {
                (void) fprintf(stderr, "uml-helper: $RUNTIME_DIRECTORY must be a directory that only this guest uses: %m\n");
                return STATUS_USAGE;
        }
        if (journal_new(&journal, o->name, o->uuid) < 0)
                return STATUS_OS;
        if (!have_manager)
                journal_log(journal, PRIORITY_NOTICE, "No service manager waits for this guest ($NOTIFY_SOCKET is not set)");

        r = find_guest_path(o);
        if (r < 0) {
                failure(journal, "/proc/self/exe: %s", strerror(-r));
                r = STATUS_OS;
        } else
                r = guest_run(o, journal);
        journal_close(journal);
        notify_close();
        return r;
}

enum {
        OPTION_VERSION = 256,
        OPTION_NAME,
        OPTION_UUID,
        OPTION_DEFINITION,
        OPTION_CONSOLE,
        OPTION_ON_POWEROFF,
        OPTION_ON_REBOOT,
        OPTION_STOP_METHOD,
        OPTION_STOP_TIMEOUT,
        OPTION_SEND,
        OPTION_UNDEFINED,
        OPTION_REFUSED,
};

static const struct option long_options[] = {
        {"help",         no_argument,       NULL, 'h'                },
        {"version",      no_argument,       NULL, OPTION_VERSION     },
        {"name",         required_argument, NULL, OPTION_NAME        },
        {"uuid",         required_argument, NULL, OPTION_UUID        },
        {"definition",   required_argument, NULL, OPTION_DEFINITION  },
        {"console",      required_argument, NULL, OPTION_CONSOLE     },
        {"on-poweroff",  required_argument, NULL, OPTION_ON_POWEROFF },
        {"on-reboot",    required_argument, NULL, OPTION_ON_REBOOT   },
        {"stop-method",  required_argument, NULL, OPTION_STOP_METHOD },
        {"stop-timeout", required_argument, NULL, OPTION_STOP_TIMEOUT},
        {"send",         required_argument, NULL, OPTION_SEND        },
        {"undefined",    required_argument, NULL, OPTION_UNDEFINED   },
        {"refused",      no_argument,       NULL, OPTION_REFUSED     },
        {},
};

/* One option of a guest's command line; negative if its value is wrong. */
static int parse_option(Options *o, int option, const char *value) {
        uint64_t seconds;

        switch (option) {
        case OPTION_NAME:
                o->name = value;
                return domain_name_is_valid(value) ? 0 : -EINVAL;
        case OPTION_UUID:
                o->uuid = value;
                return strlen(value) == UUID_TEXT_SIZE - 1 && !value[strspn(value, "0123456789abcdef-")] ? 0 : -EINVAL;
        case OPTION_DEFINITION:
                o->definition = value;
                return 0;
        case OPTION_CONSOLE:
                return parse_console(o, value);
        case OPTION_ON_POWEROFF:
                return lifecycle_action_from_string(value, &o->on_poweroff);
        case OPTION_ON_REBOOT:
                return lifecycle_action_from_string(value, &o->on_reboot);
        case OPTION_STOP_METHOD:
                return stop_method_from_string(value, &o->stop_method);
        case OPTION_STOP_TIMEOUT:
                if (parse_number(value, 86400, &seconds) < 0)
                        return -EINVAL;
                o->stop_timeout = (unsigned) seconds;
                return 0;
        default:
                return -EINVAL;
        }
}

int main(int argc, char *argv[]) {
        Options o = {
                .uuid = "",
                .on_poweroff = LIFECYCLE_DESTROY,
                .on_reboot = LIFECYCLE_RESTART,
                .stop_method = STOP_CAD,
                .stop_timeout = 60,
        };
        int option;

        while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) >= 0) {
                switch (option) {
                case 'h':
                        print_help();
                        return EXIT_SUCCESS;
                case OPTION_VERSION:
                        puts("uml-systemd " PROJECT_VERSION);
                        return EXIT_SUCCESS;
                case OPTION_SEND:
                        return send_command(optarg);
                case OPTION_UNDEFINED:
                        (void) notify_open();
                        return undefined(optarg, argv + optind);
                case OPTION_REFUSED:
                        (void) notify_open();
                        return refused(argv + optind);
                case '?':
                        return STATUS_USAGE;
                default:
                        if (parse_option(&o, option, optarg) < 0)
                                return usage(argv[optind - 1], "has a wrong value");
                }
        }
        o.kernel = argv + optind;
        if (!o.name)
                return usage("--name=", "is missing");
        if (!o.kernel[0])
                return usage("KERNEL", "is missing");
        return run(&o);
}
