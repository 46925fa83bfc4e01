# SPDX-License-Identifier: BSD-2-Clause
"""Builds and runs the parts of the test suite; called by tests/run.

Every test is a Task: a command, a log file and a rule that reads `passed, failed, skipped` out of the log. Tasks of a
part run side by side, each part after the one before, so that builds and tests never compete.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
USUAL = ['tree', 'unit', 'bytes', 'scenario', 'faults', 'e2e', 'swap', 'plone', 'asan', 'tsan']
PARTS = USUAL + ['swap-plone', 'bench', 'long', 'soak']
CI = os.environ.get('CI') == 'true'
TAIL_LINES = 60


@dataclass
class Task:
    name: str
    argv: list
    log: str
    limit: int = 300                     # seconds, then it has failed
    environment: dict = field(default_factory=dict)
    reports: str = ''                    # prefix of sanitizer report files: none may have content
    alone: bool = False                  # uses both cores or measures time


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def say(text):
    print(text, flush=True)


def tail(path, lines=TAIL_LINES):
    """The last lines of a log, without those that only say what passed."""
    try:
        with open(path, errors='replace') as file:
            return ''.join(f'    {line.rstrip()}\n' for line in [one for one in file if not one.startswith('ok ')][-lines:])
    except OSError:
        return ''


def count_of(log, code):
    """What a finished log says: our own last line, Catch2's summary, or else the exit code alone."""
    try:
        with open(log, errors='replace') as file:
            text = file.read()
    except OSError:
        text = ''
    own = re.findall(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$', text, re.M)
    if own:
        passed, failed, skipped = (int(n or 0) for n in own[-1])
        if code != 0 and failed == 0:
            failed = 1
        return Count(passed, failed, skipped)
    good = re.search(r'All tests passed \(.* in (\d+) test case', text)
    if good and code == 0:
        return Count(int(good.group(1)))
    mixed = re.search(r'test cases: *\d+ \|(?: *(\d+) passed)?(?: *\|)?(?: *(\d+) failed)?', text)
    if mixed and code != 0:
        return Count(int(mixed.group(1) or 0), max(1, int(mixed.group(2) or 0)))
    return Count(1) if code == 0 else Count(0, 1)


def stop_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    process.wait()


def run_task(task):
    os.makedirs(os.path.dirname(task.log), exist_ok=True)
    begun = time.monotonic()
    with open(task.log, 'wb') as log:
        process = subprocess.Popen(task.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                                   env={**os.environ, **task.environment}, start_new_session=True)
        try:
            code = process.wait(task.limit)
        except subprocess.TimeoutExpired:
            stop_group(process)
            code = -1
            log.write(f'\nstopped after {task.limit} s\n'.encode())
    count = count_of(task.log, code)
    reports = [path for path in glob.glob(task.reports + '*') if os.path.getsize(path)] if task.reports else []
    if reports and not count.failed:
        count.failed += 1
    return task, count, time.monotonic() - begun, reports


def run_tasks(tasks, jobs):
    """Runs all, those marked `alone` last and one by one; returns the sum."""
    total = Count()

    def finish(result):
        task, count, seconds, reports = result
        total.add(count)
        verdict = 'FAIL' if count.failed else 'ok  '
        say(f'{verdict} {task.name}: {count.passed} passed, {count.failed} failed'
            + (f', {count.skipped} skipped' if count.skipped else '') + f' ({seconds:.1f} s)')
        if count.failed:
            say(tail(task.log))
            for report in reports[:3]:
                say(f'  sanitizer report {os.path.basename(report)}:\n{tail(report)}')

    together = [task for task in tasks if not task.alone]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run_task, task) for task in together]):
            finish(future.result())
    for task in tasks:
        if task.alone:
            finish(run_task(task))
    return total


