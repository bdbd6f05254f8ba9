/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "escape.h"
#include "unit.h"
#include "util.h"
#include "vector.h"

#define SHM_MARGIN 32768U /* KiB beyond the memory that the file of it, and rounding, may take */
#define START_MARGIN 30 /* seconds that the helper has beyond its own limit for the start, to say why it failed */

/* Each argument of the command line has a line of its own, so that `systemctl cat` can be read and compared. No line
 * can end in a backslash of its text: arguments are always quoted. */

static int put_line(FILE *f, const char *prefix, const char *s) {
        fputs_unlocked(" \\\n        ", f);
        return put_argument(f, prefix, s);
}

static int put_kernel_argument(void *userdata, const char *argument) {
        return put_line(userdata, "", argument);
}

/* --console=con0:pty, --console=con1:file,append=off,path=/var/log/x, --log=con0:append=on,path=/var/log/y */
static int put_consoles(FILE *f, const Domain *d) {
        for (size_t i = 0; i < d->n_consoles; i++) {
                const Console *c = &d->consoles[i];
                char name[LINE_NAME_SIZE], prefix[64];
                int r;

                console_name(c, name);
                (void) snprintf(prefix, sizeof(prefix), "--console=%s:%s%s%s", name, console_kind_to_string(c->kind),
                                c->truncate ? ",append=off" : "", c->path ? ",path=" : "");
                r = put_line(f, prefix, c->path ?: "");
                if (r >= 0 && c->log) {
                        (void) snprintf(prefix, sizeof(prefix), "--log=%s:append=%s,path=", name, c->log_truncate ? "off" : "on");
                        r = put_line(f, prefix, c->log);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool restarts(LifecycleAction a) {
        return a == LIFECYCLE_RESTART || a == LIFECYCLE_COREDUMP_RESTART;
}

static bool dumps_core(LifecycleAction a) {
        return a == LIFECYCLE_COREDUMP_DESTROY || a == LIFECYCLE_COREDUMP_RESTART;
}

static bool preserves(const Domain *d) {
        return d->on_poweroff == LIFECYCLE_PRESERVE || d->on_reboot == LIFECYCLE_PRESERVE || d->on_crash >= LIFECYCLE_PRESERVE;
}

static const char *restart_or_destroy(LifecycleAction a) {
        return lifecycle_action_to_string(restarts(a) ? LIFECYCLE_RESTART : LIFECYCLE_DESTROY);
}

/* Shares, and disks that may be missing. */
static int put_optional(FILE *f, const Domain *d) {
        char index[16];
        int r = 0;

        for (size_t i = 0; r >= 0 && i < d->n_shares; i++) {
                _cleanup_free_ char *share = NULL;

                if (asprintf(&share, "%s:%s", d->shares[i].name, d->shares[i].source) < 0) {
                        share = NULL;
                        return -ENOMEM;
                }
                r = put_line(f, "--share=", share);
        }
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++) {
                if (!d->disks[i].optional)
                        continue;
                (void) snprintf(index, sizeof(index), "%u", d->disks[i].index);
                r = put_line(f, "--optional-disk=ubd", index);
        }
        return r;
}

static int put_command(FILE *f, const Domain *d, const char *source) {
        char stop_timeout[16], ready_timeout[16], replay[24];
        _cleanup_free_ char *ready = NULL;
        int r;

        (void) snprintf(stop_timeout, sizeof(stop_timeout), "%u", d->stop_timeout);
        (void) snprintf(ready_timeout, sizeof(ready_timeout), "%u", d->ready_timeout);
        if (asprintf(&ready, "%s%s%s%s%s", ready_when_to_string(d->ready_when), d->ready_line ? ":" : "", d->ready_line ?: "",
                     d->ready_line ? ":" : "", d->ready_pattern ?: "") < 0) {
                ready = NULL;
                return -ENOMEM;
        }
        (void) snprintf(replay, sizeof(replay), "%llu", (unsigned long long) d->replay);
        const struct {
                const char *option, *value;
        } options[] = {
                {"--definition=",   source},
                {"--name=",         d->name},
                {"--uuid=",         d->uuid},
                {"--on-poweroff=",  restart_or_destroy(d->on_poweroff)},
                {"--on-reboot=",    restart_or_destroy(d->on_reboot)},
                {"--watchdog=",     watchdog_action_to_string(d->watchdog)},
                {"--stop-method=",  stop_method_to_string(d->stop_method)},
                {"--stop-timeout=", stop_timeout},
                {"--ready=",        ready},
                {"--ready-timeout=", ready_timeout},
                {"--replay=",       replay},
        };

        fputs_unlocked("ExecStart=\n"
                       "ExecStart=:" HELPER_PATH, f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                r = put_line(f, options[i].option, options[i].value);
                if (r < 0)
                        return r;
        }
        r = put_consoles(f, d);
        if (r >= 0)
                r = put_optional(f, d);
        if (r < 0)
                return r;

        if (preserves(d))
                fputs_unlocked(" \\\n        --preserve", f);
        fputs_unlocked(" \\\n        --", f);
        r = put_kernel_argument(f, d->kernel);
        if (r < 0)
                return r;
        return kernel_arguments(d, false, put_kernel_argument, f);
}

static int put_path(FILE *f, const char *path) {
        int r;

        if (!path)
                return 0;
        fputs_unlocked("RequiresMountsFor=", f); /* each its own line: systemd takes lines up to 1 MiB */
        r = put_word(f, path);
        putc_unlocked('\n', f);
        return r;
}

static int put_path_of_vector(void *userdata, const char *key, const char *path) {
        return put_path(userdata, path);
}

/* systemd mounts what is needed for these before it starts the guest. A disk that may be missing is none of them. */
static int put_mounts(FILE *f, const Domain *d) {
        const char *const files[] = {d->kernel, d->initrd, d->dtb, d->memory_directory};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++)
                r = put_path(f, files[i]);
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++) {
                if (d->disks[i].optional)
                        continue;
                r = put_path(f, d->disks[i].path);
                if (r >= 0)
                        r = put_path(f, d->disks[i].backing);
        }
        for (size_t i = 0; r >= 0 && i < d->n_shares; i++)
                r = put_path(f, d->shares[i].source);
        for (size_t i = 0; r >= 0 && i < d->n_consoles; i++) {
                r = put_path(f, d->consoles[i].path);
                if (r >= 0)
                        r = put_path(f, d->consoles[i].log);
        }
        for (size_t i = 0; r >= 0 && i < d->n_vectors; i++)
                r = vector_paths(d->vectors[i].options, put_path_of_vector, f);
        return r;
}

