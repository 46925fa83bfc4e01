# SPDX-License-Identifier: BSD-2-Clause
"""Slow clients, idle ones and bodies larger than any buffer: what they may cost, and that others are served meanwhile."""
import os
import resource
import subprocess
import threading
import time

import crowd
import wire

BUFFERS = 256 << 20         # limits.buffers, its default
QUIET = 'log.access = false\n'
MEASURED = QUIET + 'metrics = "127.0.0.1:0"\n'


def once(function):
    function.once = True
    return function


def made_of(place, kind, origin, tls='', top=QUIET):
    if kind == 'webfront':
        return place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=top, listen=tls)
    if kind == 'cachenode':
        # What it passes on needs a connection for as long as its client reads; 1024 readers would keep everybody else's misses waiting.
        return place.cachenode(origin.address, top=top, origin_more='max_connections = 20000\n')
    return place.balancer([origin.address], top=top)


def figure(daemon, row):
    """Value of one row of a daemon's metrics; 0 while it is not there."""
    for line in wire.get(daemon.named('metrics'), '/metrics').body.decode().splitlines():
        if line.startswith(row + ' '):
            return float(line.rsplit(' ', 1)[1])
    return 0


def counts(daemon, row, value):
    """Waits until the row has this value: a request is counted after its answer was sent."""
    wire.wait_for(lambda: figure(daemon, row) == value, f'{row} becomes {value}')


def certificate(place):
    cert, key = place.path('a.pem'), place.path('a.key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
                    '-days', '90', '-subj', '/CN=a.example'], check=True, capture_output=True)
    return f'tls = {{ cert = "{cert}", key = "{key}" }}\n'


def slow_clients(place, kind, mode, count, tls=False, h2=False, rounds=1, top=QUIET):
    """`count` slow clients while a visitor comes: figures, the visitor's of `rounds` before and among them."""
    crowd.many_descriptors()
    origin = crowd.Origin(place)
    daemon = made_of(place, kind, origin, certificate(place) if tls else '', top)
    target = '/bytes/20000000' if mode in ('reader', 'shut') else '/bytes/1000'
    many = count >= 1000
    alone, began = visits(place, daemon, rounds, tls), time.monotonic()
    with crowd.Crowd(place, daemon.address(), mode, count, tls, target, h2=h2) as clients:
        clients.await_settled(0.95 if many else 1, wire.patience() * (36 if many else 4))
        # Thousands that come within a second take all there is of the processor until all their first answers have gone as far as they can.
        if many:
            await_quiet(daemon)
        arrived = time.monotonic() - began
        among = visits(place, daemon, rounds, tls)
        report = clients.report()
    bound = memory_bound(kind, count, h2)
    return {'memory': daemon.peak_memory(), 'bound': bound, 'alone': alone, 'among': among, 'arrived': arrived, 'report': report}


def visits(place, daemon, rounds, tls):
    """The visitor's figures of each round: a short one to see that it is served, long ones where it is measured."""
    return [crowd.visitor(place, daemon.address(), 3 if rounds > 1 else 0.3, '/bytes/1000', tls) for _ in range(rounds)]


def await_quiet(daemon, seconds=0.5, share=0.6):
    """Until it uses less than this share of a processor for so many seconds."""
    def used():
        before = daemon.cpu_seconds()
        time.sleep(seconds)
        return (daemon.cpu_seconds() - before) / seconds
    wire.wait_for(lambda: used() < share, 'it is quiet after their arrival', wire.patience() * 12)


def memory_bound(kind, connections, h2=False):
    return BUFFERS + (64 << 20) + connections * ((48 if h2 else 20) << 10) + (BUFFERS if kind == 'cachenode' else 0)


def all_modes(place, kind, tls=False, h2=False):
    """A hundredth of limits_long.py."""
    for mode in ('head', 'body', 'reader') + ('shut',) * h2:
        got = slow_clients(place, kind, mode, 90, tls, h2)
        assert got['memory'] <= got['bound'], f'{kind} {mode}: {got["memory"] >> 20} MiB, allowed are {got["bound"] >> 20}'
        assert got['report']['settled'] == 90, f'{kind} {mode}: {got["report"]}'


def test_slow_clients_webfront(place):
    all_modes(place, 'webfront')


def test_slow_clients_webfront_tls(place):
    all_modes(place, 'webfront', tls=True)


@once
def test_slow_clients_webfront_http2(place):
    all_modes(place, 'webfront', tls=True, h2=True)


def test_slow_clients_cachenode(place):
    all_modes(place, 'cachenode')


def test_slow_clients_balancer(place):
    all_modes(place, 'balancer')


