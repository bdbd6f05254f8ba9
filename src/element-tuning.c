/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <cputune>, <memtune>, <blkiotune>, <numatune>, <resource>: what the guest may have of the host. Each becomes a setting of
 * its unit (systemd.resource-control(5), systemd.exec(5)), for all of the guest's processes together. */

#include "elements.h"

#define PERIOD_DEFAULT 100000 /* microseconds; the host kernel's */
#define WEIGHT_MAX 10000      /* of CPUWeight= and IOWeight= */
#define SHARE_MAX (CPUS_MAX * UINT64_C(10000)) /* of a CPU's time, in 1/10000: no host has more; systemd's own limit is 214748 CPUs */

/* libvirt's shares and weights are those of cgroups v1, systemd's those of v2: the defaults of both stand for each other. */
#define SHARES_DEFAULT 1024
#define IO_WEIGHT_DEFAULT 500

static unsigned weight(uint64_t value, uint64_t its_default) {
        uint64_t w = value * 100 / its_default;

        return (unsigned) (w < 1 ? 1 : MIN_OF(w, (uint64_t) WEIGHT_MAX));
}

/* CPUs */

bool begin_shares(Reader *r, xmlNode *n) {
        uint64_t shares;

        if (reader_content_number(r, n, 0, 262144, &shares)) /* 0: the least, to the host's kernel */
                reader_directive(r, "CPUWeight", NULL, "%u", weight(shares, SHARES_DEFAULT));
        return true;
}

static void set_period(Reader *r, xmlNode *n, uint64_t *ret) {
        (void) reader_content_number(r, n, 1000, 1000000, ret);
}

/* 0: none, or (libvirt) a negative number, for no limit. */
static void set_quota(Reader *r, xmlNode *n, uint64_t *ret) {
        _cleanup_free_ char *s = reader_word(r, n);
        uint64_t value;

        if (!s || parse_number(s[0] == '-' ? s + 1 : s, INT64_MAX / 10000, &value) < 0 || (s[0] != '-' && value > 0 && value < 1000)) {
                if (s)
                        error(r, n, "<%s>: '%s' is not a number of microseconds, from 1000; 0 or negative is no limit", node_name(n), s);
                return;
        }
        *ret = s[0] == '-' ? 0 : value;
}

bool begin_period(Reader *r, xmlNode *n) {
        set_period(r, n, &r->tuning.period);
        return true;
}

bool begin_quota(Reader *r, xmlNode *n) {
        set_quota(r, n, &r->tuning.quota);
        return true;
}

bool begin_global_period(Reader *r, xmlNode *n) {
        set_period(r, n, &r->tuning.global_period);
        return true;
}

bool begin_global_quota(Reader *r, xmlNode *n) {
        set_quota(r, n, &r->tuning.global_quota);
        return true;
}

/* Pins: what libvirt pins apart are processes of one unit here, which get the union. */

bool begin_vcpupin(Reader *r, xmlNode *n) {
        unsigned vcpu = 0;

        if (!reader_has_attribute(n, "vcpu") || !reader_has_attribute(n, "cpuset"))
                error(r, n, "<vcpupin> needs attributes vcpu and cpuset");
        (void) reader_number(r, n, "vcpu", 4095, &vcpu);
        if (reader_cpuset(r, n, "cpuset", r->tuning.pins))
                r->tuning.has_pins = true;
        return true;
}

bool begin_emulatorpin(Reader *r, xmlNode *n) {
        if (!reader_has_attribute(n, "cpuset"))
                error(r, n, "<emulatorpin> needs an attribute cpuset");
        if (reader_cpuset(r, n, "cpuset", r->tuning.pins))
                r->tuning.has_pins = true;
        return true;
}

