/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "config.h"
#include "directories.h"
#include "report.h"
#include "escape.h"
#include "file.h"
#include "util.h"

/* The configuration */

static int set_defaults(Config *c) {
        Domain *d = domain_new();

        if (!d)
                return -ENOMEM;
        c->stop_method = d->stop_method;
        c->stop_timeout = d->stop_timeout;
        c->ready_timeout = d->ready_timeout;
        c->watchdog_timeout = d->watchdog_timeout;
        c->replay = d->replay;
        c->security = SECURITY_ALL;
        domain_free(d);
        return 0;
}

Config *config_new(void) {
        Config *c = calloc(1, sizeof(*c));

        if (c && set_defaults(c) < 0)
                c = config_free(c);
        return c;
}

static void free_devices(Config *c) {
        for (size_t i = 0; i < c->n_devices; i++)
                free(c->devices[i]);
        free(c->devices);
        c->devices = NULL;
        c->n_devices = 0;
}

Config *config_free(Config *c) {
        if (!c)
                return NULL;

        char *const strings[] = {c->kernel, c->slice, c->user, c->group, c->memory_directory};

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free(strings[i]);
        free_devices(c);
        free(c);
        return NULL;
}

void config_apply(const Config *c, Domain *d) {
        d->stop_method = c->stop_method;
        d->stop_timeout = (unsigned) c->stop_timeout;
        d->ready_timeout = (unsigned) c->ready_timeout;
        d->watchdog_timeout = (unsigned) c->watchdog_timeout;
        d->replay = c->replay;
}

