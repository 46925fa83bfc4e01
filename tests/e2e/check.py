# SPDX-License-Identifier: BSD-2-Clause
"""Runs end-to-end checks in the order in which they are written: `ok NAME` or `FAIL NAME: why`, then the sum."""
import argparse
import os
import sys
import time
import traceback

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path[:0] = [f"{ROOT}/deploy", f"{ROOT}/deploy/plone"]


class Failed(Exception):
    """An expectation that did not hold, in words."""


def expect(condition, why):
    if not condition:
        raise Failed(why)


def equal(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: {str(found)[:300]!r} instead of {str(wanted)[:300]!r}")


def until(condition, seconds, what):
    """Waits for a condition; returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"after {seconds} s: {what}")
        time.sleep(0.05)


class Suite:
    def __init__(self, description, directory):
        self.tests = []
        p = argparse.ArgumentParser(description=description)
        p.add_argument("--bin", default=f"{ROOT}/build/release", metavar="DIR", help="where the three daemons are")
        p.add_argument("--dir", default=f"{ROOT}/build/{directory}", help="configurations, logs, screenshots")
        p.add_argument("--only", default="", metavar="TEXT", help="only tests whose names contain this")
        p.add_argument("--no-browser", action="store_true")
        p.add_argument("--workers", type=int, default=0, metavar="N", help="of each daemon; 0: as the samples say")
        self.parser = p
        self.options = None

    def parse(self):
        self.options = self.parser.parse_args()
        os.makedirs(self.options.dir, exist_ok=True)
        return self.options

    def test(self, name, browser=False):
        """Decorator: the function gets the world made by `run`'s `setup`."""
        def add(function):
            self.tests.append((name, function, browser))
            return function
        return add

    def run(self, setup, teardown):
        passed = failed = 0
        world = None

        def one(name, function):
            nonlocal passed, failed
            try:
                function()
                passed += 1
                print(f"ok {name}", flush=True)
                return True
            except Exception as problem:
                failed += 1
                print(f"FAIL {name}: {problem if isinstance(problem, Failed) else repr(problem)}", flush=True)
                if not isinstance(problem, Failed):
                    print("    " + traceback.format_exc().strip().replace("\n", "\n    "), flush=True)
                return False

        def begin():
            nonlocal world
            world = setup(self.options)
        if one("the chain starts", begin):
            for name, function, browser in self.tests:
                if self.options.only in name and not (browser and self.options.no_browser):
                    one(name, lambda f=function: f(world))
            one("the chain stops cleanly", lambda: teardown(world))
        self.passed, self.failed = passed, failed
        print(f"{passed} passed, {failed} failed", flush=True)
        return 1 if failed else 0
