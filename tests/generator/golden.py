#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Golden trees: golden.py GENERATOR [CASE...]

golden.py --list prints the cases, golden.py --listed CASE... makes sure that a build knows them all.

A case is a directory in cases/:

    sentence     what a user may rely on
    in/          the root file system that the generator sees
    make         more of it, that git cannot hold, one thing a line (see MAKERS)
    environment  KEY=VALUE lines; the scope is the system's unless SYSTEMD_SCOPE says otherwise
    want/        all that the generator writes, and no more
    want.err     all that it says
    rc           its exit status, 0 if there is no such file

UPDATE=1 in the environment rewrites want/, want.err and rc; look at the difference before you believe it. The paths
of a build for Debian are in want/; HELPER_PATH, SYSTEM_UNIT_DIR and USER_UNIT_DIR in the environment give another's.
"""

import difflib
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import scratch
import tap

CASES = pathlib.Path(__file__).resolve().parent / 'cases'
UPDATE = os.environ.get('UPDATE') == '1'
OUTPUTS = ('normal', 'early', 'late')
PATHS = {  # as want/ has them
    'HELPER_PATH': '/usr/libexec/uml-systemd/uml-helper',
    'SYSTEM_UNIT_DIR': '/lib/systemd/system',
    'USER_UNIT_DIR': '/usr/lib/systemd/user',
}
MESSAGE = re.compile(r'(/[^:]+(:\d+:\d+|\.conf:\d+)?: (error|warning)|uml-generator): .')


# What git cannot hold

def make_sized(path, size):
    """A good definition of that many bytes."""
    name = pathlib.Path(path).stem
    head = (f"<domain type='uml'><name>{name}</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
            "<memory>65536</memory><os><kernel>/k</kernel></os><!--")
    tail = '--></domain>'
    pathlib.Path(path).write_text(head + ' ' * (int(size) - len(head) - len(tail)) + tail)


MAKERS = {
    'directory': lambda path: os.makedirs(path),
    'fifo': lambda path: os.mkfifo(path),
    'empty': lambda path: open(path, 'x').close(),
    'size': make_sized,
    'link': lambda path, target: os.symlink(target, path),
    'file': lambda path, text: pathlib.Path(path).write_text(text + '\n'),
}


def unescape(text):
    """A Python string's escapes: a space is \\x20, a name that is no UTF-8 comes as bytes."""
    return text.encode().decode('unicode_escape').encode('latin-1')


