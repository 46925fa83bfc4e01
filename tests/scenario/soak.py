# SPDX-License-Identifier: BSD-2-Clause
"""Long: two minutes of well- and ill-behaved clients and origins through the whole chain; nothing may leak, grow or be mixed up."""
import os
import random
import threading
import time

import wire

SECONDS = 120


def answer(connection, request):
    """An origin with moods, chosen by the request itself so that a run can be understood."""
    mood = random.random()
    body = request.target.encode() * random.choice((1, 10, 1000, 5000))
    if mood < 0.80:
        fields = random.choice(('Cache-Control: max-age=2', 'Cache-Control: no-store', 'Cache-Control: private', 'X-A: 1'))
        return connection.answer(200, fields, b'' if request.method == 'HEAD' else body)
    if mood < 0.88:
        connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for at in range(0, len(body), 7000):
            piece = body[at:at + 7000]
            connection.send(b'%x\r\n' % len(piece) + piece + b'\r\n')
        connection.send(b'0\r\n\r\n')
        return None
    if mood < 0.92:
        connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n' + body[:500])
        return False
    if mood < 0.95:
        connection.reset()
        return False
    if mood < 0.97:
        connection.send(b'rubbish\r\n\r\n')
        return False
    time.sleep(random.random() / 10)
    connection.answer(503, '', b'busy')


def descriptors(daemon):
    return len(os.listdir(f'/proc/{daemon.process.pid}/fd'))


def client(front, end, problems, done):
    while time.monotonic() < end:
        path = f'/{random.randrange(300)}'
        try:
            with wire.Connection(front.address(), timeout=wire.patience() * 2) as connection:
                for _ in range(random.randrange(1, 20)):
                    method = random.choice(('GET', 'GET', 'GET', 'HEAD', 'POST'))
                    body = b'u' * random.choice((0, 10, 100000)) if method == 'POST' else b''
                    connection.send(wire.request(path, method=method, body=body, fields='Cookie: a=b' if random.random() < 0.2 else ''))
                    if random.random() < 0.05:
                        connection.reset()
                        break
                    got = connection.answer(method)
                    done[0] += 1
                    if got.complete and got.status == 200 and method != 'HEAD' and not got.body.startswith(path.encode() * 1):
                        problems.append(f'{path} got {got.body[:60]!r}')
                    if not got.complete:
                        break
        except (OSError, wire.Broken):
            pass
        except TimeoutError as problem:
            problems.append(f'{path}: {problem}')


def test_soak(place):
    origin = place.origin(answer)
    back = place.balancer([f'address = "{origin.address}"\nmaxconn = 20\n'], backend='balance = "leastconn"\n')
    cache = place.cachenode(back.address(), '[storage]\nmemory = "16m"\n')
    front = place.webfront(f'[[site.route]]\nproxy = "{cache.address()}"\n')
    row = [front, cache, back]
    problems, done = [], [0]

    def load(seconds):
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=client, args=(front, end, problems, done)) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    load(SECONDS / 4)
    origin.requests.clear()
    early = [(one.memory(), descriptors(one)) for one in row]
    for _ in range(3):
        load(SECONDS / 4)
        origin.requests.clear()
    assert not problems, problems[:5]
    assert done[0] > SECONDS * 20, f'only {done[0]} answers'
    for one, (memory, opened) in zip(row, early):
        assert one.alive(), one.errors()[-2000:]
        assert one.memory() < memory + (16 << 20), f'{one.name} grew from {memory >> 20} to {one.memory() >> 20} MiB'
        wire.wait_for(lambda: descriptors(one) <= opened + 30, f'{one.name} keeps descriptors: {descriptors(one)} after {opened}')
