/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <filesystem>, the small devices, <seclabel>. */

#include "arguments.h"
#include "elements.h"
#include "escape.h"

/* Shares */

static Share *this_share(Reader *r) {
        return &r->domain->shares[r->domain->n_shares - 1];
}

static void check_rights(Reader *r, xmlNode *n) {
        if (reader_attribute_is(n, "accessmode", "mapped") || reader_attribute_is(n, "accessmode", "squash"))
                warning(r, n, "<filesystem>: accessmode is ignored: with hostfs the guest does what its user on the host may, and sees the host's owners");
        if (r->context->user && reader_child(n, "readonly"))
                warning(r, n, "<filesystem>: <readonly/> is for the guest to keep to: a user's service manager cannot enforce it");
}

bool begin_filesystem(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type");
        xmlNode *source = reader_child(n, "source");

        reader_begin_device(r);
        if (type && !streq(type, "mount")) {
                warning(r, n, "<filesystem>: type '%s' is left out: UML shares directories (type mount)", type);
                return false;
        }
        if (source && reader_has_attribute(source, "socket")) {
                warning(r, n, "<filesystem> is left out: its server, at a socket, is for virtiofs, and UML shares directories");
                return false;
        }
        if (r->domain->n_shares >= DOMAIN_SHARES_MAX) {
                error(r, n, "<filesystem>: one too many; a guest can have %d", DOMAIN_SHARES_MAX);
                return false;
        }
        check_rights(r, n);
        if (!r->filesystem)
                r->filesystem = n;
        return reader_allocated(r, domain_add_share(r->domain));
}

bool begin_filesystem_driver(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type");

        if (type && !streq(type, "path") && !streq(type, "handle"))
                warning(r, n, "<driver>: type '%s' is ignored: the guest mounts the directory with hostfs", type);
        return true;
}

bool begin_filesystem_source(Reader *r, xmlNode *n) {
        r->device.has_source = true;
        if (!reader_has_attribute(n, "dir"))
                error(r, n, "<source>: attribute dir, the directory's path, is missing");
        this_share(r)->source = reader_attribute_path(r, n, "dir", DISK_SEPARATORS);
        return true;
}

bool begin_filesystem_target(Reader *r, xmlNode *n) {
        _cleanup_free_ char *dir = reader_attribute(r, n, "dir");
        Share *share = this_share(r);

        r->device.has_target = true;
        if (!dir || !*dir || dir[strcspn(dir, DISK_SEPARATORS)] || *dir == '.') {
                error(r, n, "<target>: dir '%s' is refused: expected a mount point in the guest, or a name, without spaces, quotes, commas and colons",
                      dir ?: "");
                return true;
        }
        share->target = reader_allocated(r, strdup(dir));
        share->name = reader_allocated(r, share_name_of_target(dir));
        if (!share->name)
                return true;
        if (!share_name_is_valid(share->name))
                error(r, n, "<target>: dir '%s' is refused: in hostfs it would be /%s, which is no file's name", dir, share->name);
        for (Share *other = r->domain->shares; other < share; other++)
                if (other->name && streq(other->name, share->name))
                        error(r, n, "<target>: dir '%s' is taken by another <filesystem>: in hostfs both are /%s", dir, share->name);
        return true;
}

bool begin_filesystem_readonly(Reader *r, xmlNode *n) {
        this_share(r)->readonly = true;
        return true;
}

void end_filesystem(Reader *r, xmlNode *n) {
        if (!r->device.has_source)
                error(r, n, "<filesystem> has no <source dir='…'/>");
        if (!r->device.has_target)
                error(r, n, "<filesystem> has no <target dir='…'/>");
}

/* UML's hw_random reads the host's /dev/random, always. */
bool begin_rng_backend(Reader *r, xmlNode *n) {
        _cleanup_free_ char *model = reader_attribute(r, n, "model"), *path = NULL;

        if (model && streq(model, "egd")) {
                warning(r, n, "<backend model='egd'> is ignored: the guest's generator reads the host's /dev/random");
                return false;
        }
        if (!model || !streq(model, "random") || !n->children)
                return false;
        path = reader_word(r, n);
        if (path && !streq(path, "/dev/random") && !streq(path, "/dev/urandom"))
                warning(r, n, "<backend>: '%s' is ignored: the guest's generator reads the host's /dev/random", path);
        return false;
}

