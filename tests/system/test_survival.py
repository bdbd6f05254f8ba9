# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest outlives its helper: killed, crashed or replaced, the next one takes over all that the last one had."""

import json
import time

from guests import Guest, LOGIN, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM

survival = Group()
CRASHED = '70'


class Alive:
    """A guest at work, and what must not change while its helper does."""

    def __init__(self, guest):
        self.guest = guest
        guest.start()
        self.console = guest.login()
        self.console.run('word=kept')
        self.kernel = guest.kernel()
        self.terminal = self.read_pty_link()

    def read_pty_link(self):
        return self.guest.manager.run(['readlink', f'{self.guest.runtime}/con0.pty']).stdout

    def check(self):
        """The shell of before answers to the client of before, and to a new one."""
        guest = self.guest
        check_equal(guest.show('ActiveState'), 'active', 'ActiveState')
        check_match(r'^ +Status: "Running: Linux 6\.1', guest.status())
        check_equal(guest.kernel(), self.kernel, 'the kernel process')
        check_equal(self.read_pty_link(), self.terminal, "the pty's link")
        self.console.run('test "$word" = kept')
        fresh = guest.console()
        fresh.expect('guest login: root')  # the replay, of before as well
        fresh.run('test "$word" = kept')
        fresh.close()
        check_in('6.1', guest.mconsole('version'))


@survival.test('a helper that is killed is replaced, and the guest runs on: the same kernel, terminal, shell, replay and clients')
def killed(manager):
    with Guest(manager, 'survivor', stop=None) as guest:
        alive = Alive(guest)
        helper = guest.helper()
        guest.kill_helper()
        check(guest.helper() != helper, 'the helper is the same')
        alive.check()
        guest.stop()
        guest.wait('The system is going down')
        guest.check_ended_well()


@survival.test('a helper that crashes is replaced, and the guest takes a reload and powers itself off as before')
def crashed(manager):
    with Guest(manager, 'crashed', stop=None) as guest:
        alive = Alive(guest)
        guest.kill_helper('SEGV')
        alive.check()
        guest.reload()
        guest.wait(LOGIN)
        check(guest.kernel() != alive.kernel, 'the kernel process is the same')
        guest.kill_helper()
        console = guest.console()
        console.expect(r'login: ?\Z')
        console.send('root')
        console.expect('# ')
        guest.mark()
        console.send('poweroff')
        guest.wait('The guest powered itself off')
        guest.wait_inactive()
        guest.check_ended_well()


@survival.test('ten helpers in a row may be killed, and the guest runs on and stops cleanly', SYSTEM)
def ten_times(manager):
    with Guest(manager, 'ten', on_crash='restart') as guest:
        alive = Alive(guest)
        for _ in range(10):
            guest.kill_helper()
        alive.check()
        guest.stop()
        guest.check_ended_well()


@survival.test('a helper may be killed while its guest boots, and the start is completed by the next', SYSTEM)
def booting(manager):
    with Guest(manager, 'booting') as guest:
        guest.start('--no-block')
        guest.wait('The kernel .* is started')
        manager.run(['kill', '-KILL', guest.show('MainPID')])
        guest.wait('takes the guest over')
        guest.wait(LOGIN)
        guest.wait_active()
        guest.stop()
        guest.check_ended_well()


@survival.test('a helper may be killed while its guest reboots, and the guest comes up', SYSTEM)
def rebooting(manager):
    with Guest(manager, 'rebooting', stop=None) as guest:
        Alive(guest)
        guest.reload()
        guest.kill_helper()
        guest.wait(LOGIN)
        guest.stop()
        guest.check_ended_well()


@survival.test('SIGUSR1 replaces the helper by the one that is installed now: the same process, the same guest')
def replaced(manager):
    with Guest(manager, 'replaced') as guest:
        alive = Alive(guest)
        helper, invocation = guest.helper(), guest.show('InvocationID')
        for _ in range(3):
            guest.mark()
            manager.systemctl('kill', '--kill-whom=main', '--signal=USR1', guest.unit)
            guest.wait('takes the guest over')
        alive.check()
        check_equal(guest.helper(), helper, 'the helper')
        check_equal(guest.show('InvocationID'), invocation, 'InvocationID')
        check_equal(guest.show('NRestarts'), '0', 'NRestarts')
        guest.stop()
        guest.check_ended_well()


@survival.test('a definition that was changed meanwhile counts from the next start on, not from the next helper on', SYSTEM)
def changed(manager):
    with Guest(manager, 'changed') as guest:
        alive = Alive(guest)
        path = f'{manager.definitions}/changed.xml'
        text = manager.run(['cat', path]).stdout
        manager.define('changed', text.replace("<console type='pty'/>", "<console type='null'/>").replace('>64<', '>96<'))
        manager.daemon_reload()
        guest.kill_helper()
        alive.check()


