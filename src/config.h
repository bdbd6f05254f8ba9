/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain-xml.h"

/* Defaults for all guests, of uml.conf(5): INI files, read with libinih. */

#define CONFIG_HOST_DIRECTORY "/etc/uml" /* its uml.conf counts for users' guests, too; before their own */

#define CONFIG_SIZE_MAX (64U * 1024U) /* bytes of one file */
#define CONFIG_LINE_MAX 198U          /* bytes of one line: libinih has room for 200, as most build it, with newline and NUL */

enum {
        SECURITY_DAC = 1U << 0,
        SECURITY_SELINUX = 1U << 1,
        SECURITY_APPARMOR = 1U << 2,
        SECURITY_ALL = SECURITY_DAC | SECURITY_SELINUX | SECURITY_APPARMOR,
};

/* Every text in it is clean, and may stand as a unit's value (text_is_value()). */
typedef struct Config {
        char *kernel;           /* absolute path; like all texts here NULL as long as no file gives one */
        char *slice;            /* "machine-production.slice" */
        char *user, *group;     /* names or numbers; systemd knows whether they exist */
        char *memory_directory; /* absolute path: for the memory of guests that have it in a file */
        StopMethod stop_method;
        uint64_t stop_timeout;  /* seconds */
        uint64_t ready_timeout; /* seconds */
        uint64_t watchdog_timeout; /* seconds; 0: none */
        uint64_t replay;        /* bytes */
        uint64_t rate_limit;    /* lines per second, or 0: no file gives one */
        unsigned security;      /* SECURITY_*: the drivers whose labels count */
        char **devices;         /* right sides of DeviceAllow=: "/dev/fuse rw", "char-pts" */
        size_t n_devices;
} Config;

/* With the defaults that are built in, which are those of domain_new(). NULL without memory. */
Config *config_new(void);
Config *config_free(Config *c);
static inline void config_freep(Config **c) {
        config_free(*c);
}

/* Receives each message: the file's (or directory's) path, the line from 1, or 0 if it is about the file as a whole, and
 * one line of clean text. */
typedef void (*ConfigReport)(void *userdata, Severity severity, const char *path, unsigned line, const char *text);

/* Reads uml.conf of a directory, then uml.conf.d/ *.conf there in the order of their names; what comes later wins, also
 * over what the configuration holds from another directory. What is not there is silently skipped. path is the
 * directory's, for messages. After an error the setting keeps what it had, and all others and all other files count.
 * Returns 0, -EBADMSG when an error was reported, -ENOMEM when memory ran out. */
int config_read_directory(Config *c, int directory, const char *path, ConfigReport report, void *userdata);

/* All that counts for the system's guests, or a user's: the host's directory, then the user's first one, below another
 * root ("" for none). Unless it returns -ENOMEM there is a configuration, which the caller frees. */
int config_read(bool user, const char *root, ConfigReport report, void *userdata, Config **ret);

/* The same as config_read_directory() with the text of one file. */
int config_read_text(Config *c, const char *text, size_t size, const char *path, ConfigReport report, void *userdata);

/* Defaults that a definition overrides: for a new domain, before its XML is read. */
void config_apply(const Config *c, Domain *d);

/* What a definition that is read left open: kernel, slice, user and group (neither if it has one of them; and not for a
 * user's manager, which cannot make a service another user's); and a DeviceAllow= directive for each device, to which the
 * unit adds the definition's own. -ENOMEM. */
int config_complete(const Config *c, bool user_manager, Domain *d);

/* The settings' sections and keys, in order; NULL after the last. For the test that none is missing in uml.conf(5). */
const char *config_setting(size_t i, const char **ret_section);
