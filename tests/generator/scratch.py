# SPDX-License-Identifier: LGPL-2.1-or-later
"""Throw-away directories, on a tmpfs where there is one: like the /run that a generator writes to."""

import os
import tempfile

SHM = '/dev/shm'


def directory():
    """A context manager; every user may look into the directory, as into a real generator's."""
    return _Open(prefix='uml-generator-', dir=SHM if usable(SHM) else None)


def usable(path):
    """Containers often mount it noexec, and programs are copied to such directories."""
    return os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_NOEXEC


class _Open(tempfile.TemporaryDirectory):
    def __enter__(self):
        os.chmod(self.name, 0o755)
        return self.name


def sanitizers():
    """What a build with sanitizers needs of the environment, for tests that give a program one of their own."""
    return {key: value for key, value in os.environ.items() if key.endswith('SAN_OPTIONS')}
