# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the generator asks of the kernel, by strace(1): the manager waits for it in early boot, with little yet there."""

import os
import pathlib
import re
import subprocess

import golden
import scratch

FORBIDDEN = {
    'it starts no process': 'fork vfork clone clone3 execve execveat',
    'it opens no socket': 'socket socketpair connect bind sendto sendmsg',
    'it waits for no disk': 'fsync fdatasync sync syncfs sync_file_range msync',
    'it waits for no lock and no clock': 'flock nanosleep clock_nanosleep poll ppoll select pselect6 epoll_wait epoll_pwait',
    'it changes no owner, mode or mount': 'chown fchown fchownat lchown mount umount2 chroot pivot_root unshare setns setuid setresuid',
    'it makes no device and renames nothing': 'mknod mknodat rename renameat renameat2 link linkat',
}
WRITING = re.compile(r'\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)\b')
CASES = ('05-every-element', '13-broken-beside-good', '18-autostart', '22-doctype', '23-no-text', '25-user')


class Trace:
    """One run on a golden case's root. With -y, strace says where each descriptor leads, so `openat(4</tmp/x>, "y")`."""

    def __init__(self, generator, case, kmsg):
        with scratch.directory() as directory:
            root, self.output = os.path.join(directory, 'root'), os.path.join(directory, 'output')
            log = os.path.join(directory, 'log')
            golden.copy_tree(case / 'in', root, False)
            golden.make(root, case / 'make')
            os.mkdir(self.output)
            environment = golden.environment(case, root)
            sanitizer = environment.get('ASAN_OPTIONS', '')
            environment['ASAN_OPTIONS'] = f'{sanitizer}:detect_leaks=0'.lstrip(':')  # it is a tracer itself
            if kmsg:
                del environment['UML_GENERATOR_ROOT']
            subprocess.run(['strace', '-f', '-y', '-qq', '-s', '4096', '-o', log, generator, self.output], env=environment,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60, umask=0o022)
            self.calls = [call for call in map(parse, pathlib.Path(log).read_text(errors='replace').split('\n')) if call][1:]


def parse(line):
    match = re.match(r'\d+ +([a-z0-9_]+)\((.*)', line)
    return (match[1], match[2]) if match else None


def target(arguments):
    """The path that an *at() call names."""
    directory, path = re.match(r'(?:\w+)(?:<([^>]*)>)?, "((?:[^"\\]|\\.)*)"', arguments).groups()
    return os.path.normpath(os.path.join(directory or '/', path))


def written(calls):
    """Paths that a call opens for writing, makes or removes."""
    for name, arguments in calls:
        if name == 'openat' and WRITING.search(arguments) or name in ('mkdirat', 'unlinkat'):
            yield target(arguments)
        elif name == 'symlinkat':
            yield target(arguments.split(', ', 1)[1])
        elif name in ('open', 'creat', 'mkdir', 'symlink', 'unlink', 'rmdir', 'truncate') and (name != 'open' or WRITING.search(arguments)):
            yield f'{name}({arguments}'


def outside(trace):
    return sorted({path for path in written(trace.calls) if path != '/dev/kmsg' and not path.startswith(trace.output + '/')})


def traces(generator):
    result = {case: Trace(generator, golden.CASES / case, False) for case in CASES}
    result['the real directories'] = Trace(generator, golden.CASES / CASES[0], True)
    empty = [case for case, trace in result.items() if not trace.calls]
    if empty:
        raise RuntimeError(f'strace shows nothing of {empty}')
    return result


def check_forbidden(runs, names):
    return [f'{case}: {name}({arguments}' for case, trace in runs.items() for name, arguments in trace.calls if name in names.split()]


def check_outside(runs):
    return [f'{case}: {path}' for case, trace in runs.items() for path in outside(trace)]


def test(report, generator):
    runs = {}
    report.run('strace(1) shows what the generator asks of the kernel', lambda: runs.update(traces(generator)))
    for sentence, names in FORBIDDEN.items():
        report.run(f'{sentence}: {names}', check_forbidden, runs, names)
    report.run('it writes to its output directory, and perhaps to /dev/kmsg, and nowhere else', check_outside, runs)