def chain(place, top='', back_top=''):
    """[webfront, cachenode, balancer]; `top` is for the first two, whose options of clients are [limits]."""
    origin, top = crowd.Origin(place), MEASURED + top
    back = place.balancer([origin.address], top=MEASURED + back_top)
    cache = place.cachenode(back.address(), top=top)
    front = place.webfront(f'[[site.route]]\nproxy = "{cache.address()}"\n', top=top)
    return [front, cache, back]


def test_large_bodies_through_the_chain(place):
    """Larger than all windows together: every byte arrives, and nobody keeps it."""
    row = chain(place)
    for mode in ('down', 'up'):
        seen = crowd.finish(crowd.transfer(place, row[0].address(), mode, 50 << 20))
        assert seen['good'] and seen['bytes'] == 50 << 20, f'{mode}: {seen}'
    for one in row:
        assert one.memory() < 40 << 20, f'{one.name} takes {one.memory() >> 20} MiB'


def test_client_that_is_silent_at_first(place):
    """The kernel keeps its connection for a moment (TCP_DEFER_ACCEPT); it is served whether it speaks before or after that."""
    for front in chain(place):
        with wire.Connection(front.address()) as soon, wire.Connection(front.address()) as late:
            assert soon.ask(wire.request('/')).status == 200
            wire.wait_for(lambda: figure(front, f'{front.name}_client_connections') >= 2, 'the silent one is accepted')
            assert late.ask(wire.request('/')).status == 200


@once
def test_client_that_stops_reading(place):
    """A large answer stands still in the whole chain until the time for writing is over; nobody takes it in meanwhile."""
    row = chain(place, 'limits.write_timeout = "500ms"\n', 'defaults.timeout.client = "500ms"\n')
    seen = crowd.finish(crowd.transfer(place, row[0].address(), 'stop', 100 << 20, seconds=wire.patience() * 2))
    assert seen['ended'], 'never cut'
    wire.wait_for(lambda: not any(figure(one, f'{one.name}_client_connections') for one in row), 'the answer is given up everywhere')
    counts(row[0], 'webfront_connections_ended_total{reason="write-timeout"}', 1)
    for one in row:
        assert one.memory() < 40 << 20, f'{one.name} takes {one.memory() >> 20} MiB'


def shut_streams(place, connections, streams, top=QUIET, rounds=1):
    """Streams of HTTP/2 whose answers are there and whose windows stay shut, over TLS; a visitor before and among them."""
    crowd.many_descriptors()
    origin = crowd.Origin(place)
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=top, listen=certificate(place))
    alone = visits(place, front, rounds, True)
    all_of_them = connections * streams
    with crowd.Crowd(place, front.address(), 'shut', connections, True, '/bytes/20000000', h2=True, streams=streams, more=['--once']) as clients:
        wire.wait_for(lambda: clients.report()['answered'] >= all_of_them, 'all answers begin', wire.patience() * 4)
        if rounds > 1:
            await_quiet(front)
        among = visits(place, front, rounds, True)
        # A stream's window is its client's to open: it is waited for as long as for a client that does not read.
        wire.wait_for(lambda: clients.report()['reset'] >= all_of_them or clients.report()['settled'] == 0, 'all are given up', 120)
        report = clients.report()
    return {'memory': front.peak_memory(), 'bound': memory_bound('webfront', connections, True), 'alone': alone, 'among': among, 'report': report}


@once
def test_shut_streams(place):
    got = shut_streams(place, 2, 100, QUIET + 'limits.write_timeout = "1s"\n')
    assert got['memory'] <= got['bound'], f'{got["memory"] >> 20} MiB, allowed are {got["bound"] >> 20}'


def idle_cost(place, kind, few, more, tls=False, h2=False):
    """Bytes of user space of each of `more` connections that wait after a request; `few` before them leave behind what a rush leaves."""
    crowd.many_descriptors()
    daemon = made_of(place, kind, crowd.Origin(place), certificate(place) if tls else '')
    with crowd.Crowd(place, daemon.address(), 'idle', few, tls, '/bytes/1000', h2=h2) as first:
        first.await_settled(1, wire.patience() * 8)
        before = crowd.private_bytes(daemon)
        with crowd.Crowd(place, daemon.address(), 'idle', more, tls, '/bytes/1000', h2=h2) as others:
            others.await_settled(1, wire.patience() * 8)
            return (crowd.private_bytes(daemon) - before) / more


IDLE_BOUNDS = {'webfront': 2 << 10, 'webfront TLS': 18 << 10, 'webfront HTTP/2': 44 << 10, 'cachenode': 2 << 10, 'balancer': 2 << 10}


