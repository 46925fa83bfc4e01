# SPDX-License-Identifier: BSD-2-Clause
"""Load generators, on the second core: wrk for HTTP/1.1, h2load for HTTP/2, handshakes.py for handshakes. A run is a dict of
requests, seconds, p50 and p99 in ms (None if unknown) and bad (answers that are no 2xx, and socket errors)."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(argv, seconds, core='1'):
    done = subprocess.run([*(['taskset', '-c', core] if core else []), *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60)
    return done.stdout + done.stderr


def milliseconds(text):
    value, unit = re.match(r'([\d.]+)(us|ms|s)', text).groups()
    return float(value) * {'us': 0.001, 'ms': 1, 's': 1000}[unit]


def wrk(url, connections, seconds, close, core='1'):
    argv = ['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', '--latency', *(['-H', 'Connection: close'] if close else []), url]
    out = run(argv, seconds, core)
    found = re.search(r'(\d+) requests in ([\d.]+)(m?s)', out)
    if not found:
        raise RuntimeError(out[-400:])
    bad = re.search(r'Non-2xx or 3xx responses: (\d+)', out)
    errors = re.search(r'Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)', out)
    # With Connection: close wrk counts each end of a connection as a read error.
    wrong = sum(int(n) for n in errors.groups()) - (int(errors.group(2)) if close else 0) if errors else 0
    quantile = {k: milliseconds(v) for k, v in re.findall(r'\s(50|99)%\s+(\S+)', out)}
    return dict(requests=int(found.group(1)), seconds=float(found.group(2)) * (0.001 if found.group(3) == 'ms' else 1),
                p50=quantile.get('50'), p99=quantile.get('99'), bad=(int(bad.group(1)) if bad else 0) + wrong)


def h2load(url, connections, seconds, log):
    out = run(['h2load', '-t1', f'-c{connections}', '-m10', f'-D{seconds}', f'--log-file={log}', url], seconds)
    found = re.search(r'requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded', out)
    good = re.search(r'status codes: (\d+) 2xx', out)
    if not found or not good:
        raise RuntimeError(out[-400:])
    times = []
    try:
        with open(log) as file:
            times = sorted(int(line.split('\t')[2]) / 1000 for line in file if line.count('\t') >= 2)
        os.unlink(log)
    except (OSError, ValueError):
        pass
    pick = lambda share: times[min(len(times) - 1, int(len(times) * share))] if times else None
    return dict(requests=int(found.group(1)), seconds=float(seconds), p50=pick(0.5), p99=pick(0.99),
                bad=max(0, int(found.group(2)) - int(good.group(1))))


def handshake(address, path, connections, seconds):
    out = run([sys.executable, f'{HERE}/handshakes.py', address, path, str(seconds), str(connections)], seconds)
    found = json.loads(out.splitlines()[-1])
    return dict(requests=found['requests'], seconds=float(seconds), p50=found['p50'], p99=found['p99'], bad=found['bad'])


def load(scenario, address, seconds, directory):
    url = f'{"https" if scenario.tls else "http"}://{address}{scenario.path}'
    if scenario.load == 'handshake':
        return handshake(address, scenario.path, scenario.connections, seconds)
    if scenario.load == 'tls2':
        return h2load(url, scenario.connections, seconds, f'{directory}/h2load.log')
    return wrk(url, scenario.connections, seconds, scenario.load == 'h1close')