static int put_line_of(FILE *f, const char *key, const char *value) {
        int r;

        if (!value)
                return 0;
        fputs_unlocked(key, f);
        r = put_value(f, value);
        putc_unlocked('\n', f);
        return r;
}

static int put_directives(FILE *f, const Domain *d) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < d->n_directives; i++) {
                const Directive *line = &d->directives[i];

                fprintf(f, "%s=", line->key);
                if (line->word)
                        r = put_word(f, line->word);
                if (line->word && *line->value)
                        putc_unlocked(' ', f);
                fputs_unlocked(line->value, f);
                putc_unlocked('\n', f);
        }
        return r;
}

static int put_head(FILE *f, const char *source) {
        int r;

        fputs_unlocked("# Made by uml-generator(8) in each daemon-reload. To change the guest, edit the file below;\n"
              "# to change the service, use `systemctl edit`.\n"
              "[Unit]\n"
              "SourcePath=", f);
        r = put_value(f, source);
        putc_unlocked('\n', f);
        return r;
}

/* What the guest's end means to systemd; on_poweroff and on_reboot are the helper's but for this. A crash is systemd's, so
 * that a crash loop ends at the unit's start limit. */
static void put_lifecycle(FILE *f, const Domain *d) {
        if (restarts(d->on_crash))
                fputs_unlocked("Restart=on-failure\n", f);
        /* The kernel's working directory is where the host puts its core, unless it is told otherwise. */
        if (preserves(d))
                fputs_unlocked("RuntimeDirectoryPreserve=yes\n", f);
        if (dumps_core(d->on_crash))
                fputs_unlocked("LimitCORE=infinity\n", f);
        /* The guest's memory is a shared mapping of a file without a name, which the host's kernel counts as anonymous. */
        if (dumps_core(d->on_crash) && d->core_without_memory)
                fputs_unlocked("CoredumpFilter=private-anonymous elf-headers private-huge\n", f);
}

