# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guests of the tests, and the systemd instance that runs them: the system's, or one user's own."""

import contextlib
import re
import socket
import subprocess
import time

import bed
import images

KERNEL = '/usr/bin/linux.uml'
HELPER = '/usr/libexec/uml-systemd/uml-helper'
LOGIN = r'(?m)login: ?$'


class Manager:
    """One instance of systemd in the container."""

    def __init__(self, container, user=None):
        self.container, self.user = container, user
        self.label = 'user' if user else 'system'
        self.scope = ['--user'] if user else []
        self.definitions = f'{user.home}/.config/uml' if user else '/etc/uml'
        self.runtime = f'{user.runtime}/uml' if user else '/run/uml'
        self.images = f'{user.home}/images' if user else '/var/lib/guests'
        self.units = f'{user.runtime}/systemd/user' if user else '/run/systemd/system'
        self.run(['mkdir', '-p', self.definitions, self.images])

    def run(self, argv, **arguments):
        return self.container.run(argv, user=self.user, **arguments)

    def systemctl(self, *argv, **arguments):
        return self.run(['systemctl', *self.scope, '--no-pager', '--full', *argv], **arguments)

    def show(self, unit, name):
        return self.systemctl('show', '--property', name, '--value', unit).stdout.strip()

    def status(self, unit):
        """What the administrator sees; systemctl's exit code depends on the unit's state."""
        return self.systemctl('status', unit, check=False).stdout

    def journal(self, *argv):
        return self.run(['journalctl', *self.scope, '--no-pager', *argv]).stdout

    def wait_journal(self, unit, pattern, since=None, timeout=60):
        """The first match of PATTERN in the text of the unit's journal, the future's too."""
        records = ['journalctl', *self.scope, '--lines=all', '--output=cat', '-u', unit, *([f'--since={since}'] if since else [])]
        process = self.container.popen([*records, '--follow'], self.user, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return bed.follow(process, pattern, timeout, lambda: self.run([*records, '--no-pager']).stdout)

    @staticmethod
    def now():
        """The present end of the journal. No cursor: journalctl 252 also leaves out the first record of a unit after that, if
        the cursor's own is of another one (https://github.com/systemd/systemd/issues/30288)."""
        return f'@{time.time():.6f}'

    def write(self, path, text):
        self.run(['tee', path], input=text)

    def define(self, name, definition):
        self.write(f'{self.definitions}/{name}.xml', definition)

    @contextlib.contextmanager
    def defined(self, **definitions):
        """Definitions without a guest that could start."""
        try:
            for name, definition in definitions.items():
                self.define(name, definition)
            self.daemon_reload()
            yield
        finally:
            self.run(['rm', '-f', *(f'{self.definitions}/{name}.xml' for name in definitions)])
            self.daemon_reload()

    def daemon_reload(self):
        self.systemctl('daemon-reload')

    def add_image(self, name, image):
        """A copy of IMAGE of the manager's own; its path in the container."""
        path = f'{self.images}/{name}.img'
        images.copy_image(image, f'{self.container.root}{path}')
        if self.user:
            self.container.run(['chown', f'{self.user.uid}:{self.user.uid}', path])
        return path

    def list_temporary(self):
        """Files where something temporary may be left, other services' private directories apart."""
        command = ['find', '/tmp', '/var/tmp', '/dev/shm', self.images, '-mindepth', '1', '-not', '-name', '*.img',
                   '(', '-path', '*/systemd-private-*uml@*', '-o', '-not', '-path', '*/systemd-private-*', ')']
        return set(self.container.run(command).stdout.splitlines())

    def processes(self, pattern=r'uml-helper|uml-keeper|uml-guest|linux\.uml'):
        return self.container.run(['pgrep', '--full', '--list-full', '--', pattern], check=False).stdout


class Guest:
    """A defined guest with an image of its own, for the time of a with statement."""

    def __init__(self, manager, name, image=None, definition=None, **domain):
        self.manager, self.name, self.unit = manager, name, f'uml@{name}.service'
        self.source, self.definition, self.domain = image, definition, domain
        self.runtime = f'{manager.runtime}/{name}'
        self.drop_in = f'{manager.units}/{self.unit}.d/60-test.conf'
        self.since = None

    def __enter__(self):
        self.image = self.manager.add_image(self.name, self.source or images.busybox_image())
        definition = self.definition or domain(self.name, self.image, **self.domain)
        self.manager.define(self.name, definition.replace('IMAGE', self.image))
        self.manager.daemon_reload()
        self.temporary = self.manager.list_temporary()
        return self

    def __exit__(self, kind, error, traceback):
        if error:
            error.add_note(self.describe())
        with contextlib.suppress(bed.Failure) if error else contextlib.nullcontext():
            self.remove()

    def remove(self):
        self.manager.systemctl('stop', self.unit, check=False, timeout=120)
        self.manager.systemctl('reset-failed', self.unit, check=False)
        self.manager.run(['rm', '-f', f'{self.manager.definitions}/{self.name}.xml', self.image, self.drop_in])
        self.manager.daemon_reload()

    def describe(self):
        status = self.manager.systemctl('status', '--lines=0', self.unit, check=False)
        journal = ['journalctl', *self.manager.scope, '--lines=60', '--output=short-precise', '-u', self.unit]
        return status.stdout + self.manager.run(journal, check=False).stdout

    def override(self, text):
        """A drop-in, as `systemctl edit --runtime` makes them; an empty one is none."""
        self.manager.run(['mkdir', '-p', self.drop_in.rsplit('/', 1)[0]])
        self.manager.write(self.drop_in, text)
        self.manager.daemon_reload()

    def mark(self):
        """From here on the journal is of interest: the guest is about to boot."""
        self.since = self.manager.now()

    def start(self, *options, **arguments):
        self.mark()
        return self.manager.systemctl('start', *options, self.unit, **arguments)

    def stop(self, timeout=120):
        """Seconds that the stop took."""
        begin = time.monotonic()
        self.manager.systemctl('stop', self.unit, timeout=timeout)
        return time.monotonic() - begin

    def reload(self, **arguments):
        self.mark()
        return self.manager.systemctl('reload', self.unit, **arguments)

    def show(self, name):
        return self.manager.show(self.unit, name)

    def status(self):
        return self.manager.status(self.unit)

    def wait(self, pattern, timeout=60):
        """A match of PATTERN in the unit's journal since the last boot of the guest was asked for."""
        return self.manager.wait_journal(self.unit, pattern, self.since, timeout)

    def helper(self):
        return self.show('MainPID')

    def kernel(self):
        """Process id of UML's main process, as it says itself."""
        return self.manager.run(['cat', f'{self.runtime}/umid/{self.name}/pid']).stdout.strip()

    def keeper(self):
        """Process id of its parent, which outlives the helper."""
        return self.manager.run(['ps', '-o', 'ppid=', '-p', self.kernel()]).stdout.strip()

    def kill_helper(self, signal='KILL'):
        """Waits until the next one has taken over."""
        self.mark()
        self.manager.run(['kill', f'-{signal}', self.helper()])
        self.wait('takes the guest over')
        self.wait_active()

    def wait_active(self):
        """systemctl start waits for a start that is under way, and does nothing if it is over."""
        self.manager.systemctl('start', self.unit)

    def wait_inactive(self):
        """The end of a service that is about to end: systemctl stop waits for a stop that is under way."""
        self.wait('The helper ends with status')
        self.manager.systemctl('stop', self.unit)

    def signal_kernel(self, signal):
        self.manager.run(['kill', f'-{signal}', self.kernel()])

    def processes(self):
        """Every process of this guest has its image on the command line."""
        return self.manager.processes(re.escape(self.image))

    def kernel_processes(self):
        """Those of the kernel and the guest, without the helper, whose command line has the image as well."""
        return self.manager.processes(f'^[^ ]*/uml-guest .*{re.escape(self.image)}')

    def send(self, command, check=True):
        """A command by way of the helper."""
        argv = ['env', f'RUNTIME_DIRECTORY={self.runtime}', HELPER, f'--send={command}']
        return self.manager.run(argv, check=check)

    def mconsole(self, *command):
        return self.manager.run(['uml_mconsole', f'{self.runtime}/mconsole', *command]).stdout

    def console(self, con='con0'):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.manager.container.inside(f'{self.runtime}/{con}.sock'))
        return bed.Console(sock)

    def login(self):
        """A console with a root shell of the guest."""
        self.wait(LOGIN)
        console = self.console()
        console.expect(r'login: ?\Z')  # the present one, not one of an earlier boot
        console.send('root')
        console.expect('# ')
        return console

    def shell(self):
        """A console with the shell that the inits of the guest directory give."""
        self.wait('shell of ')
        console = self.console()
        console.send('')
        console.expect('# ')
        return console

    def read_file(self, path):
        """A file of the stopped guest's image."""
        image = f'{self.manager.container.root}{self.image}'
        return subprocess.run(['debugfs', '-R', f'cat {path}', image], text=True, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def check_image(self):
        image = f'{self.manager.container.root}{self.image}'
        fsck = subprocess.run(['e2fsck', '-fn', image], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(fsck.returncode == 0 and 'recovery' not in fsck.stdout, f'the image is not clean:\n{fsck.stdout}')

    def check_gone(self):
        """Nothing of the guest is left on the host, whatever became of it."""
        check(self.show('ActiveState') in ('inactive', 'failed'), f'{self.unit} is {self.show("ActiveState")}')
        check(not self.processes(), f'processes are left:\n{self.processes()}')
        check(self.manager.run(['test', '-e', self.runtime], check=False).returncode == 1, f'{self.runtime} is left')
        new = self.manager.list_temporary() - self.temporary
        check(not new, f'files are left: {sorted(new)}')

    def check_ended_well(self):
        self.check_gone()
        check_equal(self.show('ActiveState'), 'inactive', 'ActiveState')
        check_equal(self.show('Result'), 'success', 'Result')
        self.check_image()


def domain(name, image, memory=64, cmdline='', stop="method='halt'", kernel=KERNEL, console="<console type='pty'/>",
           **actions):
    """A definition. Guests are halted when stopped, which takes no time, where a test is not about the stop.
    Actions are on_poweroff, on_reboot, on_crash."""
    lifecycle = ''.join(f'  <{event}>{action}</{event}>\n' for event, action in actions.items())
    metadata = f"  <metadata><uml:stop xmlns:uml='urn:uml-systemd:1' {stop}/></metadata>\n" if stop else ''
    return f'''<domain type='uml'>
  <name>{name}</name>
{metadata}  <memory unit='MiB'>{memory}</memory>
  <os>
    <type>uml</type>
    <kernel>{kernel}</kernel>
    <root>/dev/ubda</root>
    <cmdline>{cmdline}</cmdline>
  </os>
{lifecycle}  <devices>
    <disk type='file' device='disk'>
      <source file='{image}'/>
      <target dev='ubd0' bus='uml'/>
    </disk>
    {console}
  </devices>
</domain>
'''


def check(condition, message):
    if not condition:
        raise bed.Failure(message)


def check_equal(value, expected, what):
    check(value == expected, f'{what} is {value!r}, not {expected!r}')


def check_in(part, text):
    check(part in text, f'{part!r} is not in:\n{text}')


def check_match(pattern, text):
    match = re.search(pattern, text, re.MULTILINE)
    check(match, f'{pattern!r} is not in:\n{text}')
    return match
