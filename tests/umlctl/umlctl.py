#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""umlctl: umlctl.py PROGRAM

cases/NAME.sh is a command line as people have it; NAME.xml is what `umlctl domxml-from-native --directory=/srv` makes of
it, if anything, and NAME.err all that it says. UPDATE=1 in the environment rewrites both; look at the difference before
you believe it. The definitions of the generator's tests go to a command line and back.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'generator'))

import scratch  # noqa: E402
import tap  # noqa: E402

CASES = HERE / 'cases'
DEFINITIONS = HERE.parent / 'generator/cases'
UPDATE = os.environ.get('UPDATE') == '1'


class Umlctl:
    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.environment = {'LC_ALL': 'C', 'PATH': '/nowhere', **scratch.sanitizers()}

    def __call__(self, *arguments, cwd=None, text='', **environment):
        return subprocess.run([self.program, *arguments], cwd=cwd, input=text, capture_output=True, text=True,
                              env={**self.environment, **environment}, timeout=60)

    def to_native(self, path):
        return self('domxml-to-native', 'uml-argv', path)

    def from_native(self, text, *options):
        return self('domxml-from-native', 'uml-argv', '-', *options, text=text)


def compare(what, got, want):
    return [] if got == want else [f'{what} is\n{got}instead of\n{want}']


# Command lines of people's

def read(path):
    return path.read_text() if path.exists() else ''


def check_case(umlctl, case):
    result = umlctl.from_native(case.read_text(), '--directory=/srv')
    xml, err = case.with_suffix('.xml'), case.with_suffix('.err')
    if UPDATE:
        for path, text in ((xml, result.stdout), (err, result.stderr)):
            path.write_text(text) if text else path.unlink(missing_ok=True)
    return (compare('the definition', result.stdout, read(xml)) + compare('what it says', result.stderr, read(err)) +
            compare('exit status', result.returncode, 0 if xml.exists() else 1))


# There and back

def definitions():
    """Those of the generator's tests, and those that came of command lines: sentence, text."""
    for path in sorted(DEFINITIONS.glob('*/in/**/*.xml')):
        if path.is_file():
            yield f'{path.relative_to(DEFINITIONS).parts[0]}, {path.stem}', path.stem, path.read_bytes()
    for path in sorted(CASES.glob('*.xml')):
        text = path.read_bytes()
        yield path.stem, text.partition(b'<name>')[2].partition(b'</name>')[0].decode(), text


def good_definitions(umlctl, directory):
    for number, (sentence, name, text) in enumerate(definitions()):
        path = pathlib.Path(directory, str(number), f'{name}.xml')
        path.parent.mkdir()
        path.write_bytes(text)
        if umlctl('validate', path).returncode == 0:
            yield sentence, path


def check_there_and_back(umlctl, path):
    first = umlctl.to_native(path)
    if first.returncode:
        return [f'no command line: {first.stderr}']
    back = umlctl.from_native(first.stdout)
    if back.returncode:
        return [f'{first.stdout} is refused: {back.stderr}']
    copy = path.with_name('copy') / path.name
    copy.parent.mkdir()
    copy.write_text(back.stdout)
    again = umlctl.to_native(copy)
    return compare('the line, when it was a definition again,', again.stdout, first.stdout)


def check_same_definition(umlctl, case, directory):
    """What came of a command line comes of it again, where every element is known."""
    name = case.read_text().partition('<name>')[2].partition('</name>')[0]
    path = pathlib.Path(directory, f'{name}.xml')
    path.write_text(case.read_text())
    if umlctl('validate', '--strict', path).returncode:
        return []
    return compare('the definition', umlctl.from_native(umlctl.to_native(path).stdout).stdout, case.read_text())


