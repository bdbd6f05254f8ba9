# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the host may be short of: told before the boot where it can be known, else when it has come, and no data is lost."""

import contextlib
import re

from guests import Guest, LOGIN, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM, USER

exhaustion = Group(SYSTEM)
of_users = Group(USER)


@contextlib.contextmanager
def drop_in(guest, *settings):
    """The guest's service with more settings."""
    manager = guest.manager
    parent = f'{manager.user.runtime}/systemd/user' if manager.user else '/run/systemd/system'
    directory = f'{parent}/{guest.unit}.d'
    manager.run(['mkdir', '-p', directory])
    manager.write(f'{directory}/60-test.conf', '\n'.join(('[Service]', *settings, '')))
    manager.daemon_reload()
    try:
        yield
    finally:
        manager.systemctl('stop', guest.unit, check=False, timeout=120)
        manager.run(['rm', '-r', directory])
        manager.daemon_reload()


@contextlib.contextmanager
def tmpfs(manager, path, options):
    """A tmpfs in the container, while no guest uses it any more."""
    manager.container.run(['mkdir', '-p', path])
    manager.container.run(['mount', '-t', 'tmpfs', '-o', options, 'test', path])
    try:
        yield
    finally:
        manager.container.run(['umount', path])


@contextlib.contextmanager
def filled(manager, path, leave):
    """A file that takes what a file system has, all but some bytes."""
    run = manager.container.run
    free = int(run(['stat', '--file-system', '--format=%a', path]).stdout) * 4096
    run(['fallocate', '--length', str(free - leave), f'{path}/filler'])
    try:
        yield
    finally:
        run(['rm', f'{path}/filler'])


def digest(guest):
    return guest.manager.run(['sha256sum', guest.image]).stdout


def own_journal(guest):
    """What the journal has of the guest's unit since its last start."""
    return guest.manager.journal('-u', guest.unit, f'--since={guest.since}')


def check_refused(guest, *reasons):
    """The start fails before the boot with the reasons, and leaves all as it was."""
    before = digest(guest)
    check(guest.start(check=False, timeout=30).returncode != 0, 'the guest started')
    status = guest.status()
    for reason in reasons:
        check_match(reason, status)
    check_equal(guest.show('ExecMainStatus'), '69', 'the exit status')
    check_equal(digest(guest), before, 'the image')
    check('Linux version' not in own_journal(guest), 'a kernel was started')
    guest.check_gone()
    guest.manager.systemctl('reset-failed', guest.unit)


def check_warned(guest, *reasons):
    """The guest boots, and there were warnings of what may come."""
    guest.start()
    guest.wait(LOGIN)
    for reason in reasons:
        guest.wait(reason, timeout=5)


def check_kept(guest):
    """The guest starts again, and has what it had synced before; its journal makes the file system clean."""
    guest.start()
    guest.login().run('grep precious /kept; rm -f /big; sync')
    guest.stop()
    guest.check_ended_well()


def refused(name, settings, *reasons):
    def test(manager):
        with Guest(manager, name) as guest, drop_in(guest, *settings):
            check_refused(guest, *reasons)
    return test


# The guest's memory

for sentence, name, settings, *reasons in (
    ('a guest whose memory does not fit into /dev/shm does not start, and says how much is missing', 'shm-small',
     ['TemporaryFileSystem=/dev/shm:size=40M'], r'/dev/shm has 40 MiB free, but .* needs 64 MiB, 24 MiB more'),
    ('a guest does not start when /dev/shm is noexec, and says how to change that', 'shm-noexec',
     ['TemporaryFileSystem=/dev/shm:size=96M,noexec'], 'mount -o remount,exec /dev/shm'),
    ('a guest does not start when /dev/shm is read-only, and says so', 'shm-read-only',
     ['TemporaryFileSystem=/dev/shm:ro'], '/dev/shm, .* cannot be written: Read-only file system'),
    ('a guest does not start when the directory for its memory is not there, and the message names it', 'tmpdir-missing',
     ['Environment=TMPDIR=/nowhere'], '/nowhere, where the guest.s memory is kept: No such file or directory'),
    ('a guest does not start when its kernel may not have the address space of its memory', 'limit-as',
     ['LimitAS=66M'], r'66 MiB of address space \(LimitAS=\).* needs 67 MiB'),
    ('a guest does not start when its kernel may have no data', 'limit-data',
     ['LimitDATA=4M'], r'4 MiB of data \(LimitDATA=\).* needs 5 MiB'),
    ('a guest does not start when no file may be as large as its memory, or its disk, each with its message', 'limit-fsize',
     ['LimitFSIZE=60M'], r'60 MiB \(LimitFSIZE=\), but the guest.s memory is a file of 64 MiB',
     r'60 MiB \(LimitFSIZE=\), but \S+limit-fsize.img of disk ubd0 has 64 MiB'),
    ('a guest does not start when no signal may be pending, which would have it hang for ever', 'limit-sigpending',
     ['LimitSIGPENDING=0'], r'may have 0 signals pending \(LimitSIGPENDING=\)'),
):
    exhaustion.test(sentence)(refused(name, settings, *reasons))

