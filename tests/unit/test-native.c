/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "domain-write.h"
#include "equal.h"
#include "native.h"
#include "vector.h"

static char messages[16384];

static void on_report(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        size_t n = strlen(messages);

        (void) snprintf(messages + n, sizeof(messages) - n, "%u:%u: %s: %s\n", line, column, severity == SEVERITY_ERROR ? "error" : "warning", text);
}

static Domain *import_in(const char *text, const NativeContext *context) {
        Domain *d = NULL;
        int r;

        messages[0] = 0;
        r = native_import(text, strlen(text), context, on_report, NULL, &d);
        assert_true(r == 0 || r == -EBADMSG);
        assert_int_equal(d != NULL, r == 0);
        assert_int_equal(strstr(messages, "error:") != NULL, r != 0);
        return d;
}

static Domain *import(const char *text) {
        return import_in(text, &(const NativeContext) {.directory = "/d"});
}

static char *written(const Domain *d, bool xml) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        messages[0] = 0;
        assert_int_equal(xml ? domain_write_xml(f, d) : native_export(f, d, on_report, NULL), 0);
        assert_int_equal(fclose(f), 0);
        return text;
}

/* Arguments, and what they are when they are exported: between the kernel with its memory and the lines. */
#define BEGIN "/k mem=64M umid=x "
static const struct {
        const char *in, *head, *tail, *messages;
} good[] = {
        /* memory: the last one counts */
        {"mem=1G", "mem=1048576K", "", "1:19: warning: mem= was given at 1:4, too; this one is taken, as by UML\n"},
        {"mem=2097152", "mem=2048K", "", "1:19: warning: mem= was given at 1:4, too; this one is taken, as by UML\n"},
        {"mem=3k", "mem=3K", "", "1:19: warning: mem= was given at 1:4, too; this one is taken, as by UML\n"},
        /* words as a shell makes them */
        {"'a'\"b\"c\\d", "mem=65536K", "abcd", ""},
        {"a\\\nb \\\n c", "mem=65536K", "ab c", ""},
        {"'$x `y` \\*'", "mem=65536K", "uml.options=1 '$x `y` \\*'", ""},
        {"\"\\$x \\`y\\` \\\"z\\\" \\a\"", "mem=65536K", "uml.options=1 '$x `y` \"z\" \\a'", ""},
        {"a#b # c", "mem=65536K", "'a#b'", ""},
        {"it\\'s", "mem=65536K", "'it'\\''s'", ""},
        {"a;", "mem=65536K", "a", ""},
        {"a &  # in the background\n\n", "mem=65536K", "a", ""},
        /* files */
        {"initrd=/i dtb=/t,u root=/dev/ubda", "mem=65536K initrd=/i dtb=/t,u root=/dev/ubda", "", ""},
        {"initrd=a/./b/../c", "mem=65536K initrd=/d/a/c", "", "1:19: warning: initrd 'a/./b/../c' is taken as /d/a/c\n"},
        {"initrd=/a/../../b", "mem=65536K initrd=/b", "", "1:19: warning: initrd '/a/../../b' is taken as /b\n"},
        /* disks: unit, flags, parts */
        {"ubd0d=/a ubd15rd=/b ubdbd=/c", "mem=65536K ubd0d=/a ubd15rd=/b ubd1d=/c", "", ""},
        {"ubd0dtcsr=/a,,S", "mem=65536K ubd0rsctd=/a,,S", "", ""},
        {"ubd0=/cow,/back", "mem=65536K ubd0=/cow,/back", "", ""},
        {"ubd0r=/cow:/back:S", "mem=65536K ubd0r=/cow,/back,S", "", ""},
        {"ubd=sync ubd0d=/a", "mem=65536K ubd0sd=/a", "", ""},
        {"ubd0=/a", "mem=65536K ubd0d=/a", "", "1:19: warning: ubd0: the file is taken as an image; were it a COW file, write its backing file after a comma\n"},
        {"ubd3=ubd3.cow,/a", "mem=65536K ubd3t=ubd3.cow,/a", "",
         "1:19: warning: 'ubd3.cow' is taken as a transient disk: what the guest writes is lost when it ends; for a COW file that stays, write ./ubd3.cow\n"},
        {"ubd2=ubd3.cow,/a", "mem=65536K ubd2=/d/ubd3.cow,/a", "", "1:19: warning: disk 'ubd3.cow' is taken as /d/ubd3.cow\n"},
        /* shares */
        {"hostfs=/srv uml.share=/:data:ro", "mem=65536K hostfs=/srv uml.share=/:data:ro", "", ""},
        {"uml.share=/a:x uml.share=/b:/", "mem=65536K root=/dev/root rootfstype=hostfs uml.share=/a:x rootflags=/b uml.share=/b:/", "", ""},
        {"hostfs=/srv", "mem=65536K hostfs=/srv uml.share=/:hostfs", "", ""},
        {"rootfstype=hostfs", "mem=65536K root=/dev/root rootfstype=hostfs hostfs=/ rootflags=/ uml.share=/:/", "",
         "1:19: warning: the guest's root is the host's: all of it; rootflags=/DIRECTORY names another\n"},
        {"rootfstype=hostfs rootfstype=ext4 root=/dev/ubda", "mem=65536K root=/dev/ubda", "uml.cmdline=1 rootfstype=ext4", ""},
        {"rootflags=/r root=/dev/root a rootfstype=hostfs", "mem=65536K root=/dev/root rootfstype=hostfs hostfs=/r rootflags=/ uml.share=/:/", "a", ""},
        {"rootflags=data=journal rootfstype=ext4", "mem=65536K", "uml.cmdline=2 rootflags=data=journal rootfstype=ext4", ""},
        /* network devices: options in the table's order */
        {"vec1:mtu=1500,ifname=tap0,transport=tap", "mem=65536K vec1:transport=tap,ifname=tap0,mtu=1500", "", ""},
        {"vec0:transport=bess,dst=/s,mac=2:0:0:a:B:1", "mem=65536K vec0:transport=bess,dst=/s,mac=02:00:00:0a:0b:01", "", ""},
        {"vec0:transport=gre,v6=1,src=fe80::1,dst=fe80::2", "mem=65536K vec0:transport=gre,src=fe80::1,dst=fe80::2,v6=1", "", ""},
        /* what is not of the guest's is for its kernel, in order */
        {"console=tty0 conx=1 sslx=1 ethx=1 vecx:1 vec=1 memory=1 quiet", "mem=65536K", "console=tty0 conx=1 sslx=1 ethx=1 vecx:1 vec=1 memory=1 quiet", ""},
        {"'a b' c 'd e'", "mem=65536K", "uml.options=2 'a b' 'd e' c", ""},
        {"init=/sbin/init quiet -- a '\"b c\"' --", "mem=65536K root=98:0", "init=/sbin/init quiet console=tty0 -- a '\"b c\"' --", ""},
        {"init=sh", "mem=65536K", "uml.cmdline=1 init=sh", ""},
        {"uml.options=2 stderr=1 init=/x init=/y uml.cmdline=2 root=/z rw -- b", "mem=65536K",
         "uml.options=2 stderr=1 init=/x init=/y uml.cmdline=3 root=/z rw console=tty0 -- b", ""},
};

