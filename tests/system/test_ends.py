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
        check_equal(guest.show('ExecMainStatus'), '133', 'ExecMainStatus')


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


@ends.test('of a kernel that dies in any way, while its guest works and has its watchdog open, no process runs on', SYSTEM)
def no_escape(manager):
    """A kernel of 6.1 sets its guest's processes free when it dies; they would go on with what they do, on the host."""
    for signal in ('KILL', 'SEGV', 'QUIT', 'ABRT', 'TERM'):
        with Guest(manager, f'dies-{signal.lower()}') as guest:
            guest.start()
            console = guest.login()
            console.run('for i in 1 2 3; do (while :; do echo "$i"; echo "$i" >>/file; done) & done >/dev/null; exec 3>/dev/watchdog')
            check(manager.processes('uml_watchdog'), 'there is no uml_watchdog')
            check(len(guest.processes().splitlines()) > 6, 'the guest has no processes of its own')
            guest.mark()
            guest.signal_kernel(signal)
            guest.wait_inactive()
            guest.check_gone()
            check_equal(manager.processes('uml_watchdog'), '', 'what is left')
            check_equal(guest.show('ExecMainStatus'), '70', 'ExecMainStatus')


@ends.test('a crash leaves a core of the kernel in the runtime directory if the definition asks for one, and else nothing', SYSTEM)
def core(manager):
    pattern = manager.run(['cat', '/proc/sys/kernel/core_pattern']).stdout.strip()
    check(pattern[0] not in '|/', f'core_pattern is {pattern!r}: this test needs one that is a relative path')
    with Guest(manager, 'dumps', cmdline='init=/sbin/init-panic', on_crash='coredump-destroy') as guest:
        guest.start('--wait', check=False)
        found = manager.run(['find', guest.runtime, '-name', 'core*']).stdout.split()
        check_equal(len(found), 1, 'the number of cores')
        check_in('ELF', manager.run(['head', '-c', '4', *found]).stdout)
        manager.run(['rm', '-r', guest.runtime])
    with Guest(manager, 'no-core', cmdline='init=/sbin/init-panic', on_crash='preserve') as guest:
        guest.start('--wait', check=False)
        check_equal(manager.run(['find', guest.runtime, '-name', 'core*']).stdout, '', 'cores')
        manager.run(['rm', '-r', guest.runtime])


@ends.test('a crash loop ends at the start limit', SYSTEM)
def crash_loop(manager):
    with Guest(manager, 'loop', cmdline='init=/sbin/init-panic', on_crash='restart') as guest:
        guest.override('[Unit]\nStartLimitBurst=3\n[Service]\nRestartSec=0\n')
        guest.start(check=False)
        guest.wait('Start request repeated too quickly')
        check_equal(guest.show('ActiveState'), 'failed', 'ActiveState')
        check_equal(manager.journal('--output=cat', '-u', guest.unit).count('Linux version'), 3, 'the number of boots')
        guest.check_gone()


watchdog = Group(SYSTEM)


def watched(name, timeout, action=None, lifecycle=''):
    """A definition with systemd's watchdog, and perhaps an action."""
    text = domain(name, 'IMAGE').replace('</metadata>', f"<u:watchdog xmlns:u='urn:uml-systemd:1' timeout='{timeout}'/></metadata>")
    return text.replace('</devices>', f"  <watchdog model='itco' action='{action}'/>\n  </devices>" if action else '</devices>')


@watchdog.test('a helper that hangs is killed and replaced in time, and its guest runs on')
def helper_hangs(manager):
    with Guest(manager, 'stuck', definition=watched('stuck', 2)) as guest:
        guest.start()
        console, kernel = guest.login(), guest.kernel()
        guest.mark()
        manager.run(['kill', '-STOP', guest.helper()])
        guest.wait('(?s)Watchdog timeout.*takes the guest over')
        console.run('true')
        check_equal(guest.kernel(), kernel, 'the kernel process')
        guest.wait_active()


@watchdog.test('a helper that did not run for a while does not take that for a hang of its guest')
def helper_stalls(manager):
    with Guest(manager, 'stalled', definition=watched('stalled', 6)) as guest:
        guest.start()
        console = guest.login()
        for _ in range(2):
            manager.run(['kill', '-STOP', guest.helper()])
            manager.run(['sleep', '4.9'])  # more than a kernel may take to answer, less than systemd's patience
            manager.run(['kill', '-CONT', guest.helper()])
            console.run('sleep 2')
        check_equal(guest.show('ActiveState'), 'active', 'ActiveState')
        check_equal(guest.show('NRestarts'), '0', 'NRestarts')


@watchdog.test('a guest whose kernel does not answer fails its service in time, or is reset, powered off or stopped, as its definition says')
def guest_hangs(manager):
    with contextlib.ExitStack() as stack:
        guests = {action: stack.enter_context(Guest(manager, f'numb-{action}', definition=watched(f'numb-{action}', 2, action)))
                  for action in (None, 'reset', 'shutdown', 'poweroff')}
        for guest in guests.values():
            guest.start()
            guest.wait(LOGIN)
            guest.mark()
            guest.signal_kernel('STOP')
            guest.wait('hangs: its kernel has not answered')
        guests['reset'].wait('(?s)The guest was reset.*guest login:')
        for action in (None, 'shutdown', 'poweroff'):
            guests[action].wait_inactive()
        check_equal({action: (guest.show('ActiveState'), guest.show('ExecMainStatus')) for action, guest in guests.items()},
                    {None: ('failed', '73'), 'reset': ('active', '0'), 'shutdown': ('failed', '72'), 'poweroff': ('inactive', '0')},
                    'what became of them')


@watchdog.test('a guest that was suspended is not taken for one that hangs, and goes on where it was')
def suspended(manager):
    with Guest(manager, 'asleep', definition=watched('asleep', 1)) as guest:
        guest.start()
        console, kernel = guest.login(), guest.kernel()
        guest.send('stop')
        guest.wait('The guest was suspended')
        check_match(r'^ +Status: "Suspended: Linux 6\.1', guest.status())
        result = guest.reload(check=False)
        check(result.returncode != 0, 'the reload did not fail')
        guest.wait('it is suspended')
        guest.kill_helper()  # the next one knows, too; and some watchdog times are over
        check_match(r'^ +Status: "Suspended: Linux 6\.1', guest.status())
        guest.send('go')
        guest.wait('The guest goes on')
        check_match(r'^ +Status: "Running: Linux 6\.1', guest.status())
        console.run('true')
        check_equal(guest.kernel(), kernel, 'the kernel process')


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
