# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds everything and runs every test, as root on Debian; the last line counts them.

    tests/run [--directory DIR] [SUITE...]

Suites: unit, generator and system. What the build with sanitizers has of the first two runs too. The builds are kept in
DIR (default: build/), and made anew only where sources changed.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
SUITES = ('unit', 'generator', 'system')
# Name, meson options, and the suites that are run of each build.
BUILDS = (
    ('plain', ('-Dwerror=true',), SUITES),
    ('sanitized', ('-Dwerror=true', '-Db_sanitize=address,undefined', '-Db_lundef=false'), ('unit', 'generator', 'sanitizer')),
)
# By default undefined behaviour is only mentioned.
SANITIZERS = {name: 'halt_on_error=1:abort_on_error=1:print_summary=1' for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS')}
RESULT = re.compile(r'(ok|not ok)\b(.*)')
REPORT = re.compile(r'(ok|not ok|Bail out!)\b|#|\d+\.\.\d+$')


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, line):
        result = RESULT.match(line)
        if not result:
            return
        if result[1] == 'not ok':
            self.failed += 1
        elif re.search(r'# SKIP', result[2], re.IGNORECASE):
            self.skipped += 1
        else:
            self.passed += 1


def build(directory, options):
    """A meson build directory, up to date."""
    configured = (directory / 'build.ninja').exists()
    subprocess.run(['meson', 'setup', *(['--reconfigure'] if configured else []), *options, directory, TOP],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['meson', 'compile', '-C', directory], check=True, stdout=subprocess.DEVNULL)


def tests_of(directory, suites):
    found = json.loads(subprocess.check_output(['meson', 'introspect', '--tests', directory]))
    for test in found:
        if {suite.split(':')[-1] for suite in test['suite']} & set(suites):
            yield test


def run_test(directory, test, count):
    """Shows a test's report; what its programs print besides, only if it fails. A program that ends badly without a failed
    test of its own is one."""
    noise = collections.deque(maxlen=200)
    print(f'# {directory.name}: {test["name"]}', flush=True)
    before = count.failed + count.passed + count.skipped, count.failed
    process = subprocess.Popen(test['cmd'], env={**os.environ, **SANITIZERS, **test['env']}, cwd=test['workdir'] or directory,
                               text=True, errors='replace', stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in process.stdout:
        if REPORT.match(line):
            print(line, end='', flush=True)
        else:
            noise.append(line)
        if test['protocol'] == 'tap':
            count.add(line)
    status = process.wait()
    if test['protocol'] != 'tap':
        count.add(f'{"not ok" if status else "ok"} - {test["name"]}')
    if status:
        print(*noise, sep='')
    ran = count.failed + count.passed + count.skipped - before[0]
    if (status != 0 and count.failed == before[1]) or not ran:
        print(f'not ok - {test["name"]} ended with status {status} after {ran} tests')
        count.failed += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--directory', type=pathlib.Path, default=TOP / 'build', help='where the builds are kept')
    parser.add_argument('suites', metavar='SUITE', nargs='*', help='run only these suites')
    arguments = parser.parse_args()
    arguments.directory = arguments.directory.resolve()

    count = Count()
    for name, options, suites in BUILDS:
        build(arguments.directory / name, options)
        chosen = [suite for suite in suites if not arguments.suites or suite in arguments.suites or suite == 'sanitizer']
        for test in tests_of(arguments.directory / name, chosen):
            run_test(arguments.directory / name, test, count)
    print(f'{count.passed} passed, {count.failed} failed, {count.skipped} skipped', flush=True)
    # Nothing may be skipped: what cannot run here does not belong here.
    return 1 if count.failed or count.skipped or not count.passed else 0


if __name__ == '__main__':
    sys.exit(main())
