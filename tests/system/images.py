# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the system tests boot: a root tree for the container, disk images for the guests.

Everything is built once and kept outside of the repository, in $UML_TEST_CACHE or /var/cache/uml-systemd-tests,
under a name that holds a hash of whatever it was built from.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

SUITE = 'bookworm'
PACKAGES = (
    'systemd', 'systemd-sysv', 'systemd-container', 'dbus', 'dbus-user-session', 'libpam-systemd', 'procps', 'socat', 'e2fsprogs',
    'user-mode-linux', 'uml-utilities', 'busybox-static', 'libxml2', 'libuuid1', 'libinih1',
)
GUEST = pathlib.Path(__file__).with_name('guest')
GUEST_INITS = ('init-ready', 'init-deaf', 'init-off', 'init-panic', 'init-reboot-once', 'init-stubborn')
# What a Debian guest does not need from the container's tree, and what it need not wait for when it boots.
NOT_IN_GUEST = (
    './usr/lib/uml', './usr/bin/linux.uml', './usr/share/doc', './usr/share/man', './usr/share/locale',
    './usr/share/i18n', './var/cache/apt', './var/lib/apt/lists', './var/log',
)

GUEST_MASKS = ('e2scrub_reap.service', 'uml-utilities.service')


def cache_dir():
    path = pathlib.Path(os.environ.get('UML_TEST_CACHE', '/var/cache/uml-systemd-tests'))
    path.mkdir(parents=True, exist_ok=True)
    return path


def rootfs():
    """Directory with a Debian that has systemd, real UML and the libraries that our programs need."""
    return cached('rootfs', digest(SUITE, *PACKAGES), build_rootfs)


def busybox_image():
    """Image of a guest with busybox's init, and /sbin/init-* for guests that behave otherwise."""
    return cached('busybox.img', digest(rootfs().name, *guest_sources()), build_busybox_image)


def debian_image():
    """Image of a Debian guest with systemd as its init."""
    return cached('debian.img', digest(rootfs().name, *guest_sources()), build_debian_image)


def copy_image(image, path):
    subprocess.run(['cp', '--sparse=always', '--reflink=auto', image, path], check=True)


def digest(*parts):
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.encode() + b'\0')
    return sha.hexdigest()[:16]


def guest_sources():
    """The text of everything that makes an image: the guest's own files, and this one."""
    return [path.read_text() for path in (*sorted(GUEST.iterdir()), pathlib.Path(__file__))]


def cached(name, key, build):
    """Path of NAME as made by build(path), which runs once for each key: under a lock, at a name of its own
    that becomes the real one at the end, so that neither a second run nor an interrupted one sees half of it."""
    made = cache_dir() / f'{name}-{key}'
    with locked(cache_dir() / f'{name}.lock'):
        if not made.exists():
            for stale in cache_dir().glob(f'{name}-*.part*'):
                remove(stale)
            part = made.with_name(made.name + '.part')
            build(part)
            part.rename(made)
            remove_older(made, name)
    return made


def remove_older(made, name):
    """Images of before a change. An older root tree may be what another run has its container on."""
    for path in cache_dir().glob(f'{name}-*'):
        if path != made and path.is_file():
            path.unlink()


@contextlib.contextmanager
def locked(path):
    with open(path, 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def build_rootfs(path):
    command = ['debootstrap', '--variant=minbase', '--include=' + ','.join(PACKAGES), SUITE, path]
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise RuntimeError('debootstrap failed:\n' + result.stdout)


def build_busybox_image(path):
    with tree_for(path) as tree:
        for directory in ('bin', 'dev', 'etc/init.d', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp',
                          'usr/bin', 'usr/sbin'):
            (tree / directory).mkdir(parents=True)
        shutil.copy(rootfs() / 'bin/busybox', tree / 'bin')
        subprocess.run(['chroot', tree, '/bin/busybox', '--install', '-s'], check=True)
        shutil.copy(GUEST / 'inittab', tree / 'etc')
        for script in ('rcS', 'shell'):
            shutil.copy(GUEST / script, tree / 'etc/init.d')
        for init in GUEST_INITS:
            shutil.copy(GUEST / init, tree / 'sbin')
        (tree / 'etc/passwd').write_text('root::0:0:root:/root:/bin/sh\n')
        (tree / 'etc/group').write_text('root:x:0:\n')
        make_ext4(tree, path, '64M')


def build_debian_image(path):
    with tree_for(path) as tree:
        excluded = ' '.join(f'--exclude={name}' for name in NOT_IN_GUEST)
        copy = f'set -o pipefail; tar -C "$0" {excluded} -c . | tar -C "$1" -x'
        subprocess.run(['bash', '-c', copy, rootfs(), tree], check=True)
        make_guest_of(tree)
        make_ext4(tree, path, '512M')


def make_guest_of(tree):
    """Turn a copy of the container's tree into a guest's: a disk to mount, a machine id (its first boot is not to be
    special), root without a password, one getty on the first console, nothing periodic."""
    etc = tree / 'etc'
    (etc / 'fstab').write_text('/dev/ubda / ext4 defaults 0 1\n')
    (etc / 'hostname').write_text('guest\n')
    (etc / 'machine-id').write_text('5ee75ee75ee75ee75ee75ee75ee75ee7\n')
    (etc / 'shadow').write_text((etc / 'shadow').read_text().replace('root:*:', 'root::', 1))
    (tree / 'var/log').mkdir()
    units = etc / 'systemd/system'
    for unit in GUEST_MASKS:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to('/dev/null')
    wants = units / 'getty.target.wants'
    shutil.rmtree(wants, ignore_errors=True)
    wants.mkdir(parents=True)
    (wants / 'getty@tty0.service').symlink_to('/lib/systemd/system/getty@.service')
    shutil.rmtree(units / 'timers.target.wants', ignore_errors=True)


@contextlib.contextmanager
def tree_for(image):
    """A directory to collect the files of an image in."""
    tree = image.with_name(image.name + '.tree')
    remove(tree)
    tree.mkdir()
    try:
        yield tree
    finally:
        remove(tree)


def make_ext4(tree, image, size):
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-d', tree, image, size], check=True, stdout=subprocess.DEVNULL)
