# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each element of a definition has its effect: in the unit as systemd has it, on the kernel's command line, in the guest."""

import contextlib

from guests import Guest, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM, USER

HEAD = '''<domain type='uml'>
  <name>tuned</name>
  <title>A guest of the tests: 100% tuned</title>
  <memory unit='MiB' dumpCore='off'>96</memory>
  <currentMemory unit='MiB'>64</currentMemory>
'''
BOOT = '''  <os>
    <type>uml</type>
    <kernel>/usr/bin/linux.uml</kernel>
    <root>/dev/ubda</root>
    <init>/sbin/init</init>
    <initarg>first</initarg>
    <initenv name='GREETING'>hello</initenv>
    <cmdline>ro quiet dummy="a b"</cmdline>
  </os>
  <devices>
    <disk type='file'>
      <driver name='uml' type='raw' discard='ignore'/>
      <source file='IMAGE'/>
      <target dev='ubd0' bus='uml'/>
      <serial>SN-0001</serial>
    </disk>
    <disk type='file'>
      <source file='/usr/bin/linux.uml'/>
      <target dev='ubd3' bus='uml'/>
      <readonly/>
    </disk>
    <console type='pty'/>
  </devices>
'''
OWN = '''  <metadata>
    <uml:stop xmlns:uml='urn:uml-systemd:1' method='halt' timeout='7'/>
    <uml:ready xmlns:uml='urn:uml-systemd:1' timeout='40'/>
    <uml:option xmlns:uml='urn:uml-systemd:1'>uml.test=one argument</uml:option>
    <uml:vector xmlns:uml='urn:uml-systemd:1' index='2' transport='bess' dst='/run/nobody' mac='52:54:00:00:00:02'/>
  </metadata>
'''
TUNED = HEAD + OWN + '''  <memoryBacking><source type='file'/><locked/></memoryBacking>
  <vcpu cpuset='0-1'>1</vcpu>
  <cputune>
    <shares>2048</shares>
    <period>50000</period>
    <quota>40000</quota>
    <vcpupin vcpu='0' cpuset='0'/>
    <vcpusched vcpus='0' scheduler='batch'/>
  </cputune>
  <memtune>
    <hard_limit unit='MiB'>512</hard_limit>
    <soft_limit unit='MiB'>256</soft_limit>
    <min_guarantee unit='MiB'>16</min_guarantee>
  </memtune>
  <blkiotune>
    <weight>1000</weight>
    <device><path>/dev/null</path><weight>250</weight><read_bytes_sec>1048576</read_bytes_sec><write_iops_sec>100</write_iops_sec></device>
  </blkiotune>
  <numatune><memory mode='preferred' nodeset='0'/></numatune>
  <resource><partition>/machine/test-ing</partition></resource>
  <on_crash>coredump-restart</on_crash>
''' + BOOT + '''  <seclabel type='static' model='apparmor' relabel='no'><label>uml-tests</label></seclabel>
</domain>
'''
PLAIN = HEAD + OWN + BOOT + '</domain>\n'

# What systemctl show says of TUNED.
SETTINGS = {
    'Description': 'A guest of the tests: 100% tuned', 'Slice': r'machine-test\x2ding.slice',
    'CPUWeight': '200', 'CPUQuotaPerSecUSec': '800ms', 'CPUQuotaPeriodUSec': '50ms', 'CPUAffinity': '0', 'AllowedCPUs': '0',
    'CPUSchedulingPolicy': '3', 'MemoryMax': str(512 << 20), 'MemoryHigh': str(256 << 20), 'MemoryMin': str(16 << 20),
    'MemorySwapMax': '0', 'IOWeight': '200', 'IODeviceWeight': '/dev/null 50', 'IOReadBandwidthMax': '/dev/null 1048576',
    'IOWriteIOPSMax': '/dev/null 100', 'NUMAPolicy': 'preferred', 'NUMAMask': '0', 'AppArmorProfile': 'uml-tests',
    'LimitCORE': 'infinity', 'CoredumpFilter': '0x31', 'Restart': 'on-failure', 'RuntimeDirectoryPreserve': 'yes',
    'TimeoutStartUSec': '1min 10s', 'Environment': 'TMPDIR=/var/tmp',
}


@contextlib.contextmanager
def tuned(manager):
    with Guest(manager, 'tuned', definition=PLAIN if manager.user else TUNED) as guest:
        guest.start()
        guest.shell_of_root = guest.login()
        yield guest
    manager.systemctl('clean', '--what=runtime', guest.unit)  # which a core would have been in


elements = Group(shared=tuned)


@elements.test('systemctl show has what the tuning elements, labels, partition and lifecycle say', SYSTEM)
def settings(guest):
    names = [word for name in SETTINGS for word in ('--property', name)]
    shown = guest.manager.systemctl('show', *names, guest.unit).stdout
    found = dict(line.split('=', 1) for line in shown.splitlines())
    wrong = [f'{name} is {found.get(name)!r}, not {want!r}' for name, want in SETTINGS.items() if found.get(name) != want]
    check(not wrong, '\n'.join(wrong))


