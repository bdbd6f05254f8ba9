/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What stands in the table of elements (domain-xml.c), and the functions it names; they are in element-*.c, by chapter of
 * libvirt's documentation. For src/ alone. */

#include "domain-reader.h"

/* Called at an element's start. False: its children are not looked at (the function has said why, where that is called
 * for). */
typedef bool BeginFunction(Reader *r, xmlNode *n);
typedef void EndFunction(Reader *r, xmlNode *n);

typedef struct Element {
        const char *path;       /* below <domain> */
        const char *attributes; /* those that have a meaning, or harmlessly none; each may have its type behind a colon */
        BeginFunction *begin;
        EndFunction *end;
        bool repeats;        /* may be given more than once under one parent */
        const char *ignored; /* why it has no effect here: one warning for the whole of it */
} Element;

#define ELEMENTS_MAX 512

extern const Element elements[]; /* elements.c */
extern const size_t n_elements;

/* General */
BeginFunction begin_name, begin_uuid, begin_title, begin_memory, begin_current_memory, begin_vcpu, begin_os, begin_os_type,
        begin_kernel, begin_initrd, begin_dtb, begin_root, begin_cmdline, begin_init, begin_initarg, begin_initenv,
        begin_on_poweroff, begin_on_reboot, begin_on_crash, begin_clock, begin_memory_source, begin_memory_access,
        begin_memory_allocation, begin_locked;

/* Tuning */
BeginFunction begin_vcpupin, begin_emulatorpin, begin_shares, begin_period, begin_quota, begin_global_period, begin_global_quota,
        begin_vcpusched, begin_emulatorsched, begin_hard_limit, begin_soft_limit, begin_swap_hard_limit, begin_min_guarantee,
        begin_io_weight, begin_io_device, begin_io_path, begin_io_device_weight, begin_io_limit, begin_numa_memory, begin_partition;
EndFunction end_io_device;

/* Disks */
BeginFunction begin_disk, begin_disk_driver, begin_disk_source, begin_disk_target, begin_backing, begin_backing_format,
        begin_backing_source, begin_nested_backing, begin_readonly, begin_shareable, begin_transient, begin_disk_serial,
        begin_disk_seclabel, begin_iotune;
EndFunction end_disk;

/* Consoles and serial lines */
BeginFunction begin_console, begin_console_source, begin_console_target, begin_console_log;
EndFunction end_console;

/* Interfaces */
BeginFunction begin_interface, begin_interface_source, begin_interface_mac, begin_interface_target, begin_interface_mtu,
        begin_interface_later;
EndFunction end_interface;

/* Other devices, and labels */
BeginFunction begin_filesystem, begin_filesystem_driver, begin_filesystem_source, begin_filesystem_target, begin_filesystem_readonly,
        begin_rng_backend, begin_watchdog, begin_memballoon, begin_seclabel, begin_label, begin_baselabel;
EndFunction end_filesystem, end_seclabel;

/* The project's own, in <metadata> */
BeginFunction begin_stop, begin_ready, begin_replay, begin_own_watchdog, begin_option, begin_vector;

/* What can be said only when all was read. */
void check_tuning(Reader *r);
void disks_number(Reader *r);
