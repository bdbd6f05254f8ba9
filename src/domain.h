/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The model of one guest, in libvirt's terms. domain_read_xml() makes it of domain XML, native_import() of a UML command
 * line; unit_write(), kernel_arguments() and native_export() use it. Every string in it is clean (see escape.h). */

#define DOMAIN_NAME_MAX 63      /* UML: a umid of 64 characters is silently replaced by a random one */
#define DOMAIN_DISKS_MAX 16     /* ubd0 to ubd15 */
#define DOMAIN_CONSOLES_MAX 16  /* con0 to con15 */
#define DOMAIN_SERIALS_MAX 64   /* ssl0 to ssl63 */
#define DOMAIN_VECTORS_MAX 32   /* vec0 to vec31: ours; the kernel has no limit of its own */
#define DOMAIN_SHARES_MAX 32    /* likewise */
#define UUID_TEXT_SIZE 37

#define TIMEOUT_MAX 86400        /* seconds, of stop and start */
#define STOP_TIMEOUT_DEFAULT 60  /* seconds */
#define READY_TIMEOUT_DEFAULT 90 /* seconds */
#define REPLAY_MAX (16U << 20)   /* bytes */
#define REPLAY_DEFAULT 65536     /* bytes */

typedef enum LifecycleAction {
        LIFECYCLE_DESTROY,          /* the service ends */
        LIFECYCLE_RESTART,          /* the guest boots again */
        LIFECYCLE_PRESERVE,         /* the service ends, its runtime directory stays */
        LIFECYCLE_COREDUMP_DESTROY, /* of a crash: the kernel's core is dumped */
        LIFECYCLE_COREDUMP_RESTART,
        _LIFECYCLE_MAX,
} LifecycleAction;

typedef enum ReadyWhen {
        READY_MCONSOLE, /* the kernel answers on its mconsole */
        READY_CONSOLE,  /* and a line of a console matches a pattern */
        READY_MESSAGE,  /* and the guest has written READY=1 to its /proc/mconsole */
        _READY_WHEN_MAX,
} ReadyWhen;

/* What is done when the guest has not served its watchdog for a minute. */
typedef enum WatchdogAction {
        WATCHDOG_NONE,     /* a message says so */
        WATCHDOG_RESET,    /* its kernel is killed, and starts again */
        WATCHDOG_SHUTDOWN, /* it is stopped, as the service is */
        WATCHDOG_POWEROFF, /* its kernel is killed, as if it had powered itself off */
        _WATCHDOG_ACTION_MAX,
} WatchdogAction;

typedef enum StopMethod {
        STOP_CAD,  /* ask the guest's init first, by ctrl-alt-del */
        STOP_HALT, /* for a guest whose init has nothing to do: sync, remount read-only, halt */
        _STOP_METHOD_MAX,
} StopMethod;

/* libvirt's kinds of character devices that a UML line can be. The helper of this version knows the first three. */
typedef enum ConsoleKind {
        CONSOLE_NULL,
        CONSOLE_PTY,
        CONSOLE_FILE,
        CONSOLE_STDIO,
        CONSOLE_PIPE,
        CONSOLE_DEV,
        CONSOLE_TCP,
        CONSOLE_UDP,
        CONSOLE_UNIX,
        _CONSOLE_KIND_MAX,
} ConsoleKind;

typedef struct Disk {
        unsigned index; /* of ubd0 to ubd15 */
        char *path;     /* the image or block device; of a COW pair, the COW file */
        char *backing;  /* of a COW pair, else NULL */
        char *serial;   /* or NULL */
        bool block;     /* path is a block device's */
        bool readonly;
        bool shareable; /* no lock */
        bool transient; /* what the guest writes goes into TRANSIENT_COW in its runtime directory */
        bool sync;      /* each write reaches the host's disk before the guest hears of it */
        bool keep;      /* the guest's discards are ignored; as they are with transient */
        bool optional;  /* the guest starts without it if the file is not there */
} Disk;

#define TRANSIENT_COW "ubd%u.cow" /* by the disk's index; relative, as the kernel starts in the guest's runtime directory */

typedef struct Console {
        bool serial; /* sslN, else conN */
        unsigned port;
        ConsoleKind kind;
        char *path;     /* of file; else NULL */
        bool truncate;  /* that file, at the start */
        char *log;      /* a file that gets the output, too, or NULL */
        bool log_truncate;
} Console;

/* A directory of the host's that the guest can mount with hostfs. */
typedef struct Share {
        char *name;   /* what it is called in the guest's view: one path component */
        char *source; /* absolute */
        char *target; /* where the definition wants it in the guest: a mount point, or any word; "/" is the guest's root */
        bool readonly;
} Share;

/* vecN: options as the kernel has them, "transport=tap,ifname=tap0". */
typedef struct Vector {
        unsigned index;
        char *options;
} Vector;

/* A line `Key=value` or, with a word that is quoted, `Key="word" value` of the unit's [Service]; from one element. */
typedef struct Directive {
        const char *key; /* static */
        char *word;      /* or NULL */
        char *value;     /* numbers and words of our own, which need no escaping; perhaps empty */
} Directive;

