/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <interface>: read whole, so that what is wrong in it is said; but only one on a tap that is there already can be had in
 * this version. The Nth <interface> is vecN, whether those before it can be had or not. */

#include "elements.h"
#include "vector.h"

static const struct {
        const char *type;
        const char *needs[2]; /* attributes of <source> */
} types[] = {
        {"bridge", {"bridge"}},
        {"client", {"address", "port"}},
        {"direct", {"dev"}},
        {"ethernet"},
        {"hostdev"},
        {"internal", {"name"}},
        {"mcast", {"address", "port"}},
        {"network", {"network"}},
        {"null"},
        {"server", {"port"}},
        {"udp", {"address", "port"}},
        {"user"},
        {"vdpa", {"dev"}},
        {"vds"},
        {"vhostuser", {"path"}},
};

static void check_source(Reader *r, xmlNode *n, const char *type) {
        xmlNode *source = reader_child(n, "source");

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (!streq(types[i].type, type))
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(types[i].needs) && types[i].needs[k]; k++)
                        if (!source || !reader_has_attribute(source, types[i].needs[k]))
                                error(r, source ?: n, "<interface type='%s'> needs <source %s='…'/>", type, types[i].needs[k]);
                return;
        }
        error(r, n, "<interface>: type '%s' is none of libvirt's", type);
}

bool begin_interface(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type");
        xmlNode *target = reader_child(n, "target");

        reader_begin_device(r);
        if (!type) {
                error(r, n, "<interface>: attribute type is missing");
                return false;
        }
        check_source(r, n, type);
        if (!streq(type, "ethernet") || !target || !reader_attribute_is(target, "managed", "no") || !reader_has_attribute(target, "dev")) {
                warning(r, n, "<interface type='%s'> is refused: this version of uml-systemd has interfaces on a tap that exists (type ethernet, <target dev='…' managed='no'/>), and <uml:vector>; the guest has no vec%u",
                        type, r->n_interfaces);
                r->device.refused = r->quiet = true;
        }
        return true;
}

bool begin_interface_mac(Reader *r, xmlNode *n) {
        _cleanup_free_ char *address = reader_attribute(r, n, "address");
        char digits[3] = "";
        unsigned long first;

        if (!address) {
                error(r, n, "<mac>: attribute address is missing");
                return true;
        }
        memcpy(digits, address, MIN_OF(strlen(address), (size_t) 2));
        first = strtoul(digits, NULL, 16);
        if (first & 1)
                error(r, n, "<mac>: address '%s' is a multicast address", address);
        else if (first == 0xfe)
                warning(r, n, "<mac>: address '%s' begins with fe, which is for the host's side of a tap: where both have the same, the guest hears nothing", address);
        free(r->device.mac);
        r->device.mac = TAKE_PTR(address);
        return true;
}

bool begin_interface_target(Reader *r, xmlNode *n) {
        _cleanup_free_ char *dev = reader_attribute(r, n, "dev");

        if (dev && !r->device.refused && vector_check("tap", "ifname", dev) < 0)
                error(r, n, "<target>: dev '%s' is refused: expected %s", dev, vector_expected("ifname"));
        free(r->device.dev);
        r->device.dev = TAKE_PTR(dev);
        return true;
}

bool begin_interface_mtu(Reader *r, xmlNode *n) {
        if (reader_number(r, n, "size", 65535, &r->device.mtu) && r->device.mtu < 68)
                error(r, n, "<mtu>: size %u is less than 68, the least of IPv4", r->device.mtu);
        return true;
}

/* Elements of an interface that can be had, but without them. */
bool begin_interface_later(Reader *r, xmlNode *n) {
        warning(r, n, "<%s> is refused: this version of uml-systemd sets nothing up for an interface; the tap stays as it is", node_name(n));
        return true;
}

