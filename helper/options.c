/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <regex.h>
#include <stdarg.h>

#include "options.h"
#include "util.h"

void options_print_help(void) {
        fputs("uml-helper [OPTION...] -- KERNEL [ARGUMENT...]\n"
              "uml-helper --send=COMMAND\n\n"
              "Runs a User Mode Linux guest as a service's main process, or sends a command to\n"
              "the one that does. The generator writes its command lines; see uml-helper(8).\n\n"
              "  -h --help                  Show this help\n"
              "     --version               Show the version\n"
              "     --name=NAME             The guest's name, which is its umid\n"
              "     --uuid=UUID             The guest's UUID, for the journal\n"
              "     --definition=FILE       Where the guest comes from, for messages\n"
              "     --console=LINE:KIND[,OPTION=VALUE...]\n"
              "                             Connect con0 to con15, ssl0 to ssl63: pty, null, or\n"
              "                             file with append=on|off and, last, path=FILE\n"
              "     --log=LINE:append=on|off,path=FILE\n"
              "                             Write the line's output to FILE as well\n"
              "     --replay=BYTES          How much of a line's last output newcomers are sent\n"
              "     --share=NAME:DIRECTORY  A directory that the guest can mount with hostfs\n"
              "     --optional-disk=ubdN    Leave the disk out if its image does not exist\n"
              "     --preserve              Leave the runtime directory after a crash\n"
              "     --on-poweroff=ACTION    destroy (the service ends) or restart\n"
              "     --on-reboot=ACTION      restart or destroy\n"
              "     --watchdog=ACTION       none, reset, shutdown or poweroff, when the guest\n"
              "                             does not serve its watchdog\n"
              "     --ready=WHEN            What the start waits for: mconsole, message, or\n"
              "                             console:LINE:PATTERN\n"
              "     --ready-timeout=SECONDS How long the guest may take until then\n"
              "     --stop-method=METHOD    cad (ask the guest's init first) or halt\n"
              "     --stop-timeout=SECONDS  How long the guest's own shutdown may take\n"
              "     --send=COMMAND          Send an mconsole command to the running helper;\n"
              "                             the runtime directory is $RUNTIME_DIRECTORY\n"
              "     --undefined=NAME        Fail, saying that no DIRECTORY given has NAME.xml\n"
              "     --refused               Fail, saying the given reasons\n",
              stdout);
}

enum {
        OPTION_VERSION = 256,
        OPTION_NAME,
        OPTION_UUID,
        OPTION_DEFINITION,
        OPTION_CONSOLE,
        OPTION_LOG,
        OPTION_REPLAY,
        OPTION_SHARE,
        OPTION_OPTIONAL_DISK,
        OPTION_PRESERVE,
        OPTION_ON_POWEROFF,
        OPTION_ON_REBOOT,
        OPTION_WATCHDOG,
        OPTION_READY,
        OPTION_READY_TIMEOUT,
        OPTION_STOP_METHOD,
        OPTION_STOP_TIMEOUT,
        OPTION_SEND,
        OPTION_UNDEFINED,
        OPTION_REFUSED,
};

static const struct option long_options[] = {
        {"help",          no_argument,       NULL, 'h'                 },
        {"version",       no_argument,       NULL, OPTION_VERSION      },
        {"name",          required_argument, NULL, OPTION_NAME         },
        {"uuid",          required_argument, NULL, OPTION_UUID         },
        {"definition",    required_argument, NULL, OPTION_DEFINITION   },
        {"console",       required_argument, NULL, OPTION_CONSOLE      },
        {"log",           required_argument, NULL, OPTION_LOG          },
        {"replay",        required_argument, NULL, OPTION_REPLAY       },
        {"share",         required_argument, NULL, OPTION_SHARE        },
        {"optional-disk", required_argument, NULL, OPTION_OPTIONAL_DISK},
        {"preserve",      no_argument,       NULL, OPTION_PRESERVE     },
        {"on-poweroff",   required_argument, NULL, OPTION_ON_POWEROFF  },
        {"on-reboot",     required_argument, NULL, OPTION_ON_REBOOT    },
        {"watchdog",      required_argument, NULL, OPTION_WATCHDOG     },
        {"ready",         required_argument, NULL, OPTION_READY        },
        {"ready-timeout", required_argument, NULL, OPTION_READY_TIMEOUT},
        {"stop-method",   required_argument, NULL, OPTION_STOP_METHOD  },
        {"stop-timeout",  required_argument, NULL, OPTION_STOP_TIMEOUT },
        {"send",          required_argument, NULL, OPTION_SEND         },
        {"undefined",     required_argument, NULL, OPTION_UNDEFINED    },
        {"refused",       no_argument,       NULL, OPTION_REFUSED      },
        {},
};

