/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "test.h"

#include "config.h"

static char messages[32768];

static void on_report(void *userdata, Severity severity, const char *path, unsigned line, const char *text) {
        size_t n = strlen(messages);
        char number[16] = "";

        if (line > 0)
                (void) snprintf(number, sizeof(number), "%u:", line);
        (void) snprintf(messages + n, sizeof(messages) - n, "%s:%s %s: %s\n", path, number, severity == SEVERITY_ERROR ? "error" : "warning", text);
}

static int read_sized(Config *c, const char *text, size_t size) {
        int r;

        messages[0] = 0;
        r = config_read_text(c, text, size, "f", on_report, NULL);
        assert_int_equal(r, strstr(messages, "error:") ? -EBADMSG : 0);
        return r;
}

static Config *read_text(const char *text) {
        Config *c = config_new();

        assert_non_null(c);
        (void) read_sized(c, text, strlen(text));
        return c;
}

static Config *read_good(const char *text) {
        Config *c = read_text(text);

        assert_string_equal(messages, "");
        return c;
}

/* The one message that a text gives; want may be its beginning. */
static void complains(const char *text, const char *want) {
        Config *c = read_text(text);

        if (strncmp(messages, want, strlen(want)) != 0 || strchr(messages, '\n') != messages + strlen(messages) - 1)
                fail_msg("%s\ngives '%s', not '%s'", text, messages, want);
        config_free(c);
}

#define ALL "# Comment\n; comment\n\n" \
        "[Guest]\nKernel=/usr/bin/linux.uml\nSlice = machine-test.slice\n  User=uml\n\tGroup\t=\t107\t\nMemoryDirectory=/var/lib/a b%i\n" \
        "[Stop]\r\nMethod=halt\r\nTimeoutSec=0\r\n" \
        "[Ready]\nTimeoutSec=86400\n[Watchdog]\nTimeoutSec=45\n[Console]\nReplaySize=16M\nRateLimit=1000000\n" \
        "[Security]\nDriver=selinux  dac\nDeviceAllow=/dev/fuse   rw\nDeviceAllow=char-pts\nDeviceAllow=block-* r"

static void assert_all(const Config *c) {
        assert_string_equal(c->kernel, "/usr/bin/linux.uml");
        assert_string_equal(c->slice, "machine-test.slice");
        assert_string_equal(c->user, "uml");
        assert_string_equal(c->group, "107");
        assert_string_equal(c->memory_directory, "/var/lib/a b%i");
        assert_int_equal(c->stop_method, STOP_HALT);
        assert_int_equal(c->stop_timeout, 0);
        assert_int_equal(c->ready_timeout, 86400);
        assert_int_equal(c->watchdog_timeout, 45);
        assert_int_equal(c->replay, 16 << 20);
        assert_int_equal(c->rate_limit, 1000000);
        assert_int_equal(c->security, SECURITY_DAC | SECURITY_SELINUX);
        assert_int_equal(c->n_devices, 3);
        assert_string_equal(c->devices[0], "/dev/fuse rw");
        assert_string_equal(c->devices[1], "char-pts");
        assert_string_equal(c->devices[2], "block-* r");
}

static void assert_defaults(const Config *c) {
        Domain *d = domain_new();

        assert_null(c->kernel);
        assert_null(c->slice);
        assert_null(c->user);
        assert_null(c->group);
        assert_null(c->memory_directory);
        assert_int_equal(c->stop_method, d->stop_method);
        assert_int_equal(c->stop_timeout, d->stop_timeout);
        assert_int_equal(c->ready_timeout, d->ready_timeout);
        assert_int_equal(c->watchdog_timeout, 0);
        assert_int_equal(c->replay, d->replay);
        assert_int_equal(c->rate_limit, 0);
        assert_int_equal(c->security, SECURITY_ALL);
        assert_int_equal(c->n_devices, 0);
        domain_free(d);
}

static void test_good(void **state) {
        Config *c = read_good(ALL);

        assert_all(c);
        config_free(c);
        c = read_good("\xef\xbb\xbf" ALL);
        assert_all(c);
        config_free(c);
}

static void test_defaults(void **state) {
        Config *c = read_good("");

        assert_defaults(c);
        config_free(c);
}

