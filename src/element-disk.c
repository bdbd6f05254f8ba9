/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <disk>. One that was written for UML (its target is ubdN, or on the bus uml) must become what it says, or there is no
 * guest. One of another hypervisor's becomes the next free ubdN if UML can read it, and is left out, with a warning, if
 * not: never is an image given to a guest that would take its format's structure for free space. */

#include "arguments.h"
#include "elements.h"

static Disk *this_disk(Reader *r) {
        return &r->domain->disks[r->domain->n_disks - 1];
}

static bool is_uml_disk(xmlNode *n) {
        xmlNode *target = reader_child(n, "target");
        _cleanup_free_ char *dev = target ? (char *) xmlGetNoNsProp(target, (const xmlChar *) "dev") : NULL;

        return !target || !dev || after_prefix(dev, "ubd") || reader_attribute_is(target, "bus", "uml");
}

static bool has_format(xmlNode *n, const char *format) {
        xmlNode *driver = reader_child(n, "driver");

        return driver && reader_attribute_is(driver, "type", format);
}

static bool has_awkward_path(xmlNode *n) {
        xmlNode *source = reader_child(n, "source");
        _cleanup_free_ char *file = source ? (char *) xmlGetNoNsProp(source, (const xmlChar *) "file") : NULL;

        return file && file[strcspn(file, DISK_SEPARATORS)];
}

/* Why UML cannot have this disk, or NULL. */
static const char *refusal(xmlNode *n, const char *type, const char *format) {
        if (reader_attribute_is(n, "device", "floppy"))
                return "UML has no floppy drive";
        if (streq(type, "dir"))
                return "UML makes no disk of a directory; give it to the guest with <filesystem>";
        if (!streq(type, "file") && !streq(type, "block"))
                return "a UML disk is of type file or block";
        if (format && !streq(format, "raw") && !streq(format, "cow"))
                return "UML reads raw images, and its own copy-on-write files (cow); convert it with `qemu-img convert -O raw`";
        if (!is_uml_disk(n) && has_awkward_path(n))
                return "its path has a character that separates options on a UML command line; rename the file, or link to it";
        return NULL;
}

/* Of another hypervisor's name, the last letter: vda is ubd0, which the guest calls /dev/ubda. */
static unsigned index_of_letter(const char *dev) {
        size_t n = strlen(dev);

        return n > 0 && dev[n - 1] >= 'a' && dev[n - 1] <= 'p' ? (unsigned) (dev[n - 1] - 'a') : DOMAIN_DISKS_MAX;
}

/* Nothing else shall be found where the guest expects this disk. */
static void leave_out(Reader *r, xmlNode *n) {
        _cleanup_free_ char *dev = (char *) xmlGetNoNsProp(reader_child(n, "target"), (const xmlChar *) "dev");
        unsigned index = dev ? index_of_letter(dev) : DOMAIN_DISKS_MAX;

        if (index < DOMAIN_DISKS_MAX)
                r->left_out |= 1U << index;
}

static bool is_empty_drive(xmlNode *n) {
        xmlNode *source = reader_child(n, "source");

        return reader_attribute_is(n, "device", "cdrom") &&
               (!source || (!reader_has_attribute(source, "file") && !reader_has_attribute(source, "dev")));
}

bool begin_disk(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type"), *format = NULL;
        xmlNode *driver = reader_child(n, "driver");
        const char *reason;
        Disk *disk;

        reader_begin_device(r);
        if (driver)
                format = reader_attribute(r, driver, "type");
        reason = refusal(n, type ?: "file", format);
        if (reason && is_uml_disk(n)) {
                error(r, n, "<disk>: type '%s', format '%s' is refused: %s", type ?: "file", format ?: "raw", reason);
                return false;
        }
        if (reason) {
                warning(r, n, "<disk>: type '%s', format '%s': the disk is left out: %s", type ?: "file", format ?: "raw", reason);
                if (!reader_attribute_is(n, "device", "floppy") && !reader_attribute_is(n, "device", "cdrom"))
                        leave_out(r, n);
                return false;
        }
        if (is_empty_drive(n)) {
                warning(r, n, "<disk device='cdrom'> is left out: the drive is empty, and UML's disks cannot be changed by hand");
                return false;
        }
        if (r->domain->n_disks >= DOMAIN_DISKS_MAX) {
                error(r, n, "<disk>: one too many; UML has %d disks, ubd0 to ubd%d", DOMAIN_DISKS_MAX, DOMAIN_DISKS_MAX - 1);
                return false;
        }
        disk = reader_allocated(r, domain_add_disk(r->domain));
        if (!disk)
                return false;
        disk->block = type && streq(type, "block");
        disk->readonly = reader_attribute_is(n, "device", "cdrom");
        return true;
}

