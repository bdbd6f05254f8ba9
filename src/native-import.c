/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* UML command line to Domain. The table `arguments` is the grammar: what is in it is taken by the function beside it; what
 * is not in it is a part of <cmdline>, in the order in which it stands. */

#include <limits.h>

#include "arguments.h"
#include "escape.h"
#include "native-import.h"

#define MEMORY_DEFAULT (64 * 1024) /* KiB: UML's own, if there is no mem= */

char *import_copy(Import *i, const char *s) {
        char *copy = strdup(s);

        if (!copy)
                i->reporter.out_of_memory = true;
        return copy;
}

static void add_string(Import *i, char ***array, size_t *n, const char *s) {
        char *copy = import_copy(i, s);

        if (!copy)
                return;
        if (grow(array, *n, sizeof(char *)) < 0) {
                i->reporter.out_of_memory = true;
                free(copy);
                return;
        }
        (*array)[(*n)++] = copy;
}

/* Paths */

static bool has_dots(const char *path) {
        size_t n = strlen(path);

        return strstr(path, "/../") || (n >= 3 && streq(path + n - 3, "/.."));
}

/* Without ".", ".." and empty components, in place. A link to a directory would make a difference; the message that the
 * caller gives shows what came of it. */
static void normalize(char *path) {
        char *out = path, *rest = path, *component;

        while ((component = strsep(&rest, "/"))) {
                size_t n = strlen(component);

                if (n == 0 || streq(component, "."))
                        continue;
                if (streq(component, "..")) {
                        while (out > path && *--out != '/')
                                ;
                        continue;
                }
                *out++ = '/';
                memmove(out, component, n);
                out += n;
        }
        if (out == path)
                *out++ = '/';
        *out = 0;
}

static char *absolute(Import *i, const char *what, const char *value) {
        _cleanup_free_ char *path = NULL;
        bool relative = value[0] != '/';

        if (relative && !i->context->directory) {
                error(i, "%s '%s' is relative, and nothing says to which directory; write the absolute path", what, value);
                return NULL;
        }
        /* The slash in front makes room for normalize(), which writes one before each component. */
        if (asprintf(&path, "/%s%s%s", relative ? i->context->directory : "", relative ? "/" : "", value) < 0) {
                path = NULL;
                i->reporter.out_of_memory = true;
                return NULL;
        }
        normalize(path);
        warning(i, "%s '%s' is taken as %s", what, value, path);
        return TAKE_PTR(path);
}

char *import_path(Import *i, const char *what, const char *value, const char *separators) {
        _cleanup_free_ char *path = NULL;
        size_t bad;

        if (!*value) {
                error(i, "'%s': the %s has no path", i->word->text, what);
                return NULL;
        }
        path = value[0] == '/' && !has_dots(value) ? import_copy(i, value) : absolute(i, what, value);
        if (!path)
                return NULL;
        if (!text_is_clean(path)) { /* what is not in the text may be anything */
                error(i, "%s '%s' contains a control character, or is not in UTF-8; rename the directory that it is in",
                      what, path);
                return NULL;
        }
        bad = strcspn(path, separators ?: "");
        if (path[bad]) {
                error(i,
                      "%s '%s' contains '%c', which separates options for UML and cannot be quoted; rename the file or link to it",
                      what, path, path[bad]);
                return NULL;
        }
        if (strlen(path) >= PATH_MAX) {
                error(i, "%s has %zu bytes, of %d that a path may have", what, strlen(path), PATH_MAX - 1);
                return NULL;
        }
        return TAKE_PTR(path);
}

/* Settings */

static const char *const setting_names[_SETTING_MAX] = {
        [SETTING_MEMORY] = "mem=",
        [SETTING_NAME] = "umid=",
        [SETTING_INITRD] = "initrd=",
        [SETTING_DTB] = "dtb=",
        [SETTING_ROOT] = "root=",
        [SETTING_ROOT_TYPE] = "rootfstype=",
        [SETTING_ROOT_FLAGS] = "rootflags=",
        [SETTING_INIT] = "init=",
        [SETTING_HOSTFS] = "hostfs=",
        [SETTING_CONSOLES] = "con=",
        [SETTING_SERIALS] = "ssl=",
};

