# SPDX-License-Identifier: BSD-2-Clause
"""Long: nine thousand slow clients at each daemon, bodies of 10 GB, streams that stay shut, floods, idle connections; recorded with their bounds.

Sizes come from the environment for a try: CLIENTS=900 GIGABYTES=0.5 … --long --only limits_long. Nothing is recorded then.
"""
import os
import statistics
import subprocess
import sys

import crowd
import floods
import limits
import results
import wire

CLIENTS = int(os.environ.get('CLIENTS', 9000))
SIZE = int(float(os.environ.get('GIGABYTES', 10)) * 1e9)
FULL = CLIENTS == 9000 and SIZE == int(10e9)
PACE = 100e6            # bytes a second
ROUNDS = 5              # of visits; the median counts: others may use this machine meanwhile
LARGE = 'limits.body_size = "100g"\n'     # the balancer has no such limit


def mib(size):
    return f'{size / (1 << 20):.0f} MiB'


def conclude(what, figures, bound, passed):
    """The machine's load is told too: beside somebody else's work a p99 says little."""
    figures += f', load {os.getloadavg()[0]:.1f}'
    print(f'{"ok  " if passed else "FAIL"} {what}: {figures}; bound: {bound}', file=sys.__stdout__, flush=True)
    if FULL:
        results.record({'what': what, 'build': 'release', 'figures': figures, 'bound': bound, 'passed': passed})
    assert passed, f'{what}: {figures}; bound: {bound}'


class Visits:
    """The visitor's p99 before and meanwhile, in milliseconds."""

    def __init__(self, alone, among):
        self.alone, self.among = ([one['p99'] for one in rows] for rows in (alone, among))
        self.allowed = 2 * statistics.median(self.alone) + 5

    def good(self):
        return bool(self.among) and statistics.median(self.among) <= self.allowed

    def __str__(self):
        def row(values):
            return f'{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})' if values else 'none'
        return f'p99 {row(self.alone)} alone, {row(self.among)} meanwhile'

    @property
    def bound(self):
        return f'{self.allowed:.1f} ms (twice alone + 5)'


def slow_clients(place, kind, mode, tls=False, h2=False):
    place.use_unix = False
    what = f'{CLIENTS} clients, {mode}, {kind}' + (' HTTP/2' if h2 else ' TLS' if tls else '')
    memory_bound = mib(limits.memory_bound(kind, CLIENTS, h2))
    # The default configuration, but for the time that a head may take: cut after ten seconds, nine thousand would be as many handshakes every ten seconds.
    more = ('defaults.timeout.http_request' if kind == 'balancer' else 'limits.header_timeout') + ' = "10m"\n' if mode == 'head' else ''
    try:
        got = limits.slow_clients(place, kind, mode, CLIENTS, tls, h2, ROUNDS, limits.QUIET + more)
    except AssertionError as why:
        conclude(what, f'broke off: {str(why)[:200]}', memory_bound, False)
    visits = Visits(got['alone'], got['among'])
    figures = f'{mib(got["memory"])}, {visits}, {got["report"]["settled"]} there, {got["report"]["cut"]} cut, quiet {got["arrived"]:.0f} s after the first came'
    conclude(what, figures, f'{memory_bound}, p99 {visits.bound}', got['memory'] <= got['bound'] and visits.good())


def test_heads_webfront(place): slow_clients(place, 'webfront', 'head')
def test_bodies_webfront(place): slow_clients(place, 'webfront', 'body')
def test_readers_webfront(place): slow_clients(place, 'webfront', 'reader')
def test_heads_webfront_tls(place): slow_clients(place, 'webfront', 'head', True)
def test_bodies_webfront_tls(place): slow_clients(place, 'webfront', 'body', True)
def test_readers_webfront_tls(place): slow_clients(place, 'webfront', 'reader', True)
def test_heads_webfront_http2(place): slow_clients(place, 'webfront', 'head', True, True)
def test_bodies_webfront_http2(place): slow_clients(place, 'webfront', 'body', True, True)
def test_readers_webfront_http2(place): slow_clients(place, 'webfront', 'reader', True, True)
def test_shut_webfront_http2(place): slow_clients(place, 'webfront', 'shut', True, True)
def test_heads_cachenode(place): slow_clients(place, 'cachenode', 'head')
def test_bodies_cachenode(place): slow_clients(place, 'cachenode', 'body')
def test_readers_cachenode(place): slow_clients(place, 'cachenode', 'reader')
def test_heads_balancer(place): slow_clients(place, 'balancer', 'head')
def test_bodies_balancer(place): slow_clients(place, 'balancer', 'body')
def test_readers_balancer(place): slow_clients(place, 'balancer', 'reader')


def during(place, process, address, seconds=3):
    """Visits as long as a transfer lasts."""
    seen = []
    while process.poll() is None:
        seen.append(crowd.visitor(place, address, seconds, '/bytes/1000'))
    return seen[:-1] or seen       # the last one outlasts it


def memory_of(row):
    """(figures, passed): the most that each daemon ever took."""
    kinds = [(one, limits.memory_bound(one.name, 2)) for one in row]
    return ', '.join(f'{one.name} {mib(one.peak_memory())}' for one in row), all(one.peak_memory() <= bound for one, bound in kinds)


