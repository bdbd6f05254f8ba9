# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 10: what fails around a guest, and what holds all the same. Each row of this table is a test, here unless a file is
named; all with real systemd and a real UML guest, but for the rows with a mock, whose kernel is mock-kernel.c.

FAULT                              HOW IT IS INJECTED                        WHAT HOLDS
journald is stopped                it and its sockets are stopped            the guest prints on; nothing is lost of what fits
                                                                             into the helper's 2 MiB
journald is away for long          more than 2 MiB of records meanwhile      as above; the journal has the number of lost lines
journald is restarted              three times, while a guest prints         each line is in the journal, once, in order
journald's disk or a log's is full a small tmpfs                             test_lines
dbus is stopped                    the system's, the user's                  the guest runs on; start, reload, stop work
  at start and stop, or it hangs   masked, removed, SIGSTOP                  test_machines
daemon-reload in boot and at run   again and again, until the guest is up    the start completes; the guest runs on, is taken over,
daemon-reexec in boot and at run   likewise                                  and stops cleanly
the user manager is restarted      systemctl restart user@1000               its guests stop cleanly, nothing is left
the machine reboots                systemctl reboot                          test_enable
a storm of signals                 HUP, PIPE, CHLD, USR2 without pause       helper and keeper ignore it, in boot and at run
a signal that ends the helper      ALRM, IO, XCPU, …                         the next helper takes over
the clock jumps                    years, both ways, ever again: libfaketime boot, prompt, and each time of a stop are as ever
mconsole answers garbage           mock                                      requests fail at once, the stop ends, nothing is left
mconsole answers more without end  mock                                      likewise in bounded time; memory is bounded
mconsole answers never             mock; SIGSTOP to a real kernel            likewise
the kernel floods its notify socket mock                                     the guest is answered for, memory is bounded
clients of control are a nuisance  do not read, send garbage, hang up        others are served
the guest floods its lines         no line's end, NULs, escapes, mconsole    memory is bounded; status, requests, stop work
  or a client does not read        a socket that is not read                 test-console
the runtime directory is deleted   rm -r, of what is in it, or with it       the guest runs on; the stop ends it, nothing is left
the FD store takes nothing         FileDescriptorStoreMax=0, 1, 3            the guest runs; without its helper it ends, which is
                                                                             told, and boots anew, as the service is restarted
descriptors run out                LimitNOFILE=80, 46 clients                the helper lives, waiting clients get in by and by,
                                                                             and the stop is clean
200 starts and stops               eight guests side by side                 as before: processes, directories, mounts, PID 1's
                                                                             descriptors; no warning in the journal
the helper is killed, crashes      SIGKILL, SIGSEGV, in boot, in a reboot    test_survival
the helper hangs                   SIGSTOP                                   test_ends
all processes are killed at once   SIGKILL to the unit                       test_survival
the keeper is killed               SIGKILL                                   test_survival
the kernel dies                    signals, panic                            test_ends
the kernel hangs, or is suspended  SIGSTOP; mconsole stop                    test_ends, test_stop
the guest never comes up           a kernel that only sleeps                 test_lines
machined is away, or in the way    masked, removed, a name that is taken     test_machines
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

import bed
from guests import Guest, LOGIN, check, check_equal, check_in, check_match
from tap import Group, SYSTEM, USER

faults = Group()
TEXT = 'written just before'
KILLED = '72'
TWO_LINES = "<console type='pty'/><console type='pty'><target port='1'/></console>"
MEMORY = 16384  # KiB that a helper may have at most: 2 MiB of records, as much in its sockets' hands, and itself


def root(manager, *argv, **arguments):
    """What only the administrator may do."""
    return manager.container.run(list(argv), **arguments)


def peak(guest):
    """The most memory that the helper has had, in KiB."""
    return int(check_match(r'^VmHWM:\s+(\d+) kB', guest.manager.run(['cat', f'/proc/{guest.helper()}/status']).stdout)[1])


def check_memory(guest):
    check(peak(guest) < MEMORY, f'the helper of {guest.name} has had {peak(guest)} KiB')


def check_kept(guest, shell):
    """A clean end, with what was written just before."""
    shell.run(f'echo {TEXT} >/kept')
    guest.stop()
    guest.check_ended_well()
    check_equal(guest.read_file('/kept'), f'{TEXT}\n', 'the file in the image')


