# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report of a test program in the Test Anything Protocol."""

import sys
import traceback

SHOWN = 20  # problems of one test


class Report:
    def __init__(self):
        self.number, self.failures = 0, 0
        sys.stdout.reconfigure(errors='backslashreplace')

    def add(self, sentence, problems=()):
        """One test: good if there is no problem. The problems are texts of one or more lines."""
        self.number += 1
        self.failures += bool(problems)
        print(f'{"not ok" if problems else "ok"} {self.number} - {sentence}')
        for problem in problems[:SHOWN]:
            print('\n'.join(f'# {line}' for line in str(problem).split('\n')))
        if len(problems) > SHOWN:
            print(f'# and {len(problems) - SHOWN} more')
        sys.stdout.flush()

    def run(self, sentence, check, *arguments):
        """One test: what check() finds, or what happened to it."""
        try:
            problems = check(*arguments) or ()
        except Exception:
            problems = [traceback.format_exc()]
        self.add(sentence, problems)

    def end(self):
        """The plan, and the status to exit with."""
        print(f'1..{self.number}')
        return 1 if self.failures or not self.number else 0