def check_shell(umlctl, path):
    """A shell finds the same words in it as Python does. A line with redirections is not run: it would make files."""
    line = umlctl.to_native(path).stdout
    syntax = subprocess.run(['sh', '-n'], input=line, text=True, capture_output=True)
    if syntax.returncode or line.count('\n') != 1:
        return [f'{line}: {syntax.stderr}']
    words = shlex.split(line)
    if re.fullmatch('[3-9]>.*', words[-1]):
        return []
    result = subprocess.run(['sh', '-c', f'set -- {line}printf "%s\\n" "$@"'], text=True, capture_output=True)
    return compare('the words', result.stdout.splitlines(), words)


# validate

GOOD = """<domain type='uml'><name>{}</name><memory>65536</memory><os><kernel>/k</kernel></os>{}</domain>"""


class Validation:
    """Files: one good, one with a warning, one with an error and a name that JSON has to escape."""

    def __init__(self, umlctl, directory):
        self.umlctl, self.directory = umlctl, directory
        for name, text in {'good': GOOD.format('good', ''), 'odd': GOOD.format('odd', '\n  <odd/>'),
                           'b\\a"d\n': GOOD.format('bad', '')}.items():
            pathlib.Path(directory, f'{name}.xml').write_text(text)
        os.symlink('/dev/null', os.path.join(directory, 'masked.xml'))

    def run(self, *arguments):
        return self.umlctl('validate', *arguments, cwd=self.directory)

    def check(self, status, output, *arguments):
        result = self.run(*arguments)
        return (compare('exit status', result.returncode, status) + compare('standard output', result.stdout, output) +
                compare('standard error', result.stderr, ''))


WARNING = 'odd.xml:2:3: warning: <odd> is not supported; ignored\n'
MISSING = 'none.xml:1:1: error: there is no such file\n'
BAD = 'b\\a"d\n.xml'


def check_bad_name(validation):
    output = validation.run(BAD).stdout
    return [] if output.startswith('b\\a"d?.xml:1:20: error: name ') and output.count('\n') == 1 else [output]


def check_json(validation):
    result = validation.run('--json', 'good.xml', 'odd.xml', BAD, 'none.xml')
    messages = json.loads(result.stdout)
    problems = compare('exit status', result.returncode, 1) + compare('standard error', result.stderr, '')
    problems += compare('keys', {tuple(message) for message in messages}, {('file', 'line', 'column', 'severity', 'message')})
    got = [(message['file'], message['line'], message['column'], message['severity']) for message in messages]
    return problems + compare('the messages', got, [('odd.xml', 2, 3, 'warning'), ('b\\a"d?.xml', 1, 20, 'error'), ('none.xml', 1, 1, 'error')])


def test_validate(report, umlctl):
    with scratch.directory() as directory:
        v = Validation(umlctl, directory)
        report.run('validate: a good file is silently good', v.check, 0, '', 'good.xml')
        report.run('validate: a mask is good', v.check, 0, '', 'masked.xml')
        report.run('validate: a warning is told, and the file good', v.check, 0, WARNING, 'good.xml', 'odd.xml')
        report.run('validate: with --strict a warning fails', v.check, 1, WARNING, '--strict', 'odd.xml')
        report.run('validate: a file that cannot be read is a message, and the others are read', v.check, 1, MISSING + WARNING, 'none.xml', 'odd.xml')
        report.run('validate: --json without messages is an empty array', v.check, 0, '[]\n', '--json', 'good.xml')
        report.run('validate: whatever a file is called, a message is one line', check_bad_name, v)
        report.run('validate: --json is JSON, whatever a file is called', check_json, v)


# The rest

def check_names(umlctl, directory):
    home = pathlib.Path(directory, 'config/uml')
    home.mkdir(parents=True)
    (home / 'demo.xml').write_text(GOOD.format('demo', ''))
    by_name = umlctl('domxml-to-native', 'uml-argv', 'demo', '--user', XDG_CONFIG_HOME=str(home.parent))
    no_such = umlctl('domxml-to-native', 'uml-argv', 'other', '--user', XDG_CONFIG_HOME=str(home.parent), XDG_RUNTIME_DIR='/run/user/1')
    return (compare('the line', by_name.stdout, umlctl.to_native(home / 'demo.xml').stdout) +
            compare('exit status for another', no_such.returncode, 1) +
            compare('what it says', no_such.stderr, f'umlctl: there is no definition of a guest other in {home}, /run/user/1/uml; give its file, or --system\n'))


