# SPDX-License-Identifier: BSD-2-Clause
"""Expectations that a peer cannot meet: marked with its name and the reason, and watched to fail as said.

    @cannot("nginx", "the expectation's name", "why, in words", fails="regular expression for the failure")
    def _(w):
        ...what the peer does instead, as expectations that must hold

In a chain with that peer the expectation must fail, with a message that `fails` matches; passing is an error, and so is a mark for an
expectation that does not exist. The decorated function then runs.
"""
import re
from dataclasses import dataclass

import check


@dataclass
class Mark:
    peer: str
    test: str
    why: str
    fails: str
    observe: object


class Marks:
    def __init__(self):
        self.all = []

    def cannot(self, peer, test, why, fails):
        def add(function):
            self.all.append(Mark(peer, test, why, fails, function))
            return function
        return add

    def apply(self, suite, peers):
        """Changes the suite's tests that are marked for one of `peers`."""
        known = {name for name, _, _ in suite.tests}
        strange = [m.test for m in self.all if m.test not in known]
        if strange:
            raise SystemExit(f"marks for expectations that do not exist: {strange}")
        suite.tests = [self._marked(name, function, browser, [m for m in self.all if m.test == name and m.peer in peers])
                       for name, function, browser in suite.tests]

    @staticmethod
    def _marked(name, function, browser, marks):
        if not marks:
            return name, function, browser
        title = name + "".join(f" [{m.peer} cannot: {m.why}]" for m in marks)

        def watch(w):
            try:
                function(w)
            except check.Failed as problem:
                check.expect(any(re.search(m.fails, str(problem), re.S) for m in marks), f"fails in another way than marked: {problem}")
            else:
                raise check.Failed("passes although marked: the mark must go")
            for mark in marks:
                mark.observe(w)
        return title, watch, browser