void import_set(Import *i, Setting setting, const char *value) {
        const ShellWord *before = i->settings[setting];

        if (before)
                warning(i, "%s was given at %u:%u, too; this one is taken, as by UML",
                        setting_names[setting], before->line, before->column);
        i->settings[setting] = i->word;
        i->values[setting] = value;
}

static bool take_memory(Import *i, const char *value) {
        static const char suffixes[] = "kmgt";
        _cleanup_free_ char *number = import_copy(i, value);
        const char *suffix = NULL;
        size_t n = strlen(value);
        uint64_t bytes = 0;
        int r;

        import_set(i, SETTING_MEMORY, value);
        if (!number)
                return true;
        if (n > 1)
                suffix = strchr(suffixes, number[n - 1] | 0x20);
        if (suffix)
                number[n - 1] = 0;
        r = parse_number(number, UINT64_MAX, &bytes);
        if (r == -EINVAL) {
                error(i, "mem=%s: expected a number of bytes, or one with K, M or G, such as mem=256M", value);
                return true;
        }
        for (const char *p = suffixes; suffix && p <= suffix; p++)
                if (__builtin_mul_overflow(bytes, 1024, &bytes))
                        r = -ERANGE;
        if (r == -ERANGE)
                error(i, "mem=%s is more than any host has", value);
        else if (bytes < 1024)
                error(i, "mem=%s is less than 1 KiB: a number without K, M or G is one of bytes", value);
        else
                i->domain->memory = bytes / 1024;
        return true;
}

static bool take_name(Import *i, const char *value) {
        import_set(i, SETTING_NAME, value);
        return true;
}

static bool take_initrd(Import *i, const char *value) {
        import_set(i, SETTING_INITRD, value);
        free(i->domain->initrd);
        i->domain->initrd = import_path(i, "initrd", value, KERNEL_SEPARATORS);
        return true;
}

static bool take_dtb(Import *i, const char *value) {
        import_set(i, SETTING_DTB, value);
        free(i->domain->dtb);
        i->domain->dtb = import_path(i, "dtb", value, KERNEL_SEPARATORS);
        return true;
}

static bool is_kernel_word(const char *value) {
        return *value && !value[strcspn(value, KERNEL_SEPARATORS)];
}

static bool take_root(Import *i, const char *value) {
        if (!is_kernel_word(value))
                return false;
        import_set(i, SETTING_ROOT, value);
        free(i->domain->root);
        i->domain->root = import_copy(i, value);
        return true;
}

static bool take_root_type(Import *i, const char *value) {
        if (!streq(value, "hostfs")) {
                i->settings[SETTING_ROOT_TYPE] = NULL; /* the kernel takes the last */
                return false;
        }
        import_set(i, SETTING_ROOT_TYPE, value);
        return true;
}

/* Ours only if the root is on hostfs, which is not known yet. */
static bool take_root_flags(Import *i, const char *value) {
        bool is_path = is_kernel_word(value) && value[0] == '/';

        i->settings[SETTING_ROOT_FLAGS] = i->word;
        i->values[SETTING_ROOT_FLAGS] = is_path ? value : NULL;
        i->root_flags_at = i->domain->n_cmdline;
        return false;
}

/* A path in the guest. */
static bool take_init(Import *i, const char *value) {
        if (!is_kernel_word(value) || value[0] != '/' || has_dots(value))
                return false;
        import_set(i, SETTING_INIT, value);
        free(i->domain->init);
        i->domain->init = import_copy(i, value);
        return true;
}

static bool take_hostfs(Import *i, const char *value) {
        import_set(i, SETTING_HOSTFS, value);
        return true;
}

static bool take_noreboot(Import *i, const char *value) {
        warning(i, "noreboot is taken as <on_reboot>destroy</on_reboot>: the service ends when the guest reboots");
        i->domain->on_reboot = LIFECYCLE_DESTROY;
        return true;
}

static bool drop(Import *i, const char *value) {
        warning(i, "'%s' is not taken: %s", i->word->text, reserved_argument(i->word->text));
        return true;
}

