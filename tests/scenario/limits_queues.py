# SPDX-License-Identifier: BSD-2-Clause
"""Queues and tables that deploy/docs/limits.md names and no other scenario fills: what is answered then, and which counter says so."""
import socket
import threading

import wire
from limits import MEASURED, counts, figure


def held(place):
    """An origin that answers nothing until `let` is set."""
    let = threading.Event()

    def answer(connection, request):
        let.wait(wire.patience() * 3)
        return connection.answer(200, 'Cache-Control: no-store', b'x')
    return place.origin(answer), let


def waiting():
    """How long a request may wait: long enough for another one to find it there, also on a slow machine."""
    return f'{wire.patience() * 400:.0f}ms'


def fill(daemon, let, refused, reason):
    """One request under way, one that waits too long, one that finds the queue full. `refused`: metric of the two reasons."""
    with wire.Connection(daemon.address()) as first, wire.Connection(daemon.address()) as second:
        first.send(wire.request('/first'))
        wire.wait_for(lambda: busy(daemon) == (1, 0), 'the first is under way')
        second.send(wire.request('/second'))
        wire.wait_for(lambda: busy(daemon)[1] == 1, 'the second waits')
        third = wire.get(daemon.address(), '/third')
        assert third.status == 503, third
        assert second.answer().status == 503
        let.set()
        assert first.answer().status == 200
    for name in ('queue-full', 'queue-timeout'):
        counts(daemon, f'{refused}{{{reason}="{name}"}}', 1)


def busy(daemon):
    """(under way, waiting)"""
    if daemon.name == 'cachenode':
        return figure(daemon, 'cachenode_origin_active'), figure(daemon, 'cachenode_origin_waiting')
    return figure(daemon, 'webfront_queue_active{queue="upstream app"}'), figure(daemon, 'webfront_queue_waiting{queue="upstream app"}')


def test_queue_of_webfront(place):
    origin, let = held(place)
    front = place.webfront('[[site.route]]\nproxy = "app"\n', top=MEASURED, tail=f'[upstream.app]\nservers = ["{origin.address}"]\n'
                           f'queue = {{ max_active = 1, max_waiting = 1, timeout = "{waiting()}" }}\n')
    fill(front, let, 'webfront_errors_total', 'reason')


def test_queue_of_cachenode(place):
    origin, let = held(place)
    cache = place.cachenode(origin.address, top=MEASURED, origin_more=f'max_connections = 1\nqueue = {{ max_waiting = 1, timeout = "{waiting()}" }}\n')
    fill(cache, let, 'cachenode_reasons_total', 'reason')


def test_a_server_that_cannot_be_reached(place):
    """Its queue of connections is full: the kernel answers nothing. Whoever asks is told after timeout.connect."""
    with socket.create_server(('127.0.0.1', 0), backlog=0) as deaf:
        address = '127.0.0.1:%d' % deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        time = 'timeout = { connect = "200ms" }\n'
        front = place.webfront('[[site.route]]\nproxy = "app"\n', top=MEASURED, tail=f'[upstream.app]\nservers = ["{address}"]\n' + time)
        cache = place.cachenode(address, top=MEASURED, origin_more=time)
        for daemon, refused in ((front, 'webfront_errors_total'), (cache, 'cachenode_reasons_total')):
            assert wire.get(daemon.address(), '/').status == 504
            counts(daemon, refused + '{reason="connect-timeout"}', 1)
        back = place.balancer([address], top=MEASURED + 'defaults.timeout.connect = "200ms"\ndefaults.retries.count = 0\n')
        assert wire.get(back.address(), '/').status in (503, 504)
        wire.wait_for(lambda: figure(back, 'balancer_server_connect_errors_total{backend="app",server="s1"}'), 'the attempt is counted')
        for one in fillers:
            one.close()


def test_connections_for_commands(place):
    """Beyond 256 at a time more are closed at once; afterwards there is room again."""
    origin = place.origin()
    admin = f'unix:{place.path("admin.sock")}'
    lb = place.balancer([origin.address], top=MEASURED + f'admin = "{admin}"\n')
    held_open = [wire.Connection(admin) for _ in range(256)]
    with wire.Connection(admin) as one_more:
        assert one_more.closes(), 'one too many is served'
    for one in held_open:
        one.close()
    wire.wait_for(lambda: answers(admin), 'commands are taken again')
    assert figure(lb, 'balancer_control_refused_total') >= 1


def answers(admin):
    with wire.Connection(admin) as connection:
        try:
            connection.send(b'help\n')
            return connection.more()
        except OSError:
            return False


for one in (test_queue_of_webfront, test_queue_of_cachenode, test_a_server_that_cannot_be_reached, test_connections_for_commands):
    one.once = True