@exhaustion.test('a guest boots with an address space just large enough, and its user is warned')
def little_address_space(manager):
    with Guest(manager, 'limit-as-just') as guest, drop_in(guest, 'LimitAS=80M'):
        check_warned(guest, r'80 MiB of address space \(LimitAS=\)')


@exhaustion.test('a guest boots with limits that are just large enough, without a message')
def limits(manager):
    with Guest(manager, 'limits') as guest, drop_in(guest, 'LimitDATA=5M', 'LimitFSIZE=64M', 'LimitSIGPENDING=64'):
        check_warned(guest)
        check(not re.search('Limit[A-Z]+=', own_journal(guest)), f'there was a message:\n{own_journal(guest)}')


@exhaustion.test('a guest with more memory than its host has starts, as it may not use it, and its user is warned')
def more_than_host(manager):
    memory = int(check_match(r'MemTotal: +(\d+)', manager.run(['cat', '/proc/meminfo']).stdout)[1]) // 1024 + 4096
    with Guest(manager, 'more-than-host', memory=memory) as guest:
        with drop_in(guest, f'TemporaryFileSystem=/dev/shm:size={memory + 1024}M'):
            check_warned(guest, rf'the host has \d+ MiB of memory, swap included, but the guest is to have {memory} MiB')


@exhaustion.test("a guest crashes when its memory's file system fills up, with a message that names it, and keeps its data")
def filling_up(manager):
    with tmpfs(manager, '/run/memory', 'size=80M'), Guest(manager, 'filling-up') as guest:
        with drop_in(guest, 'Environment=TMPDIR=/run/memory'):
            guest.start()
            shell = guest.login()
            shell.run('echo precious >/kept; sync')
            with filled(manager, '/run/memory', leave=64 * 1024):
                shell.send('mount -t tmpfs -o size=60M tmpfs /tmp; cat /dev/zero >/tmp/zero')
                guest.wait('Kernel panic in the guest: Kernel mode signal 7')
                guest.wait(r'/run/memory was full: it has \d+ MiB free without .* 64 MiB; .*remount,size=… /run/memory')
                guest.wait('Failed with result')
                check_equal(guest.show('ExecMainStatus'), '70', 'the exit status')
                guest.check_gone()
                check_refused(guest, r'/run/memory has \d+ MiB free')
            check_kept(guest)


# Processes

@of_users.test("a guest does not start when its user may have no more processes, and the message says how many")
def limit_nproc(manager):
    with Guest(manager, 'limit-nproc') as guest, drop_in(guest, 'LimitNPROC=6'):
        check_refused(guest, r"the guest's user may have [0-4] processes more \(LimitNPROC=.* needs 5 to boot")


@of_users.test('a guest boots with few processes for its user, and its user is warned')
def few_processes(manager):
    with Guest(manager, 'few-processes') as guest, drop_in(guest, 'LimitNPROC=30'):
        check_warned(guest, r"the guest's user may have \d+ processes more \(LimitNPROC=")


# Control groups. The container has no controllers: what the kernel would say is a mock.

@contextlib.contextmanager
def mock_cgroup(guest, **files):
    """The service sees other files in its control group; _ stands for the dot in a file's name."""
    directory = f'/run/mock/machine.slice/{guest.unit}'
    guest.manager.run(['mkdir', '-p', directory])
    for name, text in files.items():
        guest.manager.write(f'{directory}/{name.replace("_", ".", 1)}', f'{text}\n')
    with drop_in(guest, 'BindReadOnlyPaths=/run/mock:/sys/fs/cgroup'):
        yield
    guest.manager.run(['rm', '-r', '/run/mock'])


@exhaustion.test('mock: a guest does not start when its service may not have the processes of a kernel')
def tasks_max(manager):
    with Guest(manager, 'tasks-max') as guest, mock_cgroup(guest, pids_max=5, pids_current=1):
        check_refused(guest, r'the service may have 4 processes more \(TasksMax=.* needs 5 to boot')