/* A guest's root can leave hostfs='s directory by way of `..`, so a guest with shares gets a view of the host in which there is
 * nothing but what it needs. What begins with `-` may be missing: the helper says it better. A user's manager cannot do
 * this; but there the guest has no more rights than its user has anyway. */

static int put_bind(FILE *f, bool readonly, const char *path) {
        int r;

        if (!path)
                return 0;
        fprintf(f, "Bind%sPaths=", readonly ? "ReadOnly" : "");
        r = put_argument(f, "-", path);
        putc_unlocked('\n', f);
        return r;
}

/* For a file that is made when it is not there. */
static int put_bind_directory(FILE *f, const char *path) {
        _cleanup_free_ char *directory = NULL;

        if (!path)
                return 0;
        if (path_is_in_common_directory(path))
                return put_bind(f, false, path);
        directory = strndup(path, (size_t) (strrchr(path, '/') - path));
        return directory ? put_bind(f, false, directory) : -ENOMEM;
}

/* Devices: of a guest with a view, and of one whose host lists what it may open, on top of that. */

static int put_device(FILE *f, const char *path, const char *access) {
        int r;

        if (!path_is_device(path))
                return 0;
        fputs_unlocked("DeviceAllow=", f);
        r = put_word(f, path);
        fprintf(f, " %s\n", access);
        return r;
}

static bool is_only_read(const Disk *disk) {
        return disk->readonly || disk->transient;
}

static int put_devices(FILE *f, const Domain *d, bool view) {
        int r = 0;

        if (!view && !d->closed_devices)
                return 0;
        if (view || d->n_vectors > 0) /* the kernel command line may have devices of its own */
                fputs_unlocked("DeviceAllow=/dev/net/tun rw\n", f);
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++) {
                r = put_device(f, d->disks[i].path, is_only_read(&d->disks[i]) ? "r" : "rw");
                if (r >= 0)
                        r = put_device(f, d->disks[i].backing, "r");
        }
        return r;
}

static int put_disk_binds(FILE *f, const Disk *disk) {
        int r;

        if (disk->backing && !path_is_device(disk->path)) /* a COW file, which is made if it is not there */
                r = put_bind_directory(f, disk->path);
        else
                r = put_bind(f, is_only_read(disk), disk->path);
        return r < 0 ? r : put_bind(f, true, disk->backing);
}

static bool path_is_below(const char *path, const char *directory) {
        const char *rest = path ? after_prefix(path, directory) : NULL;

        return rest && (!*rest || *rest == '/');
}

/* A socket that UML makes needs its directory; of all else the thing itself is enough. */
static int put_vector_path(void *userdata, const char *key, const char *path) {
        if (streq(key, "src"))
                return put_bind_directory(userdata, path);
        return put_bind(userdata, streq(key, "ifup") || streq(key, "bpffile"), path);
}

