/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "domain.h"

/* The helper's command line; uml-helper(8) is its documentation. All strings are the command line's own. */

/* A line of the guest's. */
typedef struct Line {
        char name[LINE_NAME_SIZE]; /* "con0" to "ssl63" */
        bool is_given;             /* by --console; else only by --log */
        ConsoleKind kind;
        const char *path; /* of kind file; else NULL */
        bool truncate;
        const char *log; /* a file that gets the output as well, or NULL */
        bool log_truncate;
} Line;

typedef struct SharedDirectory {
        char *name; /* one path component; owned */
        const char *path;
} SharedDirectory;

typedef enum Verb {
        VERB_RUN,
        VERB_HELP,
        VERB_VERSION,
        VERB_SEND,
        VERB_UNDEFINED,
        VERB_REFUSED,
} Verb;

typedef struct Options {
        Verb verb;
        const char *subject;    /* of VERB_SEND: the command; of VERB_UNDEFINED: the guest */
        const char *definition; /* for messages; may be NULL */
        const char *name;
        const char *uuid; /* or "" */
        LifecycleAction on_poweroff, on_reboot;
        StopMethod stop_method;
        unsigned stop_timeout;  /* seconds */
        WatchdogAction watchdog;
        ReadyWhen ready_when;
        char ready_line[LINE_NAME_SIZE]; /* of a pattern; else "" */
        const char *ready_pattern;       /* a POSIX extended regular expression, or NULL */
        unsigned ready_timeout; /* seconds */
        size_t replay;          /* bytes */
        Line lines[DOMAIN_CONSOLES_MAX + DOMAIN_SERIALS_MAX];
        size_t n_lines;
        SharedDirectory shares[DOMAIN_SHARES_MAX];
        size_t n_shares;
        bool optional_disks[DOMAIN_DISKS_MAX];
        bool preserve; /* the runtime directory stays */
        char **command;   /* all of it, argv[0] too; NULL-terminated */
        char **arguments; /* the end of it, what follows the options; for VERB_RUN the kernel's path, then its arguments */

        /* not from the command line */
        char runtime_directory[4096]; /* absolute; the current directory */
        char helper_path[4096]; /* of this program */
        char guest_path[4096];  /* of uml-guest, beside it */
        char keeper_path[4096]; /* of uml-keeper, likewise */
} Options;

/* Reads the command line. A mistake is told on stderr: -EINVAL, or -ENOMEM. Whatever it returns, options_done() follows. */
int options_parse(Options *ret, int argc, char *argv[]);
void options_done(Options *o);

void options_print_help(void);