# journald

JOURNALD = ('systemd-journald.socket', 'systemd-journald-dev-log.socket', 'systemd-journald-audit.socket', 'systemd-journald.service')


@contextlib.contextmanager
def without_journald(manager):
    root(manager, 'systemctl', 'stop', *JOURNALD)
    try:
        yield
    finally:
        root(manager, 'systemctl', 'start', *JOURNALD, 'systemd-journal-flush.service')


def printer(guest):
    """A shell whose guest can print to its second console without a terminal's translations."""
    guest.start()
    shell = guest.login()
    shell.run('stty -F /dev/tty1 raw')
    return shell


def numbers(guest):
    """What the journal has of the second console, up to its last line."""
    guest.wait('(?m)^the end$')
    lines = guest.manager.journal('--output=cat', f'UML_DOMAIN={guest.name}', 'UML_CONSOLE=con1').split()
    return [int(line) for line in lines if line.isdigit()]


@faults.test('journald may be stopped: the guest prints on, and all of it is in the journal when it is there again', SYSTEM)
def journald_stopped(manager):
    with Guest(manager, 'unheard', console=TWO_LINES) as guest:
        shell = printer(guest)
        with without_journald(manager):
            shell.run('seq 10000 | cat >/dev/tty1')
        shell.run('echo the end >/dev/tty1')
        check_equal(numbers(guest), list(range(1, 10001)), 'what the journal has')
        check_memory(guest)
        check_kept(guest, shell)


@faults.test('journald may be away for long: the guest prints on, and the journal says how many lines it has not', SYSTEM)
def journald_away(manager):
    count = 60000
    with Guest(manager, 'overheard', console=TWO_LINES) as guest:
        shell = printer(guest)
        with without_journald(manager):
            shell.run(f'seq {count} | cat >/dev/tty1')
        guest.wait('lines were lost, because journald')
        shell.run('echo the end >/dev/tty1')
        seen = numbers(guest)
        lost = int(guest.wait(r'(\d+) lines were lost, because journald did not take them')[1])
        check_equal(seen, list(range(1, len(seen) + 1)), 'what the journal has')
        check(len(seen) > 10000, f'only {len(seen)} lines are in the journal')
        # The first console has lost its last line or two as well.
        check(0 <= len(seen) + lost - count < 5, f'{len(seen)} lines are in the journal, {lost} are said to be lost, of {count}')
        check_memory(guest)
        check_kept(guest, shell)


@faults.test('journald may be restarted again and again: each line that the guest prints is in the journal, once, in order', SYSTEM)
def journald_restarted(manager):
    with Guest(manager, 'heard', console=TWO_LINES) as guest:
        shell = printer(guest)
        shell.send('(i=0; until [ -e /stop ]; do i=$((i+1)); echo $i; done >/dev/tty1; echo the end >/dev/tty1; echo $i >/last) &')
        shell.expect('# ')
        for _ in range(3):
            root(manager, 'systemctl', 'restart', 'systemd-journald.service')
        shell.run(': >/stop; wait')
        seen = numbers(guest)
        guest.stop()
        last = int(guest.read_file('/last'))
        check(last > 1000, f'the guest printed only {last} lines')
        check_equal(seen, list(range(1, last + 1)), 'what the journal has')


# The message bus and the manager

@contextlib.contextmanager
def without_bus(manager):
    bus = ('dbus.socket', 'dbus.service')
    manager.systemctl('stop', *bus)
    try:
        yield
    finally:
        manager.systemctl('start', *bus)


@faults.test('the message bus may go: the guest runs on, and its start, reload and stop work')
def bus_stopped(manager):
    with Guest(manager, 'busless') as guest:
        guest.start()
        shell, kernel = guest.login(), guest.kernel()
        with without_bus(manager):
            shell.run('true')
            check_equal(guest.kernel(), kernel, 'the kernel process')
            guest.reload()
            check_kept(guest, guest.login())
            guest.start()
            guest.login()
        shell = guest.console()
        shell.expect('# ')
        check_kept(guest, shell)