static void test_reset(void **state) {
        static const char empty[] = "[Guest]\nKernel=\nSlice=\nUser=\nGroup=\nMemoryDirectory=\n[Stop]\nMethod=\nTimeoutSec=\n[Ready]\nTimeoutSec= \n[Watchdog]\nTimeoutSec=\n"
                                    "[Console]\nReplaySize=\nRateLimit=\n[Security]\nDriver=\nDeviceAllow=\n";
        Config *c = read_good(ALL);

        assert_int_equal(read_sized(c, empty, strlen(empty)), 0);
        assert_string_equal(messages, "");
        assert_defaults(c);
        config_free(c);
}

static void test_later(void **state) {
        static const char later[] = "[Guest]\nKernel=/other\n[Security]\nDriver=none\nDeviceAllow=/dev/kvm\n";
        Config *c = read_good(ALL);

        assert_int_equal(read_sized(c, later, strlen(later)), 0);
        assert_string_equal(c->kernel, "/other");
        assert_string_equal(c->slice, "machine-test.slice");
        assert_int_equal(c->security, 0);
        assert_int_equal(c->n_devices, 4);
        assert_string_equal(c->devices[3], "/dev/kvm");
        config_free(c);

        c = read_good("[Security]\nDeviceAllow=/dev/a\nDeviceAllow=\nDeviceAllow=/dev/b\n");
        assert_int_equal(c->n_devices, 1);
        assert_string_equal(c->devices[0], "/dev/b");
        config_free(c);
}

static void test_sizes(void **state) {
        static const struct {
                const char *text;
                uint64_t size;
        } sizes[] = {{"0", 0}, {"0K", 0}, {"65537", 65537}, {"64K", 65536}, {"1M", 1 << 20}, {"16384K", 16 << 20}, {"16777216", 16 << 20}};

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                char text[64];
                Config *c;

                (void) snprintf(text, sizeof(text), "[Console]\nReplaySize=%s\n", sizes[i].text);
                c = read_good(text);
                assert_int_equal(c->replay, sizes[i].size);
                config_free(c);
        }
}

static void test_wrong_values(void **state) {
        static const struct {
                const char *section, *key, *expected;
                const char *values[16];
        } wrong[] = {
                {"Guest", "Kernel", "an absolute path", {"linux", "./x", "/a/../b", "/..", "\"/x\"", "/a\tb", "~/x"}},
                {"Guest", "MemoryDirectory", "an absolute path", {"tmp", "$HOME"}},
                {"Guest", "Slice", "the name of a slice", {"machine", ".slice", "a-.slice", "-a.slice", "a--b.slice", "a/b.slice", "a@b.slice",
                                                           "a b.slice", "a.service", "a.slice.d", "%p.slice", "\xc3\xa4.slice"}},
                {"Guest", "User", "a name or number", {"a b", "a:b", "a/b", "-1", ".", ".."}},
                {"Guest", "Group", "a name or number", {"uml,kvm x"}},
                {"Stop", "Method", "cad or halt", {"Halt", "kill", "cad halt", "0"}},
                {"Stop", "TimeoutSec", "a number of seconds from 0", {"-1", "86401", "1min", "90s", "1.5", "0x10", "infinity", "99999999999999999999999"}},
                {"Watchdog", "TimeoutSec", "a number of seconds from 0", {"-1", "86401", "1min"}},
                {"Ready", "TimeoutSec", "a number of seconds from 1", {"0", "86401", "+5", "1 2"}},
                {"Console", "ReplaySize", "a number of bytes", {"17M", "16777217", "16385K", "1G", "K", "M", "1k", "1KiB", "1 K", "-1", "1KK",
                                                                "18446744073709551616", "00000000000000000000000000001"}},
                {"Console", "RateLimit", "a number of lines", {"0", "1000001", "100/s", "1K"}},
                {"Security", "Driver", "none, or some", {"none dac", "all", "dac,selinux", "DAC", "smack"}},
                {"Security", "DeviceAllow", "the path of a device", {"/etc/passwd", "fuse", "/dev/", "/dev/../x", "/dev/x rwx", "/dev/x r w", "char-",
                                                                     "block- r", "\"/dev/x\"", "/dev/'x'", "/dev/a\\x20b", "/dev/x\trw"}},
        };
        char text[512], want[512];

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                for (const char *const *value = wrong[i].values; *value; value++) {
                        char shown[64];

                        (void) snprintf(shown, sizeof(shown), "%s", *value);
                        for (char *p = shown; *p; p++)
                                if (*p == '\t')
                                        *p = '?';
                        (void) snprintf(text, sizeof(text), "\n[%s]\n%s=%s\n", wrong[i].section, wrong[i].key, *value);
                        (void) snprintf(want, sizeof(want), "f:3: error: %s='%s' in [%s]: expected %s", wrong[i].key, shown, wrong[i].section,
                                        wrong[i].expected);
                        complains(text, want);
                }
}