typedef struct Domain {
        char *name;
        char uuid[UUID_TEXT_SIZE]; /* lower case; empty as long as nothing gave one */
        char *title;               /* or NULL */
        uint64_t memory;           /* KiB, what the guest gets: currentMemory, else memory */
        char *kernel;
        char *initrd; /* or NULL */
        char *dtb;    /* or NULL */
        char *root;   /* or NULL */
        char *init;   /* or NULL */
        char **init_arguments; /* what init gets: after "--" */
        size_t n_init_arguments;
        char **options; /* kernel options, each an argument of its own; may contain spaces */
        size_t n_options;
        char **cmdline; /* likewise, of <cmdline>: a space is within quotes */
        size_t n_cmdline;
        Disk *disks;
        size_t n_disks;
        Console *consoles;
        size_t n_consoles;
        Share *shares;
        size_t n_shares;
        Vector *vectors;
        size_t n_vectors;
        Directive *directives;
        size_t n_directives;

        LifecycleAction on_poweroff, on_reboot, on_crash;
        bool core_without_memory; /* <memory dumpCore='off'> */
        WatchdogAction watchdog;
        unsigned watchdog_timeout; /* seconds in which kernel and helper must give a sign of life; 0: they need not */
        StopMethod stop_method;
        unsigned stop_timeout;  /* seconds that the guest's own shutdown may take */
        unsigned ready_timeout; /* seconds until it must be ready */
        ReadyWhen ready_when;
        char *ready_line;       /* "con0", of a pattern; or NULL */
        char *ready_pattern;    /* a POSIX extended regular expression, or NULL */
        uint64_t replay;        /* bytes of a line's output that a new client is sent first */

        bool closed_devices;    /* the host lists, among the directives, what devices its guests may open */
        char *memory_directory; /* where the file is that is the guest's memory, or NULL: /dev/shm */
        char *slice; /* "machine-production.slice"; or NULL */
        char *user, *group;     /* or NULL: of <seclabel model='dac'> */
        char *selinux_context;  /* or NULL */
        char *apparmor_profile; /* or NULL */
} Domain;

Domain *domain_new(void);
Domain *domain_free(Domain *d);
static inline void domain_freep(Domain **d) {
        domain_free(*d);
}

/* Each adds one to its array, zeroed but for what the function is told, and returns it, or NULL without memory. The
 * pointer holds until the next one is added. */
Disk *domain_add_disk(Domain *d);
Console *domain_add_console(Domain *d, bool serial);
Share *domain_add_share(Domain *d);
Vector *domain_add_vector(Domain *d);
Directive *domain_add_directive(Domain *d, const char *key);

/* con0, as a pty, unless the domain has con0 already. -ENOMEM. */
int domain_add_default_console(Domain *d);

/* What a share is called if nothing else names it, which the caller frees: /mnt/data, and /mnt/data/, is mnt-data; / is root.
 * NULL without memory. */
char *share_name_of_target(const char *target);

/* 1 to 63 of [A-Za-z0-9_.:-], beginning with a letter or digit: `uml@NAME.service` then needs no escaping. Not `*.xml`:
 * the guest's runtime directory would pass for a definition in /run/uml. */
bool domain_name_is_valid(const char *name);
#define DOMAIN_NAME_RULE "a guest's name is 1 to 63 of A-Z a-z 0-9 _ . : -, begins with a letter or digit, and does not end in .xml"

/* The letters that the kernel lets a disk's serial have; empty is valid, and none. */
bool disk_serial_is_valid(const char *serial);
#define DISK_SERIAL_RULE "a disk's serial is of A-Z a-z 0-9 _ . + -"

/* One component of a path, which leads nowhere else. */
bool share_name_is_valid(const char *name);

/* 02:16:3e:00:00:01, in either case. */
bool mac_is_valid(const char *mac);

/* Gives a domain that has no UUID one that stays the same: name-based (RFC 4122, SHA-1), of the host's or user's seed
 * and the guest's name, so that two hosts with the same definition do not share it. */
void domain_default_uuid(Domain *d, const char *seed);

/* The slice that is libvirt's resource partition: /machine/production is "machine-production.slice", which the caller frees.
 * -EINVAL: no absolute path with a part; -ENOMEM. */
int slice_of_partition(const char *partition, char **ret);

/* "con0" to "ssl63". */
#define LINE_NAME_SIZE 8
void console_name(const Console *c, char ret[static LINE_NAME_SIZE]);

/* The other way round, of a name of size bytes: -EINVAL for anything else. */
int console_name_parse(const char *s, size_t size, bool *ret_serial, unsigned *ret_port);

/* Below /dev, but for the files in /dev/shm; false for NULL. */
static inline bool path_is_device(const char *path) {
        return path && strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0;
}

/* Whether the file's directory is one that other programs have files in, as far as its depth tells: /run, /var/log. */
bool path_is_in_common_directory(const char *path);

/* ubd0 to ubd15 or ubda to ubdp, without the "ubd": -EINVAL for anything else. */
int disk_index_from_string(const char *unit, unsigned *ret);

/* Names as XML and command line have them; the other way round returns -EINVAL for a name that is none of them. */
const char *lifecycle_action_to_string(LifecycleAction a);
const char *ready_when_to_string(ReadyWhen w);
const char *watchdog_action_to_string(WatchdogAction a);
const char *stop_method_to_string(StopMethod m);
const char *console_kind_to_string(ConsoleKind k);
int lifecycle_action_from_string(const char *s, LifecycleAction *ret);
int ready_when_from_string(const char *s, ReadyWhen *ret);
int watchdog_action_from_string(const char *s, WatchdogAction *ret);
int stop_method_from_string(const char *s, StopMethod *ret);
int console_kind_from_string(const char *s, ConsoleKind *ret);