@exhaustion.test('mock: a guest does not start when its service may not use the memory of a kernel')
def memory_max(manager):
    with Guest(manager, 'memory-max') as guest, mock_cgroup(guest, memory_max=16 << 20):
        check_refused(guest, r'the service may use 16 MiB of memory \(MemoryMax=.* less than 25 MiB')


@exhaustion.test('mock: a guest with more memory than its service may use boots, with a warning; its crash is explained')
def explained(manager):
    files = {'memory_max': 70 << 20, 'memory_events': 'oom 1\noom_kill 1', 'pids_max': 20, 'pids_events': 'max 3'}
    with Guest(manager, 'explained') as guest, mock_cgroup(guest, **files):
        check_warned(guest, r'may use 70 MiB of memory \(MemoryMax=.* may need 80 MiB', r'may have 20 processes more \(TasksMax=')
        guest.signal_kernel('KILL')
        guest.wait("has killed 1 of the service's processes for want of memory: the service may use 70 MiB; raise MemoryMax=")
        guest.wait('has refused the service a process 3 times: TasksMax=')
        guest.wait('Failed with result')


# Disks

def fill_disk(guest, image):
    """Write more than the file system of IMAGE has room for, crash, and see what is there when there is room again."""
    shell = guest.login()
    shell.run('echo precious >/kept; sync')
    shell.send('dd if=/dev/urandom of=/big bs=1M count=40; sync')
    guest.wait('I/O error')
    shell.expect('(?s)40.0 records out.*# ')
    shell.send('echo c >/proc/sysrq-trigger')
    guest.wait(rf'The file system of {image} is full: .* had written before is there')
    guest.wait('Failed with result')
    check_equal(guest.show('ExecMainStatus'), '70', 'the exit status')
    guest.check_gone()
    guest.manager.container.run(['mount', '-o', 'remount,size=120M', '/run/images'])
    guest.start()
    guest.login().run('grep precious /kept; rm -f /big; sync')
    check(not re.search(f'file system of {image} has', own_journal(guest)), 'there is a warning, though there is room')
    guest.stop()
    guest.check_gone()


@exhaustion.test('no room for a sparse image to grow is told before the boot; when it is used up, what the guest had synced is kept')
def sparse(manager):
    with tmpfs(manager, '/run/images', 'size=24M'), Guest(manager, 'sparse') as guest:
        manager.container.run(['cp', '--sparse=always', guest.image, '/run/images/sparse.img'])
        manager.run(['rm', guest.image])
        manager.run(['ln', '-s', '/run/images/sparse.img', guest.image])
        guest.start()
        guest.wait(r'the file system of \S+sparse.img has 2\d MiB free, but .* takes up to 6\d MiB more')
        fill_disk(guest, r'\S+sparse.img')


@exhaustion.test('no room for a COW file to grow is told before the boot; when it is used up, what the guest had synced is kept')
def cow(manager):
    backing = "<backingStore type='file'><format type='raw'/><source file='IMAGE'/></backingStore>"
    definition = domain('cow-room', '/run/images/cow').replace(
        "<source file='/run/images/cow'/>",
        f"<driver type='cow' discard='ignore'/><source file='/run/images/cow'/>{backing}")
    with tmpfs(manager, '/run/images', 'size=16M'), Guest(manager, 'cow-room', definition=definition) as guest:
        guest.start()
        guest.wait('the file system of /run/images/cow has 1[56] MiB free, but .* takes up to 64 MiB more')
        fill_disk(guest, '/run/images/cow')


@exhaustion.test('a guest does not start when its disk is larger than a file may be')
def fsize_image(manager):
    with Guest(manager, 'fsize-image', memory=32) as guest, drop_in(guest, 'LimitFSIZE=40M'):
        check_refused(guest, r'40 MiB \(LimitFSIZE=\), but \S+fsize-image.img of disk ubd0 has 64 MiB')


# The runtime directory

@exhaustion.test('a guest does not start when its runtime directory can have no more files, and says so')
def no_inodes(manager):
    with tmpfs(manager, '/run/uml', 'size=1M,nr_inodes=8'), Guest(manager, 'no-inodes') as guest:
        check_refused(guest, 'the file system of /run/uml/no-inodes is full: .*nr_inodes=')


@exhaustion.test('a guest boots and ends well when its runtime directory has no more bytes, and its user is warned')
def no_bytes(manager):
    with tmpfs(manager, '/run/uml', 'size=64K'), filled(manager, '/run/uml', 0), Guest(manager, 'no-bytes') as guest:
        check_warned(guest, 'the file system of /run/uml/no-bytes is full: .*size=')
        check_in('6.1', guest.mconsole('version'))
        guest.stop()
        guest.check_ended_well()