/* What is wrong with a value; the option is told by the caller. */
typedef struct Mistake {
        char text[256];
} Mistake;

static int PRINTF_LIKE(2, 3) mistake(Mistake *m, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(m->text, sizeof(m->text), format, ap);
        va_end(ap);
        return -EINVAL;
}

/* "con0" to "con15", "ssl0" to "ssl63" */
static int parse_line_name(const char *s, size_t size, char ret[static LINE_NAME_SIZE]) {
        Console c = {};
        int r;

        r = console_name_parse(s, size, &c.serial, &c.port);
        if (r >= 0)
                console_name(&c, ret);
        return r;
}

/* The line that a value begins with, up to a colon, is found, or made as one of kind null. Returns what follows the colon. */
static const char *get_line(Options *o, const char *value, Line **ret, Mistake *m) {
        const char *colon = strchr(value, ':');
        char name[LINE_NAME_SIZE];

        if (!colon || parse_line_name(value, (size_t) (colon - value), name) < 0) {
                (void) mistake(m, "does not begin with con0: to con15: or ssl0: to ssl63:");
                return NULL;
        }
        *ret = NULL;
        for (size_t i = 0; i < o->n_lines; i++)
                if (streq(o->lines[i].name, name))
                        *ret = &o->lines[i];
        if (!*ret) { /* there is room for all names that are valid */
                *ret = &o->lines[o->n_lines++];
                **ret = (Line) {.kind = CONSOLE_NULL};
                strcpy((*ret)->name, name);
        }
        return colon + 1;
}

/* `append=on|off` and `path=PATH`, where PATH takes all the rest, commas included. */
static int parse_file_options(const char *s, const char **ret_path, bool *ret_truncate, Mistake *m) {
        bool truncate = false;

        while (*s) {
                const char *path = after_prefix(s, "path="), *append = after_prefix(s, "append=");
                size_t n = strcspn(s, ",");

                if (path) {
                        if (*path != '/')
                                return mistake(m, "has a path= that does not begin with /");
                        *ret_path = path;
                        *ret_truncate = truncate;
                        return 0;
                }
                if (!append)
                        return mistake(m, "has an option '%.*s', but append= and path= are what there is", (int) strcspn(s, "=,"), s);
                if (n == strlen("append=on") && after_prefix(append, "on"))
                        truncate = false;
                else if (n == strlen("append=off") && after_prefix(append, "off"))
                        truncate = true;
                else
                        return mistake(m, "has an append= that is neither on nor off");
                s += n + (s[n] == ',');
        }
        return mistake(m, "has no path= at its end");
}

/* con0:KIND[,OPTION=VALUE…][,path=PATH] */
static int parse_console(Options *o, const char *value, Mistake *m) {
        const char *kind_text, *options;
        ConsoleKind kind;
        char word[16];
        Line *line;

        kind_text = get_line(o, value, &line, m);
        if (!kind_text)
                return -EINVAL;
        if (line->is_given)
                return mistake(m, "names a line that another --console= has already");
        (void) snprintf(word, sizeof(word), "%.*s", (int) strcspn(kind_text, ","), kind_text);
        if (console_kind_from_string(word, &kind) < 0)
                return mistake(m, "has no kind that there is: null, pty and file are");

        options = kind_text + strcspn(kind_text, ",");
        options += *options == ',';
        line->is_given = true;
        line->kind = kind;
        if (kind == CONSOLE_FILE)
                return parse_file_options(options, &line->path, &line->truncate, m);
        if (kind != CONSOLE_NULL && kind != CONSOLE_PTY)
                return mistake(m, "cannot be: kind %s is not in this version", word);
        return *options ? mistake(m, "has options, but kind %s has none", word) : 0;
}

