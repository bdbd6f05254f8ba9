#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One guest's life with the helper alone, for tools that watch a process: valgrind, sanitizers. Prints TAP.

    tests/system/life.py [--valgrind] HELPER

The manager is a mock, the socket that systemd would listen at; kernel and guest are real.
"""

import argparse
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import bed  # noqa: E402
import images  # noqa: E402

VALGRIND = ['valgrind', '--quiet', '--leak-check=full', '--show-leak-kinds=all', '--errors-for-leak-kinds=all',
            '--track-fds=yes', '--error-exitcode=99']
TIMEOUT = 120


class Life:
    """A helper at work in a directory of its own."""

    def __init__(self, directory, command):
        self.directory = pathlib.Path(directory)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(f'{directory}/manager')
        self.manager.settimeout(TIMEOUT)
        image = self.directory / 'image'
        images.copy_image(images.busybox_image(), image)
        runtime = self.directory / 'runtime'
        runtime.mkdir()
        self.environment = {**os.environ, 'NOTIFY_SOCKET': f'{directory}/manager', 'RUNTIME_DIRECTORY': str(runtime)}
        self.environment.pop('JOURNAL_STREAM', None)
        self.command = command
        self.log = open(self.directory / 'log', 'w+')
        self.process = subprocess.Popen(
            [*command, '--name=life', '--console=con0:pty', '--console=ssl0:pty', '--console=con1:null',
             f'--console=con2:file,append=off,path={directory}/con2', f'--log=con0:path={directory}/con0',
             f'--log=ssl1:append=on,path={directory}/ssl1', f'--share=data:{directory}', '--optional-disk=ubd1', '--',
             '/usr/bin/linux.uml', 'mem=64M', 'root=/dev/ubda', f'ubd0t=ubd0.cow,{image}', 'ubd1d=/nonexistent'],
            env=self.environment, stdout=self.log, stderr=self.log)

    def await_status(self, pattern):
        """What the helper tells the manager, up to the pattern."""
        seen = []
        while not (seen and re.search(pattern, seen[-1])):
            seen.append(self.manager.recv(4096).decode())
        return seen

    def console(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.directory / 'runtime' / 'con0.sock'))
        return bed.Console(sock)

    def send(self, command):
        # The sending helper is no part of what is watched.
        return subprocess.run([self.command[-1], f'--send={command}'], env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def text(self):
        return (self.directory / 'log').read_text(errors='replace')


def live(life):
    """Boot, console, requests, a reload, and the end; the helper's exit status."""
    life.await_status('READY=1')
    console = life.console()
    console.expect('login: ')
    console.send('root')
    console.expect('# ')
    console.send('dd if=/dev/zero bs=1k count=512 2>/dev/null | tr "\\0" x; echo; echo do''ne')
    console.expect('done')
    # Not ours: its hang-up at the end would be ours as well, if we lead a session.
    terminal = os.open(life.directory / 'runtime' / 'con0.pty', os.O_RDWR | os.O_NOCTTY)
    os.write(terminal, b'\n')
    os.read(terminal, 1)
    os.close(terminal)
    bed_check('Linux guest' in life.send('version').stdout, 'version is not answered')
    bed_check(life.send('no such command').returncode == 1, 'an unknown command succeeds')
    bed_check(life.send('cad').returncode == 0, 'the reload is refused')
    life.await_status('STATUS=Running')
    life.process.terminate()
    life.await_status('STATUS=Stopped')
    return life.process.wait(TIMEOUT)


def bed_check(condition, message):
    if not condition:
        raise bed.Failure(message)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--valgrind', action='store_true', help='run the helper under valgrind')
    parser.add_argument('helper')
    arguments = parser.parse_args()
    what = 'valgrind finds no error, leak or open descriptor' if arguments.valgrind else 'the helper ends well'
    sentence = f'{what} after a guest\'s boot, console session, reload and stop'
    print('1..1')
    with tempfile.TemporaryDirectory() as directory:
        life = Life(directory, [*(VALGRIND if arguments.valgrind else []), arguments.helper])
        try:
            status = live(life)
            bed_check(status == 0, f'the helper ended with {status}')
            # valgrind tells of descriptors without calling them errors
            bed_check('Open file descriptor' not in life.text() and 'Open AF_UNIX' not in life.text(), 'descriptors are left open')
        except (bed.Failure, OSError, subprocess.TimeoutExpired) as error:
            life.process.kill()
            print(f'not ok 1 - {sentence}\n# {error!r}')
            print('\n'.join(f'# {line:.200}' for line in life.text().splitlines()[-100:]))
            return 1
    print(f'ok 1 - {sentence}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
