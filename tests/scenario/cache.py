# SPDX-License-Identifier: BSD-2-Clause
"""What cachenode stores, what it serves from the store and what it says about it."""
import gzip
import os
import re
import threading
import time

import crowd
import wire

PURGE = '[purge]\nallow = ["unix", "127.0.0.1"]\n'
FRESH = 'Cache-Control: public, max-age=300'
PLONE = '''[identity]
authenticated = { cookies = ["__ac", "__ac_*", "auth_token", "statusmessages"] }
keep_cookies = ["I18N_LANGUAGE"]
other_cookies = "drop"
'''


def answering(fields=FRESH, body=None, status=200):
    """An origin's answer: the same fields always, a body that tells fetches apart."""
    def answer(connection, request):
        text = body if body is not None else f'{request.target} #{request.order}'.encode()
        connection.answer(status, fields, b'' if request.method == 'HEAD' else text)
    return answer


def ask(daemon, path='/x', fields='', **more):
    got = wire.get(daemon.address(), path, fields=fields, **more)
    assert got.complete, f'{path} is cut short'
    return got


def purge(daemon, path, fields='', host='a.example', method='PURGE'):
    return wire.get(daemon.address(), path, host=host, fields=fields, method=method)


def stale(answer):
    return re.search(r'; hit; ttl=(0|-\d+); detail=', answer.get('Cache-Status', ''))


def hit(answer):
    return '; hit' in answer.get('Cache-Status', '')


def test_a_second_request_is_answered_from_memory(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address)
    first, second = ask(cache), ask(cache)
    assert first.get('X-Cache') == 'MISS' and second.get('X-Cache') == 'HIT'
    assert 'fwd=uri-miss' in first.get('Cache-Status') and 'stored' in first.get('Cache-Status'), first.get('Cache-Status')
    assert hit(second) and 'ttl=' in second.get('Cache-Status')
    assert first.body == second.body and len(origin.requests) == 1
    assert second.get('Age') is not None and second.get('Content-Length') == str(len(second.body))