def check_through(manager, verb):
    """systemctl VERB all the time while a guest boots, then a few times at run, and then a new helper."""
    with Guest(manager, verb, stop=None) as guest:
        guest.start('--no-block')
        while guest.show('ActiveState') == 'activating':
            manager.systemctl(verb)
        guest.wait_active()
        shell, kernel = guest.login(), guest.kernel()
        shell.run('word=kept')
        for _ in range(3):
            manager.systemctl(verb)
        shell.run('test "$word" = kept')
        check_equal(guest.show('NRestarts'), '0', 'NRestarts')
        guest.kill_helper()
        manager.systemctl(verb)
        shell.run('test "$word" = kept')
        check_equal(guest.kernel(), kernel, 'the kernel process')
        check_in('6.1', guest.send('version').stdout)
        check_kept(guest, shell)


@faults.test('daemon-reload, again and again: a guest comes up, runs, is taken over and stops as ever')
def reloaded(manager):
    check_through(manager, 'daemon-reload')


@faults.test('daemon-reexec, again and again: a guest comes up, runs, is taken over and stops as ever')
def reexecuted(manager):
    check_through(manager, 'daemon-reexec')


@faults.test("when the user manager is restarted, its guests are stopped cleanly, and nothing is left", USER)
def user_manager(manager):
    with Guest(manager, 'asked', stop=None) as asked, Guest(manager, 'halted') as halted:
        for guest in (asked, halted):
            guest.start()
            guest.login().run(f'echo {TEXT} >/kept')
        root(manager, 'systemctl', 'restart', f'user@{manager.user.uid}.service', timeout=120)
        for guest in (asked, halted):
            guest.check_ended_well()
            check_equal(guest.read_file('/kept'), f'{TEXT}\n', 'the file in the image')
            guest.start()
            guest.login()


# Signals and the clock

@contextlib.contextmanager
def storm(guest):
    """Signals to the helper and the keeper, thousands in a second, in each boot of the guest."""
    text = f'''while :; do
        for p in {guest.helper()} $(pgrep -P {guest.helper()}); do
                for ((i = 0; i < 500; i++)); do kill -HUP $p; kill -PIPE $p; kill -CHLD $p; kill -USR2 $p; done
        done
done 2>/dev/null'''
    with guest.manager.container.popen(['bash', '-c', text], guest.manager.user) as process:
        try:
            yield
            check(process.poll() is None, 'the storm is over')
        finally:
            process.kill()


@faults.test('storms of SIGHUP, SIGPIPE, SIGCHLD and SIGUSR2 at helper and keeper do nothing, in boot, at run, and in a reboot')
def signals(manager):
    with Guest(manager, 'stormy') as guest:
        guest.start('--no-block')
        guest.wait('Checking that ptrace')
        helper = guest.helper()
        with storm(guest):
            guest.login().run('true')
            guest.wait_active()
            check_in('6.1', guest.send('version').stdout)
            guest.reload()
            shell = guest.login()
        check_equal((guest.helper(), guest.show('NRestarts')), (helper, '0'), 'the helper, and how often it was replaced')
        check_kept(guest, shell)


@faults.test('a helper that is ended by a signal that it does not await is replaced, whichever it is', SYSTEM)
def deadly_signals(manager):
    with Guest(manager, 'replacing') as guest:
        guest.start()
        shell, kernel = guest.login(), guest.kernel()
        for signal in ('ALRM', 'VTALRM', 'PROF', 'IO', 'PWR', 'XCPU', 'QUIT', 'SYS'):
            guest.kill_helper(signal)
        shell.run('true')
        check_equal(guest.kernel(), kernel, 'the kernel process')
        check_kept(guest, shell)


CLOCK = '/run/clock'


@contextlib.contextmanager
def jumping(manager):
    """The clock of everything that has it by libfaketime is years early, then years late, and so on, some hundred times a second.
    The file must never be empty: libfaketime stays with what it has, then."""
    text = f'while :; do for years in +10y -10y; do echo $years >{CLOCK}.new; mv {CLOCK}.new {CLOCK}; done; done'
    with manager.container.popen(['bash', '-c', text]) as process:
        try:
            yield
            check(process.poll() is None, 'the clock stands still')
        finally:
            process.kill()


