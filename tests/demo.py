# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds uml-systemd and shows a guest at work under systemd: in a throw-away container, so nothing is installed.

    tests/demo

Run as root on Debian. The commands shown are the ones to type on a host where uml-systemd is installed.
"""

import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parent
BUILD = TESTS.parent / 'build' / 'demo'
sys.path.insert(0, str(TESTS / 'system'))

import bed  # noqa: E402
import guests  # noqa: E402

DEFINITION = '''<domain type='uml'>
  <name>demo</name>
  <title>A small guest</title>
  <memory unit='MiB'>64</memory>
  <os>
    <type>uml</type>
    <kernel>/usr/bin/linux.uml</kernel>
    <root>/dev/ubda</root>
  </os>
  <devices>
    <disk type='file'>
      <source file='IMAGE'/>
      <target dev='ubd0' bus='uml'/>
    </disk>
    <console type='pty'/>
  </devices>
</domain>
'''


def build():
    configured = (BUILD / 'build.ninja').exists()
    subprocess.run(['meson', 'setup', *(['--reconfigure'] if configured else []), BUILD, TESTS.parent], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(['meson', 'compile', '-C', BUILD], check=True, stdout=subprocess.DEVNULL)


def show(manager, *command, lines=None):
    """A command, as it would be typed, and what it prints."""
    print(f'\n# {" ".join(command)}', flush=True)
    result = manager.run(list(command), check=False)
    output = (result.stdout + (result.stderr or '')).splitlines()
    print('\n'.join(output[-lines:] if lines else output), flush=True)


def demonstrate(manager):
    with guests.Guest(manager, 'demo', definition=DEFINITION) as guest:
        show(manager, 'cat', '/etc/uml/demo.xml')
        show(manager, 'systemctl', 'start', 'uml@demo')
        guest.wait(guests.LOGIN)
        show(manager, 'systemctl', '--no-pager', '--full', 'status', 'uml@demo')
        print('\n# socat - UNIX:/run/uml/demo/con0.sock', flush=True)
        console = guest.login()
        print(console.run('uname -a; mount | grep ubda; echo kept > /file; uptime'), flush=True)
        show(manager, 'systemctl', 'stop', 'uml@demo')
        show(manager, 'journalctl', '--no-pager', '-u', 'uml@demo', '--output=short', lines=20)
        print(f'\nThe image is clean, and has the file: {guest.read_file("/file").strip()}')
        guest.check_ended_well()


def main():
    print('Building, and making a container with systemd; the first time this takes some minutes.', flush=True)
    build()
    with bed.Container(str(BUILD), bed.User('alice')) as container:
        demonstrate(guests.Manager(container))
    return 0


if __name__ == '__main__':
    sys.exit(main())
