# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 7: what systemctl knows about guests that are defined."""

from guests import check, check_in, domain
from tap import Group

listing = Group()
NAMES = ('first', 'second.guest', 'x:y_3')
UNITS = {f'uml@{name}.service' for name in NAMES}


def list_units(manager):
    output = manager.systemctl('list-units', '--all', '--plain', '--no-legend', 'uml@*').stdout
    return {line.split()[0] for line in output.splitlines()}


@listing.test("systemctl list-units --all 'uml@*' lists every defined guest, and no other")
def defined(manager):
    with manager.defined(**{name: domain(name, '/nowhere.img') for name in NAMES}):
        listed = list_units(manager)
    check(UNITS <= listed, f'{UNITS - listed} not in {listed}')
    check(not UNITS & list_units(manager), 'listed when no longer defined')


@listing.test('systemctl status says when the definition changed since the last daemon-reload')
def changed(manager):
    with manager.defined(first=domain('first', '/nowhere.img')):
        check('changed on disk' not in warning(manager), f'warns of no change:\n{warning(manager)}')
        manager.define('first', domain('first', '/elsewhere.img'))
        check_in('changed on disk', warning(manager))
        manager.daemon_reload()
        check('changed on disk' not in warning(manager), f'warns after the daemon-reload:\n{warning(manager)}')


def warning(manager):
    return manager.systemctl('status', 'uml@first.service', check=False).stderr
