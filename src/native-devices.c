/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "native-import.h"
#include "vector.h"

/* Disks: ubd<n><flags>=FILE[,BACKING[,SERIAL]] */

static void set_flag(Disk *disk, char flag, bool *data) {
        const struct {
                char flag;
                bool *field;
        } flags[] = {
                {'r', &disk->readonly},
                {'s', &disk->sync},
                {'c', &disk->shareable},
                {'t', &disk->keep},
                {'d', data},
        };

        for (size_t k = 0; k < ELEMENTSOF(flags); k++)
                if (flags[k].flag == flag)
                        *flags[k].field = true;
}

/* "0r=", "ar=", "15=": index and flags. */
static bool read_unit(Import *i, const char *unit, Disk *disk, bool *data) {
        size_t digits = strspn(unit, "0123456789"), n = digits > 0 ? digits : 1, end = strcspn(unit, "=");
        _cleanup_free_ char *number = strndup(unit, n);

        if (!number) {
                i->reporter.out_of_memory = true;
                return false;
        }
        if (disk_index_from_string(number, &disk->index) < 0) {
                error(i, "'%s': UML's disks are ubd0 to ubd%d, or ubda to ubd%c",
                      i->word->text, DOMAIN_DISKS_MAX - 1, 'a' + DOMAIN_DISKS_MAX - 1);
                return false;
        }
        for (size_t k = n; k < end; k++) {
                if (!strchr("rsctd", unit[k])) {
                        error(i,
                              "'%s': there is no flag '%c'; expected some of r (read-only), s (synchronous), c (shared), t (no trim), d (data)",
                              i->word->text, unit[k]);
                        return false;
                }
                set_flag(disk, unit[k], data);
        }
        return true;
}

static bool is_transient(const char *path, unsigned index) {
        char name[sizeof(TRANSIENT_COW) + 8];

        (void) snprintf(name, sizeof(name), TRANSIENT_COW, index);
        return streq(path, name);
}

/* path, backing and serial are empty if they are not given. */
static void read_files(Import *i, Disk *disk, bool data, const char *path, const char *backing, const char *serial) {
        disk->transient = *backing && is_transient(path, disk->index);
        if (*backing && data) {
                error(i, "'%s': flag d says that the file is no COW file, and then there is a backing file; remove one of them",
                      i->word->text);
                return;
        }
        if (disk->transient && disk->readonly)
                warning(i, "'%s' is not taken: nothing is ever written to a read-only disk", path);
        else if (disk->transient)
                warning(i,
                        "'%s' is taken as a transient disk: what the guest writes is lost when it ends; for a COW file that stays, write ./%s",
                        path, path);
        else if (*backing)
                disk->backing = import_path(i, "backing file", backing, DISK_SEPARATORS);
        else if (!data)
                warning(i, "ubd%u: the file is taken as an image; were it a COW file, write its backing file after a comma",
                        disk->index);
        disk->path = import_path(i, "disk", disk->transient ? backing : path, DISK_SEPARATORS);
        disk->transient = disk->transient && !disk->readonly;
        if (disk->transient)
                disk->keep = false; /* means nothing more */
        if (*serial)
                disk->serial = import_copy(i, serial);
        if (!disk_serial_is_valid(serial))
                error(i, "serial '%s' is refused: " DISK_SERIAL_RULE, serial);
        disk->block = path_is_device(disk->path);
}

bool import_disk(Import *i, const char *value) {
        _cleanup_free_ char *copy = NULL;
        const char *unit = i->word->text + strlen("ubd"), *path, *backing, *serial;
        Disk *disk, new = {};
        bool data = false;
        char *rest;

        if (*unit == '=') { /* no disk, but all of them */
                if (streq(value, "sync"))
                        i->sync = true;
                else
                        warning(i, "'%s' is not taken: the disks of a guest have one major number", i->word->text);
                return true;
        }
        if (!read_unit(i, unit, &new, &data))
                return true;
        if (i->disks[new.index]) {
                error(i, "'%s': ubd%u was given at %u:%u; keep one", i->word->text, new.index, i->disks[new.index]->line,
                      i->disks[new.index]->column);
                return true;
        }
        i->disks[new.index] = i->word;

        rest = copy = import_copy(i, value);
        disk = copy ? domain_add_disk(i->domain) : NULL;
        if (!disk) {
                i->reporter.out_of_memory = true;
                return true;
        }
        *disk = new;
        path = strsep(&rest, ",:");
        backing = rest ? strsep(&rest, ",:") : "";
        serial = rest ? strsep(&rest, ",:") : "";
        if (rest)
                error(i, "'%s': more than three parts; expected FILE, FILE,BACKING or FILE,BACKING,SERIAL", i->word->text);
        else
                read_files(i, disk, data, path, backing, serial);
        return true;
}