static void test_keeps(void **state) {
        static const char wrong[] = "[Guest]\nKernel=x\nSlice=x\nUser=a b\nGroup=:\nMemoryDirectory=x\n[Stop]\nMethod=x\nTimeoutSec=x\n[Ready]\nTimeoutSec=0\n"
                                    "[Console]\nReplaySize=x\nRateLimit=x\n[Security]\nDriver=x\nDeviceAllow=x\n";
        Config *c = read_good(ALL);

        assert_int_equal(read_sized(c, wrong, strlen(wrong)), -EBADMSG);
        assert_all(c);
        config_free(c);
}

/* Each of these is understood otherwise by libinih alone. */
static void test_lines(void **state) {
        Config *c;

        complains("[Guest]\nKernel=/a ;x\n", "f:2: error: a comment has to be on a line of its own");
        complains("[Guest]\nKernel=/a\t# x\n", "f:2: error: a comment has to be on a line of its own");
        complains("[Guest]\nKernel: /a\n", "f:2: error: 'Kernel: /a': expected a line of the form");
        complains("[Guest]\nKernel\n", "f:2: error: 'Kernel': expected a line of the form");
        complains("[Guest]\n=/a\n", "f:2: error: '=/a': expected a line of the form");
        complains("[Guest]\nKernel=/a\\\n", "f:2: error: a line cannot be continued");
        complains("Kernel=/a\n", "f:1: warning: Kernel= is in no section; it is ignored. Put it below one of [Guest], [Stop], [Ready], [Watchdog], [Console], [Security]\n");
        complains("[Stop]\nKernel=/a\n", "f:2: warning: unknown key Kernel= in [Stop]; it is ignored. Known are Method=, TimeoutSec=\n");
        complains("[Guest]\nkernel=/a\n", "f:2: warning: unknown key kernel= in [Guest]");
        complains("[guest]\nKernel=/a\nnonsense\n", "f:1: warning: unknown section [guest]; it is ignored. Known are [Guest]");
        complains("[]\nKernel=/a\n", "f:1: warning: unknown section []; it is ignored");
        complains("[Network lan]\nBridge=br0\n", "f:1: warning: [Network lan]: this version has no networks");
        complains("[Network]\n", "f:1: warning: [Network]: this version has no networks");
        complains("[Networks]\n", "f:1: warning: unknown section [Networks]");

        /* These are not the value's continuation. */
        c = read_good("[Guest]\nKernel=/a\n  Slice=b.slice\n");
        assert_string_equal(c->kernel, "/a");
        assert_string_equal(c->slice, "b.slice");
        config_free(c);
        complains("[Security]\nDeviceAllow=/dev/a\n  /dev/b\n", "f:3: error: '/dev/b': expected a line of the form");
}

static void test_broken_section(void **state) {
        static const char *const heads[] = {"[Stop", "[Stop] x", "[[Stop]]", "[Stop]]", "[Stop] ;x", "[St\001op]", "[St\xffop]", "[Stop]\\"};

        for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
                char text[128];
                Config *c;

                (void) snprintf(text, sizeof(text), "[Ready]\nTimeoutSec=5\n%s\nTimeoutSec=7\nx\n[Guest]\nUser=a\n", heads[i]);
                c = read_text(text);
                assert_int_equal(strncmp(messages, "f:3: error: ", 12), 0);
                assert_ptr_equal(strchr(messages, '\n'), messages + strlen(messages) - 1);
                assert_int_equal(c->ready_timeout, 5);
                assert_int_equal(c->stop_timeout, 60);
                assert_string_equal(c->user, "a");
                config_free(c);
        }
}

static void test_twice(void **state) {
        Config *c = read_text("[Stop]\nTimeoutSec=1\n[Ready]\nTimeoutSec=2\n[Stop]\nTimeoutSec=3\n");

        assert_string_equal(messages, "f:6: warning: TimeoutSec= was given before in [Stop] of this file; the last one counts\n");
        assert_int_equal(c->stop_timeout, 3);
        assert_int_equal(c->ready_timeout, 2);
        config_free(c);
}

