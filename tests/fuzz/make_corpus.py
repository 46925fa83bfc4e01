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

TABLE = {
    'request_head': {k: b'\0' + v.encode('latin-1') for k, v in REQUESTS.items()} | {'small': b'\x01' + REQUESTS['post'].encode()},
    'response_head': {k: b'\0' + v.encode('latin-1') for k, v in RESPONSES.items()} | {'head': b'\x02' + RESPONSES['plain'].encode()},
    'chunked_body': BODIES,
    'target': TARGETS,
    'cookies': COOKIES,
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
