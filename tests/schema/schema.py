#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the schema of definitions, the table of elements and libvirt's own schema agree: schema.py ELEMENTS SCHEMA

ELEMENTS is the program man/list-elements. The definitions are those of the golden cases, with what the generator said of
each. Prints TAP.
"""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'generator'))

import golden
import scratch
import tap

RELAX_NG = '{http://relaxng.org/ns/structure/1.0}'
OWN = 'urn:uml-systemd:1'
LIBVIRT_SCHEMA = '/usr/share/libvirt/schemas/domain.rng'

# Definitions that are refused for what no schema sees, or not this one.
UNSEEN = {
    'of the file system': ['14-names/case', '14-names/other'],
    'of two places': [
        '07-memory/above', '09-consoles/after-15', '09-consoles/same', '11-disks-refused/same-disk', '11-disks-refused/same-name',
        '41-memory-tuning/swap-less', '42-io-tuning/disk-total-and-read', '49-vectors/on-interface', '49-vectors/taken',
        '50-shares/hostfs-too', '50-shares/root-and-root', '50-shares/same-but-for-slash', '50-shares/same-names', '50-shares/same-target',
        '51-labels/same-twice',
    ],
    'of a number of things': ['11-disks-refused/seventeen', '46-renamed-disks/seventeen', '48-interfaces/thirty-three'],
    'of what a text amounts to': [
        '07-memory/too-much', '33-cmdline/too-long', '40-cpu-tuning/pins-backwards', '40-cpu-tuning/pins-emptied',
        '40-cpu-tuning/pins-too-far', '50-shares/target-long', '54-own-options/replay-too-much',
    ],
    "of words in a text: an option that is the helper's": [
        '33-cmdline/reserved-con', '33-cmdline/reserved-con0', '33-cmdline/reserved-help', '33-cmdline/reserved-mconsole',
        '33-cmdline/reserved-mem', '33-cmdline/reserved-ssl3', '33-cmdline/reserved-umid', '33-cmdline/reserved-uml_dir',
        '33-cmdline/reserved-version', '53-boot/initarg-reserved', '53-boot/initenv-reserved', '54-own-options/option-dashes',
        '54-own-options/option-hidden', '54-own-options/option-reserved',
    ],
    'of how the file is written: a document type declaration': ['22-doctype/external', '22-doctype/plain'],
    'of what belongs together, and of regular expressions': [
        '54-own-options/ready-no-line', '54-own-options/ready-no-none', '54-own-options/ready-no-other', '54-own-options/ready-no-regex'],
    'of how the file is written: its encoding': ['23-no-text/ebcdic', '23-no-text/utf-7'],
}

# Good definitions that libvirt's schema does not take, whatever their <os><type> is.
NOT_OF_LIBVIRT = {
    'white space around a value': ['07-memory/white-space', '21-uuids/white-space', '28-text/title-in-lines', '40-cpu-tuning/pins-spaces'],
    'its schema has hyphens in two places, its parser anywhere': ['21-uuids/odd-hyphens'],
    'a root device by its label, or with any name: there only a path': [
        '28-text/backslash', '28-text/dollar', '28-text/percent', '32-os/root-uuid'],
    "libvirt's parser reads a file's lun, and fails when the guest starts": ['05-every-element/web-1'],
    'a priority of a scheduler that has none: there ignored by the parser': ['40-cpu-tuning/batch-with-priority'],
    'I/O weights below 100, which kernels with cgroups of version 2 have': [
        '42-io-tuning/device-zero', '42-io-tuning/weight-least', '42-io-tuning/weight-one', '42-io-tuning/weight-zero'],
    'an init is of containers there (os type exe), which have no kernel': [
        '53-boot/cmdline-dashes', '53-boot/init', '53-boot/init-arguments', '53-boot/initarg-alone', '53-boot/initenv',
        '53-boot/initenv-root', '54-own-options/option-order'],
}


def listed(lists):
    return {name for names in lists.values() for name in names}


# The schema, as paths

class Grammar:
    """What the schema names: each element by its path below <domain>, with its attributes. What may hold anything has none."""

    def __init__(self, path):
        self.root = ElementTree.parse(path).getroot()
        self.defines = {node.get('name'): node for node in self.root.iter(RELAX_NG + 'define')}
        self.elements, self.nested = {}, set()
        for node in self.root.find(RELAX_NG + 'start'):
            self.walk(node, None, None, ())

    def walk(self, node, path, interleave, refs):
        """path: of the element that the pattern stands in; interleave: whether it stands in one of that element's."""
        kind = node.tag.removeprefix(RELAX_NG)
        if kind == 'ref':
            name = node.get('name')
            if name in refs:
                return
            refs, children = (*refs, name), self.defines[name]
        else:
            children = node
        if kind == 'element':
            for name in names_of(node):
                child = '' if path is None else f'{path}/{name}'.lstrip('/')
                self.elements.setdefault(child, set())
                for pattern in children:
                    self.walk(pattern, child, False, refs)
        elif kind == 'attribute':
            self.elements[path].update(names_of(node))
        else:
            if kind == 'interleave' and interleave:
                self.nested.add(path)
            for pattern in children:
                self.walk(pattern, path, interleave or kind == 'interleave', refs)


