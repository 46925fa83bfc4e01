#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of the fuzz targets to corpus/TARGET/. Seeds stay as they are; inputs that broke something are added by hand."""
import os

HERE = os.path.dirname(os.path.realpath(__file__))


def h(*lines):
    return '\r\n'.join(lines) + '\r\n\r\n'


REQUESTS = {
    'plain': h('GET / HTTP/1.1', 'Host: a'),
    'post': h('POST /a?b=c HTTP/1.1', 'Host: a:80', 'Content-Length: 3', 'Content-Type: text/plain') + 'abc',
    'chunked': h('PUT /x HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Expect: 100-continue') + '3\r\nabc\r\n0\r\n\r\n',
    'absolute': h('GET http://A.example:80?q HTTP/1.1', 'Host: a.example'),
    'options': h('OPTIONS * HTTP/1.1', 'Host: a', 'Max-Forwards: 3'),
    'old': h('GET /a HTTP/1.0', 'Connection: keep-alive'),
    'websocket': h('GET /ws HTTP/1.1', 'Host: a', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x'),
    'named': h('GET / HTTP/1.1', 'Host: a', 'Connection: close, X-Hop', 'X-Hop: 1', 'TE: trailers, gzip', 'Keep-Alive: 5'),
    'dots': h('GET /a/./b/../c%2Fd/..?x HTTP/1.1', 'Host: [::1]:8080'),
    'spaces': h('GET / HTTP/1.1', 'Host:a', 'A:  b\t', 'B:', 'C: \xe9'),
    'both-lengths': h('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
    'two-lengths': h('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Content-Length: 5'),
    'folded': h('GET / HTTP/1.1', 'Host: a', 'A: b', ' c'),
    'bare-lf': 'GET / HTTP/1.1\nHost: a\n\n',
    'empty-line': '\r\n' + h('GET / HTTP/1.1', 'Host: a', 'Cookie: a=1', 'Cookie: b=2'),
    'incomplete': 'GET / HTTP/1.1\r\nHost: a\r\nAccept: te',
    'long-target': h('GET /' + 'a' * 80 + ' HTTP/1.1', 'Host: a'),
}

RESPONSES = {
    'plain': h('HTTP/1.1 200 OK', 'Content-Length: 2', 'Content-Type: text/html') + 'ab',
    'chunked': h('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Trailer: ETag') + '1\r\na\r\n0\r\n\r\n',
    'until-close': h('HTTP/1.0 200 Fine', 'Server: x'),
    'no-reason': h('HTTP/1.1 404 ', 'Content-Length: 0'),
    'early-hints': h('HTTP/1.1 103 Early Hints', 'Link: </a>; rel=preload'),
    'not-modified': h('HTTP/1.1 304 Not Modified', 'ETag: "a"', 'Content-Length: 10'),
    'no-content': h('HTTP/1.1 204 No Content', 'Content-Length: 5'),
    'switching': h('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'),
    'dates': h('HTTP/1.1 200 OK', 'Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Date: Mon, 07 Nov 1994 08:49:37 GMT', 'Content-Length: 0'),
    'keep-alive': h('HTTP/1.0 200 OK', 'Connection: keep-alive', 'Keep-Alive: timeout=5, max=100', 'Content-Length: 0'),
    'both-lengths': h('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
    'bad-status': h('HTTP/1.1 20 OK'),
    'named': h('HTTP/1.1 200 OK', 'Connection: close, X-Hop', 'X-Hop: 1', 'Set-Cookie: a=b', 'Content-Length: 0'),
}


def body(flags, most, sizes, text):
    return bytes([flags, most, len(sizes), *sizes]) + text.encode('latin-1')


BODIES = {
    'one': body(0, 255, [], '5\r\nhello\r\n0\r\n\r\nGET'),
    'bytewise': body(0, 0, [0], '5\r\nhello\r\n3;a=b;c="d"\r\nxyz\r\n0\r\nETag: "a"\r\nX-A: b\r\n\r\nrest'),
    'pieces': body(0, 3, [1, 4, 2], 'A ; x = y\r\n0123456789\r\n000\r\n\r\n'),
    'small-limits': body(1, 8, [3], '1;aaaaaaaaaaaaaaaaaaaa\r\na\r\n0\r\n\r\n'),
    'small-trailers': body(1, 8, [3], '0\r\nA: ' + 'b' * 80 + '\r\n\r\n'),
    'forbidden-trailer': body(0, 8, [], '0\r\nContent-Length: 5\r\nX-Forwarded-For: a\r\nX-B: c\r\n\r\n'),
    'bare-lf': body(0, 8, [], '5\nhello\n0\n\n'),
    'no-crlf': body(0, 8, [1], '5\r\nhelloX\r\n0\r\n\r\n'),
    'overflow': body(0, 8, [], 'fffffffffffffffff\r\na'),
    'length': body(6 | 5 << 3, 1, [0, 1], 'abcdefgh'),
    'until-close': body(4, 2, [2], 'abcdefgh'),
}

TARGETS = ['/', '/a/b?c=d', '/a/./b/../c', '/..', '/a/%2e%2e/b', '/a%2F..%2Fb', '/%7ea%2fb/', '/a//b/', '/%', '/%00', '/a?%zz#', '*', '/a/..',
           '/a/..//b?../x', '/VirtualHostBase/http/a:80/VirtualHostRoot/_vh_x/y', '/a;b=c/%C3%A9', '/...', '/.a/..b']

COOKIES = ['a\na=1; b=2', 'a\na=1\nb=2\n', '__ac*\nx=1, __ac=y', '__ac\nx="__ac=y"', 'a\na = 1;;b', 'a\n a="1 2" ; =x; y', 'a\n;', 'b\na\tb=c', 'a\na="1\\"; b=2"']

CACHE_CONTROL = [
    'max-age=60, s-maxage=5, public', 'private="set-cookie", no-cache', 'no-store\nmax-age=1', 'max-age=99999999999999999999, max-age=1',
    'CDN-Cache-Control: max-age=60, must-revalidate\nmax-age=0', 'Surrogate-Control: max-age=600+30, content="ESI/1.0"\nno-store',
    'Cachenode-Cache-Control: "\nCDN-Cache-Control: no-store', 's-maxage=5, a="x, y", s-maxage=6, no-transform', 'max-stale, min-fresh=x,,',
    'S-MaxAge = 5 ,b']

STRUCTURED = ['i1', 'i-12.345;a=?0;b', 'i"a\\"b"', 'i:aGVsbG8=:', 'i@1659578233', 'i%"f%c3%bc"', 'la, b;q=0.5, (c d);e', 'l()', 'l("a" ?1  2)',
              'da=1, b, c=(x y);z, a=2', 'dmax-age=60;x, u=4', 'i*foo/bar:baz', 'thello world', 't"\xe9\\', 't*token', 'i999999999999999', 'l,', 'd']

RANGES = ['100\n16\nbytes=0-9', '100\n16\nbytes=-5', '100\n16\nbytes=90-', '100\n16\nbytes=0-9,20-29, 40-', '100\n16\nbytes=100-', '0\n16\nbytes=0-',
          '100\n2\nbytes=0-1,2-3,4-5', '100\n16\nbytes=0-9,5-6', '18446744073709551615\n16\nbytes=18446744073709551614-', '100\n16\nlines=1-2',
          '100\n16\nbytes=9-5', '100\n16\nBytes = 99-99999999999999999999999']

DATES = ['0\nSun, 06 Nov 1994 08:49:37 GMT', '1700000000\nSunday, 06-Nov-94 08:49:37 GMT', '0\nSun Nov  6 08:49:37 1994', '951782400\nTue, 29 Feb 2000 23:59:60 GMT',
         '253402300799\nFri, 31 Dec 9999 23:59:59 GMT', '0\nThu, 01 Jan 1970 00:00:00 GMT', '4102444800\nFriday, 01-Jan-00 00:00:00 GMT',
         '0\nWed, 31 Feb 2001 00:00:00 GMT', '0\nMon, 01 Jan 0001 00:00:00 GMT']

VARY = ['Accept-Encoding, X-A\nX-A: 1\nAccept-Encoding: gzip\n\nx-a: 1\nAccept-Encoding: br, gzip;q=0.1', '*', 'X-B,x-a, X-A\nX-A: 1\nX-B: 2\n\nX-B: 2\nX-A: 1',
        'X-A\nX-A: 1\nX-A: 2\n\nX-A: 1, 2', 'X-A\nX-A: \n\nX-C: 1', 'Cookie, X-Host\nCookie: a\n\nCookie: b', ',,\nA: b', '"a,b", c\nc: d']

COMMANDS = ['show stat; show', 'set server "a b" \'c;d\' e\\;f', 'help', '', '"open; show', 'show "" x', ';;', 'show \\', '\'a\\\'b']

# The samples that are installed, as they are now, and a few that are wrong.
def samples():
    seeds = {}
    for kind in ('simple', 'plone'):
        for daemon in ('webfront', 'cachenode', 'balancer'):
            with open(f'{HERE}/../../deploy/samples/{kind}/{daemon}.toml', 'rb') as file:
                seeds[f'{kind}-{daemon}'] = daemon[0].encode() + file.read()
    return seeds


CONFIGURATIONS = samples() | {
    'unknown': b'w[site]\nname = 1\n', 'syntax': b'c[a\nb = ', 'environment': b'bworkers = "${A}"\nx = "${B}"\n', 'twice': b'b[process]\n[process]\n',
    'empty': b'c', 'values': b'w[process]\nworkers = -1\nuser = ["a"]\n[log]\nx = 1979-05-27T07:32:00Z\ny = 1e400\nz = "\\u00e9\\u0000"\n'}

GET, CHUNKS = r'cGET / HTTP/1.1\r\nHost: a\r\n\r\n', r'cPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
CONNECTIONS = {
    'plain': GET + '\n' + r'sHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' + '\n' + GET + '\n' + r'sHTTP/1.1 304 Not\r\n\r\n' + '\nx',
    'pipelined': GET + GET[1:] + '\n' + r'sHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' + '\n' + r'sHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    'chunks': CHUNKS + '\n' + r'c3\r\nabc\r\n' + '\n' + r'c0\r\nX: y\r\n\r\n' + '\n' + r'sHTTP/1.1 100 Continue\r\n\r\n' + '\n' + r'sHTTP/1.0 200 OK\r\n\r\nabc' + '\nS',
    'early-answer': CHUNKS + '\n' + r'sHTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n' + '\n' + r'c3\r\nabc\r\n0\r\n\r\n' + GET[1:],
    'bad-chunk': CHUNKS + '\n' + r'cx\r\n' + '\nt' + '.' * 9,
    'expect': r'cPUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n' + '\n' + r'sHTTP/1.1 100 Continue\r\n\r\n' + '\ncabc\n' + r'sHTTP/1.1 204 No\r\n\r\n',
    'tunnel': r'cGET /w HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n' + '\n' + r'sHTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n' + '\ncabc\nsdef\nC\nS',
    'cut-short': GET + '\n' + r'sHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok' + '\nS',
    'client-leaves': GET + '\nx\n' + r'sHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'half-closed': GET + '\nC\n' + r'sHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'nobody-answers': GET + '\nt' + '.' * 60,
    'refused': r'cGET / HTTP/1.1\r\n\r\n',
    'hints': GET + '\n' + r'sHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nsurplus',
    'two-clients': GET + '\nn\n' + GET + '\n' + r'sHTTP/1.1 500 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
}

def step(what, data):
    return bytes([what, len(data)]) + data


def frame(kind, flags, stream, payload=b''):
    return step(0, bytes([kind, flags, stream]) + payload)


def literal(name, value):
    """A header field of HPACK that is not indexed (RFC 7541 6.2.2)."""
    return b'\0' + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


# :method GET, :scheme http, :path /, :authority h
H2_GET = b'\x82\x86\x84' + b'\x41\x01h'
H2_POST = b'\x83\x86\x84' + b'\x41\x01h'
ANSWER = step(5, b'hello')
SESSIONS = {
    'get': frame(1, 5, 1, H2_GET) + ANSWER,
    'post': frame(1, 4, 1, H2_POST + literal('content-length', '3')) + frame(0, 1, 1, b'abc') + ANSWER,
    'trailers': frame(1, 4, 1, H2_POST) + frame(0, 0, 1, b'abc') + frame(1, 5, 1, literal('x-a', 'b')) + ANSWER,
    'cookies': frame(1, 5, 1, H2_GET + literal('cookie', 'a=1') + literal('cookie', 'b=2') + literal('te', 'trailers')) + ANSWER,
    'continuation': frame(1, 1, 1, H2_GET) + frame(9, 4, 1, literal('x-a', 'b')) + ANSWER,
    'reset': frame(1, 5, 1, H2_GET) + frame(3, 0, 1, b'\0\0\0\x08') + ANSWER,
    'two': frame(1, 5, 1, H2_GET) + frame(1, 5, 3, H2_GET) + ANSWER + ANSWER,
    'ping': frame(6, 0, 0, b'12345678') + frame(4, 1, 0) + frame(8, 0, 0, b'\0\0\xff\xff'),
    'priority': frame(2, 0, 3, b'\0\0\0\0\x10') + frame(1, 0x2d, 3, b'\x01\0\0\0\0\x10' + H2_GET + b'\0') + ANSWER,
    'settings': frame(4, 0, 0, b'\0\x04\0\0\0\x01\0\x01\0\0\0\0') + frame(1, 5, 1, H2_GET) + ANSWER,
    'go-away': frame(7, 0, 0, b'\0\0\0\0\0\0\0\0') + frame(1, 5, 1, H2_GET),
    'forbidden': frame(1, 5, 1, H2_GET + literal('connection', 'close')) + frame(1, 5, 3, H2_GET + literal('host', 'x')),
    'early-answer': frame(1, 4, 1, H2_POST) + ANSWER + frame(0, 1, 1, b'abc'),
    'too-short': frame(0, 9, 1, b'\xff') + step(4, b'\0\0\x10\x01\x05'),
    'cut-answer': frame(1, 5, 1, H2_GET) + step(6, b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab') + step(7, b'x' * 200),
}


FORWARDED = ('plain', 'post', 'chunked', 'absolute', 'options', 'named', 'dots', 'until-close', 'not-modified', 'no-content', 'dates')


TABLE = {
    'request_head': {k: b'\0' + v.encode('latin-1') for k, v in REQUESTS.items()} | {'small': b'\x01' + REQUESTS['post'].encode()},
    'response_head': {k: b'\0' + v.encode('latin-1') for k, v in RESPONSES.items()} | {'head': b'\x02' + RESPONSES['plain'].encode()},
    'chunked_body': BODIES,
    'target': TARGETS,
    'cookies': COOKIES,
    'cache_control': CACHE_CONTROL,
    'structured_fields': STRUCTURED,
    'ranges': RANGES,
    'dates': DATES,
    'vary': VARY,
    'admin_commands': COMMANDS,
    'configuration': CONFIGURATIONS,
    'forwarding': {k: b'\0' + v.encode('latin-1') for k, v in REQUESTS.items() if k in FORWARDED}
                  | {f'answer-{k}': b'\x01' + v.encode('latin-1') for k, v in RESPONSES.items() if k in FORWARDED},
    'http1_connection': CONNECTIONS,
    'http2_session': SESSIONS,
}


def main():
    for target, seeds in TABLE.items():
        if not isinstance(seeds, dict):
            seeds = {f'{number:02}': seed for number, seed in enumerate(seeds)}
        folder = f'{HERE}/corpus/{target}'
        os.makedirs(folder, exist_ok=True)
        for name, seed in seeds.items():
            with open(f'{folder}/{name}', 'wb') as file:
                file.write(seed if isinstance(seed, bytes) else seed.encode('latin-1'))


if __name__ == '__main__':
    main()
