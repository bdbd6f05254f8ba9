# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests of random text, their definitions, and what must become of them.

The rules here are those of the documentation, written a second time and apart from the program's.
"""

import dataclasses
import random
import re
import uuid

# What a unit file, systemd's command lines, a shell or a UML command line could take for more than text.
ORDINARY = ('a', 'B', '7', '-', '_', '.x', 'é', '日本', '🐧', '\u00a0', '\u2028', '\ufeff', '\u00ad', '/', '//', '=', '~', ' -- ')
SYNTAX = ('"', '""', "'", "''", '`', '%', '%%', '%n', '%i', '%H', '%z', '$', '$$', '${X}', '$HOME', '$(id)', '\\', '\\\\', '\\x41',
          '\\n', '\\"', '\\;', '\\ ', ';', ' ; ', '#', ' # ', '*', '?', '[', ']', '{', '}', '(', ')', '|', '&', '<', '>', '!', '@',
          '+', ':', ',', '^', ']]>', '[Service]', 'ExecStart=', ' ', '  ')
CONTROL = ('\n', '\t', '\r', '\x7f', '\x80', '\x85', '\x9b', '\nExecStart=/bin/evil', '\n[Service]\nExecStart=/bin/evil\n')
NO_XML = ('\x01', '\x08', '\x1b')  # not even as a character reference
NONCHARACTERS = ('\ufdd0', '\ufdef', '\U0001fffe', '\U0010ffff')  # XML, and UTF-8, but no text to systemd
NAME = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

CONTROL_CHARACTER = re.compile('[\x00-\x1f\x7f-\x9f]')
FIELDS = ('title', 'kernel', 'initrd', 'root', 'cmdline', 'disk', 'uuid', 'name', 'log', 'share', 'option')


@dataclasses.dataclass
class Guest:
    """As it is asked for. Everything but the stem, the file's name, may be nonsense."""

    stem: str
    name: str
    uuid: str | None = None
    title: str | None = None
    kernel: str = '/k'
    initrd: str | None = None
    root: str | None = None
    cmdline: str | None = None
    option: str | None = None
    log: str | None = None
    share: str | None = None
    disks: tuple = ()


# Making them

class Maker:
    def __init__(self, seed):
        self.random, self.stems = random.Random(seed), set()

    def text(self, tokens):
        return ''.join(self.random.choices(tokens, k=self.random.randint(0, 8)))

    def stem(self):
        """Systemd keeps the escape sequences of an instance's name, so there is nothing to avoid here."""
        while True:
            stem = self.random.choice(NAME) + ''.join(self.random.choices(NAME + '_.:-', k=self.random.randint(0, 20)))
            if not stem.endswith('.xml') and stem not in self.stems:
                self.stems.add(stem)
                return stem

    def field(self, name, tokens):
        """An absolute path, mostly, where there must be one."""
        text = self.text(tokens)
        if name in ('kernel', 'initrd', 'disk', 'log', 'share') and self.random.random() < 0.95:
            text = '/' + text
        return text

    def uuid(self):
        digits = uuid.UUID(int=self.random.getrandbits(128)).hex
        return ''.join(self.random.choice(('', '', '', '-')) + self.random.choice((digit, digit.upper())) for digit in digits)

    def good(self, field):
        """Text that may stand there, with as much syntax as that can be."""
        while True:
            value = self.field(field, ORDINARY + SYNTAX)
            if not refusal(field, value):
                return value

    def guest(self, wild):
        """wild: the tokens of one field's text; the others hold what may stand there."""
        stem = self.stem()
        guest = Guest(stem, stem)
        for field in ('title', 'kernel', 'initrd', 'root', 'cmdline', 'option', 'log', 'share'):
            if field == 'kernel' or self.random.random() < 0.7:
                setattr(guest, field, self.good(field))
        guest.uuid = self.random.choice((None, self.uuid()))
        guest.disks = tuple(self.good('disk') for _ in range(self.random.randint(0, 3)))
        if wild:
            self.spoil(guest, self.random.choice(FIELDS), wild)
        return guest

    def spoil(self, guest, field, tokens):
        text = self.field(field, tokens)
        if field == 'disk':
            guest.disks += (text,)
        else:
            setattr(guest, field, text)


# Their definitions

def escape(text, maker, attribute):
    """As text of an element or an attribute, in one of the ways that XML has for it."""
    return ''.join(character(c, maker, attribute) for c in text)


