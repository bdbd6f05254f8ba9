# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that are transient, copy-on-write, optional; directories of the host's in the guest."""

import contextlib
import re
import shlex

from guests import Guest, LOGIN, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM

disks = Group()

IMAGE = "<source file='IMAGE'/>"
TARGET = "<target dev='ubd0' bus='uml'/>"


def with_disk(name, *elements, source=IMAGE, **arguments):
    """A definition whose disk has more elements."""
    return domain(name, 'IMAGE', **arguments).replace(IMAGE, source).replace(TARGET, TARGET + ''.join(elements))


def digest(guest):
    return guest.manager.run(['sha256sum', guest.image]).stdout.split()[0]


def check_start_fails(guest, *reasons):
    check(guest.start(check=False, timeout=30).returncode != 0, 'the guest started')
    for reason in reasons:
        check_match(reason, guest.status())
    check_equal(guest.show('ExecMainStatus'), '69', 'the exit status')
    check_equal(guest.processes(), '', 'what is left running')


@disks.test('what a guest writes to a transient disk survives its reboot, and goes with the service; the image stays as it is')
def transient(manager):
    definition = with_disk('transient', '<serial>TRANSIENT-1</serial>', '<transient/>')
    with Guest(manager, 'transient', definition=definition) as guest:
        manager.run(['chmod', '0444', guest.image])
        before = digest(guest)
        guest.start()
        guest.login().run('echo text >/kept; sync; grep TRANSIENT-1 /sys/block/ubda/serial')
        guest.reload()
        guest.login().run('grep text /kept')
        guest.stop()
        check_equal(digest(guest), before, 'the image')
        guest.check_gone()
        guest.start()
        guest.login().run('test ! -e /kept')


@disks.test('what a guest wrote to a transient disk is gone at the next start even if the runtime directory is preserved', SYSTEM)
def preserved(manager):
    directory = '/run/systemd/system/uml@preserved.service.d'
    with Guest(manager, 'preserved', definition=with_disk('preserved', '<transient/>')) as guest:
        manager.run(['mkdir', '-p', directory])
        manager.write(f'{directory}/preserve.conf', '[Service]\nRuntimeDirectoryPreserve=yes\n')
        manager.daemon_reload()
        guest.start()
        guest.login().run('echo text >/kept; sync')
        guest.stop()
        manager.run(['test', '-e', f'{guest.runtime}/ubd0.cow'])
        guest.start()
        guest.login().run('test ! -e /kept')
        guest.stop()
        manager.run(['rm', '-r', directory, guest.runtime])
        manager.daemon_reload()


@contextlib.contextmanager
def cow_pair(manager, name):
    """A guest whose disk is a COW file, which is not there yet, over its image."""
    cow = f'{manager.images}/{name}-cow.img'
    backing = "<backingStore type='file'><format type='raw'/><source file='IMAGE'/></backingStore>"
    definition = with_disk(name, "<driver type='cow'/>", '<serial>PAIR</serial>', backing, source=f"<source file='{cow}'/>")
    try:
        with Guest(manager, name, definition=definition) as guest:
            guest.cow = cow
            yield guest
    finally:
        manager.run(['rm', '-f', cow])


@disks.test('a COW file is made, keeps what the guest writes, and leaves its backing file as it is')
def pair(manager):
    with cow_pair(manager, 'pair') as guest:
        manager.run(['chmod', '0444', guest.image])
        before = digest(guest)
        guest.start()
        guest.login().run('echo text >/kept; sync; grep PAIR /sys/block/ubda/serial')
        guest.stop()
        check_equal(digest(guest), before, 'the backing file')
        guest.start()
        guest.login().run('grep text /kept')


@disks.test('a COW file whose backing file has changed since is refused, with the command that mends what can be mended')
def changed(manager):
    with cow_pair(manager, 'changed') as guest:
        guest.start()
        guest.wait(LOGIN)
        guest.stop()
        manager.run(['touch', guest.image])
        check_start_fails(guest, rf'{guest.cow} was made of a backing file last changed at .*, but {guest.image} was ')
        guest.manager.run(shlex.split(check_match(r'(touch -d @\d+ [^ ;]+);', guest.status())[1]))
        guest.start()
        guest.wait(LOGIN)
        guest.stop()
        manager.run(['truncate', '-s', '+4096', guest.image])
        check_start_fails(guest, rf'{guest.cow} was made of a backing file of 67108864 bytes, but {guest.image} has 67112960')


