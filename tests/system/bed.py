# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bed of the system tests: a container with real systemd as PID 1 and the project installed in it.

Nothing here waits by sleeping: systemd-nspawn tells when the container is up, journalctl -f tells what happened in it.
"""

import contextlib
import dataclasses
import itertools
import os
import re
import select
import signal
import subprocess
import time

import host
import images

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
REBOOTED = 133  # systemd-nspawn --keep-unit ends so when its container wants to be started again


@dataclasses.dataclass(frozen=True)
class User:
    name: str
    uid: int = 1000

    @property
    def home(self):
        return f'/home/{self.name}'

    @property
    def runtime(self):
        return f'/run/user/{self.uid}'

    def environment(self):
        return {
            'USER': self.name, 'HOME': self.home, 'XDG_RUNTIME_DIR': self.runtime,
            'DBUS_SESSION_BUS_ADDRESS': f'unix:path={self.runtime}/bus',
        }


class Failure(AssertionError):
    """What a test expected did not come true."""


class Container:
    """A Debian with the project from a meson build directory installed. It is thrown away at the end."""

    def __init__(self, build, user):
        self.build, self.user = build, user
        self.process = self.leader = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.home = stack.enter_context(host.directory())
            self.cgroup = stack.enter_context(host.cgroup(self.home.name))
            self.root = stack.enter_context(host.overlay(images.rootfs(), self.home))
            self.install()
            stack.callback(self.stop)
            self.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def install(self):
        """What an installed system has: our files, a machine id, a journal on disk, a user whose manager runs."""
        log = self.home / 'install.log'
        with open(log, 'w') as output:
            command = ['meson', 'install', '-C', self.build, '--no-rebuild', '--destdir', self.root]
            if subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode != 0:
                raise Failure('meson install failed:\n' + log.read_text())
        (self.root / 'etc/machine-id').write_text(os.urandom(16).hex() + '\n')
        (self.root / 'var/log/journal').mkdir(exist_ok=True)
        useradd = ['useradd', '--create-home', '--shell=/bin/bash', f'--uid={self.user.uid}', self.user.name]
        subprocess.run(['chroot', self.root, *useradd], check=True)
        linger = self.root / 'var/lib/systemd/linger'
        linger.mkdir(parents=True, exist_ok=True)
        (linger / self.user.name).touch()

    def start(self):
        command = ['setpriv', '--pdeathsig=KILL', 'systemd-nspawn', '--quiet', '--register=no', '--keep-unit',
                   '--private-network', f'--machine={self.cgroup.name}', '--notify-ready=yes', '--console=pipe',
                   '--boot', f'--directory={self.root}']
        environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY='1', NOTIFY_SOCKET=str(self.home / 'notify'))
        # A new socket for each start: what the last container had still to say is of no interest.
        with open(self.home / 'boot.log', 'a') as log, host.notify_socket(self.home / 'notify') as notify:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: (self.cgroup / 'cgroup.procs').write_text('0'))
            self.await_boot(notify)
        self.wait_running()

    def await_boot(self, notify, timeout=60):
        deadline = time.monotonic() + timeout
        with host.pidfd(self.process.pid) as pidfd:
            while True:
                ready, _, _ = select.select([notify, pidfd], [], [], host.left(deadline))
                if notify not in ready:
                    raise Failure('the container did not boot:\n' + self.boot_log())
                fields = dict(line.split('=', 1) for line in notify.recv(4096).decode().splitlines())
                self.leader = fields.get('X_NSPAWN_LEADER_PID', self.leader)
                if fields.get('READY') == '1':
                    return

    def boot_log(self):
        return (self.home / 'boot.log').read_text()

    def wait_running(self):
        state = self.run(['systemctl', 'is-system-running', '--wait'], check=False).stdout.strip()
        if state != 'running':
            raise Failure(f'the container is {state}:\n' + self.run(['systemctl', '--failed']).stdout)
        self.run(['systemctl', 'start', f'user@{self.user.uid}.service'])

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                host.kill_cgroup(self.cgroup)
                self.process.wait()

    def reboot(self, timeout=60):
        self.run(['systemctl', 'reboot'])
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = 'not'
        if code != REBOOTED:
            processes = subprocess.run(['systemd-cgls', '--no-pager', self.cgroup], text=True, stdout=subprocess.PIPE)
            raise Failure(f'systemd-nspawn ended {code} when its container was to reboot\n'
                          f'{self.boot_log()}{processes.stdout}')
        self.start()

    def command(self, argv, user=None):
        """The host's command that runs ARGV in the container, for as long as that command lives."""
        environment = {'PATH': PATH, 'LANG': 'C.UTF-8', 'TERM': 'dumb', 'HOME': '/root'}
        identity = []
        if user:
            environment.update(user.environment())
            identity = ['setpriv', f'--reuid={user.uid}', f'--regid={user.uid}', '--init-groups', '--']
        return ['nsenter', '-t', self.leader, '-m', '-p', '-u', '-i', '-n', '-C', '-r', '-w', '--',
                'env', '-i', *(f'{key}={value}' for key, value in environment.items()), *identity,
                'setpriv', '--pdeathsig=KILL', '--', *argv]

    def run(self, argv, user=None, check=True, timeout=60, input=None):
        stdin = {'stdin': subprocess.DEVNULL} if input is None else {'input': input}
        try:
            result = subprocess.run(self.command(argv, user), text=True, timeout=timeout, errors='replace',
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, **stdin)
        except subprocess.TimeoutExpired:
            raise Failure(f'{" ".join(argv)} did not end in {timeout} s') from None
        if check and result.returncode != 0:
            raise Failure(f'{" ".join(argv)} ended with {result.returncode}\n{result.stdout}{result.stderr}')
        return result

    def popen(self, argv, user=None, **arguments):
        return subprocess.Popen(self.command(argv, user), **arguments)

    def inside(self, path):
        """PATH of the container as the host names it, in its tmpfs mounts too."""
        return f'/proc/{self.leader}/root{path}'