static bool refuse_reserved(Import *i, const char *value) {
        error(i, "'%s': this is no command line of a guest's: %s", i->word->text, reserved_argument(i->word->text));
        return true;
}

static bool refuse_typo(Import *i, const char *value) {
        error(i, "'%s': the kernel knows no disks of the name udb; write ubd", i->word->text);
        return true;
}

/* Whether a space stands outside of quotes; -EINVAL: a quote is left open. */
static int has_bare_space(const char *s) {
        bool quoted = false, space = false;

        for (; *s; s++)
                if (*s == '"')
                        quoted = !quoted;
                else if (*s == ' ' && !quoted)
                        space = true;
        return quoted ? -EINVAL : space;
}

static const char *reserved_word(const char *word) {
        if (after_prefix(word, "--") && (!word[2] || word[2] == ' '))
                return "it ends the kernel's arguments";
        return reserved_argument(word);
}

/* Why an argument, or what the guest's kernel makes of it at spaces, cannot stand where it is. */
static const char *reserved_part(const char *text) {
        const char *reason = reserved_word(text);
        bool quoted = false;

        for (; !reason && *text; text++)
                if (*text == '"')
                        quoted = !quoted;
                else if (*text == ' ' && !quoted)
                        reason = reserved_word(text + 1);
        return reason;
}

static bool check_plain(Import *i, const char *text) {
        const char *reserved = reserved_part(text);

        if (!text[strspn(text, " ")])
                error(i, "an empty argument; remove it");
        else if (reserved)
                error(i, "'%s' cannot stand here: %s", text, reserved);
        else if (has_bare_space(text) < 0)
                error(i,
                      "'%s': a quote (\") is opened and not closed; what follows it would be a part of this for the guest's kernel",
                      text);
        else
                return true;
        return false;
}

/* The next words, as many as the hint says, as they are. */
static bool take_hinted(Import *i, const char *value, char ***array, size_t *n, bool spaces) {
        const ShellWord *hint = i->word;
        uint64_t wanted;

        if (parse_number(value, i->command.n_words - i->at, &wanted) < 0) {
                error(i, "'%s' is not the number of some of the arguments that follow; remove it", hint->text);
                return true;
        }
        for (; wanted > 0; wanted--) {
                i->word = &i->command.words[i->at++];
                if (!check_plain(i, i->word->text))
                        continue;
                if (!spaces && has_bare_space(i->word->text))
                        error(i, "'%s' is more than one item of <cmdline>; give each an argument of its own", i->word->text);
                else
                        add_string(i, array, n, i->word->text);
        }
        i->word = hint;
        return true;
}

static bool take_options(Import *i, const char *value) {
        return take_hinted(i, value, &i->domain->options, &i->domain->n_options, true);
}

static bool take_command_line(Import *i, const char *value) {
        return take_hinted(i, value, &i->domain->cmdline, &i->domain->n_cmdline, false);
}

/* In a pattern, `#` is any number of digits, and `%` any number of digits and letters. */
static const struct {
        const char *pattern;
        bool (*take)(Import *i, const char *value);
} arguments[] = {
        {"mem=",            take_memory},
        {"umid=",           take_name},
        {"uml_dir=",        drop},
        {"mconsole=",       drop},
        {"noreboot",        take_noreboot},
        {"--help",          refuse_reserved},
        {"--version",       refuse_reserved},
        {"--showconfig",    refuse_reserved},
        {"initrd=",         take_initrd},
        {"dtb=",            take_dtb},
        {"root=",           take_root},
        {"rootfstype=",     take_root_type},
        {"rootflags=",      take_root_flags},
        {"init=",           take_init},
        {"hostfs=",         take_hostfs},
        {SHARE_HINT,        import_share},
        {OPTIONS_HINT,      take_options},
        {COMMAND_LINE_HINT, take_command_line},
        {"ubd%=",           import_disk},
        {"udb%=",           refuse_typo},
        {"con#=",           import_console},
        {"ssl#=",           import_serial},
        {"vec#:",           import_vector},
        {"eth#=",           import_ethernet},
};