def names_of(node):
    """Of an element or attribute; none if it may have any name."""
    own = 'uml:' if node.get('ns') == OWN else ''
    if node.get('name'):
        return [own + node.get('name')]
    named = node[0]
    return [name.text for name in named.iter(RELAX_NG + 'name')] if named.tag in (RELAX_NG + 'choice', RELAX_NG + 'name') else []


def check_references(grammar):
    used = {node.get('name') for node in grammar.root.iter(RELAX_NG + 'ref')}
    return [f'{name} is defined and not used' for name in sorted(grammar.defines.keys() - used)]


def check_interleaves(grammar):
    return [f'<{path or "domain"}> has an interleave in an interleave' for path in sorted(grammar.nested)]


def table(program):
    """Attributes by path; None for an element that is ignored."""
    result = {'': {'type', 'id'}}
    for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
        path, *attributes = line.split()
        result[path] = None if attributes[:1] == ['!'] else set(attributes)
    return result


def check_table(grammar, known):
    """In both directions. `devices/*/address` in the table is an element of any device."""
    problems = []
    found = set()
    for path, attributes in sorted(grammar.elements.items()):
        entry = path if path in known else re.sub('^devices/[a-z]+/', 'devices/*/', path)
        if entry not in known:
            problems.append(f'{path} is not in the table')
            continue
        found.add(entry)
        if known[entry] is None and attributes:
            problems.append(f'{path} is ignored, and has attributes in the schema: {attributes}')
        problems += [f'{path} {name}= is not in the table' for name in sorted(attributes - (known[entry] or set()))]
        problems += [f'{path} {name}= is not in the schema' for name in sorted((known[entry] or set()) - attributes)]
    return problems + [f'{path} is not in the schema' for path in sorted(known.keys() - found)]


# Definitions

class Definition:
    def __init__(self, case, source, messages):
        self.name, self.path = f'{case.name}/{pathlib.Path(source).stem}', case / 'in' / source.lstrip('/')
        self.errors = [message for message in messages if ': error: ' in message]
        self.warnings = [message for message in messages if ': warning: ' in message]


def definitions():
    """Those that the generator read, which is what it wrote something for."""
    for case in sorted(golden.CASES.iterdir()):
        messages = golden.text_of(case / 'want.err').splitlines()
        for unit in sorted(case.glob('want/uml@*.service.d/50-domain.conf')):
            source = re.search('^SourcePath=(.*)$', golden.text_of(unit), re.M)[1].replace('%%', '%')
            definition = Definition(case, source, [line for line in messages if line.startswith(source + ':')])
            if definition.path.is_file():  # not made by the test itself
                yield definition


