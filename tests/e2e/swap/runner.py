# SPDX-License-Identifier: BSD-2-Clause
"""Command line of tests/e2e/swap/run."""
import argparse
import concurrent.futures
import re
import subprocess
import sys

import check
import marks
import swapped

DEMO_SUBJECTS = ("pages", "bodies", "front", "failures", "browsing")   # `operation` is about our daemons' own commands and logs
PLONE_SUBJECTS = ("reading", "editing", "failures", "browsing")


def parse(description, what):
    suite = check.Suite(description, f"e2e/swap/{what}")
    suite.parser.add_argument("--plone", action="store_true", help="in front of Plone instead of the demo")
    suite.parser = argparse.ArgumentParser(description=description, parents=[suite.parser], conflict_handler="resolve")
    suite.parser.add_argument("--only", dest="chain", default="", metavar="CHAIN",
                              help="only chains whose names contain this: " + " ".join(swapped.CHAINS))
    suite.parser.add_argument("--test", dest="only", default="", metavar="TEXT", help="only tests whose names contain this")
    suite.parser.add_argument("--jobs", type=int, default=2, metavar="N", help="chains at a time (demo)")
    options = suite.parse()
    return suite, options


def demo_chain(suite, options):
    import demo_expectations
    import demo_marks
    import demo_swapped
    for subject in DEMO_SUBJECTS:
        __import__(f"demo_{subject}").define(suite)
    demo_expectations.define(suite)
    table = marks.Marks()
    demo_marks.define(table)
    table.apply(suite, options.chain.split("+"))
    return suite.run(demo_swapped.DemoWorld, lambda w: w.stop())


def demo(suite, options):
    """A process for each chain, some at a time; tells what each said in the order of CHAINS."""
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, output, code in pool.map(child, chosen(options)):
            print(f"== {name}\n{output.rsplit(chr(10), 2)[0]}", flush=True)
            total = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M)
            passed += int(total.group(1)) if total else 0
            failed += (int(total.group(2)) or bool(code)) if total else 1
    return passed, failed


def plone(suite, options):
    """One Plone, and each chain in front of it in turn."""
    import plone_marks
    import plone_swapped
    for subject in PLONE_SUBJECTS:
        __import__(f"plone_{subject}").define(suite)
    table = marks.Marks()
    plone_marks.define(table)
    tests, passed, failed = suite.tests, 0, 0
    site = plone_swapped.Site(options)
    try:
        for name in chosen(options):
            print(f"== {name}", flush=True)
            suite.tests, suite.options.chain = list(tests), name
            table.apply(suite, name.split("+"))
            suite.run(lambda o: plone_swapped.PloneWorld(o, site), lambda w: w.stop())
            passed, failed = passed + suite.passed, failed + suite.failed
    finally:
        site.stop()
    return passed, failed


def child(name):
    """Runs this program for one chain; returns its output."""
    argv = [sys.executable, *sys.argv, "--only", name]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return name, done.stdout, done.returncode


def chosen(options):
    return [c for c in swapped.CHAINS if options.chain in c]


def main(description, what):
    suite, options = parse(description, what)
    if what == "demo" and options.chain in swapped.CHAINS:
        return demo_chain(suite, options)
    passed, failed = (plone if what == "plone" else demo)(suite, options)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0
