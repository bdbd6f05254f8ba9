/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of the model's enumerations, and what its names may be. Apart from domain.c because the helper, which reads
 * them from its command line, must not load libuuid. */

#include <limits.h>

#include "domain.h"
#include "util.h"

static const char *const lifecycle_actions[_LIFECYCLE_MAX] = {
        [LIFECYCLE_DESTROY] = "destroy",
        [LIFECYCLE_RESTART] = "restart",
        [LIFECYCLE_PRESERVE] = "preserve",
        [LIFECYCLE_COREDUMP_DESTROY] = "coredump-destroy",
        [LIFECYCLE_COREDUMP_RESTART] = "coredump-restart",
};

static const char *const ready_whens[_READY_WHEN_MAX] = {
        [READY_MCONSOLE] = "mconsole",
        [READY_CONSOLE] = "console",
        [READY_MESSAGE] = "message",
};

static const char *const watchdog_actions[_WATCHDOG_ACTION_MAX] = {
        [WATCHDOG_NONE] = "none",
        [WATCHDOG_RESET] = "reset",
        [WATCHDOG_SHUTDOWN] = "shutdown",
        [WATCHDOG_POWEROFF] = "poweroff",
};

static const char *const stop_methods[_STOP_METHOD_MAX] = {
        [STOP_CAD] = "cad",
        [STOP_HALT] = "halt",
};

static const char *const console_kinds[_CONSOLE_KIND_MAX] = {
        [CONSOLE_NULL] = "null",
        [CONSOLE_PTY] = "pty",
        [CONSOLE_FILE] = "file",
        [CONSOLE_STDIO] = "stdio",
        [CONSOLE_PIPE] = "pipe",
        [CONSOLE_DEV] = "dev",
        [CONSOLE_TCP] = "tcp",
        [CONSOLE_UDP] = "udp",
        [CONSOLE_UNIX] = "unix",
};

static int word_lookup(const char *const *words, size_t n, const char *s) {
        for (size_t i = 0; i < n; i++)
                if (streq(words[i], s))
                        return (int) i;
        return -EINVAL;
}

#define DEFINE_WORDS(function, Type, words)                                     \
        const char *function##_to_string(Type v) {                              \
                return words[v];                                                \
        }                                                                       \
        int function##_from_string(const char *s, Type *ret) {                  \
                int i = word_lookup(words, ELEMENTSOF(words), s);               \
                if (i < 0)                                                      \
                        return i;                                               \
                *ret = (Type) i;                                                \
                return 0;                                                       \
        }

DEFINE_WORDS(lifecycle_action, LifecycleAction, lifecycle_actions)
DEFINE_WORDS(ready_when, ReadyWhen, ready_whens)
DEFINE_WORDS(watchdog_action, WatchdogAction, watchdog_actions)
DEFINE_WORDS(stop_method, StopMethod, stop_methods)
DEFINE_WORDS(console_kind, ConsoleKind, console_kinds)

static bool is_letter_or_digit(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool domain_name_is_valid(const char *name) {
        size_t n = strlen(name);

        if (n < 1 || n > DOMAIN_NAME_MAX || !is_letter_or_digit(name[0]))
                return false;
        if (n >= 4 && streq(name + n - 4, ".xml"))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_letter_or_digit(name[i]) && !strchr("_.:-", name[i]))
                        return false;
        return true;
}

bool disk_serial_is_valid(const char *serial) {
        for (const char *p = serial; *p; p++)
                if (!is_letter_or_digit(*p) && !strchr("_.+-", *p))
                        return false;
        return true;
}

bool share_name_is_valid(const char *name) {
        return *name && strlen(name) <= NAME_MAX && !strchr(name, '/') && !streq(name, ".") && !streq(name, "..");
}

bool mac_is_valid(const char *mac) {
        static const char hex[] = "0123456789abcdefABCDEF";

        for (int i = 0; i < 6; i++, mac += 3)
                if (!*mac || !mac[1] || !strchr(hex, mac[0]) || !strchr(hex, mac[1]) || mac[2] != (i < 5 ? ':' : 0))
                        return false;
        return true;
}

void console_name(const Console *c, char ret[static LINE_NAME_SIZE]) {
        (void) snprintf(ret, LINE_NAME_SIZE, "%s%hhu", c->serial ? "ssl" : "con", (unsigned char) c->port);
}

int console_name_parse(const char *s, size_t size, bool *ret_serial, unsigned *ret_port) {
        bool serial = size > 3 && after_prefix(s, "ssl");
        char number[4];
        uint64_t port;

        if (size <= 3 || size - 3 >= sizeof(number) || (!serial && !after_prefix(s, "con")))
                return -EINVAL;
        memcpy(number, s + 3, size - 3);
        number[size - 3] = 0;
        if (parse_number(number, serial ? DOMAIN_SERIALS_MAX - 1 : DOMAIN_CONSOLES_MAX - 1, &port) < 0)
                return -EINVAL;
        *ret_serial = serial;
        *ret_port = (unsigned) port;
        return 0;
}

int disk_index_from_string(const char *unit, unsigned *ret) {
        uint64_t index;

        if (unit[0] >= 'a' && unit[0] <= 'p' && !unit[1])
                index = (uint64_t) (unit[0] - 'a');
        else if (parse_number(unit, DOMAIN_DISKS_MAX - 1, &index) < 0 || (unit[0] == '0' && unit[1]))
                return -EINVAL;
        *ret = (unsigned) index;
        return 0;
}
