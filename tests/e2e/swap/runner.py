# SPDX-License-Identifier: BSD-2-Clause
"""Command line of tests/e2e/swap/run: one chain in this process, or all that were chosen, a process each."""
import argparse
import concurrent.futures
import re
import subprocess
import sys

import check
import marks
import swapped

DEMO_SUBJECTS = ("pages", "bodies", "front", "failures", "browsing")   # `operation` is about our daemons' own commands and logs


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


def one_chain(suite, options):
    import demo_marks
    import swap_world
    import swap_expectations
    for subject in DEMO_SUBJECTS:
        __import__(f"demo_{subject}").define(suite)
    swap_expectations.define(suite)
    table = marks.Marks()
    demo_marks.define(table)
    table.apply(suite, options.chain.split("+"))
    return suite.run(swap_world.DemoWorld, lambda w: w.stop())


def child(name):
    """Runs this program for one chain; returns its output."""
    argv = [sys.executable, *sys.argv, "--only", name]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return name, done.stdout, done.returncode


def main(description, what):
    suite, options = parse(description, what)
    if options.chain in swapped.CHAINS:
        return one_chain(suite, options)
    chosen = [c for c in swapped.CHAINS if options.chain in c]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, output, code in pool.map(child, chosen):
            print(f"== {name}\n{output.rsplit(chr(10), 2)[0]}", flush=True)
            total = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M)
            passed += int(total.group(1)) if total else 0
            failed += int(total.group(2)) if total else 1
            failed += bool(code) and not (total and int(total.group(2)))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not chosen else 0
