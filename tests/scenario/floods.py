# SPDX-License-Identifier: BSD-2-Clause
"""Floods of HTTP/2 over TLS: the abuser's connection is closed and counted by name, visitors go on."""
import re
import struct

import h2
import wire
from front import TlsConnection, certificate

FIELDS = [(b':method', b'GET'), (b':scheme', b'https'), (b':authority', b'a.example'), (b':path', b'/')]


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def head(number, more=b'', flags=h2.END_HEADERS | h2.END_STREAM):
    return frame(h2.HEADERS, flags, 2 * number + 1, h2.encode(FIELDS) + more)


MOST = 100000      # frames; the longest allowance, of tiny DATA, is 50000
BOMB = b'\x40' + h2.encode([(b'x-bomb', b'b' * 4000)])[1:] + b'\xbe' * 10000

FLOODS = {
    'h2-rapid-reset': lambda n: head(n) + frame(h2.RST_STREAM, 0, 2 * n + 1, struct.pack('>I', 8)),
    'h2-provoked-resets': lambda n: head(n, h2.encode([(b'connection', b'close')])),
    'h2-continuation-flood': lambda n: frame(h2.CONTINUATION if n else h2.HEADERS, 0, 1, b'\x82'),
    'h2-settings-flood': lambda n: frame(h2.SETTINGS, 0, 0, b'\0\4\0\0\0\0'),
    'h2-ping-flood': lambda n: frame(h2.PING, 0, 0, b'12345678'),
    'h2-empty-data-flood': lambda n: frame(h2.DATA, 0, 1) if n else head(0, flags=h2.END_HEADERS),
    'h2-tiny-data-flood': lambda n: frame(h2.DATA, 0, 1, b'x') if n else head(0, flags=h2.END_HEADERS),
    'h2-priority-flood': lambda n: frame(h2.PRIORITY, 0, 2 * n + 1, b'\0\0\0\0\x10'),
    'h2-window-update-flood': lambda n: frame(h2.WINDOW_UPDATE, 0, 0, b'\0\0\0\1'),
    'h2-frame-flood': lambda n: frame(0x42, 0, 0, b'what?'),
    'h2-header-bomb': lambda n: head(n, BOMB),
}


def ends(connection):
    try:
        while connection.more():
            pass
    except TimeoutError:
        return False
    except (OSError, wire.Broken):
        pass
    return True


def flood(daemon, make, most=MOST):
    """Frames sent, in bursts, until the connection ended; None if it did not."""
    connection = TlsConnection(daemon.address(), protocols=('h2',))
    sent, burst = 0, h2.PREFACE + frame(h2.SETTINGS, 0, 0) + frame(h2.SETTINGS, h2.ACK, 0)
    try:
        while sent < most:
            count = 100 if len(make(1)) < 5000 else 1
            connection.send(burst + b''.join(make(sent + at) for at in range(count)))
            sent, burst = sent + count, b''
    except (OSError, wire.Broken):
        pass
    else:
        sent = sent if ends(connection) else None  # the kernel took all of it before the daemon came to look
    connection.close()
    return sent


# A client that opens streams without waiting may as well have more of them at once than it was allowed, where the daemon is slow.
OPENING = {'h2-rapid-reset', 'h2-provoked-resets', 'h2-header-bomb'}


def endings(daemon):
    """Connections ended so far, by reason."""
    text = wire.get(daemon.named('metrics'), '/metrics').body.decode()
    return {reason: int(count) for reason, count in re.findall(r'^webfront_connections_ended_total\{reason="(h2-[^"]*)"\} (\d+)$', text, re.M)}


def counted(daemon, name, before):
    more = {reason for reason, count in endings(daemon).items() if count > before.get(reason, 0)}
    return more == {name} or (name in OPENING and more == {'h2-protocol-error'})


def all_floods(place, repeat=1):
    """Each is closed and counted while a visitor goes on; returns seconds of CPU time by name, the most of `repeat` times."""
    cert, key = certificate(place, 'a.example')
    front = place.daemon('webfront', f'''metrics = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
tls = "main"
[tls.main]
certificates = [ {{ cert = "{cert}", key = "{key}" }} ]
[[site]]
names = ["*"]
[[site.route]]
proxy = "{place.origin().address}"
''')
    costs = {}
    with h2.Session(None, socket=TlsConnection(front.address(), protocols=('h2',))) as visitor:
        for name, make in list(FLOODS.items()) * repeat:
            before, ended = front.cpu_seconds(), endings(front)
            sent = flood(front, make)
            assert sent is not None, f'{name}: never closed'
            wire.wait_for(lambda: counted(front, name, ended), f'{name} is counted')
            cost = front.cpu_seconds() - before
            print(f'{name}: {sent} frames, {cost:.2f} s')
            costs[name] = max(cost, costs.get(name, 0))
            assert visitor.ask('/').status == 200, name
    return costs


def test_floods_are_closed(place):
    all_floods(place)


test_floods_are_closed.once = True
