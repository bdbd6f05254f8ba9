#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd makes of the generator's output, and what the kernel sees of the generator: judge.py GENERATOR

GENERATOR is in its build directory, which has the units too.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import uuid

import golden
import manager
import scratch
import syscalls
import tap
import texts

HELPER = os.environ.get('HELPER_PATH', '/usr/libexec/uml-systemd/uml-helper')
GOOD = texts.Guest('demo', 'demo', title='Demo', initrd='/boot/initrd', root='/dev/ubda', cmdline='ro quiet', disks=('/srv/demo.img',))

# Every line that may be in a generated file. A definition's text cannot begin a line.
LINES = re.compile(r'''
    | \#\ .*
    | \[(Unit|Service)\]
    | (SourcePath|Description|RequiresMountsFor)=.+
    | After=uml@[A-Za-z0-9][A-Za-z0-9_.:-]*\.service
    | Restart=on-failure
    | TimeoutStartSec=\d+
    | ExecStart=
    | ExecStart=:/[^ ]+/uml-helper(\ --refused)?\ \\
    | [ ]{8}(--|"([^"\\%]|\\["\\]|%%)*")(\ \\)?
''', re.VERBOSE)
OPTIONS = {'definition', 'name', 'uuid', 'on-poweroff', 'on-reboot', 'stop-method', 'stop-timeout', 'watchdog', 'ready', 'ready-timeout',
           'replay', 'console'}


# One guest

def dropin(guest):
    return f'uml@{guest.stem}.service.d/50-domain.conf'


def check_refused(guest, bed, unit, messages):
    """The unit loads, and its command says what the generator said, with places."""
    source = os.path.join(bed.definitions, guest.stem + '.xml')
    place = re.compile(re.escape(source) + r':[1-9]\d*:[1-9]\d*: error: .')
    command = unit.commands['ExecStart']
    reasons = command[0][2:] if len(command) == 1 and command[0][:2] == [HELPER, '--refused'] else []
    if not reasons:
        return [f'the command is no refusal: {command}']
    return [f'a reason that was not reported, or has no place: {reason!r}' for reason in reasons
            if reason not in messages or not place.match(reason)]


def check_accepted(guest, bed, unit):
    source = os.path.join(bed.definitions, guest.stem + '.xml')
    problems = []

    def expect(what, got, want):
        if got != want:
            problems.append(f'{what} is {got!r} instead of {want!r}')

    expect('Description', unit.one('Description'), texts.stripped(guest.title) if guest.title else f'User Mode Linux guest {guest.stem}')
    expect('SourcePath', unit.one('Source Path'), source)
    expect('RequiresMountsFor', required_mounts(unit, bed, guest), texts.mounts(guest))
    command = unit.commands['ExecStart'][0] if len(unit.commands['ExecStart']) == 1 else []
    if not command:
        return [*problems, 'systemd does not see one command']
    end = command.index('--') if '--' in command else len(command)
    options = dict(word.removeprefix('--').split('=', 1) for word in command[1:end] if '=' in word)
    expect('program', command[0], HELPER)
    more = {'log': guest.log and 'ssl0:append=on,path=' + guest.log, 'share': guest.share and 'x:' + guest.share}
    expect('options', set(options), OPTIONS | {name for name, value in more.items() if value is not None})
    for name, value in more.items():
        expect(name, options.get(name), value)
    expect('definition', options.get('definition'), source)
    expect('name', options.get('name'), guest.stem)
    expect('uuid', *uuids(guest, options.get('uuid', '')))
    expect('kernel command', command[end + 1:], texts.kernel_command(guest))
    return problems


def required_mounts(unit, bed, guest):
    paths = {re.sub(r' \([^()]*\)$', '', value) for value in unit.values['RequiresMountsFor']}
    return paths - {os.path.join(bed.path, 'runtime/uml', guest.stem)}


def uuids(guest, got):
    """What there is and what there should be; a default one is name-based."""
    if guest.uuid is not None:
        return got, str(uuid.UUID(texts.stripped(guest.uuid).replace('-', '')))
    return re.fullmatch('[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}', got) and uuid.UUID(got).version, 5


