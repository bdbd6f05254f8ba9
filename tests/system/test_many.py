# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point 10: many guests side by side."""

import contextlib

from guests import Guest, check, check_equal
from tap import Group, SYSTEM

many = Group(SYSTEM)


def check_side_by_side(manager, count):
    """Guests started in one job: each has its own kernel, console, disk and journal."""
    with contextlib.ExitStack() as stack:
        guests = [stack.enter_context(Guest(manager, f'many{number}')) for number in range(count)]
        units = [guest.unit for guest in guests]
        for guest in guests:
            guest.mark()
        manager.systemctl('start', *units, timeout=120)
        for guest in guests:
            guest.login().run(f'echo I am {guest.name} | tee /name')
        check_equal(len({guest.kernel() for guest in guests}), count, 'the number of kernels')
        manager.systemctl('stop', *units, timeout=120)
        for guest in guests:
            check_own(guest)


def check_own(guest):
    guest.check_ended_well()
    check_equal(guest.read_file('/name'), f'I am {guest.name}\n', 'the file in the image')
    others = set(guest.manager.journal('--output=cat', '-u', guest.unit).splitlines())
    said = {line for line in others if line.startswith('I am ')}
    check(said == {f'I am {guest.name}'}, f'the journal of {guest.unit} has {said}')


@many.test('two guests run side by side, each with its own console, disk and journal')
def two(manager):
    check_side_by_side(manager, 2)


@many.test('ten guests run side by side, each with its own console, disk and journal')
def ten(manager):
    check_side_by_side(manager, 10)
