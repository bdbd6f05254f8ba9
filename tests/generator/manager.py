# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd as the judge: what its own loader makes of the generator's output, without a manager that runs.

`systemd --user --test` runs the generators, loads every unit, and prints them decoded.
"""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import scratch

UNITS = pathlib.Path(__file__).resolve().parents[2] / 'units'
SYSTEMD = next((path for path in ('/usr/lib/systemd/systemd', '/lib/systemd/systemd') if os.path.exists(path)), 'systemd')
NOBODY = 65534


class Bed:
    """A directory with what a user's manager, or the system's, is to see of us: generator, units, definitions."""

    def __init__(self, path, generator, config='config'):
        self.path, self.config = path, os.path.join(path, config)
        self.build = pathlib.Path(generator).resolve().parents[1]
        self.generator = os.path.join(path, 'generators/uml-generator')
        self.definitions, self.units = os.path.join(self.config, 'uml'), os.path.join(path, 'units')
        for directory in ('generators', 'units', 'runtime'):
            os.mkdir(os.path.join(path, directory))
        os.makedirs(self.definitions)
        shutil.copy(generator, self.generator)
        self.install('user')

    def install(self, scope):
        shutil.copy(self.build / f'units/{scope}-uml@.service', os.path.join(self.units, 'uml@.service'))
        shutil.copy(UNITS / 'uml.target', self.units)

    def define(self, stem, text):
        with open(os.path.join(self.definitions, f'{stem}.xml'), 'w', errors='surrogatepass') as f:
            f.write(text)

    def environment(self):
        return {'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8', 'HOME': self.path, 'SYSTEMD_SCOPE': 'user', 'XDG_CONFIG_HOME': self.config,
                'XDG_RUNTIME_DIR': os.path.join(self.path, 'runtime'), **scratch.sanitizers(),
                'SYSTEMD_GENERATOR_PATH': os.path.dirname(self.generator), 'SYSTEMD_UNIT_PATH': self.units + ':'}

    def run(self, command, **more):
        """As an ordinary user, which the manager's test mode insists on."""
        if os.getuid() == 0:
            for directory, _, files in os.walk(self.path):
                for name in ('', *files):
                    os.chown(os.path.join(directory, name), NOBODY, NOBODY, follow_symlinks=False)
            command = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--', *command]
        return subprocess.run(command, env={**self.environment(), **more}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors='surrogateescape', timeout=300, cwd='/')

    def generate(self):
        """Exit status, messages, and the files by their names in the output directory."""
        output = os.path.join(self.path, 'output')
        shutil.rmtree(output, ignore_errors=True)
        os.mkdir(output)
        result = self.run([self.generator, output])
        files = {os.path.relpath(path, output): path.read_text() for path in pathlib.Path(output).rglob('*') if path.is_file()}
        return result.returncode, result.stderr, files

    def load(self):
        result = self.run([SYSTEMD, '--user', '--test', '--no-pager', '--unit=uml.target'])
        if result.returncode != 0 or 'rescue.target' in result.stderr:
            raise RuntimeError(f'systemd does not load uml.target: {result.stderr}')
        return parse(result.stdout), result.stderr


@contextlib.contextmanager
def bed(generator, config='config'):
    with scratch.directory() as path:
        yield Bed(path, generator, config)


class Unit:
    def __init__(self):
        self.values, self.commands = collections.defaultdict(list), collections.defaultdict(list)

    def one(self, key):
        return self.values[key][0] if len(self.values[key]) == 1 else None


LINE = re.compile(r'(\t+)([A-Z][A-Za-z ]*): (.*)', re.DOTALL)


def parse(dump):
    """Units by name. Values stand below their unit, commands below their Exec setting."""
    units, unit, setting = {}, None, None
    for line in dump.split('\n'):
        head = re.fullmatch(r'\t*-> (Unit )?(.*):', line)
        match = LINE.fullmatch(line)
        if head and head[1]:
            unit, setting = units.setdefault(head[2], Unit()), None
        elif head:
            setting = head[2]
        elif unit and match and match[2] == 'Command Line':
            unit.commands[setting].append(unquote(match[3]))
        elif unit and match:
            unit.values[match[2]].append(match[3])
    return units


def unquote(line):
    """The arguments of a command line as systemd prints it: each plain, or in double quotes with backslashes."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|([^ ]+)', line)
    return [re.sub(r'\\(.)', r'\1', quoted) if not plain else plain for quoted, plain in words]