static int parse_log(Options *o, const char *value, Mistake *m) {
        const char *options;
        Line *line;

        options = get_line(o, value, &line, m);
        if (!options)
                return -EINVAL;
        if (line->log)
                return mistake(m, "names a line that another --log= has already");
        return parse_file_options(options, &line->log, &line->log_truncate, m);
}

/* NAME:PATH */
static int parse_share(Options *o, const char *value, Mistake *m) {
        const char *colon = strchr(value, ':');
        SharedDirectory *share = &o->shares[o->n_shares];

        if (!colon || colon[1] != '/')
                return mistake(m, "is not NAME:PATH with an absolute path");
        if (o->n_shares >= ELEMENTSOF(o->shares))
                return mistake(m, "is one too many: %d directories can be shared", DOMAIN_SHARES_MAX);
        share->name = strndup(value, (size_t) (colon - value));
        if (!share->name)
                return -ENOMEM;
        share->path = colon + 1;
        o->n_shares++;
        if (!share_name_is_valid(share->name))
                return mistake(m, "has a name that is not one component of a path");
        for (size_t i = 0; i + 1 < o->n_shares; i++)
                if (streq(o->shares[i].name, share->name))
                        return mistake(m, "has a name that another --share= has already");
        return 0;
}

static int parse_optional_disk(Options *o, const char *value, Mistake *m) {
        const char *unit = after_prefix(value, "ubd");
        unsigned index;

        if (!unit || disk_index_from_string(unit, &index) < 0)
                return mistake(m, "is no disk: ubd0 to ubd%d are", DOMAIN_DISKS_MAX - 1);
        o->optional_disks[index] = true;
        return 0;
}

/* Of a crash, which has more of them, systemd takes care. */
static int parse_action(const char *value, LifecycleAction *ret, Mistake *m) {
        LifecycleAction action;

        if (lifecycle_action_from_string(value, &action) < 0 || (action != LIFECYCLE_DESTROY && action != LIFECYCLE_RESTART))
                return mistake(m, "is neither destroy nor restart");
        *ret = action;
        return 0;
}

static int parse_range(const char *value, uint64_t min, uint64_t max, uint64_t *ret, Mistake *m) {
        uint64_t number;

        if (parse_number(value, max, &number) < 0 || number < min)
                return mistake(m, "is not a number from %llu to %llu", (unsigned long long) min, (unsigned long long) max);
        *ret = number;
        return 0;
}

/* mconsole, message, or console:con0:PATTERN */
static int parse_ready(Options *o, const char *value, Mistake *m) {
        const char *line = after_prefix(value, "console:"), *colon = line ? strchr(line, ':') : NULL;
        regex_t pattern;

        if (!line)
                return ready_when_from_string(value, &o->ready_when) < 0 || o->ready_when == READY_CONSOLE ? mistake(m, "is none of mconsole, message, console:LINE:PATTERN") : 0;
        if (!colon || parse_line_name(line, (size_t) (colon - line), o->ready_line) < 0)
                return mistake(m, "has no line, con0 to con15 or ssl0 to ssl63, and a pattern after console:");
        if (regcomp(&pattern, colon + 1, REG_EXTENDED | REG_NOSUB) != 0)
                return mistake(m, "has a pattern that is no extended regular expression (regex(7))");
        regfree(&pattern);
        o->ready_when = READY_CONSOLE;
        o->ready_pattern = colon + 1;
        return 0;
}

static int parse_seconds(const char *value, unsigned min, unsigned *ret, Mistake *m) {
        uint64_t seconds = 0;
        int r = parse_range(value, min, TIMEOUT_MAX, &seconds, m);

        if (r >= 0)
                *ret = (unsigned) seconds;
        return r;
}

static int parse_replay(Options *o, const char *value, Mistake *m) {
        uint64_t bytes = 0;
        int r = parse_range(value, 0, REPLAY_MAX, &bytes, m);

        if (r >= 0)
                o->replay = (size_t) bytes;
        return r;
}

