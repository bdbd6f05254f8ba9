/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the functions for the elements (elements.h) read with: values of elements and attributes, checked, and messages
 * with their place. For src/ alone. */

#include <libxml/tree.h>

#include "config.h"
#include "report.h"

#define CPUS_MAX 8192

/* What <cputune> and <memtune> say, until all of it is known. 0 and NULL: not said. */
typedef struct Tuning {
        unsigned vcpus;
        uint64_t cpuset[CPUS_MAX / 64], pins[CPUS_MAX / 64];
        bool has_cpuset, has_pins;
        uint64_t period, global_period; /* microseconds */
        uint64_t quota, global_quota;
        bool has_scheduler;
        uint64_t hard_limit, swap_hard_limit; /* KiB */
        const xmlNode *hard_limit_node, *swap_hard_limit_node, *locked;
} Tuning;

/* The device, or tuned device, being read. */
typedef struct Device {
        bool has_target, has_source, has_port;
        char *path, *format, *model, *label, *dev, *mac;
        unsigned mtu;
        bool managed, refused; /* refused: it will not be there; one warning has said so */
        size_t first_directive;
} Device;

typedef struct Reader {
        const char *text;
        size_t size;
        const DomainContext *context;
        Reporter reporter;

        Domain *domain;
        uint64_t maximum_memory; /* KiB, of <memory> */
        const xmlNode *name, *memory, *current_memory, *os, *ready, *filesystem; /* for messages about them, the first, at the end */
        Tuning tuning;
        Device device;
        unsigned n_interfaces;
        xmlNode *renamed[DOMAIN_DISKS_MAX]; /* targets of disks that get a number of their own, by disk */
        unsigned left_out;                  /* bits: numbers of disks that the guest does not get */
        bool quiet; /* no warnings: one was given for the whole of what is being read */
} Reader;

/* A message about an element. A text from the file is shown only through `%s` of this function, which cleans and shortens
 * the whole. An error means that there will be no guest. */
void reader_say(Reader *r, Severity severity, const xmlNode *n, const char *format, ...) PRINTF_LIKE(4, 5);
#define error(r, n, ...) reader_say(r, SEVERITY_ERROR, n, __VA_ARGS__)
#define warning(r, n, ...) reader_say(r, SEVERITY_WARNING, n, __VA_ARGS__)

static inline const char *node_name(const xmlNode *n) {
        return (const char *) n->name;
}

/* The functions below report what is wrong themselves, and return NULL, false or 0 then. Strings are the caller's. */

/* Passes p on; NULL, for lack of memory, is noted. */
void *reader_allocated(Reader *r, void *p);

/* Takes p, the text of an attribute or (NULL) of the element; NULL is lack of memory. */
char *reader_checked(Reader *r, xmlNode *n, const char *attribute, char *p);

bool reader_has_attribute(xmlNode *n, const char *name);
char *reader_attribute(Reader *r, xmlNode *n, const char *name); /* NULL without a message if it is not there */
bool reader_attribute_is(xmlNode *n, const char *name, const char *value);
bool reader_number(Reader *r, xmlNode *n, const char *name, uint64_t max, unsigned *ret); /* false without a message, too, if it is not there */

xmlNode *reader_child(xmlNode *n, const char *name); /* the first, or NULL */

char *reader_content(Reader *r, xmlNode *n); /* as it is, but not empty */
char *reader_word(Reader *r, xmlNode *n);    /* without the white space around it: for what is no string but a number or a word */
bool reader_content_number(Reader *r, xmlNode *n, uint64_t min, uint64_t max, uint64_t *ret);
uint64_t reader_memory(Reader *r, xmlNode *n); /* KiB, rounded up as libvirt does; not 0 */
bool reader_size(Reader *r, xmlNode *n, uint64_t *ret); /* bytes; without a unit, KiB */

/* An absolute path; separators: characters that may not be in it (see arguments.h), or NULL. */
bool reader_check_path(Reader *r, xmlNode *n, const char *what, const char *path, const char *separators);
char *reader_path(Reader *r, xmlNode *n, const char *separators);

/* A path that will be a word of a kernel option, as an attribute. */
char *reader_attribute_path(Reader *r, xmlNode *n, const char *name, const char *separators);

/* "1-4,^3,6" into a bit set, added to what is there. */
bool reader_cpuset(Reader *r, xmlNode *n, const char *name, uint64_t set[static CPUS_MAX / 64]);

/* Adds a line of the unit's; word may be NULL, and is copied. */
void reader_directive(Reader *r, const char *key, const char *word, const char *format, ...) PRINTF_LIKE(4, 5);

/* The same, for a set: "1-4 6". */
void reader_bits_directive(Reader *r, const char *key, const uint64_t set[static CPUS_MAX / 64]);

/* The beginning of a device, of which nothing is known yet. */
void reader_begin_device(Reader *r);

/* The end of a device: its directives get the path, or, without one, go; its strings are freed. */
void reader_end_device(Reader *r, const char *path);

/* Whether the attribute's value is of its type: "number", "port", "mac", "address" (of IP), or one of words parted by "|". */
void reader_check_type(Reader *r, xmlNode *n, const char *attribute, const char *value, const char *type);