def test_a_chunked_answer_is_stored_too(place):
    def answer(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nCache-Control: max-age=300\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    assert ask(cache).body == b'hello'
    again = ask(cache)
    assert hit(again) and again.body == b'hello' and again.get('Content-Length') == '5' and not again.trailers


def test_what_is_not_stored(place):
    kinds = {'nothing': 'X-A: 1', 'private': 'Cache-Control: private, max-age=300', 'no-store': 'Cache-Control: no-store, max-age=300',
             'no-cache': 'Cache-Control: no-cache, max-age=300', 'set-cookie': FRESH + '\r\nSet-Cookie: a=b',
             'zero': 'Cache-Control: max-age=0', 'smaxage': 'Cache-Control: max-age=300, s-maxage=0',
             'vary': FRESH + '\r\nVary: *', 'expired': 'Expires: Thu, 01 Jan 1970 00:00:00 GMT'}

    def answer(connection, request):
        connection.answer(200, kinds[request.target[1:]], str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    for kind in kinds:
        first, second = ask(cache, f'/{kind}'), ask(cache, f'/{kind}')
        assert first.body != second.body and not hit(second), f'{kind} was stored'
        assert 'detail=' in second.get('Cache-Status'), f'{kind}: no reason in {second.get("Cache-Status")}'


def test_what_is_stored(place):
    kinds = {'smaxage': 'Cache-Control: max-age=0, s-maxage=300', 'expires': 'Expires: Thu, 01 Jan 2099 00:00:00 GMT',
             'surrogate': 'Cache-Control: no-store\r\nCachenode-Cache-Control: max-age=300',
             'public': 'Cache-Control: public, max-age=300, must-revalidate'}

    def answer(connection, request):
        connection.answer(200, kinds[request.target[1:]], str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    for kind in kinds:
        ask(cache, f'/{kind}')
        assert hit(ask(cache, f'/{kind}')), f'{kind} was not stored'


def test_statuses(place):
    def answer(connection, request):
        connection.answer(int(request.target[1:]), FRESH if request.target != '/206' else FRESH + '\r\nContent-Range: bytes 0-1/9', b'ab')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    for status, stored in ((200, True), (301, True), (404, True), (410, True), (206, False)):
        ask(cache, f'/{status}')
        assert hit(ask(cache, f'/{status}')) == stored, status


def test_errors_only_for_ten_seconds(place):
    """5xx is kept only with an explicit lifetime, and never over a usable object."""
    mode = {'status': 500, 'fields': 'X-A: 1'}

    def answer(connection, request):
        connection.answer(mode['status'], mode['fields'], b'e')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    ask(cache, '/implicit')
    assert not hit(ask(cache, '/implicit'))
    mode['fields'] = 'Cache-Control: max-age=3600'
    ask(cache, '/explicit')
    got = ask(cache, '/explicit')
    assert hit(got)
    ttl = int(got.get('Cache-Status').split('ttl=')[1].split(';')[0])
    assert ttl <= 10, ttl


def test_a_cookie_means_a_person(place):
    """The default identity: any cookie that is not a known tracker's makes a pass, cookies kept."""
    origin = place.origin(answering())
    cache = place.cachenode(origin.address)
    ask(cache)
    for cookie in ('session=1', '__ac=x', '_ga=1; session=2'):
        got = ask(cache, fields=f'Cookie: {cookie}')
        assert not hit(got) and 'fwd=bypass' in got.get('Cache-Status'), f'{cookie}: {got.get("Cache-Status")}'
        assert origin.requests[-1].get('Cookie') == cookie
    assert hit(ask(cache, fields='Cookie: _ga=GA1.2; _pk_id.1=2; _gid=3'))
    ask(cache, '/other', fields='Cookie: _ga=GA1.2')
    assert origin.requests[-1].get('Cookie') is None, 'a tracker\'s cookie was sent with a look-up'
    assert hit(ask(cache, '/other'))


def test_identity_fields_mean_a_person(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, listen='trusted_proxies = ["unix", "127.0.0.1"]')
    ask(cache)
    for field in ('Authorization: Basic YTpi', 'Remote-User: me', 'X-Remote-User: me', 'X-Forwarded-User: me'):
        count = len(origin.requests)
        assert not hit(ask(cache, fields=field)), field
        assert len(origin.requests) == count + 1
    assert hit(ask(cache))


def test_plone_cookies_are_found_as_zope_finds_them(place):
    origin = place.origin(answering('Cache-Control: private'))
    cache = place.cachenode(origin.address, PLONE)
    for cookie in ('__ac=abc', 'a=b; __ac=abc', 'I18N_LANGUAGE="de", __ac=abc', 'x="1"__ac=abc', 'foo,__ac=abc', '__ac_name=1',
                   'auth_token=1', 'a=b\r\nCookie: __ac=abc'):
        got = ask(cache, fields=f'Cookie: {cookie}')
        assert 'fwd=bypass' in got.get('Cache-Status'), f'{cookie}: {got.get("Cache-Status")}'
        sent = '; '.join(origin.requests[-1].all('Cookie'))
        assert '__ac' in sent or 'auth_token' in sent, sent
    for cookie in ('x__ac=abc', 'a=b', '__act=1'):
        got = ask(cache, '/anonymous', fields=f'Cookie: {cookie}')
        assert 'fwd=bypass' not in got.get('Cache-Status'), f'{cookie}: {got.get("Cache-Status")}'
        assert origin.requests[-1].get('Cookie') is None


def test_other_cookies_stay_where_nothing_is_looked_up(place):
    origin = place.origin(answering('Cache-Control: private'))
    cache = place.cachenode(origin.address, PLONE)
    ask(cache, method='POST', body=b'a', fields='Cookie: cart=1')
    assert origin.requests[-1].get('Cookie') == 'cart=1'
    ask(cache, fields='Cookie: cart=1; __ac=2')
    assert origin.requests[-1].get('Cookie') == 'cart=1; __ac=2'
    ask(cache, '/lost', fields='Cookie: cart=1')
    assert origin.requests[-1].get('Cookie') is None


def test_kept_cookies_are_in_the_key(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, PLONE)
    german = ask(cache, fields='Cookie: I18N_LANGUAGE=de; cart=1')
    assert origin.requests[-1].get('Cookie') == 'I18N_LANGUAGE=de'
    french = ask(cache, fields='Cookie: I18N_LANGUAGE=fr')
    none = ask(cache)
    assert len({german.body, french.body, none.body}) == 3
    assert hit(ask(cache, fields='Cookie: I18N_LANGUAGE=de'))


def test_json_and_html_of_one_address(place):
    """The class of Accept is in the key, whatever Vary says."""
    origin = place.origin(answering())
    cache = place.cachenode(origin.address)
    page = ask(cache, fields='Accept: text/html,application/xhtml+xml,*/*;q=0.8')
    api = ask(cache, fields='Accept: application/json')
    assert page.body != api.body and len(origin.requests) == 2
    assert hit(ask(cache)) and ask(cache).body == page.body
    assert ask(cache, fields='Accept: application/json').body == api.body
    assert len(origin.requests) == 2


def test_the_parts_of_a_key(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address)
    ask(cache, '/k?b=1&a=2')
    for path, host, same in (('/k?b=1&a=2', 'A.EXAMPLE', True), ('/k?b=1&a=2', 'a.example:80', True), ('/k?b=1&a=2', 'a.example.', True),
                             ('/k?a=2&b=1', 'a.example', False), ('/k', 'a.example', False), ('/k?b=1&a=2', 'b.example', False),
                             ('/k?b=1&a=2', 'a.example:81', False), ('/K?b=1&a=2', 'a.example', False)):
        assert hit(ask(cache, path, host=host)) == same, f'{host}{path}'
    assert {request.get('Host') for request in origin.requests} == {'a.example', 'b.example', 'a.example:81'}


def test_query_rules(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, '[key]\nquery = { sort = true, remove = ["utm_*", "fbclid"] }\n')
    ask(cache, '/q?b=1&utm_source=x&a=2&fbclid=7')
    assert origin.requests[0].target in ('/q?a=2&b=1', '/q?b=1&a=2'), origin.requests[0].target
    assert hit(ask(cache, '/q?a=2&b=1')) and hit(ask(cache, '/q?utm_medium=y&b=1&a=2'))


def test_vary(place):
    def answer(connection, request):
        connection.answer(200, FRESH + '\r\nVary: Accept-Language, X-Site', f'{request.get("Accept-Language")} {request.order}'.encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    german = ask(cache, fields='Accept-Language: de')
    french = ask(cache, fields='Accept-Language: fr')
    assert german.body != french.body and 'fwd=vary-miss' in french.get('Cache-Status'), french.get('Cache-Status')
    assert ask(cache, fields='Accept-Language: de').body == german.body
    assert ask(cache, fields='Accept-Language: fr').body == french.body
    assert len(origin.requests) == 2


def test_codings(place):
    """Look-ups ask for gzip or for none, an answer is found by what it is, and Vary is added where the origin forgot it."""
    def answer(connection, request):
        if 'gzip' in request.get('Accept-Encoding', ''):
            connection.answer(200, FRESH + '\r\nContent-Encoding: gzip', gzip.compress(b'text'))
        else:
            connection.answer(200, FRESH, b'text')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    coded = ask(cache, fields='Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1')
    assert origin.requests[-1].get('Accept-Encoding') == 'gzip'
    assert coded.get('Content-Encoding') == 'gzip' and 'accept-encoding' in coded.get('Vary', '').lower()
    plain = ask(cache)
    assert plain.body == b'text' and plain.get('Content-Encoding') is None
    assert origin.requests[-1].get('Accept-Encoding') is None
    assert hit(ask(cache, fields='Accept-Encoding: gzip')) and hit(ask(cache)) and len(origin.requests) == 2
    assert ask(cache, fields='Accept-Encoding: gzip;q=0').body == b'text'


def test_fields_that_poison_are_not_sent_with_a_look_up(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address)
    names = ('X-Forwarded-Scheme', 'X-Forwarded-Server', 'X-Forwarded-Prefix', 'X-Host', 'X-Original-URL', 'X-Rewrite-URL',
             'X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override')
    ask(cache, fields='\r\n'.join(f'{name}: evil' for name in names) + '\r\nX-Mine: 1')
    assert not [name for name in names if origin.requests[0].get(name)] and origin.requests[0].get('X-Mine') == '1'


def test_conditionals_on_an_object(place):
    origin = place.origin(answering(FRESH + '\r\nETag: "v1"\r\nLast-Modified: Tue, 01 Jan 2030 10:00:00 GMT', b'hello'))
    cache = place.cachenode(origin.address)
    assert ask(cache, fields='If-None-Match: "v1"').status == 304, 'a conditional miss'
    assert origin.requests[0].get('If-None-Match') is None, 'the client\'s conditional was sent with a look-up'
    for field, status in (('If-None-Match: "v1"', 304), ('If-None-Match: W/"v1"', 304), ('If-None-Match: "v0", "v1"', 304),
                          ('If-None-Match: *', 304), ('If-None-Match: "v2"', 200),
                          ('If-Modified-Since: Tue, 01 Jan 2030 10:00:00 GMT', 304), ('If-Modified-Since: Tue, 01 Jan 2030 09:00:00 GMT', 200),
                          ('If-None-Match: "v2"\r\nIf-Modified-Since: Tue, 01 Jan 2030 10:00:00 GMT', 200),
                          ('If-Match: "v2"', 412), ('If-Match: "v1"', 200), ('If-Unmodified-Since: Tue, 01 Jan 2030 09:00:00 GMT', 412)):
        got = ask(cache, fields=field)
        assert got.status == status, f'{field}: {got.status}'
        if status == 304:
            assert got.get('ETag') == '"v1"'
    assert len(origin.requests) == 1


def test_ranges_of_an_object(place):
    body = bytes(range(256)) * 40
    origin = place.origin(answering(FRESH + '\r\nETag: "v1"', body))
    cache = place.cachenode(origin.address)
    got = ask(cache, fields='Range: bytes=100-199')
    assert origin.requests[0].get('Range') is None, 'a look-up fetches the whole'
    assert got.status == 206 and got.body == body[100:200], got.status
    for field, status, wanted in (('bytes=0-0', 206, body[:1]), ('bytes=-10', 206, body[-10:]), ('bytes=10000-', 206, body[10000:]),
                                  ('bytes=0-99999', 206, body), ('bytes=99999-', 416, None), ('bytes=5-1', 200, body), ('items=0-1', 200, body)):
        got = ask(cache, fields=f'Range: {field}')
        assert got.status == status, f'{field}: {got.status}'
        if status == 206:
            assert got.body == wanted and got.get('Content-Range', '').endswith(f'/{len(body)}')
        elif status == 416:
            assert got.get('Content-Range') == f'bytes */{len(body)}'
        else:
            assert got.body == body
    assert ask(cache, fields='Range: bytes=0-9\r\nIf-Range: "v1"').status == 206
    assert ask(cache, fields='Range: bytes=0-9\r\nIf-Range: "v0"').status == 200
    assert ask(cache, fields='Range: bytes=0-9\r\nIf-Range: W/"v1"').status == 200
    assert ask(cache, fields='Range: ' + 'bytes=' + ','.join(f'{n * 3}-{n * 3 + 1}' for n in range(20))).status == 200, 'more than 16'
    assert len(origin.requests) == 1


def test_several_ranges(place):
    body = bytes(range(256)) * 40
    origin = place.origin(answering(FRESH, body))
    cache = place.cachenode(origin.address)
    ask(cache)
    got = ask(cache, fields='Range: bytes=0-9,100-109')
    assert got.status in (200, 206)
    if got.status == 206:
        assert got.get('Content-Type', '').startswith('multipart/byteranges') and body[100:110] in got.body


def test_head_from_an_object_and_head_misses(place):
    origin = place.origin(answering(FRESH, b'hello'))
    cache = place.cachenode(origin.address)
    got = wire.get(cache.address(), '/h', method='HEAD')
    assert got.status == 200 and origin.requests[-1].method == 'HEAD'
    assert not hit(ask(cache, '/h')) and origin.requests[-1].method == 'GET', 'a HEAD was stored'
    got = wire.get(cache.address(), '/h', method='HEAD')
    assert hit(got) and got.get('Content-Length') == '5' and len(origin.requests) == 2


def together(daemon, number, path, fields='', between=None):
    """Asks so many times at once, each on its own connection; returns the answers."""
    clients = [wire.Connection(daemon.address(), timeout=wire.patience() * 3) for _ in range(number)]
    try:
        for client in clients:
            client.send(wire.request(path, fields=fields))
        if between:
            between(clients)
        return [client.answer() for client in clients]
    finally:
        for client in clients:
            client.close()


def test_a_thousand_wait_for_one_fetch(place):
    """They see the first byte before the origin has sent its last; one fetch, one body."""
    crowd.many_descriptors()
    gate = threading.Event()
    size = 40000
    body = os.urandom(1000) * (size // 1000)

    def answer(connection, request):
        connection.send(f'HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: {size}\r\n\r\n'.encode() + body[:1000])
        assert gate.wait(wire.patience() * 2)
        connection.send(body[1000:])
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)

    def between(clients):
        for client in clients:
            while b'\r\n\r\n' not in client.pending or len(client.pending.split(b'\r\n\r\n', 1)[1]) < 1000:
                assert client.more(), 'a waiter was sent away'
        gate.set()
    answers = together(cache, 1000, '/big', between=between)
    assert all(got.status == 200 and got.complete and got.body == body for got in answers)
    assert len(origin.requests) == 1, f'{len(origin.requests)} fetches'
    assert hit(ask(cache, '/big'))
    assert [got for got in answers if 'collapsed' in got.get('Cache-Status', '')], 'nobody was told that it waited'


def test_waiters_cost_no_memory(place):
    """A body of 16 MB for 40 readers who do not read: one copy of it."""
    size = 16 << 20
    block = bytes(65536)

    def answer(connection, request):
        connection.send(f'HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: {size}\r\n\r\n'.encode())
        for _ in range(size // len(block)):
            connection.send(block)
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[storage]\nmemory = "64m"\nmax_object = "32m"\n', top='limits.write_timeout = "10m"')
    before = cache.memory()

    def between(clients):
        for client in clients:
            while b'\r\n\r\n' not in client.pending:
                assert client.more()
        wire.wait_for(lambda: len(origin.requests) == 1, 'no fetch')
        grown = cache.memory() - before
        assert grown < size + (24 << 20), f'{grown >> 20} MiB for one object of 16 MiB'
    answers = together(cache, 40, '/big', between=between)
    assert all(got.complete and len(got.body) == size for got in answers)
    assert len(origin.requests) == 1
    assert cache.memory() - before < size + (40 << 20), f'{(cache.memory() - before) >> 20} MiB'


def test_an_uncacheable_answer_frees_the_waiters(place):
    """The head says private: the first gets it, the others fetch side by side, not one after the other."""
    gate, inside = threading.Event(), [0]
    lock = threading.Lock()
    most = [0]

    def answer(connection, request):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            first = request.order == 0
        if first:
            gate.wait(wire.patience())
        else:
            wire.wait_for(lambda: most[0] >= 5 or gate.is_set() and inside[0] >= 5, 'the others queue up', wire.patience())
        connection.answer(200, 'Cache-Control: private', str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)

    def between(clients):
        wire.wait_for(lambda: origin.requests, 'no fetch')
        time.sleep(0.1)
        gate.set()
    answers = together(cache, 10, '/private', between=between)
    bodies = [got.body for got in answers]
    assert all(got.status == 200 for got in answers), [got.status for got in answers]
    assert len(set(bodies)) == 10, 'a private answer was shared'


def test_hit_for_miss(place):
    """Once known as uncacheable, an address is fetched side by side from the beginning; a storable answer ends that."""
    mode = {'fields': 'Cache-Control: private'}
    lock, inside, most = threading.Lock(), [0], [0]

    def answer(connection, request):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        if 'together' in request.get('X-Mode', ''):
            wire.wait_for(lambda: most[0] >= 4, 'fetches wait for each other')
        with lock:
            inside[0] -= 1
        connection.answer(200, mode['fields'], str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    ask(cache, '/m')
    answers = together(cache, 4, '/m', fields='X-Mode: together')
    assert all(got.status == 200 for got in answers) and most[0] >= 4
    mode['fields'] = FRESH
    ask(cache, '/m')
    assert hit(ask(cache, '/m'))


def test_a_failure_before_the_head_is_one_error_for_all(place):
    gate = threading.Event()

    def answer(connection, request):
        gate.wait(wire.patience())
        connection.send(b'rubbish\r\n\r\n')
        return False
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)

    def between(clients):
        wire.wait_for(lambda: origin.requests, 'no fetch')
        time.sleep(0.2)
        gate.set()
    answers = together(cache, 10, '/broken', between=between)
    assert [got.status for got in answers] == [502] * 10
    assert len(origin.requests) <= 2, f'{len(origin.requests)} fetches for one error'


def test_a_body_that_breaks_aborts_all_and_keeps_the_older_object(place):
    gate = threading.Event()

    def answer(connection, request):
        if request.order == 0:
            return connection.answer(200, 'Cache-Control: max-age=1\r\nETag: "old"', b'old')
        connection.send(b'HTTP/1.1 200 OK\r\nCache-Control: max-age=300\r\nContent-Length: 100000\r\n\r\n' + b'n' * 1000)
        gate.wait(wire.patience())
        return False
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[defaults]\ngrace = "0s"\nstale_if_error = "1h"\n')
    ask(cache, '/b')
    wire.wait_for(lambda: ask(cache, '/b', fields='Cache-Control: only-if-cached').status == 504, 'it never expires')

    def between(clients):
        for client in clients:
            while b'\r\n\r\n' not in client.pending:
                assert client.more()
        gate.set()
    answers = together(cache, 5, '/b', between=between)
    assert not [got for got in answers if got.complete and got.body.startswith(b'n')], 'a broken body looks complete'
    origin.stop()
    got = ask(cache, '/b')
    assert got.body == b'old', 'the older object is gone'


def test_a_fetch_outlives_its_first_client(place):
    gate = threading.Event()

    def answer(connection, request):
        connection.send(f'HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 6\r\n\r\nabc'.encode())
        gate.wait(wire.patience())
        connection.send(b'def')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    client = wire.Connection(cache.address())
    client.send(wire.request('/long'))
    client.final_head()
    client.reset()
    second = wire.Connection(cache.address())
    second.send(wire.request('/long'))
    second.final_head()
    gate.set()
    wire.wait_for(lambda: hit(ask(cache, '/long')), 'the object was not kept')
    assert ask(cache, '/long').body == b'abcdef' and len(origin.requests) == 1


def test_grace(place):
    """While an expired object is fetched anew, everybody gets the old one at once."""
    gate = threading.Event()

    def answer(connection, request):
        if request.order:
            gate.wait(wire.patience())
        connection.answer(200, 'X-A: 1', str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[defaults]\nttl = "1s"\ngrace = "1h"\n')
    assert ask(cache, '/g').body == b'0'
    wire.wait_for(lambda: ask(cache, '/g') and len(origin.requests) == 2, 'it is not revalidated')
    got = ask(cache, '/g')
    assert got.body == b'0' and 'detail=grace' in got.get('Cache-Status'), got.get('Cache-Status')
    assert len(origin.requests) == 2, 'two revalidations at once'
    gate.set()
    wire.wait_for(lambda: ask(cache, '/g').body != b'0', 'the new object never comes')


def test_grace_where_it_is_forbidden(place):
    def answer(connection, request):
        connection.answer(200, 'Cache-Control: max-age=1, must-revalidate', str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[defaults]\ngrace = "1h"\nstale_if_error = "1h"\n')
    ask(cache, '/g')
    time.sleep(2.1)
    assert ask(cache, '/g').body == b'1', 'a stale answer in spite of must-revalidate'
    origin.stop()
    time.sleep(2.1)
    assert ask(cache, '/g').status in (502, 503, 504)


def test_stale_if_error(place):
    mode = {'status': 200}

    def answer(connection, request):
        connection.answer(mode['status'], 'X-A: 1', b'fine' if mode['status'] == 200 else b'broken')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[defaults]\nttl = "1s"\ngrace = "0s"\nstale_if_error = "1h"\n')
    assert ask(cache, '/s').body == b'fine'
    for status in (500, 502, 503, 504):
        mode['status'] = status
        time.sleep(2.1)
        got = ask(cache, '/s')
        assert got.status == 200 and got.body == b'fine', f'{status} was passed on instead of the old page'
    origin.stop()
    got = ask(cache, '/s')
    assert got.body == b'fine' and stale(got), got.get('Cache-Status')


def test_stale_override(place):
    """Plone says must-revalidate and s-maxage; a rule keeps its pages while it is down, not while it answers, and never for members."""
    origin = place.origin(answering('Cache-Control: max-age=0, s-maxage=1, must-revalidate', b'page'))
    rule = '''[[rule]]
name = "keep the site up"
match = { status = 200 }
stale_if_error = "24h"
stale_override = ["must-revalidate", "proxy-revalidate", "s-maxage"]
'''
    cache = place.cachenode(origin.address, PLONE + rule)
    ask(cache, '/p')
    wire.wait_for(lambda: ask(cache, '/p') and len(origin.requests) > 1, 'it never expires')
    origin.stop()
    got = wire.wait_for(lambda: (lambda one: one if stale(one) else None)(ask(cache, '/p')), 'no stale page')
    assert got.body == b'page' and 'stale-override' in got.get('Cache-Status'), got.get('Cache-Status')
    assert ask(cache, '/p', fields='Cookie: __ac=1').status in (502, 503, 504)
    assert ask(cache, '/never-seen').status in (502, 503, 504)


def test_a_304_refreshes(place):
    """Only the stored validators are sent; fields are updated, absent ones stay."""
    def answer(connection, request):
        if request.order == 0:
            return connection.answer(200, 'ETag: "v1"\r\nX-Old: 1\r\nX-New: 0', b'body')
        assert request.get('If-None-Match') == '"v1"' and request.get('If-Modified-Since') is None, request.fields
        connection.send(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nX-New: 1\r\nCache-Control: max-age=300\r\n\r\n')
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[defaults]\nttl = "1s"\ngrace = "0s"\n')
    ask(cache, '/r')
    time.sleep(2.1)
    got = ask(cache, '/r', fields='If-None-Match: "mine"')
    assert got.status == 200 and got.body == b'body', got.status
    assert 'fwd=stale' in got.get('Cache-Status') and 'fwd-status=304' in got.get('Cache-Status'), got.get('Cache-Status')
    got = ask(cache, '/r')
    assert hit(got) and got.get('X-New') == '1' and got.get('X-Old') == '1' and got.get('Content-Length') == '4'
    assert len(origin.requests) == 2


def test_client_directives(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address)
    assert ask(cache, '/none', fields='Cache-Control: only-if-cached').status == 504 and not origin.requests
    ask(cache)
    for field in ('Cache-Control: no-cache', 'Cache-Control: max-age=0', 'Pragma: no-cache', 'Cache-Control: no-store',
                  'Cache-Control: only-if-cached'):
        assert hit(ask(cache, fields=field)), field


def test_passes(place):
    """Unsafe methods, unknown methods and GETs with a body are passed whole, with the client's conditionals."""
    origin = place.origin(answering(FRESH))
    cache = place.cachenode(origin.address)
    ask(cache)
    for method, body in (('POST', b'a'), ('PUT', b'b'), ('DELETE', b''), ('PROPFIND', b''), ('GET', b'c')):
        count = len(origin.requests)
        got = ask(cache, '/other', method=method, body=body)
        assert len(origin.requests) == count + 1 and not hit(got), method
        assert origin.requests[-1].method == method and origin.requests[-1].body == body


def test_rules(place):
    """Those that test the request, those that test the answer; the first of each kind holds; rules see the public path."""
    origin = place.origin(answering('Content-Type: text/html'))
    cache = place.cachenode(origin.address, '''[[rule]]
name = "never"
match = { prefix = "/edit" }
pass = true
[[rule]]
name = "pages"
match = { status = 200, content_type = "text/html", no_header = "Cache-Control" }
ttl = "60s"
''')
    ask(cache, '/page')
    assert hit(ask(cache, '/page'))
    ask(cache, '/edit/page')
    got = ask(cache, '/edit/page')
    assert not hit(got) and 'fwd=bypass' in got.get('Cache-Status'), got.get('Cache-Status')
    got = ask(cache, '/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/edit/page')
    assert 'fwd=bypass' in got.get('Cache-Status'), got.get('Cache-Status')


def test_share(place):
    """A shared resource is the same for everybody; what the origin refuses without credentials is asked again with them."""
    def answer(connection, request):
        if 'closed' in request.target and not request.get('Cookie'):
            return connection.answer(401, 'Cache-Control: no-store', b'no')
        connection.answer(200, FRESH, str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, PLONE + '[[rule]]\nname = "static"\nmatch = { prefix = "/++resource++" }\nshare = true\n')
    first = ask(cache, '/++resource++/a.css', fields='Cookie: __ac=1')
    assert origin.requests[-1].get('Cookie') is None
    assert hit(ask(cache, '/++resource++/a.css', fields='Cookie: __ac=2')) and hit(ask(cache, '/++resource++/a.css'))
    got = ask(cache, '/++resource++/closed', fields='Cookie: __ac=1')
    assert got.status == 200 and origin.requests[-1].get('Cookie') == '__ac=1'
    assert not hit(ask(cache, '/++resource++/closed', fields='Cookie: __ac=1')), 'an answer to credentials was stored'


def test_client_s_maxage(place):
    fields = 'Cache-Control: public, max-age=0, s-maxage=86400, must-revalidate'
    origin = place.origin(answering(fields))
    keep = place.cachenode(origin.address, tag='keep')
    assert 's-maxage=86400' in ask(keep).get('Cache-Control')
    zero = place.cachenode(origin.address, '[headers]\nclient_s_maxage = "zero"\n', tag='zero')
    for _ in range(2):
        got = ask(zero)
        assert 's-maxage=0' in got.get('Cache-Control') and 'max-age=0' in got.get('Cache-Control'), got.get('Cache-Control')
    assert hit(got)


def test_fields_of_one_exchange_are_not_stored(place):
    origin = place.origin(answering(FRESH + '\r\nX-Request-ID: abc\r\nServer-Timing: a;dur=1\r\nX-Kept: 1'))
    cache = place.cachenode(origin.address)
    ask(cache)
    got = ask(cache)
    assert hit(got) and got.get('Server-Timing') is None and got.get('X-Request-ID') != 'abc' and got.get('X-Kept') == '1'


def test_the_budget_holds(place):
    """Three times as much as fits is fetched: memory stays, the youngest are there, the oldest are not."""
    origin = place.origin(answering(FRESH, os.urandom(65536)))
    cache = place.cachenode(origin.address, '[storage]\nmemory = "8m"\n')
    with wire.Connection(cache.address()) as client:
        before = cache.memory()
        for number in range(400):
            assert client.ask(wire.request(f'/o/{number}')).complete
        assert cache.memory() - before < 24 << 20, f'{(cache.memory() - before) >> 20} MiB for a budget of 8'
        assert hit(client.ask(wire.request('/o/399')))
        assert not hit(client.ask(wire.request('/o/0')))


def test_small_objects_count_too(place):
    """Heads, keys and index are part of the budget."""
    origin = place.origin(answering(FRESH + '\r\nX-Long: ' + 'h' * 500, b'.'))
    cache = place.cachenode(origin.address, '[storage]\nmemory = "2m"\n')
    with wire.Connection(cache.address()) as client:
        before = cache.memory()
        for number in range(6000):
            assert client.ask(wire.request(f'/o/{number}')).complete
        assert cache.memory() - before < 12 << 20, f'{(cache.memory() - before) >> 10} KiB for a budget of 2 MiB'


def test_an_object_too_large_is_passed_on(place):
    """Declared or not, it arrives whole and is not stored."""
    body = os.urandom(300000)

    def answer(connection, request):
        if 'chunked' in request.target:
            connection.send(f'HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n'.encode())
            for at in range(0, len(body), 10000):
                connection.send(b'%x\r\n' % 10000 + body[at:at + 10000] + b'\r\n')
            connection.send(b'0\r\n\r\n')
        else:
            connection.answer(200, FRESH, body)
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[storage]\nmemory = "8m"\nmax_object = "100k"\n')
    for path in ('/declared', '/chunked'):
        for _ in range(2):
            got = ask(cache, path)
            assert got.body == body and not hit(got), path


# ---- invalidation

def test_purge(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, PURGE)
    ask(cache)
    assert purge(cache, '/x').status == 200
    assert not hit(ask(cache)) and len(origin.requests) == 2
    assert purge(cache, '/nothing').status == 404
    assert len(origin.requests) == 2, 'a PURGE was forwarded'


def test_purge_takes_all_variants(place):
    origin = place.origin(answering(FRESH + '\r\nVary: Accept-Language'))
    cache = place.cachenode(origin.address, PURGE)
    asked = [dict(fields='Accept-Language: de'), dict(fields='Accept-Language: fr'), dict(fields='Accept: application/json'),
             dict(path='/x?a=1')]
    for one in asked:
        ask(cache, **one)
    assert purge(cache, '/x').status == 200
    for one in asked:
        assert not hit(ask(cache, **one)), one
    assert purge(cache, '/x?a=1').status == 200
    assert hit(ask(cache, fields='Accept-Language: de')) and not hit(ask(cache, '/x?a=1')), 'a query that is named takes only its own'


def test_purge_is_refused_to_strangers(place):
    origin = place.origin(answering())
    nobody = place.cachenode(origin.address, tag='nobody')
    others = place.cachenode(origin.address, '[purge]\nallow = ["192.0.2.1"]\n', tag='others')
    friends = place.cachenode(origin.address, PURGE, tag='friends')
    for cache in (nobody, others):
        ask(cache)
        got = purge(cache, '/x')
        assert got.status == 405 and 'PURGE' not in got.get('Allow', 'PURGE'), got.fields
        assert hit(ask(cache))
    ask(friends)
    for field in ('Via: 1.1 front', 'X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.1'):
        assert purge(friends, '/x', field).status == 405, field
        assert hit(ask(friends)), f'{field}: it was purged'
    assert purge(friends, '/x', method='BAN').status == 405, 'BAN is not switched on'
    assert purge(friends, '/x').status == 200


def test_purge_as_plone_sends_it(place):
    """Found by purge identity: virtual-host paths, _vh_ parts, ++api++, escapes, double and final slashes, another host in Host."""
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, PURGE)
    base = '/VirtualHostBase/https/www.example.org:443/Plone'
    page, api = f'{base}/VirtualHostRoot/news', f'{base}/++api++/VirtualHostRoot/news'
    inside = f'{base}/VirtualHostRoot/_vh_de/news'
    for path in (f'{base}/VirtualHostRoot/news', f'{base}/++api++/VirtualHostRoot/news', f'{base}/VirtualHostRoot/news/',
                 f'{base}/VirtualHostRoot//news', f'{base}/VirtualHostRoot/%6eews', '/news'):
        ask(cache, page, host='www.example.org')
        ask(cache, api, host='www.example.org')
        got = purge(cache, path, host='127.0.0.1:6081')
        assert got.status == 200, f'{path}: {got.status}'
        assert not hit(ask(cache, page, host='www.example.org')), path
        assert not hit(ask(cache, api, host='www.example.org')), path
    ask(cache, inside, host='www.example.org')
    assert purge(cache, f'{base}/VirtualHostRoot/_vh_de/news', host='127.0.0.1').status == 200
    assert not hit(ask(cache, inside, host='www.example.org'))
    ask(cache, page, host='www.example.org')
    assert purge(cache, '/VirtualHostBase/https/other.example.org:443/Plone/VirtualHostRoot/news', host='127.0.0.1').status == 404
    assert hit(ask(cache, page, host='www.example.org')), 'another site was purged'


def test_a_purge_during_a_fetch_wins(place):
    """Its answer goes to those who asked before and is not kept; who asks after starts anew."""
    gate = threading.Event()

    def answer(connection, request):
        if request.order == 0:
            gate.wait(wire.patience())
        connection.answer(200, FRESH, str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, PURGE)
    with wire.Connection(cache.address()) as early:
        early.send(wire.request('/race'))
        wire.wait_for(lambda: origin.requests, 'no fetch')
        purge(cache, '/race')
        late = ask(cache, '/race')
        assert late.body == b'1', 'it joined a fetch older than the purge'
        gate.set()
        assert early.answer().body == b'0'
    assert ask(cache, '/race').body != b'0', 'the old answer was kept'


def test_settle(place):
    """What was fetched within the settling time is served, but not kept beyond it."""
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, PURGE + 'settle = "700ms"\n')
    ask(cache, '/s')
    purge(cache, '/s')
    second = ask(cache, '/s')
    assert hit(ask(cache, '/s')), 'answers within the settling time are shared'
    wire.wait_for(lambda: ask(cache, '/s').body != second.body, 'the answer was kept')
    last = ask(cache, '/s')
    assert ask(cache, '/s').body == last.body and hit(ask(cache, '/s'))


def test_unsafe_methods_invalidate(place):
    def answer(connection, request):
        if request.method == 'POST':
            status = 500 if 'fails' in request.target else 200
            return connection.answer(status, 'Location: /y\r\nContent-Location: http://a.example/z', b'')
        connection.answer(200, FRESH, str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address)
    for path in ('/x', '/y', '/z', '/fails'):
        ask(cache, path)
    ask(cache, '/x', method='POST', body=b'a')
    for path in ('/x', '/y', '/z'):
        assert not hit(ask(cache, path)), path
    ask(cache, '/fails', method='POST', body=b'a')
    assert hit(ask(cache, '/fails')), 'a failed POST evicts'


def test_strangers_evict_nothing(place):
    origin = place.origin(answering())
    cache = place.cachenode(origin.address, PLONE + '[purge]\ninvalidate = "authenticated"\n')
    ask(cache, '/')
    ask(cache, '/', method='POST', body=b'a')
    assert hit(ask(cache, '/'))
    ask(cache, '/', method='POST', body=b'a', fields='Cookie: __ac=1')
    assert not hit(ask(cache, '/'))


def test_a_sick_origin(place):
    """The probe notices that the origin is away: expired pages are served as stale, a miss is still tried."""
    mode = {'status': 200}

    def answer(connection, request):
        if request.target == '/_health':
            return connection.answer(mode['status'], '', b'')
        connection.answer(200, 'X-A: 1', str(request.order).encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[defaults]\nttl = "1s"\ngrace = "0s"\nstale_if_error = "1h"\n',
                            origin_more='probe = { url = "/_health", interval = "50ms", timeout = "1s", window = 4, threshold = 2 }')
    first = ask(cache, '/s')
    mode['status'] = 503
    wire.wait_for(lambda: stale(ask(cache, '/s')), 'no stale page from a sick origin')
    assert ask(cache, '/new').status == 200
    mode['status'] = 200
    wire.wait_for(lambda: ask(cache, '/s').body != first.body and not stale(ask(cache, '/s')), 'it stays sick')