static int fill(char **field, const char *value) {
        if (*field || !value)
                return 0;
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

/* "/dev/fuse rw": the path is quoted, because systemd would look for specifiers in it. */
static int add_device(Domain *d, const char *device) {
        Directive *directive = domain_add_directive(d, "DeviceAllow");
        const char *space = strchr(device, ' ');

        if (!directive)
                return -ENOMEM;
        directive->word = strndup(device, space ? (size_t) (space - device) : strlen(device));
        directive->value = strdup(space ? space + 1 : "");
        return directive->word && directive->value ? 0 : -ENOMEM;
}

/* In lines per second: of journald's, which counts what it drops. The template's interval is one second. */
static int add_rate_limit(Domain *d, uint64_t lines) {
        Directive *directive = domain_add_directive(d, "LogRateLimitBurst");

        if (!directive || asprintf(&directive->value, "%llu", (unsigned long long) lines) < 0)
                return -ENOMEM;
        return 0;
}

int config_complete(const Config *c, bool user_manager, Domain *d) {
        bool takes_owner = !user_manager && !d->user && !d->group; /* one's user with the other's group would be nobody's wish */
        int r;

        r = fill(&d->kernel, c->kernel);
        if (r >= 0)
                r = fill(&d->slice, c->slice);
        if (r >= 0 && takes_owner)
                r = fill(&d->user, c->user);
        if (r >= 0 && takes_owner)
                r = fill(&d->group, c->group);
        d->closed_devices = c->n_devices > 0;
        for (size_t i = 0; r >= 0 && i < c->n_devices; i++)
                r = add_device(d, c->devices[i]);
        if (r >= 0 && c->rate_limit > 0)
                r = add_rate_limit(d, c->rate_limit);
        return r;
}

/* Values */

typedef struct Setting {
        const char *section, *key;
        size_t offset, size; /* of the field */
        const char *expected;
        bool (*is_valid)(const char *value); /* of a text, which is kept as it is; else NULL */
        int (*parse)(Config *c, const struct Setting *s, const char *value); /* of others: 0, -EINVAL or -ERANGE, -ENOMEM */
        uint64_t min, max; /* for parse */
} Setting;

static void *field_of(Config *c, const Setting *s) {
        return (char *) c + s->offset;
}

static bool path_is_valid(const char *s) {
        size_t n = strlen(s);

        /* systemd cannot tell the file system that a path with ".." needs. */
        return s[0] == '/' && n < PATH_MAX && !strstr(s, "/../") && !(n >= 3 && streq(s + n - 3, "/.."));
}

/* As systemd's slice_name_is_valid(): each dash leads one level down, so no level may be empty. */
static bool slice_is_valid(const char *s) {
        static const char suffix[] = ".slice";
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\";
        size_t n = strlen(s), stem = n - strlen(suffix);

        if (n <= strlen(suffix) || n > 255 || !streq(s + stem, suffix) || s[strspn(s, allowed)])
                return false;
        if (streq(s, "-.slice"))
                return true;
        return s[0] != '-' && s[stem - 1] != '-' && !strstr(s, "--");
}

static bool owner_is_valid(const char *s) {
        return strlen(s) < 256 && s[0] != '-' && !s[strcspn(s, " :/")] && !streq(s, ".") && !streq(s, "..");
}

static int parse_method(Config *c, const Setting *s, const char *value) {
        return stop_method_from_string(value, field_of(c, s));
}

static int set_number(Config *c, const Setting *s, uint64_t n) {
        if (n < s->min || n > s->max)
                return -ERANGE;
        *(uint64_t *) field_of(c, s) = n;
        return 0;
}

static int parse_count(Config *c, const Setting *s, const char *value) {
        uint64_t n;
        int r = parse_number(value, s->max, &n);

        return r < 0 ? r : set_number(c, s, n);
}

static int parse_size(Config *c, const Setting *s, const char *value) {
        size_t digits = strspn(value, "0123456789");
        char number[24];
        unsigned shift;
        uint64_t n;
        int r;

        shift = streq(value + digits, "K") ? 10 : streq(value + digits, "M") ? 20 : 0;
        if ((shift == 0 && value[digits]) || digits >= sizeof(number))
                return -EINVAL;
        (void) snprintf(number, sizeof(number), "%.*s", (int) digits, value);
        r = parse_number(number, s->max, &n);
        return r < 0 ? r : set_number(c, s, n << shift); /* max is far below where bits would be lost */
}

static int parse_drivers(Config *c, const Setting *s, const char *value) {
        static const struct {
                const char *name;
                unsigned driver;
        } names[] = {{"none", 0}, {"dac", SECURITY_DAC}, {"selinux", SECURITY_SELINUX}, {"apparmor", SECURITY_APPARMOR}};
        _cleanup_free_ char *copy = strdup(value);
        unsigned drivers = 0, n_words = 0;
        bool none = false;
        char *rest = copy, *word;

        if (!copy)
                return -ENOMEM;
        while ((word = strsep(&rest, " "))) {
                size_t i = 0;

                if (!*word)
                        continue;
                while (i < ELEMENTSOF(names) && !streq(word, names[i].name))
                        i++;
                if (i == ELEMENTSOF(names))
                        return -EINVAL;
                drivers |= names[i].driver;
                none |= names[i].driver == 0;
                n_words++;
        }
        if (none && n_words > 1)
                return -EINVAL;
        *(unsigned *) field_of(c, s) = drivers;
        return 0;
}

/* systemd judges a device by these prefixes, too. Quotes and backslashes would have a meaning in the unit. */
static bool device_is_valid(const char *s) {
        const char *class = after_prefix(s, "char-") ?: after_prefix(s, "block-");
        const char *node = after_prefix(s, "/dev/");

        return !s[strcspn(s, "\"'\\")] && ((class && *class) || (node && *node && path_is_valid(s)));
}

/* Adds: "/dev/fuse", "/dev/fuse rw", "char-pts rw". */
static int parse_device(Config *c, const Setting *s, const char *value) {
        size_t n = strcspn(value, " ");
        const char *access = value + n + strspn(value + n, " ");
        _cleanup_free_ char *name = strndup(value, n);

        if (!name)
                return -ENOMEM;
        if (!device_is_valid(name) || access[strspn(access, "rwm")])
                return -EINVAL;
        if (grow(&c->devices, c->n_devices, sizeof(char *)) < 0)
                return -ENOMEM;
        if (asprintf(&c->devices[c->n_devices], "%s%s%s", name, *access ? " " : "", access) < 0)
                return -ENOMEM;
        c->n_devices++;
        return 0;
}

#define FIELD(f) offsetof(Config, f), sizeof(((const Config *) NULL)->f)

#define PATH "an absolute path without '..'"
#define SLICE "the name of a slice unit, as machine.slice or machine-test.slice"
#define OWNER "a name or number, without spaces, ':' and '/', that does not begin with '-'"
#define SECONDS(range) "a number of seconds from " range ", without a unit"
#define SIZE "a number of bytes, or with K or M of KiB or MiB, from 0 to 16M"
#define RATE "a number of lines per second from 1 to 1000000"
#define DRIVERS "none, or some of dac, selinux and apparmor with spaces between them"
#define DEVICE "the path of a device below /dev, char-NAME or block-NAME, and perhaps a space and which of rwm are allowed"

static const Setting settings[] = {
        {"Guest",    "Kernel",          FIELD(kernel),           PATH,                  path_is_valid},
        {"Guest",    "Slice",           FIELD(slice),            SLICE,                 slice_is_valid},
        {"Guest",    "User",            FIELD(user),             OWNER,                 owner_is_valid},
        {"Guest",    "Group",           FIELD(group),            OWNER,                 owner_is_valid},
        {"Guest",    "MemoryDirectory", FIELD(memory_directory), PATH,                  path_is_valid},
        {"Stop",     "Method",          FIELD(stop_method),      "cad or halt",         NULL, parse_method},
        {"Stop",     "TimeoutSec",      FIELD(stop_timeout),     SECONDS("0 to 86400"), NULL, parse_count, 0, TIMEOUT_MAX},
        {"Ready",    "TimeoutSec",      FIELD(ready_timeout),    SECONDS("1 to 86400"), NULL, parse_count, 1, TIMEOUT_MAX},
        {"Watchdog", "TimeoutSec",      FIELD(watchdog_timeout), SECONDS("0 to 86400"), NULL, parse_count, 0, TIMEOUT_MAX},
        {"Console",  "ReplaySize",      FIELD(replay),           SIZE,                  NULL, parse_size, 0, REPLAY_MAX},
        {"Console",  "RateLimit",       FIELD(rate_limit),       RATE,                  NULL, parse_count, 1, 1000000},
        {"Security", "Driver",          FIELD(security),         DRIVERS,               NULL, parse_drivers},
        {"Security", "DeviceAllow",     FIELD(devices),          DEVICE,                NULL, parse_device},
};

const char *config_setting(size_t i, const char **ret_section) {
        if (i >= ELEMENTSOF(settings))
                return NULL;
        *ret_section = settings[i].section;
        return settings[i].key;
}

/* To what is built in. */
static int reset(Config *c, const Setting *s) {
        Config defaults = {};
        int r;

        if (s->parse == parse_device) {
                free_devices(c);
                return 0;
        }
        r = set_defaults(&defaults);
        if (r < 0)
                return r;
        if (s->is_valid)
                free(*(char **) field_of(c, s));
        memcpy(field_of(c, s), field_of(&defaults, s), s->size);
        return 0;
}

static int set(Config *c, const Setting *s, const char *value) {
        char *copy;

        if (!*value)
                return reset(c, s);
        if (s->parse)
                return s->parse(c, s, value);
        if (!s->is_valid(value))
                return -EINVAL;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*(char **) field_of(c, s));
        *(char **) field_of(c, s) = copy;
        return 0;
}