/* What follows the pattern, or NULL. */
static const char *match(const char *pattern, const char *s) {
        for (; *pattern; pattern++) {
                if (*pattern == '#')
                        s += strspn(s, "0123456789");
                else if (*pattern == '%')
                        s += strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
                else if (*s++ != *pattern)
                        return NULL;
        }
        return s;
}

bool native_is_understood(const char *argument) {
        for (size_t k = 0; k < ELEMENTSOF(arguments); k++)
                if (match(arguments[k].pattern, argument))
                        return true;
        return false;
}

/* The rest: with spaces, it has to stay one argument. */
static void take_rest(Import *i) {
        Domain *d = i->domain;
        char *text = i->word->text;
        size_t n = strlen(text);

        while (n > 0 && text[n - 1] == ' ')
                text[--n] = 0;
        text += strspn(text, " ");
        if (!*text) {
                warning(i, "an empty argument is not taken");
                return;
        }
        if (!check_plain(i, text))
                return;
        if (has_bare_space(text))
                add_string(i, &d->options, &d->n_options, text);
        else
                add_string(i, &d->cmdline, &d->n_cmdline, text);
}

static void take_argument(Import *i) {
        for (size_t k = 0; k < ELEMENTSOF(arguments); k++) {
                const char *value = match(arguments[k].pattern, i->word->text);

                if (value && arguments[k].take(i, value))
                        return;
        }
        take_rest(i);
}

/* After `--`. The kernel takes its command line apart at spaces, these included; and UML looks at every argument, wherever
 * it stands. */
static void take_init_argument(Import *i) {
        Domain *d = i->domain;
        size_t n = d->n_init_arguments;

        if (!i->word->text[0]) {
                warning(i, "an empty argument is not taken");
                return;
        }
        switch (command_line_split(i->word->text, &d->init_arguments, &d->n_init_arguments)) {
        case 0:
                break;
        case -ENOMEM:
                i->reporter.out_of_memory = true;
                return;
        default:
                error(i, "'%s': a quote (\") is opened and not closed", i->word->text);
        }
        for (; n < d->n_init_arguments; n++) {
                const char *reason = reserved_argument(d->init_arguments[n]);

                if (reason)
                        error(i, "'%s' cannot stand here: %s", d->init_arguments[n], reason);
        }
}

/* The command before its arguments */

static bool is_assignment(const char *word) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
        size_t n = strspn(word, letters);

        return n > 0 && word[n] == '=' && !(word[0] >= '0' && word[0] <= '9');
}

static bool is_prefix(const char *word) {
        static const char *const prefixes[] = {"exec", "nohup", "setsid", "env", "sudo", "command"};

        for (size_t k = 0; k < ELEMENTSOF(prefixes); k++)
                if (streq(word, prefixes[k]))
                        return true;
        return false;
}

/* To the word that names the kernel. */
static void skip_prefixes(Import *i) {
        for (const char *prefix = NULL; i->at < i->command.n_words; i->at++) {
                i->word = &i->command.words[i->at];
                if (is_assignment(i->word->text))
                        warning(i, "%.*s is not taken: the guest's service has an environment of its own; 'systemctl edit' sets it",
                                (int) strcspn(i->word->text, "="), i->word->text);
                else if (is_prefix(i->word->text)) {
                        prefix = i->word->text;
                        if (streq(prefix, "sudo"))
                                warning(i, "sudo is not taken: the guest's service has a user of its own");
                } else if (prefix && i->word->text[0] == '-') {
                        error(i, "option '%s' of %s is not understood; begin with the kernel", i->word->text, prefix);
                        return;
                } else
                        return;
        }
}

/* A name without a slash, as a shell finds it. */
static char *find_kernel(Import *i, const char *name) {
        _cleanup_free_ char *path = import_copy(i, i->context->path ?: "");
        char *rest = path, *directory;

        while (rest && (directory = strsep(&rest, ":"))) {
                _cleanup_free_ char *file = NULL;

                if (directory[0] != '/')
                        continue;
                if (asprintf(&file, "%s/%s", directory, name) < 0) {
                        file = NULL;
                        i->reporter.out_of_memory = true;
                        return NULL;
                }
                if (access(file, X_OK) >= 0)
                        return TAKE_PTR(file);
        }
        return NULL;
}

