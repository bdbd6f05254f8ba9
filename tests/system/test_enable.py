# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 6: guests that come up with the host, and go down with it."""

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