PAUSE = 8  # seconds without a helper


def without_helper(guest, command):
    """The helper is gone, and will be for a while, in which the guest does what it was told."""
    guest.override(f'[Service]\nRestartSec={PAUSE}\n')
    alive = Alive(guest)
    alive.console.send(f'(sleep 1; {command}) &')
    alive.console.expect('# ')
    guest.mark()
    guest.manager.run(['kill', '-KILL', guest.helper()])
    guest.wait("Failed with result 'signal'")


@survival.test('a guest that powers itself off while it has no helper ends its service with success when it has one', SYSTEM)
def off_alone(manager):
    with Guest(manager, 'off-alone', stop=None) as guest:
        without_helper(guest, 'poweroff')
        wait_empty(manager)
        guest.wait('(?s)takes the guest over.*The guest powered itself off')
        guest.wait_inactive()
        guest.check_ended_well()


@survival.test('a guest that panics while it has no helper fails its service with the panic when it has one', SYSTEM)
def panics_alone(manager):
    with Guest(manager, 'panics-alone', stop=None) as guest:
        without_helper(guest, 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger')
        wait_empty(manager)
        guest.wait('(?s)takes the guest over.*Kernel panic in the guest: sysrq triggered crash')
        guest.wait_inactive()
        check_equal(guest.show('ExecMainStatus'), CRASHED, 'ExecMainStatus')
        guest.check_gone()


@survival.test('a kernel that is killed while its guest has no helper leaves no process behind', SYSTEM)
def killed_alone(manager):
    with Guest(manager, 'killed-alone', stop=None) as guest:
        without_helper(guest, 'while :; do echo alive; done')
        guest.signal_kernel('KILL')
        wait_empty(manager)
        check_equal(guest.processes(), '', 'what is left of the guest')
        guest.wait('takes the guest over')
        guest.wait_inactive()
        check_equal(guest.show('ExecMainStatus'), CRASHED, 'ExecMainStatus')
        guest.check_gone()


def wait_empty(manager):
    """There is no event for the end of another's processes."""
    wait_for(lambda: not manager.processes('uml-keeper|uml-guest'))


def wait_for(condition):
    """Looks again and again, for up to ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        check(time.monotonic() < end, 'it did not come true in ten seconds')


@survival.test('when systemd gives the service up, the guest is killed with all its processes, and nothing is left')
def given_up(manager):
    with Guest(manager, 'given-up') as guest:
        guest.override('[Service]\nRestart=no\n')
        Alive(guest)
        manager.run(['kill', '-KILL', guest.helper()])
        guest.wait('Failed with result')
        wait_empty(manager)
        guest.check_gone()


@survival.test('when everything of a service is killed at once, nothing is left, and the guest counts as crashed')
def massacre(manager):
    with Guest(manager, 'massacre') as guest:
        Alive(guest)
        guest.mark()
        manager.systemctl('kill', '--kill-whom=all', '--signal=KILL', guest.unit)
        guest.wait('nobody was there to see how')
        guest.wait_inactive()
        check_equal(guest.show('ExecMainStatus'), CRASHED, 'ExecMainStatus')
        guest.check_gone()


@survival.test('when its keeper is killed, the guest is killed with all its processes, also if it was taken over')
def keeper_killed(manager):
    for takeovers in (0, 1):
        with Guest(manager, f'keeper-{takeovers}') as guest:
            Alive(guest)
            for _ in range(takeovers):
                guest.kill_helper()
            guest.mark()
            manager.run(['kill', '-KILL', guest.keeper()])
            guest.wait('The keeper of the guest.s kernel is gone')
            guest.wait_inactive()
            check_equal(guest.show('ExecMainStatus'), CRASHED, 'ExecMainStatus')
            guest.check_gone()


@survival.test('a guest whose start waited for its own word is ready for the next helper, too, and is not waited for again', SYSTEM)
def ready_before(manager):
    for name, ready in (('word', "when='message'"), ('text', "when='console' pattern='not yet'")):
        text = domain(name, 'IMAGE', cmdline='init=/sbin/init-ready').replace(
            '</metadata>', f"<u:ready xmlns:u='urn:uml-systemd:1' {ready} timeout='5'/></metadata>")
        with Guest(manager, name, definition=text) as guest:
            guest.start()
            shell = guest.shell()
            guest.kill_helper()
            shell.run('sleep 6')  # longer than the start may take
            check_equal(guest.show('ActiveState'), 'active', 'ActiveState')


@survival.test('a guest is taken over though its definition has an error by then, and the file of its console is gone', SYSTEM)
def changed_for_the_worse(manager):
    manager.run(['mkdir', '-p', '/var/lib/lines'])
    text = domain('worse', 'IMAGE', console="<console type='pty'><log file='/var/lib/lines/log'/></console>")
    with Guest(manager, 'worse', definition=text) as guest:
        alive = Alive(guest)
        manager.define('worse', '<domain type="uml"><name>worse</name>')
        manager.daemon_reload()
        manager.run(['rm', '-r', '/var/lib/lines'])
        guest.kill_helper()
        alive.check()
        manager.run(['rm', f'{manager.definitions}/worse.xml'])
        manager.daemon_reload()
        guest.kill_helper()
        alive.check()


@survival.test('SIGUSR1 changes nothing about a stop that is under way', SYSTEM)
def replaced_in_stop(manager):
    with Guest(manager, 'no-time', cmdline='init=/sbin/init-stubborn', stop="method='cad' timeout='3'") as guest:
        guest.start()
        guest.shell()
        guest.mark()
        manager.systemctl('stop', '--no-block', guest.unit)
        guest.wait('Stopping: the guest shuts itself down')
        manager.run(['kill', '-USR1', guest.helper()])
        guest.wait('The helper is not replaced: the guest is being stopped')
        guest.wait_inactive()
        guest.check_ended_well()


@survival.test('a helper that is killed while it stops its guest, but not for systemd, has a successor that ends the stop, and the service', SYSTEM)
def killed_in_stop(manager):
    with Guest(manager, 'on-its-way', cmdline='init=/sbin/init-stubborn', stop="method='cad' timeout='3'") as guest:
        guest.start()
        guest.shell()
        guest.mark()
        manager.run(['kill', '-TERM', guest.helper()])
        guest.wait('Stopping: the guest shuts itself down')
        manager.run(['kill', '-KILL', guest.helper()])
        guest.wait('(?s)takes the guest over.*The guest is stopped')
        guest.wait_inactive()
        guest.check_ended_well()


@survival.test('a helper that is killed after its guest has ended has a successor that ends as it would have', SYSTEM)
def killed_at_the_end(manager):
    """A helper that has nothing else to do waits for journald to take its last words."""
    with Guest(manager, 'last-words', stop=None) as guest:
        alive = Alive(guest)
        helper = guest.helper()
        alive.console.send('poweroff')
        alive.console.expect('Sent SIGKILL')
        manager.systemctl('kill', '--signal=STOP', 'systemd-journald')
        try:
            wait_for(lambda: not guest.kernel_processes())
            manager.run(['kill', '-KILL', helper])
            wait_for(lambda: guest.show('ActiveState') == 'inactive')
        finally:
            manager.systemctl('kill', '--signal=CONT', 'systemd-journald')
        check_equal(guest.show('NRestarts'), '1', 'NRestarts')
        guest.check_ended_well()


# Of a guest that is started, taken over, suspended, reloaded and stopped, in this order.
EVENTS = (
    ('cb95a392ac01447fbabd733e0a36c61a', 'is started'), ('ed588389aefb41588160deb1d0ecac7d', 'is up'),
    ('d4eab0d236d640daa150b2fcdd035efe', 'takes the guest over'), ('3df622fc9ed04c77ad0d043cef6d9f8b', 'was suspended'),
    ('bd1ea91077b245a4a97125a6e4701648', 'goes on'), ('496ae7680f544067962d0c6ce9140998', 'rebooted'),
    ('cb95a392ac01447fbabd733e0a36c61a', 'is started'), ('ed588389aefb41588160deb1d0ecac7d', 'is up'),
    ('1d75be36a18c468bbf52d29f49d638d1', 'Stopping'), ('a4f25f5826a64fe9b580d85ea8a87b03', 'ends with status 0'),
)


@survival.test("a guest's life is records with message ids and fields in the journal, which journalctl -x explains", SYSTEM)
def records(manager):
    manager.run(['journalctl', '--update-catalog'])
    with Guest(manager, 'recorded', stop=None) as guest:
        Alive(guest)
        guest.kill_helper()
        guest.send('stop')
        guest.send('go')
        guest.reload()
        guest.wait(LOGIN)
        guest.stop()
        output = manager.journal('--output=json', 'UML_DOMAIN=recorded').splitlines()
        found = [record for record in map(json.loads, output) if 'MESSAGE_ID' in record]
        check_equal([record['MESSAGE_ID'] for record in found], [event for event, _ in EVENTS], 'the message ids')
        for record, (_, part) in zip(found, EVENTS):
            check_in(part, record['MESSAGE'])
        check_equal(found[-2]['UML_RUNG'], 'cad', 'UML_RUNG')
        check_equal(found[-1]['UML_EXIT_STATUS'], '0', 'UML_EXIT_STATUS')
        explained = manager.journal('--catalog', 'UML_DOMAIN=recorded')
        for subject in ('Guest recorded has a new helper', 'Guest recorded is being stopped (cad)', 'The service of guest recorded ends with status 0'):
            check_in(subject, explained)
