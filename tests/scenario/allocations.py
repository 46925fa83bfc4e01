# SPDX-License-Identifier: BSD-2-Clause
"""A hit and a proxied request on kept-alive connections allocate at most five times each, once everything is warm.

The daemons run with tests/allocations/counter.cc preloaded. SITES=1 prints where the allocations of a case come from."""
import collections
import mmap
import os
import re
import struct
import subprocess

import wire

unsanitized = 'sanitizers allocate for themselves'
MOST = int(os.environ.get("MOST", 5))            # a request: the bound that users are promised
WARM = 300          # requests before counting: free lists and tables have their sizes
COUNTED = 300
BROWSER = ('User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n'
           'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n'
           'Accept-Language: en-GB,en;q=0.8,de;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n'
           'Referer: http://www.example.org/a/page/that/links/here\r\n'
           'Cookie: _ga=GA1.2.1234567890.1234567890\r\n'
           'Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n')
PAGE = '/en/news/2024/a-page-with-a-name-of-common-length?b_start:int=20'
HOST = 'www.department.example.org'
ANSWER = ('Content-Type: text/html; charset=utf-8\r\nServer: waitress\r\n'
          'Cache-Control: max-age=600, public\r\nETag: "an-entity-tag"\r\nVary: Accept-Encoding\r\nX-Frame-Options: SAMEORIGIN')


class Counter:
    """What a daemon started inside `with` allocated so far."""

    def __init__(self, place):
        self.place, self.path = place, place.path('allocations')
        with open(self.path, 'wb') as file:
            file.write(bytes(24))
        with open(self.path, 'r+b') as file:
            self.map = mmap.mmap(file.fileno(), 24)

    def __enter__(self):
        self.place.environment = {'LD_PRELOAD': f'{self.place.binaries}/tests/liballocation_counter.so', 'ALLOCATIONS': self.path}
        return self

    def __exit__(self, *_):
        self.place.environment = {}

    def count(self):
        return struct.unpack('QQ', self.map[:16])[0]

    def note_sites(self):
        self.map[16:24] = struct.pack('Q', 1)

    def print_sites(self, requests):
        """Call after the daemon has ended."""
        with open(self.path + '.sites') as file:
            lines = [line.split() for line in file]
        where = collections.defaultdict(set)
        for line in lines:
            for frame in line[1:]:
                name, offset = frame.rsplit('+', 1)
                where[name].add(offset)
        names = {}
        for program, offsets in where.items():
            offsets = sorted(offsets)
            text = subprocess.run(['addr2line', '-Cfse', program, *offsets], capture_output=True, text=True, check=True).stdout.splitlines()
            for offset, function, line in zip(offsets, text[::2], text[1::2]):
                names[f'{program}+{offset}'] = f'{re.sub(r"[(<{].*", "", function)} {line}'
        for line in sorted(lines, key=lambda line: -int(line[0])):
            if int(line[0]) * 10 > requests:
                ours = [names[frame] for frame in line[1:] if not re.match(r'operator new|std::|net::EventLoop|start_thread|clone', names[frame])]
                print(f'{int(line[0]) / requests:5.2f}  ' + '\n         '.join(ours[:5]))


def measure(place, make, request, check):
    """Starts make()'s daemon and returns its allocations a request."""
    counter = Counter(place)
    with counter:
        daemon = make()
    with wire.Connection(daemon.address()) as client:
        for number in range(WARM):
            check(client.ask(request))
        if os.environ.get('SITES'):
            counter.note_sites()
        before = counter.count()
        for number in range(COUNTED):
            check(client.ask(request))
        each = (counter.count() - before) / COUNTED
    assert before > 1000, 'the counter counts nothing'
    print(f'{daemon.name}: {each:.2f} allocations a request')
    if os.environ.get('SITES'):
        daemon.stop()
        counter.print_sites(COUNTED)
    return each


def get(path):
    return wire.request(path, host=HOST, fields=BROWSER.rstrip())


def origin_of(place):
    return place.origin(lambda connection, request: connection.answer(fields=ANSWER, body=b'x' * 1024))


# What a front in trusted_proxies sends with it.
FRONT = (f'X-Forwarded-For: 2001:db8:85a3::8a2e:370:7334\r\nX-Real-IP: 2001:db8:85a3::8a2e:370:7334\r\nX-Forwarded-Proto: https\r\n'
         f'X-Forwarded-Host: {HOST}\r\nX-Forwarded-Port: 443\r\n'
         f'Forwarded: for="[2001:db8:85a3::8a2e:370:7334]";proto=https;host={HOST};by=_front\r\n'
         'X-Request-ID: 0123456789abcdef0123456789abcdef\r\nVia: 1.1 webfront')


def good(answer):
    assert answer.status == 200 and len(answer.body) == 1024, answer


def logged(place):
    return f'[log]\naccess = {{ file = "{place.path("access.log")}" }}\n'


def test_a_hit(place):
    def hit(answer):
        good(answer)
        hits.append('; hit' in answer.get('Cache-Status', ''))
    hits = []
    origin = origin_of(place)
    each = measure(place, lambda: place.cachenode(origin.address, top=logged(place)), get(PAGE), hit)
    assert hits[1:].count(False) == 0
    assert each <= MOST


def test_a_hit_behind_a_front(place):
    origin = origin_of(place)
    each = measure(place, lambda: place.cachenode(origin.address, top=logged(place), listen='trusted_proxies = ["unix", "127.0.0.1"]'),
                   wire.request(PAGE, host=HOST, fields=BROWSER + FRONT), good)
    assert len(origin.requests) == 1
    assert each <= MOST


def test_balanced(place):
    origin = origin_of(place)
    each = measure(place, lambda: place.balancer([origin.address], top=logged(place)), get(PAGE), good)
    assert each <= MOST


def test_balanced_behind_a_front(place):
    origin = origin_of(place)
    each = measure(place, lambda: place.balancer([origin.address], top=logged(place), frontend='trusted_proxies = ["unix", "127.0.0.1"]'),
                   wire.request(PAGE, host=HOST, fields=BROWSER + FRONT), good)
    assert each <= MOST


def test_balanced_with_a_body(place):
    origin = origin_of(place)
    request = wire.request('/some/form', host=HOST, method='POST', fields=BROWSER + 'Content-Type: text/plain', body=b'y' * 900)
    each = measure(place, lambda: place.balancer([origin.address], top=logged(place)), request, good)
    assert each <= MOST


def test_webfront_to_an_upstream(place):
    origin = origin_of(place)
    each = measure(place, lambda: place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=logged(place)),
                   get(PAGE), good)
    assert each <= MOST


for test in (test_a_hit, test_a_hit_behind_a_front, test_balanced, test_balanced_behind_a_front, test_balanced_with_a_body, test_webfront_to_an_upstream):
    test.once = True