class Console:
    """One end of a guest's console: a connected stream socket. What it shows first is the last output before it came."""

    numbers = itertools.count()

    def __init__(self, sock):
        self.socket, self.unread = sock, ''

    def send(self, line):
        self.socket.sendall(line.encode() + b'\n')

    def expect(self, pattern, timeout=60):
        """The text up to the end of the first match of PATTERN."""
        deadline = time.monotonic() + timeout
        while not (match := re.search(pattern, self.unread)):
            ready, _, _ = select.select([self.socket], [], [], host.left(deadline))
            data = self.receive() if ready else b''
            if not data:
                raise Failure(f'the console did not show {pattern!r}, but {self.unread!r}')
            self.unread += data.decode(errors='replace')
        text, self.unread = self.unread[:match.end()], self.unread[match.end():]
        return text

    def receive(self):
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b''

    def run(self, command, timeout=60):
        """Output of a shell command that succeeds in the guest; a shell's prompt has been seen."""
        word = f'status-{next(self.numbers)}'  # not that of an earlier command
        self.send(f'{command}; echo "{word}=$?."')
        output = self.expect(rf'{word}=\d+\.', timeout)
        if not output.endswith(f'{word}=0.'):
            raise Failure(f'{command} failed in the guest: {output!r}')
        return output

    def close(self):
        self.socket.close()


SILENCE = 5  # seconds


def follow(process, pattern, timeout, look):
    """The first match of PATTERN in the output of a process that follows the journal, and ends by itself when nobody reads
    it any more. journalctl --follow (252) sometimes sleeps through the last record, until there is another: after some
    silence, all that there is is LOOKed at."""
    deadline, output = time.monotonic() + timeout, ''
    with process:
        while not (match := re.search(pattern, output)):
            left = host.left(deadline)
            ready, _, _ = select.select([process.stdout], [], [], min(left, SILENCE))
            data = os.read(process.stdout.fileno(), 65536) if ready else b''
            if not data and (ready or not left):
                raise Failure(f'{pattern!r} did not come in {timeout} s; what came is\n{output}')
            output = output + data.decode(errors='replace') if data else look()
    return match