@faults.test('the clock may jump by years: boot, prompt, requests and the times of a stop are as ever', SYSTEM)
def clock(manager):
    """The container's clock is the machine's. So libfaketime stands between the helper and CLOCK_REALTIME, and leaves CLOCK_MONOTONIC
    as it is."""
    root(manager, 'tee', CLOCK, input='+0\n')
    library, = pathlib.Path('/usr/lib').glob('*/faketime/libfaketime.so.1')
    subprocess.run(['cp', library, f'{manager.container.root}/usr/local/lib/libfaketime.so'], check=True)
    environment = {'LD_PRELOAD': '/usr/local/lib/libfaketime.so', 'FAKETIME_TIMESTAMP_FILE': CLOCK, 'FAKETIME_NO_CACHE': '1',
                   'DONT_FAKE_MONOTONIC': '1', 'FAKETIME_DISABLE_SHM': '1'}
    words = [f'{key}={value}' for key, value in environment.items()]
    with Guest(manager, 'timeless', cmdline='init=/sbin/init-stubborn', stop="method='cad' timeout='3'") as guest, jumping(manager):
        years = {root(manager, 'env', *words, 'date', '+%Y').stdout for _ in range(20)}
        check(len(years) > 1, f'the clock does not jump, it is always {years}')
        guest.override('[Service]\nEnvironment=' + ' '.join(words) + '\n')
        guest.start()
        check_in('libfaketime', manager.run(['cat', f'/proc/{guest.helper()}/maps']).stdout)
        guest.shell().run(f'echo {TEXT} >/kept')
        check_in('6.1', guest.send('version').stdout)
        seconds = guest.stop()
        check(3 <= seconds < 10, f'the stop took {seconds:.1f} s')
        guest.check_ended_well()
        check_equal(guest.read_file('/kept'), f'{TEXT}\n', 'the file in the image')


# mconsole, with a mock of a kernel

@contextlib.contextmanager
def mocks(manager, *faults_of_mock):
    """Guests whose kernel is a mock, one for each of its faults, that are up."""
    path = f'{manager.images}/mock-kernel.img'
    subprocess.run(['cp', f'{manager.container.build}/tests/system/mock-kernel', f'{manager.container.root}{path}'], check=True)
    with contextlib.ExitStack() as stack:
        stack.callback(manager.run, ['rm', path])
        guests = [stack.enter_context(Guest(manager, f'mock-{fault}', kernel=path, cmdline=f'mock={fault}')) for fault in faults_of_mock]
        for guest in guests:
            guest.start()
            check_match('Running: Linux 0.0', guest.status())
        yield guests


def check_requests_fail(guests, seconds):
    """To all of them at the same time."""
    def send(guest):
        begin = time.monotonic()
        result = guest.send('version', check=False)
        return result.returncode, result.stderr, time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for guest, (status, text, took) in zip(guests, pool.map(send, guests)):
            check(status != 0 and text.startswith('uml-helper: '), f'{guest.name} was answered: {status}, {text!r}')
            check(took < seconds, f'{guest.name} had its answer after {took:.1f} s')


def check_stop_kills(guests, seconds):
    """One stop for all of them, and nothing is left but the word that they were killed."""
    for guest in guests:
        check_memory(guest)
        guest.mark()
    begin = time.monotonic()
    guests[0].manager.systemctl('stop', *(guest.unit for guest in guests), timeout=120)
    took = time.monotonic() - begin
    check(took < seconds, f'the stop took {took:.1f} s')
    for guest in guests:
        guest.wait('The guest did not stop and was killed')
        check_equal(guest.show('ExecMainStatus'), KILLED, 'ExecMainStatus')
        guest.check_gone()


@faults.test('a kernel whose mconsole answers garbage (mock): requests and a reload fail at once, the stop kills it, nothing is left', SYSTEM)
def garbage(manager):
    with mocks(manager, 'garbage', 'length') as guests:
        check_requests_fail(guests, 10)
        for guest in guests:
            check(guest.reload(check=False).returncode != 0, 'the reload did not fail')
        check_stop_kills(guests, 40)


@faults.test('a kernel whose mconsole answers more and more, or more of nothing (mock): requests fail in time, the stop kills it, in bounded memory', SYSTEM)
def more(manager):
    with mocks(manager, 'more', 'nothing') as guests:
        check_requests_fail(guests, 35)
        check_stop_kills(guests, 60)


