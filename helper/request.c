/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What others ask of a running guest: its reload, by `control` or a signal, and mconsole commands by `control`. Of those, the
 * helper has to know when one makes the guest stand still, or go on: a guest that stands still is not hung, and takes no
 * ctrl-alt-del. */

#include "life.h"
#include "notify.h"

#define RELAYED_TIMEOUT (10 * USEC_PER_SEC) /* of what clients of `control` ask */

const char *request_failure(int result) {
        return result == -ETIMEDOUT ? "it does not answer its mconsole" : result == -ENOTCONN ? "its mconsole is not there" : strerror(-result);
}

void guest_show_status(const Guest *g) {
        if (g->suspended)
                notify("STATUS=Suspended: Linux %s", g->release);
        else if (g->reboot_wanted)
                notify("STATUS=Rebooting: the guest was asked to (Linux %s)", g->release);
        else
                notify("STATUS=Running: Linux %s", g->release);
}

/* Ctrl-alt-del. mconsole's cad only says that it was asked; whether the guest will take it is told by a setting:
 * kernel.ctrl-alt-del is 1 as long as no init has claimed it, and then the kernel resets at once, without a sync. Every init
 * that handles the SIGINT that comes otherwise sets it to 0 (systemd, sysvinit, busybox). (/proc/1/status would say more,
 * but mconsole cannot read files of that kind, and prints a warning on the console.) */

static void cad_done(Guest *g, int result, const char *reason) {
        CadAnswer answer = TAKE_PTR(g->cad_answer);

        answer(g, result, reason);
}

static void on_cad(void *userdata, int result, const MconsoleReply *reply) {
        cad_done(userdata, result, NULL);
}

static void on_cad_setting(void *userdata, int result, const MconsoleReply *reply) {
        const char *text = reply->text ?: "";
        Guest *g = userdata;

        if (result == 0 && text[strspn(text, "\n ")] == '0')
                guest_ask(g, "cad", on_cad);
        else if (result == 0)
                cad_done(g, -EOPNOTSUPP, "its init (PID 1) does not handle ctrl-alt-del (kernel.ctrl-alt-del is not 0: it would reset without unmounting its file systems)");
        else if (result == -EREMOTEIO)
                cad_done(g, result, "whether its init (PID 1) handles ctrl-alt-del cannot be told (kernel.ctrl-alt-del cannot be read)");
        else
                cad_done(g, result, NULL);
}

void guest_ask_cad(Guest *g, CadAnswer answer) {
        g->cad_answer = answer;
        guest_ask(g, "proc sys/kernel/ctrl-alt-del", on_cad_setting);
}

/* Reload */

static void refuse_reload(Guest *g, ControlClient *client, const char *reason) {
        char text[256];

        (void) snprintf(text, sizeof(text), "The guest cannot be asked to reboot: %s", reason);
        warn(g, "%s", text);
        if (client)
                control_reply(client, true, text);
}

static void on_reload_cad(Guest *g, int result, const char *reason) {
        ControlClient *client = TAKE_PTR(g->reload);

        if (result < 0) {
                refuse_reload(g, client, reason ?: request_failure(result));
                return;
        }
        g->reboot_wanted = true;
        state_save(g);
        loop_set_timer(&g->loop, &g->reload_timer, RELOAD_TIMEOUT);
        info(g, "The guest was asked to reboot (ctrl-alt-del)");
        guest_show_status(g);
        if (client)
                control_reply(client, false, "");
}

void guest_on_reload_timer(void *userdata) {
        Guest *g = userdata;

        g->reboot_wanted = false;
        state_save(g);
        warn(g, "The guest was asked to reboot %d s ago, and has not", (int) (RELOAD_TIMEOUT / USEC_PER_SEC));
        guest_show_status(g);
}

void guest_reload(Guest *g, ControlClient *client) {
        const char *reason = g->phase == PHASE_STOPPING ? "it is being stopped"
                           : g->suspended ? "it is suspended; have it go on first (go)"
                           : g->cad_answer ? "it is being asked already"
                           : NULL;

        if (reason) {
                refuse_reload(g, client, reason);
                return;
        }
        g->reload = client;
        guest_ask_cad(g, on_reload_cad);
}

/* Suspend and resume */

static void set_suspended(Guest *g, bool suspended) {
        if (g->suspended == suspended || g->phase == PHASE_STOPPING)
                return;
        g->suspended = suspended;
        state_save(g);
        journal_event(g->journal, PRIORITY_INFO, suspended ? EVENT_SUSPENDED : EVENT_RESUMED, "",
                      suspended ? "The guest was suspended: its kernel stands still" : "The guest goes on");
        if (g->phase == PHASE_RUNNING)
                guest_show_status(g);
}

/* What is under way for a client. */
typedef struct Relay {
        Guest *guest;
        ControlClient *client;
        const char *verb; /* of those that change what the helper has to know, or NULL */
} Relay;

static void on_relayed(void *userdata, int result, const MconsoleReply *reply) {
        Relay *relay = userdata;

        /* `go` fails if it goes already: by uml_mconsole, behind our back. */
        if (relay->verb && (result == 0 || result == -EREMOTEIO))
                set_suspended(relay->guest, streq(relay->verb, "stop") && result == 0);
        control_reply(relay->client, result < 0, result < 0 && result != -EREMOTEIO ? request_failure(result) : reply->text ?: "");
        free(relay);
}

/* The kernel takes each command that begins with the name of one it has, and `stop` for "stopping". */
static const char *verb_of(const char *command) {
        return after_prefix(command, "stop") ? "stop" : after_prefix(command, "go") ? "go" : NULL;
}

static void relay_command(Guest *g, ControlClient *client, const char *command) {
        Relay *relay = malloc(sizeof(*relay));
        int r = -ENOMEM;

        if (relay) {
                *relay = (Relay) {g, client, verb_of(command)};
                r = monitor_request(g->monitor, command, RELAYED_TIMEOUT, on_relayed, relay);
        }
        if (r < 0) {
                free(relay);
                control_reply(client, true, strerror(-r));
        }
}

void guest_on_control(void *userdata, ControlClient *client, const char *command) {
        Guest *g = userdata;

        if (streq(command, "cad"))
                guest_reload(g, client);
        else if (g->phase == PHASE_STOPPING)
                control_reply(client, true, "the guest is being stopped");
        else
                relay_command(g, client, command);
}
