/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The model of one guest, in libvirt's terms. domain_read_xml() makes it, unit_write() and kernel_arguments() use it.
 * Every string in it is clean (see escape.h). */

#define DOMAIN_NAME_MAX 63      /* UML: a umid of 64 characters is silently replaced by a random one */
#define DOMAIN_DISKS_MAX 16     /* ubd0 to ubd15 */
#define DOMAIN_CONSOLES_MAX 16  /* con0 to con15 */
#define DOMAIN_SERIALS_MAX 64   /* ssl0 to ssl63 */
#define UUID_TEXT_SIZE 37

typedef enum LifecycleAction {
        LIFECYCLE_DESTROY, /* the service ends */
        LIFECYCLE_RESTART, /* the guest boots again */
        _LIFECYCLE_MAX,
} LifecycleAction;

typedef enum StopMethod {
        STOP_CAD,  /* ask the guest's init first, by ctrl-alt-del */
        STOP_HALT, /* for a guest whose init has nothing to do: sync, remount read-only, halt */
        _STOP_METHOD_MAX,
} StopMethod;

typedef enum ConsoleKind {
        CONSOLE_NULL,
        CONSOLE_PTY,
        _CONSOLE_KIND_MAX,
} ConsoleKind;

typedef struct Disk {
        unsigned index; /* of ubd0 to ubd15 */
        char *path;
        bool readonly;
        bool shareable;
} Disk;

typedef struct Console {
        bool serial; /* sslN, else conN */
        unsigned port;
        ConsoleKind kind;
} Console;

typedef struct Domain {
        char *name;
        char uuid[UUID_TEXT_SIZE]; /* lower case; empty as long as nothing gave one */
        char *title;               /* or NULL */
        uint64_t memory;           /* KiB, what the guest gets: currentMemory, else memory */
        char *kernel;
        char *initrd; /* or NULL */
        char *root;   /* or NULL */
        char **cmdline;
        size_t n_cmdline;
        Disk *disks;
        size_t n_disks;
        Console *consoles;
        size_t n_consoles;
        LifecycleAction on_poweroff, on_reboot, on_crash;
        StopMethod stop_method;
        unsigned stop_timeout; /* seconds that the guest's own shutdown may take */
} Domain;

Domain *domain_new(void);
Domain *domain_free(Domain *d);
static inline void domain_freep(Domain **d) {
        domain_free(*d);
}

/* 1 to 63 of [A-Za-z0-9_.:-], beginning with a letter or digit: `uml@NAME.service` then needs no escaping. Not `*.xml`:
 * the guest's runtime directory would pass for a definition in /run/uml. */
bool domain_name_is_valid(const char *name);
#define DOMAIN_NAME_RULE "a guest's name is 1 to 63 of A-Z a-z 0-9 _ . : -, begins with a letter or digit, and does not end in .xml"

/* Gives a domain that has no UUID one that stays the same: name-based (RFC 4122, SHA-1), of the host's or user's seed
 * and the guest's name, so that two hosts with the same definition do not share it. */
void domain_default_uuid(Domain *d, const char *seed);

/* Names as XML and command line have them; the other way round returns -EINVAL for a name that is none of them. */
const char *lifecycle_action_to_string(LifecycleAction a);
const char *stop_method_to_string(StopMethod m);
const char *console_kind_to_string(ConsoleKind k);
int lifecycle_action_from_string(const char *s, LifecycleAction *ret);
int stop_method_from_string(const char *s, StopMethod *ret);
int console_kind_from_string(const char *s, ConsoleKind *ret);
