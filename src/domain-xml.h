/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "domain.h"

#define DEFINITION_SIZE_MAX (1024U * 1024U) /* bytes */
#define DEFAULT_KERNEL "/usr/bin/linux.uml" /* as Debian has it; uml.conf may name another */
#define DEFAULT_MEMORY_DIRECTORY "/var/tmp"   /* likewise */
#define UML_SYSTEMD_NAMESPACE "urn:uml-systemd:1"

typedef enum Severity {
        SEVERITY_WARNING, /* not honoured, and the guest is still the one asked for */
        SEVERITY_ERROR,   /* there is no guest from this file */
} Severity;

/* Receives each message about a definition: its place (line and column from 1) and one line of clean text. */
typedef void (*ReportFunction)(void *userdata, Severity severity, unsigned line, unsigned column, const char *text);

typedef struct Config Config; /* config.h */

/* What a definition is read for. */
typedef struct DomainContext {
        const char *stem;     /* the file's name without ".xml", which <name> must equal */
        bool user;            /* for a user's service manager */
        const Config *config; /* the host's defaults, or NULL */
} DomainContext;

/* Reads one domain definition of libvirt's format, type 'uml'. Reports every problem it finds, not just the
 * first. Returns 0 and the domain (the caller frees it with domain_free()), -EBADMSG when an error was reported, -ENOMEM when memory ran out. */
int domain_read_xml(const char *text, size_t size, const DomainContext *context, ReportFunction report, void *userdata, Domain **ret);

/* The elements that domain_read_xml() knows, by their path below <domain>, in order; NULL after the last. For the test
 * that none is missing in uml.xml(5). attributes is a list separated by single spaces, each
 * with its type behind a colon, if it has one; ignored is the reason why the element has no effect, or NULL. */
const char *domain_xml_element(size_t i, const char **ret_attributes, const char **ret_ignored);