static bool set_scheduler(Reader *r, xmlNode *n) {
        _cleanup_free_ char *scheduler = reader_attribute(r, n, "scheduler");
        unsigned priority = 0;
        bool realtime;

        if (!scheduler) {
                error(r, n, "<%s> needs an attribute scheduler", node_name(n));
                return true;
        }
        if (r->tuning.has_scheduler) {
                warning(r, n, "<%s> is ignored: the guest's processes have one scheduler, and another element sets it", node_name(n));
                return true;
        }
        r->tuning.has_scheduler = true;
        reader_directive(r, "CPUSchedulingPolicy", NULL, "%s", scheduler);
        realtime = streq(scheduler, "fifo") || streq(scheduler, "rr");
        if (reader_number(r, n, "priority", 99, &priority) && realtime && priority > 0)
                reader_directive(r, "CPUSchedulingPriority", NULL, "%u", priority);
        else if (realtime)
                error(r, n, "<%s>: scheduler '%s' needs a priority from 1 to 99", node_name(n), scheduler);
        return true;
}

bool begin_vcpusched(Reader *r, xmlNode *n) {
        uint64_t vcpus[CPUS_MAX / 64] = {};

        if (!reader_has_attribute(n, "vcpus"))
                error(r, n, "<vcpusched> needs an attribute vcpus");
        if (reader_cpuset(r, n, "vcpus", vcpus) && !(vcpus[0] & 1)) {
                warning(r, n, "<vcpusched> is ignored: UML has vcpu 0 alone");
                return true;
        }
        return set_scheduler(r, n);
}

bool begin_emulatorsched(Reader *r, xmlNode *n) {
        return set_scheduler(r, n);
}

static uint64_t share_of(uint64_t quota, uint64_t period, unsigned cpus) {
        uint64_t share = quota * 10000 / period; /* set_quota() leaves room for it */

        return MIN_OF(MIN_OF(share, SHARE_MAX) * cpus, SHARE_MAX);
}

/* The smaller of what <global_quota> and <quota> (of each CPU) allow. */
static void put_quota(Reader *r) {
        const Tuning *t = &r->tuning;
        uint64_t period = t->period ?: PERIOD_DEFAULT, global_period = t->global_period ?: PERIOD_DEFAULT;
        uint64_t of_all = 0, of_vcpus = 0, share; /* in 1/10000 of a CPU's time */

        if (t->global_quota > 0)
                of_all = share_of(t->global_quota, global_period, 1);
        if (t->quota > 0)
                of_vcpus = share_of(t->quota, period, t->vcpus ?: 1);
        if (t->global_quota == 0 && t->quota == 0)
                return;
        if (t->global_quota > 0 && (t->quota == 0 || of_all <= of_vcpus)) {
                share = of_all;
                period = global_period;
        } else
                share = of_vcpus;
        if (share == 0)
                share = 1; /* what can be said at least */
        reader_directive(r, "CPUQuota", NULL, "%llu.%02llu%%", (unsigned long long) share / 100, (unsigned long long) share % 100);
        reader_directive(r, "CPUQuotaPeriodSec", NULL, "%lluus", (unsigned long long) period);
}

/* Memory */

/* libvirt's word for no limit, in KiB. */
#define UNLIMITED UINT64_C(9007199254740988)

static void put_memory(Reader *r, const char *key, uint64_t kib) {
        if (kib >= UNLIMITED)
                reader_directive(r, key, NULL, "infinity");
        else
                reader_directive(r, key, NULL, "%lluK", (unsigned long long) kib);
}

/* 0 is libvirt's word for a limit that is not set. */
static uint64_t read_limit(Reader *r, xmlNode *n) {
        uint64_t size;

        return reader_size(r, n, &size) ? (size + 1023) / 1024 : 0;
}

static bool set_limit(Reader *r, xmlNode *n, const char *key) {
        uint64_t kib = read_limit(r, n);

        if (kib > 0)
                put_memory(r, key, kib);
        return true;
}