static bool take_kernel(Import *i) {
        _cleanup_free_ char *found = NULL;
        const char *name;

        skip_prefixes(i);
        if (i->reporter.failed)
                return false;
        if (i->at >= i->command.n_words) {
                static const ShellWord beginning = {.line = 1, .column = 1};

                import_say(i, SEVERITY_ERROR, &beginning,
                           "there is no command; expected that which starts the kernel, such as /usr/bin/linux.uml mem=256M ubd0=/srv/demo.img");
                return false;
        }
        name = i->word->text;
        i->kernel = i->word;
        i->at++;
        if (!strchr(name, '/'))
                found = find_kernel(i, name);
        if (found)
                warning(i, "kernel '%s' is taken as %s", name, found);
        i->domain->kernel = import_path(i, "kernel", found ?: name, NULL);
        return true;
}

static void take_words(Import *i) {
        bool for_init = false;

        while (i->at < i->command.n_words) {
                i->word = &i->command.words[i->at++];
                if (for_init)
                        take_init_argument(i);
                else if (streq(i->word->text, "--"))
                        for_init = true;
                else
                        take_argument(i);
        }
}

/* What can be said only when all was read */

static void end_name(Import *i) {
        const char *name = i->context->name ?: i->values[SETTING_NAME];

        i->word = i->settings[SETTING_NAME] ?: i->kernel;
        if (!name)
                warning(i, "no umid= says the guest's name; it is called uml");
        i->domain->name = import_copy(i, name ?: "uml");
        if (i->domain->name && !domain_name_is_valid(i->domain->name))
                error(i, "name '%s' is refused: " DOMAIN_NAME_RULE, name);
}

static void end_memory(Import *i) {
        if (i->settings[SETTING_MEMORY])
                return;
        i->word = i->kernel;
        warning(i, "no mem= says how much memory the guest has; it gets 64M, UML's default");
        i->domain->memory = MEMORY_DEFAULT;
}

static void end_redirections(Import *i) {
        for (size_t k = 0; k < i->command.n_redirections; k++) {
                const ShellRedirection *r = &i->command.redirections[k];

                if (r->fd >= ELEMENTSOF(i->redirection_used) || !i->redirection_used[r->fd])
                        import_say(i, SEVERITY_WARNING, &r->path,
                                   "this redirection is not taken: no line of the guest's leads to descriptor %u; %s",
                                   r->fd, "what the kernel prints goes to the journal");
        }
}

static void end_length(Import *i) {
        size_t length;

        if (i->reporter.failed || i->reporter.out_of_memory)
                return;
        length = kernel_arguments_length(i->domain);
        i->word = i->kernel;
        if (length > KERNEL_ARGUMENTS_MAX)
                error(i, "the guest's kernel command line has %zu bytes, of %d that it may have", length, KERNEL_ARGUMENTS_MAX);
}

static void import(Import *i) {
        if (!take_kernel(i))
                return;
        take_words(i);
        end_name(i);
        end_memory(i);
        import_end_disks(i);
        import_end_lines(i);
        import_end_shares(i);
        end_redirections(i);
        i->word = i->kernel;
        if (i->domain->n_shares > 0 && kernel_option_is_given(i->domain, "hostfs="))
                error(i, "hostfs= among the arguments that " COMMAND_LINE_HINT " or " OPTIONS_HINT " counts: the guest has directories of the host, and so one of its own");
        if (keep_kernel_defaults(i->domain) < 0)
                i->reporter.out_of_memory = true;
        end_length(i);
}

int native_import(const char *text, size_t size, const NativeContext *context, ReportFunction report, void *userdata, Domain **ret) {
        Import i = {.context = context, .reporter = {.report = report, .userdata = userdata}};
        int r;

        r = shell_read(text, size, &i.reporter, &i.command);
        if (r >= 0) {
                i.domain = domain_new();
                if (i.domain)
                        import(&i);
                else
                        i.reporter.out_of_memory = true;
                r = reporter_result(&i.reporter);
        }
        reporter_end(&i.reporter);
        shell_command_done(&i.command);
        if (r < 0) {
                domain_free(i.domain);
                return r;
        }
        *ret = i.domain;
        return 0;
}