@disks.test('a file that is no COW, or was cut off, is refused by name', SYSTEM)
def damaged(manager):
    with cow_pair(manager, 'damaged') as guest:
        manager.write(guest.cow, 'no COW')
        check_start_fails(guest, rf'{guest.cow} .*is no COW file')
        manager.run(['uml_mkcow', '-f', guest.cow, guest.image])
        manager.run(['truncate', '-s', '-1', guest.cow])
        check_start_fails(guest, rf'{guest.cow} .*was cut off')
        manager.run(['uml_mkcow', '-f', guest.cow, guest.image])
        guest.start()


@disks.test('a guest starts without an optional disk that is missing, and says so; and with it, if it is there')
def optional(manager):
    path = f'{manager.images}/second.img'
    second = f"<disk type='file'><source file='{path}' startupPolicy='optional'/><target dev='ubdb'/></disk>"
    with Guest(manager, 'optional', console="<console type='pty'/>" + second) as guest:
        guest.start()
        guest.login().run('test ! -e /sys/block/ubdb')
        guest.wait(rf'without its disk ubd1, .*{path}')
        guest.stop()
        manager.run(['truncate', '-s', '1M', path])
        guest.start()
        guest.login().run('test -e /sys/block/ubdb')
        guest.stop()
        manager.run(['rm', path])


@disks.test('a disk has the serial number that its definition says', SYSTEM)
def serial(manager):
    with Guest(manager, 'serial', definition=with_disk('serial', '<serial>RAW-1</serial>')) as guest:
        guest.start()
        guest.login().run('grep RAW-1 /sys/block/ubda/serial')


@disks.test('a directory of the host is there for the guest to mount by its name, both ways, and no other guest sees it')
def share(manager):
    directory = f'{manager.user.home}/shared' if manager.user else '/srv/shared'
    manager.run(['mkdir', '-p', directory])
    manager.write(f'{directory}/file', 'of the host\n')
    filesystem = f"<filesystem type='mount'><source dir='{directory}'/><target dir='/mnt/data'/></filesystem>"
    with Guest(manager, 'share', console="<console type='pty'/>" + filesystem) as guest:
        guest.start()
        shell = guest.login()
        check_in('uml.share=/mnt-data:/mnt/data', shell.run('cat /proc/cmdline'))
        shell.run('mkdir -p /mnt/data && mount -t hostfs -o /mnt-data none /mnt/data && grep "of the host" /mnt/data/file')
        shell.run('echo of the guest >/mnt/data/new')
        check_equal(manager.run(['cat', f'{directory}/new']).stdout, 'of the guest\n', 'the file of the guest')
        guest.reload()
        guest.login().run('mount -t hostfs -o /mnt-data none /mnt/data && grep "of the host" /mnt/data/file')
        guest.stop()
        manager.run(['test', '-e', f'{directory}/file'])
        guest.check_gone()
    manager.run(['rm', '-r', directory])


@disks.test('a guest does not start when a shared directory is missing, and the message names it', SYSTEM)
def no_share(manager):
    filesystem = "<filesystem type='mount'><source dir='/srv/missing'/><target dir='data'/></filesystem>"
    with Guest(manager, 'no-share', console="<console type='pty'/>" + filesystem) as guest:
        check_start_fails(guest, re.escape('/srv/missing (data)'))


INIT = '''#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "root: $(/bin/busybox cat /proc/cmdline)"
echo by the guest >/written
exec /bin/busybox sleep 10000
'''


@disks.test("a directory of the host can be the guest's root")
def root(manager):
    directory = f'{manager.user.home}/root' if manager.user else '/srv/root'
    manager.run(['mkdir', '-p', *(f'{directory}/{name}' for name in ('bin', 'dev', 'proc', 'sbin'))])
    manager.run(['cp', '/bin/busybox', f'{directory}/bin'])
    manager.write(f'{directory}/sbin/init', INIT)
    manager.run(['chmod', '755', f'{directory}/sbin/init'])
    filesystem = f"<filesystem type='mount'><source dir='{directory}'/><target dir='/'/></filesystem>"
    definition = domain('root', 'IMAGE', cmdline='rw', console="<console type='pty'/>" + filesystem)
    definition = definition.replace('<root>/dev/ubda</root>', '')
    with Guest(manager, 'root', definition=definition) as guest:
        guest.start()
        guest.wait('root: .*rootfstype=hostfs')
        guest.stop()
        check_equal(manager.run(['cat', f'{directory}/written']).stdout, 'by the guest\n', 'what the guest wrote')
    manager.run(['rm', '-r', directory])
