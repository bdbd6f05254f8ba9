/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "domain.h"

/* Writes the domain as libvirt's XML, indented, with the attributes in single quotes as libvirt has them; domain_read_xml()
 * makes the same of it. What a command line cannot say (see native.h) is left out, but for title, UUID and life cycle.
 * -ENOMEM; whether f took it all, ferror() tells. */
int domain_write_xml(FILE *f, const Domain *d);