@exhaustion.test('a guest does not start when a running UML has its umid; the message names its process, which runs on')
def taken(manager):
    with Guest(manager, 'taken') as guest, drop_in(guest, 'RuntimeDirectoryPreserve=yes'), Guest(manager, 'taker') as other:
        manager.run(['mkdir', '-p', f'{guest.runtime}'])
        manager.run(['systemd-run', '--unit=taker', '--', 'setarch', '-R', 'linux.uml', 'mem=64M', 'umid=taken',
                     f'uml_dir={guest.runtime}/umid/', f'ubd0d={other.image}', 'root=/dev/ubda', 'con=null', 'ssl=null',
                     'con0=fd:0,fd:1', 'init=/sbin/init-deaf'])
        try:
            manager.wait_journal('taker.service', 'shell of /sbin/init-deaf')
            pid = manager.show('taker.service', 'MainPID')
            before = digest(guest)
            check(guest.start(check=False, timeout=30).returncode != 0, 'the guest started')
            check_match(rf'with the umid taken in {guest.runtime}/umid: process {pid} \(linux.uml\); stop it', guest.status())
            check_equal(guest.show('ExecMainStatus'), '69', 'the exit status')
            check_equal(digest(guest), before, 'the image')
            check_in('6.1', manager.run(['uml_mconsole', f'{guest.runtime}/umid/taken/mconsole', 'version']).stdout)
            manager.run(['uml_mconsole', f'{guest.runtime}/umid/taken/mconsole', 'halt'])
        finally:
            manager.systemctl('stop', 'taker.service', check=False)
        guest.start()
        guest.wait(LOGIN)
        guest.stop()
        manager.run(['rm', '-r', guest.runtime])


@exhaustion.test('a guest starts whatever a crash, or a guest before, has left in a preserved runtime directory')
def stale(manager):
    with Guest(manager, 'stale') as guest, drop_in(guest, 'RuntimeDirectoryPreserve=yes\nRestart=no'):
        guest.start()
        guest.wait(LOGIN)
        guest.manager.run(['kill', '-KILL', guest.helper(), guest.kernel()])
        guest.wait('Failed with result')
        umid = f'{guest.runtime}/umid/stale'
        manager.run(['test', '-S', f'{umid}/mconsole'])
        # A process that lives, and is no UML: pids are used again.
        manager.write(f'{umid}/pid', manager.container.run(['pgrep', '--oldest', 'systemd-journal']).stdout)
        manager.run(['mkdir', '-p', f'{umid}/a directory/-rf *\n/below', f'{guest.runtime}/umid/other'])
        manager.run(['ln', '-s', manager.images, f'{umid}/images'])
        guest.start()
        guest.wait(LOGIN)
        check_equal(manager.run(['readlink', f'{guest.runtime}/mconsole']).stdout, 'umid/stale/mconsole\n', 'the link')
        check_in('6.1', guest.mconsole('version'))
        check_equal(manager.run(['ls', f'{guest.runtime}/umid', umid]).stdout.split(),
                    [f'{guest.runtime}/umid:', 'stale', f'{umid}:', 'mconsole', 'pid'], 'what is in the directory')
        guest.stop()
        manager.run(['test', '-e', guest.image])
        manager.run(['rm', '-r', guest.runtime])


@of_users.test('a guest runs in a runtime directory too deep for sockets, and its user is told how to connect')
def deep(manager):
    runtime = f'{manager.user.runtime}/{"deep" * 20}/{"deeper" * 10}'
    with Guest(manager, 'deep') as guest, drop_in(guest, f'Environment=RUNTIME_DIRECTORY={runtime}'):
        manager.run(['mkdir', '-p', '-m', '700', runtime])
        guest.start()
        guest.wait(rf'{runtime}/con0.sock has \d+ bytes, but .* no path of more than 107; .*cd {runtime}.*UNIX-CONNECT:con0.sock')
        guest.wait(LOGIN)
        shell = ['sh', '-c', f'cd {runtime} && echo | socat -t 1 - UNIX-CONNECT:con0.sock']
        check_in('login:', manager.run(shell, check=False).stdout)
        guest.reload()
        guest.wait(LOGIN)
        guest.stop()
        manager.run(['rm', '-r', f'{manager.user.runtime}/{"deep" * 20}'])
        guest.check_ended_well()
