/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* uml-generator: reads every definition, writes for each guest a drop-in of uml@NAME.service, and for all of them one of
 * uml.target. The manager runs it in early boot and in each daemon-reload, and waits for it: no NSS, no processes, no
 * sockets, no look at disk images (their file systems may not be mounted yet), no fsync. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "config.h"
#include "definition.h"
#include "directories.h"
#include "domain-xml.h"
#include "escape.h"
#include "log.h"
#include "output.h"
#include "unit.h"
#include "util.h"

/* Where an autostart link leads; the manager goes by its name alone. */
#define TEMPLATE_PATH(user) ((user) ? USER_UNIT_DIR "/uml@.service" : SYSTEM_UNIT_DIR "/uml@.service")

#define UNIT_SIZE_MAX (1024U * 1024U) /* LONG_LINE_MAX of systemd; a command line is one line to it, however it is written */

/* Where definitions are; the first directory that has a name wins. */
typedef struct Directory {
        char *path; /* as the user knows it */
        int fd;     /* -EBADF if it is not there */
} Directory;

typedef struct Guest {
        char *name;
        const Directory *directory;
} Guest;

typedef struct Run {
        const char *root; /* $UML_GENERATOR_ROOT, for tests and images; else "" */
        bool user;
        int output;
        char *seed; /* of UUIDs */
        Config *config;
        Directory directories[DIRECTORIES_MAX];
        size_t n_directories;
        Guest *guests;
        size_t n_guests;
        bool failed;
} Run;

static void PRINTF_LIKE(3, 4) complain(Run *run, int level, const char *format, ...) {
        _cleanup_free_ char *line = NULL;
        va_list ap;
        int n;

        if (level <= LOG_ERR)
                run->failed = true;

        va_start(ap, format);
        n = vasprintf(&line, format, ap);
        va_end(ap);
        if (n < 0)
                line = NULL;
        log_line(level, line ?: "uml-generator: out of memory");
}

/* Directories */

