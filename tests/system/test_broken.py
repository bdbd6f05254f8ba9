# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 9: what is wrong is said, where it is wrong, and harms nobody else."""

import contextlib
import re

from guests import Guest, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM, USER

broken = Group(SYSTEM)


def check_start_fails(manager, name, *reasons):
    """The start fails at once, and systemctl status shows each of the reasons."""
    unit = f'uml@{name}.service'
    result = manager.systemctl('start', unit, check=False, timeout=10)
    check(result.returncode != 0, f'{unit} started')
    text = manager.status(unit)
    for reason in reasons:
        check_match(reason, text)
    check_equal(manager.processes(f'uml.*{name}'), '', 'what is left running')
    manager.systemctl('reset-failed', unit, check=False)


@contextlib.contextmanager
def shm_mounted(manager, options):
    """/dev/shm of the container with other mount options."""
    manager.container.run(['mount', '-o', f'remount,{options}', '/dev/shm'])
    try:
        yield
    finally:
        manager.container.run(['mount', '-o', 'remount,exec,size=50%', '/dev/shm'])


@broken.test('a definition that is not well-formed fails its own guest with file, line and column; its neighbour runs')
def malformed(manager):
    with manager.defined(b="<domain type='uml'>\n  <name>b</nam>\n</domain>\n"), Guest(manager, 'a') as guest:
        check_start_fails(manager, 'b', r'/etc/uml/b\.xml:2:\d+: error: .+')
        guest.start()
        check_in('6.1', guest.mconsole('version'))


@broken.test('a definition with a wrong value fails its own guest with file, line and column')
def wrong_value(manager):
    definition = domain('b', '/nowhere.img').replace('>64<', '>sixty-four<')
    line = definition[:definition.index('sixty-four')].count('\n') + 1
    with manager.defined(b=definition):
        check_start_fails(manager, 'b', rf'/etc/uml/b\.xml:{line}:\d+: error: .+')


@broken.test('a guest that is not defined does not start, and the message names the directories searched')
def not_defined(manager):
    check_start_fails(manager, 'nosuch', '/etc/uml.*/run/uml.*/usr/share/uml')


@broken.test('a guest whose kernel is missing does not start, and the message names the kernel')
def no_kernel(manager):
    with Guest(manager, 'no-kernel', kernel='/usr/bin/no-such-linux'):
        check_start_fails(manager, 'no-kernel', r'/usr/bin/no-such-linux')


@broken.test('a guest whose image is missing does not start, and the message names the image')
def no_image(manager):
    with Guest(manager, 'no-image') as guest:
        manager.run(['rm', guest.image])
        check_start_fails(manager, 'no-image', re.escape(guest.image), 'No such file|not exist|not found|missing')


@broken.test('a guest does not start when /dev/shm is too small for its memory, and the message says so')
def small_shm(manager):
    with Guest(manager, 'small-shm'), shm_mounted(manager, 'size=16M'):
        check_start_fails(manager, 'small-shm', r'/dev/shm.*(too small|space|room|free)')


@broken.test('a guest does not start when /dev/shm is mounted noexec, and the message says so')
def noexec_shm(manager):
    with Guest(manager, 'noexec-shm'), shm_mounted(manager, 'noexec'):
        check_start_fails(manager, 'noexec-shm', '/dev/shm.*noexec')


users = Group(USER)


@users.test('a definition that its user cannot read fails its own guest and says so; its neighbour runs')
def unreadable(manager):
    with manager.defined(secret='<domain/>'), Guest(manager, 'a') as guest:
        manager.run(['chmod', '000', f'{manager.definitions}/secret.xml'])
        manager.daemon_reload()
        check_start_fails(manager, 'secret', r'secret\.xml:1:1: error: it cannot be opened \(Permission denied\)')
        guest.start()
        check_in('6.1', guest.mconsole('version'))
