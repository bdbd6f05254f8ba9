# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 8: machined knows the system's guests, and the guests do without machined."""

import contextlib
import json

import images
from guests import Guest, LOGIN, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM, USER

machines = Group(SYSTEM)
UUID = 'b4433fc2-a22e-ffb3-0a3d-9c173b395800'
ENDED = 'Deactivated successfully'
MANAGER = ['org.freedesktop.machine1', '/org/freedesktop/machine1', 'org.freedesktop.machine1.Manager']


def machinectl(manager, *argv):
    return manager.container.run(['machinectl', '--no-pager', '--no-legend', *argv]).stdout


def names(manager):
    return [line.split()[0] for line in machinectl(manager, 'list').splitlines()]


def show(manager, machine, name):
    return machinectl(manager, 'show', '--property', name, '--value', machine).strip()


def register(manager, machine, leader, **arguments):
    """Not by uml-machine."""
    manager.run(['busctl', 'call', *MANAGER, 'RegisterMachine', 'sayssus', machine, '0', 'test', 'vm', leader, ''], **arguments)


def unregister(manager, machine):
    manager.run(['busctl', 'call', *MANAGER, 'UnregisterMachine', 's', machine])


@contextlib.contextmanager
def drop_in(manager, unit, text):
    """For the time of a with statement, which has the unit's guest in it."""
    directory = f'/run/systemd/system/{unit}.d'
    manager.run(['mkdir', '-p', directory])
    try:
        manager.write(f'{directory}/90-test.conf', text)
        yield
    finally:
        manager.run(['rm', '-r', directory])
        manager.daemon_reload()


def check_silent(guest):
    """Nothing in the journal of the unit since the last start is about machines: the guest and systemd's usual words apart,
    there is nothing at all."""
    records = guest.manager.journal('--output=json', f'--since={guest.since}', '-u', guest.unit).splitlines()
    check(records, 'the journal has nothing of the unit')
    for record in map(json.loads, records):
        speaker = record['SYSLOG_IDENTIFIER']
        check(speaker in (f'uml-{guest.name}', 'systemd') and 'machine' not in record['MESSAGE'].replace('machine.slice', ''),
              f'{speaker} says: {record["MESSAGE"]}')


def check_ends(guest, verb):
    """A guest that machinectl VERBs ends as it does by systemctl stop, with what was written just before."""
    guest.start()
    guest.login().run('echo text >/kept')
    machinectl(guest.manager, verb, guest.name)
    guest.wait(ENDED)
    check_equal(names(guest.manager), [], "machinectl's list")
    guest.wait('The system is going down')
    guest.check_ended_well()
    check_equal(guest.read_file('/kept'), 'text\n', 'the file in the image')


@machines.test('machinectl list and status show a guest: class vm, service uml, its UUID, its unit and its helper')
def listed(manager):
    definition = domain('listed', 'IMAGE').replace('</name>', f'</name>\n  <uuid>{UUID}</uuid>')
    with Guest(manager, 'listed', definition=definition) as guest:
        guest.start()
        guest.wait(LOGIN)
        check_match(r'^listed +vm +uml( |$)', machinectl(manager, 'list'))
        status = machinectl(manager, 'status', 'listed')
        check_in(f'listed({UUID.replace("-", "")})', status)
        check_match(rf'^\s*Leader: {guest.helper()} \(uml-helper\)$', status)
        check_match(r'^\s*Service: uml; class vm$', status)
        check_match(r'^\s*Unit: uml@listed\.service$', status)
        check_silent(guest)
        guest.stop()
        check_equal(names(manager), [], "machinectl's list")


@machines.test('a guest with shares, which sees little else of the host, is a machine like any other')
def shares(manager):
    share = "<filesystem><source dir='/srv'/><target dir='/srv'/></filesystem>\n  </devices>"
    with Guest(manager, 'shares', definition=domain('shares', 'IMAGE').replace('</devices>', share)) as guest:
        guest.start()
        check_equal(guest.show('DevicePolicy'), 'closed', 'DevicePolicy')
        check_registered(guest)
        guest.wait(LOGIN)


