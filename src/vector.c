/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>

#include "domain.h"
#include "escape.h"
#include "util.h"
#include "vector.h"

typedef enum Transports {
        TAP = 1 << 0,
        HYBRID = 1 << 1,
        RAW = 1 << 2,
        GRE = 1 << 3,
        L2TPV3 = 1 << 4,
        BESS = 1 << 5,
        FD = 1 << 6,
        VDE = 1 << 7,
        ALL = (1 << 8) - 1,
} Transports;

static const struct {
        const char *name;
        Transports bit;
} transports[] = {
        {"tap",    TAP},
        {"hybrid", HYBRID},
        {"raw",    RAW},
        {"gre",    GRE},
        {"l2tpv3", L2TPV3},
        {"bess",   BESS},
        {"fd",     FD},
        {"vde",    VDE},
};

/* Everything that is in a list of options: a comma or `=` ends a value there, a space or quote the whole list. */
static bool is_text(const char *s) {
        return *s && text_is_clean(s) && !s[strcspn(s, " \",=")];
}

/* As the kernel reads it: decimal, octal or hexadecimal. */
static bool is_number_below(const char *s, uint64_t max) {
        uint64_t value;
        char *end;

        if (s[0] < '0' || s[0] > '9')
                return false;
        errno = 0;
        value = strtoull(s, &end, 0);
        return errno == 0 && !*end && value <= max;
}

static bool is_number(const char *s) {
        return is_number_below(s, UINT32_MAX);
}

static bool is_cookie(const char *s) {
        return is_number_below(s, UINT64_MAX);
}

static bool is_bool(const char *s) {
        return streq(s, "0") || streq(s, "1");
}

/* Decimal, whatever it begins with: kstrtoul(…, 10) and strtol(…, 10). */
static bool is_decimal(const char *s) {
        uint64_t value;

        return parse_number(s, INT_MAX, &value) >= 0;
}

static bool is_mtu(const char *s) {
        uint64_t value;

        return s[0] != '0' && parse_number(s, 65535, &value) >= 0 && value >= 68;
}

static bool is_port(const char *s) {
        uint64_t value;

        return parse_number(s, 65535, &value) >= 0 && value > 0;
}

/* dev_valid_name() of the host's kernel, but for `%d`, with which it would make a name up, and in ASCII; 16 bytes with the
 * NUL. */
static bool is_interface(const char *s) {
        for (const char *p = s; *p; p++)
                if (*p <= ' ' || *p >= 0x7f)
                        return false;
        return is_text(s) && strlen(s) < 16 && !strpbrk(s, "/:%") && !streq(s, ".") && !streq(s, "..");
}

/* Of one device: the lowest bit of the first byte makes it a group's, and the kernel takes another address then. */
static bool is_mac(const char *s) {
        return mac_is_valid(s) && !strchr("13579bdfBDF", s[1]);
}

static bool is_path(const char *s) {
        return s[0] == '/' && is_text(s);
}

/* A unix socket's path has up to 107 bytes. */
static bool is_address(const char *s) {
        return is_path(s) ? strlen(s) < 108 : is_text(s) && strlen(s) < 256;
}

static bool is_transport(const char *s) {
        return vector_has(s, NULL);
}

static const struct {
        const char *name;
        Transports transports, required;
        bool (*is_good)(const char *value);
        const char *expected;
} keys[] = {
        /* name           of                  required by              value */
        {"transport",     ALL,                ALL,                     is_transport, VECTOR_TRANSPORTS},
        {"ifname",        TAP | HYBRID | RAW, HYBRID | RAW,            is_interface, "a network interface's name, of up to 15 characters"},
        {"src",           GRE | L2TPV3 | BESS, GRE | L2TPV3,           is_address,   "an address or a host's name, or for bess a socket's path"},
        {"dst",           GRE | L2TPV3 | BESS, GRE | L2TPV3 | BESS,    is_address,   "an address or a host's name, or for bess a socket's path"},
        {"srcport",       L2TPV3,             0,                       is_port,      "a number from 1 to 65535"},
        {"dstport",       L2TPV3,             0,                       is_port,      "a number from 1 to 65535"},
        {"v6",            GRE | L2TPV3,       0,                       is_bool,      "0 or 1"},
        {"udp",           L2TPV3,             0,                       is_bool,      "0 or 1"},
        {"rx_key",        GRE,                0,                       is_number,    "a number of 32 bits"},
        {"tx_key",        GRE,                0,                       is_number,    "a number of 32 bits"},
        {"sequence",      GRE,                0,                       is_bool,      "0 or 1"},
        {"pin_sequence",  GRE,                0,                       is_bool,      "0 or 1"},
        {"rx_session",    L2TPV3,             L2TPV3,                  is_number,    "a number of 32 bits"},
        {"tx_session",    L2TPV3,             L2TPV3,                  is_number,    "a number of 32 bits"},
        {"rx_cookie",     L2TPV3,             0,                       is_cookie,    "a number of 64 bits"},
        {"tx_cookie",     L2TPV3,             0,                       is_cookie,    "a number of 64 bits"},
        {"cookie64",      L2TPV3,             0,                       is_bool,      "0 or 1"},
        {"counter",       L2TPV3,             0,                       is_bool,      "0 or 1"},
        {"pin_counter",   L2TPV3,             0,                       is_bool,      "0 or 1"},
        {"fd",            FD,                 FD,                      is_decimal,   "a number"},
        {"vnl",           VDE,                VDE,                     is_text,      "a virtual network locator, such as vde:///run/switch or slirp://"},
        {"ifup",          TAP | HYBRID | RAW, 0,                       is_path,      "a program's absolute path"},
        {"mac",           ALL,                0,                       is_mac,       "a MAC address of one device, such as 52:54:00:12:34:56"},
        {"mtu",           ALL,                0,                       is_mtu,       "a number from 68 to 65535"},
        {"gro",           ALL,                0,                       is_bool,      "0 or 1"},
        {"vec",           ALL,                0,                       is_bool,      "0 or 1"},
        {"depth",         ALL,                0,                       is_decimal,   "a number"},
        {"headroom",      ALL,                0,                       is_decimal,   "a number"},
        {"bpffile",       ALL,                0,                       is_path,      "a file's absolute path"},
        {"bpfflash",      ALL,                0,                       is_bool,      "0 or 1"},
};
_Static_assert(ELEMENTSOF(keys) == VECTOR_KEYS, "VECTOR_KEYS is the number of keys");