static int put_view(FILE *f, const Domain *d) {
        const char *const files[] = {d->kernel, d->initrd, d->dtb};
        int r = 0;

        fputs_unlocked("TemporaryFileSystem=/:ro\n"
                       "BindReadOnlyPaths=/usr -/bin -/sbin -/lib -/lib32 -/lib64 -/etc/ld.so.cache /run/systemd/notify /run/systemd/journal\n"
                       "BindPaths=/dev /proc %t/uml/%i\n"
                       "ProtectKernelTunables=yes\n" /* a guest's root could have core_pattern start what it likes */
                       /* Without CAP_SYS_PTRACE, /proc/1/root is closed, to root too; these are left for owners and interfaces. */
                       "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_NET_ADMIN CAP_NET_RAW\n"
                       "DevicePolicy=closed\n", f);
        fprintf(f, "TemporaryFileSystem=/dev/shm:mode=1777,size=%lluK\n", (unsigned long long) d->memory + SHM_MARGIN);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++)
                r = put_bind(f, true, files[i]);
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++)
                r = put_disk_binds(f, &d->disks[i]);
        for (size_t i = 0; r >= 0 && i < d->n_shares; i++)
                r = put_bind(f, d->shares[i].readonly, d->shares[i].source);
        for (size_t i = 0; r >= 0 && i < d->n_consoles; i++) {
                r = put_bind_directory(f, d->consoles[i].path);
                if (r >= 0)
                        r = put_bind_directory(f, d->consoles[i].log);
        }
        for (size_t i = 0; r >= 0 && i < d->n_vectors; i++)
                r = vector_paths(d->vectors[i].options, put_vector_path, f);
        if (r < 0)
                return r;
        if (!path_is_below(d->memory_directory, "/tmp") && !path_is_below(d->memory_directory, "/var/tmp"))
                return put_bind(f, false, d->memory_directory);
        fputs_unlocked("PrivateTmp=yes\n", f); /* of its own, on the same disk */
        return 0;
}

static int put_service(FILE *f, const Domain *d, const char *source, bool user) {
        bool view = !user && d->n_shares > 0;
        const struct {
                const char *key, *value;
        } lines[] = {
                {"Slice=",           d->slice},
                {"User=",            d->user},
                {"Group=",           d->group},
                {"SELinuxContext=",  d->selinux_context},
                {"AppArmorProfile=", d->apparmor_profile},
        };
        int r = 0;

        fputs_unlocked("\n[Service]\n", f);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(lines); i++)
                r = put_line_of(f, lines[i].key, lines[i].value);
        if (r < 0)
                return r;
        if (d->memory_directory) {
                fputs_unlocked("Environment=", f);
                r = put_argument(f, "TMPDIR=", d->memory_directory);
                putc_unlocked('\n', f);
        }
        if (r >= 0 && view)
                r = put_view(f, d);
        if (r >= 0)
                r = put_devices(f, d, view);
        if (r < 0)
                return r;
        put_lifecycle(f, d);
        fprintf(f, "TimeoutStartSec=%u\n", d->ready_timeout + START_MARGIN);
        if (d->watchdog_timeout > 0)
                fprintf(f, "WatchdogSec=%u\n", d->watchdog_timeout);
        r = put_directives(f, d);
        if (r < 0)
                return r;
        r = put_command(f, d, source);
        putc_unlocked('\n', f);
        return r;
}

int unit_write(FILE *f, const Domain *d, const char *source, bool user) {
        int r;

        r = put_head(f, source);
        if (r >= 0)
                r = put_line_of(f, "Description=", d->title);
        if (r >= 0)
                r = put_mounts(f, d);
        if (r < 0)
                return r;
        /* A guest takes some seconds to boot and crash, and would never meet the manager's own limit. */
        if (restarts(d->on_crash))
                fputs_unlocked("StartLimitIntervalSec=300\n"
                               "StartLimitBurst=20\n", f);
        return put_service(f, d, source, user);
}

int unit_write_refused(FILE *f, const char *source, char *const *reasons, size_t n_reasons) {
        int r;

        r = put_head(f, source);
        if (r < 0)
                return r;

        fputs_unlocked("\n[Service]\n"
              "ExecStart=\n"
              "ExecStart=:" HELPER_PATH " --refused", f);
        for (size_t i = 0; i < n_reasons; i++) {
                r = put_line(f, "", reasons[i]);
                if (r < 0)
                        return r;
        }
        putc_unlocked('\n', f);
        return 0;
}