static void test_long_lines(void **state) {
        char text[1200], path[1000];
        Config *c;

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        for (size_t n = CONFIG_LINE_MAX - 9; n <= CONFIG_LINE_MAX + 9; n++) {
                bool fits = strlen("Kernel=") + n <= CONFIG_LINE_MAX;

                (void) snprintf(text, sizeof(text), "[Guest]\n   Kernel=%.*s  \nUser=u\n", (int) n, path);
                c = read_text(text);
                assert_int_equal(c->kernel && strlen(c->kernel) == n, fits);
                assert_int_equal(strncmp(messages, "f:2: error: the line has ", 25) == 0, !fits);
                assert_int_equal(!*messages, fits);
                assert_string_equal(c->user, "u");
                config_free(c);
        }

        /* libinih alone would find keys in the middle of these. */
        for (size_t n = 150; n < 250; n++) {
                (void) snprintf(text, sizeof(text), "#%.*s Kernel=/x\n[Guest]\nUser=%.*s Kernel=/x\n", (int) n, path, 250, path);
                c = read_text(text);
                assert_null(c->kernel);
                assert_null(c->user);
                assert_int_equal(strncmp(messages, "f:3: error: the line has ", 25), 0);
                config_free(c);
        }
        (void) snprintf(text, sizeof(text), "[Guest]\nUser=a\n[%.*s]\nUser=b\n", 300, path);
        c = read_text(text);
        assert_string_equal(messages, "f:3: error: the line has 302 bytes, of 198 that are possible; it is ignored\n");
        assert_string_equal(c->user, "a");
        config_free(c);
}

static void test_binary(void **state) {
        static const char text[] = "[Guest]\nUs\0er=a\nGroup=\xff\n#\xff\001\nKernel=/a\001\nSlice=a\vb.slice\nUser=b\xc2\x9b\nMemoryDirectory=/x\f\n\0\nGroup=g";
        Config *c = config_new();
        unsigned n = 0;

        assert_int_equal(read_sized(c, text, sizeof(text) - 1), -EBADMSG);
        for (const char *p = messages; (p = strstr(p, "the line has a control character, or is not in UTF-8")); p++)
                n++;
        assert_int_equal(n, 7);
        assert_null(strpbrk(messages, "\xff\001\v\f"));
        assert_null(c->kernel);
        assert_string_equal(c->group, "g");
        config_free(c);
}

static void test_many_messages(void **state) {
        _cleanup_free_ char *text = calloc(1, 8192);
        Config *c;

        for (unsigned i = 0; i < 3000; i++)
                strcpy(text + 2 * i, "x\n");
        c = read_text(text);
        assert_non_null(strstr(messages, "f:50: error:"));
        assert_null(strstr(messages, "f:51: error:"));
        assert_non_null(strstr(messages, "f: error: and 2950 more errors about this file\n"));
        config_free(c);
}

static void test_apply(void **state) {
        Config *c = read_good(ALL);
        Domain *d = domain_new();

        config_apply(c, d);
        assert_int_equal(d->stop_method, STOP_HALT);
        assert_int_equal(d->stop_timeout, 0);
        assert_int_equal(d->ready_timeout, 86400);
        assert_int_equal(d->replay, 16 << 20);
        assert_null(d->kernel);

        assert_int_equal(config_complete(c, false, d), 0);
        assert_string_equal(d->kernel, "/usr/bin/linux.uml");
        assert_string_equal(d->slice, "machine-test.slice");
        assert_string_equal(d->user, "uml");
        assert_string_equal(d->group, "107");
        assert_int_equal(d->n_directives, 4); /* three devices, and the rate limit */
        assert_string_equal(d->directives[0].key, "DeviceAllow");
        assert_string_equal(d->directives[0].word, "/dev/fuse");
        assert_string_equal(d->directives[0].value, "rw");
        domain_free(d);

        d = domain_new();
        assert_int_equal(config_complete(c, true, d), 0);
        assert_string_equal(d->slice, "machine-test.slice");
        assert_null(d->user);
        assert_null(d->group);
        domain_free(d);
        config_free(c);
}

