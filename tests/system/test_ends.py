# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 5: the guest ends by itself, or is killed."""

import contextlib

from guests import Guest, LOGIN, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM

ends = Group()
PANIC = 'Attempted to kill init! exitcode=0x00000300'


@ends.test('a guest that powers itself off ends its service with success')
def poweroff(manager):
    with Guest(manager, 'off', cmdline='init=/sbin/init-off') as guest:
        guest.start('--wait')
        guest.wait('the guest goes off by itself')
        guest.check_ended_well()


@ends.test('a guest with on_poweroff restart is booted again in the same service')
def poweroff_restart(manager):
    with Guest(manager, 'off-restart', cmdline='init=/sbin/init-off', on_poweroff='restart') as guest:
        guest.start()
        helper = guest.helper()
        guest.wait('(?s)goes off by itself.*goes off by itself')
        check_equal(guest.helper(), helper, 'the helper')
        check_equal(guest.show('ActiveState'), 'active', 'ActiveState')


@ends.test('a guest that reboots itself stays in its service, with a fresh kernel process')
def reboot(manager):
    with Guest(manager, 'reboot', cmdline='init=/sbin/init-reboot-once') as guest:
        guest.start()
        helper, kernel = guest.helper(), guest.kernel()
        guest.shell().run('test -e /rebooted')
        check_equal(guest.helper(), helper, 'the helper')
        check(guest.kernel() != kernel, f'the kernel process is still {kernel}')


@ends.test('a guest with on_reboot destroy ends its service with success when it reboots')
def reboot_destroy(manager):
    with Guest(manager, 'reboot-destroy', cmdline='init=/sbin/init-reboot-once', on_reboot='destroy') as guest:
        guest.start('--wait')
        guest.wait('the guest reboots by itself')
        guest.check_ended_well()


@ends.test('a guest that panics fails its service, with the panic in systemctl status and nothing left')
def panic(manager):
    with Guest(manager, 'panic', cmdline='init=/sbin/init-panic') as guest:
        guest.start('--wait', check=False)
        check_equal(guest.show('ActiveState'), 'failed', 'ActiveState')
        check_equal(guest.show('Result'), 'exit-code', 'Result')
        check_in(PANIC, check_match('(?i)^ +Status: ".*panic.*', guest.status())[0])
        guest.wait('Kernel panic - not syncing: ' + PANIC.replace('(', r'\('))
        guest.check_gone()


@ends.test('a guest with on_crash restart is booted again after a panic')
def panic_restart(manager):
    with Guest(manager, 'panic-restart', cmdline='init=/sbin/init-panic', on_crash='restart') as guest:
        guest.start()
        guest.wait('(?s)Linux version.*Kernel panic.*Linux version')


@ends.test('a guest whose kernel process is killed fails its service, and none of its processes runs on')
def killed(manager):
    with Guest(manager, 'killed') as guest:
        guest.start()
        guest.wait(LOGIN)
        guest.signal_kernel('KILL')
        guest.wait('Failed with result')
        guest.check_gone()


watchdog = Group(SYSTEM)


@watchdog.test('a guest that does not serve its watchdog is reset, powered off or stopped a minute later, as its definition says')
def hangs(manager):
    """All of them at once: a minute is a minute."""
    with contextlib.ExitStack() as stack:
        guests = {action: stack.enter_context(Guest(manager, f'hang-{action}', definition=hanging(action)))
                  for action in ('none', 'reset', 'shutdown', 'poweroff')}
        for guest in guests.values():
            guest.start()
            guest.login().run('exec 3>/dev/watchdog; echo >&3')
        for action, text in {'none': '', 'reset': '; it is reset', 'shutdown': '; it is stopped', 'poweroff': '; it is powered off'}.items():
            guests[action].wait(rf'(?m)watchdog was not served: it hangs, or its daemon does{text}$', timeout=90)
        guests['reset'].wait(r'(?s)The guest was reset.*guest login:')
        guests['shutdown'].wait('The guest is stopped')
        guests['poweroff'].wait('powered itself off')
        check_equal({action: guest.show('ActiveState') for action, guest in guests.items()},
                    {'none': 'active', 'reset': 'active', 'shutdown': 'inactive', 'poweroff': 'inactive'}, 'what became of them')


def hanging(action):
    return domain(f'hang-{action}', 'IMAGE').replace('</devices>', f"  <watchdog model='i6300esb' action='{action}'/>\n  </devices>")
