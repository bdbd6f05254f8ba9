/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"
#include "escape.h"
#include "unit.h"
#include "util.h"

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

static int put_command(FILE *f, const Domain *d, const char *source) {
        char timeout[16];
        int r;

        (void) snprintf(timeout, sizeof(timeout), "%u", d->stop_timeout);
        const struct {
                const char *option, *value;
        } options[] = {
                {"--definition=",   source},
                {"--name=",         d->name},
                {"--uuid=",         d->uuid},
                {"--on-poweroff=",  lifecycle_action_to_string(d->on_poweroff)},
                {"--on-reboot=",    lifecycle_action_to_string(d->on_reboot)},
                {"--stop-method=",  stop_method_to_string(d->stop_method)},
                {"--stop-timeout=", timeout},
        };

        fputs_unlocked("ExecStart=\n"
                       "ExecStart=:" HELPER_PATH, f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                r = put_line(f, options[i].option, options[i].value);
                if (r < 0)
                        return r;
        }
        r = put_consoles(f, d);
        if (r < 0)
                return r;

        fputs_unlocked(" \\\n        --", f);
        r = put_kernel_argument(f, d->kernel);
        if (r < 0)
                return r;
        return kernel_arguments(d, false, put_kernel_argument, f);
}

static int put_mounts(FILE *f, const Domain *d) {
        int r;

        fputs_unlocked("RequiresMountsFor=", f);
        r = put_word(f, d->kernel);
        if (r >= 0 && d->initrd) {
                putc_unlocked(' ', f);
                r = put_word(f, d->initrd);
        }
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++) {
                putc_unlocked(' ', f);
                r = put_word(f, d->disks[i].path);
        }
        putc_unlocked('\n', f);
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

int unit_write(FILE *f, const Domain *d, const char *source) {
        int r;

        r = put_head(f, source);
        if (r < 0)
                return r;
        if (d->title) {
                fputs_unlocked("Description=", f);
                r = put_value(f, d->title);
                putc_unlocked('\n', f);
                if (r < 0)
                        return r;
        }
        r = put_mounts(f, d);
        if (r < 0)
                return r;
        /* The other lifecycle actions are the helper's; a crash is systemd's, so that a crash loop ends at the unit's start
         * limit. A guest takes some seconds to boot and crash, and would never meet the manager's own limit. */
        if (d->on_crash == LIFECYCLE_RESTART)
                fputs_unlocked("StartLimitIntervalSec=300\n"
                               "StartLimitBurst=10\n", f);

        fputs_unlocked("\n[Service]\n", f);
        if (d->on_crash == LIFECYCLE_RESTART)
                fputs_unlocked("Restart=on-failure\n", f);
        r = put_command(f, d, source);
        putc_unlocked('\n', f);
        return r;
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