bool begin_hard_limit(Reader *r, xmlNode *n) {
        r->tuning.hard_limit_node = n;
        r->tuning.hard_limit = read_limit(r, n);
        return true;
}

bool begin_swap_hard_limit(Reader *r, xmlNode *n) {
        r->tuning.swap_hard_limit_node = n;
        r->tuning.swap_hard_limit = read_limit(r, n);
        return true;
}

bool begin_soft_limit(Reader *r, xmlNode *n) {
        return set_limit(r, n, "MemoryHigh");
}

bool begin_min_guarantee(Reader *r, xmlNode *n) {
        return set_limit(r, n, "MemoryMin");
}

/* <swap_hard_limit> is of memory and swap together, systemd's of swap alone. */
static void put_swap(Reader *r) {
        const Tuning *t = &r->tuning;

        if (t->locked) {
                reader_directive(r, "MemorySwapMax", NULL, "0");
                if (t->swap_hard_limit_node)
                        warning(r, t->swap_hard_limit_node, "<swap_hard_limit> is ignored: with <locked/> nothing of the guest is swapped");
        } else if (t->swap_hard_limit > 0 && t->hard_limit > t->swap_hard_limit)
                error(r, t->swap_hard_limit_node, "<swap_hard_limit>, which counts memory and swap, is less than <hard_limit>, which counts memory");
        else if (t->swap_hard_limit > 0)
                put_memory(r, "MemorySwapMax", t->swap_hard_limit >= UNLIMITED ? UNLIMITED : t->swap_hard_limit - t->hard_limit);
}

void check_tuning(Reader *r) {
        const Tuning *t = &r->tuning;

        if (t->has_pins || t->has_cpuset) {
                reader_bits_directive(r, "CPUAffinity", t->has_pins ? t->pins : t->cpuset); /* holds without a cgroup controller, too */
                reader_bits_directive(r, "AllowedCPUs", t->has_pins ? t->pins : t->cpuset); /* cannot be left */
        }
        put_quota(r);
        if (t->hard_limit > 0) {
                put_memory(r, "MemoryMax", t->hard_limit);
                if (t->hard_limit < r->domain->memory)
                        warning(r, t->hard_limit_node, "<hard_limit> (%llu KiB) is less than the guest's memory (%llu KiB): the guest is killed when it uses more",
                                (unsigned long long) t->hard_limit, (unsigned long long) r->domain->memory);
        }
        put_swap(r);
}

/* Disks and other block devices. In the unit their lines name a path, which is known when the element ends. */

bool begin_io_weight(Reader *r, xmlNode *n) {
        uint64_t value;

        if (reader_content_number(r, n, 0, 1000, &value) && value > 0)
                reader_directive(r, "IOWeight", NULL, "%u", weight(value, IO_WEIGHT_DEFAULT));
        return true;
}

bool begin_io_device(Reader *r, xmlNode *n) {
        reader_begin_device(r);
        return true;
}

bool begin_io_path(Reader *r, xmlNode *n) {
        r->device.path = reader_path(r, n, NULL);
        return true;
}

bool begin_io_device_weight(Reader *r, xmlNode *n) {
        uint64_t value;

        if (reader_content_number(r, n, 0, 1000, &value) && value > 0)
                reader_directive(r, "IODeviceWeight", NULL, "%u", weight(value, IO_WEIGHT_DEFAULT));
        return true;
}

static bool is_zero(xmlNode *n) {
        _cleanup_free_ char *s = (char *) xmlNodeGetContent(n);

        return s && !s[strspn(s, "0 \t\n")];
}

/* As libvirt: a total, or a limit of one direction or two. */
static void check_total(Reader *r, xmlNode *total) {
        const char *what = strchr(node_name(total), '_'); /* "_bytes_sec" */

        for (xmlNode *n = total->parent->children; n; n = n->next) {
                const char *of_one = n->type != XML_ELEMENT_NODE ? NULL : after_prefix(node_name(n), "read") ?: after_prefix(node_name(n), "write");

                if (of_one && streq(of_one, what) && !is_zero(n))
                        error(r, n, "<%s> is refused beside <%s>: give one of the two", node_name(n), node_name(total));
        }
}

