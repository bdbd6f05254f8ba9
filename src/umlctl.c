/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* umlctl: definitions and command lines, one into the other, and whether they are good. Exits with 0; 1 when there was an
 * error; 2 when it was called the wrong way. */

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>

#include "config.h"
#include "definition.h"
#include "directories.h"
#include "domain-write.h"
#include "domain-xml.h"
#include "escape.h"
#include "native.h"
#include "util.h"

#define EXIT_USAGE 2
#define NATIVE_FORMAT "uml-argv"

typedef enum Option {
        OPTION_NAME = 1 << 0,
        OPTION_DIRECTORY = 1 << 1,
        OPTION_USER = 1 << 2,
        OPTION_SYSTEM = 1 << 3,
        OPTION_STRICT = 1 << 4,
        OPTION_JSON = 1 << 5,
        OPTION_HELP = 1 << 6,
        OPTION_VERSION = 1 << 7,
} Option;

/* What the program was called with. */
static struct {
        int options; /* given */
        const char *name, *directory;
        char **arguments; /* of the verb */
        int n_arguments;
} arg;

/* Messages */

typedef struct Messages {
        const char *file;
        FILE *to;
        bool json;
        unsigned n[2]; /* by severity, of all files */
} Messages;

static const char *severity_name(Severity severity) {
        return severity == SEVERITY_ERROR ? "error" : "warning";
}

/* The text is clean, and so valid UTF-8: only two characters need an escape then. */
static void put_json_string(FILE *f, const char *s) {
        putc('"', f);
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        putc('\\', f);
                putc(*s, f);
        }
        putc('"', f);
}

static void put_json(const Messages *m, const char *file, Severity severity, unsigned line, unsigned column, const char *text) {
        fputs(m->n[SEVERITY_WARNING] + m->n[SEVERITY_ERROR] == 0 ? "\n  {\"file\": " : ",\n  {\"file\": ", m->to);
        put_json_string(m->to, file);
        fprintf(m->to, ", \"line\": %u, \"column\": %u, \"severity\": \"%s\", \"message\": ",
                line, column, severity_name(severity));
        put_json_string(m->to, text);
        putc('}', m->to);
}

static void on_report(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        _cleanup_free_ char *file = NULL;
        Messages *m = userdata;

        file = strdup(m->file); /* from the command line: anything */
        if (file)
                text_make_clean(file, PATH_MAX);
        if (m->json)
                put_json(m, file ?: "", severity, line, column, text);
        else
                fprintf(m->to, "%s:%u:%u: %s: %s\n", file ?: "", line, column, severity_name(severity), text);
        m->n[severity]++;
}

static int PRINTF_LIKE(1, 2) usage_error(const char *format, ...) {
        va_list ap;

        fputs("umlctl: ", stderr);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputs("; 'umlctl --help' shows what is possible\n", stderr);
        return EXIT_USAGE;
}

/* A failure that is none of a file's. */
static int fail(int error) {
        fprintf(stderr, "umlctl: %s\n", strerror(-error));
        return EXIT_FAILURE;
}

/* Everything was written, to the last byte: a full disk is an error, too. */
static int finish(FILE *f, int status) {
        if (fflush(f) != 0 || ferror(f)) {
                fprintf(stderr, "umlctl: the output cannot be written: %m\n");
                return EXIT_FAILURE;
        }
        return status;
}

/* Files */

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool ends_in_xml(const char *path) {
        size_t n = strlen(path);

        return n > 4 && streq(path + n - 4, ".xml");
}

/* Reports what is wrong. 1: the file masks a definition. */
static int read_file(Messages *m, char **ret, size_t *ret_size) {
        const char *reason = NULL;
        int r = definition_read(AT_FDCWD, m->file, ret, ret_size, &reason);

        if (r < 0) {
                _cleanup_free_ char *s = NULL;
                bool told = r == -EINVAL || r == -EFBIG;

                if (r == -ENOENT)
                        reason = "there is no such file";
                if (asprintf(&s, told || r == -ENOENT ? "%s" : "%s (%s)", reason, strerror(-r)) < 0)
                        s = NULL;
                on_report(m, SEVERITY_ERROR, 1, 1, s ?: reason);
        }
        return r;
}

static bool is_user(void) {
        return arg.options & OPTION_USER || (!(arg.options & OPTION_SYSTEM) && geteuid() != 0);
}

/* What is wrong with uml.conf is none of the definition's faults: the generator says it. */
static void ignore_config_report(void *userdata, Severity severity, const char *path, unsigned line, const char *text) {}

/* Reads it once; NULL without memory. */
static const Config *read_config(bool user) {
        static Config *config;

        if (!config)
                (void) config_read(user, "", ignore_config_report, NULL, &config);
        return config;
}