/* One file */

typedef struct Input {
        Config *config;
        const char *path;
        const char *rest, *end; /* of the text */
        unsigned line;          /* that libinih got last */
        bool skip;              /* the section is not one of ours */
        bool seen[ELEMENTSOF(settings)]; /* in this file */
        Reporter reporter;      /* which forwards to */
        ConfigReport report;
        void *userdata;
} Input;

static void forward(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        const Input *in = userdata;

        in->report(in->userdata, severity, in->path, in->line, text);
}

#define say(in, severity, ...) reporter_say(&(in)->reporter, severity, (in)->line, 1, __VA_ARGS__)

/* "[Guest], [Stop]"; or, of one section, "Kernel=, Slice=": what could have been meant. */
static const char *list_known(const char *section, char ret[static 256]) {
        const char *last = "";
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                const Setting *s = &settings[i];

                if (n >= 256 || (section ? !streq(s->section, section) : streq(s->section, last)))
                        continue;
                last = s->section;
                n += (size_t) snprintf(ret + n, 256 - n, "%s%s%s%s", n > 0 ? ", " : "", section ? "" : "[", section ? s->key : s->section,
                                       section ? "=" : "]");
        }
        return ret;
}

static bool section_is_known(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                if (streq(settings[i].section, name))
                        return true;
        return false;
}