def validate(schema, paths):
    """By path: None if the file is valid, or what xmllint says."""
    result = subprocess.run(['xmllint', '--noout', '--nonet', '--relaxng', schema, *paths], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, errors='backslashreplace')
    if 'failed to compile' in result.stderr:
        raise RuntimeError(result.stderr)
    valid = set(re.findall('^(.*) validates$', result.stderr, re.M))
    return {path: None if path in valid else [line for line in result.stderr.splitlines() if line.startswith(f'{path}:')]
            for path in map(str, paths)}


def invalid(schema, files):
    """What is wrong; files: paths by name."""
    said = validate(schema, files.values())
    return [f'{name}: {said[str(path)]}' for name, path in files.items() if said[str(path)] is not None]


def check_good(schema, files):
    """Nothing was said of them, or only that something means nothing here."""
    good = {d.name: d.path for d in files if not d.errors and not any('not supported' in warning for warning in d.warnings)}
    return invalid(schema, good)


def check_order(schema, files):
    with scratch.directory() as directory:
        turned = {}
        for d in files:
            if not d.errors and not d.warnings:
                turned[d.name] = os.path.join(directory, d.name.replace('/', '_') + '.xml')
                tree = ElementTree.parse(d.path)
                for node in tree.iter():
                    node[:] = reversed(node)
                tree.write(turned[d.name], encoding='utf-8')
        return invalid(schema, turned)


def check_wrong(schema, files):
    """And no other than those listed pass."""
    wrong = [d for d in files if d.errors]
    said = validate(schema, [d.path for d in wrong])
    passed = {d.name for d in wrong if said[str(d.path)] is None}
    return ([f'{name} is valid, though there is an error' for name in sorted(passed - listed(UNSEEN))] +
            [f'{name} is listed, and not valid' for name in sorted(listed(UNSEEN) - passed)])


def check_unknown(schema, files):
    unknown = [d for d in files if not d.errors and any('not supported' in warning for warning in d.warnings)]
    said = validate(schema, [d.path for d in unknown])
    return [f'{d.name} is valid, though it has what is not known' for d in unknown if said[str(d.path)] is None]


# libvirt

def for_libvirt(tree, type):
    """The one thing that no definition for UML can have as libvirt's schema wants it."""
    boot = tree.getroot().find('os')
    element = boot.find('type')
    if element is None:
        element = ElementTree.Element('type')
        boot.insert(0, element)
    element.text = type


def check_libvirt(files):
    good = [d for d in files if not d.errors and not d.warnings]
    refused = {d.name for d in good}
    with scratch.directory() as directory:
        for type in ('linux', 'hvm'):
            copies = {}
            for d in good:
                copies[d.name] = os.path.join(directory, f'{type}_{d.name}'.replace('/', '_') + '.xml')
                tree = ElementTree.parse(d.path)
                for_libvirt(tree, type)
                tree.write(copies[d.name], encoding='utf-8')
            said = validate(LIBVIRT_SCHEMA, copies.values())
            refused -= {name for name, path in copies.items() if said[path] is None}
    return ([f'{name} is not valid for libvirt' for name in sorted(refused - listed(NOT_OF_LIBVIRT))] +
            [f'{name} is listed, and valid for libvirt' for name in sorted(listed(NOT_OF_LIBVIRT) - refused)])


def main():
    program, schema = sys.argv[1:]
    report, files, grammar = tap.Report(), list(definitions()), Grammar(schema)
    report.add('there are definitions of each kind',
               [] if min(sum(not d.errors for d in files), sum(bool(d.errors) for d in files)) > 100 else [f'{len(files)}'])
    report.run('the schema has every element and attribute of the table, and no other', check_table, grammar, table(program))
    report.run('each of its patterns is used', check_references, grammar)
    report.run('no interleave stands in another of the same element: libxml2 loses its place there', check_interleaves, grammar)
    report.run('a definition with nothing but what UML knows, or knows to have not, is valid', check_good, schema, files)
    report.run('so it is with its elements in the opposite order', check_order, schema, files)
    report.run('a definition with an error is not valid, but for those that a schema cannot see', check_wrong, schema, files)
    report.run('a definition with something that is not known is not valid', check_unknown, schema, files)
    report.run("a good definition is one by libvirt's schema, but for <os><type>", check_libvirt, files)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
