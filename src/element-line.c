/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <console> and <serial>. A line of a kind that cannot be had keeps its port, so that those after it keep theirs. */

#include "elements.h"

static Console *this_console(Reader *r) {
        return &r->domain->consoles[r->domain->n_consoles - 1];
}

/* Kinds that another program than a terminal would be at the other end of. */
static bool kind_is_foreign(const char *type) {
        static const char *const kinds[] = {"vc", "spicevmc", "spiceport", "dbus", "qemu-vdagent", "nmdm"};

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i], type))
                        return true;
        return false;
}

static ConsoleKind console_kind(Reader *r, xmlNode *n) {
        _cleanup_free_ char *type = reader_attribute(r, n, "type");
        ConsoleKind kind = CONSOLE_PTY; /* libvirt's default */

        if (!type)
                return kind;
        if (console_kind_from_string(type, &kind) < 0) {
                kind = CONSOLE_NULL;
                if (kind_is_foreign(type))
                        warning(r, n, "<%s>: type '%s' means nothing for UML; the line is null", node_name(n), type);
                else
                        error(r, n, "<%s>: type '%s' is none of null, pty, stdio, file, pipe, dev, tcp, udp, unix", node_name(n), type);
                r->quiet = true;
        } else if (kind > CONSOLE_FILE) {
                warning(r, n, "<%s>: type '%s' is refused: this version of uml-systemd has null, pty and file; the line is a pty instead",
                        node_name(n), type);
                r->device.refused = r->quiet = true;
        }
        return kind;
}

bool begin_console(Reader *r, xmlNode *n) {
        Console *c;

        if (r->domain->n_consoles >= DOMAIN_CONSOLES_MAX + DOMAIN_SERIALS_MAX) {
                error(r, n, "<%s>: one too many", node_name(n));
                return false;
        }
        c = reader_allocated(r, domain_add_console(r->domain, streq(node_name(n), "serial")));
        if (!c)
                return false;
        reader_begin_device(r);
        c->kind = console_kind(r, n);
        return true;
}

/* What is beyond the types of its attributes. */
bool begin_console_source(Reader *r, xmlNode *n) {
        Console *c = this_console(r);

        if (r->device.has_source && c->kind != CONSOLE_UDP) /* which has two: one to receive, one to send */
                error(r, n, "<source> is given twice; keep one");
        r->device.has_source = true;
        if ((c->kind == CONSOLE_TCP || c->kind == CONSOLE_UDP) && !reader_has_attribute(n, "service"))
                error(r, n, "<source>: attribute service, the port's name or number, is missing");
        if (c->kind == CONSOLE_PIPE || c->kind == CONSOLE_DEV || c->kind == CONSOLE_UNIX) {
                _cleanup_free_ char *path = reader_attribute_path(r, n, "path", NULL);
        }
        if (c->kind != CONSOLE_FILE)
                return true;
        if (!reader_has_attribute(n, "path"))
                error(r, n, "<source>: attribute path, the file's, is missing");
        free(c->path);
        c->path = reader_attribute_path(r, n, "path", NULL);
        c->truncate = reader_attribute_is(n, "append", "off");
        return true;
}

bool begin_console_log(Reader *r, xmlNode *n) {
        Console *c = this_console(r);

        if (!reader_has_attribute(n, "file"))
                error(r, n, "<log>: attribute file, the path, is missing");
        c->log = reader_attribute_path(r, n, "file", NULL);
        c->log_truncate = reader_attribute_is(n, "append", "off");
        return true;
}

bool begin_console_target(Reader *r, xmlNode *n) {
        Console *c = this_console(r);

        r->device.has_port = reader_number(r, n, "port", c->serial ? DOMAIN_SERIALS_MAX - 1 : DOMAIN_CONSOLES_MAX - 1, &c->port);
        return true;
}

/* Another hypervisor's consoles are of several kinds (virtio, serial), which count their ports apart. */
static bool is_of_uml(xmlNode *n) {
        xmlNode *target = reader_child(n, "target");

        return !reader_has_attribute(target, "type") || reader_attribute_is(target, "type", "uml");
}

static void refuse_port(Reader *r, xmlNode *n, const Console *c) {
        if (is_of_uml(n)) {
                error(r, n, "<%s>: port %u is taken by another <%s>", node_name(n), c->port, node_name(n));
                return;
        }
        warning(r, n, "<%s>: port %u is taken by another <%s>; this one gets the next", node_name(n), c->port, node_name(n));
        r->device.has_port = false;
}

/* libvirt's rule for a line without a port: the one after the highest so far. */
void end_console(Reader *r, xmlNode *n) {
        Console *c = this_console(r);
        unsigned next = 0, max = c->serial ? DOMAIN_SERIALS_MAX : DOMAIN_CONSOLES_MAX;

        r->quiet = false;
        if (c->kind == CONSOLE_FILE && !r->device.has_source)
                error(r, n, "<%s type='file'> has no <source path='…'/>", node_name(n));
        if (r->device.refused)
                c->kind = CONSOLE_PTY;

        for (Console *other = r->domain->consoles; other < c; other++) {
                if (other->serial != c->serial)
                        continue;
                if (r->device.has_port && other->port == c->port)
                        refuse_port(r, n, c);
                if (other->port >= next)
                        next = other->port + 1;
        }
        if (r->device.has_port)
                return;
        if (next >= max)
                error(r, n, "<%s>: there is no port after %u", node_name(n), max - 1);
        c->port = next;
}