/* UML has one watchdog, harddog, whatever model is asked for. libvirt's default action is reset. */
bool begin_watchdog(Reader *r, xmlNode *n) {
        _cleanup_free_ char *action = reader_attribute(r, n, "action");

        if (watchdog_action_from_string(action ?: "reset", &r->domain->watchdog) < 0)
                warning(r, n, "<watchdog>: action '%s' is refused: this version of uml-systemd has none, reset, shutdown and poweroff; a message is all that comes of it",
                        action);
        return true;
}

bool begin_memballoon(Reader *r, xmlNode *n) {
        if (!reader_attribute_is(n, "model", "none"))
                warning(r, n, "<memballoon> is ignored: UML has no balloon");
        return false;
}

/* Labels. A <seclabel> is of one security driver, its model. */

bool begin_seclabel(Reader *r, xmlNode *n) {
        reader_begin_device(r);
        r->device.model = reader_attribute(r, n, "model");
        r->device.format = reader_attribute(r, n, "type");
        return true;
}

bool begin_label(Reader *r, xmlNode *n) {
        r->device.label = reader_word(r, n);
        return true;
}

bool begin_baselabel(Reader *r, xmlNode *n) {
        warning(r, n, "<baselabel> is ignored: this version of uml-systemd makes no labels of its own");
        return false;
}

static bool is_account(const char *s) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

        return *s && *s != '-' && !s[strspn(s, letters)];
}

/* A plus sign means that what follows is a number, which systemd sees by itself. NULL without memory, empty for what is no
 * account. */
static char *account(const char *s, size_t n) {
        bool number = n > 0 && *s == '+';
        char *name = strndup(s + number, n - number);

        if (name && (!is_account(name) || (number && name[strspn(name, "0123456789")])))
                *name = 0;
        return name;
}

/* user:group */
static void set_accounts(Reader *r, xmlNode *n, const char *label) {
        const char *colon = strchr(label, ':');
        char *user = NULL, *group = NULL;

        if (colon) {
                user = reader_allocated(r, account(label, (size_t) (colon - label)));
                group = reader_allocated(r, account(colon + 1, strlen(colon + 1)));
        }
        if (!user || !group || !*user || !*group) {
                error(r, n, "<label>: '%s' is not user:group, by name or by number (+1000:+1000)", label);
                free(user);
                free(group);
                return;
        }
        if (r->domain->user)
                error(r, n, "<seclabel model='dac'> is given twice; keep one");
        free(r->domain->user);
        free(r->domain->group);
        r->domain->user = user;
        r->domain->group = group;
}

static void set_label(Reader *r, xmlNode *n, char **ret) {
        if (*ret)
                error(r, n, "<seclabel model='%s'> is given twice; keep one", r->device.model);
        if (!text_is_value(r->device.label))
                error(r, n, "<label>: '%s' ends in a backslash", r->device.label);
        if (r->device.label[0] == '-') /* in the unit: a label that may be wrong */
                error(r, n, "<label>: '%s' begins with '-', which no label does", r->device.label);
        free(*ret);
        *ret = TAKE_PTR(r->device.label);
}

/* libvirt's default model is that of its own security driver; of ours, it is the one that any host has. */
static bool driver_is_wanted(const Config *config, const char *model) {
        return !config || config->security & (streq(model, "dac") ? SECURITY_DAC : streq(model, "selinux") ? SECURITY_SELINUX
                                              : streq(model, "apparmor") ? SECURITY_APPARMOR : SECURITY_ALL);
}

void end_seclabel(Reader *r, xmlNode *n) {
        const char *model = r->device.model ?: "dac", *type = r->device.format ?: "dynamic";

        if (streq(type, "none"))
                ;
        else if (r->context->user)
                warning(r, n, "<seclabel> is ignored: a user's guests run as the user");
        else if (!driver_is_wanted(r->context->config, model))
                warning(r, n, "<seclabel model='%s'> is ignored: uml.conf does not name that security driver", model);
        else if (streq(type, "dynamic"))
                warning(r, n, "<seclabel type='dynamic'> is ignored: this version of uml-systemd makes no labels of its own");
        else if (!r->device.label)
                error(r, n, "<seclabel type='static'> has no <label>");
        else if (streq(model, "dac"))
                set_accounts(r, n, r->device.label);
        else if (streq(model, "selinux"))
                set_label(r, n, &r->domain->selinux_context);
        else if (streq(model, "apparmor"))
                set_label(r, n, &r->domain->apparmor_profile);
        else
                warning(r, n, "<seclabel model='%s'> is ignored: known are dac, selinux, apparmor", model);
        if (reader_attribute_is(n, "relabel", "yes"))
                warning(r, n, "<seclabel>: relabel is ignored: images keep the owners and labels that they have");
        reader_end_device(r, NULL);
}