static char *disk_path(Reader *r, xmlNode *n, bool block) {
        const char *which = block ? "dev" : "file";

        if (!reader_has_attribute(n, which))
                error(r, n, "<source>: attribute %s, the disk's path, is missing", which);
        return reader_attribute_path(r, n, which, DISK_SEPARATORS);
}

bool begin_disk_source(Reader *r, xmlNode *n) {
        Disk *disk = this_disk(r);

        r->device.has_source = true;
        disk->optional = reader_attribute_is(n, "startupPolicy", "optional");
        disk->path = disk_path(r, n, disk->block);
        return true;
}

/* The bus and name of another hypervisor's disk are what that one's guest sees; here it is the next free ubdN, which is
 * known when all disks were read: see disks_number(). */
bool begin_disk_target(Reader *r, xmlNode *n) {
        _cleanup_free_ char *dev = reader_attribute(r, n, "dev"), *bus = reader_attribute(r, n, "bus");
        const char *unit = dev ? after_prefix(dev, "ubd") : NULL;
        Disk *disk = this_disk(r);

        r->device.has_target = true;
        if (!dev && reader_has_attribute(n, "dev"))
                return true;
        if (dev && !unit && (!bus || !streq(bus, "uml")) && *dev && dev[strspn(dev, "abcdefghijklmnopqrstuvwxyz")] == 0) {
                disk->index = DOMAIN_DISKS_MAX;
                r->renamed[r->domain->n_disks - 1] = n;
                return true;
        }
        if (bus && !streq(bus, "uml"))
                error(r, n, "<target>: bus '%s' is refused: a UML disk's is uml", bus);
        if (!unit || disk_index_from_string(unit, &disk->index) < 0) {
                error(r, n, "<target>: dev '%s' is not a UML disk: expected ubd0 to ubd15 or ubda to ubdp", dev ?: "");
                return true;
        }
        for (Disk *other = r->domain->disks; other < disk; other++)
                if (other->index == disk->index && other->path)
                        error(r, n, "<target>: dev '%s' is taken: ubd%u and ubd%c are one disk", dev, disk->index,
                              (char) ('a' + disk->index));
        return true;
}

static bool index_is_taken(const Domain *d, unsigned index) {
        for (size_t i = 0; i < d->n_disks; i++)
                if (d->disks[i].index == index)
                        return true;
        return false;
}

static bool index_is_free(const Reader *r, unsigned index) {
        return index < DOMAIN_DISKS_MAX && !(r->left_out >> index & 1) && !index_is_taken(r->domain, index);
}

/* The first that is free, or one of a disk that was left out: there are no more disks than numbers. */
static unsigned free_index(const Reader *r) {
        for (unsigned i = 0; i < DOMAIN_DISKS_MAX; i++)
                if (index_is_free(r, i))
                        return i;
        for (unsigned i = 0; i < DOMAIN_DISKS_MAX; i++)
                if (!index_is_taken(r->domain, i))
                        return i;
        return 0;
}

/* The letter stays where it is free; the others get what is left then. */
void disks_number(Reader *r) {
        Domain *d = r->domain;

        for (size_t i = 0; i < 2 * d->n_disks; i++) {
                size_t k = i % d->n_disks;
                bool others = i >= d->n_disks;
                _cleanup_free_ char *dev = NULL;
                unsigned index;

                if (!r->renamed[k] || d->disks[k].index < DOMAIN_DISKS_MAX)
                        continue;
                dev = reader_attribute(r, r->renamed[k], "dev");
                index = dev ? index_of_letter(dev) : DOMAIN_DISKS_MAX;
                if (!dev || (!others && !index_is_free(r, index)))
                        continue;
                d->disks[k].index = index = others ? free_index(r) : index;
                warning(r, r->renamed[k], "<target>: the disk '%s' is ubd%u here, which the guest calls /dev/ubd%c", dev, index, (char) ('a' + index));
        }
}