@machines.test('machinectl poweroff takes a guest through its own shutdown: the service ends with success, the image is clean')
def poweroff(manager):
    with Guest(manager, 'poweroff', stop=None) as guest:
        check_ends(guest, 'poweroff')


@machines.test('machinectl terminate stops the service of a guest, which ends with success and a clean image')
def terminate(manager):
    with Guest(manager, 'terminate', stop=None) as guest:
        check_ends(guest, 'terminate')


@machines.test('machinectl reboot has a guest reboot in the same service, with a fresh kernel process')
def reboot(manager):
    with Guest(manager, 'reboot') as guest:
        guest.start()
        guest.wait(LOGIN)
        helper, kernel = guest.helper(), guest.kernel()
        guest.mark()
        machinectl(manager, 'reboot', 'reboot')
        guest.wait(LOGIN)
        check_equal(guest.helper(), helper, 'the helper')
        check(guest.kernel() != kernel, f'the kernel process is still {kernel}')
        check_equal(show(manager, 'reboot', 'Leader'), helper, "the machine's leader")


@machines.test('a guest whose name is no host name is known by one that resembles it')
def renamed(manager):
    """A disk's image may not have the colon: it would end the path on the kernel's command line."""
    image = manager.add_image('renamed', images.busybox_image())
    with Guest(manager, 'web_1:80.-a', definition=domain('web_1:80.-a', image)) as guest:
        guest.start()
        guest.wait(LOGIN)
        check_equal(show(manager, 'web-1-80.a', 'Unit'), guest.unit, "the machine's unit")
        guest.stop()
        check_equal(names(manager), [], "machinectl's list")
    manager.run(['rm', image])


@machines.test('a machine that machined still has of an earlier helper is replaced when the guest starts again')
def stale(manager):
    with drop_in(manager, 'uml@stale.service', '[Service]\nExecStopPost=\n'), \
         Guest(manager, 'stale') as guest:
        guest.start()
        guest.wait(LOGIN)
        # machined keeps the machines of a unit that is started again. One of another name is in the way as well.
        check_replaced(guest)
        unregister(manager, 'stale')
        register(manager, 'other', guest.helper())
        check_replaced(guest)

        # systemd 252 stops the unit of a process that is registered twice, and keeps the first of its machines for ever.
        register(manager, 'other', guest.helper(), check=False)
        guest.wait(ENDED)
        check_equal(names(manager), ['stale'], "machinectl's list")
        guest.start()
        check_registered(guest)
        guest.wait(LOGIN)


def check_replaced(guest):
    """The helper is killed, and the next one takes the guest over."""
    before = guest.helper()
    guest.kill_helper()
    check(guest.helper() != before, f'the helper is still {before}')
    check_registered(guest)


def check_registered(guest):
    check_equal(names(guest.manager), [guest.name], "machinectl's list")
    check_equal(show(guest.manager, guest.name, 'Leader'), guest.helper(), "the machine's leader")
    check_equal(guest.show('ActiveState'), 'active', 'ActiveState')


@machines.test('a guest that is registered once more runs on, and is one machine')
def again(manager):
    with Guest(manager, 'again') as guest:
        guest.start()
        unregister(manager, 'again')
        register(manager, 'other', guest.helper())
        for _ in range(2):
            manager.run(['env', f'MAINPID={guest.helper()}', '/usr/libexec/uml-systemd/uml-machine', 'register', 'again'])
            check_registered(guest)
        guest.wait(LOGIN)


