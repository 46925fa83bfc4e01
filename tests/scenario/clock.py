# SPDX-License-Identifier: BSD-2-Clause
"""The wall clock is set while daemons serve: nothing stays fresh or banned for ever, nothing ends early, dates follow.

The daemons run with tests/clock/step.cc preloaded."""
import email.utils
import mmap
import os
import re
import struct
import sys
import time

import wire

sys.path.append(os.path.dirname(__file__))
import front

HOUR, YEAR = 3600, 365 * 86400
unsanitized = 'a sanitizer wants to be loaded first'
STEPS = (HOUR, -HOUR, 20 * YEAR, -20 * YEAR)


class WallClock:
    """Of the daemons that are started after this."""

    def __init__(self, place):
        path = place.path('step')
        with open(path, 'wb') as file:
            file.write(bytes(8))
        with open(path, 'r+b') as file:
            self.map = mmap.mmap(file.fileno(), 8)
        place.environment = {'LD_PRELOAD': f'{place.binaries}/tests/libclock_step.so', 'CLOCK_STEP': path}

    def set(self, seconds):
        self.map[:] = struct.pack('q', seconds)

    def now(self):
        return time.time() + struct.unpack('q', self.map)[0]


def admin(place, line):
    with wire.Connection(f'unix:{place.path("admin")}') as connection:
        connection.send((line + '\n').encode())
        while connection.more():
            pass
        return connection.pending.decode()


def date_of(answer):
    return email.utils.parsedate_to_datetime(answer.get('Date')).timestamp()


def uptime(place):
    return int(re.search(r'^uptime: (-?\d+)s$', admin(place, 'status'), re.M).group(1))


def test_cachenode(place):
    wall = WallClock(place)
    fields = {'/counted': 'Cache-Control: max-age=1', '/kept': 'Cache-Control: max-age=1000', '/pass': 'Cache-Control: no-store'}

    def answer(connection, request):
        dated = '' if 'undated' in request.target else f'\r\nDate: {email.utils.formatdate(usegmt=True)}'
        kind = '/' + request.target.split('/')[1]
        connection.answer(200, fields[kind] + dated, f'{request.target} #{request.order}'.encode())
    origin = place.origin(answer)
    cache = place.cachenode(origin.address, '[purge]\nallow = ["127.0.0.1", "unix"]\n[defaults]\nuncacheable_ttl = "1s"\n',
                            top=f'admin = "unix:{place.path("admin")}"')
    get = lambda path: wire.get(cache.address(), path)
    for n, step in enumerate(STEPS):
        before = {path: get(path).body for path in (f'/counted/undated/{n}', f'/kept/{n}', f'/kept/purged/{n}')}
        get(f'/pass/{n}')
        wall.set(step)
        assert 0 <= uptime(place) < 60
        kept = get(f'/kept/{n}')
        assert kept.body == before[f'/kept/{n}'] and 0 <= int(kept.get('Age')) < 30, (step, kept)
        assert wire.get(cache.address(), f'/kept/purged/{n}', method='PURGE').status == 200
        assert get(f'/kept/purged/{n}').body != before[f'/kept/purged/{n}'], f'purged, but still there after a step of {step}'
        wire.wait_for(lambda: get(f'/counted/undated/{n}').body != before[f'/counted/undated/{n}'], f'fresh for ever after a step of {step}')
        # Stored by the stepped clock, it ends like any other.
        stored = get(f'/counted/undated/late/{n}').body
        wall.set(0)
        wire.wait_for(lambda: get(f'/counted/undated/late/{n}').body != stored, f'fresh for ever after a step back from {step}')
        assert get(f'/kept/{n}').body == before[f'/kept/{n}']
        # What was said to be uncacheable is kept once it may be.
        fields['/pass'] = fields['/kept']
        wire.wait_for(lambda: get(f'/pass/{n}').body == get(f'/pass/{n}').body, f'missed for ever after a step of {step}')
        fields['/pass'] = 'Cache-Control: no-store'


def test_balancer(place):
    """Checks, queues and cookies go by the monotonic clock; a server that failed comes back."""
    wall = WallClock(place)
    sick = []

    def answer(connection, request):
        if request.target == '/check' and sick:
            connection.answer(503)
        else:
            connection.answer(200, 'Cache-Control: no-store', b'ok')
    origin = place.origin(answer)
    back = place.balancer([origin.address], top=f'admin = "unix:{place.path("admin")}"', check=True,
                          backend='check = { type = "http", request = { uri = "/check" }, interval = { up = "20ms", down = "20ms", change = "20ms" } }')
    state = lambda: admin(place, 'show stat').split('app,s1,')[1].splitlines()[0]
    wire.wait_for(lambda: 'UP' in state(), 'the first check')
    for step in STEPS:
        wall.set(step)
        answer = wire.get(back.address(), '/')
        assert answer.status == 200, (step, answer)
        sick.append(1)
        wire.wait_for(lambda: 'DOWN' in state(), f'no checks after a step of {step}')
        assert 0 <= uptime(place) < 60
        wall.set(0)
        sick.clear()
        wire.wait_for(lambda: wire.get(back.address(), '/').status == 200, f'down for ever after a step of {step}')


def test_webfront(place):
    """Connections live on, dates and logs follow the clock, TLS works, no time-out comes early."""
    wall = WallClock(place)
    cert, key = front.certificate(place, 'a.example')
    made = place.daemon('webfront', f'''admin = "unix:{place.path("admin")}"
[log]
access = {{ file = "{place.path("log")}", format = "json" }}
[[listen]]
address = "{place.new_address("plain")}"
[[listen]]
address = "127.0.0.1:0"
tls = "main"
[tls.main]
certificates = [ {{ cert = "{cert}", key = "{key}" }} ]
[[site]]
names = ["*"]
[[site.route]]
respond = {{ status = 200, body = "own" }}
''')
    plain, tls = made.addresses[0][1], made.tcp(-1)
    with wire.Connection(plain) as client:
        for n, step in enumerate(STEPS):
            wall.set(step)
            answer = client.ask(wire.request(f'/{n}'))
            assert answer.status == 200 and abs(date_of(answer) - wall.now()) < 30, (step, answer)
            with front.TlsConnection(tls) as secure:
                assert secure.ask(wire.request('/')).body == b'own', step
            logged = lambda: re.search(rf'^.*"/{n}".*$', open(place.path('log')).read(), re.M)
            line = wire.wait_for(logged, 'the line').group(0)
            year = time.gmtime(wall.now()).tm_year
            assert f'{year}-' in line, (step, line)
            assert 0 <= uptime(place) < 60
            wall.set(0)
            assert client.ask(wire.request('/')).body == b'own'


for scenario in (test_cachenode, test_balancer, test_webfront):
    scenario.once = True
