/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>

#include "options.h"

#define ARGUMENTS_MAX 16

static Options o;

/* options_parse() with these options after --name=, and a kernel; what it says on stderr goes to `said`. */
static int parse(char *said, size_t size, const char *const *options) {
        static char name[] = "uml-helper", guest[] = "--name=demo", end[] = "--", kernel[] = "/linux", mem[] = "mem=64M";
        static char *argv[ARGUMENTS_MAX];
        int argc = 0, out = dup(STDERR_FILENO), pipe_fds[2], r;
        ssize_t n;

        argv[argc++] = name;
        argv[argc++] = guest;
        while (*options)
                argv[argc++] = (char *) *options++;
        argv[argc++] = end;
        argv[argc++] = kernel;
        argv[argc++] = mem;
        argv[argc] = NULL;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
        optind = 0; /* getopt begins anew */
        r = options_parse(&o, argc, argv);
        assert_true(dup2(out, STDERR_FILENO) >= 0);
        safe_close(out);
        safe_close(pipe_fds[1]);
        n = read(pipe_fds[0], said, size - 1);
        said[n > 0 ? n : 0] = 0;
        safe_close(pipe_fds[0]);
        return r;
}

#define PARSE(...)                                                                      \
        ({                                                                              \
                const char *const _options[] = {__VA_ARGS__ __VA_OPT__(,) NULL};        \
                char _said[512];                                                        \
                int _r = parse(_said, sizeof(_said), _options);                         \
                assert_string_equal(_said, "");                                         \
                _r;                                                                     \
        })

#define REFUSES(part, ...)                                                              \
        do {                                                                            \
                const char *const _options[] = {__VA_ARGS__, NULL};                     \
                char _said[512];                                                        \
                assert_int_equal(parse(_said, sizeof(_said), _options), -EINVAL);       \
                if (!strstr(_said, part))                                               \
                        fail_msg("'%s' is not in: %s", part, _said);                    \
                options_done(&o);                                                       \
        } while (false)

static void test_defaults(void **state) {
        assert_int_equal(PARSE(), 0);
        assert_int_equal(o.verb, VERB_RUN);
        assert_string_equal(o.name, "demo");
        assert_string_equal(o.arguments[0], "/linux");
        assert_string_equal(o.arguments[1], "mem=64M");
        assert_null(o.arguments[2]);
        assert_int_equal(o.replay, 65536);
        assert_int_equal(o.ready_timeout, 90);
        assert_int_equal(o.n_lines, 0);
        options_done(&o);
}

static void test_console(void **state) {
        assert_int_equal(PARSE("--console=con0:pty", "--log=con0:append=on,path=/log/a", "--log=ssl63:path=/log/b",
                               "--console=con15:file,append=off,path=/log/c,append=on,path=/d", "--console=con2:file,path=/e",
                               "--console=ssl0:null"), 0);
        assert_int_equal(o.n_lines, 5);
        assert_string_equal(o.lines[0].name, "con0");
        assert_int_equal(o.lines[0].kind, CONSOLE_PTY);
        assert_null(o.lines[0].path);
        assert_string_equal(o.lines[0].log, "/log/a");
        assert_false(o.lines[0].log_truncate);
        assert_string_equal(o.lines[1].name, "ssl63");
        assert_int_equal(o.lines[1].kind, CONSOLE_NULL);
        assert_string_equal(o.lines[1].log, "/log/b");
        assert_int_equal(o.lines[2].kind, CONSOLE_FILE);
        assert_string_equal(o.lines[2].path, "/log/c,append=on,path=/d");
        assert_true(o.lines[2].truncate);
        assert_false(o.lines[3].truncate);
        assert_int_equal(o.lines[4].kind, CONSOLE_NULL);
        options_done(&o);
        assert_int_equal(PARSE("--log=con0:append=off,path=/x", "--console=con0:pty"), 0); /* the other way round */
        assert_int_equal(o.n_lines, 1);
        assert_int_equal(o.lines[0].kind, CONSOLE_PTY);
        assert_true(o.lines[0].log_truncate);
        options_done(&o);
}

static void test_wrong_console(void **state) {
        static const char *const lines[] = {"con0", "con16:pty", "ssl64:pty", "con:pty", "con0000:pty", "tty0:pty", ":pty",
                                            "con-1:pty", "con0 :pty", "", "consoles0:pty"};
        static const char *const later[] = {"stdio", "pipe,path=/p", "dev,path=/dev/ttyS0",
                                            "tcp,mode=bind,host=::1,service=5000,protocol=telnet",
                                            "udp,host=a,service=1,bind-host=b,bind-service=2", "unix,mode=connect,path=/s"};
        char option[128], want[64];

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                (void) snprintf(option, sizeof(option), "--console=%s", lines[i]);
                REFUSES("con0", option);
        }
        for (size_t i = 0; i < ELEMENTSOF(later); i++) {
                (void) snprintf(option, sizeof(option), "--console=con0:%s", later[i]);
                (void) snprintf(want, sizeof(want), "kind %.*s is not in this version", (int) strcspn(later[i], ","), later[i]);
                REFUSES(want, option);
        }
        REFUSES("no kind", "--console=con0:");
        REFUSES("no kind", "--console=con0:Pty");
        REFUSES("no kind", "--console=con0:file=/x");
        REFUSES("no kind", "--console=con0:a-kind-with-a-long-name");
        REFUSES("has options", "--console=con0:pty,append=on");
        REFUSES("has options", "--console=con0:null,path=/x");
        REFUSES("no path=", "--console=con0:file");
        REFUSES("no path=", "--console=con0:file,append=on");
        REFUSES("neither on nor off", "--console=con0:file,append=maybe,path=/x");
        REFUSES("neither on nor off", "--console=con0:file,append=onn,path=/x");
        REFUSES("neither on nor off", "--console=con0:file,append=,path=/x");
        REFUSES("'mode'", "--console=con0:file,mode=bind,path=/x");
        REFUSES("''", "--console=con0:file,,path=/x");
        REFUSES("begin with /", "--console=con0:file,path=");
        REFUSES("begin with /", "--console=con0:file,path=x");
        REFUSES("another --console=", "--console=con0:pty", "--console=con0:null");
        REFUSES("another --console=", "--console=con1:pty", "--console=con01:null");
        REFUSES("another --log=", "--log=con0:path=/a", "--log=con0:path=/b");
        REFUSES("no path=", "--log=con0:");
        REFUSES("con0:", "--log=/a");
}