static int open_below_root(const Run *run, const char *path, int flags) {
        _cleanup_free_ char *p = NULL;
        int fd;

        if (asprintf(&p, "%s%s", run->root, path) < 0) {
                p = NULL;
                return -ENOMEM;
        }
        fd = open(p, flags | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

/* Takes the path. */
static void add_directory(Run *run, char *path) {
        Directory *d = &run->directories[run->n_directories];

        if (!directory_is_usable(path)) {
                complain(run, LOG_ERR, "uml-generator: a directory of definitions has a name that no unit file can hold; it is not searched");
                free(path);
                return;
        }
        run->n_directories++;
        *d = (Directory) {.path = path, .fd = open_below_root(run, path, O_RDONLY | O_DIRECTORY)};
        if (d->fd < 0 && d->fd != -ENOENT)
                complain(run, LOG_ERR, "%s: error: the directory cannot be opened: %s", d->path, strerror(-d->fd));
}

static int find_directories(Run *run) {
        char *paths[DIRECTORIES_MAX];
        size_t n = 0;
        int r;

        r = definition_directories(run->user, paths, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                add_directory(run, paths[i]);
        return 0;
}

static int compare_guest(const void *a, const void *b) {
        return strcmp(((const Guest *) a)->name, ((const Guest *) b)->name);
}

/* Among the first n, which are sorted. */
static const Guest *find_guest(const Run *run, const char *name, size_t n) {
        const Guest key = {.name = (char *) name};

        return n > 0 ? bsearch(&key, run->guests, n, sizeof(Guest), compare_guest) : NULL;
}

static int add_guest(Run *run, size_t n_of_earlier_directories, const Directory *directory, const char *stem) {
        Guest *g;

        if (find_guest(run, stem, n_of_earlier_directories))
                return 0; /* overridden */
        if (grow(&run->guests, run->n_guests, sizeof(Guest)) < 0)
                return -ENOMEM;
        g = &run->guests[run->n_guests];
        *g = (Guest) {.name = strdup(stem), .directory = directory};
        if (!g->name)
                return -ENOMEM;
        run->n_guests++;
        return 0;
}

static int is_definition(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > 4 && streq(entry->d_name + n - 4, ".xml");
}

static int add_file(Run *run, size_t earlier, const Directory *directory, const char *name) {
        char stem[NAME_MAX + 1];

        (void) snprintf(stem, sizeof(stem), "%.*s", (int) strlen(name) - 4, name);
        if (domain_name_is_valid(stem))
                return add_guest(run, earlier, directory, stem);
        if (text_is_clean(name))
                complain(run, LOG_ERR, "%s/%s: error: " DOMAIN_NAME_RULE "; rename the file", directory->path, name);
        else
                complain(run, LOG_ERR, "%s: error: a file here has a name with control characters, or not in UTF-8; rename it", directory->path);
        return 0;
}

static int compare_entry(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls the function for each *.xml of a directory, in order; earlier is for the function. */
static int for_each_file(Run *run, const Directory *directory, const char *subdirectory, size_t earlier,
                         int (*function)(Run *, size_t, const Directory *, const char *)) {
        struct dirent **entries;
        int n, r = 0;

        n = scandirat(directory->fd, subdirectory, &entries, is_definition, compare_entry);
        if (n < 0)
                return negative_errno();
        for (int i = 0; i < n; i++) {
                int k = function(run, earlier, directory, entries[i]->d_name);

                if (k < 0) /* told at the end; the others' turn comes all the same */
                        r = k;
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int list_directory(Run *run, const Directory *directory) {
        int r = for_each_file(run, directory, ".", run->n_guests, add_file);

        if (run->n_guests > 0)
                qsort(run->guests, run->n_guests, sizeof(Guest), compare_guest);
        return r;
}

/* What one directory holds is no reason to give up the others' guests. */
static void list_directories(Run *run) {
        for (size_t i = 0; i < run->n_directories; i++) {
                const Directory *d = &run->directories[i];
                int r = d->fd >= 0 ? list_directory(run, d) : 0;

                if (r < 0)
                        complain(run, LOG_ERR, "%s: error: the directory cannot be read: %s", d->path, strerror(-r));
        }
}

/* One guest */

typedef struct Messages {
        Run *run;
        const char *source;
        char **errors; /* each with its place */
        size_t n_errors;
} Messages;

static void add_error(Messages *m, char *line) {
        if (!line || grow(&m->errors, m->n_errors, sizeof(char *)) < 0)
                free(line);
        else
                m->errors[m->n_errors++] = line;
}

static void on_report(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        bool is_error = severity == SEVERITY_ERROR;
        Messages *m = userdata;
        char *s;

        if (asprintf(&s, "%s:%u:%u: %s: %s", m->source, line, column, is_error ? "error" : "warning", text) < 0)
                s = NULL;
        complain(m->run, is_error ? LOG_ERR : LOG_WARNING, "%s", s ?: "uml-generator: out of memory");
        if (is_error)
                add_error(m, s);
        else
                free(s);
}

static int write_dropin(Run *run, const Guest *g, const Domain *d, Messages *m) {
        _cleanup_free_ char *text = NULL;
        char subdirectory[DOMAIN_NAME_MAX + 32];
        size_t size = 0;
        FILE *f;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        r = d ? unit_write(f, d, m->source, run->user) : unit_write_refused(f, m->source, m->errors, m->n_errors);
        if ((fclose(f) != 0 || !text) && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        if (d && size >= UNIT_SIZE_MAX) {
                on_report(m, SEVERITY_ERROR, 1, 1, "the guest's unit would be larger than 1 MiB, of which systemd reads lines; shorten paths and options");
                return write_dropin(run, g, NULL, m);
        }

        (void) snprintf(subdirectory, sizeof(subdirectory), "uml@%s.service.d", g->name);
        return output_file(run->output, subdirectory, "50-domain.conf", text, size);
}

/* Returns 1 if there is no such guest, because its definition is masked. */
static int read_guest(const Guest *g, Messages *m, Domain **ret) {
        char filename[DOMAIN_NAME_MAX + 8];
        _cleanup_free_ char *text = NULL;
        const char *reason = NULL;
        size_t size;
        int r;

        (void) snprintf(filename, sizeof(filename), "%s.xml", g->name);
        r = definition_read(g->directory->fd, filename, &text, &size, &reason);
        if (r < 0) {
                _cleanup_free_ char *s = NULL;

                if (r == -EINVAL || r == -EFBIG || asprintf(&s, "%s (%s)", reason, strerror(-r)) < 0)
                        s = NULL;
                on_report(m, SEVERITY_ERROR, 1, 1, s ?: reason);
        }
        if (r != 0)
                return r;
        return domain_read_xml(text, size, &(DomainContext) {.stem = g->name, .user = m->run->user, .config = m->run->config}, on_report, m, ret);
}

/* Returns 1 if the guest is masked, else 0, or a negative errno that was not reported yet. */
static int generate_guest(Run *run, const Guest *g) {
        __attribute__((cleanup(domain_freep))) Domain *d = NULL;
        _cleanup_free_ char *source = NULL;
        Messages m = {.run = run};
        int r;

        if (asprintf(&source, "%s/%s.xml", g->directory->path, g->name) < 0) {
                source = NULL;
                return -ENOMEM;
        }
        m.source = source;

        r = read_guest(g, &m, &d);
        if (r == 1)
                return r;
        if (r < 0 && m.n_errors == 0)
                on_report(&m, SEVERITY_ERROR, 1, 1, strerror(-r));
        if (d)
                domain_default_uuid(d, run->seed);

        r = write_dropin(run, g, d, &m);
        for (size_t i = 0; i < m.n_errors; i++)
                free(m.errors[i]);
        free(m.errors);
        return r;
}

/* Autostart: libvirt's convention is a link of the definition's name, in autostart/ beside the definitions. It counts if
 * it leads to the definition that is in force. */
static int generate_link(Run *run, size_t unused, const Directory *config, const char *name) {
        char unit[DOMAIN_NAME_MAX + 32], path[sizeof("autostart/") + NAME_MAX], stem[NAME_MAX + 1];
        struct stat of_link, of_definition;
        const Guest *g;

        (void) snprintf(stem, sizeof(stem), "%.*s", (int) strlen(name) - 4, name);
        (void) snprintf(path, sizeof(path), "autostart/%s", name);
        g = find_guest(run, stem, run->n_guests);
        if (!g) {
                complain(run, LOG_WARNING, "%s/autostart: warning: %s is the name of no guest; nothing is started for it", config->path,
                         text_is_clean(name) ? name : "a link here");
                return 0;
        }
        if (fstatat(config->fd, path, &of_link, 0) < 0) {
                complain(run, LOG_WARNING, "%s/%s: warning: the link leads to nothing; the guest is not started at boot", config->path, path);
                return 0;
        }
        if (fstatat(g->directory->fd, name, &of_definition, 0) < 0 || of_link.st_dev != of_definition.st_dev ||
            of_link.st_ino != of_definition.st_ino) {
                complain(run, LOG_WARNING, "%s/%s: warning: this is no link to %s/%s; the guest is not started at boot", config->path, path,
                         g->directory->path, name);
                return 0;
        }
        (void) snprintf(unit, sizeof(unit), "uml@%s.service", g->name);
        return output_link(run->output, "uml.target.wants", unit, TEMPLATE_PATH(run->user));
}

static void generate_autostart(Run *run) {
        const Directory *config = &run->directories[0];
        int r;

        if (run->n_directories == 0 || config->fd < 0)
                return;
        r = for_each_file(run, config, "autostart", 0, generate_link);
        if (r < 0 && r != -ENOENT)
                complain(run, LOG_ERR, "%s/autostart: error: the links in it cannot be read, or not be made for the manager: %s", config->path,
                         strerror(-r));
}

static int generate_target(Run *run) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f;

        if (run->n_guests == 0)
                return 0;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        fputs("# Made by uml-generator(8). The target names every guest, so that the manager knows them all:\n"
              "# `systemctl list-units --all 'uml@*'` shows them.\n"
              "[Unit]\n", f);
        for (size_t i = 0; i < run->n_guests; i++)
                fprintf(f, "After=uml@%s.service\n", run->guests[i].name);
        if (fclose(f) != 0 || !text)
                return -ENOMEM;
        return output_file(run->output, "uml.target.d", "50-domains.conf", text, size);
}

static void generate(Run *run) {
        size_t kept = 0;
        int r;

        for (size_t i = 0; i < run->n_guests; i++) {
                Guest *g = &run->guests[i];

                r = generate_guest(run, g);
                if (r == 1) {
                        free(g->name);
                        continue;
                }
                run->guests[kept++] = *g;
                if (r < 0)
                        complain(run, LOG_ERR, "%s/%s.xml: error: the unit's configuration cannot be written: %s",
                                 run->guests[kept - 1].directory->path, run->guests[kept - 1].name, strerror(-r));
        }
        run->n_guests = kept;

        generate_autostart(run);
        r = generate_target(run);
        if (r < 0)
                complain(run, LOG_ERR, "uml-generator: uml.target's configuration cannot be written: %s", strerror(-r));
}

/* Defaults for all guests: the host's, then the user's. */

static void on_config_report(void *userdata, Severity severity, const char *path, unsigned line, const char *text) {
        bool is_error = severity == SEVERITY_ERROR;

        if (line > 0)
                complain(userdata, is_error ? LOG_ERR : LOG_WARNING, "%s:%u: %s: %s", path, line, is_error ? "error" : "warning", text);
        else
                complain(userdata, is_error ? LOG_ERR : LOG_WARNING, "%s: %s: %s", path, is_error ? "error" : "warning", text);
}

static int read_config(Run *run) {
        int r = config_read(run->user, run->root, on_config_report, run, &run->config);

        return r == -ENOMEM ? r : 0; /* what else was wrong has been told, and the rest counts */
}

/* What makes a default UUID this host's, or this user's: the machine ID, with the user's number. */
static int read_seed(Run *run) {
        char id[33] = "";
        int fd = open_below_root(run, "/etc/machine-id", O_RDONLY | O_NOCTTY);

        if (fd >= 0) {
                ssize_t n = read(fd, id, sizeof(id) - 1);

                id[n > 0 ? n : 0] = 0;
                id[strcspn(id, "\n")] = 0;
                safe_close(fd);
        }
        if (asprintf(&run->seed, "%s/%ld", id, run->user ? (long) getuid() : -1L) < 0)
                return -ENOMEM;
        return 0;
}

static void run_done(Run *run) {
        for (size_t i = 0; i < run->n_guests; i++)
                free(run->guests[i].name);
        free(run->guests);
        for (size_t i = 0; i < run->n_directories; i++) {
                safe_close(run->directories[i].fd);
                free(run->directories[i].path);
        }
        config_free(run->config);
        free(run->seed);
        safe_close(run->output);
}

int main(int argc, char *argv[]) {
        const char *scope = getenv("SYSTEMD_SCOPE"), *root = getenv("UML_GENERATOR_ROOT");
        Run run = {.root = root ?: "", .user = scope && streq(scope, "user"), .output = -EBADF};
        int r;

        log_to_kmsg(!run.user && !root);

        if (argc != 2 && argc != 4) {
                complain(&run, LOG_ERR, "uml-generator: this is a systemd.generator(7): it is called with one or three directories");
                return EXIT_FAILURE;
        }
        run.output = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (run.output < 0) {
                complain(&run, LOG_ERR, "%s: error: the output directory cannot be opened: %m", argv[1]);
                return EXIT_FAILURE;
        }

        r = find_directories(&run);
        if (r >= 0)
                r = read_seed(&run);
        if (r >= 0)
                r = read_config(&run);
        if (r < 0)
                complain(&run, LOG_ERR, "uml-generator: %s", strerror(-r));
        else {
                list_directories(&run);
                generate(&run);
        }

        run_done(&run);
        return run.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
