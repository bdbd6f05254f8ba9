# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 4: systemctl stop loses nothing and leaves nothing."""

import images
from guests import Guest, LOGIN, check, check_equal
from tap import Group, SYSTEM

stop = Group()
TEXT = 'written just before the stop'


def check_kept(guest, console):
    """A stop right after a write in the guest, without a sync: how many seconds it took."""
    console.run(f'echo {TEXT} >/kept')
    seconds = guest.stop()
    guest.check_ended_well()
    check(guest.read_file('/kept') == f'{TEXT}\n', 'what the guest wrote is not in the image')
    return seconds


@stop.test('systemctl stop takes a guest through its own shutdown: the file is there, the image clean, nothing left')
def clean(manager):
    with Guest(manager, 'clean', stop=None) as guest:
        guest.start()
        console = guest.login()
        check_kept(guest, console)
        guest.wait('The system is going down')


@stop.test('systemctl stop takes a Debian guest through its own shutdown', SYSTEM)
def debian(manager):
    with Guest(manager, 'debian', images.debian_image(), memory=256, stop=None) as guest:
        guest.start()
        guest.wait(LOGIN, timeout=120)
        check_kept(guest, guest.login())
        guest.wait('Reached target .*reboot.target')


@stop.test('a guest that does nothing on ctrl-alt-del is synced, remounted read-only and halted after its timeout')
def stubborn(manager):
    with Guest(manager, 'stubborn', cmdline='init=/sbin/init-stubborn', stop="method='cad' timeout='3'") as guest:
        guest.start()
        seconds = check_kept(guest, guest.shell())
        check(3 <= seconds < 10, f'the stop took {seconds:.1f} s')


@stop.test('a guest whose init takes no ctrl-alt-del is synced, remounted read-only and halted at once')
def deaf(manager):
    with Guest(manager, 'deaf', cmdline='init=/sbin/init-deaf', stop=None) as guest:
        guest.start()
        seconds = check_kept(guest, guest.shell())
        check(seconds < 10, f'the stop took {seconds:.1f} s')


@stop.test('systemctl stop of a guest that is going down by itself ends in success', SYSTEM)
def going_down(manager):
    with Guest(manager, 'going-down', stop=None) as guest:
        guest.start()
        console = guest.login()
        console.send('echo text >/kept; poweroff')
        guest.wait('reboot: |Requesting system poweroff')
        guest.stop()
        guest.check_ended_well()
        check_equal(guest.read_file('/kept'), 'text\n', 'the file in the image')


@stop.test("a guest may have the name of one of the helper's own files", SYSTEM)
def names(manager):
    for name in ('control', 'notify', 'mconsole', 'umid', 'con0.sock'):
        with Guest(manager, name) as guest:
            guest.start()
            check_kept(guest, guest.login())


@stop.test("a guest with stop method 'halt' is synced, remounted read-only and halted without ctrl-alt-del")
def halt(manager):
    with Guest(manager, 'halt', stop="method='halt'") as guest:
        guest.start()
        seconds = check_kept(guest, guest.login())
        check(seconds < 10, f'the stop took {seconds:.1f} s')


@stop.test('a guest under SIGSTOP is killed with all its processes, in bounded time, and fails its service')
def stopped(manager):
    with Guest(manager, 'stopped', stop="method='cad' timeout='1'") as guest:
        guest.start()
        guest.wait(LOGIN)
        guest.signal_kernel('STOP')
        seconds = guest.stop()
        guest.check_gone()
        check(seconds < 30, f'the stop took {seconds:.1f} s')
        check_equal(guest.show('ActiveState'), 'failed', 'ActiveState')