@machines.test("a name that another unit's machine has is left to it, a notice says whose it is, and the guest runs")
def taken(manager):
    manager.run(['systemd-run', '--unit=holder', 'sleep', 'infinity'])
    try:
        register(manager, 'taken', manager.show('holder.service', 'MainPID'))
        with Guest(manager, 'taken') as guest:
            guest.start()
            guest.wait("'taken': that is a machine of holder.service")
            guest.wait(LOGIN)
            check_equal(guest.show('ActiveState'), 'active', 'ActiveState')
            check_equal(show(manager, 'taken', 'Unit'), 'holder.service', "the machine's unit")
            guest.stop()
            guest.check_ended_well()
            check_equal(show(manager, 'taken', 'Unit'), 'holder.service', "the machine's unit")
        check_equal(manager.show('holder.service', 'ActiveState'), 'active', 'ActiveState of holder.service')
    finally:
        manager.systemctl('stop', 'holder.service')


@machines.test('a guest that waits to be started again is no machine meanwhile')
def waiting(manager):
    """machined alone would have it one: its unit is activating."""
    with drop_in(manager, 'uml@waiting.service', '[Service]\nRestartSec=60\n'), \
         Guest(manager, 'waiting', on_crash='restart') as guest:
        guest.start()
        check_registered(guest)
        guest.signal_kernel('KILL')
        guest.wait('Failed with result')
        check_equal(guest.show('ActiveState'), 'activating', 'ActiveState')
        check_equal(names(manager), [], "machinectl's list")


@machines.test('the stop of a guest does not start machined, which knows the guest again after its next start')
def not_started(manager):
    with Guest(manager, 'idle') as guest:
        guest.start()
        guest.wait(LOGIN)
        manager.systemctl('stop', 'systemd-machined.service')
        guest.stop()
        check_equal(manager.show('systemd-machined.service', 'ActiveState'), 'inactive', 'ActiveState of machined')
        guest.start()
        check_registered(guest)
        guest.wait(LOGIN)


absent = Group(SYSTEM)


def check_works(manager, name):
    """A guest starts and stops as ever."""
    with Guest(manager, name) as guest:
        guest.start()
        guest.wait(LOGIN)
        guest.stop()
        guest.check_ended_well()
        check_silent(guest)


@absent.test('where systemd-machined is masked, a guest starts and stops without a word about it')
def masked(manager):
    manager.systemctl('mask', '--runtime', '--now', 'systemd-machined.service')
    try:
        check_works(manager, 'masked')
    finally:
        manager.systemctl('unmask', '--runtime', 'systemd-machined.service')


@absent.test('where there is no machined at all, a guest starts and stops without a word about it')
def not_installed(manager):
    service = '/usr/share/dbus-1/system-services/org.freedesktop.machine1.service'
    manager.systemctl('stop', 'systemd-machined.service')
    manager.run(['mv', service, '/root'])
    reload_bus = ['busctl', 'call', 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'ReloadConfig']
    try:
        manager.run(reload_bus)
        check_works(manager, 'not-installed')
    finally:
        manager.run(['mv', f'/root/{service.rsplit("/", 1)[-1]}', service])
        manager.run(reload_bus)


@absent.test('without a message bus, a guest starts and stops without a word about it')
def no_bus(manager):
    manager.systemctl('stop', 'dbus.socket', 'dbus.service')
    try:
        check_works(manager, 'no-bus')
    finally:
        manager.systemctl('start', 'dbus.socket', 'dbus.service')


@absent.test('a message bus that hangs delays the start and the stop of a guest by ten seconds each, and no more')
def hanging_bus(manager):
    with Guest(manager, 'hanging') as guest:
        manager.systemctl('kill', '--signal=STOP', 'dbus.service')
        try:
            guest.start(timeout=20)
            check_equal(guest.show('ActiveState'), 'active', 'ActiveState')
            guest.wait(LOGIN)
            check(guest.stop() < 20, 'the stop took longer')
        finally:
            manager.systemctl('kill', '--signal=CONT', 'dbus.service')
        guest.check_ended_well()


of_users = Group(USER)


@of_users.test("a user's guest is not registered, and nothing tries to")
def unregistered(manager):
    with Guest(manager, 'mine') as guest:
        guest.start()
        guest.wait(LOGIN)
        check_equal(names(manager), [], "machinectl's list")
        check_silent(guest)