def check_guest(guest, bed, units, messages, either):
    """either: the guest may be refused, though the documentation does not say so."""
    unit = units.get(f'uml@{guest.stem}.service')
    if not unit:
        return [f'{guest}: systemd does not load the unit']
    refused = texts.is_refused(guest) or either and '--refused' in str(unit.commands['ExecStart'])
    problems = check_refused(guest, bed, unit, messages) if refused else check_accepted(guest, bed, unit)
    return ['\n'.join(map(shortened, (guest, *problems)))] if problems else []


def shortened(thing):
    text = str(thing)
    return text if len(text) < 800 else f'{text[:400]} [...] {text[-400:]}'


def check_lines(files):
    return [f'{name}: {shortened(ascii(line))}' for name, text in files.items() for line in text.split('\n')
            if not LINES.fullmatch(line)]


def judge(bed, guests, maker, either=False):
    """All of them in one run; what is wrong with each."""
    for guest in guests:
        bed.define(guest.stem, texts.definition(guest, maker))
    status, messages, files = bed.generate()
    units, complaints = bed.load()
    problems = check_lines(files)
    problems += [f'{name} is missing' for name in map(dropin, guests) if name not in files]
    for guest in guests:
        problems += check_guest(guest, bed, units, set(messages.split('\n')), either)
    problems += [f'systemd complains: {shortened(line)}' for line in complaints.split('\n') if '.conf:' in line]
    if not either and status != any(map(texts.is_refused, guests)):
        problems.append(f'the exit status is {status}')
    return problems


# Text

BATCH = 250


def judge_many(generator, maker, count, wild, either=False):
    problems = []
    for first in range(0, count, BATCH):
        with manager.bed(generator) as bed:
            problems += judge(bed, [maker.guest(wild) for _ in range(min(BATCH, count - first))], maker, either)
    return problems


def judge_directory(generator, maker):
    """The directory's name is text too: it is in SourcePath= and on the command line."""
    problems = []
    for _ in range(10):
        name = maker.text(texts.ORDINARY + texts.SYNTAX).replace('/', '') or 'x'
        with manager.bed(generator, config=f'c{name}') as bed:
            broken = texts.Guest('broken', 'broken', kernel='relative')
            problems += [f'{name!r}: {problem}' for problem in judge(bed, [GOOD, broken], maker)]
    return problems