/* Of <blkiotune>'s <device>, and of a disk's <iotune>. A total is no setting of systemd's: reading and writing may have it
 * each. */
bool begin_io_limit(Reader *r, xmlNode *n) {
        static const struct {
                const char *element, *key, *second;
        } limits[] = {
                {"read_bytes_sec", "IOReadBandwidthMax"},
                {"write_bytes_sec", "IOWriteBandwidthMax"},
                {"total_bytes_sec", "IOReadBandwidthMax", "IOWriteBandwidthMax"},
                {"read_iops_sec", "IOReadIOPSMax"},
                {"write_iops_sec", "IOWriteIOPSMax"},
                {"total_iops_sec", "IOReadIOPSMax", "IOWriteIOPSMax"},
        };
        uint64_t value;

        if (!reader_content_number(r, n, 0, INT64_MAX, &value) || value == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                if (!streq(limits[i].element, node_name(n)))
                        continue;
                reader_directive(r, limits[i].key, NULL, "%llu", (unsigned long long) value);
                if (limits[i].second) {
                        check_total(r, n);
                        reader_directive(r, limits[i].second, NULL, "%llu", (unsigned long long) value);
                        warning(r, n, "<%s> limits reading and writing each, not their sum", node_name(n));
                }
        }
        return true;
}

void end_io_device(Reader *r, xmlNode *n) {
        if (!r->device.path)
                error(r, n, "<device> has no <path> of a block device");
        reader_end_device(r, r->device.path);
}

/* NUMA nodes */

static bool has_more_than_one(const uint64_t set[static CPUS_MAX / 64]) {
        int n = 0;

        for (size_t i = 0; i < CPUS_MAX / 64; i++)
                n += __builtin_popcountll(set[i]);
        return n > 1;
}

bool begin_numa_memory(Reader *r, xmlNode *n) {
        static const struct {
                const char *mode, *policy;
        } modes[] = {{"strict", "bind"}, {"preferred", "preferred"}, {"interleave", "interleave"}, {"restrictive", NULL}};
        _cleanup_free_ char *mode = reader_attribute(r, n, "mode"), *nodes = reader_attribute(r, n, "nodeset");
        uint64_t set[CPUS_MAX / 64] = {};
        size_t i = 0;

        if (reader_attribute_is(n, "placement", "auto") || !nodes) {
                warning(r, n, "<memory> of <numatune> is ignored: nothing here asks numad; give a nodeset, and placement='static'");
                return true;
        }
        if (!reader_cpuset(r, n, "nodeset", set))
                return true;
        while (i < ELEMENTSOF(modes) && !streq(mode ?: "strict", modes[i].mode))
                i++;
        if (i == ELEMENTSOF(modes))
                return true; /* the attribute's type was checked */
        if (streq(modes[i].mode, "preferred") && has_more_than_one(set)) {
                error(r, n, "<memory>: mode 'preferred' is of one node, not of '%s'", nodes);
                return true;
        }
        if (modes[i].policy) {
                reader_directive(r, "NUMAPolicy", NULL, "%s", modes[i].policy);
                reader_bits_directive(r, "NUMAMask", set);
        } else
                reader_bits_directive(r, "AllowedMemoryNodes", set);
        return true;
}

/* <partition>/machine/production</partition> is machine-production.slice, which systemd makes when it is needed. */
bool begin_partition(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);

        if (!s)
                return false;
        if (slice_of_partition(s, &r->domain->slice) == -ENOMEM)
                r->reporter.out_of_memory = true;
        else if (!r->domain->slice)
                error(r, n, "partition '%s' is not an absolute path of named parts, as in /machine/production", s);
        return true;
}
