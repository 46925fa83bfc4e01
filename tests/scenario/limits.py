# SPDX-License-Identifier: BSD-2-Clause
"""Slow clients, idle ones and bodies larger than any buffer: what they may cost, and that others are served meanwhile."""
import os
import resource
import subprocess

import crowd
import wire

BUFFERS = 256 << 20         # limits.buffers, its default
QUIET = 'log.access = false\n'


def made_of(place, kind, origin, tls=''):
    if kind == 'webfront':
        return place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=QUIET, listen=tls)
    if kind == 'cachenode':
        return place.cachenode(origin.address, top=QUIET)
    return place.balancer([origin.address], top=QUIET)


def certificate(place):
    cert, key = place.path('a.pem'), place.path('a.key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
                    '-days', '90', '-subj', '/CN=a.example'], check=True, capture_output=True)
    return f'tls = {{ cert = "{cert}", key = "{key}" }}\n'


def slow_clients(place, kind, mode, count, tls=False):
    """`count` slow clients while a visitor comes: returns figures, and fails where memory is above its bound."""
    crowd.many_descriptors()
    origin = crowd.Origin(place)
    daemon = made_of(place, kind, origin, certificate(place) if tls else '')
    target = '/bytes/20000000' if mode == 'reader' else '/bytes/1000'
    seconds = 0.3 if count < 1000 else 3
    alone = crowd.visitor(place, daemon.address(), seconds, '/bytes/1000', tls)
    with crowd.Crowd(place, daemon.address(), mode, count, tls, target) as clients:
        clients.await_settled(1 if count < 1000 else 0.95, wire.patience() * (4 if count < 1000 else 12))
        among = crowd.visitor(place, daemon.address(), seconds, '/bytes/1000', tls)
        memory, report = daemon.memory(), clients.report()
    bound = BUFFERS + (64 << 20) + count * (20 << 10) + (BUFFERS if kind == 'cachenode' else 0)
    assert memory <= bound, f'{kind} {mode}: {memory >> 20} MiB, allowed are {bound >> 20}'
    return {'memory': memory, 'bound': bound, 'alone': alone, 'among': among, 'report': report}


def all_modes(place, kind, tls=False):
    for mode in ('head', 'body', 'reader'):
        slow_clients(place, kind, mode, 90, tls)


def test_slow_clients_webfront(place):
    all_modes(place, 'webfront')


def test_slow_clients_webfront_tls(place):
    all_modes(place, 'webfront', tls=True)


def test_slow_clients_cachenode(place):
    all_modes(place, 'cachenode')


def test_slow_clients_balancer(place):
    all_modes(place, 'balancer')


def idle_connections(place, kind, bound, tls=False):
    """What each of `many` more connections costs that wait after a request; `few` before them leave behind what a rush leaves."""
    few, many = (1000, 3000) if tls else (3000, 6000)
    crowd.many_descriptors()
    daemon = made_of(place, kind, crowd.Origin(place), certificate(place) if tls else '')
    with crowd.Crowd(place, daemon.address(), 'idle', few, tls, '/bytes/1000') as first:
        first.await_settled()
        before = crowd.private_bytes(daemon)
        with crowd.Crowd(place, daemon.address(), 'idle', many, tls, '/bytes/1000') as more:
            more.await_settled()
            cost = (crowd.private_bytes(daemon) - before) / many
    assert cost <= bound, f'{cost:.0f} bytes an idle connection, allowed are {bound}'


def test_idle_connections_webfront(place):
    idle_connections(place, 'webfront', 2 << 10)


def test_idle_connections_webfront_tls(place):
    idle_connections(place, 'webfront', 18 << 10, tls=True)


def test_idle_connections_cachenode(place):
    idle_connections(place, 'cachenode', 2 << 10)


def test_idle_connections_balancer(place):
    idle_connections(place, 'balancer', 2 << 10)


for one in (test_idle_connections_webfront, test_idle_connections_webfront_tls, test_idle_connections_cachenode, test_idle_connections_balancer):
    one.unsanitized = 'memory is counted, and sanitizers keep their own'
    one.once = True


def chain(place):
    origin = crowd.Origin(place)
    back = place.balancer([origin.address], top=QUIET)
    cache = place.cachenode(back.address(), top=QUIET)
    front = place.webfront(f'[[site.route]]\nproxy = "{cache.address()}"\n', top=QUIET)
    return [front, cache, back]


def test_large_bodies_through_the_chain(place):
    """Larger than all windows together: every byte arrives, and nobody keeps it."""
    row = chain(place)
    for mode in ('down', 'up'):
        seen = crowd.finish(crowd.transfer(place, row[0].address(), mode, 50 << 20))
        assert seen['good'] and seen['bytes'] == 50 << 20, f'{mode}: {seen}'
    for one in row:
        assert one.memory() < 40 << 20, f'{one.name} takes {one.memory() >> 20} MiB'


def without_descriptors(place, kind):
    """A running daemon may open nothing more: who is in is told 503 where a server is needed, others wait until there are descriptors again."""
    origin = place.origin(lambda connection, request: connection.answer(200, 'Connection: close\r\nCache-Control: no-store', b'x') and False)
    daemon = made_of(place, kind, origin)
    of_daemon = f'/proc/{daemon.process.pid}/fd'
    was = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    waiting = []
    with wire.Connection(daemon.address()) as first:
        first.send(wire.request('/before'))
        assert first.answer().status == 200
        opened = [int(one) for one in os.listdir(of_daemon)]
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (max(opened) + 1, was[1]))
        try:
            waiting += [wire.Connection(daemon.address()) for _ in range(max(opened) + 1 - len(opened) + 4)]
            wire.wait_for(lambda: 'cannot accept connections' in daemon.errors(), 'a line that tells of it')
            first.send(wire.request('/meanwhile'))
            got = first.answer()
            assert got.status == 503, got
            resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, was)
            for one in waiting:
                one.send(wire.request('/after'))
                assert one.answer().status == 200
        finally:
            for one in waiting:
                one.close()
        wire.wait_for(lambda: 'connections are accepted again' in daemon.errors(), 'a line that it is over')
    lines = daemon.errors().count('cannot accept connections')
    assert lines <= 2, f'{lines} lines, wanted is one a worker: {daemon.errors()}'
    assert not origin.seen('/meanwhile')


def test_without_descriptors_webfront(place):
    without_descriptors(place, 'webfront')


def test_without_descriptors_cachenode(place):
    without_descriptors(place, 'cachenode')


def test_without_descriptors_balancer(place):
    without_descriptors(place, 'balancer')


for one in (test_without_descriptors_webfront, test_without_descriptors_cachenode, test_without_descriptors_balancer):
    one.unsanitized = 'the check of undefined behaviour needs descriptors of its own'