void import_end_disks(Import *i) {
        for (size_t k = 0; i->sync && k < i->domain->n_disks; k++)
                i->domain->disks[k].sync = true;
}

/* Network devices */

static void add_vector(Import *i, unsigned index, const VectorOptions *options) {
        const char *transport = options->values[0], *missing = vector_missing(options);
        _cleanup_free_ char *text = NULL;
        Vector *v;
        int r;

        if (missing) {
                error(i, "'%s': %s= is missing; expected %s", i->word->text, missing, vector_expected(missing));
                return;
        }
        if (streq(transport, "fd")) {
                warning(i, "'%s' is not taken: a service has no descriptor but the first three; the guest has no vec%u",
                        i->word->text, index);
                return;
        }
        r = vector_join(options, &text);
        if (r == -E2BIG)
                error(i, "'%s': more than %d options, for which the kernel has no room", i->word->text, VECTOR_OPTIONS_MAX);
        v = r < 0 ? NULL : domain_add_vector(i->domain);
        if (v)
                *v = (Vector) {.index = index, .options = TAKE_PTR(text)};
        else if (r != -E2BIG)
                i->reporter.out_of_memory = true;
}

#define MAC_SIZE 18 /* with the NUL */

/* The number in "vec0:", "eth0=". */
static bool read_number(Import *i, const char *digits, unsigned *ret) {
        _cleanup_free_ char *number = strndup(digits, strspn(digits, "0123456789"));
        uint64_t index;

        if (!number) {
                i->reporter.out_of_memory = true;
                return false;
        }
        if (parse_number(number, DOMAIN_VECTORS_MAX - 1, &index) < 0) {
                error(i, "'%s': expected a number from 0 to %d before the '%c'",
                      i->word->text, DOMAIN_VECTORS_MAX - 1, digits[strlen(number)]);
                return false;
        }
        if (i->vectors[index]) {
                error(i, "'%s': network device %llu was given at %u:%u; keep one, or number them",
                      i->word->text, (unsigned long long) index, i->vectors[index]->line, i->vectors[index]->column);
                return false;
        }
        i->vectors[index] = i->word;
        *ret = (unsigned) index;
        return true;
}

