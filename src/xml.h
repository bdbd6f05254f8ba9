/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libxml/tree.h>
#include <stddef.h>

/* XML from strangers, read with libxml2: no document type (so no entities of the file's own, internal or external), no
 * network, libxml2's own bounds on depth and size; and with the place of every element, which libxml2 does not keep. */

typedef struct Place {
        unsigned line, column; /* from 1; the column counts bytes */
} Place;

/* Parses size bytes. Returns 0, and the document (the caller frees it with xmlFreeDoc()); -EBADMSG when it is no
 * well-formed XML or has a DOCTYPE, with its place and the reason (the caller frees it); -ENOMEM. The text must
 * outlive all calls of xml_place(). */
int xml_parse(const char *text, size_t size, xmlDoc **ret, Place *ret_place, char **ret_reason);

/* Where in the text the element begins: its `<`. In an encoding other than UTF-8 it is column 1 of the line where the tag
 * ends. */
Place xml_place(const char *text, size_t size, const xmlNode *element);