static void test_definition_wins(void **state) {
        Config *c = read_good(ALL);
        Domain *d = domain_new();

        d->kernel = strdup("/k");
        d->slice = strdup("s.slice");
        d->user = strdup("me");
        assert_int_equal(config_complete(c, false, d), 0);
        assert_string_equal(d->kernel, "/k");
        assert_string_equal(d->slice, "s.slice");
        assert_string_equal(d->user, "me");
        assert_null(d->group);
        domain_free(d);
        config_free(c);

        c = read_good("");
        d = domain_new();
        assert_int_equal(config_complete(c, false, d), 0);
        assert_null(d->kernel);
        assert_int_equal(d->n_directives, 0);
        domain_free(d);
        config_free(c);
}

/* Directories */

static char root[] = "/tmp/test-config.XXXXXX";

static void put(const char *name, const char *text, size_t size) {
        char path[512];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", root, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, size), 0);
        safe_close(fd);
}

static void put_text(const char *name, const char *text) {
        put(name, text, strlen(text));
}

static Config *read_root(int want) {
        Config *c = config_new();
        int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        messages[0] = 0;
        assert_int_equal(config_read_directory(c, fd, "/etc/uml", on_report, NULL), want);
        safe_close(fd);
        return c;
}

static void run(const char *command) {
        char line[512];

        (void) snprintf(line, sizeof(line), "cd '%s' && { %s; }", root, command);
        assert_int_equal(system(line), 0);
}

static int set_up(void **state) {
        strcpy(root, "/tmp/test-config.XXXXXX");
        return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state) {
        run("rm -rf \"$PWD\"");
        return 0;
}

#define TEST_IN_ROOT(sentence, function) {sentence, function, set_up, tear_down, NULL}

static void test_nothing_there(void **state) {
        config_free(read_root(0));
        assert_string_equal(messages, "");
        run("mkdir uml.conf.d");
        config_free(read_root(0));
        assert_string_equal(messages, "");
}

static void test_order(void **state) {
        Config *c;

        run("mkdir uml.conf.d");
        put_text("uml.conf", "[Guest]\nKernel=/main\nSlice=main.slice\nUser=main\nGroup=main\n");
        put_text("uml.conf.d/20-b.conf", "[Guest]\nKernel=/b\nSlice=b.slice\n");
        put_text("uml.conf.d/10-a.conf", "[Guest]\nKernel=/a\nSlice=a.slice\nUser=a\n");
        put_text("uml.conf.d/9.conf", "[Guest]\nKernel=/9\n");
        put_text("uml.conf.d/99.conf~", "[Guest]\nKernel=/no\n");
        put_text("uml.conf.d/.99.conf", "[Guest]\nKernel=/no\n");
        put_text("uml.conf.d/99.CONF", "[Guest]\nKernel=/no\n");
        c = read_root(0);
        assert_string_equal(messages, "");
        assert_string_equal(c->kernel, "/9");
        assert_string_equal(c->slice, "b.slice");
        assert_string_equal(c->user, "a");
        assert_string_equal(c->group, "main");
        config_free(c);
}

static void test_bad_files(void **state) {
        _cleanup_free_ char *large = malloc(CONFIG_SIZE_MAX + 1);
        Config *c;

        memset(large, '\n', CONFIG_SIZE_MAX + 1);
        run("mkdir uml.conf.d uml.conf.d/b.conf; mkfifo uml.conf.d/a.conf; ln -s nowhere uml.conf.d/c.conf; ln -s /dev/null uml.conf.d/d.conf;"
            "ln -s /dev/zero uml.conf.d/e.conf; ln -s h.conf uml.conf.d/h.conf");
        put("uml.conf", large, CONFIG_SIZE_MAX);
        put("uml.conf.d/f.conf", large, CONFIG_SIZE_MAX + 1);
        put_text("uml.conf.d/g.conf", "[Guest]\nKernel=/g\nUser=a b\n");
        put_text("uml.conf.d/i\n.conf", "[Guest]\nUser=no\n");
        put_text("uml.conf.d/z.conf", "[Guest]\nUser=z\n");
        c = read_root(-EBADMSG);
        assert_string_equal(messages,
                            "/etc/uml/uml.conf.d/a.conf: error: it is not a regular file\n"
                            "/etc/uml/uml.conf.d/b.conf: error: it is not a regular file\n"
                            "/etc/uml/uml.conf.d/c.conf: error: the link leads to nothing; is its target on a file system that is not mounted yet? "
                            "(No such file or directory)\n"
                            "/etc/uml/uml.conf.d/e.conf: error: it is not a regular file\n"
                            "/etc/uml/uml.conf.d/f.conf: error: it is larger than 64 KiB; is this a configuration file?\n"
                            "/etc/uml/uml.conf.d/g.conf:3: error: User='a b' in [Guest]: expected a name or number, without spaces, ':' and '/', "
                            "that does not begin with '-'; this line is ignored\n"
                            "/etc/uml/uml.conf.d/h.conf: error: it cannot be opened (Too many levels of symbolic links)\n"
                            "/etc/uml/uml.conf.d: error: a file here has a name with control characters, or not in UTF-8; rename it\n");
        assert_string_equal(c->kernel, "/g");
        assert_string_equal(c->user, "z");
        config_free(c);
}