def character(c, maker, attribute):
    # A parser makes spaces of line breaks in attributes, and one line feed of a carriage return and a line feed.
    must = c in '<&>"\'\r' or ord(c) < 0x20 and (attribute or c not in '\n\t')
    return f'&#{ord(c)};' if must or maker.random.random() < 0.1 else c


def definition(guest, maker):
    def element(name, text):
        return f'<{name}>{escape(text, maker, False)}</{name}>' if text is not None else ''

    disks = ''.join(f'<disk><source file="{escape(path, maker, True)}"/><target dev="ubd{i}"/></disk>'
                    for i, path in enumerate(guest.disks))
    if guest.log is not None:
        disks += f'<serial type="null"><log file="{escape(guest.log, maker, True)}"/></serial>'
    if guest.share is not None:
        disks += f'<filesystem><source dir="{escape(guest.share, maker, True)}"/><target dir="/x"/></filesystem>'
    option = '<metadata><option xmlns="urn:uml-systemd:1">' + escape(guest.option, maker, False) + '</option></metadata>' if guest.option is not None else ''
    return ("<domain type='uml'>" + option + element('name', guest.name) + element('uuid', guest.uuid) + element('title', guest.title)
            + '<memory>65536</memory><os>' + element('kernel', guest.kernel) + element('initrd', guest.initrd)
            + element('root', guest.root) + element('cmdline', guest.cmdline) + f'</os><devices>{disks}</devices></domain>\n')


# What must become of them

def is_path(text, separators):
    return text.startswith('/') and not any(c in text for c in separators)


RULES = {  # what a text must be, other than free of control characters
    'title': lambda text: stripped(text) and not stripped(text).endswith('\\'),
    'kernel': lambda text: is_path(text, ''),
    'initrd': lambda text: is_path(text, ' "'),
    'root': lambda text: text and not any(c in text for c in ' "'),
    'cmdline': lambda text: text.count('"') % 2 == 0,
    'disk': lambda text: is_path(text, ' ",:'),
    'log': lambda text: is_path(text, ''),
    'share': lambda text: is_path(text, ' ",:'),
    'option': lambda text: text != '' and text.count('"') % 2 == 0 and '--' not in split(text),
    'uuid': lambda text: re.fullmatch('[0-9A-Fa-f]{32}', stripped(text).replace('-', '')),
}


def stripped(text):
    return text.strip(' \t\n')


def refusal(field, text):
    content = stripped(text) if field in ('title', 'uuid') else text
    return bool(CONTROL_CHARACTER.search(content)) or not RULES[field](text)


def is_refused(guest):
    fields = [(field, getattr(guest, field)) for field in RULES if field != 'disk']
    fields += [('disk', path) for path in guest.disks]
    return guest.name != guest.stem or any(refusal(field, text) for field, text in fields if text is not None)


def split(cmdline):
    """At spaces, but not between quotes, which stay: libvirt's rule."""
    return re.findall(r'(?:[^ "]|"[^"]*")+', cmdline)


def for_init(guest):
    """<cmdline> for the kernel, and what stands behind "--" for init."""
    items = split(guest.cmdline or '')
    end = items.index('--') if '--' in items else len(items)
    return items[:end], items[end + 1:]


def kernel_command(guest):
    """What follows `--` on the helper's command line."""
    command, init = for_init(guest)
    options = [guest.option] if guest.option is not None else []
    root = guest.root
    if init:  # what UML would append behind the arguments for init
        if root is None and not any(item.startswith('root=') for item in command + options):
            root = '98:0'
        if not any(item.startswith('console=') for item in command + options):
            command = [*command, 'console=tty0']
    return ([guest.kernel, 'mem=65536K']
            + ([f'initrd={guest.initrd}'] if guest.initrd is not None else [])
            + ([f'root={root}'] if root is not None else [])
            + (['uml.share=/x:/x'] if guest.share is not None else [])
            + [f'ubd{i}d={path}' for i, path in enumerate(guest.disks)]
            + options + command + (['--', *init] if init else []))


def mounts(guest):
    """Paths as systemd simplifies them."""
    paths = (guest.kernel, guest.initrd, guest.log, guest.share, *guest.disks)
    return {'/' + '/'.join(part for part in path.split('/') if part not in ('', '.')) for path in paths if path}