@faults.test('a kernel that does not answer (mock, and a real one that stands still): requests fail in time, the stop kills it', SYSTEM)
def silence(manager):
    with mocks(manager, 'silence') as guests, Guest(manager, 'real') as real:
        real.start()
        real.wait(LOGIN)
        real.signal_kernel('STOP')
        check_requests_fail([*guests, real], 35)
        check_stop_kills([*guests, real], 60)


@faults.test('a kernel that floods the socket for its notifications (mock): it is served as ever, in bounded memory', SYSTEM)
def flood_of_notifications(manager):
    with mocks(manager, 'flood') as guests:
        for _ in range(50):
            check_in('Linux mock', guests[0].send('version').stdout)
        check_match('Status: ', guests[0].status())
        check_stop_kills(guests, 60)


# Clients, and the guest's output

def connect(guest, name, kind):
    client = socket.socket(socket.AF_UNIX, kind)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 60, 0))  # for connect(), too, where it is full
    client.connect(guest.manager.container.inside(f'{guest.runtime}/{name}'))
    client.settimeout(60)
    return client


def request(command):
    return (0xcafebabe).to_bytes(4, 'little') + (2).to_bytes(4, 'little') + len(command).to_bytes(4, 'little') + command.encode()


@faults.test('clients of control that do not read, say nothing, send garbage or hang up in the middle keep nobody else from being served')
def nuisance(manager):
    with Guest(manager, 'patient') as guest, contextlib.ExitStack() as stack:
        guest.start()
        shell = guest.login()
        for number in range(40):
            client = stack.enter_context(connect(guest, 'control', socket.SOCK_SEQPACKET))
            if number % 2:
                client.send(request('help'))
            check_in('6.1', guest.send('version').stdout)
        for data in (b'\0', b'x' * 600, os.urandom(100), request('version')[:-1], request('\0'), request('x' * 511)):
            client = stack.enter_context(connect(guest, 'control', socket.SOCK_SEQPACKET))
            client.send(data)
            check_equal(client.recv(1024)[0], 1, f'the error in the answer to {data!r}')
        for _ in range(100):
            with connect(guest, 'control', socket.SOCK_SEQPACKET) as client:
                client.send(request('version'))
        check_in('6.1', guest.send('version').stdout)
        check_memory(guest)
        check_kept(guest, shell)


FLOODS = {
    'no line has an end': 'tr "\\0" x </dev/zero | head -c 10000000 >/dev/tty1',
    'NULs': 'head -c 10000000 /dev/zero >/dev/tty1',
    'escape sequences': 'yes "$(printf "\\033[31m\\033]0;title\\007\\033P\\033")" | head -c 10000000 >/dev/tty1',
    'the mconsole': 'for i in $(seq 5000); do echo READY=1 READY=1 READY=1; done >/proc/mconsole',
}


@faults.test('a guest that floods its console or /proc/mconsole is served, told of and stopped as ever, and its helper stays small', SYSTEM)
def floods(manager):
    with Guest(manager, 'floods', console=TWO_LINES) as guest:
        shell = printer(guest)
        for what, command in FLOODS.items():
            shell.send(f'({command}) &')
            shell.expect('# ')
            for _ in range(3):
                check_in('6.1', guest.send('version').stdout)
                check_match('Status: "Running', guest.status())
            shell.run('wait', timeout=120)
            check_memory(guest)
        shell.send('cat /dev/zero >/dev/tty1 &')
        shell.expect('# ')
        check_kept(guest, shell)


# What the helper lives on

@faults.test('when its runtime directory is emptied or deleted, a guest runs on, its stop ends in time, and nothing is left')
def deleted(manager):
    with Guest(manager, 'emptied') as emptied, Guest(manager, 'deleted') as whole:
        for guest, files in ((emptied, '*'), (whole, '')):
            guest.start()
            shell = guest.login()
            processes = guest.processes()
            manager.run(['bash', '-c', f'rm -r {guest.runtime}/{files}'])
            shell.run('sync')
            check_equal(guest.processes(), processes, 'the processes of the guest')
            check_equal(guest.show('ActiveState'), 'active', 'ActiveState')
            guest.mark()
        begin = time.monotonic()
        manager.systemctl('stop', emptied.unit, whole.unit, timeout=120)
        check(time.monotonic() - begin < 60, f'the stop took {time.monotonic() - begin:.1f} s')
        for guest in (emptied, whole):
            guest.check_gone()


