/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "domain-xml.h"
#include "domain.h"

/* A guest as the command line that people start UML with from a shell: "uml-argv", as libvirt would call the format.
 *
 * What is exported and imported again gives the same line, byte for byte, and the same guest: name, memory, kernel and all
 * that the kernel is told, disks, lines, shares and network devices. Title, UUID, life cycle (but for a reboot that ends the
 * guest: noreboot), readiness, stop, watchdogs, replay, limits, and users cannot be said on a command line, and are lost. */

/* Which of the arguments that follow are options (N of them), and which are of <cmdline>, where it could not be known from
 * their looks. The kernel passes over parameters with a dot that it does not know. */
#define OPTIONS_HINT "uml.options="
#define COMMAND_LINE_HINT "uml.cmdline="

/* In the channel of a line: a comma would make a pair of it, the others end the option. */
#define CHANNEL_SEPARATORS " \","

/* Writes one line that a POSIX shell runs, with a newline. Reports what of the guest cannot be said on it: everything is a
 * warning, at line 1, column 1. -ENOMEM. */
int native_export(FILE *f, const Domain *d, ReportFunction report, void *userdata);

/* What a command line does not tell by itself. */
typedef struct NativeContext {
        const char *name;      /* the guest's, whatever umid= says; NULL: umid=, else "uml" */
        const char *directory; /* absolute: what relative paths begin at; NULL: they are refused */
        const char *path;      /* as in $PATH: where a kernel without a slash in its name is looked for; NULL: nowhere */
} NativeContext;

/* Reads such a command line, size bytes, as it stands in a script. Returns 0 and the domain (the caller frees it with
 * domain_free()), which domain_read_xml() would accept; -EBADMSG when an error was reported, -ENOMEM. */
int native_import(const char *text, size_t size, const NativeContext *context, ReportFunction report, void *userdata, Domain **ret);

/* Whether native_import() takes this argument for something of the guest's, and not as a mere part of <cmdline>. */
bool native_is_understood(const char *argument);
