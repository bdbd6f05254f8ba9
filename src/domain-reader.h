/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the functions for the elements (domain-xml.c) read with: values of elements and attributes, checked, and messages
 * with their place. For src/ alone. */

#include <libxml/tree.h>

#include "domain-xml.h"
#include "util.h"

typedef struct Reader {
        const char *text;
        size_t size;
        const char *stem;
        ReportFunction report;
        void *userdata;
        unsigned n_reports[2]; /* by severity */
        bool failed, out_of_memory;

        Domain *domain;
        uint64_t maximum_memory; /* KiB, of <memory> */
        const xmlNode *name, *memory, *current_memory, *os, *kernel; /* for messages about them at the end */
        bool has_target, has_source, has_port;     /* of the device being read */
} Reader;

/* A message about an element. A text from the file is shown only through `%s` of this function, which cleans and shortens
 * the whole. An error means that there will be no guest. */
void reader_say(Reader *r, Severity severity, const xmlNode *n, const char *format, ...) PRINTF_LIKE(4, 5);
#define error(r, n, ...) reader_say(r, SEVERITY_ERROR, n, __VA_ARGS__)
#define warning(r, n, ...) reader_say(r, SEVERITY_WARNING, n, __VA_ARGS__)

/* Makes a text fit to be shown, in place. */
void reader_clean(char *text);

/* Says how many messages were left out. */
void reader_end(Reader *r);

/* The functions below report what is wrong themselves, and return NULL, false or 0 then. Strings are the caller's. */

/* Takes p, the text of an attribute or (NULL) of the element; NULL is lack of memory. */
char *reader_checked(Reader *r, xmlNode *n, const char *attribute, char *p);

bool reader_has_attribute(xmlNode *n, const char *name);
char *reader_attribute(Reader *r, xmlNode *n, const char *name); /* NULL without a message if it is not there */
bool reader_number(Reader *r, xmlNode *n, const char *name, uint64_t max, unsigned *ret); /* likewise */

char *reader_content(Reader *r, xmlNode *n); /* as it is, but not empty */
char *reader_word(Reader *r, xmlNode *n);    /* without the white space around it: for what is no string but a number or a word */
uint64_t reader_memory(Reader *r, xmlNode *n); /* KiB, rounded up as libvirt does */

/* An absolute path; separators: characters that may not be in it (see arguments.h), or NULL. */
bool reader_check_path(Reader *r, xmlNode *n, const char *what, const char *path, const char *separators);
char *reader_path(Reader *r, xmlNode *n, const char *separators);
