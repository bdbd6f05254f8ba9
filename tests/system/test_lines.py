# SPDX-License-Identifier: LGPL-2.1-or-later
"""Consoles and serial lines: files, logs, the last output for newcomers, the time to come up."""

import contextlib
import re
import socket

import bed
from guests import Guest, check, check_equal, check_in, check_match, domain
from tap import Group, SYSTEM

lines = Group()

def logs(manager):
    """A directory for the files of lines."""
    path = f'{manager.user.home}/logs' if manager.user else '/var/log/guests'
    manager.run(['rm', '-rf', path])
    manager.run(['mkdir', path])
    return path


def with_option(name, option, **arguments):
    """A definition with an option of our own, which is an element with the prefix uml."""
    metadata = f"<metadata xmlns:uml='urn:uml-systemd:1'><uml:stop method='halt'/>{option}</metadata>"
    return domain(name, 'IMAGE', stop='', **arguments).replace('<memory', f'{metadata}\n  <memory', 1)


def read(manager, path):
    return manager.run(['cat', path]).stdout


def messages(guest, console):
    """What the journal has of one line of the guest."""
    return guest.manager.journal('--output=cat', f'UML_DOMAIN={guest.name}', f'UML_CONSOLE={console}')


@lines.test('a console that is a file writes all to it, from the start of the service on, through reboots, and to the journal')
def file(manager):
    path = f'{logs(manager)}/con1.log'
    manager.write(path, 'of yesterday\n')
    console = f"<console type='pty'/><console type='file'><source path='{path}' append='off'/><target port='1'/></console>"
    with Guest(manager, 'file', console=console) as guest:
        guest.start()
        guest.login().run(r"printf '\033[1mfirst\033[0m\n' >/dev/tty1")
        guest.reload()
        guest.login().run('echo second >/dev/tty1')
        check_equal(read(manager, path).replace('\r', ''), '\x1b[1mfirst\x1b[0m\nsecond\n', 'the file')
        check_equal(messages(guest, 'con1'), 'first\nsecond\n', 'the journal')
        manager.run(['test', '-S', f'{guest.runtime}/con1.sock'])
        check(manager.run(['test', '-e', f'{guest.runtime}/con1.pty'], check=False).returncode != 0, 'there is a con1.pty')
        guest.stop()
        guest.start()
        guest.login()
        check_equal(read(manager, path), '', 'the file after a new start')


@lines.test('a log gets what a line prints, whatever the line is, and is appended to')
def log(manager):
    directory = logs(manager)
    manager.write(f'{directory}/con0', 'of yesterday\n')
    console = (f"<console type='pty'><log file='{directory}/con0' append='on'/></console>"
               f"<serial type='null'><log file='{directory}/a, b'/><target port='3'/></serial>")
    with Guest(manager, 'log', console=console) as guest:
        guest.start()
        guest.login().run('echo to the log only >/dev/ttyS3')
        text = read(manager, f'{directory}/con0')
        check(text.startswith('of yesterday\n'), f'the log began anew:\n{text}')
        check_match(r'Linux version 6\.1', text)
        check_in('login: root', text)
        check_in('to the log only', read(manager, f'{directory}/a, b'))
        check_in('to the log only', messages(guest, 'ssl3'))
        check(manager.run(['test', '-e', f'{guest.runtime}/ssl3.sock'], check=False).returncode != 0, 'a null line has a socket')


@lines.test('a guest does not start when the file of a line cannot be opened or is none, and the message names it', SYSTEM)
def no_file(manager):
    directory = logs(manager)
    manager.run(['mkfifo', f'{directory}/fifo'])
    for path, reason in ((f'{directory}/missing/con0', 'No such file'), (f'{directory}/fifo', 'FIFO'), (directory, 'directory')):
        with Guest(manager, 'no-file', console=f"<console type='pty'><log file='{path}'/></console>") as guest:
            check(guest.start(check=False).returncode != 0, 'the guest started')
            check_match(f'con0 .*{re.escape(path)}: .*{reason}', guest.status())
            check_equal(guest.show('ExecMainStatus'), '69', 'the exit status')


