# SPDX-License-Identifier: BSD-2-Clause
"""The origins of the soak: application servers with moods. What they answer is made of the target (see traffic.py)."""
import random
import time
import zlib

import harness
import traffic

FIELDS = {'kept': 'Cache-Control: max-age=20', 'short': 'Cache-Control: max-age=1, stale-while-revalidate=2', 'never': 'Cache-Control: no-store',
          'private': 'Cache-Control: private', 'vary': 'Vary: Accept-Language\r\nCache-Control: max-age=5', 'odd': 'X-A: 1', 'huge': 'Cache-Control: max-age=3'}


class Origin(harness.Origin):
    """Remembers no requests and no connections that have ended: it runs for long."""

    def record(self, request):
        request.order = 0

    def forget(self):
        with self.lock:
            self.connections = [one for one in self.connections if one.socket.fileno() >= 0]


def chunked(connection, fields, body):
    connection.send(b'HTTP/1.1 200 OK\r\n' + fields.encode() + b'\r\nTransfer-Encoding: chunked\r\n\r\n')
    for at in range(0, len(body), 7000):
        piece = body[at:at + 7000]
        connection.send(b'%x\r\n' % len(piece) + piece + b'\r\n')
    connection.send(b'0\r\n\r\n')


def answer(connection, request):
    """False when the connection is to end."""
    kind = request.target.split('/')[1]
    fields = FIELDS.get(kind, 'X-A: 1')
    if request.method == 'POST':
        fields += f'\r\nX-Upload: {len(request.body)} {zlib.crc32(request.body)}'
    repeats = 200000 if kind == 'huge' else random.choice((1, 10, 300, 5000))
    body = traffic.body_of(request.target, repeats)
    if request.method == 'HEAD':
        connection.answer(200, fields)
        return True
    mood = random.random() if kind == 'odd' else 1
    if mood < 0.1:
        connection.send(f'HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {len(body) + 10000}\r\n\r\n'.encode() + body[:500])
        return False
    if mood < 0.2:
        connection.reset()
        return False
    if mood < 0.25:
        connection.send(f'HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {len(body) + 10000}\r\n\r\n'.encode() + body[:500])
        connection.reset()
        return False
    if mood < 0.3:
        connection.send(b'rubbish\r\n\r\n')
        return False
    if mood < 0.4:
        connection.answer(503, '', b'busy')
        return True
    if mood < 0.5:
        time.sleep(random.random() / 2)
    if mood < 0.6:
        connection.answer(200, fields + '\r\nConnection: close', body)
        return False
    if random.random() < 0.2:
        chunked(connection, fields, body)
    else:
        connection.answer(200, fields, body)
    return True


def echo(connection):
    connection.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
    while connection.pending or connection.more():
        connection.send(connection.pending)
        connection.pending = b''


def serve(connection):
    while (request := connection.request_head()) is not None:
        if request.get('Upgrade'):
            return echo(connection)
        if connection.request_body(request).cut or not answer(connection, request):
            return None
    return None