/* libinih says nothing of sections. It takes "[A] x" for [A], cuts long names, and leaves the keys below a header without
 * ']' to the section before. */
static bool accept_section(Input *in, const char *line) {
        _cleanup_free_ char *name = NULL;
        size_t n = strcspn(line + 1, "[]");
        const char *after;
        char known[256];

        if (!streq(line + 1 + n, "]")) {
                say(in, SEVERITY_ERROR, "'%s' is not the head of a section, [NAME]; what follows up to the next one is ignored", line);
                return false;
        }
        name = strndup(line + 1, n);
        if (!name) {
                in->reporter.out_of_memory = true;
                return false;
        }
        in->skip = !section_is_known(name);
        if (!in->skip)
                return true;

        after = after_prefix(name, "Network");
        if (after && (!*after || *after == ' '))
                say(in, SEVERITY_WARNING, "[%s]: this version has no networks; the section is ignored", name);
        else
                say(in, SEVERITY_WARNING, "unknown section [%s]; it is ignored. Known are %s", name, list_known(NULL, known));
        return false;
}

/* Control characters but for tabs, which are white space between key and value. */
static bool is_clean_line(char *s) {
        bool clean = true;
        char *tab;

        for (; clean && (tab = strchr(s, '\t')); s = tab + 1) {
                *tab = 0;
                clean = text_is_clean(s);
                *tab = '\t';
        }
        return clean && text_is_clean(s);
}

/* libinih would cut a value there, or, as others build it, would not. */
static bool has_comment(const char *s) {
        for (; *s; s++)
                if ((*s == ' ' || *s == '\t') && (s[1] == ';' || s[1] == '#'))
                        return true;
        return false;
}

/* Whether libinih may have the line: size bytes in it, without white space around them. Everything that libinih
 * understands otherwise than systemd does, or as it was built, is refused here. */
