# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 1 and 2 of the contract: a guest starts, and its console is in the journal."""

import contextlib
import json
import socket

import bed
from guests import Guest, LOGIN, check, check_equal, check_in, check_match
from tap import Group, USER

UUID = 'b4433fc2-a22e-ffb3-0a3d-9c173b395800'
# The example of libvirt's page on its UML driver, with a kernel and a disk that exist.
DEMO = f'''<domain type='uml'>
  <name>demo</name>
  <uuid>{UUID}</uuid>
  <memory>500000</memory>
  <currentMemory>500000</currentMemory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>uml</type>
    <kernel>/usr/bin/linux.uml</kernel>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <source file='IMAGE'/>
      <target dev='ubd0' bus='uml'/>
    </disk>
    <console type='pty'/>
  </devices>
</domain>
'''


@contextlib.contextmanager
def demo(manager):
    """The example, started; what mconsole said at the moment when the start ended is kept with it."""
    with Guest(manager, 'demo', definition=DEMO) as guest:
        guest.start()
        guest.first_version = guest.mconsole('version')
        guest.wait(LOGIN)
        yield guest


boot = Group(shared=demo)


@boot.test('systemctl start ends when the guest answers on mconsole')
def start_waits(guest):
    check_in('6.1', guest.first_version)
    check_equal(guest.show('ActiveState'), 'active', 'ActiveState')


@boot.test('systemctl status names the definition, the phase, the kernel release and the last console lines')
def status(guest):
    text = guest.status()
    check_match(rf'^ +Loaded: loaded \({guest.manager.definitions}/demo\.xml; ', text)
    check_match(r'^ +Status: ".*Running.*6\.1', text)
    check_in('guest login:', text)


@boot.test("nothing of a user's guest runs as anybody else", USER)
def unprivileged(guest):
    output = guest.manager.container.run(['ps', '-o', 'uid=', '-p', f'{guest.helper()},{guest.kernel()}']).stdout
    check_equal(set(output.split()), {str(guest.manager.user.uid)}, 'the uids')


@boot.test('a guest has the memory that its definition gives it')
def memory(guest):
    shown = int(check_match(r'MemTotal: +(\d+) kB', guest.mconsole('proc', 'meminfo'))[1])
    check(430000 < shown < 500000, f'the guest sees {shown} kB')


@boot.test('each line of the console is a journal record with the guest, its uuid, the console and a priority')
def records(guest):
    output = guest.manager.journal('--output=json', 'UML_DOMAIN=demo', 'UML_CONSOLE=con0')
    found = [json.loads(line) for line in output.splitlines()]
    messages = [record['MESSAGE'] for record in found]
    check(any(text.endswith('Run /sbin/init as init process') for text in messages), f'no line of its own: {messages}')
    for record in found:
        check_record(record)


def check_record(record):
    check(isinstance(record['MESSAGE'], str), f'not clean text: {record}')
    check(not set('\n\r\x1b') & set(record['MESSAGE']), f'not one clean line: {record}')
    check_equal(record.get('UML_DOMAIN_UUID'), UUID, 'UML_DOMAIN_UUID')
    check_equal(record.get('SYSLOG_IDENTIFIER'), 'uml-demo', 'SYSLOG_IDENTIFIER')
    check_equal(record.get('_TRANSPORT'), 'journal', '_TRANSPORT')
    check(record.get('PRIORITY') in set('01234567'), f'no priority: {record}')


@boot.test("journalctl -u shows the guest's console from the kernel's first line to the login prompt without newline")
def prompt(guest):
    text = guest.manager.journal('--output=cat', '-u', guest.unit)
    check_match(r'^(\[.*\] )?Linux version 6\.1', text)
    check_match(r'^guest login: ?$', text)


@boot.test("the unix socket of a console is the guest's terminal")
def console_socket(guest):
    console = guest.login()
    check_in('/dev/tty0', console.run('tty'))
    console.send('exit')
    console.expect('login: ')


@boot.test("the pty of a console is the guest's terminal for a terminal program")
def console_pty(guest):
    near, far = socket.socketpair()
    command = ['socat', '-t0', '-', f'{guest.runtime}/con0.pty,rawer']
    with guest.manager.container.popen(command, guest.manager.user, stdin=far, stdout=far), near:
        far.close()
        console = bed.Console(near)
        console.expect(r'login: ?\Z')
        console.send('')
        console.expect('login: ')
