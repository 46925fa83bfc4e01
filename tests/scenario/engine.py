# SPDX-License-Identifier: BSD-2-Clause
"""What the common engine does, shown at each of the three daemons and through the chain of all."""
import os
import re
import signal
import socket
import threading
import time

import h2
import wire

BIG = 80 << 20              # larger than every buffer on the way, the kernel's included
MEMORY = 12 << 20           # what a daemon may grow by while such a body waits


def daemons(place, origin, front='', cache='', back=''):
    """Each daemon alone in front of the origin."""
    return [place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=front),
            place.cachenode(origin.address, top=cache),
            place.balancer([origin.address], top=back)]


def chain(place, origin):
    """webfront, cachenode and balancer in a row; returns them in this order."""
    back = place.balancer([origin.address])
    cache = place.cachenode(back.address())
    front = place.webfront(f'[[site.route]]\nproxy = "{cache.address()}"\n')
    return [front, cache, back]


def h2_front(place, upstream):
    return place.daemon('webfront', f'[[listen]]\naddress = "127.0.0.1:0"\nprotocols = ["h2"]\n[[site]]\nnames = ["*"]\n'
                                    f'[[site.route]]\nproxy = "{upstream}"\n', tag='front2')


def test_keep_alive_on_both_sides(place):
    origin = place.origin()
    for daemon in daemons(place, origin):
        before = len(origin.connections)
        with wire.Connection(daemon.address()) as client:
            for number in range(20):
                answer = client.ask(wire.request(f'/{daemon.name}/{number}'))
                assert answer.status == 200 and f'/{number} ' in answer.body.decode()
        assert len(origin.connections) - before == 1, f'{daemon.name} opened {len(origin.connections) - before} connections'


def test_pipelined_requests_are_answered_in_order(place):
    """The first is slow at the origin, the others are not."""
    def answer(connection, request):
        if request.target.endswith('/0'):
            time.sleep(0.2)
        connection.answer(body=request.target.encode())
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        with wire.Connection(daemon.address()) as client:
            client.send(b''.join(wire.request(f'/{daemon.name}/{number}') for number in range(8)))
            for number in range(8):
                assert client.answer().body.decode() == f'/{daemon.name}/{number}'


def test_requests_sent_byte_by_byte(place):
    origin = place.origin()
    for daemon in daemons(place, origin):
        with wire.Connection(daemon.address()) as client:
            data = wire.request('/slow', method='POST', body=b'hello')
            for at in range(len(data)):
                client.send(data[at:at + 1])
            assert client.answer().status == 200
        assert origin.requests[-1].body == b'hello'


def test_answers_sent_byte_by_byte(place):
    def answer(connection, request):
        for byte in b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX: y\r\n\r\n':
            connection.send(bytes([byte]))
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        got = wire.get(daemon.address(), '/bytes')
        assert got.status == 200 and got.complete and got.body == b'hello'


def test_interim_answers(place):
    def answer(connection, request):
        connection.send(b'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n')
        connection.answer(body=b'late')
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        got = wire.get(daemon.address(), '/hints')
        assert [one.status for one in got.interim] == [103], f'{daemon.name}: {got.interim}'
        assert got.interim[0].get('Link') == '</a.css>; rel=preload'
        assert got.body == b'late'
        assert not wire.get(daemon.address(), '/old', version='1.0').interim