/* The file's domain, or a negative errno when something was reported, or 1 if the file masks a definition. */
static int read_definition(Messages *m, Domain **ret) {
        _cleanup_free_ char *text = NULL, *stem = NULL;
        DomainContext context = {.user = is_user()};
        size_t size;
        int r;

        r = read_file(m, &text, &size);
        if (r != 0)
                return r;
        stem = strdup(base_name(m->file));
        if (!stem)
                return -ENOMEM;
        if (ends_in_xml(stem))
                stem[strlen(stem) - 4] = 0;
        context.stem = stem;
        context.config = read_config(context.user);
        r = context.config ? domain_read_xml(text, size, &context, on_report, m, ret) : -ENOMEM;
        if (r < 0 && r != -EBADMSG)
                on_report(m, SEVERITY_ERROR, 1, 1, strerror(-r));
        return r;
}

/* The definition that the generator would take for the guest; the caller frees it. NULL after a message. */
static char *find_definition(const char *name) {
        bool user = is_user();
        char *directories[DIRECTORIES_MAX], *found = NULL;
        size_t n;

        if (!domain_name_is_valid(name)) {
                fprintf(stderr,
                        "umlctl: '%s' is neither a file (with a slash, or .xml at the end) nor a guest: " DOMAIN_NAME_RULE "\n",
                        name);
                return NULL;
        }
        if (definition_directories(user, directories, &n) < 0) {
                (void) fail(-ENOMEM);
                return NULL;
        }
        for (size_t i = 0; i < n; i++) {
                char *path = NULL;

                if (!found && directory_is_usable(directories[i]) && asprintf(&path, "%s/%s.xml", directories[i], name) >= 0) {
                        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                                found = path;
                        else
                                free(path);
                }
        }
        if (!found) {
                fprintf(stderr, "umlctl: there is no definition of a guest %s in", name);
                for (size_t i = 0; i < n; i++)
                        fprintf(stderr, "%s %s", i > 0 ? "," : "", directories[i]);
                fprintf(stderr, "; give its file, or --%s\n", user ? "system" : "user");
        }
        for (size_t i = 0; i < n; i++)
                free(directories[i]);
        return found;
}

