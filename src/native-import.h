/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the two halves of native_import() share: the command and its settings (native-import.c), and the devices
 * (native-devices.c). For src/ alone. */

#include "native.h"
#include "report.h"
#include "shell.h"

/* Kernel arguments of which the last one counts, with the place of the one that was taken. */
typedef enum Setting {
        SETTING_MEMORY,
        SETTING_NAME,
        SETTING_INITRD,
        SETTING_DTB,
        SETTING_ROOT,
        SETTING_ROOT_TYPE,
        SETTING_ROOT_FLAGS,
        SETTING_INIT,
        SETTING_HOSTFS,
        SETTING_CONSOLES, /* con= */
        SETTING_SERIALS,  /* ssl= */
        _SETTING_MAX,
} Setting;

/* uml.share=PATH:TARGET[:ro], to be made a share when hostfs= is known. */
typedef struct ShareHint {
        const ShellWord *word;
        const char *path, *target; /* in the word's text, which was taken apart */
        bool readonly;
} ShareHint;

typedef struct Import {
        Reporter reporter;
        const NativeContext *context;
        ShellCommand command;
        size_t at;             /* the next word */
        const ShellWord *word; /* the one that is being read */
        const ShellWord *kernel;
        Domain *domain;
        const ShellWord *settings[_SETTING_MAX];
        const char *values[_SETTING_MAX]; /* of these, after the `=` */
        size_t root_flags_at;             /* where in the domain's cmdline rootflags= is, if it has a value here */
        bool sync;                        /* ubd=sync */
        const ShellWord *disks[DOMAIN_DISKS_MAX], *vectors[DOMAIN_VECTORS_MAX]; /* by number */
        ShareHint hints[DOMAIN_SHARES_MAX];
        size_t n_hints;
        bool redirection_used[10]; /* by descriptor */
} Import;

#define import_say(i, severity, w, ...) reporter_say(&(i)->reporter, severity, (w)->line, (w)->column, __VA_ARGS__)
#define error(i, ...) import_say(i, SEVERITY_ERROR, (i)->word, __VA_ARGS__)
#define warning(i, ...) import_say(i, SEVERITY_WARNING, (i)->word, __VA_ARGS__)

/* A copy that the caller frees, or NULL and out_of_memory. */
char *import_copy(Import *i, const char *s);

/* Absolute, by the context's directory, without "..", and without the separators (NULL: none); what is its name in messages.
 * NULL after an error. */
char *import_path(Import *i, const char *what, const char *value, const char *separators);

/* Notes the value of an option of which the last one counts. */
void import_set(Import *i, Setting setting, const char *value);

/* Each takes what stands after the pattern of the table of arguments. False: the word is none of ours, but a part of
 * <cmdline>. */
bool import_disk(Import *i, const char *value);
bool import_console(Import *i, const char *value);
bool import_serial(Import *i, const char *value);
bool import_vector(Import *i, const char *value);
bool import_ethernet(Import *i, const char *value);
bool import_share(Import *i, const char *value);

/* When all was read. */
void import_end_disks(Import *i);
void import_end_lines(Import *i);
void import_end_shares(Import *i);
