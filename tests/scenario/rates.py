# SPDX-License-Identifier: BSD-2-Clause
"""Clients that move something, but less than the minimum: bodies that trickle in, answers that are sipped. Honest slow ones are served."""
import re
import select
import socket
import threading
import time

import h2
import wire

KINDS = ('webfront', 'cachenode', 'balancer')
BIG = 64 << 20


def daemon_with(place, kind, origin, window, body='250', write='250', top=''):
    """A daemon whose minimum is judged over `window`."""
    top += 'metrics = "127.0.0.1:0"\n'
    rates = f'min_body_rate = "{body}"\nmin_write_rate = "{write}"\n'
    if kind == 'balancer':
        return place.balancer([origin.address], top=f'{top}[defaults]\n{rates}timeout = {{ client = "{window}" }}\n')
    top += f'[limits]\n{rates}body_timeout = "{window}"\nwrite_timeout = "{window}"\n'
    if kind == 'webfront':
        return place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=top)
    return place.cachenode(origin.address, top=top)


def counted(daemon, reason):
    text = wire.get(daemon.named('metrics'), '/metrics').body.decode()
    return sum(int(count) for count in re.findall(rf'{{[^}}]*reason="{reason}"[^}}]*}} (\d+)', text))


def large(connection, request):
    connection.send(f'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: {BIG}\r\n\r\n'.encode())
    block = bytes(65536)
    for _ in range(BIG // len(block)):
        if not connection.send(block):
            return False
    return True


def readable(client, seconds):
    return bool(select.select([client.socket], [], [], seconds)[0])


def trickle(client, step, pause, seconds):
    """Sends a little again and again until something comes back, at most so long; how many bytes were sent."""
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end and not readable(client, pause):
        client.send(step)
        sent += len(step)
    return sent


def sip(client, step, pause, seconds):
    """Takes a little again and again until the connection ends, at most so long; whether it ended."""
    end = time.monotonic() + seconds
    client.socket.settimeout(wire.patience())
    try:
        while time.monotonic() < end:
            if not client.socket.recv(step):
                return True
            time.sleep(pause)
    except ConnectionError:
        return True
    return False


def tries(daemon, reason):
    """Until the daemon has counted it: a client that did not get the processor for long enough was silent, not slow."""
    for number in range(5):
        yield number
        if counted(daemon, reason):
            return
    raise AssertionError(f'{reason} was not counted')


def at_each(place, origin, visit, **options):
    """visit(daemon) at the three daemons at once."""
    daemons = [daemon_with(place, kind, origin, **options) for kind in KINDS]
    problems = []

    def one(daemon):
        try:
            visit(daemon)
        except Exception as problem:
            problems.append(f'{daemon.name}: {problem!r}')
    threads = [threading.Thread(target=one, args=(daemon,)) for daemon in daemons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, '; '.join(problems)


HEAD = b'POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n'


def test_a_body_that_trickles_in(place):
    def visit(daemon):
        for _ in tries(daemon, 'slow-body'):
            with wire.Connection(daemon.address()) as client:
                client.send(HEAD % 1000000)
                trickle(client, b'x' * 10, 0.05, wire.patience() * 2)  # 200 bytes a second
                got = client.answer()
                assert got.status == 408 and client.closes(), got
        option = 'defaults.min_body_rate' if daemon.name == 'balancer' else 'limits.min_body_rate'
        wire.wait_for(lambda: re.search(rf'only \d+ bytes of the request body in 1000 ms \({option}\)', daemon.errors() + daemon.output()), 'a line that tells of it')
    origin = place.origin()
    at_each(place, origin, visit, window='1s', body='20k')
    assert not origin.requests


def test_an_answer_that_is_sipped(place):
    def visit(daemon):
        for _ in tries(daemon, 'slow-reader'):
            with wire.Connection(daemon.address()) as client:
                client.send(wire.request('/big'))
                assert sip(client, 1 << 18, 0.03, wire.patience() * 2), 'it goes on'
        option = 'defaults.min_write_rate' if daemon.name == 'balancer' else 'limits.min_write_rate'
        wire.wait_for(lambda: re.search(rf'took only \d+ bytes of the answer in 1000 ms \({option}\)', daemon.errors() + daemon.output()), 'a line that tells of it')
    at_each(place, place.origin(large), visit, window='1s', write='1g')


def test_honest_slow_clients(place):
    """Several windows long, always above the minimum; and one that takes its time before it begins."""
    def visit(daemon):
        with wire.Connection(daemon.address()) as up, wire.Connection(daemon.address()) as down:
            down.send(wire.request('/big'))
            reading = threading.Thread(target=lambda: results.append(sip(down, 1 << 18, 0.02, 4.5)))
            results = []
            reading.start()
            sent = 0
            up.send(HEAD % 9000)
            for _ in range(90):
                up.send(b'x' * 100)
                sent += 100
                time.sleep(0.05)
            got = up.answer()
            reading.join()
            assert got.status == 200, got
            assert results == [False], 'a reader was cut'
        assert counted(daemon, 'slow-body') == counted(daemon, 'slow-reader') == 0

    def answer(connection, request):
        if '/big' in request.target:
            return large(connection, request)
        return connection.answer(200, 'Cache-Control: no-store', b'ok')
    at_each(place, place.origin(answer), visit, window='2s')


def until(session, stream, step):
    """Steps on until the stream is over, at most so long."""
    end = time.monotonic() + wire.patience() * 2
    while stream.reset is None and not stream.ended and time.monotonic() < end:
        step()
        while session.connection.pending or readable(session.connection, 0.02):
            assert session.step(), 'the connection ended'


def test_streams_of_http2(place):
    origin = place.origin(large)
    daemon = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', listen='protocols = ["h2"]\n',
                            top='metrics = "127.0.0.1:0"\n[limits]\nmin_body_rate = "20k"\nmin_write_rate = "20k"\nbody_timeout = "1500ms"\nwrite_timeout = "1500ms"\n')
    fields = [(b':scheme', b'http'), (b':authority', b'a.example')]
    with h2.Session(daemon.address(), grant=False) as session:
        stream = session.open([(b':method', b'GET'), (b':path', b'/big')] + fields)
        until(session, stream, lambda: session.credit(stream, 10))
        assert stream.reset == 8, stream.reset
        assert session.goaway is None
    with h2.Session(daemon.address()) as session:
        stream = session.open([(b':method', b'POST'), (b':path', b'/up')] + fields, end=False)
        until(session, stream, lambda: session.data(stream, b'x' * 10, end=False))
        assert stream.answer.status == 408, stream.answer
    for reason in ('slow-reader', 'slow-body'):
        wire.wait_for(lambda: counted(daemon, reason), f'{reason} is counted')