def idle_connections(place, what, few=1000, more=3000):
    kind, *secure = what.split()
    cost = idle_cost(place, kind, few, more, bool(secure), 'HTTP/2' in secure)
    assert cost <= IDLE_BOUNDS[what], f'{cost:.0f} bytes an idle connection, allowed are {IDLE_BOUNDS[what]}'


def test_idle_connections_webfront(place):
    idle_connections(place, 'webfront', 3000, 6000)


def test_idle_connections_webfront_tls(place):
    idle_connections(place, 'webfront TLS')


def test_idle_connections_webfront_http2(place):
    idle_connections(place, 'webfront HTTP/2', 500, 1500)


def test_idle_connections_cachenode(place):
    idle_connections(place, 'cachenode', 3000, 6000)


def test_idle_connections_balancer(place):
    idle_connections(place, 'balancer', 3000, 6000)


for one in (test_idle_connections_webfront, test_idle_connections_webfront_tls, test_idle_connections_webfront_http2, test_idle_connections_cachenode,
            test_idle_connections_balancer):
    one.unsanitized = 'memory is counted, and sanitizers keep their own'
    one.once = True


@once
def test_buffers_full_webfront(place):
    """Bodies that are collected fill limits.buffers: no more is held, nothing is accepted, it is told and counted once, and over when they have gone."""
    let = threading.Event()
    origin = place.origin(script=lambda connection: connection.request_head() and let.wait(wire.patience() * 4))
    front = place.webfront('[[site.route]]\nproxy = "app"\nbuffer_body = true\nprefix = "/body"\n[[site.route]]\nrespond = { status = 200 }\n',
                           top=MEASURED + 'limits.buffers = "4m"\n', tail=f'[upstream.app]\nservers = ["{origin.address}"]\nqueue = {{ max_active = 1 }}\n')
    piece = 128 << 10       # never too much for a socket whose other end does not read
    part = wire.request('/body', method='POST', body=bytes(2 * piece))[:-piece]
    clients = []

    def told(times):
        clients.append(wire.Connection(front.address()))        # the memory is looked at when somebody is accepted
        if figure(front, 'webfront_buffer_bytes') < 0.9 * (4 << 20):
            clients[-1].send(part)
        return front.errors().count('no connection is accepted for now') == times
    for times in (1, 2):
        try:
            wire.wait_for(lambda: told(times), 'a line that tells of it')
            with wire.Connection(front.address()) as waiting:
                waiting.send(wire.request('/'))
                assert figure(front, 'webfront_client_connections') <= len(clients)
                while clients:
                    clients.pop().close()
                assert waiting.answer().status == 200
        finally:
            for one in clients:
                one.close()
        wire.wait_for(lambda: front.errors().count('connections are accepted again') == times, 'a line that it is over')
        counts(front, 'webfront_buffers_full_total', times)
    let.set()


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


@once
def test_readers_that_take_nothing_give_way(place):
    """More of them than there is memory for, however little each may hold: they are given up, and a visitor is served."""
    origin = crowd.Origin(place)
    daemon = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=QUIET + 'metrics = "127.0.0.1:0"\n[limits]\nbuffers = "4m"\n')
    with crowd.Crowd(place, daemon.address(), 'reader', 1600, target='/bytes/20000000', more=('--once',)) as clients:
        wire.wait_for(lambda: clients.report()['cut'] >= 20, 'no reader was given up', wire.patience() * 4)
        crowd.visitor(place, daemon.address(), 0.3, '/bytes/1000')
        # A body larger than what may be held goes on all the same.
        assert wire.get(daemon.address(), '/up', method='POST', body=b'x' * 200000).status == 200
    text = wire.get(daemon.named('metrics'), '/metrics').body.decode()
    assert 'reason="reader-given-up"' in text, text
    lines = daemon.errors().count('had taken nothing of its answer')
    assert 1 <= lines <= 200, lines


@once
def test_readers_that_were_there_before_they_asked(place):
    """Nobody connects any more when memory becomes short: it is noticed all the same."""
    crowd.many_descriptors()
    origin = crowd.Origin(place)
    daemon = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=QUIET + 'metrics = "127.0.0.1:0"\n[limits]\nbuffers = "4m"\n')
    readers = [wire.Connection(daemon.address()) for _ in range(1200)]
    try:
        wire.wait_for(lambda: figure(daemon, 'webfront_client_connections') == len(readers), 'all are connected')
        for reader in readers:
            reader.send(wire.request('/bytes/20000000'))
        wire.wait_for(lambda: 'had taken nothing of its answer' in daemon.errors(), 'no reader was given up', wire.patience() * 4)
    finally:
        for reader in readers:
            reader.close()