/* As the kernel reads it: a digit may be missing. */
static void pad_mac(const char *mac, char ret[static MAC_SIZE]) {
        unsigned b[6];
        int end = 0;

        (void) snprintf(ret, MAC_SIZE, "%s", mac);
        if (sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) == 6 && !mac[end] &&
            !mac[strspn(mac, "0123456789abcdefABCDEF:")])
                (void) snprintf(ret, MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

/* mac is room for one of the values. */
static bool check_vector(Import *i, VectorOptions *o, char mac[static MAC_SIZE]) {
        const char *transport = o->values[0], *key;
        bool good = true;

        if (!transport || !vector_has(transport, NULL)) {
                error(i, "'%s': transport=%s: expected %s", i->word->text, transport ?: "", VECTOR_TRANSPORTS);
                return false;
        }
        for (size_t k = 1; (key = vector_key(k)); k++) {
                if (!o->values[k])
                        continue;
                if (streq(key, "mac") && strlen(o->values[k]) < MAC_SIZE - 1) {
                        pad_mac(o->values[k], mac);
                        o->values[k] = mac;
                }
                switch (vector_check(transport, key, o->values[k])) {
                case 0:
                        continue;
                case -ENOENT:
                        error(i, "'%s': transport %s has no option %s", i->word->text, transport, key);
                        break;
                default:
                        error(i, "'%s': %s=%s: expected %s", i->word->text, key, o->values[k], vector_expected(key));
                }
                good = false;
        }
        return good;
}

bool import_vector(Import *i, const char *value) {
        _cleanup_free_ char *copy = import_copy(i, value);
        const char *problem = NULL;
        VectorOptions options;
        char mac[MAC_SIZE];
        unsigned index;
        int r;

        if (!copy || !read_number(i, i->word->text + strlen("vec"), &index))
                return true;
        r = vector_split(copy, &options, &problem);
        if (r == -EEXIST)
                error(i, "'%s': %s= is given twice", i->word->text, problem);
        else if (r < 0)
                error(i, "'%s': '%s' is no option of a network device; expected OPTION=VALUE,... with a transport=",
                      i->word->text, problem);
        else if (check_vector(i, &options, mac))
                add_vector(i, index, &options);
        return true;
}

/* eth0=tuntap,[TAP][,[MAC][,[ADDRESS]]]. The address was what uml_net(8) gave the host's end. */
static void import_tuntap(Import *i, unsigned index, char *rest) {
        VectorOptions o = {.values = {"tap"}};
        const char *tap = rest ? strsep(&rest, ",") : "", *mac = rest ? strsep(&rest, ",") : "";
        const char *address = rest ? strsep(&rest, ",") : "";
        char room[MAC_SIZE];

        vector_set(&o, "ifname", *tap ? tap : NULL);
        vector_set(&o, "mac", *mac ? mac : NULL);
        if (rest) {
                error(i, "'%s': more than eth%u=tuntap,TAP,MAC,ADDRESS", i->word->text, index);
                return;
        }
        if (!check_vector(i, &o, room))
                return;
        warning(i,
                "eth%u=tuntap is taken as vec%u:transport=tap, as Linux 6.16 has no eth%u; the guest's device is called vec%u now",
                index, index, index, index);
        if (!*tap)
                warning(i, "eth%u names no tap device: UML makes one with a name of its own, and needs the right to", index);
        if (*address)
                warning(i, "eth%u: address %s of the host is not taken; give it to the tap device where that is made",
                        index, address);
        add_vector(i, index, &o);
}

bool import_ethernet(Import *i, const char *value) {
        static const struct {
                const char *transport, *instead;
        } removed[] = {
                {"daemon",   "connect to a VDE switch with vecN:transport=vde,vnl=vde://PATH (Linux 7.2), or make a tap device: vecN:transport=tap,ifname=TAP"},
                {"vde",      "vecN:transport=vde,vnl=vde://PATH does the same (Linux 7.2)"},
                {"slirp",    "vecN:transport=bess,dst=SOCKET with slirp4netns, or vecN:transport=vde,vnl=slirp:// (Linux 7.2)"},
                {"mcast",    "vecN:transport=vde,vnl=vxvde://ADDRESS (Linux 7.2) joins guests, and so does vecN:transport=l2tpv3 with udp=1"},
                {"ucast",    "vecN:transport=l2tpv3 with udp=1 joins two guests"},
                {"slip",     "make a tap device: vecN:transport=tap,ifname=TAP"},
                {"ethertap", "make a tap device: vecN:transport=tap,ifname=TAP"},
                {"pcap",     "vecN:transport=raw,ifname=INTERFACE with bpffile= reads an interface"},
        };
        _cleanup_free_ char *copy = import_copy(i, value);
        char *rest = copy, *transport;
        unsigned index;

        if (!copy || !read_number(i, i->word->text + strlen("eth"), &index))
                return true;
        transport = strsep(&rest, ",");
        if (streq(transport, "tuntap")) {
                import_tuntap(i, index, rest);
                return true;
        }
        for (size_t k = 0; k < ELEMENTSOF(removed); k++)
                if (streq(transport, removed[k].transport)) {
                        error(i, "'%s' is refused: Linux has no eth%u=%s since 6.16; %s",
                              i->word->text, index, transport, removed[k].instead);
                        return true;
                }
        error(i, "'%s' is refused: UML has no transport '%s'; write vec%u:transport=..., one of %s",
              i->word->text, transport, index, VECTOR_TRANSPORTS);
        return true;
}

/* Directories of the host's */

/* uml.share=PATH:TARGET[:ro], as kernel_arguments() writes it. */
bool import_share(Import *i, const char *value) {
        char *text = i->word->text + (value - i->word->text), *target, *mode;
        ShareHint *hint = &i->hints[i->n_hints];

        if (i->n_hints >= ELEMENTSOF(i->hints)) {
                error(i, "'%s': one too many; a guest has up to %d shares", i->word->text, DOMAIN_SHARES_MAX);
                return true;
        }
        target = strchr(text, ':');
        mode = target ? strchr(target + 1, ':') : NULL;
        if (text[0] != '/' || !target || (mode && !streq(mode, ":ro"))) {
                error(i, "'%s': expected " SHARE_HINT "PATH:TARGET, or with :ro after it", i->word->text);
                return true;
        }
        *target++ = 0;
        if (mode)
                *mode = 0;
        *hint = (ShareHint) {.word = i->word, .path = text, .target = target, .readonly = mode};
        i->n_hints++;
        return true;
}

/* Two shares have two names in the guest's hostfs. NULL after an error. */
static char *read_share_name(Import *i, const char *path, const char *target) {
        _cleanup_free_ char *name = NULL;

        if (!*target || *target == '.' || target[strcspn(target, DISK_SEPARATORS)]) {
                error(i, "share '%s': target '%s' is empty, begins with a dot, or has a space, a quote, a comma or a colon", path, target);
                return NULL;
        }
        name = share_name_of_target(target);
        if (!name) {
                i->reporter.out_of_memory = true;
                return NULL;
        }
        if (!share_name_is_valid(name)) {
                error(i, "share '%s': target '%s' makes no name of a file's", path, target);
                return NULL;
        }
        for (size_t k = 0; k < i->domain->n_shares; k++)
                if (streq(i->domain->shares[k].name, name)) {
                        error(i, "share '%s': target '%s' is that of another share, or comes to the same name; keep one", path, target);
                        return NULL;
                }
        return TAKE_PTR(name);
}

/* path in the directory that hostfs= names, or in the host's root. */
static void add_share(Import *i, const char *hostfs, const char *path, const char *target, bool readonly) {
        _cleanup_free_ char *joined = NULL, *source = NULL, *copy = NULL, *name = NULL;
        bool whole = streq(path, "/");
        Share *share;

        name = read_share_name(i, path, target);
        if (!name)
                return;
        if (asprintf(&joined, "%s%s", whole || !streq(hostfs, "/") ? hostfs : "", whole ? "" : path) < 0) {
                joined = NULL;
                i->reporter.out_of_memory = true;
                return;
        }
        source = import_path(i, "share", joined, DISK_SEPARATORS);
        copy = import_copy(i, target);
        if (!source || !copy)
                return;
        if (i->domain->n_shares >= DOMAIN_SHARES_MAX) {
                error(i, "share '%s': one too many; a guest has up to %d", path, DOMAIN_SHARES_MAX);
                return;
        }
        share = domain_add_share(i->domain);
        if (!share) {
                i->reporter.out_of_memory = true;
                return;
        }
        *share = (Share) {.name = TAKE_PTR(name), .source = TAKE_PTR(source), .target = TAKE_PTR(copy), .readonly = readonly};
}

/* The directory of hostfs=DIRECTORY[,append], or the host's root. */
static char *read_hostfs(Import *i) {
        const char *value = i->values[SETTING_HOSTFS];
        _cleanup_free_ char *copy = NULL;
        char *flags;

        if (!value)
                return import_copy(i, "/");
        i->word = i->settings[SETTING_HOSTFS];
        copy = import_copy(i, value);
        if (!copy)
                return NULL;
        flags = copy;
        (void) strsep(&flags, ",");
        if (flags)
                warning(i, "'%s': hostfs flag '%s' is not taken: there is no word for it in a definition", i->word->text, flags);
        return import_path(i, "hostfs directory", copy, DISK_SEPARATORS);
}

static bool has_target(const Domain *d, const char *target) {
        for (size_t k = 0; k < d->n_shares; k++)
                if (streq(d->shares[k].target, target))
                        return true;
        return false;
}

/* rootfstype=hostfs, or a share whose target is / */
static void end_root(Import *i, const char *hostfs) {
        const ShellWord *type = i->settings[SETTING_ROOT_TYPE];
        const char *path = type ? i->values[SETTING_ROOT_FLAGS] : NULL;
        Domain *d = i->domain;

        i->word = type ?: i->word;
        if (d->root && !streq(d->root, "/dev/root"))
                warning(i, "root=%s is not taken: the guest's root is on hostfs", d->root);
        free(d->root);
        d->root = NULL;

        if (i->settings[SETTING_ROOT_FLAGS] && !path) {
                i->word = i->settings[SETTING_ROOT_FLAGS];
                error(i, "'%s': with hostfs, expected the absolute path of a directory", i->word->text);
                return;
        }
        if (!path && streq(hostfs, "/") && !has_target(d, "/"))
                warning(i, "the guest's root is the host's: all of it; rootflags=/DIRECTORY names another");
        if (path && i->root_flags_at < d->n_cmdline) {
                free(d->cmdline[i->root_flags_at]);
                d->n_cmdline--;
                memmove(&d->cmdline[i->root_flags_at], &d->cmdline[i->root_flags_at + 1],
                        (d->n_cmdline - i->root_flags_at) * sizeof(char *));
        }
        i->word = path ? i->settings[SETTING_ROOT_FLAGS] : i->word;
        if (!has_target(d, "/"))
                add_share(i, hostfs, path ?: "/", "/", false);
}

void import_end_shares(Import *i) {
        _cleanup_free_ char *hostfs = read_hostfs(i);

        if (!hostfs)
                return;
        for (size_t k = 0; k < i->n_hints; k++) {
                i->word = i->hints[k].word;
                add_share(i, hostfs, i->hints[k].path, i->hints[k].target, i->hints[k].readonly);
        }
        if (i->settings[SETTING_ROOT_TYPE] || has_target(i->domain, "/"))
                end_root(i, hostfs);
        /* A hostfs= by itself lets the guest mount what it wants from there. */
        if (i->settings[SETTING_HOSTFS] && i->n_hints == 0 &&
            !(i->domain->n_shares == 1 && streq(i->domain->shares[0].source, hostfs))) {
                i->word = i->settings[SETTING_HOSTFS];
                add_share(i, hostfs, "/", "hostfs", false);
        }
}
