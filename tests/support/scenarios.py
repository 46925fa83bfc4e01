# SPDX-License-Identifier: BSD-2-Clause
"""Runs the scenarios of tests/scenario: each with one worker and with two, over Unix sockets and over TCP.

A .vtc file is run by Debian's varnishtest; its daemons are started by tests/support/start, its macros are ${start}, ${await}, ${bin},
${admin}. In a .py file every function test_NAME(place) is a scenario; a function with an attribute `once` runs in one variant only,
a file whose docstring begins with `Long:` runs with --long only. A function or a file with `unsanitized = "why"` watches something
that a sanitizer itself changes: it belongs to builds without one only.
"""
import argparse
import concurrent.futures
import importlib.util
import inspect
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, '..', 'scenario')
SANITIZED = 'ASAN_OPTIONS' in os.environ or 'TSAN_OPTIONS' in os.environ
sys.path[:0] = [HERE, SCENARIOS, os.path.join(HERE, '..', '..', 'deploy')]
import harness
import wire

VARIANTS = [(1, 'unix'), (2, 'unix'), (1, 'tcp'), (2, 'tcp')]


def load(path):
    spec = importlib.util.spec_from_file_location('scenario_' + os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_python(path, name, workers, net, binaries, factor):
    if factor != 1 and wire.PATIENCE == 5.0:
        wire.be_patient(factor)
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            function = getattr(load(path), name)
            with harness.Place(binaries, workers, unix=net == 'unix') as place:
                function(place)
        return 'ok', ''
    except harness.Skipped as why:
        return 'skip', str(why)
    except BaseException:
        return 'FAIL', traceback.format_exc(limit=-3) + said.getvalue()


def run_vtc(path, _, workers, net, binaries, factor):
    directory = tempfile.mkdtemp(prefix='trivet-vtc-')
    environment = {**os.environ, 'WORKERS': str(workers), 'NET': net, 'BIN': os.path.abspath(binaries), 'TMPDIR': directory,
                   'PATIENCE': str(5 * factor)}
    start = f'{HERE}/start'
    listen = {f'listen{n}': f'{directory}/s{n}.sock' if net == 'unix' else '127.0.0.1 0' for n in range(1, 5)}
    macros = {'start': start, 'await': f'{start} --wait', 'bin': os.path.abspath(binaries), **listen}
    argv = ['varnishtest', '-v', '-k', '-t', str(int(30 * factor))]
    for key, value in macros.items():
        argv.append(f'-D{key}={value}')
    try:
        done = subprocess.run([*argv, path], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', cwd=directory,
                              env=environment, timeout=40 * factor)
        verdict = {0: 'ok', 77: 'skip'}.get(done.returncode, 'FAIL')
        text = '' if verdict == 'ok' else '\n'.join((done.stdout + done.stderr).splitlines()[-45:])
        return verdict, text
    except subprocess.TimeoutExpired:
        return 'FAIL', 'varnishtest did not end'
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def collect(only, long, variants):
    """Yields (function, path, test, workers, net, title)."""
    import re
    for name in sorted(os.listdir(SCENARIOS)):
        path = os.path.join(SCENARIOS, name)
        if name.endswith('.vtc') and not long:
            for workers, net in variants:
                if re.search(only, name):
                    yield run_vtc, path, '', workers, net, f'{name} [{workers} {net}]'
        elif name.endswith('.py'):
            module = load(path)
            if (module.__doc__ or '').startswith('Long:') != long:
                continue
            for test, function in inspect.getmembers(module, inspect.isfunction):
                if not test.startswith('test_') or function.__module__ != module.__name__:
                    continue
                if SANITIZED and (hasattr(module, 'unsanitized') or hasattr(function, 'unsanitized')):
                    continue
                wanted = [variants[0]] if getattr(function, 'once', False) else variants
                for workers, net in wanted:
                    title = f'{name} {test[5:]} [{workers} {net}]'
                    if re.search(only, title):
                        yield run_python, path, test, workers, net, title


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--bin', default='build/release')
    parser.add_argument('--only', default='.')
    parser.add_argument('--jobs', type=int, default=4)
    parser.add_argument('--patience', type=float, default=1)
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--variant', help='only this one, like 2tcp')
    parser.add_argument('--times', action='store_true', help='print how long each took')
    arguments = parser.parse_args()
    variants = [one for one in VARIANTS if not arguments.variant or f'{one[0]}{one[1]}' == arguments.variant]
    count = {'ok': 0, 'FAIL': 0, 'skip': 0}
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, max_tasks_per_child=None) as pool:
        futures, begun = {}, {}
        for function, path, test, workers, net, title in collect(arguments.only, arguments.long, variants):
            future = pool.submit(timed, function, path, test, workers, net, arguments.bin, arguments.patience)
            futures[future] = title
        for future in concurrent.futures.as_completed(futures):
            verdict, text, seconds = future.result()
            count[verdict] += 1
            if verdict != 'ok' or arguments.times:
                print(f'{verdict} {futures[future]} ({seconds:.2f} s)', flush=True)
            if text:
                print('    ' + text.strip().replace('\n', '\n    '), flush=True)
    print(f'{count["ok"]} passed, {count["FAIL"]} failed' + (f', {count["skip"]} skipped' if count['skip'] else ''))
    sys.exit(1 if count['FAIL'] else 0)


def timed(function, *arguments):
    begun = time.monotonic()
    verdict, text = function(*arguments)
    return verdict, text, time.monotonic() - begun


if __name__ == '__main__':
    main()
