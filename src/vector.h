/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* UML's vector network devices: the one table of their options (vector_kern.c, vector_user.c, vector_transports.c of Linux
 * 6.1 to 7.2). The kernel itself says nothing of an option that it does not know, and little of a wrong value. */

/* The kernel has room for so many in one device (MAXVARGS), and writes past it without a look. */
#define VECTOR_OPTIONS_MAX 20

/* Options of one device, by the table's index: NULL is not given. */
#define VECTOR_KEYS 30
typedef struct VectorOptions {
        const char *values[VECTOR_KEYS]; /* not owned */
} VectorOptions;

/* The i-th option in the order in which Vector.options has them, "transport" first; NULL after the last. */
const char *vector_key(size_t i);

/* Of a key that is in the table: "mac". */
const char *vector_get(const VectorOptions *options, const char *key);
void vector_set(VectorOptions *options, const char *key, const char *value);

/* Whether the transport has the option. NULL key: whether there is such a transport. */
bool vector_has(const char *transport, const char *key);

/* "tap, hybrid, raw, ..." */
#define VECTOR_TRANSPORTS "tap, hybrid, raw, gre, l2tpv3, bess, fd or vde"

/* 0 if the value may stand there, -ENOENT if the transport has no such option, -EINVAL for a wrong value; then
 * vector_expected() says what is expected, "a number" for instance. */
int vector_check(const char *transport, const char *key, const char *value);
const char *vector_expected(const char *key);

/* An option that must be given beside those that are, or NULL. */
const char *vector_missing(const VectorOptions *options);

/* Makes what stands after "vecN:", which the caller frees. The options were checked. -E2BIG: more than
 * VECTOR_OPTIONS_MAX; -ENOMEM. */
int vector_join(const VectorOptions *options, char **ret);

/* Takes such a text apart, in place. -EINVAL: not a list of KEY=VALUE with known keys; -EEXIST: a key is given twice; then
 * ret_problem is the part in question. */
int vector_split(char *text, VectorOptions *ret, const char **ret_problem);

/* Calls the function for each path among the options of a device, with the option's name: sockets, programs, files, which
 * need not be there. Stops at and returns the first negative result; -ENOMEM. */
int vector_paths(const char *options, int (*function)(void *userdata, const char *key, const char *path), void *userdata);

/* The socket that UML itself makes for the device, which the caller frees, or NULL. -ENOMEM. */
int vector_own_socket(const char *options, char **ret);
