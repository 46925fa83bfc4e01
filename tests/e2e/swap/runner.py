# SPDX-License-Identifier: BSD-2-Clause
"""Command line of tests/e2e/swap/run."""
import argparse
import concurrent.futures
import contextlib
import re
import signal
import subprocess
import sys

import check
import marks
import peers
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


def run_and_stop(suite, setup):
    """As suite.run, but nothing is left behind by Ctrl-C or SIGTERM either."""
    made = []

    def begin(options):
        made.append(setup(options))
        return made[0]
    try:
        return suite.run(begin, lambda w: w.stop())
    finally:
        for one in made:
            one.stop_everything()


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
    return run_and_stop(suite, demo_swapped.DemoWorld)


def demo(suite, options):
    """A process for each chain, some at a time; tells what each said in the order of CHAINS."""
    passed = failed = 0
    children = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool, ended(children):
        for name, output, code in pool.map(lambda name: chain_alone(name, options, children), chosen(options)):
            print(f"== {name}\n{output.rsplit(chr(10), 2)[0]}", flush=True)
            total = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M)
            passed += int(total.group(1)) if total else 0
            failed += (int(total.group(2)) or bool(code)) if total else 1
    return passed, failed


def plone(suite, options):
    """One Plone, and each chain in front of it in turn."""
    import plone_expectations
    import plone_marks
    import plone_swapped
    for subject in PLONE_SUBJECTS:
        __import__(f"plone_{subject}").define(suite)
    plone_expectations.define(suite)
    table = marks.Marks()
    plone_marks.define(table)
    tests, passed, failed = suite.tests, 0, 0
    site = plone_swapped.Site(options)
    try:
        for name in chosen(options):
            print(f"== {name}", flush=True)
            suite.tests, suite.options.chain = list(tests), name
            table.apply(suite, name.split("+"))
            run_and_stop(suite, lambda o: plone_swapped.PloneWorld(o, site))
            passed, failed = passed + suite.passed, failed + suite.failed
    finally:
        site.stop()
    return passed, failed


@contextlib.contextmanager
def ended(children):
    """At the end of the block, also by an exception, no child runs and none is started any more."""
    try:
        yield
    finally:
        for process in children:
            process.terminate()
        children.append(None)


def chain_alone(name, options, children):
    """(name, output, exit code) of a chain. If Varnish met the end that peers.crash() knows, it is run once more."""
    output, code = child(name, children)
    crash = peers.crash(f"{options.dir}/{name}") if code else ""
    if not crash:
        return name, output, code
    print(f"{name} is run again, because this happened in it:\n    {crash}", flush=True)
    return name, *child(name, children)


def child(name, children):
    """Runs this program for one chain; returns output and exit code."""
    if None in children:
        return "", 1
    process = subprocess.Popen([sys.executable, *sys.argv, "--only", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    children.append(process)
    output, _ = process.communicate()
    return output, process.returncode


def chosen(options):
    return [c for c in swapped.CHAINS if options.chain in c]


def main(description, what):
    suite, options = parse(description, what)
    signal.signal(signal.SIGTERM, signal.default_int_handler)   # everything is stopped, as by Ctrl-C
    if what == "demo" and options.chain in swapped.CHAINS:
        return demo_chain(suite, options)
    passed, failed = (plone if what == "plone" else demo)(suite, options)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0
