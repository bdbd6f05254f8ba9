# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests in groups, and their report in the Test Anything Protocol."""

import contextlib
import fnmatch
import time
import traceback

import bed

SYSTEM, USER = 'system', 'user'
groups = []


class Group:
    """Tests with one theme. They get what SHARED(manager) yields, made once for all of them, or the manager."""

    def __init__(self, *instances, shared=contextlib.nullcontext):
        self.instances, self.shared, self.tests = instances or (SYSTEM, USER), shared, []
        groups.append(self)

    def test(self, sentence, *instances):
        def add(function):
            self.tests.append((sentence, instances or self.instances, function))
            return function
        return add

    def cases(self, instance, patterns):
        """Name and function of the tests for one instance that the patterns choose."""
        named = ((f'{instance}: {sentence}', function)
                 for sentence, instances, function in self.tests if instance in instances)
        return [(name, function) for name, function in named if chosen(name, function, patterns)]


class Report:
    def __init__(self, total):
        self.number, self.failures, self.total = 0, 0, total
        print(f'1..{total}', flush=True)

    def add(self, name, error, seconds):
        self.number += 1
        self.failures += error is not None
        print(f'{"not ok" if error else "ok"} {self.number} - {name} # {seconds:.1f} s', flush=True)
        if error:
            print('\n'.join(f'# {line}' for line in explain(error).splitlines()), flush=True)


def chosen(name, function, patterns):
    """A pattern is a glob over the test's name or its file's, or a part of one of them."""
    names = (name, function.__module__)
    return not patterns or any(fnmatch.fnmatch(text, f'*{pattern}*') for pattern in patterns for text in names)


def plan(patterns):
    """Every group with each of its instances and the chosen tests."""
    every = ((group, instance, group.cases(instance, patterns)) for group in groups for instance in group.instances)
    return [(group, instance, cases) for group, instance, cases in every if cases]


def run_group(report, group, manager, cases):
    done = 0
    try:
        with group.shared(manager) as thing:
            for name, function in cases:
                run_case(report, name, function, thing or manager)
                done += 1
    except Exception as error:
        for name, _ in cases[done:]:
            report.add(name, error, 0)


def run_case(report, name, function, thing):
    begin, error = time.monotonic(), None
    try:
        function(thing)
    except Exception as failure:
        error = failure
        if hasattr(thing, 'describe'):
            error.add_note(thing.describe())
    report.add(name, error, time.monotonic() - begin)


def explain(error):
    """An expectation that failed with the lines of the test that led there; Python's own report of anything else."""
    if not isinstance(error, bed.Failure):
        return ''.join(traceback.format_exception(error))
    frames = traceback.extract_tb(error.__traceback__)
    places = [f'at {frame.filename.rsplit("/", 1)[-1]}:{frame.lineno}: {frame.line}' for frame in frames]
    return '\n'.join([str(error), *places, *getattr(error, '__notes__', ())])