@elements.test('the processes of the guest run on the CPUs and with the scheduler that they were given', SYSTEM)
def processes(guest):
    status = guest.manager.run(['cat', f'/proc/{guest.kernel()}/status']).stdout
    check_match(r'^Cpus_allowed_list:\s+0$', status)
    check_in('SCHED_BATCH', guest.manager.run(['chrt', '--pid', guest.kernel()]).stdout)


@elements.test("a guest whose memory is backed by a file has it in the directory for that", SYSTEM)
def memory_file(guest):
    check_match(r'/var/tmp/', guest.manager.run(['ls', '-l', f'/proc/{guest.kernel()}/map_files']).stdout)


@elements.test("the kernel's command line has each option as it was given, one argument each")
def command_line(guest):
    command = guest.manager.run(['cat', f'/proc/{guest.kernel()}/cmdline']).stdout.split('\0')
    options = ['mem=65536K', 'root=/dev/ubda', f'ubd0td={guest.image},,SN-0001', 'ubd3rd=/usr/bin/linux.uml',
               'vec2:transport=bess,dst=/run/nobody,mac=52:54:00:00:00:02', 'init=/sbin/init', 'GREETING=hello',
               'uml.test=one argument', 'ro', 'quiet', 'dummy="a b"', '--', 'first']
    missing = [option for option in options if option not in command]
    check(not missing, f'{missing} of {command}')


@elements.test("in the guest: memory, serial, read-only, no discard, the vector device, init's argument and environment")
def inside(guest):
    run = guest.shell_of_root.run
    check_in('SN-0001', run('cat /sys/block/ubda/serial'))
    check_match(r'^0\s*$', run('cat /sys/block/ubda/queue/discard_max_bytes'))
    check_match(r'^1\s*$', run('cat /sys/block/ubdd/ro'))
    check_in('52:54:00:00:00:02', run('cat /sys/class/net/vec2/address'))
    check_match('dummy="a b" console=tty0 -- first$', run('cat /proc/cmdline').replace('\r', ''))
    check_in('GREETING=hello', run("tr '\\0' '\\n' </proc/1/environ"))


@elements.test('the unit names the own options: times for stop and start', USER, SYSTEM)
def own(guest):
    command = guest.show('ExecStart')
    check_in('--stop-timeout=7', command)
    check_in('--ready-timeout=40', command)


owner = Group(SYSTEM)


@owner.test('a guest with a dac label runs as that user and group, helper and all')
def dac(manager):
    label = "<seclabel type='static' model='dac' relabel='no'><label>alice:+1000</label></seclabel></domain>"
    with Guest(manager, 'owned', definition=PLAIN.replace('tuned', 'owned').replace('</domain>', label)) as guest:
        manager.run(['chown', 'alice', guest.image])
        manager.run(['chmod', '755', manager.images])
        guest.start()
        guest.wait('guest login:')
        check_equal((guest.show('User'), guest.show('Group')), ('alice', '1000'), 'user and group')
        output = manager.run(['ps', '-o', 'uid=,gid=', '-p', f'{guest.helper()},{guest.kernel()}']).stdout
        check_equal({line.strip() for line in output.splitlines()}, {'1000  1000'}, 'uid and gid')


SHARES = '''<filesystem type='mount'><source dir='/srv/100%-shared'/><target dir='/mnt/data'/></filesystem>
    <filesystem type='mount'><source dir='/srv/read-only'/><target dir='/mnt/ro'/><readonly/></filesystem>
  </devices>'''

shares = Group(SYSTEM)


@shares.test('a guest with shares reaches them, read-only where they are, and nothing else of the host by way of ..')
def confined(manager):
    manager.container.run(['mount', '-o', 'remount,bind,rw', '/proc/sys'])  # as it is on a host, but not in a container
    manager.run(['mkdir', '-p', '/srv/100%-shared', '/srv/read-only'])
    manager.write('/srv/100%-shared/file', 'of the host\n')
    with Guest(manager, 'confined', definition=PLAIN.replace('tuned', 'confined').replace('</devices>', SHARES)) as guest:
        guest.start()
        run = guest.login().run
        run('mount -t tmpfs none /tmp && mkdir /tmp/data /tmp/ro /tmp/up /tmp/init')
        check_in('uml.share=/mnt-data:/mnt/data', run('cat /proc/cmdline'))
        check_in('of the host', run('mount -t hostfs -o /mnt-data none /tmp/data && cat /tmp/data/file'))
        run('echo of the guest >/tmp/data/new')
        check_in('of the guest', manager.run(['cat', '/srv/100%-shared/new']).stdout)
        run('mount -t hostfs -o /mnt-ro none /tmp/ro && ! touch /tmp/ro/file')
        # hostfs does not keep a guest's root below its directory; but there is nothing else to be seen.
        run('mount -t hostfs -o /../../../.. none /tmp/up && test -d /tmp/up/usr && test ! -e /tmp/up/etc/shadow')
        run('! mount -t hostfs -o /../../../../proc/1/root none /tmp/init')
        run('! touch /tmp/up/run/systemd/journal/file && touch /tmp/up/dev/shm/file')
        check_equal(manager.run(['test', '-e', '/dev/shm/file'], check=False).returncode, 1, 'a file of the guest in /dev/shm')
        run('! true >>/tmp/up/proc/sys/kernel/core_pattern')
    manager.container.run(['mount', '-o', 'remount,bind,ro', '/proc/sys'])


