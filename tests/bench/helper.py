#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the helper costs: helper.py BUILD [KERNEL]

Its memory while a real guest idles, beside conmon(8) with an idle container, if that is installed; and the time from its
own start to its kernel's, which is a program here that looks at the clock. BUILD has uml-helper with uml-guest beside it.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import measure

ROUNDS = 100
PATIENCE = 120  # seconds, for a guest to boot
INIT = '#!/bin/busybox sh\n/bin/busybox touch /booted\nexec /bin/busybox sleep 100000\n'
MEMORY = ('Rss', 'Pss', 'Private')


# Time

def start_time(command, environment, out):
    """Seconds from posix_spawn() to the kernel's first instruction of its own."""
    begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    pid = os.posix_spawn(command[0], [*command, f'out={out}'], environment, file_actions=measure.NOWHERE)
    os.waitpid(pid, 0)
    text = pathlib.Path(out).read_text()
    os.unlink(out)
    return (int(text) - begin) / 1e9


def start_times(build, directory):
    kernel, environment = os.path.join(build, 'tests/bench/fake-kernel'), {'RUNTIME_DIRECTORY': directory}
    helper = [os.path.join(build, 'helper/uml-helper'), '--name=bench', '--console=con0:pty', '--', kernel]
    out = os.path.join(directory, 'out')
    times = measure.rounds({'helper': lambda: start_time(helper, environment, out), 'kernel': lambda: start_time([kernel], environment, out)},
                           0, least=ROUNDS)
    rows = [(what, measure.milliseconds(measure.median(times[key])), measure.milliseconds(min(times[key])), measure.milliseconds(max(times[key])))
            for what, key in (('helper to kernel', 'helper'), ('kernel alone', 'kernel'))]
    measure.table(('milliseconds', 'median', 'least', 'most'), rows)


# Memory

def memory(pid):
    """KiB of the process: resident, its share, and what is its own."""
    values = {}
    for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:]:
        key, value = line.split(':')
        values[key] = int(value.split()[0])
    values['Private'] = values['Private_Clean'] + values['Private_Dirty']
    return tuple(values[key] for key in MEMORY)


def make_root(directory):
    root = pathlib.Path(directory, 'root')
    for name in ('bin', 'dev', 'proc'):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which('busybox'), root / 'bin')
    (root / 'init').write_text(INIT)
    (root / 'init').chmod(0o755)
    return root


def wait_for(condition, process):
    end = time.monotonic() + PATIENCE
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f'the guest does not come up: {process.args}')
        time.sleep(0.05)


def idle_guest(build, kernel, directory):
    """Memory of the helper and the keeper of a guest that has booted and does nothing."""
    root, runtime = make_root(directory), os.path.join(directory, 'run')
    os.mkdir(runtime)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(os.path.join(directory, 'notify'))
        manager.setblocking(False)
        process = subprocess.Popen(
            [os.path.join(build, 'helper/uml-helper'), '--name=bench', '--console=con0:pty', '--stop-method=halt', '--stop-timeout=5', '--',
             kernel, 'mem=64M', 'root=/dev/root', 'rootfstype=hostfs', f'rootflags={root}', 'rw', 'init=/init'],
            env={'RUNTIME_DIRECTORY': runtime, 'NOTIFY_SOCKET': os.path.join(directory, 'notify')},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: is_ready(manager) and (root / 'booted').exists(), process)
            time.sleep(1)
            keeper = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()[0]
            return {'helper': memory(process.pid), 'keeper': memory(keeper)}
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def is_ready(manager, seen=[]):
    try:
        while True:
            seen.append(manager.recv(4096))
    except BlockingIOError:
        return any(b'READY=1' in message for message in seen)


RUNTIME = '''#!/bin/sh
# A container runtime, as much of one as conmon needs: `create` starts a process and says which.
while [ $# -gt 0 ]; do
    [ "$1" = --pid-file ] && file=$2
    shift
done
if [ "$file" ]; then sleep 1000 >/dev/null 2>&1 & echo $! >"$file"; fi
'''


def idle_conmon(directory):
    """Memory of conmon with a container that sleeps, or None."""
    conmon, runtime, pids = shutil.which('conmon'), os.path.join(directory, 'runtime'), {}
    if not conmon:
        return None
    pathlib.Path(runtime).write_text(RUNTIME)
    os.chmod(runtime, 0o755)
    files = {name: os.path.join(directory, name) for name in ('conmon', 'container')}
    subprocess.run([conmon, '-c', 'bench', '-u', 'bench', '-n', 'bench', '-r', runtime, '-b', directory, '-p', files['container'],
                    '-P', files['conmon'], '-l', f'k8s-file:{directory}/log', '--socket-dir-path', directory, '--exit-dir', directory],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=True)
    try:
        time.sleep(1)
        pids = {name: int(pathlib.Path(path).read_text()) for name, path in files.items()}
        return memory(pids['conmon'])
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)


def memories(build, kernel):
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        if os.path.exists(kernel) and shutil.which('busybox'):
            rows += [(what, *values) for what, values in idle_guest(build, kernel, directory).items()]
        else:
            print(f'no {kernel}, or no busybox: no real guest to measure')
    with tempfile.TemporaryDirectory() as directory:
        conmon = idle_conmon(directory)
        rows += [('conmon', *conmon)] if conmon else []
    measure.table(('KiB, idle', *MEMORY), rows)


def main(build, kernel='/usr/bin/linux.uml'):
    build = os.path.abspath(build)
    with tempfile.TemporaryDirectory() as directory:
        start_times(build, directory)
    print()
    memories(build, kernel)


if __name__ == '__main__':
    main(*sys.argv[1:])