static bool accept_line(Input *in, char *line, size_t size) {
        size_t separator = strcspn(line, "=:");

        if (strlen(line) != size || !is_clean_line(line))
                say(in, SEVERITY_ERROR, "the line has a control character, or is not in UTF-8; is this a text file? The line is ignored");
        else if (has_comment(line))
                say(in, SEVERITY_ERROR, "a comment has to be on a line of its own; this line is ignored");
        else if (line[size - 1] == '\\')
                say(in, SEVERITY_ERROR, "a line cannot be continued with a backslash; this line is ignored");
        else if (line[0] == '[')
                return accept_section(in, line);
        else if (separator == 0 || line[separator] != '=')
                say(in, SEVERITY_ERROR, "'%s': expected a line of the form [Section] or Key=value, or a comment with # before it; "
                    "this line is ignored", line);
        else
                return true;
        return false;
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* What libinih reads with: one line, like fgets(). It gets an empty one in place of those that are not for it. White
 * space before a line is left out: for libinih such a line would be one more value of the key before. */
static char *read_line(char *buffer, int room, void *userdata) {
        Input *in = userdata;
        const char *line = in->rest, *newline, *end;
        size_t size, max = MIN_OF(CONFIG_LINE_MAX, (size_t) room - 2);

        if (in->rest == in->end)
                return NULL;
        newline = memchr(line, '\n', (size_t) (in->end - line));
        end = newline ?: in->end;
        in->rest = newline ? newline + 1 : in->end;
        in->line++;

        if (in->line == 1 && end - line >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
                line += 3; /* a byte order mark */
        while (line < end && is_space(*line))
                line++;
        while (line < end && is_space(end[-1]))
                end--;
        size = (size_t) (end - line);

        strcpy(buffer, "\n");
        if (size == 0 || *line == '#' || *line == ';')
                return buffer;
        if (*line == '[')
                in->skip = true; /* until its name is known */
        else if (in->skip)
                return buffer;
        if (size > max) {
                say(in, SEVERITY_ERROR, "the line has %zu bytes, of %zu that are possible; it is ignored", size, max);
                return buffer;
        }
        memcpy(buffer, line, size);
        buffer[size] = 0;
        strcpy(accept_line(in, buffer, size) ? buffer + size : buffer, "\n");
        return buffer;
}

/* What libinih calls for each line with a key. */
static int on_setting(void *userdata, const char *section, const char *key, const char *value) {
        Input *in = userdata;
        const Setting *s = settings;
        char known[256];
        int r;

        if (!key || !value)
                return 1; /* a new section, for a libinih that tells: accept_section() knew it */
        while (s < settings + ELEMENTSOF(settings) && !(streq(s->section, section) && streq(s->key, key)))
                s++;
        if (s == settings + ELEMENTSOF(settings)) {
                if (*section)
                        say(in, SEVERITY_WARNING, "unknown key %s= in [%s]; it is ignored. Known are %s", key, section,
                            list_known(section, known));
                else
                        say(in, SEVERITY_WARNING, "%s= is in no section; it is ignored. Put it below one of %s", key,
                            list_known(NULL, known));
                return 1;
        }
        if (in->seen[s - settings] && s->parse != parse_device)
                say(in, SEVERITY_WARNING, "%s= was given before in [%s] of this file; the last one counts", key, section);
        in->seen[s - settings] = true;

        r = text_is_value(value) ? set(in->config, s, value) : -EINVAL;
        if (r == -ENOMEM)
                in->reporter.out_of_memory = true;
        else if (r < 0)
                say(in, SEVERITY_ERROR, "%s='%s' in [%s]: expected %s; this line is ignored", key, value, section, s->expected);
        return 1;
}

int config_read_text(Config *c, const char *text, size_t size, const char *path, ConfigReport report, void *userdata) {
        Input in = {.config = c, .path = path, .rest = text, .end = text + size, .report = report, .userdata = userdata};
        int r;

        in.reporter = (Reporter) {.report = forward, .userdata = &in};
        r = ini_parse_stream(read_line, &in, on_setting, &in);
        if (r > 0)
                say(&in, SEVERITY_ERROR, "libinih did not understand line %d; what is it?", r); /* so accept_line() is out of date */
        in.line = 0;
        reporter_end(&in.reporter);
        return r < 0 ? -ENOMEM : reporter_result(&in.reporter);
}

/* Directories */

typedef struct Directory {
        int fd;
        const char *path;
        ConfigReport report;
        void *userdata;
} Directory;

/* Returns what config_read_directory() does then. */
static int complain(const Directory *d, const char *name, const char *reason, int error_number) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        if (asprintf(&path, "%s/%s", d->path, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (error_number && asprintf(&text, "%s (%s)", reason, strerror(error_number)) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        d->report(d->userdata, SEVERITY_ERROR, path, 0, text ?: reason);
        return -EBADMSG;
}

/* Not a link that leads to nothing: what was meant to be there is missed. */
static bool is_absent(const Directory *d, const char *name) {
        struct stat st;

        return fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int read_file(Config *c, const Directory *d, const char *name) {
        _cleanup_free_ char *text = NULL, *path = NULL;
        const char *reason = NULL;
        size_t size;
        int r;

        r = file_read(d->fd, name, CONFIG_SIZE_MAX, &text, &size, &reason);
        if (r == 1 || r == -ENOMEM)
                return r == 1 ? 0 : r;
        if (r == -EFBIG)
                reason = "it is larger than 64 KiB; is this a configuration file?";
        if (r < 0)
                return complain(d, name, reason, r == -EINVAL || r == -EFBIG ? 0 : -r);

        if (asprintf(&path, "%s/%s", d->path, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return config_read_text(c, text, size, path, d->report, d->userdata);
}

static int is_dropin(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > 5 && streq(entry->d_name + n - 5, ".conf");
}

static int compare_entry(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dropin(Config *c, const Directory *d, const char *name) {
        char path[sizeof("uml.conf.d/") + NAME_MAX];

        if (!text_is_clean(name))
                return complain(d, "uml.conf.d", "a file here has a name with control characters, or not in UTF-8; rename it", 0);
        (void) snprintf(path, sizeof(path), "uml.conf.d/%s", name);
        return read_file(c, d, path);
}

/* The worse of two results; what one file holds is no reason not to read the others. */
static int worse(int a, int b) {
        return a == -ENOMEM || b == 0 ? a : b;
}

static int read_dropins(Config *c, const Directory *d) {
        struct dirent **entries;
        int n, r = 0;

        n = scandirat(d->fd, "uml.conf.d", &entries, is_dropin, compare_entry);
        if (n < 0)
                return errno == ENOMEM ? -ENOMEM : complain(d, "uml.conf.d", "the directory cannot be read", errno);
        for (int i = 0; i < n; i++) {
                r = worse(r, read_dropin(c, d, entries[i]->d_name));
                free(entries[i]);
        }
        free(entries);
        return r;
}

int config_read_directory(Config *c, int directory, const char *path, ConfigReport report, void *userdata) {
        const Directory d = {.fd = directory, .path = path, .report = report, .userdata = userdata};
        int r = 0;

        if (!is_absent(&d, "uml.conf"))
                r = read_file(c, &d, "uml.conf");
        if (!is_absent(&d, "uml.conf.d"))
                r = worse(r, read_dropins(c, &d));
        return r;
}

/* The same by the directory's path, which may not be there, below another root. */
static int read_path(Config *c, const char *root, const char *path, ConfigReport report, void *userdata) {
        _cleanup_free_ char *below_root = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (asprintf(&below_root, "%s%s", root, path) < 0) {
                below_root = NULL;
                return -ENOMEM;
        }
        fd = open(below_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                return config_read_directory(c, fd, path, report, userdata);
        if (errno == ENOENT)
                return 0;
        return complain(&(Directory) {.path = path, .report = report, .userdata = userdata}, "uml.conf", "the directory cannot be opened", errno);
}

static int read_user(Config *c, const char *root, ConfigReport report, void *userdata) {
        char *directories[DIRECTORIES_MAX];
        size_t n;
        int r;

        r = definition_directories(true, directories, &n);
        if (r < 0)
                return r;
        if (n > 0 && directory_is_usable(directories[0]))
                r = read_path(c, root, directories[0], report, userdata);
        for (size_t i = 0; i < n; i++)
                free(directories[i]);
        return r;
}

int config_read(bool user, const char *root, ConfigReport report, void *userdata, Config **ret) {
        _cleanup_(config_freep) Config *c = config_new();
        int r;

        r = c ? read_path(c, root, CONFIG_HOST_DIRECTORY, report, userdata) : -ENOMEM;
        if (r != -ENOMEM && user)
                r = worse(r, read_user(c, root, report, userdata));
        if (r != -ENOMEM)
                *ret = TAKE_PTR(c);
        return r;
}
