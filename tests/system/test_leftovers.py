# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all the other tests together leave behind."""

from guests import check_equal
from tap import Group

leftovers = Group()


@leftovers.test('when every guest has ended, no process and no runtime directory is left')
def nothing(manager):
    check_equal(manager.processes(), '', 'what is left running')
    check_equal(manager.run(['find', manager.runtime, '-mindepth', '1'], check=False).stdout, '', 'what is left')