def long_guests(length):
    """One for each place where text can be long. systemd gives up on lines of more than 1 MiB, and on paths of more than
    PATH_MAX; a percent sign needs two characters there."""
    long, path = '%' * length, ('/' + '%' * 99) * (length // 100)
    return [texts.Guest('title', 'title', title=long), texts.Guest('kernel', 'kernel', kernel=path),
            texts.Guest('initrd', 'initrd', initrd=path), texts.Guest('root', 'root', root=long + ' '),
            texts.Guest('cmdline', 'cmdline', cmdline=long), texts.Guest('option', 'option', option=long),
            texts.Guest('log', 'log', log=path), texts.Guest('share', 'share', share=path), texts.Guest('disk', 'disk', disks=(path,)),
            texts.Guest('name', 'name' + long), texts.Guest('uuid', 'uuid', uuid=long)]


def judge_long(generator, maker):
    problems = []
    for length in (200, 3000, 5000, 600_000):
        with manager.bed(generator) as bed:
            problems += [f'{length}: {problem}' for problem in judge(bed, long_guests(length), maker, either=True)]
    return problems


# A file that is made to hurt

HEAD = "<domain type='uml'><name>{}</name><memory>65536</memory><os><kernel>/k</kernel></os>"
HURRY = 20  # seconds, of the 90 that the manager gives all generators together


def check_flood(generator, head, item, tail):
    """A file of nearly 1 MiB with the same thing over and over, beside a good one."""
    start = head + HEAD.format('flood')
    text = start + item * ((1024 * 1024 - len(start) - len(tail) - 10) // len(item)) + tail
    with manager.bed(generator) as bed:
        bed.define('flood', text)
        bed.define('good', HEAD.format('good') + '</domain>')
        try:
            subprocess.run([bed.generator, bed.path], env=bed.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=HURRY)
        except subprocess.TimeoutExpired:
            return [f'{ascii(head)} and many {ascii(item)}: not done after {HURRY} s']
        return [] if os.path.exists(os.path.join(bed.path, 'uml@good.service.d/50-domain.conf')) else ['the good one is missing']


def judge_flood(generator):
    latin = "<?xml version='1.0' encoding='ISO-8859-1'?>"
    return [problem for head, item, tail in (('', '<a/>', '</domain>'), (latin, '<a/>', '</domain>'),
                                             (latin + '<!-- -->', '<metadata/>', '</domain>'), ('', '<devices><disk/></devices>', '</domain>'),
                                             ('', '<a>', ''), ('', '&lt;', '</domain>'))
            for problem in check_flood(generator, head, item, tail)]


def judge_late_error(generator):
    """The messages about one file are limited, but not so that none says why it was refused."""
    with manager.bed(generator) as bed:
        bed.define('late', HEAD.format('late') + '\n<nonsense/>' * 500 + '\n<on_reboot>explode</on_reboot>\n</domain>')
        text = bed.generate()[2].get('uml@late.service.d/50-domain.conf', '')
        return [] if 'late.xml:502:1: error: ' in text else [text]


def load_golden(generator, spoil=''):
    """What systemd says of the golden cases' units, all of them at once."""
    with manager.bed(generator) as bed:
        os.unlink(bed.generator)
        target = '[Unit]\n'
        for path in sorted(golden.CASES.glob('*/want/uml@*.service.d/50-domain.conf')):
            unit = f'uml@{path.parents[2].name}_' + path.parent.name.removeprefix('uml@').removesuffix('.d')
            directory = pathlib.Path(bed.units, unit + '.d')
            directory.mkdir()
            (directory / path.name).write_bytes(path.read_bytes() + spoil.encode())
            target += f'Wants={unit}\n'
        pathlib.Path(bed.units, 'uml.target').write_text(target)
        units, complaints = bed.load()
        missing = [f'{unit} is not loaded' for unit in re.findall('Wants=(.*)', target) if unit not in units]
        return missing + [line for line in complaints.split('\n') if '.conf:' in line]


def check_golden(generator):
    problems = load_golden(generator)
    if len(load_golden(generator, '\n[Service]\nCPUQuota=50%%\n')) < 100:
        problems.append('not a word about a value that is wrong: the judge sleeps')
    return problems


# systemd's tools

def wrap_generator(bed, root):
    """For the tools: the definitions of another root, and a helper that is there."""
    script = (f'#!/bin/sh\nUML_GENERATOR_ROOT={root} {bed.generator} "$@" && '
              f'sed -i "s|{HELPER}|/bin/true|" "$1"/*/*.conf\n')
    directory = os.path.join(bed.path, 'wrapped')
    os.mkdir(directory)
    path = pathlib.Path(directory, 'uml-generator')
    path.write_text(script)
    path.chmod(0o755)
    template = pathlib.Path(bed.units, 'uml@.service')
    template.write_text(template.read_text().replace(HELPER, '/bin/true'))
    return directory


def verify(generator, scope, spoil=''):
    """The exit status and messages of systemd-analyze verify for the unit of a good guest."""
    with manager.bed(generator) as bed:
        bed.install(scope)
        root = os.path.join(bed.path, 'root') if scope == 'system' else ''
        if root:
            bed.definitions = os.path.join(root, 'etc/uml')
            os.makedirs(bed.definitions)
        bed.define('demo', texts.definition(GOOD, texts.Maker(0)))
        generators = wrap_generator(bed, root)
        with open(os.path.join(bed.units, 'uml@.service'), 'a') as template:
            template.write(spoil)
        result = subprocess.run(['systemd-analyze', f'--{scope}', '--generators=yes', '--man=no', 'verify', 'uml@demo.service'],
                                env={**bed.environment(), 'SYSTEMD_GENERATOR_PATH': generators}, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=120)
        return result.returncode, result.stderr


def check_verify(generator, scope):
    result = verify(generator, scope)
    problems = [] if result == (0, '') else [f'{result[0]}: {result[1]}']
    if not verify(generator, scope, '\n[Service]\nNoSuchSetting=1\n')[1]:
        problems.append('not a word about a template that is wrong: the judge sleeps')
    return problems


class Offline:
    """A root file system with our units and what the generator made, for systemctl --root=."""

    def __init__(self, path, bed):
        self.path, units = path, os.path.join(path, 'usr/lib/systemd/system')
        os.makedirs(units)
        bed.install('system')
        for name in os.listdir(bed.units):
            shutil.copy(os.path.join(bed.units, name), units)
        output = os.path.join(path, 'run/systemd/generator')
        os.makedirs(output)
        subprocess.run([bed.generator, output], env=bed.environment(), check=True)
        os.makedirs(os.path.join(path, 'etc/systemd/system-preset'))

    def systemctl(self, verb, unit='uml@demo.service'):
        result = subprocess.run(['systemctl', f'--root={self.path}', verb, unit], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=60)
        return result.returncode, result.stdout.strip() if verb == 'is-enabled' else ''

    def preset(self, line):
        pathlib.Path(self.path, 'etc/systemd/system-preset/50-test.preset').write_text(line + '\n')
        return self.systemctl('preset')


def check_offline(generator):
    with manager.bed(generator) as bed, scratch.directory() as path:
        bed.define('demo', texts.definition(GOOD, texts.Maker(0)))
        root = Offline(path, bed)
        link = os.path.join(path, 'etc/systemd/system/uml.target.wants/uml@demo.service')
        steps = [
            ('a guest is disabled at first', root.systemctl('is-enabled'), (1, 'disabled')),
            ('enable', root.systemctl('enable'), (0, '')),
            ('is-enabled after it', root.systemctl('is-enabled'), (0, 'enabled')),
            ('the link of it', os.path.islink(link), True),
            ('disable', root.systemctl('disable'), (0, '')),
            ('is-enabled after that', root.systemctl('is-enabled'), (1, 'disabled')),
            ('preset to enable', root.preset('enable uml@.service demo\ndisable *'), (0, '')),
            ('is-enabled after the preset', root.systemctl('is-enabled'), (0, 'enabled')),
            ('preset to disable', root.preset('disable uml@*.service'), (0, '')),
            ('is-enabled after the other preset', root.systemctl('is-enabled'), (1, 'disabled')),
            ('mask', root.systemctl('mask'), (0, '')),
            ('is-enabled after mask', root.systemctl('is-enabled'), (1, 'masked')),
            ('unmask', root.systemctl('unmask'), (0, '')),
        ]
        return [f'{what}: {got} instead of {want}' for what, got, want in steps if got != want]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('generator')
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument('--count', type=int, default=1000, help='random guests')
    options = parser.parse_args()
    generator, maker, report = os.path.abspath(options.generator), texts.Maker(options.seed), tap.Report()
    every = texts.ORDINARY + texts.SYNTAX + texts.CONTROL
    print(f'# --seed {options.seed} --count {options.count}')

    def test(sentence, check, *arguments):
        report.run(sentence, check, generator, *arguments)

    test('text that may stand in a definition reaches the service as it is', judge_many, maker, options.count // 4, None)
    test('any other text is refused at its place, and nothing of it becomes a line of a unit',
         judge_many, maker, options.count, every * 2 + texts.NO_XML)
    test('characters that systemd takes for no text are refused, or reach the service',
         judge_many, maker, options.count // 10, every + 8 * texts.NONCHARACTERS, True)
    test('the name of the directory of definitions is no syntax either', judge_directory, maker)
    test('a text of any length is refused, or reaches the service', judge_long, maker)
    test('no file of 1 MiB holds up the boot, or another guest', judge_flood)
    test('a refused definition says why, however many warnings come first', judge_late_error)
    test('systemd takes every line of the golden cases', check_golden)
    for scope in ('system', 'user'):
        test(f'systemd-analyze verify has nothing to say about a guest of the {scope}', check_verify, scope)
    test('a guest can be enabled, disabled, preset and masked, offline too', check_offline)
    syscalls.test(report, generator)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
