/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "domain-xml.h"

/* Definitions around a part that is under test. */
#define HEAD "<domain type='uml'>\n<name>x</name>\n"
#define MEMORY "<memory>65536</memory>\n"
#define OS "<os><type>uml</type><kernel>/k</kernel></os>\n"
#define TAIL "</domain>"
#define DEVICES(d) HEAD MEMORY OS "<devices>\n" d "</devices>" TAIL

static char messages[8192];

static void on_report(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        size_t n = strlen(messages);

        (void) snprintf(messages + n, sizeof(messages) - n, "%u:%u: %s: %s\n", line, column, severity == SEVERITY_ERROR ? "error" : "warning", text);
}

static Domain *read_text(const char *text, size_t size) {
        Domain *d = NULL;
        int r;

        messages[0] = 0;
        r = domain_read_xml(text, size, &(DomainContext) {.stem = "x"}, on_report, NULL, &d);
        assert_true(r == 0 || r == -EBADMSG);
        assert_int_equal(d != NULL, r == 0);
        assert_int_equal(strstr(messages, "error:") != NULL, r != 0);
        return d;
}

static Domain *read_good(const char *text, const char *want_messages) {
        Domain *d = read_text(text, strlen(text));

        assert_string_equal(messages, want_messages);
        assert_non_null(d);
        return d;
}

static void test_good(void **state) {
        Domain *d = read_good("<domain type='uml' id='3'><name>x</name><uuid>B4433FC2A22EFFB30A3D9C173B395800</uuid>"
                              "<title> Tests &amp; co </title><description>any\ntext</description>"
                              "<memory unit='MiB'>128</memory><currentMemory unit='M'>64</currentMemory><vcpu placement='static'>1</vcpu>"
                              "<os><type arch='x86_64' machine='uml'>linux</type><kernel>/boot/a b%i</kernel><initrd>/i</initrd><root>/dev/ubda</root>"
                              "<cmdline>quiet  a=\"b c\"</cmdline></os>"
                              "<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot><on_crash>restart</on_crash>"
                              "<metadata><o:x xmlns:o='urn:other'><stop/></o:x><u:stop xmlns:u='urn:uml-systemd:1' method='halt' timeout='7'/></metadata>"
                              "<devices><disk><source file='/d0'/><target dev='ubda'/></disk>"
                              "<disk type='block' device='disk'><driver name='uml' type='raw'/><source dev='/dev/sdz'/><target dev='ubd1' bus='uml'/><readonly/><shareable/></disk>"
                              "<console type='null'/><console type='pty'><target port='4'/></console><console/>"
                              "<serial type='pty'><target port='3'/></serial><serial type='null'/></devices></domain>",
                              "");

        assert_string_equal(d->uuid, "b4433fc2-a22e-ffb3-0a3d-9c173b395800");
        assert_string_equal(d->title, "Tests & co");
        assert_int_equal(d->memory, 65536);
        assert_string_equal(d->kernel, "/boot/a b%i");
        assert_int_equal(d->n_cmdline, 2);
        assert_string_equal(d->cmdline[1], "a=\"b c\"");
        assert_int_equal(d->on_poweroff, LIFECYCLE_RESTART);
        assert_int_equal(d->on_reboot, LIFECYCLE_DESTROY);
        assert_int_equal(d->on_crash, LIFECYCLE_RESTART);
        assert_int_equal(d->stop_method, STOP_HALT);
        assert_int_equal(d->stop_timeout, 7);
        assert_int_equal(d->n_disks, 2);
        assert_int_equal(d->disks[0].index, 0);
        assert_false(d->disks[0].readonly);
        assert_string_equal(d->disks[1].path, "/dev/sdz");
        assert_true(d->disks[1].readonly && d->disks[1].shareable);
        assert_int_equal(d->n_consoles, 5);
        assert_int_equal(d->consoles[0].kind, CONSOLE_NULL);
        assert_int_equal(d->consoles[2].port, 5);
        assert_int_equal(d->consoles[2].kind, CONSOLE_PTY);
        assert_true(d->consoles[4].serial);
        assert_int_equal(d->consoles[4].port, 4);
        domain_free(d);
}

