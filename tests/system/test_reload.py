# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 3: systemctl reload is ctrl-alt-del."""

import images
from guests import Guest, LOGIN, check, check_equal, check_in
from tap import Group, SYSTEM

reload = Group()


def check_reload(guest, timeout):
    """The guest comes back to its login in the same service: same helper, fresh kernel."""
    guest.start()
    guest.wait(LOGIN, timeout)
    helper, kernel, invocation = guest.helper(), guest.kernel(), guest.show('InvocationID')
    guest.reload()
    guest.wait(LOGIN, timeout)
    check_equal(guest.show('ActiveState'), 'active', 'ActiveState')
    check_equal(guest.show('InvocationID'), invocation, 'InvocationID')
    check_equal(guest.helper(), helper, 'the helper')
    check(guest.kernel() != kernel, f'the kernel process is still {kernel}')


def check_refused(guest, reason):
    """The reload fails, the journal says why, the guest goes on."""
    result = guest.reload(check=False)
    check(result.returncode != 0, 'the reload did not fail')
    guest.wait(reason)
    check_equal(guest.show('ActiveState'), 'active', 'ActiveState')


@reload.test('systemctl reload reboots the guest in the same service: same helper, fresh kernel process')
def reboots(manager):
    with Guest(manager, 'again') as guest:
        check_reload(guest, 30)


@reload.test('a Debian guest comes back from systemctl reload to its login', SYSTEM)
def debian(manager):
    with Guest(manager, 'debian-again', images.debian_image(), memory=256) as guest:
        check_reload(guest, 120)


@reload.test("systemctl reload fails with the reason when the guest's init takes no ctrl-alt-del")
def deaf(manager):
    with Guest(manager, 'deaf-reload', cmdline='init=/sbin/init-deaf') as guest:
        guest.start()
        shell = guest.shell()
        kernel = guest.kernel()
        check_refused(guest, '(?i)ctrl-alt-del')
        shell.run('true')
        check_equal(guest.kernel(), kernel, 'the kernel process')


@reload.test('systemctl reload fails with the reason when the guest does not answer')
def stopped(manager):
    with Guest(manager, 'stopped-reload') as guest:
        guest.start()
        console, kernel = guest.login(), guest.kernel()
        guest.signal_kernel('STOP')
        check_refused(guest, '(?i)not answer|no answer|timed out')
        guest.signal_kernel('CONT')
        check_in('6.1', guest.mconsole('version'))
        console.run('true')
        check_equal(guest.kernel(), kernel, 'the kernel process')
        check('going down' not in guest.describe(), 'the guest reboots after all')