static void test_good(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_free_ char *in = NULL, *out = NULL, *again = NULL, *want = NULL;
                Domain *d, *copy;

                assert_true(asprintf(&in, BEGIN "%s", good[i].in) > 0);
                assert_true(asprintf(&want, "/k %s umid=x con=null ssl=null con0=fd:0,fd:1%s%s\n", good[i].head, *good[i].tail ? " " : "", good[i].tail) > 0);
                d = import(in);
                assert_string_equal(messages, good[i].messages);
                assert_non_null(d);
                out = written(d, false);
                assert_string_equal(messages, "");
                assert_string_equal(out, want);

                copy = import(out);
                assert_non_null(copy);
                again = written(copy, false);
                assert_string_equal(again, out);
                assert_true(native_equal(d, copy));
                domain_free(d);
                domain_free(copy);
        }
}

/* Lines of the guest's, and how they are exported. */
static void test_lines(void **state) {
        static const struct {
                const char *in, *out, *messages;
        } cases[] = {
                {"", "con0=fd:0,fd:1", ""},
                {"con0=pts", "con0=fd:0,fd:1", ""},
                {"con0=null", "con0=null", ""},
                {"con0=none ssl0=none con1=none", "con0=null", ""},
                {"con=null", "con0=null", ""},
                {"con=none ssl=null con0=fd:0,fd:1", "con0=fd:0,fd:1", ""},
                {"con0=null,fd:1 ssl63=pty", "con0=null,fd:1 ssl63=pts", ""},
                {"con1=tty:/dev/tty8", "con1=tty:/dev/tty8 con0=fd:0,fd:1", ""},
                {"con1=null,fd:5 ssl1=null,fd:7 7>>'/a b' 5>x", "con1=null,fd:3 ssl1=null,fd:4 con0=fd:0,fd:1 3>/d/x 4>>'/a b'",
                 "1:61: warning: file 'x' is taken as /d/x\n"},
                {"con0=fd:0,fd:1 >/log", "con0=null,fd:3 3>/log", "1:19: warning: con0: its output goes to a file, and then a service has no input for it\n"},
                {"con0=fd:0 con0=null", "con0=null",
                 "1:19: warning: 'con0=fd:0' is taken as a pty: a service has no such channels\n"
                 "1:29: warning: 'con0=null': the line was given before; this one is taken, as by UML\n"},
                {"ssl=pts", "ssl0=pts con0=fd:0,fd:1", "1:19: warning: 'ssl=pts' is taken for ssl0; add others that you need\n"},
                {"con=fd:0,fd:1", "con0=fd:0,fd:1 con1=pts con2=pts con3=pts con4=pts con5=pts con6=pts",
                 "1:19: warning: 'con=fd:0,fd:1' is taken for con0 to con6; add others that you need\n"},
                {"con=tty:/dev/tty9", "con0=null", "1:19: warning: 'con=tty:/dev/tty9' is not taken for all lines; give one of them, con1 for instance, this channel\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *in = NULL, *out = NULL, *want = NULL;
                Domain *d;

                assert_true(asprintf(&in, BEGIN "%s", cases[i].in) > 0);
                assert_true(asprintf(&want, "/k mem=65536K umid=x con=null ssl=null %s\n", cases[i].out) > 0);
                d = import(in);
                assert_string_equal(messages, cases[i].messages);
                assert_non_null(d);
                out = written(d, false);
                assert_string_equal(out, want);
                domain_free(d);
        }
}

static void test_command(void **state) {
        static const struct {
                const char *in, *kernel, *messages;
        } cases[] = {
                {"#!/bin/sh\n\n# x\nexec nohup setsid " BEGIN, "/k", ""},
                {"exec '/k k' mem=64M umid=x", "/k k", ""},
                {"A=1 env B='2 3' " BEGIN, "/k",
                 "1:1: warning: A is not taken: the guest's service has an environment of its own; 'systemctl edit' sets it\n"
                 "1:9: warning: B is not taken: the guest's service has an environment of its own; 'systemctl edit' sets it\n"},
                {"./k mem=64M umid=x", "/d/k", "1:1: warning: kernel './k' is taken as /d/k\n"},
                {"sudo -u uml " BEGIN, NULL, "1:1: warning: sudo is not taken: the guest's service has a user of its own\n"
                                             "1:6: error: option '-u' of sudo is not understood; begin with the kernel\n"},
                {"", NULL, "1:1: error: there is no command; expected that which starts the kernel, such as /usr/bin/linux.uml mem=256M ubd0=/srv/demo.img\n"},
                {"mem=64M", NULL, "1:1: warning: mem is not taken: the guest's service has an environment of its own; 'systemctl edit' sets it\n"
                                  "1:1: error: there is no command; expected that which starts the kernel, such as /usr/bin/linux.uml mem=256M ubd0=/srv/demo.img\n"},
                {"cd /srv\n/k", NULL, "2:1: error: here begins another command; leave only the one that starts the kernel\n"},
                {"/k & wait", NULL, "1:6: error: here begins another command; leave only the one that starts the kernel\n"},
                {"/k \xff", NULL, "1:4: error: a word with a line break, or not in UTF-8; write it otherwise\n"},
                {"/k 'a\nb'", NULL, "1:4: error: a word with a line break, or not in UTF-8; write it otherwise\n"},
                {"/k a\r\n", NULL, "1:5: error: a carriage return: this text has the line ends of another system; remove them\n"},
                {"/k 'a", NULL, "1:4: error: a quote (') is opened and not closed\n"},
                {"/k <<E", NULL, "1:4: error: a redirection without the name of a file; a here-document is none, either\n"
                                 "1:5: error: '<': a guest's console cannot be fed from a file; remove the redirection (only </dev/null means nothing)\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Domain *d = import(cases[i].in);

                assert_string_equal(messages, cases[i].messages);
                assert_int_equal(d != NULL, cases[i].kernel != NULL);
                if (d)
                        assert_string_equal(d->kernel, cases[i].kernel);
                domain_free(d);
        }
}

static void test_context(void **state) {
        Domain *d;

        d = import_in("sh mem=64M umid=a", &(const NativeContext) {.directory = "/d", .name = "b", .path = "relative:/nowhere:/bin:/usr/bin"});
        assert_non_null(d);
        assert_string_equal(messages, "1:1: warning: kernel 'sh' is taken as /bin/sh\n");
        assert_string_equal(d->name, "b");
        assert_string_equal(d->kernel, "/bin/sh");
        domain_free(d);

        assert_null(import_in("/k initrd=i", &(const NativeContext) {}));
        assert_non_null(strstr(messages, "1:4: error: initrd 'i' is relative, and nothing says to which directory; write the absolute path\n"));
}

static void test_too_long(void **state) {
        size_t size = 4096;
        char *text = calloc(1, size + 16);

        assert_non_null(text);
        strcpy(text, BEGIN);
        memset(text + strlen(text), 'a', size - strlen(text));
        assert_null(import(text));
        assert_non_null(strstr(messages, "1:1: error: the guest's kernel command line has "));
        free(text);
}

/* What no command line that is imported makes. */
static void test_export_alone(void **state) {
        Console consoles[12] = {
                {.kind = CONSOLE_PTY, .log = (char *) "/log"},
                {.port = 1, .kind = CONSOLE_DEV, .path = (char *) "/dev/a,b"},
                {.port = 2, .kind = CONSOLE_UDP},
        };
        Disk disk = {.path = (char *) "/a", .optional = true};
        const Domain d = {.name = (char *) "x", .kernel = (char *) "/k", .memory = 1, .consoles = consoles, .n_consoles = 12,
                          .disks = &disk, .n_disks = 1, .on_reboot = LIFECYCLE_PRESERVE};
        _cleanup_free_ char *line = NULL;

        for (unsigned i = 3; i < 12; i++)
                consoles[i] = (Console) {.port = i, .kind = CONSOLE_FILE, .path = (char *) "/f", .truncate = i == 3};
        line = written(&d, false);
        assert_string_equal(line, "/k mem=1K ubd0d=/a umid=x con=null ssl=null con0=fd:0,fd:1 con1=pts con2=pts con3=null,fd:3 con4=null,fd:4 con5=null,fd:5 "
                                  "con6=null,fd:6 con7=null,fd:7 con8=null,fd:8 con9=null,fd:9 con10=null con11=null noreboot "
                                  "3>/f 4>>/f 5>>/f 6>>/f 7>>/f 8>>/f 9>>/f\n");
        assert_string_equal(messages, "1:1: warning: ubd0: a command line cannot say that the guest starts without the disk, too\n"
                                      "1:1: warning: con0: a command line cannot say that the output goes into /log, too\n"
                                      "1:1: warning: con1: a command line cannot name the device /dev/a,b; the line is a pty\n"
                                      "1:1: warning: con2: a UML kernel has no channel of type udp; the line is a pty\n"
                                      "1:1: warning: con10: a shell opens no more than 7 files for a command; nothing keeps the line's output\n"
                                      "1:1: warning: con11: a shell opens no more than 7 files for a command; nothing keeps the line's output\n");
}

static void test_xml(void **state) {
        Domain *d = import(BEGIN "ubd0d='/<a>&' ubd1=/c,/b vec0:transport=tap,ifname=t 'x y'"), *copy = NULL;
        _cleanup_free_ char *text = NULL;

        assert_non_null(d);
        text = written(d, true);
        assert_non_null(strstr(text, "<source file='/&lt;a&gt;&amp;'/>"));
        assert_non_null(strstr(text, "<driver name='uml' type='cow'/>"));
        assert_non_null(strstr(text, "<target dev='t' managed='no'/>"));
        assert_non_null(strstr(text, "<uml:option xmlns:uml='urn:uml-systemd:1'>x y</uml:option>"));
        domain_free(d);

        d = import(BEGIN "initrd=/i root=/r ubd3rcd='/<a>&'\\' con0=null con3=pts ssl2=null a=\"'b'\" noreboot");
        assert_non_null(d);
        free(text);
        text = written(d, true);
        assert_int_equal(domain_read_xml(text, strlen(text), &(DomainContext) {.stem = "x"}, on_report, NULL, &copy), 0);
        assert_string_equal(messages, "");
        assert_true(native_equal(d, copy));
        domain_free(d);
        domain_free(copy);
}

static void test_vector(void **state) {
        static const struct {
                const char *transport, *key, *value;
                int result;
        } cases[] = {
                {"tap", "ifname", "tap0", 0}, {"tap", "ifname", "0123456789abcdef", -EINVAL}, {"tap", "src", "a", -ENOENT},
                {"tap", "x", "a", -ENOENT}, {"x", "ifname", "a", -ENOENT}, {"gre", "rx_key", "0xffffffff", 0}, {"gre", "rx_key", "-1", -EINVAL},
                {"gre", "rx_key", "4294967296", -EINVAL}, {"l2tpv3", "rx_cookie", "4294967296", 0}, {"l2tpv3", "udp", "2", -EINVAL},
                {"l2tpv3", "srcport", "0", -EINVAL}, {"raw", "mtu", "67", -EINVAL}, {"raw", "mtu", "1500", 0}, {"fd", "fd", "", -EINVAL},
                {"vde", "vnl", "vde:///run/s", 0}, {"vde", "vnl", "a,b", -EINVAL}, {"vde", "mac", "02:00:00:00:00:01", 0},
                {"vde", "mac", "01:00:00:00:00:01", -EINVAL}, {"vde", "mac", "02:00:00:00:00:0", -EINVAL}, {"vde", "mac", "02:00:00:00:00:011", -EINVAL},
                {"raw", "bpffile", "b", -EINVAL}, {"bess", "dst", "/s", 0},
        };
        char text[] = "transport=gre,dst=b,tx_key=1,src=a", *joined = NULL;
        const char *problem;
        VectorOptions o;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(vector_check(cases[i].transport, cases[i].key, cases[i].value), cases[i].result);

        assert_int_equal(vector_split(text, &o, &problem), 0);
        assert_string_equal(vector_missing(&o), "rx_key");
        assert_int_equal(vector_join(&o, &joined), 0);
        assert_string_equal(joined, "transport=gre,src=a,dst=b,tx_key=1");
        free(joined);

        for (size_t i = 0; vector_key(i); i++)
                o.values[i] = "1";
        assert_int_equal(vector_join(&o, &joined), -E2BIG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("each argument comes back as it was, or as it is written in order", test_good),
                TEST("lines: each channel is one that a service has", test_lines),
                TEST("the command is found in a script's text, and must be the only one", test_command),
                TEST("what the line does not tell comes from the caller", test_context),
                TEST("a command line too long for the guest's kernel is refused", test_too_long),
                TEST("what cannot be said on a command line is told", test_export_alone),
                TEST("a definition that is written is read again as the same guest", test_xml),
                TEST("options of network devices are checked, and put in order", test_vector),
        };

        return cmocka_run_group_tests_name("native", tests, NULL, NULL);
}