static void test_defaults(void **state) {
        Domain *d = read_good(HEAD MEMORY OS TAIL, "");

        assert_int_equal(d->memory, 65536);
        assert_int_equal(d->on_poweroff, LIFECYCLE_DESTROY);
        assert_int_equal(d->on_reboot, LIFECYCLE_RESTART);
        assert_int_equal(d->on_crash, LIFECYCLE_DESTROY);
        assert_int_equal(d->stop_timeout, 60);
        assert_int_equal(d->n_consoles, 1);
        assert_int_equal(d->consoles[0].kind, CONSOLE_PTY);
        assert_string_equal(d->uuid, "");
        domain_default_uuid(d, "a");
        assert_int_equal(strlen(d->uuid), 36);
        domain_free(d);
}

static void test_uuid(void **state) {
        Domain *a = read_good(HEAD MEMORY OS TAIL, ""), *b = read_good(HEAD MEMORY OS TAIL, ""), *c = read_good(HEAD MEMORY OS TAIL, "");

        domain_default_uuid(a, "this host");
        domain_default_uuid(b, "this host");
        domain_default_uuid(c, "another host");
        assert_string_equal(a->uuid, b->uuid);
        assert_string_not_equal(a->uuid, c->uuid);
        domain_free(a);
        domain_free(b);
        domain_free(c);
}

static void test_memory(void **state) {
        static const struct {
                const char *unit, *value;
                uint64_t kib;
        } cases[] = {
                {"b", "1", 1}, {"bytes", "1025", 2}, {"KB", "1000", 977}, {"k", "3", 3}, {"KiB", "3", 3}, {"MB", "1", 977}, {"M", "1", 1024},
                {"MiB", "1", 1024}, {"GB", "1", 976563}, {"G", "1", 1048576}, {"GiB", " 1 ", 1048576}, {"TB", "1", 976562500}, {"T", "1", 1073741824},
                {"TiB", "1", 1073741824}, {"PiB", "1", UINT64_C(1099511627776)}, {"EiB", "1", UINT64_C(1125899906842624)}, {"mib", "1", 1024},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[512];
                Domain *d;

                (void) snprintf(text, sizeof(text), HEAD "<memory unit='%s'>%s</memory>" OS TAIL, cases[i].unit, cases[i].value);
                d = read_good(text, "");
                assert_true(d->memory == cases[i].kib);
                domain_free(d);
        }
}