bool begin_disk_driver(Reader *r, xmlNode *n) {
        _cleanup_free_ char *cache = reader_attribute(r, n, "cache");
        Disk *disk = this_disk(r);

        if (cache && (streq(cache, "writethrough") || streq(cache, "directsync")))
                disk->sync = true;
        else if (cache && !streq(cache, "default") && !streq(cache, "writeback"))
                warning(r, n, "<driver>: cache '%s' is ignored: UML's disks are cached by the host, as with writeback", cache);
        disk->keep = reader_attribute_is(n, "discard", "ignore");
        return true;
}

bool begin_readonly(Reader *r, xmlNode *n) {
        this_disk(r)->readonly = true;
        return true;
}

bool begin_shareable(Reader *r, xmlNode *n) {
        this_disk(r)->shareable = true;
        return true;
}

bool begin_transient(Reader *r, xmlNode *n) {
        this_disk(r)->transient = true;
        return true;
}

bool begin_disk_serial(Reader *r, xmlNode *n) {
        _cleanup_free_ char *s = reader_word(r, n);

        if (s && !disk_serial_is_valid(s) && !is_uml_disk(n->parent))
                warning(r, n, "<serial>: '%s' is ignored: " DISK_SERIAL_RULE, s);
        else if (s && !disk_serial_is_valid(s))
                error(r, n, "<serial>: '%s' is refused: " DISK_SERIAL_RULE, s);
        else if (s)
                this_disk(r)->serial = TAKE_PTR(s);
        return true;
}

bool begin_disk_seclabel(Reader *r, xmlNode *n) {
        if (!reader_attribute_is(n, "relabel", "no"))
                warning(r, n, "<seclabel> of a disk is ignored: images keep the labels that they have");
        return false;
}

bool begin_iotune(Reader *r, xmlNode *n) {
        if (!this_disk(r)->block)
                warning(r, n, "<iotune> limits what the guest does with the device below the file, which may hold other files of its");
        return true;
}

/* Backing files: <source> is the COW file then. */

bool begin_backing(Reader *r, xmlNode *n) {
        if (!reader_has_attribute(n, "type") && !reader_child(n, "source"))
                return false; /* <backingStore/>: the image stands alone */
        if (!reader_attribute_is(n, "type", "file") && !reader_attribute_is(n, "type", "block"))
                error(r, n, "<backingStore>: a COW file's backing is of type file or block");
        else if (!reader_child(n, "source"))
                error(r, n, "<backingStore> has no <source>");
        return true;
}

bool begin_backing_format(Reader *r, xmlNode *n) {
        if (!reader_attribute_is(n, "type", "raw"))
                error(r, n, "<format> of <backingStore>: a COW file's backing is raw");
        return true;
}

bool begin_backing_source(Reader *r, xmlNode *n) {
        this_disk(r)->backing = disk_path(r, n, reader_attribute_is(n->parent, "type", "block"));
        return true;
}

bool begin_nested_backing(Reader *r, xmlNode *n) {
        if (reader_has_attribute(n, "type"))
                error(r, n, "<backingStore>: a backing file with a backing file is refused: UML knows pairs");
        return false;
}

static void check_pair(Reader *r, xmlNode *n, const Disk *disk) {
        bool cow = has_format(n, "cow"), raw = has_format(n, "raw");

        if (disk->backing && disk->transient)
                error(r, n, "<disk>: <transient/> is refused with <backingStore>: a COW file cannot stand on a COW file");
        else if (disk->backing && raw)
                error(r, n, "<disk>: a raw image has no <backingStore>; the COW file that stands on it has <driver type='cow'/>");
        else if (cow && !disk->backing)
                error(r, n, "<disk>: <driver type='cow'/> needs <backingStore type='file'> with the file that the COW file stands on: UML would take the one that the file itself names");
}

void end_disk(Reader *r, xmlNode *n) {
        Disk *disk = this_disk(r);

        if (!r->device.has_source)
                error(r, n, "<disk> has no <source>");
        if (!r->device.has_target)
                error(r, n, "<disk> has no <target dev='ubd0'/>");
        check_pair(r, n, disk);
        if (disk->readonly)
                disk->transient = false; /* nothing is written */
        if (disk->transient)
                disk->keep = false; /* it is so anyway */
        reader_end_device(r, disk->path);
}