static void test_numbers(void **state) {
        assert_int_equal(PARSE("--replay=0", "--ready-timeout=1", "--stop-timeout=0"), 0);
        assert_int_equal(o.replay, 0);
        assert_int_equal(o.ready_timeout, 1);
        assert_int_equal(o.stop_timeout, 0);
        options_done(&o);
        assert_int_equal(PARSE("--replay=16777216", "--ready-timeout=86400"), 0);
        assert_int_equal(o.replay, 16777216);
        options_done(&o);
        REFUSES("0 to 16777216", "--replay=16777217");
        REFUSES("0 to 16777216", "--replay=-1");
        REFUSES("0 to 16777216", "--replay=64k");
        REFUSES("1 to 86400", "--ready-timeout=0");
        REFUSES("1 to 86400", "--ready-timeout=86401");
        REFUSES("1 to 86400", "--ready-timeout=");
        REFUSES("0 to 86400", "--stop-timeout=1s");
}

static void test_shares(void **state) {
        char longest[NAME_MAX + 16], one_more[NAME_MAX + 16];

        assert_int_equal(PARSE("--share=data:/srv/a:b,c", "--share=other:/"), 0);
        assert_int_equal(o.n_shares, 2);
        assert_string_equal(o.shares[0].name, "data");
        assert_string_equal(o.shares[0].path, "/srv/a:b,c");
        options_done(&o);
        REFUSES("NAME:PATH", "--share=data");
        REFUSES("NAME:PATH", "--share=data:srv");
        REFUSES("one component", "--share=:/srv");
        REFUSES("one component", "--share=a/b:/srv");
        REFUSES("one component", "--share=.:/srv");
        REFUSES("one component", "--share=..:/srv");
        REFUSES("another --share=", "--share=a:/srv", "--share=a:/usr");
        (void) snprintf(longest, sizeof(longest), "--share=%0*d:/", NAME_MAX, 0);
        assert_int_equal(PARSE(longest), 0);
        options_done(&o);
        (void) snprintf(one_more, sizeof(one_more), "--share=%0*d:/", NAME_MAX + 1, 0);
        REFUSES("one component", one_more);
}

static void test_rest(void **state) {
        assert_int_equal(PARSE("--optional-disk=ubd0", "--optional-disk=ubd15", "--on-poweroff=restart", "--on-reboot=destroy"), 0);
        assert_true(o.optional_disks[0] && o.optional_disks[15] && !o.optional_disks[1]);
        options_done(&o);
        REFUSES("ubd0 to ubd15", "--optional-disk=ubd16");
        REFUSES("ubd0 to ubd15", "--optional-disk=0");
        REFUSES("neither destroy nor restart", "--on-poweroff=preserve");
        REFUSES("neither destroy nor restart", "--on-reboot=coredump-restart");
        REFUSES("neither destroy nor restart", "--on-reboot=");
        REFUSES("neither cad nor halt", "--stop-method=kill");
        REFUSES("unrecognized option", "--no-such-option");
        REFUSES("no name", "--name=a/b");
        REFUSES("no UUID", "--uuid=B4433FC2-a22e-ffb3-0a3d-9c173b395800");
}

static void test_ready(void **state) {
        assert_int_equal(PARSE("--ready=mconsole"), 0);
        assert_int_equal(o.ready_when, READY_MCONSOLE);
        options_done(&o);
        assert_int_equal(PARSE("--ready=message"), 0);
        assert_int_equal(o.ready_when, READY_MESSAGE);
        options_done(&o);
        assert_int_equal(PARSE("--console=ssl3:pty", "--ready=console:ssl3:^a:b{2}, (c|d)$"), 0);
        assert_int_equal(o.ready_when, READY_CONSOLE);
        assert_string_equal(o.ready_line, "ssl3");
        assert_string_equal(o.ready_pattern, "^a:b{2}, (c|d)$");
        options_done(&o);
        REFUSES("none of mconsole", "--ready=soon");
        REFUSES("none of mconsole", "--ready=console");
        REFUSES("no line", "--ready=console:x:a");
        REFUSES("no line", "--ready=console:con16:a");
        REFUSES("no line", "--ready=console:con0");
        REFUSES("regular expression", "--ready=console:con0:a(b");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("without options there are the documented defaults", test_defaults),
                TEST("lines have a kind, a file, a log; a path goes to the end, commas included", test_console),
                TEST("a line, kind or option that is not known is refused; kinds of later versions by name", test_wrong_console),
                TEST("numbers have their ranges, and no units", test_numbers),
                TEST("a share has a name of one component and an absolute path", test_shares),
                TEST("other words are the documented ones", test_rest),
                TEST("what the start waits for is the mconsole, the guest's word, or a line's pattern", test_ready),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