/* One option of a guest's command line. */
static int parse_option(Options *o, int option, const char *value, Mistake *m) {
        switch (option) {
        case OPTION_NAME:
                o->name = value;
                return domain_name_is_valid(value) ? 0 : mistake(m, "is no name: %s", DOMAIN_NAME_RULE);
        case OPTION_UUID:
                o->uuid = value;
                return strlen(value) == UUID_TEXT_SIZE - 1 && !value[strspn(value, "0123456789abcdef-")]
                       ? 0 : mistake(m, "is no UUID in lower case");
        case OPTION_DEFINITION:
                o->definition = value;
                return 0;
        case OPTION_CONSOLE:
                return parse_console(o, value, m);
        case OPTION_LOG:
                return parse_log(o, value, m);
        case OPTION_REPLAY:
                return parse_replay(o, value, m);
        case OPTION_SHARE:
                return parse_share(o, value, m);
        case OPTION_OPTIONAL_DISK:
                return parse_optional_disk(o, value, m);
        case OPTION_PRESERVE:
                o->preserve = true;
                return 0;
        case OPTION_ON_POWEROFF:
                return parse_action(value, &o->on_poweroff, m);
        case OPTION_ON_REBOOT:
                return parse_action(value, &o->on_reboot, m);
        case OPTION_WATCHDOG:
                return watchdog_action_from_string(value, &o->watchdog) < 0 ? mistake(m, "is none of none, reset, shutdown, poweroff") : 0;
        case OPTION_READY:
                return parse_ready(o, value, m);
        case OPTION_READY_TIMEOUT:
                return parse_seconds(value, 1, &o->ready_timeout, m);
        case OPTION_STOP_METHOD:
                return stop_method_from_string(value, &o->stop_method) < 0 ? mistake(m, "is neither cad nor halt") : 0;
        case OPTION_STOP_TIMEOUT:
                return parse_seconds(value, 0, &o->stop_timeout, m);
        default:
                return mistake(m, "is no option");
        }
}

static int usage(const char *what, const char *problem) {
        (void) fprintf(stderr, "uml-helper: %s %s; see uml-helper --help\n", what, problem);
        return -EINVAL;
}

/* What ends the reading of options, and what the helper then does; VERB_RUN for the other options. */
static Verb verb_of(int option) {
        switch (option) {
        case 'h':
                return VERB_HELP;
        case OPTION_VERSION:
                return VERB_VERSION;
        case OPTION_SEND:
                return VERB_SEND;
        case OPTION_UNDEFINED:
                return VERB_UNDEFINED;
        case OPTION_REFUSED:
                return VERB_REFUSED;
        default:
                return VERB_RUN;
        }
}

int options_parse(Options *ret, int argc, char *argv[]) {
        Mistake m;
        int option, r;

        *ret = (Options) {
                .uuid = "",
                .command = argv,
                .on_poweroff = LIFECYCLE_DESTROY,
                .on_reboot = LIFECYCLE_RESTART,
                .stop_method = STOP_CAD,
                .stop_timeout = STOP_TIMEOUT_DEFAULT,
                .ready_timeout = READY_TIMEOUT_DEFAULT,
                .replay = REPLAY_DEFAULT,
        };
        optind = 0; /* it is called again for the command line of a guest that is taken over */
        while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) >= 0) {
                if (option == '?')
                        return -EINVAL; /* which getopt has told */
                ret->verb = verb_of(option);
                ret->subject = optarg;
                ret->arguments = argv + optind;
                if (ret->verb != VERB_RUN)
                        return 0;
                r = parse_option(ret, option, optarg, &m);
                if (r < 0)
                        return r == -EINVAL ? usage(argv[optind - 1], m.text) : usage(argv[optind - 1], strerror(-r));
        }
        ret->arguments = argv + optind;
        if (!ret->name)
                return usage("--name=", "is missing");
        if (!ret->arguments[0])
                return usage("KERNEL", "is missing");
        return 0;
}

void options_done(Options *o) {
        for (size_t i = 0; i < o->n_shares; i++)
                free(o->shares[i].name);
}
