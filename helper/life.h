/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What guest.c (a guest's life) and stop.c (its end by request) share, and nobody else. */

#include <regex.h>

#include "console.h"
#include "control.h"
#include "helper.h"
#include "monitor.h"
#include "options.h"

#define REQUEST_TIMEOUT (5 * USEC_PER_SEC)

typedef enum Phase {
        PHASE_BOOTING,
        PHASE_RUNNING,
        PHASE_STOPPING,
} Phase;

/* The ladder of a stop; see stop.c. */
typedef enum RungIndex {
        RUNG_NONE,
        RUNG_CAD,
        RUNG_SYNC,
        RUNG_REMOUNT,
        RUNG_HALT,
        RUNG_TERM,
        RUNG_KILL,
        _RUNG_MAX,
} RungIndex;

typedef struct Guest Guest;

/* The answer to guest_ask_cad(): result 0, the guest was asked; else why not, as in MonitorReply, and if the guest itself is
 * the reason, that in words. */
typedef void (*CadAnswer)(Guest *g, int result, const char *reason);

struct Guest {
        const Options *options;
        Journal *journal;
        Loop loop;
        Io signals;
        Monitor *monitor;
        Control *control;
        PtyWatcher ptys;
        Console *consoles[DOMAIN_CONSOLES_MAX + DOMAIN_SERIALS_MAX]; /* NULL where nobody listens */
        Console *early;                                              /* the kernel's stdout and stderr */

        pid_t kernel; /* 0: none */
        Phase phase;
        bool hung;  /* its kernel was killed for a watchdog that was not served */
        bool ready; /* systemd knows that the guest is up */
        bool has_said_ready; /* what --ready= waits for, beyond the mconsole, has come */
        bool has_pattern;
        regex_t ready_pattern;
        Timer ready_timer;
        bool up;    /* this kernel has told of its mconsole: before, no file system is mounted */
        char socket[2 * DOMAIN_NAME_MAX]; /* of mconsole */
        char release[64];
        char panic[MCONSOLE_DATA_MAX + 1];

        RungIndex rung;
        Timer rung_timer, poll_timer;
        char *disks; /* the counters of the guest's disks, when last looked at */
        unsigned quiet_looks;
        bool settled; /* its file systems were seen read-only, and its disks quiet */

        CadAnswer cad_answer;
        ControlClient *reload; /* waits for the answer to its cad */
        bool reboot_wanted;    /* a reload was accepted: the next reboot is ours */
        Timer reload_timer;    /* and no longer */

        int status; /* to exit with */
};

#define debug(g, ...) journal_log((g)->journal, PRIORITY_DEBUG, __VA_ARGS__)
#define info(g, ...) journal_log((g)->journal, PRIORITY_INFO, __VA_ARGS__)
#define warn(g, ...) journal_log((g)->journal, PRIORITY_WARNING, __VA_ARGS__)

/* What the guest printed last, for a message; "" if nothing. */
const char *guest_last_words(const Guest *g);

/* ready.c: whether the guest is up. ready_prepare() comes after the lines are there; negative errno if the one that a
 * pattern is for is not (which was told then). */
int ready_prepare(Guest *g);
void ready_begin(Guest *g); /* the first kernel was launched: its time runs */
void ready_check(Guest *g); /* the kernel has answered on its mconsole */
void ready_on_message(Guest *g, const char *text);
void ready_force(Guest *g); /* it was, though we did not see it */
void ready_release(Guest *g);

/* Ends the helper. */
void guest_finish(Guest *g, int status);

/* Asks the guest's mconsole; a failure to ask is told like the failure of an answer. */
void guest_ask(Guest *g, const char *command, MonitorReply function);

/* The reason for a request's failure, in words. */
const char *request_failure(int result);

/* Stops the guest, in a while; twice is as good as once. */
void guest_stop(Guest *g);

/* To be set on rung_timer and poll_timer. */
void guest_on_rung_timer(void *userdata);
void guest_on_poll_timer(void *userdata);

/* Asks for ctrl-alt-del, if the guest can take it. One such question at a time. */
void guest_ask_cad(Guest *g, CadAnswer answer);
