# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a container takes of its host, and gives back at the end."""

import contextlib
import fcntl
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import time

import images


def left(deadline):
    return max(0, deadline - time.monotonic())


@contextlib.contextmanager
def directory():
    """On disk, because a guest on an image in tmpfs complains. A run that was killed leaves its own behind, for the
    next run to remove: the lock on a directory tells whether its run lives."""
    with images.locked(images.cache_dir() / 'containers.lock'):
        for stale in images.cache_dir().glob('container-*'):
            remove_stale(stale)
        path = images.cache_dir() / f'container-{os.urandom(4).hex()}'
        path.mkdir()
        fd = os.open(path, os.O_DIRECTORY)
        try_lock(fd)
    try:
        yield path
    finally:
        shutil.rmtree(path)
        os.close(fd)


def remove_stale(path):
    fd = os.open(path, os.O_DIRECTORY)
    if try_lock(fd):
        remove_cgroup(cgroup_path(path.name))
        shutil.rmtree(path)
    os.close(fd)


def try_lock(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def overlay(lower, path):
    """Mount a tree at PATH/merged, which keeps what is written to it in PATH."""
    for part in ('upper', 'work', 'merged'):
        (path / part).mkdir()
    options = f'lowerdir={lower},upperdir={path}/upper,workdir={path}/work'
    subprocess.run(['mount', '-t', 'overlay', '-o', options, 'overlay', path / 'merged'], check=True)
    try:
        yield path / 'merged'
    finally:
        subprocess.run(['umount', '--lazy', path / 'merged'], check=True)


@contextlib.contextmanager
def cgroup(name):
    """A cgroup below our own: two containers in one would take each other's processes for theirs."""
    path = cgroup_path(name)
    path.mkdir()
    try:
        yield path
    finally:
        remove_cgroup(path)


def cgroup_path(name):
    mounts = (line.split() for line in pathlib.Path('/proc/mounts').read_text().splitlines())
    mount = next(path for _, path, kind, *_ in mounts if kind == 'cgroup2')
    own = re.search('^0::/(.*)', pathlib.Path('/proc/self/cgroup').read_text(), re.MULTILINE)[1]
    return pathlib.Path(mount, own, f'uml-systemd-{name}')


def remove_cgroup(path):
    if path.exists():
        kill_cgroup(path)
    for part, _, _ in os.walk(path, topdown=False):
        os.rmdir(part)


def kill_cgroup(path, timeout=10):
    """Kill every process in a cgroup, and wait until it is empty: the kernel tells by an event on cgroup.events."""
    (path / 'cgroup.kill').write_text('1')
    deadline = time.monotonic() + timeout
    with open(path / 'cgroup.events') as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while 'populated 1' in events.read() and left(deadline):
            poll.poll(left(deadline) * 1000)
            events.seek(0)


@contextlib.contextmanager
def notify_socket(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        try:
            yield sock
        finally:
            path.unlink()


@contextlib.contextmanager
def pidfd(pid):
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)