def transferred(place, address, mode, rate):
    """(figures, visits, passed) of one body through `address`."""
    alone = [crowd.visitor(place, address, 3, '/bytes/1000') for _ in range(ROUNDS)]
    process = crowd.transfer(place, address, mode, SIZE, rate)
    among = during(place, process, address)
    seen = crowd.finish(process)
    good = seen['good'] and seen['bytes'] == SIZE
    return f'{SIZE / 1e9:g} GB {mode} in {seen["seconds"]:.0f} s, every byte {"right" if good else "NOT right"}', Visits(alone, among), good


def test_paced_bodies_through_the_chain(place):
    place.use_unix = False
    row = limits.chain(place, LARGE)
    for mode in ('down', 'up'):
        figures, visits, good = transferred(place, row[0].address(), mode, PACE)
        memory, small = memory_of(row)
        conclude(f'paced body {mode}, chain', f'{figures}, {visits}, {memory}', f'p99 {visits.bound}, buffers + 64 MiB (cachenode: + storage)',
                 good and small and visits.good())


def haproxy(place, origin):
    """In front of the origin, one thread, nothing logged; returns its address."""
    path, address = place.path('haproxy.cfg'), f'unix:{place.path("haproxy.sock")}'
    with open(path, 'w') as file:
        file.write(f'global\n  nbthread 1\n  maxconn 9000\ndefaults\n  mode http\n  timeout client 300s\n  timeout server 300s\n  timeout connect 5s\n'
                   f'frontend f\n  bind unix@{address[5:]}\n  default_backend b\nbackend b\n  server s1 {origin.address.replace("unix:", "unix@")}\n')
    process = subprocess.Popen(['haproxy', '-db', '-f', path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wire.wait_for(lambda: os.path.exists(address[5:]), 'haproxy listens')
    return process, address


def test_unpaced_bodies(place):
    """As fast as it goes. How a visitor fares is reported beside HAProxy in the balancer's place."""
    row = limits.chain(place, LARGE)
    process, beside = haproxy(place, place.origins[0])
    try:
        for mode in ('down', 'up'):
            for name, address in (('chain', row[0].address()), ('balancer', row[2].address()), ('HAProxy', beside)):
                figures, visits, good = transferred(place, address, mode, 0)
                memory, small = memory_of(row)
                conclude(f'unpaced body {mode}, {name}', f'{figures}, {visits}' + (f', {memory}' if name == 'chain' else ''),
                         'p99 reported only; buffers + 64 MiB (cachenode: + storage)', good and small)
    finally:
        process.terminate()
        process.wait()


def test_client_that_stops_reading(place):
    """The time for writing is the default one."""
    place.use_unix = False
    row = limits.chain(place, LARGE)
    address = row[0].address()
    alone = [crowd.visitor(place, address, 3, '/bytes/1000') for _ in range(ROUNDS)]
    process = crowd.transfer(place, address, 'stop', SIZE, seconds=180)
    visits = Visits(alone, during(place, process, address))
    seen = crowd.finish(process)
    memory, small = memory_of(row)
    conclude(f'{SIZE / 1e9:g} GB to a client that stopped reading, chain', f'cut after {seen["seconds"]:.0f} s, {visits}, {memory}' if seen['ended'] else 'never cut',
             f'p99 {visits.bound}, buffers + 64 MiB (cachenode: + storage)', seen['ended'] and small and visits.good())


def test_shut_streams(place):
    place.use_unix = False
    got = limits.shut_streams(place, 10, 100, rounds=ROUNDS)
    visits = Visits(got['alone'], got['among'])
    conclude('1000 HTTP/2 streams that never open their window', f'{mib(got["memory"])}, {visits}, {got["report"]["reset"]} reset, {got["report"]["cut"]} cut',
             f'{mib(got["bound"])}, p99 {visits.bound}', got['memory'] <= got['bound'] and visits.good())


def test_floods(place):
    """What a flood may cost until its connection is closed."""
    costs = floods.all_floods(place, ROUNDS)
    most = max(costs, key=costs.get)
    conclude('HTTP/2 floods', ', '.join(f'{name[3:]} {1000 * cost:.0f} ms' for name, cost in costs.items()), '100 ms of CPU time a connection', costs[most] < 0.1)


def idle(place, what):
    place.use_unix = False
    kind, *secure = what.split()
    cost = limits.idle_cost(place, kind, CLIENTS // 9, CLIENTS, bool(secure), 'HTTP/2' in secure)
    bound = limits.IDLE_BOUNDS[what]
    conclude(f'idle connection, {what}', f'{cost / 1024:.2f} KiB', f'{bound / 1024:g} KiB', cost <= bound)


def test_idle_webfront(place): idle(place, 'webfront')
def test_idle_webfront_tls(place): idle(place, 'webfront TLS')
def test_idle_webfront_http2(place): idle(place, 'webfront HTTP/2')
def test_idle_cachenode(place): idle(place, 'cachenode')
def test_idle_balancer(place): idle(place, 'balancer')


for name, function in list(globals().items()):
    if name.startswith('test_'):
        function.once = True