def test_continue_is_passed_on(place):
    """cachenode and balancer pass Expect on and bring the upstream's 100 back; the body follows only then."""
    seen = {}

    def script(connection):
        request = connection.request_head()
        while request:
            seen['expect'] = request.get('Expect')
            seen['early'] = len(connection.pending)
            connection.send(b'HTTP/1.1 100 Continue\r\n\r\n')
            connection.request_body(request)
            connection.answer(body=request.body)
            request = connection.request_head()
    origin = place.origin(script=script)
    for daemon in daemons(place, origin)[1:]:
        with wire.Connection(daemon.address()) as client:
            client.send(b'POST /up HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
            assert client.head().status == 100
            assert seen['expect'] == '100-continue' and seen['early'] == 0
            client.send(b'hello')
            assert client.answer().body == b'hello'


def test_an_expectation_may_be_refused(place):
    """The upstream's final answer comes instead of 100; the body is never sent."""
    def script(connection):
        request = connection.request_head()
        if request:
            connection.send(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
            connection.more()
    origin = place.origin(script=script)
    for daemon in daemons(place, origin)[1:]:
        with wire.Connection(daemon.address()) as client:
            client.send(b'POST /up HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
            got = client.answer()
            assert got.status == 403 and got.body == b'no'
            assert got.get('Connection', '').lower() == 'close' and client.closes()


def test_webfront_continues_by_itself_where_it_buffers(place):
    origin = place.origin()
    front = place.webfront(f'[[site.route]]\nbuffer_body = true\nproxy = "{origin.address}"\n')
    with wire.Connection(front.address()) as client:
        client.send(b'POST /up HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
        assert client.head().status == 100
        assert not origin.requests
        client.send(b'hello')
        assert client.answer().status == 200
    assert origin.requests[0].get('Expect') is None and origin.requests[0].body == b'hello'


def test_head_204_and_304_have_no_body(place):
    def answer(connection, request):
        if request.method == 'HEAD':
            connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
        elif 'none' in request.target:
            connection.send(b'HTTP/1.1 204 No Content\r\n\r\n')
        elif request.get('If-None-Match'):
            connection.send(b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n')
        else:
            connection.answer(fields='ETag: "e"\r\nCache-Control: no-store', body=b'whole')
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        with wire.Connection(daemon.address()) as client:
            got = client.ask(wire.request('/h', method='HEAD'), 'HEAD')
            assert got.status == 200 and got.get('Content-Length') == '1000'
            assert client.ask(wire.request('/none')).status == 204
            got = client.ask(wire.request('/whole', fields='If-None-Match: "e"'))
            # cachenode fetches without the client's conditionals and evaluates them on the result.
            assert got.status == 304, f'{daemon.name}: {got.status}'
            assert client.ask(wire.request('/whole')).body == b'whole'


def test_trailers_go_to_those_who_ask(place):
    def answer(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n')
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        got = wire.get(daemon.address(), '/t/with', fields='TE: trailers\r\nConnection: TE')
        assert got.complete and ('x-sum', '42') in [(name.lower(), value) for name, value in got.trailers], f'{daemon.name}: {got.trailers}'
        got = wire.get(daemon.address(), '/t/without')
        assert got.complete and not got.trailers, f'{daemon.name}: {got.trailers}'


def test_half_close_is_no_abort(place):
    """A client that ends its sending side still gets its slow answer."""
    def answer(connection, request):
        time.sleep(0.2)
        connection.answer(body=b'still here')
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request('/half'))
            client.finish_sending()
            assert client.answer().body == b'still here', daemon.name
            assert client.closes()


def test_websocket_passes(place):
    def script(connection):
        request = connection.request_head()
        assert request.get('Upgrade', '').lower() == 'websocket' and 'upgrade' in request.get('Connection', '').lower()
        assert request.get('Cookie') == '__ac=secret', request.fields
        assert request.get('Sec-WebSocket-Key') == 'dGhlIHNhbXBsZSBub25jZQ=='
        connection.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                        b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello')
        while connection.more():
            connection.send(connection.pending.upper())
            connection.pending = b''
    origin = place.origin(script=script)
    for daemon in daemons(place, origin) + chain(place, origin)[:1]:
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request('/ws', fields='Connection: Upgrade\r\nUpgrade: websocket\r\nCookie: __ac=secret\r\n'
                                     'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='))
            got = client.final_head()
            assert got.status == 101 and got.get('Upgrade').lower() == 'websocket', f'{daemon.name}: {got.status}'
            assert client.exactly(5) == b'hello'
            for word in (b'one', b'two', os.urandom(3).hex().encode() * 50000):
                client.send(word)
                assert client.exactly(len(word)) == word.upper()
            client.finish_sending()
            assert client.closes(), daemon.name


def test_a_refused_websocket_is_an_ordinary_answer(place):
    def answer(connection, request):
        connection.answer(403, body=b'no')
    origin = place.origin(answer)
    for daemon in daemons(place, origin):
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request('/ws', fields='Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
                                     'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='))
            got = client.answer()
            assert got.status == 403 and got.body == b'no'


def cut(connection, request):
    connection.send(b'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 200000\r\n\r\n' + b'x' * 100000)
    time.sleep(0.05)
    return False


def test_a_body_cut_short_never_looks_complete(place):
    origin = place.origin(cut)
    for daemon in daemons(place, origin) + chain(place, origin)[:1]:
        for version in ('1.1', '1.0'):
            got = wire.get(daemon.address(), '/cut', version=version)
            assert got.status == 502 or not got.complete, f'{daemon.name} HTTP/{version}: {got.status} {len(got.body)}'


def test_a_chunked_body_cut_short_over_h2(place):
    def answer(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
        time.sleep(0.05)
        return False
    origin = place.origin(answer)
    front = h2_front(place, origin.address)
    with h2.Session(front.address()) as session:
        got = session.ask('/cut')
        assert got.status == 502 or not got.complete
        assert session.ask('/cut').status in (200, 502)


def test_the_first_byte_does_not_wait_for_the_last(place):
    """Through one daemon and through all, both protocols: the origin sends the rest only after the client has seen the beginning."""
    gate = threading.Semaphore(0)

    def answer(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbegin \r\n')
        assert gate.acquire(timeout=wire.patience()), 'the client did not see the beginning'
        connection.send(b'3\r\nend\r\n0\r\n\r\n')
    origin = place.origin(answer)
    row = chain(place, origin)
    for daemon in daemons(place, origin) + row[:1]:
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request(f'/stream/{daemon.tag}'))
            head = client.final_head()
            while b'begin ' not in client.pending:
                assert client.more()
            gate.release()
            got = client.read_body(head)
            assert got.complete and got.body == b'begin end'
    for front in (h2_front(place, row[1].address()),):
        with h2.Session(front.address()) as session:
            stream = session.open([(b':method', b'GET'), (b':scheme', b'http'), (b':authority', b'a.example'), (b':path', b'/stream/h2')])
            session.wait(stream, lambda one: b'begin ' in one.answer.body)
            gate.release()
            assert session.wait(stream).body == b'begin end'


def test_the_first_bytes_of_an_upload_do_not_wait_for_the_last(place):
    """More than 64 KiB of a body are there: it goes on, though its end is not."""
    arrived = threading.Event()

    def script(connection):
        request = connection.request_head()
        while request:
            while len(connection.pending) < 50000 and connection.more():
                pass
            arrived.set()
            if connection.request_body(request).cut:
                return
            connection.answer(body=str(len(request.body)).encode())
            request = connection.request_head()
    origin = place.origin(script=script)
    for daemon in daemons(place, origin) + chain(place, origin)[:1]:
        arrived.clear()
        with wire.Connection(daemon.address()) as client:
            client.send(b'POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: 300000\r\n\r\n' + b'u' * 200000)
            assert arrived.wait(wire.patience()), f'{daemon.name} waits for the end of the body'
            client.send(b'u' * 100000)
            assert client.answer().body == b'300000'


def big_answer(sent):
    def answer(connection, request):
        sent[0] = 0
        connection.send(f'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: {BIG}\r\n\r\n'.encode())
        block = bytes(range(256)) * 256
        while sent[0] < BIG:
            if not connection.send(block):
                return False
            sent[0] += len(block)
    return answer


def settle(value):
    """Returns value() once it has stopped growing."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < 0.3:
        time.sleep(0.02)
        now = value()
        if now != last:
            last, since = now, time.monotonic()
    return last


def test_a_slow_reader_slows_the_origin_down(place):
    """The client reads nothing: the origin is stopped, memory stays, then all arrives. One daemon alone and the chain."""
    sent = [0]  # RssAnon: pages of the program itself, touched for the first time, are not meant
    origin = place.origin(big_answer(sent))
    row = chain(place, origin)
    for daemon, watched in [(one, [one]) for one in daemons(place, origin)] + [(row[0], row)]:
        before = [one.memory('RssAnon') for one in watched]
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request(f'/big/{daemon.tag}'))
            stopped = settle(lambda: sent[0])
            assert stopped < BIG, f'{daemon.name} took the whole body although nobody reads'
            for one, was in zip(watched, before):
                assert one.memory('RssAnon') - was < MEMORY, f'{one.name} grew by {(one.memory("RssAnon") - was) >> 10} KiB'
            got = client.answer()
            assert got.complete and len(got.body) == BIG and got.body[:1000] == (bytes(range(256)) * 4)[:1000]


def test_a_slow_reader_over_h2_slows_the_origin_down(place):
    sent = [0]
    origin = place.origin(big_answer(sent))
    front = h2_front(place, origin.address)
    before = front.memory('RssAnon')
    with h2.Session(front.address(), grant=False) as session:
        stream = session.open([(b':method', b'GET'), (b':scheme', b'http'), (b':authority', b'a.example'), (b':path', b'/big')])
        session.wait(stream, lambda one: one.received >= 65535)
        stopped = settle(lambda: sent[0])
        assert stopped < BIG, 'the whole body was taken although the window is closed'
        assert front.memory('RssAnon') - before < MEMORY
        # Another stream of the same connection is not stopped by this one.
        session.credit(stream, 65535)
        session.grant = True
        session.credit(stream, 1 << 20)
        got = session.wait(stream)
        assert got.complete and len(got.body) == BIG


def test_a_slow_origin_slows_an_upload_down(place):
    gate = threading.Event()

    def script(connection):
        request = connection.request_head()
        while request:
            gate.wait(wire.patience() * 4)
            if connection.request_body(request).cut:
                return
            connection.answer(body=str(len(request.body)).encode())
            request = connection.request_head()
    origin = place.origin(script=script)
    row = chain(place, origin)
    for daemon, watched in [(one, [one]) for one in daemons(place, origin)] + [(row[0], row)]:
        gate.clear()
        before = [one.memory() for one in watched]
        with wire.Connection(daemon.address()) as client:
            client.send(f'POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: {BIG}\r\n\r\n'.encode())
            sent = [0]

            def push():
                block = b'u' * 65536
                while sent[0] < BIG:
                    client.socket.sendall(block)
                    sent[0] += len(block)
            client.socket.settimeout(wire.patience() * 4)
            pusher = threading.Thread(target=push, daemon=True)
            pusher.start()
            assert settle(lambda: sent[0]) < BIG, f'{daemon.name} took the whole body although the origin reads nothing'
            for one, was in zip(watched, before):
                assert one.memory() - was < MEMORY, f'{one.name} grew by {(one.memory() - was) >> 10} KiB'
            gate.set()
            pusher.join()
            assert client.answer().body == str(BIG).encode()


def test_an_upload_over_h2_through_the_chain(place):
    def script(connection):
        request = connection.request()
        while request:
            connection.answer(body=str(len(request.body)).encode())
            request = connection.request()
    origin = place.origin(script=script)
    row = chain(place, origin)
    front = h2_front(place, row[1].address())
    with h2.Session(front.address()) as session:
        got = session.ask('/up', method='POST', body=b'u' * (3 << 20))
        assert got.status == 200 and got.body == str(3 << 20).encode()


def test_an_early_final_answer_reaches_the_client(place):
    """The origin refuses while the body is still coming: the client reads the refusal, not a reset."""
    def script(connection):
        request = connection.request_head()
        if request:
            connection.send(b'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig')
            connection.socket.shutdown(socket.SHUT_WR)
            while connection.more():
                connection.pending = b''
    origin = place.origin(script=script)
    for daemon in daemons(place, origin):
        with wire.Connection(daemon.address()) as client:
            client.send(b'POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10000000\r\n\r\n' + b'u' * 100000)
            got = client.answer()
            assert got.status == 413 and got.body == b'big', f'{daemon.name}: {got.status}'
            assert got.get('Connection', '').lower() == 'close'


def test_a_client_that_leaves_ends_the_upstream_exchange(place):
    """webfront and cachenode drop an answer nobody wants; the reset of the client is enough to tell."""
    gone = threading.Event()

    def answer(connection, request):
        block = b'x' * 65536
        connection.send(b'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n')
        while connection.send(b'10000\r\n' + block + b'\r\n'):
            pass
        gone.set()
        return False
    origin = place.origin(answer)
    for daemon in daemons(place, origin)[:2]:
        gone.clear()
        client = wire.Connection(daemon.address())
        client.send(wire.request('/endless'))
        client.final_head()
        client.reset()
        assert gone.wait(wire.patience()), f'{daemon.name} goes on reading'


def test_h2_streams_do_not_wait_for_each_other(place):
    gate = threading.Event()

    def answer(connection, request):
        if 'slow' in request.target:
            gate.wait(wire.patience())
        connection.answer(body=request.target.encode())
    origin = place.origin(answer)
    front = h2_front(place, origin.address)
    with h2.Session(front.address()) as session:
        def ask(path):
            return session.open([(b':method', b'GET'), (b':scheme', b'http'), (b':authority', b'a.example'), (b':path', path)])
        slow = ask(b'/slow')
        quick = [ask(b'/quick%d' % number) for number in range(30)]
        for number, stream in enumerate(quick):
            assert session.wait(stream).body == b'/quick%d' % number
        assert not slow.ended
        gate.set()
        assert session.wait(slow).body == b'/slow'


def test_a_cancelled_h2_stream_ends_its_exchange_and_no_other(place):
    gone = threading.Event()

    def answer(connection, request):
        if 'endless' not in request.target:
            return connection.answer(body=b'ok')
        connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        while connection.send(b'400\r\n' + b'x' * 1024 + b'\r\n'):
            time.sleep(0.001)
        gone.set()
        return False
    origin = place.origin(answer)
    front = h2_front(place, origin.address)
    with h2.Session(front.address()) as session:
        stream = session.open([(b':method', b'GET'), (b':scheme', b'http'), (b':authority', b'a.example'), (b':path', b'/endless')])
        session.wait(stream, lambda one: one.received > 0)
        session.cancel(stream)
        assert gone.wait(wire.patience()), 'the upstream exchange goes on'
        assert session.ask('/other').body == b'ok'


def test_both_protocols_on_one_chain_give_the_same(place):
    origin = place.origin()
    row = chain(place, origin)
    front = h2_front(place, row[1].address())
    with h2.Session(front.address()) as session:
        assert session.ask('/same?q=1').body.split()[:2] == wire.get(row[0].address(), '/same?q=1').body.split()[:2]


def test_many_clients_at_once(place):
    origin = place.origin()
    front = chain(place, origin)[0]
    problems = []

    def load(number):
        try:
            with wire.Connection(front.address()) as client:
                for turn in range(20):
                    path = f'/{number}/{turn}'
                    got = client.ask(wire.request(path))
                    assert got.status == 200 and got.body.split()[1] == path.encode(), got.body
        except (AssertionError, OSError, wire.Broken) as problem:
            problems.append(problem)
    threads = [threading.Thread(target=load, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[:3]


def test_own_errors_say_what_and_are_not_stored(place):
    """Nobody listens upstream."""
    idle = socket.socket()
    idle.bind(('127.0.0.1', 0))            # bound, not listening: refuses
    address = '127.0.0.1:%d' % idle.getsockname()[1]
    daemons_ = [place.webfront(f'[[site.route]]\nproxy = "{address}"\n'), place.cachenode(address), place.balancer([address])]
    for daemon in daemons_:
        got = wire.get(daemon.address(), '/')
        assert got.status in (502, 503), f'{daemon.name}: {got.status}'
        assert 'no-store' in got.get('Cache-Control', ''), f'{daemon.name}: {got.fields}'
        assert 'error=' in got.get('Proxy-Status', ''), f'{daemon.name}: {got.fields}'
    idle.close()


def test_via_names_each_tier_and_loops_are_refused(place):
    origin = place.origin()
    row = chain(place, origin)
    wire.get(row[0].address(), '/')
    via = ', '.join(origin.requests[-1].all('Via'))
    names = [one.split()[1] for one in via.split(', ')]
    assert len(names) == 3 and [name.split('-')[0] for name in names] == ['webfront', 'cachenode', 'balancer'], via
    for daemon, name in zip(row, names):
        got = wire.get(daemon.address(), '/', fields=f'Via: 1.1 {name}')
        assert got.status == 508, f'{daemon.name}: {got.status}'
        assert 'proxy_loop_detected' in got.get('Proxy-Status', '') and 'no-store' in got.get('Cache-Control', '')
    assert len(origin.requests) == 1


def descriptors(daemon):
    return len(os.listdir(f'/proc/{daemon.process.pid}/fd'))


def test_clients_that_leave_in_every_way_leave_nothing_behind(place):
    """Before, within and after the request, before, within and after the answer, by end and by reset."""
    def answer(connection, request):
        if request.target.endswith('cut'):
            connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc')
            return False
        connection.answer(fields='Cache-Control: no-store', body=b'x' * 200000)
    origin = place.origin(answer)
    ways = [b'', b'GET', b'GET / HTTP/1.1\r\nHost: a', wire.request('/'), wire.request('/', method='POST', body=b'u' * 1000)[:-500],
            wire.request('/cut'), wire.request('/1') + wire.request('/2') + b'GET /3', b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe']
    for daemon in daemons(place, origin):
        assert wire.get(daemon.address(), '/').status == 200
        before = descriptors(daemon)
        for turn in range(6):
            clients = [wire.Connection(daemon.address()) for _ in ways]
            for client, way in zip(clients, ways):
                if way:
                    client.send(way)
                if turn % 3 == 1:
                    client.finish_sending()
                if turn % 3 == 2 and way.startswith(b'GET /') and way.endswith((b'\r\n\r\n', b'/3')):
                    client.more()
            for client in clients:
                client.reset() if turn % 2 else client.close()
        wire.wait_for(lambda: descriptors(daemon) <= before + 20, f'{daemon.name} keeps {descriptors(daemon)} descriptors, {before} before')
        assert wire.get(daemon.address(), '/').status == 200


def test_a_reset_that_comes_with_bytes_is_noticed_at_once(place):
    """The daemon sleeps meanwhile, so that one event tells of both: part of a body, a whole request that waits, part of an answer, a tunnel."""
    go_on, noticed = threading.Event(), threading.Event()

    def script(connection):
        while (request := connection.request_head()) is not None:
            if request.get('Upgrade'):
                connection.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
                while connection.more():
                    pass
                connection.pending = b''
            elif request.target == '/halfway':
                connection.send(b'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 1000\r\n\r\n')
                go_on.wait(wire.patience())
                connection.send(b'half')
                return connection.reset()
            elif request.target == '/wait':
                noticed.wait(wire.patience())
                return False
            elif not connection.request_body(request).cut:
                connection.answer(fields='Cache-Control: no-store', body=b'x')
    origin = place.origin(script=script)
    websocket = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13'
    for daemon in daemons(place, origin):
        def asleep(action):
            daemon.signal(signal.SIGSTOP)
            wire.wait_for(lambda: re.search(r'^State:\s+T', open(f'/proc/{daemon.process.pid}/status').read(), re.M), 'it sleeps')
            action()
            daemon.signal(signal.SIGCONT)

        before = descriptors(daemon)
        clients = [wire.Connection(daemon.address()) for _ in range(4)]
        for client in clients[:3]:
            assert client.ask(wire.request('/')).body == b'x'
        clients[3].send(wire.request('/ws', fields=websocket))
        assert clients[3].final_head().status == 101

        def leave():
            for client, last in zip(clients, (wire.request('/', method='POST', body=b'u' * 1000)[:-500], wire.request('/wait'), b'GET / HT', b'frame')):
                client.send(last)
                client.reset()
        noticed.clear()
        asleep(leave)
        wire.wait_for(lambda: descriptors(daemon) <= before + 3, f'{daemon.name} keeps {descriptors(daemon)} descriptors, {before} before')
        noticed.set()   # over a Unix socket leaving is a half-close: that request still waits for its answer

        def cut():
            go_on.set()
            wire.wait_for(lambda: not any(one.socket.fileno() >= 0 for one in origin.connections if one is halfway), 'the origin left')
        go_on.clear()
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request('/halfway'))
            head = client.final_head()
            halfway = origin.seen('/halfway')[-1].connection
            asleep(cut)
            assert not client.read_body(head).complete, f'{daemon.name} completes half an answer'
