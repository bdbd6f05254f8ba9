# SPDX-License-Identifier: LGPL-2.1-or-later
"""What both benchmarks measure with. Nothing here fails because something is slow."""

import os
import statistics
import time

NOWHERE = [(os.POSIX_SPAWN_OPEN, fd, '/dev/null', os.O_RDWR, 0) for fd in (0, 1, 2)]


def spawn(command, environment):
    """Seconds from posix_spawn() to the end of the process, and its status."""
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=NOWHERE)
    status = os.waitpid(pid, 0)[1]
    return time.perf_counter() - begin, os.waitstatus_to_exitcode(status)


def rounds(functions, budget, least=5, most=300):
    """Each function's times, one after the other in each round, so that what the machine does besides hits all alike."""
    times = {name: [] for name in functions}
    end = time.monotonic() + budget
    while len(times[next(iter(times))]) < most and (time.monotonic() < end or len(times[next(iter(times))]) < least):
        for name, function in functions.items():
            times[name].append(function())
    return times


def median(times):
    return statistics.median(times) if times else None


def table(head, rows):
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        print('  '.join(str(cell).rjust(width) if i else str(cell).ljust(width) for i, (cell, width) in enumerate(zip(row, widths))))


def milliseconds(seconds):
    return '-' if seconds is None else f'{seconds * 1000:.2f}'
