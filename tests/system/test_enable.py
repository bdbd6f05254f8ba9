# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 6: guests that come up with the host, and go down with it."""

import contextlib

from guests import Guest, check, check_equal
from tap import Group, SYSTEM

enable = Group(SYSTEM)
AUTOSTART = '/etc/uml/autostart'


@enable.test('a guest that systemctl enable or the autostart directory names is up after a boot, and no other guest')
def at_boot(manager):
    with (Guest(manager, 'enabled', stop=None) as enabled, Guest(manager, 'auto') as auto,
          Guest(manager, 'idle') as idle):
        turn_on(manager)
        enabled.start()
        enabled.login().run('echo text >/kept')
        reboot(manager, enabled, auto)
        for guest in (enabled, auto):
            check_equal(guest.show('ActiveState'), 'active', guest.unit)
        check_equal(idle.show('ActiveState'), 'inactive', idle.unit)
        check_in_guest(enabled)
        turn_off(manager)
        reboot(manager, enabled, auto)
        for guest in (enabled, auto):
            check_equal(guest.show('ActiveState'), 'inactive', guest.unit)
            guest.check_image()


@enable.test("when the host shuts down, ten guests at work are stopped well: what they wrote is there, and their images are clean")
def shutdown(manager):
    with contextlib.ExitStack() as stack:
        guests = [stack.enter_context(Guest(manager, f'down{number}', stop=None)) for number in range(10)]
        for guest in guests:
            guest.mark()
        manager.systemctl('start', *(guest.unit for guest in guests), timeout=120)
        for guest in guests:
            guest.login().run(f'echo {guest.name} >/kept')
        reboot(manager, *guests)
        for guest in guests:
            guest.check_ended_well()
            check_equal(guest.read_file('/kept'), f'{guest.name}\n', 'the file in the image')


def turn_on(manager):
    manager.run(['mkdir', '-p', AUTOSTART])
    manager.run(['ln', '-s', '../auto.xml', AUTOSTART])
    manager.systemctl('enable', 'uml@enabled')


def turn_off(manager):
    manager.run(['rm', f'{AUTOSTART}/auto.xml'])
    manager.systemctl('disable', 'uml@enabled')


def reboot(manager, *guests):
    for guest in guests:
        guest.mark()
    manager.container.reboot()


def check_in_guest(guest):
    """The file of before the reboot is there: the host's shutdown stopped the guest well."""
    console = guest.login()
    check('text' in console.run('cat /kept'), 'the file of before the reboot is not there')