@faults.test('where the FD store takes little or nothing, a guest runs; when its helper is killed it ends and boots anew, and a warning says why')
def no_store(manager):
    for number in (0, 1, 3):
        with Guest(manager, f'storeless-{number}') as guest:
            guest.override(f'[Service]\nFileDescriptorStoreMax={number}\n')
            guest.start()
            guest.login().run('true')
            guest.mark()
            manager.run(['kill', '-KILL', guest.helper()])
            guest.wait(r'(?s)because nothing was kept of them \(see FileDescriptorStoreMax=\).*login: ?$')
            guest.wait_active()
            check_equal(guest.show('NRestarts'), '1', 'NRestarts')
            guest.stop()
            guest.check_ended_well()


@faults.test('without descriptors for more clients the helper lives, who waits gets in when others leave, and the stop is clean', SYSTEM)
def few_descriptors(manager):
    with Guest(manager, 'crowded', console=TWO_LINES) as guest:
        guest.override('[Service]\nLimitNOFILE=80\n')
        guest.start()
        shell = guest.login()
        with contextlib.ExitStack() as crowd, contextlib.ExitStack() as stack:
            for _ in range(31):
                crowd.enter_context(connect(guest, 'con0.sock', socket.SOCK_STREAM))
            others = [stack.enter_context(connect(guest, 'con1.sock', socket.SOCK_STREAM)) for _ in range(15)]
            shell.run('echo news >/dev/tty1')
            others[0].recv(100)
            check_in('6.1', guest.send('version').stdout)
            last = bed.Console(others[-1])
            crowd.close()
            last.expect('news')
            check_in('6.1', guest.send('version').stdout)
            for _ in range(31):
                stack.enter_context(connect(guest, 'con0.sock', socket.SOCK_STREAM))
            check_kept(guest, shell)


# Again and again

cycles = Group(SYSTEM)
GUESTS, ROUNDS = 8, 25


def inventory(manager):
    """What must be the same before and after."""
    return {
        'processes': sorted(root(manager, 'ps', '-e', '-o', 'args=').stdout.splitlines()),
        'runtime directories': root(manager, 'find', '/run', '-path', '*uml*').stdout.split(),
        'mounts': root(manager, 'cat', '/proc/1/mountinfo').stdout.splitlines(),
        'descriptors of PID 1': sorted(re.sub(r'\[\d+\]', '', line) for line in root(manager, 'find', '/proc/1/fd', '-printf', '%l\n').stdout.splitlines()),
    }


@cycles.test('200 starts and stops leave no process, directory, mount, descriptor or warning')
def two_hundred(manager):
    with contextlib.ExitStack() as stack:
        guests = [stack.enter_context(Guest(manager, f'cycle{number}')) for number in range(GUESTS)]
        units = [guest.unit for guest in guests]
        before, since = inventory(manager), manager.now()
        for _ in range(ROUNDS):
            manager.systemctl('start', *units)
            manager.systemctl('stop', *units)
            for guest in guests:
                guest.check_image()
        after = inventory(manager)
        for what in before:
            check_equal(after[what], before[what], what)
        records = manager.journal('--output=json', f'--since={since}', *(word for unit in units for word in ('-u', unit)))
        records = [json.loads(line) for line in records.splitlines()]
        check_equal(sum('The guest is stopped' in record['MESSAGE'] for record in records), GUESTS * ROUNDS, 'the number of stops')
        # Linux 6.1 now and then falls over its own feet in the last step of a halt, which harms nothing.
        warnings = [record['MESSAGE'] for record in records if int(record['PRIORITY']) <= 4 and 'UML_CONSOLE' not in record
                    and record['MESSAGE'] != 'Kernel panic in the guest: Segfault with no mm']
        check(not warnings, '\n'.join(['warnings:', *warnings[:20]]))
        for guest in guests:
            guest.check_ended_well()