/* Up to one byte more than it may have. */
static int read_stdin(Messages *m, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = malloc(DEFINITION_SIZE_MAX + 1);
        size_t size;

        if (!text)
                return -ENOMEM;
        size = fread(text, 1, DEFINITION_SIZE_MAX + 1, stdin);
        if (ferror(stdin) || size > DEFINITION_SIZE_MAX) {
                on_report(m, SEVERITY_ERROR, 1, 1, size > DEFINITION_SIZE_MAX ? "it is larger than 1 MiB" : "it cannot be read");
                return -EIO;
        }
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

/* Verbs */

static int to_native(void) {
        __attribute__((cleanup(domain_freep))) Domain *d = NULL;
        _cleanup_free_ char *path = NULL;
        Messages m = {.to = stderr};
        const char *which = arg.arguments[1];
        int r;

        path = strchr(which, '/') || ends_in_xml(which) ? strdup(which) : find_definition(which);
        if (!path)
                return EXIT_FAILURE;
        m.file = path;
        r = read_definition(&m, &d);
        if (r == 1)
                on_report(&m, SEVERITY_ERROR, 1, 1, "the definition is masked: there is no such guest");
        if (!d)
                return EXIT_FAILURE;
        r = native_export(stdout, d, on_report, &m);
        return r < 0 ? fail(r) : finish(stdout, EXIT_SUCCESS);
}

static int from_native(void) {
        __attribute__((cleanup(domain_freep))) Domain *d = NULL;
        _cleanup_free_ char *text = NULL, *directory = NULL;
        Messages m = {.to = stderr, .file = arg.arguments[1]};
        NativeContext context = {.name = arg.name, .path = getenv("PATH")};
        size_t size;
        int r;

        /* One that is not on this host will do. */
        directory = arg.directory && arg.directory[0] == '/' ? strdup(arg.directory) : realpath(arg.directory ?: ".", NULL);
        if (!directory) {
                fprintf(stderr, "umlctl: the directory %s cannot be used: %m\n", arg.directory ?: ".");
                return EXIT_FAILURE;
        }
        context.directory = directory;

        if (streq(m.file, "-")) {
                m.file = "<stdin>";
                r = read_stdin(&m, &text, &size);
        } else {
                r = read_file(&m, &text, &size);
                if (r == 1)
                        on_report(&m, SEVERITY_ERROR, 1, 1, "there is no command line in it");
        }
        if (r != 0)
                return EXIT_FAILURE;
        r = native_import(text, size, &context, on_report, &m, &d);
        if (r == -EBADMSG)
                return EXIT_FAILURE;
        if (r >= 0)
                r = domain_write_xml(stdout, d);
        return r < 0 ? fail(r) : finish(stdout, EXIT_SUCCESS);
}

static int validate(void) {
        Messages m = {.to = stdout, .json = arg.options & OPTION_JSON};
        bool failed;

        if (m.json)
                putchar('[');
        for (int i = 0; i < arg.n_arguments; i++) {
                __attribute__((cleanup(domain_freep))) Domain *d = NULL;

                m.file = arg.arguments[i];
                (void) read_definition(&m, &d); /* has been reported */
        }
        if (m.json)
                puts(m.n[SEVERITY_WARNING] + m.n[SEVERITY_ERROR] > 0 ? "\n]" : "]");
        failed = m.n[SEVERITY_ERROR] > 0 || (arg.options & OPTION_STRICT && m.n[SEVERITY_WARNING] > 0);
        return finish(stdout, failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int help(void) {
        puts("umlctl [OPTION...] VERB ARGUMENT...\n"
             "Definitions of User Mode Linux guests, see uml.xml(5).\n"
             "\n"
             "domxml-to-native uml-argv FILE|NAME\n"
             "  Prints the guest's kernel command line, for a shell.\n"
             "     --system         NAME is one of the system's guests (root's default)\n"
             "     --user           NAME is one of the user's guests (others' default)\n"
             "domxml-from-native uml-argv FILE|-\n"
             "  Prints the definition of the guest that such a command line starts.\n"
             "     --name=NAME      what the guest is called, whatever umid= says\n"
             "     --directory=DIR  what relative paths begin at, if not here\n"
             "validate FILE...\n"
             "  Prints what is wrong with definitions.\n"
             "     --system, --user as above: whose uml.conf counts\n"
             "     --strict         fail if there is a warning, too\n"
             "     --json           print a JSON array of the messages\n"
             "\n"
             "  -h --help           print this\n"
             "     --version        print the version\n"
             "\n"
             "Exit status: 0, 1 after an error, 2 if it was called the wrong way.");
        return finish(stdout, EXIT_SUCCESS);
}

static const struct {
        const char *name;
        bool native; /* the first argument is the format */
        int min, max; /* arguments */
        int options;  /* that have a meaning for it */
        int (*run)(void);
} verbs[] = {
        {"domxml-to-native",   true,  2, 2,       OPTION_USER | OPTION_SYSTEM,    to_native},
        {"domxml-from-native", true,  2, 2,       OPTION_NAME | OPTION_DIRECTORY, from_native},
        {"validate",           false, 1, INT_MAX, OPTION_STRICT | OPTION_JSON | OPTION_USER | OPTION_SYSTEM, validate},
};

static const struct option options[] = {
        {"name",      required_argument, NULL, OPTION_NAME},
        {"directory", required_argument, NULL, OPTION_DIRECTORY},
        {"user",      no_argument,       NULL, OPTION_USER},
        {"system",    no_argument,       NULL, OPTION_SYSTEM},
        {"strict",    no_argument,       NULL, OPTION_STRICT},
        {"json",      no_argument,       NULL, OPTION_JSON},
        {"help",      no_argument,       NULL, OPTION_HELP},
        {"version",   no_argument,       NULL, OPTION_VERSION},
        {},
};

static bool parse_options(int argc, char *argv[]) {
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (c == '?')
                        return false;
                if (c == 'h')
                        c = OPTION_HELP;
                if (c == OPTION_NAME)
                        arg.name = optarg;
                if (c == OPTION_DIRECTORY)
                        arg.directory = optarg;
                arg.options |= c;
        }
        return true;
}

static int run_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (!streq(name, verbs[i].name))
                        continue;
                if (arg.n_arguments < verbs[i].min || arg.n_arguments > verbs[i].max)
                        return usage_error("%s: wrong number of arguments", name);
                if (verbs[i].native && !streq(arg.arguments[0], NATIVE_FORMAT))
                        return usage_error("%s: format '%s' is not known; there is " NATIVE_FORMAT, name, arg.arguments[0]);
                if (arg.options & ~verbs[i].options)
                        return usage_error("%s: an option that is none of this verb's", name);
                return verbs[i].run();
        }
        return usage_error("verb '%s' is not known", name);
}

int main(int argc, char *argv[]) {
        if (!parse_options(argc, argv))
                return usage_error("wrong option");
        if (arg.options & OPTION_HELP)
                return help();
        if (arg.options & OPTION_VERSION) {
                puts("umlctl " PROJECT_VERSION);
                return finish(stdout, EXIT_SUCCESS);
        }
        if ((arg.options & OPTION_USER) && (arg.options & OPTION_SYSTEM))
                return usage_error("--user and --system exclude each other");
        if (optind >= argc)
                return usage_error("a verb is missing");
        arg.arguments = argv + optind + 1;
        arg.n_arguments = argc - optind - 1;
        return run_verb(argv[optind]);
}