def check_context(umlctl, directory):
    kernel = pathlib.Path(directory, 'linux')
    kernel.write_text('')
    kernel.chmod(0o755)
    line = 'linux mem=64M umid=a ubd0d=x'
    result = umlctl('domxml-from-native', 'uml-argv', '-', '--name=b', cwd=directory, text=line, PATH=f'/nowhere:{directory}')
    there = os.path.realpath(directory)
    return [f'{part} is missing: {result.stdout}{result.stderr}' for part in
            ('<name>b</name>', f'<kernel>{directory}/linux</kernel>', f"<source file='{there}/x'/>") if part not in result.stdout]


def check_directories(umlctl, directory):
    """A directory that is nowhere, one that is relative, and one whose name no definition can hold."""
    odd = pathlib.Path(directory, 'od\nd')
    odd.mkdir()
    cases = {('/no/./where',): '/no/where/x', ('od\nd/..',): f'{directory}/x'}
    problems = []
    for (option,), want in cases.items():
        result = umlctl('domxml-from-native', 'uml-argv', '-', f'--directory={option}', cwd=directory, text='/k mem=64M ubd0d=x')
        problems += [] if f"<source file='{want}'/>" in result.stdout else [f'{result}']
    result = umlctl('domxml-from-native', 'uml-argv', '-', cwd=odd, text='/k mem=64M ubd0d=x')
    return problems + ([] if result.returncode == 1 and 'rename the directory' in result.stderr else [f'{result}'])


def check_usage(umlctl):
    wrong = [[], ['nothing'], ['validate'], ['validate', '--name=x', 'x'], ['domxml-to-native', 'uml-argv'], ['domxml-to-native', 'qemu-argv', 'x'],
             ['domxml-from-native', 'uml-argv', 'x', 'y'], ['--nonsense'], ['validate', '--user', '--system', 'x']]
    problems = [f'{arguments}: {result}' for arguments in wrong
                if (result := umlctl(*arguments)).returncode != 2 or result.stdout or not result.stderr]
    text = umlctl('--help').stdout.splitlines()
    return problems + [line for line in text if len(line) > 80] + ([] if 0 < len(text) <= 24 else ['--help does not fit a screen'])


def check_full_disk(umlctl, directory):
    path = pathlib.Path(directory, 'x.xml')
    path.write_text(GOOD.format('x', ''))
    with open('/dev/full', 'w') as full:
        results = [subprocess.run([umlctl.program, *arguments], stdout=full, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode
                   for arguments in (['--help'], ['domxml-to-native', 'uml-argv', path], ['validate', '--json', path])]
    return compare('exit statuses', results, [1, 1, 1])


def main(program):
    report, umlctl = tap.Report(), Umlctl(program)
    for case in sorted(CASES.glob('*.sh')):
        report.run(f'from native: {case.stem}', check_case, umlctl, case)
    with scratch.directory() as directory:
        for sentence, path in good_definitions(umlctl, directory):
            report.run(f'there and back: {sentence}', check_there_and_back, umlctl, path)
            report.run(f'a shell takes the line: {sentence}', check_shell, umlctl, path)
        for case in sorted(CASES.glob('*.xml')):
            report.run(f'there and back, the same definition: {case.stem}', check_same_definition, umlctl, case, directory)
    test_validate(report, umlctl)
    for sentence, check in {'a guest is found by its name': check_names, 'options and $PATH give what the line does not': check_context,
                            'relative paths begin at a directory, if a definition can name it': check_directories,
                            'a full disk is noticed': check_full_disk}.items():
        with scratch.directory() as directory:
            report.run(sentence, check, umlctl, directory)
    report.run('wrong usage exits with 2, and --help fits a screen', check_usage, umlctl)
    return report.end()


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