def build(preset):
    """Configures and builds; returns an error text or ''."""
    log = f'{ROOT}/build/{preset}-build.log'
    os.makedirs(os.path.dirname(log), exist_ok=True)
    begun = time.monotonic()
    with open(log, 'wb') as file:
        for argv in (['cmake', '--preset', preset], ['cmake', '--build', '--preset', preset]):
            if subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file).returncode != 0:
                return tail(log, 80)
    say(f'built {preset} in {time.monotonic() - begun:.0f} s')
    return ''


def sanitizer_environment(preset, reports):
    common = f'log_path={reports}:exitcode=66'
    suppressions = f'{ROOT}/tests/support/tsan.supp'
    if preset == 'asan':
        return {'ASAN_OPTIONS': common + ':detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0',
                'UBSAN_OPTIONS': common + ':print_stacktrace=1:halt_on_error=1',
                'LSAN_OPTIONS': common}
    if preset == 'tsan':
        extra = f':suppressions={suppressions}' if os.path.exists(suppressions) else ''
        return {'TSAN_OPTIONS': common + ':halt_on_error=1:second_deadlock_stack=1' + extra}
    return {}


class Suite:
    def __init__(self, only, jobs, minutes=30):
        self.only = re.compile(only)
        self.jobs = jobs
        self.minutes = minutes           # of the soak in the release build; a third of it with a sanitizer

    def task(self, preset, name, argv, **more):
        where = f'{ROOT}/build/test-logs/{preset}'
        log = f'{where}/{re.sub(r"[^A-Za-z0-9_.-]", "_", name)}.log'
        os.makedirs(where, exist_ok=True)
        reports = ''
        environment = dict(more.pop('environment', {}))
        if preset in ('asan', 'tsan'):
            reports = log[:-4] + '.report'
            for old in glob.glob(reports + '*'):
                os.unlink(old)
            environment.update(sanitizer_environment(preset, reports))
        return Task(f'{preset}: {name}' if preset != 'release' else name, argv, log, environment=environment,
                    reports=reports, **more)

    def unit(self, preset):
        found = sorted(glob.glob(f'{ROOT}/build/{preset}/tests/unit_*'))
        return [self.task(preset, os.path.basename(path), [path]) for path in found if os.access(path, os.X_OK)]

    def bytes(self, preset):
        slow = ['--patience', '5'] if preset != 'release' else []
        return [self.task(preset, 'bytes', ['python3', 'tests/bytes/run.py', '--bin', f'build/{preset}', *slow], limit=600)]

    def scenario(self, preset):
        slow = ['--patience', '5'] if preset != 'release' else []
        return [self.task(preset, 'scenario', ['python3', 'tests/support/scenarios.py', '--bin', f'build/{preset}',
                                               '--jobs', str(self.jobs * 2), '--only', self.only.pattern, *slow], limit=1500)]

    def e2e(self, preset):
        runner = 'tests/e2e/demo/run'
        if not os.path.exists(f'{ROOT}/{runner}'):
            return []
        browser = [] if preset == 'release' else ['--no-browser']
        return [self.task(preset, 'e2e demo', [runner, '--bin', f'build/{preset}', *browser], limit=900)]

    def plone(self, preset):
        runner = 'tests/e2e/plone/run'
        if not os.path.exists(f'{ROOT}/{runner}'):
            return []
        return [self.task(preset, 'e2e plone', [runner, '--bin', f'build/{preset}'], limit=1800)]

    def swap(self, preset):
        return [self.task(preset, 'swap', ['tests/e2e/swap/run', '--bin', f'build/{preset}', '--no-browser', '--jobs', str(self.jobs * 2)],
                          limit=900)]

    def swap_plone(self, preset):
        return [self.task(preset, 'swap plone', ['tests/e2e/swap/run', '--plone', '--bin', f'build/{preset}'], limit=5400)]

    def tree(self, preset):
        return [self.task(preset, 'tree', ['python3', 'tests/support/tree.py'])]

    def bench(self, preset):
        return [self.task(preset, 'bench', ['tests/bench/compare', '--bin', f'build/{preset}',
                                            '--json', 'build/compare.json', '--markdown', 'build/compare.md'],
                          limit=7200, alone=True),
                self.task(preset, 'situations', ['tests/bench/situations', '--bin', f'build/{preset}', '--markdown', 'build/situations.md'],
                          limit=1200, alone=True)]

    def long(self, preset):
        # One after the other: they measure memory, processor time and what visitors wait.
        return [self.task(preset, 'long', ['python3', 'tests/support/scenarios.py', '--bin', f'build/{preset}', '--long', '--jobs', '1', '--times'],
                          limit=10800, alone=True)] + self.all_faults(preset)

    def soak(self, preset):
        minutes = self.minutes if preset == 'release' else self.minutes / 3
        return [self.task(preset, 'soak', ['tests/soak/run', '--bin', f'build/{preset}', '--minutes', f'{minutes:g}', '--record'],
                          limit=minutes * 60 + 900, alone=True)]

    def faults(self, preset):
        slow = ['--patience', '5'] if preset != 'release' else []
        return [self.task(preset, 'faults', ['python3', 'tests/faults/run.py', '--bin', f'build/{preset}', '--sample', '1', '--jobs', str(self.jobs * 2), *slow], limit=600)]

    def all_faults(self, preset):
        return [self.task(preset, 'all faults', ['python3', 'tests/faults/run.py', '--bin', f'build/{preset}', '--jobs', str(self.jobs), '--record'],
                          limit=7200, alone=True)]

    def sanitized(self, preset):
        tasks = []
        for part in (self.unit, self.bytes, self.scenario, self.e2e):
            tasks += part(preset)
        # Never tried with the thread sanitizer, which intercepts calls of its own.
        if preset == 'asan':
            tasks += self.faults(preset)
        return tasks


