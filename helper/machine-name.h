/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "domain.h"

/* The name by which machinectl(1) knows a guest: its own, if that is a host name. machined (252) takes letters, digits and
 * inner hyphens between single dots, so an underscore or a colon becomes a hyphen, separators of which one is a dot become
 * one dot, and those at the end go. There is something left of every valid name of a guest; two may become one. */
void machine_name(const char *guest, char ret[static DOMAIN_NAME_MAX + 1]);
