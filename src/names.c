/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of the model's enumerations, and of a guest's name. Apart from domain.c because the helper, which reads them
 * from its command line, must not load libuuid. */

#include "domain.h"
#include "util.h"

static const char *const lifecycle_actions[_LIFECYCLE_MAX] = {
        [LIFECYCLE_DESTROY] = "destroy",
        [LIFECYCLE_RESTART] = "restart",
};

static const char *const stop_methods[_STOP_METHOD_MAX] = {
        [STOP_CAD] = "cad",
        [STOP_HALT] = "halt",
};

static const char *const console_kinds[_CONSOLE_KIND_MAX] = {
        [CONSOLE_NULL] = "null",
        [CONSOLE_PTY] = "pty",
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
