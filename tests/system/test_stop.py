# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 4: systemctl stop loses nothing and leaves nothing."""

import re

import images
from guests import Guest, LOGIN, check, check_equal, check_in
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


@stop.test('the status of a guest that is being stopped says what is done, and how much time is left for it', SYSTEM)
def told(manager):
    with Guest(manager, 'told', cmdline='init=/sbin/init-stubborn', stop="method='cad' timeout='3'") as guest:
        guest.start()
        guest.shell()
        manager.systemctl('stop', '--no-block', guest.unit)
        seen = set()
        while guest.show('ActiveState') != 'inactive':
            seen.add(guest.show('StatusText'))
        left = {re.sub(r'.*\((\d+) s left\)', r'\1', text) for text in seen if 'shuts itself down' in text}
        check({'3', '2', '1'} <= left, f'the seconds told are {sorted(left)}, of {sorted(seen)}')


@stop.test('a guest that was suspended is stopped like any other: it goes on first, and loses nothing')
def suspended(manager):
    for method, suspend in (('cad', lambda guest: guest.send('stop')), ('halt', lambda guest: guest.mconsole('stop'))):
        with Guest(manager, f'still-{method}', stop=f"method='{method}'") as guest:
            guest.start()
            guest.login().run(f'echo {TEXT} >/kept')
            suspend(guest)
            guest.stop()
            guest.check_ended_well()
            check_equal(guest.read_file('/kept'), f'{TEXT}\n', 'the file in the image')


@stop.test('a guest may be stopped at any moment of its boot: its image is clean, and nothing is left', SYSTEM)
def in_boot(manager):
    moments = (None, 'The kernel .* is started', 'Checking that ptrace', 'mconsole .* initialized', 'EXT4-fs .* mounted', 'Run /sbin/init')
    for number, (moment, method) in enumerate((*((moment, 'cad') for moment in moments), *((moment, 'halt') for moment in moments[3:]))):
        with Guest(manager, f'early-{number}', stop=f"method='{method}'") as guest:
            guest.start('--no-block')
            if moment:
                guest.wait(moment)
            guest.stop()
            guest.check_ended_well()


@stop.test('a guest may be stopped while it reboots: its image is clean, and nothing is left', SYSTEM)
def in_reboot(manager):
    for number, moment in enumerate(('was asked to reboot', 'The system is going down', 'The guest rebooted', 'Checking that ptrace')):
        with Guest(manager, f'turning-{number}', stop=None) as guest:
            guest.start()
            guest.login()
            guest.reload()
            guest.wait(moment)
            guest.stop()
            guest.check_ended_well()


@stop.test('a second stop, and SIGTERM again and again, change nothing about the first', SYSTEM)
def twice(manager):
    with Guest(manager, 'twice', stop=None) as guest:
        guest.start()
        guest.login().run(f'echo {TEXT} >/kept')
        manager.systemctl('stop', '--no-block', guest.unit)
        helper = guest.helper()
        while guest.show('ActiveState') == 'deactivating':
            manager.run(['kill', '-TERM', helper], check=False)
            manager.systemctl('stop', '--no-block', guest.unit)
        guest.check_ended_well()
        check_equal(guest.read_file('/kept'), f'{TEXT}\n', 'the file in the image')


@stop.test('a helper that is killed while systemctl restart waits for it leaves a clean image, and the guest is started anew', SYSTEM)
def restarted(manager):
    with Guest(manager, 'restarted', cmdline='init=/sbin/init-stubborn', stop="method='cad' timeout='5'") as guest:
        guest.start()
        guest.shell().run(f'echo {TEXT} >/kept')
        guest.mark()
        manager.systemctl('restart', '--no-block', guest.unit)
        guest.wait('Stopping: the guest shuts itself down')
        manager.run(['kill', '-KILL', guest.helper()])
        guest.wait('shell of ')
        guest.wait_active()
        check_in(TEXT, guest.shell().run('cat /kept'))
        guest.stop()
        guest.check_ended_well()
