# SPDX-License-Identifier: BSD-2-Clause
"""Runs the load program `crowd` (tests/crowd/main.cc): many slow clients, a visitor among them, an origin of made-up bodies, transfers."""
import json
import os
import resource
import subprocess
import time

import wire

MIB = 1 << 20


def program(place):
    return f'{place.binaries}/tests/crowd'


def sanitized():
    return 'ASAN_OPTIONS' in os.environ or 'TSAN_OPTIONS' in os.environ


def many_descriptors():
    """For processes that this one starts from now on."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Crowd:
    """Clients of one kind that go on until the block ends."""

    def __init__(self, place, address, mode, count, tls=False, target='/', interval=1.0, more=(), h2=False, streams=1):
        argv = [program(place), 'clients', '--to', address, '--mode', mode, '--count', str(count), '--target', target, '--interval', str(interval), *more]
        argv += ['--tls'] * tls + ['--h2', '--streams', str(streams)] * h2
        self.count = count
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def report(self):
        self.process.stdin.write('report\n')
        return json.loads(self.process.stdout.readline())

    def await_settled(self, share=1.0, seconds=None):
        """Until as many clients as wanted are where they want to be; returns the last report."""
        end = time.monotonic() + (seconds or wire.patience() * 4)
        while True:
            seen = self.report()
            if seen['settled'] >= self.count * share:
                return seen
            assert time.monotonic() < end, f'the clients did not get there: {seen}'
            time.sleep(0.02)


class Origin:
    """Answers /bytes/N and /cached/N with N made-up bytes, and compares what is sent to it."""

    def __init__(self, place):
        address = place.new_address('g')
        self.process = subprocess.Popen([program(place), 'origin', '--to', address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self.process.stdout.readline().strip()
        self.address = address if address.startswith('unix:') else f'127.0.0.1:{port}'
        self.problems = []
        place.origins.append(self)

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()


def visitor(place, address, seconds, target='/', tls=False, interval=0.005):
    """Visits one after the other, each a new connection with two requests: {visits, p50, p99, max}, in milliseconds."""
    done = subprocess.run([program(place), 'visitor', '--to', address, '--target', target, '--seconds', str(seconds), '--interval', str(interval),
                           *(['--tls'] if tls else [])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def transfer(place, address, mode, size, rate=0, tls=False, seconds=0):
    """Begins a body of `size` made-up bytes up or down; `finish` on what it returns."""
    return subprocess.Popen([program(place), 'transfer', '--to', address, '--mode', mode, '--size', str(size), '--rate', str(rate),
                             '--seconds', str(seconds), *(['--tls'] if tls else [])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def private_bytes(daemon):
    """What is this process's own and in memory."""
    with open(f'/proc/{daemon.process.pid}/smaps_rollup') as file:
        rows = dict(line.split(':') for line in file.read().splitlines()[1:])
    return int(rows['Private_Dirty'].split()[0]) * 1024