def run_soak(suite):
    total = Count()
    for preset in ('release', 'asan', 'tsan'):
        problem = build(preset)
        if problem:
            say(f'FAIL build {preset}\n{problem}')
            total.add(Count(0, 1))
        else:
            total.add(run_tasks(suite.soak(preset), suite.jobs))
    return total


def run_part(suite, part):
    if part == 'soak':
        return run_soak(suite)
    preset = part if part in ('asan', 'tsan') else 'release'
    if part != 'tree':
        problem = build(preset)
        if problem:
            say(f'FAIL build {preset}\n{problem}')
            return Count(0, 1)
    tasks = suite.sanitized(preset) if preset != 'release' else getattr(suite, part.replace('-', '_'))(preset)
    if part != 'scenario':
        tasks = [task for task in tasks if suite.only.search(task.name)]
    if not tasks:
        say(f'nothing to run in {part}')
        return Count()
    return run_tasks(tasks, suite.jobs)


def main():
    parser = argparse.ArgumentParser(prog='tests/run')
    parser.add_argument('parts', nargs='*', metavar='PART', help=' '.join(PARTS))
    parser.add_argument('--jobs', type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument('--only', default='.', help='tasks (in part scenario: scenarios) whose name matches')
    parser.add_argument('--minutes', type=float, default=30, help='of the soak in the release build; a third of it with each sanitizer')
    arguments = parser.parse_args()
    parts = arguments.parts or USUAL
    if 'long' in parts and 'soak' not in parts:
        parts = parts + ['soak']
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f'no part called {", ".join(unknown)}; there are: {" ".join(PARTS)}')
    suite = Suite(arguments.only, arguments.jobs, arguments.minutes)
    total = Count()
    begun = time.monotonic()
    for part in parts:
        say(f'== {part}')
        total.add(run_part(suite, part))
    if CI and total.skipped:
        say(f'{total.skipped} skipped although CI=true: counted as failed')
        total.failed += total.skipped
        total.skipped = 0
    say(f'took {time.monotonic() - begun:.0f} s')
    say(f'{total.passed} passed, {total.failed} failed' + (f', {total.skipped} skipped' if total.skipped else ''))
    sys.exit(1 if total.failed else 0)


if __name__ == '__main__':
    main()