CONFIG = '''[Guest]
Kernel=/usr/bin/linux.uml
Slice=machine-of.slice
[Stop]
Method=halt
TimeoutSec=11
[Ready]
TimeoutSec=33
[Console]
ReplaySize=1K
RateLimit=777
[Security]
DeviceAllow=/dev/net/tun rw
'''
SHORT = '''<domain type='uml'><name>short</name><memory unit='MiB'>64</memory>
  <os><type>uml</type><root>/dev/ubda</root></os>
  <devices><disk type='file'><source file='IMAGE'/><target dev='ubd0'/></disk></devices>
</domain>
'''

config = Group()


@contextlib.contextmanager
def configured(manager, text):
    directory = f'{manager.definitions}/uml.conf.d'
    manager.run(['mkdir', '-p', directory])
    manager.write(f'{directory}/50-test.conf', text)
    try:
        yield
    finally:
        manager.run(['rm', '-r', directory])


@config.test("uml.conf's settings are those of a guest that has none of its own, and it boots with them")
def defaults(manager):
    with configured(manager, CONFIG), Guest(manager, 'short', definition=SHORT) as guest:
        guest.start()
        guest.wait('guest login:')
        command = guest.show('ExecStart')
        for word in ('/usr/bin/linux.uml', '--stop-method=halt', '--stop-timeout=11', '--ready-timeout=33', '--replay=1024'):
            check_in(word, command)
        check_equal(guest.show('Slice'), 'machine-of.slice', 'Slice')
        check_equal(guest.show('LogRateLimitBurst'), '777', 'LogRateLimitBurst')
        check_equal(guest.show('DeviceAllow'), '/dev/net/tun rw', 'DeviceAllow')


@config.test("a setting that uml.conf cannot have is told with file and line, and the guest boots without it")
def wrong(manager):
    with configured(manager, '[Stop]\nTimeoutSec=soon\nColour=red\n'), Guest(manager, 'short', definition=SHORT) as guest:
        guest.start()
        guest.wait('guest login:')
        check_in('--stop-timeout=60', guest.show('ExecStart'))
        # systemd's own run of it tells the kernel's log, which is not the container's.
        generator = f'/usr/lib/systemd/{manager.label}-generators/uml-generator'
        said = manager.run(['sh', '-c', 'd=$(mktemp -d); SYSTEMD_SCOPE=$1 "$0" "$d" "$d" "$d"; rm -r "$d"', generator, manager.label]).stderr
        check_in(f"{manager.definitions}/uml.conf.d/50-test.conf:2: error: TimeoutSec='soon'", said)
        check_in(f'{manager.definitions}/uml.conf.d/50-test.conf:3: warning: unknown key Colour=', said)


ready = Group()


def waiting(name, *attributes, init='init'):
    """A definition whose start waits for more than the mconsole."""
    element = f"<uml:ready xmlns:uml='urn:uml-systemd:1' {' '.join(attributes)}/>"
    return domain(name, 'IMAGE', cmdline=f'init=/sbin/{init}').replace('</metadata>', element + '</metadata>')


@ready.test("a start that waits for a console's text ends when the guest has printed it, and not before")
def ready_console(manager):
    definition = waiting('waits', "when='console'", "pattern='^[a-z]+ login: $'")
    with Guest(manager, 'waits', definition=definition) as guest:
        guest.start()
        check_match('^guest login: ', manager.journal('--output=cat', '-u', guest.unit))
        check_match('"Running: Linux 6', guest.status())


@ready.test("a start that waits for the guest's word ends when it is written to /proc/mconsole, and no other word counts")
def ready_message(manager):
    with Guest(manager, 'says', definition=waiting('says', "when='message'", init='init-ready')) as guest:
        guest.start()
        check_match('^not yet', manager.journal('--output=cat', '-u', guest.unit))
        check_equal(guest.show('ActiveState'), 'active', 'ActiveState')


@ready.test('a start fails in time when the text does not come, and says what it waited for and what came last')
def ready_never(manager):
    with Guest(manager, 'never', definition=waiting('never', "when='console'", "pattern='no such text'", "timeout='8'")) as guest:
        check(guest.start(check=False, timeout=60).returncode != 0, 'the guest started')
        check_match(r'no line of its console matched the pattern within 8 s .*; it last said: .+', guest.status())
        check_equal(guest.show('ExecMainStatus'), '69', 'the exit status')
        check_equal(guest.processes(), '', 'what is left running')
