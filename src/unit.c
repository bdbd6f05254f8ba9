/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "arguments.h"
#include "escape.h"
#include "unit.h"
#include "util.h"

/* Each argument of the command line has a line of its own, so that `systemctl cat` can be read and compared. No line
 * can end in a backslash of its text: arguments are always quoted. */

static int put_option(FILE *f, const char *option, const char *value) {
        _cleanup_free_ char *s = NULL;

        if (asprintf(&s, "--%s=%s", option, value) < 0) {
                s = NULL;
                return -ENOMEM;
        }
        fputs(" \\\n        ", f);
        return put_argument(f, s);
}

static int put_kernel_argument(void *userdata, const char *argument) {
        fputs(" \\\n        ", userdata);
        return put_argument(userdata, argument);
}

static int put_consoles(FILE *f, const Domain *d) {
        for (size_t i = 0; i < d->n_consoles; i++) {
                const Console *c = &d->consoles[i];
                char s[32];
                int r;

                (void) snprintf(s, sizeof(s), "%s%u:%s", c->serial ? "ssl" : "con", c->port, console_kind_to_string(c->kind));
                r = put_option(f, "console", s);
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
                {"definition",   source},
                {"name",         d->name},
                {"uuid",         d->uuid},
                {"on-poweroff",  lifecycle_action_to_string(d->on_poweroff)},
                {"on-reboot",    lifecycle_action_to_string(d->on_reboot)},
                {"stop-method",  stop_method_to_string(d->stop_method)},
                {"stop-timeout", timeout},
        };

        fputs("ExecStart=\n"
              "ExecStart=:" HELPER_PATH, f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                r = put_option(f, options[i].option, options[i].value);
                if (r < 0)
                        return r;
        }
        r = put_consoles(f, d);
        if (r < 0)
                return r;

        fputs(" \\\n        --", f);
        r = put_kernel_argument(f, d->kernel);
        if (r < 0)
                return r;
        return kernel_arguments(d, put_kernel_argument, f);
}

static int put_mounts(FILE *f, const Domain *d) {
        int r;

        fputs("RequiresMountsFor=", f);
        r = put_word(f, d->kernel);
        if (r >= 0 && d->initrd) {
                fputc(' ', f);
                r = put_word(f, d->initrd);
        }
        for (size_t i = 0; r >= 0 && i < d->n_disks; i++) {
                fputc(' ', f);
                r = put_word(f, d->disks[i].path);
        }
        fputc('\n', f);
        return r;
}

static int put_head(FILE *f, const char *source) {
        int r;

        fputs("# Made by uml-generator(8) in each daemon-reload. To change the guest, edit the file below;\n"
              "# to change the service, use `systemctl edit`.\n"
              "[Unit]\n"
              "SourcePath=", f);
        r = put_value(f, source);
        fputc('\n', f);
        return r;
}

int unit_write(FILE *f, const Domain *d, const char *source) {
        int r;

        r = put_head(f, source);
        if (r < 0)
                return r;
        if (d->title) {
                fputs("Description=", f);
                r = put_value(f, d->title);
                fputc('\n', f);
                if (r < 0)
                        return r;
        }
        r = put_mounts(f, d);
        if (r < 0)
                return r;

        fputs("\n[Service]\n", f);
        /* The other lifecycle actions are the helper's; a crash is systemd's, so that a crash loop ends at the unit's
         * start limit. */
        if (d->on_crash == LIFECYCLE_RESTART)
                fputs("Restart=on-failure\n", f);
        r = put_command(f, d, source);
        fputc('\n', f);
        return r;
}

int unit_write_refused(FILE *f, const char *source, char *const *reasons, size_t n_reasons) {
        int r;

        r = put_head(f, source);
        if (r < 0)
                return r;

        fputs("\n[Service]\n"
              "ExecStart=\n"
              "ExecStart=:" HELPER_PATH " --refused", f);
        for (size_t i = 0; i < n_reasons; i++) {
                fputs(" \\\n        ", f);
                r = put_argument(f, reasons[i]);
                if (r < 0)
                        return r;
        }
        fputc('\n', f);
        return 0;
}