static void test_bad_places(void **state) {
        run("mkdir uml.conf; mkfifo uml.conf.d");
        config_free(read_root(-EBADMSG));
        assert_string_equal(messages, "/etc/uml/uml.conf: error: it is not a regular file\n"
                                      "/etc/uml/uml.conf.d: error: the directory cannot be read (Not a directory)\n");
        run("rm -r uml.conf*; ln -s a uml.conf; ln -s b uml.conf.d");
        config_free(read_root(-EBADMSG));
        assert_string_equal(messages, "/etc/uml/uml.conf: error: the link leads to nothing; is its target on a file system that is not mounted yet? "
                                      "(No such file or directory)\n"
                                      "/etc/uml/uml.conf.d: error: the directory cannot be read (No such file or directory)\n");
}

/* The file that is installed, with every setting made one. */
static void test_default_file(void **state) {
        _cleanup_free_ char *text = calloc(1, CONFIG_SIZE_MAX);
        char path[512], line[512];
        _cleanup_fclose_ FILE *f = NULL;
        Config *c;

        (void) snprintf(path, sizeof(path), "%s/uml.conf", getenv("UNITS") ?: "units");
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                const char *p = line[0] == '#' && line[1] != ' ' ? line + 1 : line;

                assert_true(strlen(text) + strlen(p) < CONFIG_SIZE_MAX);
                strcat(text, p);
        }
        c = read_good(text);
        /* These are the defaults of others: of the reader, and of the system's template. */
        assert_string_equal(c->kernel, DEFAULT_KERNEL);
        assert_string_equal(c->memory_directory, DEFAULT_MEMORY_DIRECTORY);
        assert_string_equal(c->slice, "machine.slice");
        assert_int_equal(c->rate_limit, 100000);
        free(TAKE_PTR(c->kernel));
        free(TAKE_PTR(c->memory_directory));
        free(TAKE_PTR(c->slice));
        c->rate_limit = 0;
        assert_defaults(c);
        config_free(c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("all settings are read, with white space, comments, CRLF and a byte order mark", test_good),
                TEST("without a file all is as domain_new() has it", test_defaults),
                TEST("an empty value gives the default back", test_reset),
                TEST("what comes later wins, and devices add up", test_later),
                TEST("sizes have K and M", test_sizes),
                TEST("a wrong value is an error that says what was expected", test_wrong_values),
                TEST("after a wrong value a setting keeps what it had", test_keeps),
                TEST("lines that libinih takes otherwise than systemd are refused or read as by systemd", test_lines),
                TEST("keys below a broken head of a section are nobody's", test_broken_section),
                TEST("the last of two counts, with a warning", test_twice),
                TEST("a line that is too long for libinih is an error, and not two lines", test_long_lines),
                TEST("control characters, NUL and what is not UTF-8 are errors", test_binary),
                TEST("messages about one file are limited", test_many_messages),
                TEST("a domain gets the defaults", test_apply),
                TEST("what the definition has wins", test_definition_wins),
                TEST_IN_ROOT("without any of the files there is no message", test_nothing_there),
                TEST_IN_ROOT("uml.conf comes first, then the drop-ins in the order of their names", test_order),
                TEST_IN_ROOT("what cannot be read is said, never waited for, and no reason to leave out the rest", test_bad_files),
                TEST_IN_ROOT("so it is with uml.conf and uml.conf.d themselves", test_bad_places),
                TEST("the default file has the defaults", test_default_file),
        };

        return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