/* Takes the options, which were checked, as far as each can be by itself. */
static void add_vector(Reader *r, xmlNode *n, unsigned index, const VectorOptions *options) {
        const char *missing = vector_missing(options);
        Vector *v;
        int k;

        if (missing) {
                error(r, n, "<%s>: option %s of the transport '%s' is missing: expected %s", node_name(n), missing, options->values[0],
                      vector_expected(missing));
                return;
        }
        v = reader_allocated(r, domain_add_vector(r->domain));
        if (!v)
                return;
        v->index = index;
        k = vector_join(options, &v->options);
        if (k == -E2BIG)
                error(r, n, "<%s>: too many options; the kernel has room for %d", node_name(n), VECTOR_OPTIONS_MAX);
        else if (k < 0)
                r->reporter.out_of_memory = true;
}

static bool vector_is_taken(const Domain *d, unsigned index) {
        for (size_t i = 0; i < d->n_vectors; i++)
                if (d->vectors[i].index == index)
                        return true;
        return false;
}

void end_interface(Reader *r, xmlNode *n) {
        unsigned index = r->n_interfaces++;
        VectorOptions options = {};
        char mtu[16];

        r->quiet = false;
        if (index >= DOMAIN_VECTORS_MAX)
                error(r, n, "<interface>: one too many; a guest can have %d", DOMAIN_VECTORS_MAX);
        else if (!r->device.refused && vector_is_taken(r->domain, index))
                error(r, n, "<interface>: vec%u is taken by a <uml:vector>; give that another index", index);
        else if (!r->device.refused && r->device.dev) {
                vector_set(&options, "transport", "tap");
                vector_set(&options, "ifname", r->device.dev);
                vector_set(&options, "mac", r->device.mac);
                (void) snprintf(mtu, sizeof(mtu), "%u", r->device.mtu);
                vector_set(&options, "mtu", r->device.mtu > 0 ? mtu : NULL);
                add_vector(r, n, index, &options);
        }
        reader_end_device(r, NULL);
}

/* One option's value, which options->values refers to and values owns. */
static void read_option(Reader *r, xmlNode *n, const char *transport, size_t i, VectorOptions *options, char *values[static VECTOR_KEYS]) {
        const char *key = vector_key(i);

        values[i] = reader_attribute(r, n, key);
        if (!values[i])
                return;
        switch (vector_check(transport, key, values[i])) {
        case 0:
                options->values[i] = values[i];
                break;
        case -ENOENT:
                error(r, n, "<vector>: transport '%s' has no option %s", transport, key);
                break;
        default:
                error(r, n, "<vector>: %s '%s' is refused: expected %s", key, values[i], vector_expected(key));
        }
}

/* <uml:vector index='1' transport='gre' src='…' …/>: the options of the kernel's vector devices, as they are. */
bool begin_vector(Reader *r, xmlNode *n) {
        _cleanup_free_ char *transport = reader_attribute(r, n, "transport");
        char *values[VECTOR_KEYS] = {};
        VectorOptions options = {};
        unsigned index = 0;

        if (!transport || !vector_has(transport, NULL)) {
                error(r, n, "<vector>: transport '%s' is none of " VECTOR_TRANSPORTS, transport ?: "");
                return true;
        }
        if (streq(transport, "fd")) {
                warning(r, n, "<vector>: transport 'fd' is refused: this version of uml-systemd opens no devices for the guest; it is left out");
                return true;
        }
        if (!reader_has_attribute(n, "index")) /* a number that is counted would change with what comes before */
                error(r, n, "<vector>: attribute index, the N of the guest's vecN, is missing");
        else if (reader_number(r, n, "index", DOMAIN_VECTORS_MAX - 1, &index) && vector_is_taken(r->domain, index))
                error(r, n, "<vector>: index %u is taken", index);
        for (size_t i = 0; vector_key(i); i++)
                read_option(r, n, transport, i, &options, values);
        add_vector(r, n, index, &options);
        for (size_t i = 0; i < VECTOR_KEYS; i++)
                free(values[i]);
        return true;
}