static Transports transport_bit(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(transports); i++)
                if (streq(transports[i].name, name))
                        return transports[i].bit;
        return 0;
}

static int key_index(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (streq(keys[i].name, key))
                        return (int) i;
        return -ENOENT;
}

const char *vector_key(size_t i) {
        return i < ELEMENTSOF(keys) ? keys[i].name : NULL;
}

const char *vector_get(const VectorOptions *o, const char *key) {
        return o->values[key_index(key)];
}

void vector_set(VectorOptions *o, const char *key, const char *value) {
        o->values[key_index(key)] = value;
}

bool vector_has(const char *transport, const char *key) {
        Transports bit = transport_bit(transport);
        int i = key ? key_index(key) : 0;

        return i >= 0 && (keys[i].transports & bit);
}

int vector_check(const char *transport, const char *key, const char *value) {
        if (!vector_has(transport, key))
                return -ENOENT;
        return keys[key_index(key)].is_good(value) ? 0 : -EINVAL;
}

const char *vector_expected(const char *key) {
        int i = key_index(key);

        return i < 0 ? "" : keys[i].expected;
}

/* What is given only together with another: build_gre_transport_data(), build_l2tpv3_transport_data(). */
static const char *other_of_pair(const VectorOptions *o) {
        static const char *const pairs[][2] = {{"rx_key", "tx_key"}, {"rx_cookie", "tx_cookie"}};

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                bool rx = vector_get(o, pairs[i][0]), tx = vector_get(o, pairs[i][1]);

                if (rx != tx)
                        return pairs[i][rx];
        }
        return NULL;
}

const char *vector_missing(const VectorOptions *o) {
        Transports bit = o->values[0] ? transport_bit(o->values[0]) : ALL;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if ((keys[i].required & bit) && !o->values[i])
                        return keys[i].name;
        return other_of_pair(o);
}

int vector_join(const VectorOptions *o, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0, n = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (o->values[i])
                        fprintf(f, "%s%s=%s", n++ > 0 ? "," : "", keys[i].name, o->values[i]);
        if (fclose(f) != 0 || !text)
                return -ENOMEM;
        if (n > VECTOR_OPTIONS_MAX)
                return -E2BIG;
        *ret = TAKE_PTR(text);
        return 0;
}

int vector_split(char *text, VectorOptions *ret, const char **ret_problem) {
        VectorOptions o = {};
        char *rest = text, *part;

        while ((part = strsep(&rest, ","))) {
                char *value = strchr(part, '=');
                int i;

                *ret_problem = part;
                if (!value || !value[1] || strchr(value + 1, '='))
                        return -EINVAL;
                *value = 0;
                i = key_index(part);
                if (i < 0)
                        return -EINVAL;
                if (o.values[i])
                        return -EEXIST;
                o.values[i] = value + 1;
        }
        *ret = o;
        return 0;
}

int vector_paths(const char *options, int (*function)(void *userdata, const char *key, const char *path), void *userdata) {
        _cleanup_free_ char *copy = strdup(options);
        const char *problem;
        VectorOptions o;
        int r;

        if (!copy)
                return -ENOMEM;
        r = vector_split(copy, &o, &problem);
        for (size_t i = 0; r >= 0 && i < VECTOR_KEYS; i++) {
                const char *path = o.values[i], *scheme = path ? strstr(path, "://") : NULL; /* vde:///run/switch */

                if (scheme)
                        path = scheme + strlen("://");
                if (path && path[0] == '/')
                        r = function(userdata, keys[i].name, path);
        }
        return r;
}

static int take_own_socket(void *userdata, const char *key, const char *path) {
        char **ret = userdata;

        if (!streq(key, "src"))
                return 0;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

int vector_own_socket(const char *options, char **ret) {
        *ret = NULL;
        return vector_paths(options, take_own_socket, ret);
}