@contextlib.contextmanager
def small_disk(manager, path):
    manager.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path])
    try:
        yield
    finally:
        manager.run(['umount', path])


@lines.test('a full disk below a log neither stops the guest nor fills the journal; the loss is counted', SYSTEM)
def full(manager):
    directory = logs(manager)
    console = f"<console type='pty'/><serial type='null'><log file='{directory}/log'/><target port='0'/></serial>"
    with small_disk(manager, directory), Guest(manager, 'full', console=console) as guest:
        guest.start()
        shell = guest.login()
        shell.run('stty -F /dev/ttyS0 raw; yes 0123456 | head -c 1000000 >/dev/ttyS0')
        guest.wait(r'log: the output of ssl0 cannot be written: No space left on device')
        size = int(manager.run(['stat', '-c', '%s', f'{directory}/log']).stdout)
        manager.run(['truncate', '-s', '0', f'{directory}/log'])
        shell.run('sleep 1; echo again >/dev/ttyS0')
        lost = int(guest.wait(r'log: (\d+) bytes of ssl0 were lost; it can be written again')[1])
        check_equal(size + lost, 1000000, 'bytes written and lost')
        check_equal(read(manager, f'{directory}/log'), 'again\n', 'the file')
        text = manager.journal('--output=cat', '-u', guest.unit)
        check_equal(len(re.findall('cannot be written', text)), 1, 'messages')


@lines.test('a new client of a console is sent the last output first')
def replay(manager):
    with Guest(manager, 'replay') as guest:
        guest.start()
        guest.login().run('echo something')
        console = guest.console()
        console.expect(r'Linux version 6\.1')
        console.expect('login: ')
        console.expect('something\r\nstatus-')
        console.run('true')


@lines.test('who opens the pty of a console is sent the last output first, again and again', SYSTEM)
def pty_replay(manager):
    with Guest(manager, 'pty-replay') as guest:
        guest.start()
        guest.wait('login: ')
        for _ in range(2):
            near, far = socket.socketpair()
            command = ['socat', '-t0', '-', f'{guest.runtime}/con0.pty,rawer']
            with manager.container.popen(command, manager.user, stdin=far, stdout=far), near:
                far.close()
                console = bed.Console(near)
                console.expect(r'Linux version 6\.1')
                text = console.expect('login: ')
                check('Linux version' not in text, f'twice:\n{text}')


@lines.test('without replay, a new client is sent what comes', SYSTEM)
def no_replay(manager):
    with Guest(manager, 'no-replay', definition=with_option('no-replay', '<uml:replay>0</uml:replay>')) as guest:
        guest.start()
        guest.wait('login: ')
        console = guest.console()
        console.send('')
        check('Linux version' not in console.expect('login: '), 'old output was sent')


@lines.test('a guest that is not up in time is killed, its start fails, and the message says what it last said')
def not_ready(manager):
    kernel = f'{manager.images}/kernel.img'
    manager.write(kernel, '#!/bin/sh\necho I have a headache >&2\nsleep 1000 & exec setsid sleep 1000\n')
    manager.run(['chmod', '755', kernel])
    definition = with_option('not-ready', "<uml:ready timeout='2'/>", kernel=kernel)
    with Guest(manager, 'not-ready', definition=definition) as guest:
        result = guest.start(check=False, timeout=30)
        check(result.returncode != 0, 'the guest started')
        check_match(r"'not-ready' has not come up: .* 2 s .*I have a headache", guest.status())
        check_equal(guest.show('ExecMainStatus'), '69', 'the exit status')
        check_equal(manager.processes('sleep 1000'), '', 'what is left running')
        guest.check_gone()
    manager.run(['rm', kernel])
