# SPDX-License-Identifier: BSD-2-Clause
"""Fails every n-th call of every kind under every scenario, or a sample of them. See sweep.py.

    python3 tests/faults/run.py --bin build/release --sample 1
    python3 tests/faults/run.py --bin build/release --only h2 --kinds 'read|write'
    python3 tests/faults/run.py --bin build/release --only h2 --kinds read --fault ECONNRESET --nth 7
"""
import argparse
import concurrent.futures
import os
import re
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'support')]
import harness
import results
import scenarios
import sweep
import wire

MOST_PROBLEMS = 3      # of one kind and fault, then the next


def numbers(driver, kind, sample):
    """Which calls fail: all until one is not reached, or some spread over those of a play."""
    if not sample:
        return range(1, 100_000)
    calls = driver.calls(kind)
    return sorted({1 + at * calls // sample + calls // (2 * sample) for at in range(sample)}) if calls else [1] if kind in sweep.RARE else []


def run_fault(make, kind, fault, arguments, driver):
    """Returns (driver, calls failed, problems). A daemon that misbehaved is replaced."""
    failed, problems = 0, []
    for nth in [arguments.nth] if arguments.nth else numbers(driver, kind, arguments.sample):
        # Not every play makes quite as many calls.
        tries = sweep.RARE.get(kind, 1) if nth == 1 else 2
        try:
            if not any(driver.once(kind, fault, nth) for _ in range(tries)):
                break
            failed += 1
        except (sweep.Wrong, AssertionError, OSError, wire.Broken) as problem:
            failed += 1
            text = '' if isinstance(problem, sweep.Wrong) else traceback.format_exc(limit=-2)
            problems.append(driver.explain(kind, fault, nth, f'{problem} {text}'))
            driver = make(driver)
            if len(problems) >= MOST_PROBLEMS:
                break
    return driver, failed, problems


def run(number, kinds, arguments):
    """All kinds under one scenario; returns (title, faults, problems, seconds)."""
    begun, places, problems, faults = time.monotonic(), [], [], {}

    def make(before=None):
        if before:
            before.scenario.target.expected_code = None
        # Descriptors and gauges are counted, so one worker.
        place = harness.Place(arguments.bin, 1, unix=False)
        places.append(place)
        return sweep.Sweep(scenarios.ALL[number](), place)

    if arguments.patience != 1 and wire.PATIENCE == 5.0:
        wire.be_patient(arguments.patience)
    try:
        driver = make()
        for index, kind in enumerate(kinds):
            possible = [fault for fault in sweep.FAULTS[kind] if re.search(arguments.fault, fault)]
            if arguments.sample:
                possible = possible[:1] if arguments.sample == 1 else possible[:2]
            for fault in possible:
                driver, count, found = run_fault(make, kind, fault, arguments, driver)
                faults[kind] = faults.get(kind, 0) + count
                problems += found
                if not count:
                    break
    except BaseException:
        problems.append(f'{scenarios.ALL[number].name}: {traceback.format_exc()}')
    for place in places:
        try:
            place.__exit__(None, None, None)
        except AssertionError as problem:
            problems.append(f'{scenarios.ALL[number].name}: at the end: {problem}')
    return scenarios.ALL[number].name, faults, problems, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--bin', default='build/release')
    parser.add_argument('--library', help='the interposer; else BIN/tests/libfaults.so')
    parser.add_argument('--only', default='.', help='scenarios whose name matches')
    parser.add_argument('--kinds', default='.*', help='of calls')
    parser.add_argument('--fault', default='.', help='of these errors, or `short`')
    parser.add_argument('--nth', type=int, default=0)
    parser.add_argument('--sample', type=int, default=0, help='so many calls of each kind; 0: all')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--patience', type=float, default=1)
    parser.add_argument('--record', action='store_true', help='a line in RESULTS.md')
    arguments = parser.parse_args()
    os.environ['TRIVET_FAULTS_LIBRARY'] = os.path.abspath(arguments.library or f'{arguments.bin}/tests/libfaults.so')
    kinds = [kind for kind in sweep.FAULTS if re.search(f'^({arguments.kinds})$', kind)]
    wanted = [number for number, scenario in enumerate(scenarios.ALL) if re.search(arguments.only, scenario.name)]
    passed = failed = 0
    begun, total = time.monotonic(), dict.fromkeys(kinds, 0)
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, max_tasks_per_child=None) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, number, kinds, arguments) for number in wanted]):
            title, faults, problems, seconds = future.result()
            print(f'{"FAIL" if problems else "ok  "} {title}: {sum(faults.values())} failures in {seconds:.1f} s: '
                  + ' '.join(f'{kind} {count}' for kind, count in faults.items() if count), flush=True)
            for kind, count in faults.items():
                total[kind] += count
            for problem in problems:
                print('  ' + problem, flush=True)
            failed += bool(problems)
            passed += not problems
    if arguments.record:
        results.record({'what': 'faults', 'build': os.path.basename(os.path.normpath(arguments.bin)), 'passed': not failed,
                        'figures': f'{sum(total.values())} failed calls in {time.monotonic() - begun:.0f} s: ' + ', '.join(f'{kind} {count}' for kind, count in total.items()),
                        'bound': 'every n-th call; no crash, hang, leak, wrong answer'})
    print(f'{passed} passed, {failed} failed')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