def make(root, path):
    lines = path.read_text().splitlines() if path.exists() else []
    for what, name, *rest in (line.split(maxsplit=2) for line in lines):
        path = os.path.join(os.fsencode(root), unescape(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        MAKERS[what](os.fsdecode(path), *(os.fsdecode(unescape(text)) for text in rest))


# Trees

def copy_tree(source, target, backwards):
    """Names in one order or the other: that in which a directory is read must not matter."""
    os.makedirs(target, exist_ok=True)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name, reverse=backwards):
        path = os.path.join(target, entry.name)
        if entry.is_dir(follow_symlinks=False):
            copy_tree(entry.path, path, backwards)
        else:
            shutil.copyfile(entry.path, path, follow_symlinks=False)


def read_tree(path):
    """Name of each file, link and directory in it, with all that there is to compare."""
    tree = {}
    for directory, subdirectories, files in os.walk(path):
        for name in subdirectories + files:
            full = os.path.join(directory, name)
            tree[os.path.relpath(full, path)] = read_entry(full)
    return tree


def read_entry(path):
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return 'link', os.readlink(path)
    if stat.S_ISDIR(mode):
        return 'directory', f'{stat.S_IMODE(mode):o}'
    return f'file {stat.S_IMODE(mode):o}', pathlib.Path(path).read_text(errors='surrogateescape')


def expected(case):
    """git keeps no modes: what the generator makes has the usual ones."""
    tree = {name: normal_mode(entry) for name, entry in read_tree(case / 'want').items()}
    return {name: (kind, localized(text)) for name, (kind, text) in tree.items()}


def normal_mode(entry):
    kind, text = entry
    return {'directory': ('directory', '755'), 'link': entry}.get(kind, ('file 644', text))


def localized(text):
    for variable, path in PATHS.items():
        text = text.replace(path, os.environ.get(variable, path))
    return text


def compare_trees(got, want):
    problems = [f'{name} is missing' for name in want.keys() - got.keys()]
    problems += [f'{name} is not claimed by want/' for name in got.keys() - want.keys()]
    for name in want.keys() & got.keys():
        if got[name][0] != want[name][0]:
            problems.append(f'{name} is {got[name][0]} instead of {want[name][0]}')
        problems += compare_texts(name, got[name][1], want[name][1])
    return sorted(problems)


def compare_texts(name, got, want):
    lines = difflib.unified_diff(want.splitlines(), got.splitlines(), f'{name} as wanted', name, lineterm='', n=1)
    return ['\n'.join(lines)] if got != want else []


# Running it

class Run:
    """One run of the generator on a copy of the case's root."""

    def __init__(self, generator, case, directory, backwards, outputs):
        self.root, self.output = os.path.join(directory, 'root'), os.path.join(directory, 'output')
        copy_tree(case / 'in', self.root, backwards)
        make(self.root, case / 'make')
        for name in outputs:
            os.makedirs(os.path.join(self.output, name))
        result = subprocess.run([generator, *(os.path.join(self.output, name) for name in outputs)],
                                env=environment(case, self.root), stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=60, umask=0o022)
        self.rc = result.returncode
        self.out, self.err = (text.decode(errors='surrogateescape') for text in (result.stdout, result.stderr))
        self.trees = {name: read_tree(os.path.join(self.output, name)) for name in outputs}


def environment(case, root):
    result = {'SYSTEMD_SCOPE': 'system', 'LC_ALL': 'C', 'UML_GENERATOR_ROOT': root, **scratch.sanitizers()}
    path = case / 'environment'
    if path.exists():
        result.update(line.split('=', 1) for line in path.read_text().splitlines())
    return result


def run(generator, case, backwards=False, outputs=OUTPUTS):
    with scratch.directory() as directory:
        return Run(generator, case, directory, backwards, outputs)


def update(case, result):
    shutil.rmtree(case / 'want', ignore_errors=True)
    for name, (kind, text) in result.trees['normal'].items():
        path = case / 'want' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == 'link':
            path.symlink_to(text)
        elif kind != 'directory':
            path.write_text(text, errors='surrogateescape')
    (case / 'want.err').write_text(result.err, errors='surrogateescape')
    (case / 'rc').unlink(missing_ok=True)
    if result.rc:
        (case / 'rc').write_text(f'{result.rc}\n')


# What is checked

def text_of(path, default=''):
    return path.read_text(errors='surrogateescape') if path.exists() else default


def check_output(case, result):
    return compare_trees(result.trees['normal'], expected(case))


def check_messages(case, result):
    problems = compare_texts('standard error', result.err, text_of(case / 'want.err'))
    problems += [f'standard output has: {result.out}'] if result.out else []
    return problems + [f'no place at the beginning: {line}' for line in result.err.splitlines() if not MESSAGE.match(line)]


def check_status(case, result):
    want = int(text_of(case / 'rc', '0'))
    return [] if result.rc == want else [f'the exit status is {result.rc} instead of {want}']


def check_other_directories(case, result):
    return [f'{directory}/{name}' for directory in ('early', 'late') for name in result.trees[directory]]


def check_again(first, generator, case, backwards, outputs):
    again = run(generator, case, backwards, outputs)
    problems = [] if again.rc == first.rc else [f'the exit status is {again.rc} now']
    problems += compare_texts('standard error', again.err, first.err)
    return compare_trees(again.trees['normal'], first.trees['normal']) + problems


def test(report, generator, case):
    sentence = text_of(case / 'sentence').strip()
    first = run(generator, case)
    if UPDATE:
        update(case, first)

    def check(what, function, *arguments):
        report.run(f'{sentence}: {what}', function, *arguments)

    check('every file and link, byte for byte, and no other', check_output, case, first)
    check('the messages are these, each with its place', check_messages, case, first)
    check('the exit status says whether a file failed', check_status, case, first)
    check('only the normal directory is written to', check_other_directories, case, first)
    check("the order of a directory's entries changes nothing", check_again, first, generator, case, True, OUTPUTS)
    check('with one directory for all three the same', check_again, first, generator, case, False, OUTPUTS[:1])


def names():
    return sorted(path.name for path in CASES.iterdir())


def main(arguments):
    if arguments == ['--list']:
        print('\n'.join(names()))
        return 0
    generator, *chosen = arguments
    report = tap.Report()
    if generator == '--listed':
        report.add('every golden case is a test of this build', sorted(set(names()) ^ set(chosen)))
        return report.end()
    for name in chosen or names():
        test(report, os.path.abspath(generator), CASES / name)
    return report.end()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
