/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of a guest's life share, and nobody else:
 *
 *      guest.c     from the service's start to its end, and what the guest's own end means
 *      kernel.c    one kernel process: its command line, its keeper
 *      ready.c     when the guest is up
 *      request.c   what others ask of a running guest: reload, suspend, mconsole
 *      stop.c      the ladder of ways to end it
 *      watchdog.c  a guest, or a helper, that hangs
 *      state.c     what the next helper has to know if this one is killed */

#include <regex.h>

#include "console.h"
#include "control.h"
#include "events.h"
#include "guest.h"
#include "helper.h"
#include "monitor.h"
#include "options.h"

#define REQUEST_TIMEOUT (5 * USEC_PER_SEC)
#define RELOAD_TIMEOUT (300 * USEC_PER_SEC) /* in which a guest that took ctrl-alt-del has rebooted */
#define NOTIFY_SOCKET_NAME "notify"         /* where the kernel tells of its start and of a panic */

/* state.c saves the number: the order must not change. */
typedef enum Phase {
        PHASE_BOOTING,
        PHASE_RUNNING,
        PHASE_STOPPING,
} Phase;

/* The ladder of a stop; see stop.c. */
typedef enum RungIndex {
        RUNG_NONE,
        RUNG_GO,
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

        Io keeper;    /* of the kernel that runs, see keeper.h; fd -EBADF: none runs */
        pid_t kernel; /* its pid */
        bool has_ended; /* the last kernel has, and nothing follows yet */
        int wait_status; /* with which */
        bool taken_over; /* this kernel was started by a helper before this one */
        Phase phase;
        bool up;        /* this kernel has told of its mconsole: before, no file system is mounted */
        bool suspended; /* somebody has had its kernel stand still: mconsole's stop */
        bool hung;      /* its kernel was killed because it did not answer, or did not serve its watchdog */
        char socket[2 * DOMAIN_NAME_MAX]; /* of mconsole */
        char release[64];
        char panic[MCONSOLE_DATA_MAX + 1];

        bool ready; /* systemd knows that the guest is up */
        bool has_said_ready; /* what --ready= waits for, beyond the mconsole, has come */
        bool has_pattern;
        regex_t ready_pattern;
        Timer ready_timer;

        RungIndex rung;
        RungIndex first_rung; /* of the stop that was asked for; RUNG_NONE: as configured */
        bool by_manager;      /* it was systemd that asked for it: its job waits for the end */
        uint64_t rung_end;    /* CLOCK_MONOTONIC, microseconds */
        Timer rung_timer, rung_status_timer, poll_timer;
        uint64_t remounted_at; /* CLOCK_MONOTONIC, microseconds: when that was last asked for */
        char *disks; /* the counters of the guest's disks, when last looked at */
        unsigned quiet_looks;
        bool settled; /* its file systems were seen read-only, and its disks quiet */

        CadAnswer cad_answer;
        ControlClient *reload; /* waits for the answer to its cad; NULL: a signal asked */
        bool reboot_wanted;    /* a reload was accepted: the next reboot is ours */
        Timer reload_timer;    /* and no longer */

        uint64_t hang_told;     /* when the guest's own watchdog was last told of */
        uint64_t watchdog_time; /* microseconds in which systemd wants a sign of life; 0: it does not */
        Timer watchdog_timer;
        uint64_t watchdog_asked; /* when the kernel was asked for one that has not come; 0: it was not */
        uint64_t watchdog_due;   /* when the timer is to go off */

        int state_fd, command_fd; /* see state.c; open for as long as this process may be replaced */
        bool finished; /* all is over, but for the exit */
        int status;    /* to exit with */
        GuestNext next;
};

#define info(g, ...) journal_log((g)->journal, PRIORITY_INFO, __VA_ARGS__)
#define warn(g, ...) journal_log((g)->journal, PRIORITY_WARNING, __VA_ARGS__)

/* guest.c */

/* What the guest printed last, for a message; "" if nothing. */
const char *guest_last_words(const Guest *g);

/* Ends the helper. */
void guest_finish(Guest *g, int status);

/* Asks the guest's mconsole; a failure to ask is told like the failure of an answer. */
void guest_ask(Guest *g, const char *command, MonitorReply function);

/* The reason for a request's failure, in words. */
const char *request_failure(int result);

/* Where nobody but the helper changes what is in the journal and in the status. */
void make_visible(char *text);

/* The kernel is gone, and nothing of the guest is left. KERNEL_STATUS_UNKNOWN: nobody was there to see how. */
#define KERNEL_STATUS_UNKNOWN (-1)
void guest_kernel_ended(Guest *g, int wait_status);

/* kernel.c: starts a kernel, the first or the next; negative errno, which was told. */
int kernel_launch(Guest *g);

/* Instead, finds the one that the helper before this one had. -ENOENT: there is none. */
int kernel_resume(Guest *g);

/* Sends a signal to the kernel's process; SIGKILL, to all of the guest's. */
void kernel_signal(Guest *g, int signal);

/* Kills it, if there is one, and waits for its end. */
void kernel_release(Guest *g);

/* ready.c: whether the guest is up. ready_prepare() comes after the lines are there; negative errno if the one that a
 * pattern is for is not (which was told then). */
int ready_prepare(Guest *g);
void ready_begin(Guest *g); /* the first kernel was launched: its time runs */
void ready_check(Guest *g); /* the kernel has answered on its mconsole */
void ready_on_message(Guest *g, const char *text);
void ready_force(Guest *g); /* it was, though we did not see it */
void ready_release(Guest *g);

/* request.c */

/* ControlRequest, with the guest. */
void guest_on_control(void *userdata, ControlClient *client, const char *command);

/* Asks the guest to reboot, as a reload does. */
void guest_reload(Guest *g, ControlClient *client);
void guest_on_reload_timer(void *userdata);

/* Asks for ctrl-alt-del, if the guest can take it. One such question at a time. */
void guest_ask_cad(Guest *g, CadAnswer answer);

/* What it is doing now, for systemctl status. */
void guest_show_status(const Guest *g);

/* stop.c: stops the guest, in a while; twice is as good as once. first: the rung to begin with, if the guest is up;
 * RUNG_NONE: as configured. */
void guest_stop(Guest *g, RungIndex first);

/* No rung is climbed any more. */
void guest_stop_ended(Guest *g);

/* To be set on the timers of these names. */
void guest_on_rung_timer(void *userdata);
void guest_on_rung_status_timer(void *userdata);
void guest_on_poll_timer(void *userdata);

/* watchdog.c */
void watchdog_begin(Guest *g);

/* The guest's own watchdog was not served. */
void guest_watchdog_expired(Guest *g);

/* state.c: a copy of what matters, in a memory file in the store. */

/* Of a new guest, with its command line. */
void state_begin(Guest *g);

/* To be called when one of what state.c lists has changed. */
void state_save(const Guest *g);

/* Fills in what the helper before this one has saved. -ENOENT if there is none. */
int state_load(Guest *g);

/* The manager has copies, for the next helper. */
void state_release(Guest *g);