/* Each text is refused, with a message that begins so. */
static void test_refused(void **state) {
        static const struct {
                const char *text, *message;
        } cases[] = {
                {"", "1:1: error: the file is empty"},
                {"<domain", "1:8: error: "},
                {"<domain type='uml'><name>x</nam></domain>", "1:33: error: Opening and ending tag mismatch"},
                {"<!DOCTYPE domain [<!ENTITY a 'b'>]><domain type='uml'/>", "1:1: error: a document type declaration (<!DOCTYPE>) is refused"},
                {"<domain type='uml'>&undefined;</domain>", "1:31: error: Entity 'undefined' not defined"},
                {"<network/>", "1:1: error: this is no domain definition"},
                {"<domain/>", "1:1: error: <domain>: type '' is refused: expected uml"},
                {"<domain type='kvm'/>", "1:1: error: <domain>: type 'kvm' is refused: expected uml"},
                {"<domain type='uml'>" MEMORY OS TAIL, "1:1: error: <name> is missing"},
                {"<domain type='uml'>\n  <name>y</name>" MEMORY OS TAIL, "2:3: error: name 'y' is not that of the file"},
                {"<domain type='uml'><name>-x</name>" MEMORY OS TAIL, "1:20: error: name '-x' is refused"},
                {HEAD "<name>x</name>" MEMORY OS TAIL, "3:1: error: <name> is given twice"},
                {HEAD OS TAIL, "1:1: error: <memory> is missing"},
                {HEAD "<memory/>" OS TAIL, "3:1: error: <memory> is empty"},
                {HEAD "<memory>0</memory>" OS TAIL, "3:1: error: <memory> is 0"},
                {HEAD "<memory>-1</memory>" OS TAIL, "3:1: error: <memory>: '-1' is not a number"},
                {HEAD "<memory unit='XiB'>1</memory>" OS TAIL, "3:1: error: <memory>: unknown unit 'XiB'"},
                {HEAD "<memory unit='EiB'>16</memory>" OS TAIL, "3:1: error: <memory>: 16 EiB is more than can be counted"},
                {HEAD "<memory>99999999999999999999</memory>" OS TAIL, "3:1: error: <memory>: 99999999999999999999 KiB is more"},
                {HEAD MEMORY "<currentMemory unit='GiB'>1</currentMemory>" OS TAIL, "4:1: error: currentMemory (1048576 KiB) is more than memory (65536 KiB)"},
                {HEAD "<uuid>123</uuid>" MEMORY OS TAIL, "3:1: error: uuid '123' is not a UUID"},
                {HEAD "<uuid>b4433fc2-a22e-ffb3-0a3d-9c173b3958000</uuid>" MEMORY OS TAIL, "3:1: error: uuid "},
                {HEAD "<title>a\\</title>" MEMORY OS TAIL, "3:1: error: title ends in a backslash"},
                {HEAD "<title>a&#10;ExecStart=/bin/evil</title>" MEMORY OS TAIL, "3:1: error: <title>: its text contains a control character"},
                {HEAD "<title>a&#x85;b</title>" MEMORY OS TAIL, "3:1: error: <title>: its text contains a control character"},
                {HEAD "<vcpu>0</vcpu>" MEMORY OS TAIL, "3:1: error: <vcpu>: '0' is not"},
                {HEAD "<on_crash>explode</on_crash>" MEMORY OS TAIL, "3:1: error: <on_crash>: 'explode' is none of destroy, restart, preserve, coredump-destroy"},
                {HEAD MEMORY TAIL, "1:1: error: <os> is missing"},
                {HEAD MEMORY "<os><kernel/></os>" TAIL, "4:5: error: <kernel> is empty"},
                {HEAD MEMORY "<os><type>exe</type><kernel>/k</kernel></os>" TAIL, "4:5: error: os type 'exe' is refused"},
                {HEAD MEMORY "<os>\n<kernel>linux</kernel></os>" TAIL, "5:1: error: kernel 'linux' is not an absolute path"},
                {HEAD MEMORY "<os><kernel>/k</kernel><initrd>/a b</initrd></os>" TAIL, "4:24: error: initrd '/a b' contains ' '"},
                {HEAD MEMORY "<os><kernel>/k</kernel><root>a b</root></os>" TAIL, "4:24: error: <root>: 'a b' contains a space"},
                {HEAD MEMORY "<os><kernel>/k</kernel><cmdline>a \"b</cmdline></os>" TAIL, "4:24: error: cmdline: a quote"},
                {HEAD MEMORY "<os><kernel>/k</kernel><cmdline>quiet mem=1G</cmdline></os>" TAIL, "4:24: error: cmdline: 'mem=1G' is refused"},
                {HEAD MEMORY OS "<metadata><stop xmlns='urn:uml-systemd:1' method='no'/></metadata>" TAIL, "5:11: error: <stop>: method 'no'"},
                {HEAD MEMORY OS "<metadata><stop xmlns='urn:uml-systemd:1' timeout='1d'/></metadata>" TAIL, "5:11: error: <stop>: timeout '1d'"},
                {DEVICES("<disk/>"), "6:1: error: <disk> has no <source>"},
                {DEVICES("<disk type='network'/>"), "6:1: error: <disk>: type 'network', format 'raw' is refused"},
                {DEVICES("<disk><source dev='/d'/><target dev='ubd0'/></disk>"), "6:7: error: <source>: attribute file, the disk's path, is missing"},
                {DEVICES("<disk type='block'><source file='/d'/><target dev='ubd0'/></disk>"), "6:20: error: <source>: attribute dev"},
                {DEVICES("<disk><source file='/a,b'/><target dev='ubd0'/></disk>"), "6:7: error: file '/a,b' contains ','"},
                {DEVICES("<disk><source file='d'/><target dev='ubd0'/></disk>"), "6:7: error: file 'd' is not an absolute path"},
                {DEVICES("<disk><source file='/d'/><target dev='vda0'/></disk>"), "6:26: error: <target>: dev 'vda0' is not a UML disk"},
                {DEVICES("<disk><source file='/d'/><target dev='ubd16'/></disk>"), "6:26: error: <target>: dev 'ubd16' is not a UML disk"},
                {DEVICES("<disk><source file='/d'/><target dev='ubd0=/etc/shadow,'/></disk>"), "6:26: error: <target>: dev 'ubd0=/etc/shadow,'"},
                {DEVICES("<disk><source file='/d'/><target dev='ubd0' bus='virtio'/></disk>"), "6:26: error: <target>: bus 'virtio'"},
                {DEVICES("<disk><driver type='qcow2'/><source file='/d'/><target dev='ubd0'/></disk>"), "6:1: error: <disk>: type 'file', format 'qcow2' is refused"},
                {DEVICES("<disk><source file='/d'/><target dev='ubd0'/></disk>\n<disk><source file='/e'/><target dev='ubda'/></disk>"),
                 "7:26: error: <target>: dev 'ubda' is taken: ubd0 and ubda are one disk"},
                {DEVICES("<console><target port='16'/></console>"), "6:10: error: <target>: port '16' is not a number from 0 to 15"},
                {DEVICES("<serial><target port='64'/></serial>"), "6:9: error: <target>: port '64' is not a number from 0 to 63"},
                {DEVICES("<console/>\n<console><target port='0'/></console>"), "7:1: error: <console>: port 0 is taken"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                if (read_text(cases[i].text, strlen(cases[i].text)))
                        fail_msg("case %zu was not refused: %s", i, cases[i].text);
                if (!after_prefix(messages, cases[i].message))
                        fail_msg("case %zu: expected \"%s…\", got \"%s\"", i, cases[i].message, messages);
        }
}

static void test_warned(void **state) {
        static const struct {
                const char *text, *messages;
        } cases[] = {
                {HEAD MEMORY OS "<features><acpi/></features>" TAIL, "5:1: warning: <features> is ignored: UML has no such features of a machine\n"},
                {HEAD MEMORY OS "<vcpu>4</vcpu>" TAIL, "5:1: warning: vcpu 4: the guest has one CPU, as UML kernels are built today\n"},
                {HEAD MEMORY OS "<q:commandline xmlns:q='urn:q'/>" TAIL, "5:1: warning: <commandline> is not supported; ignored\n"},
                {HEAD "<memory slots='3'>65536</memory>" OS TAIL, "3:1: warning: <memory>: attribute slots is not supported; ignored\n"},
                {HEAD MEMORY "<os/>" TAIL, "4:1: warning: <os> names no <kernel>, nor does uml.conf; the guest boots /usr/bin/linux.uml\n"},
                {DEVICES("<serial type='tcp'><source mode='bind' service='1'/></serial>"),
                 "6:1: warning: <serial>: type 'tcp' is refused: this version of uml-systemd has null, pty and file; the line is a pty instead\n"},
                {DEVICES("<disk device='cdrom'><target dev='hdc'/></disk>"),
                 "6:1: warning: <disk device='cdrom'> is left out: the drive is empty, and UML's disks cannot be changed by hand\n"},
                {DEVICES("<disk><source file='/d'/><target dev='vda' bus='virtio'/></disk>"),
                 "6:26: warning: <target>: the disk 'vda' is ubd0 here, which the guest calls /dev/ubda\n"},
                {DEVICES("<disk><source file='/d'/><target dev='vda'/><serial>WD 1</serial></disk>"),
                 "6:45: warning: <serial>: 'WD 1' is ignored: a disk's serial is of A-Z a-z 0-9 _ . + -\n"
                 "6:26: warning: <target>: the disk 'vda' is ubd0 here, which the guest calls /dev/ubda\n"},
                {DEVICES("<disk><driver type='qcow2'/><source file='/d'/><target dev='vda'/></disk>"),
                 "6:1: warning: <disk>: type 'file', format 'qcow2': the disk is left out: UML reads raw images, and its own copy-on-write files (cow); convert it with `qemu-img convert -O raw`\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                domain_free(read_good(cases[i].text, cases[i].messages));
}

static void test_all_errors(void **state) {
        const char *text = HEAD "<memory>x</memory><uuid>y</uuid>" OS "<vcpu>z</vcpu>" TAIL;

        assert_null(read_text(text, strlen(text)));
        assert_string_equal(messages, "3:1: error: <memory>: 'x' is not a number\n"
                                      "3:19: error: uuid 'y' is not a UUID: 32 hexadecimal digits, as uuidgen(1) prints them\n"
                                      "4:1: error: <vcpu>: 'z' is not a number from 1 to 4096\n");
}

static void test_flood(void **state) {
        size_t size = 0;
        _cleanup_free_ char *text = NULL;
        FILE *f = open_memstream(&text, &size);
        Domain *d;

        fputs(HEAD MEMORY OS, f);
        for (int i = 0; i < 10000; i++)
                fputs("<a/>", f);
        fputs(TAIL, f);
        assert_int_equal(fclose(f), 0);
        d = read_text(text, size);
        assert_non_null(strstr(messages, "1:1: warning: and 9950 more warnings about this file\n"));
        domain_free(d);
}

/* libxml2 would compare each attribute with each other, for seconds. */
static void test_attributes(void **state) {
        static const char *const between[] = {"", "<!-- < ' -->", "<!-- <a b=\" --><![CDATA[<c d=']]>"};

        for (size_t i = 0; i < ELEMENTSOF(between); i++) {
                size_t size = 0;
                _cleanup_free_ char *text = NULL;
                FILE *f = open_memstream(&text, &size);

                fprintf(f, "<domain type='uml'>%s<a", between[i]);
                for (int k = 0; k < 50000; k++)
                        fprintf(f, " a%d='>'", k);
                fputs("/></domain>", f);
                assert_int_equal(fclose(f), 0);
                assert_null(read_text(text, size));
                assert_non_null(strstr(messages, "a tag has too many attributes"));
        }
}

static void test_equal_signs(void **state) {
        size_t size = 0;
        _cleanup_free_ char *text = NULL;
        FILE *f = open_memstream(&text, &size);
        Domain *d;

        fputs(HEAD MEMORY OS "<description a='b'>", f);
        for (int i = 0; i < 20000; i++)
                fputs("=", f);
        fputs("</description>" TAIL, f);
        assert_int_equal(fclose(f), 0);
        d = read_text(text, size);
        assert_non_null(d);
        domain_free(d);
}

/* The parser quotes the file in its messages. */
static void test_parser_message(void **state) {
        const char *text = HEAD "<x xmlns:x='http://a b&#9;&#x9b;c'/>" MEMORY OS TAIL;

        assert_null(read_text(text, strlen(text)));
        assert_null(strpbrk(messages, "\t\x9b"));
}

static void test_deep(void **state) {
        size_t size = 0;
        _cleanup_free_ char *text = NULL;
        FILE *f = open_memstream(&text, &size);

        for (int i = 0; i < 10000; i++)
                fputs("<a>", f);
        assert_int_equal(fclose(f), 0);
        assert_null(read_text(text, size));
}

static void test_bytes(void **state) {
        static const char nul[] = HEAD "<title>a\0b</title>" MEMORY OS TAIL, latin[] = HEAD "<title>\xe4</title>" MEMORY OS TAIL;

        assert_null(read_text(nul, sizeof(nul) - 1));
        assert_null(read_text(latin, sizeof(latin) - 1));
}

static void test_table(void **state) {
        const char *attributes, *ignored, *last = "", *path;

        for (size_t i = 0; (path = domain_xml_element(i, &attributes, &ignored)); i++) {
                assert_true(strcmp(last, path) < 0);
                last = path;
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("every element is read into the domain", test_good),
                TEST("a short definition gets libvirt's defaults, and a console", test_defaults),
                TEST("a default UUID is stable, and another on another host", test_uuid),
                TEST("memory is read in all of libvirt's units, rounded up to KiB", test_memory),
                TEST("a wrong value is refused with its place", test_refused),
                TEST("what is not supported is a warning with its place", test_warned),
                TEST("all errors of a file are told, not just the first", test_all_errors),
                TEST("a file cannot flood the log", test_flood),
                TEST("a tag with endless attributes is refused at once", test_attributes),
                TEST("equal signs in a text are no attributes", test_equal_signs),
                TEST("the parser's own messages are clean, too", test_parser_message),
                TEST("a deep file is refused", test_deep),
                TEST("NUL and broken UTF-8 are refused", test_bytes),
                TEST("the table of elements is sorted, as the search needs it", test_table),
        };

        return cmocka_run_group_tests_name("domain-xml", tests, NULL, NULL);
}
