# SPDX-License-Identifier: BSD-2-Clause
"""Clients of the soak: what each does for a while, well or ill. Every body is made of its target, so that a wrong one shows."""
import random
import ssl
import time
import zlib

import h2
import wire

PAUSE = 0.02        # seconds at most between two requests of a client: this is a soak, no bench
WEBSOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13'


def unit(target):
    return f'<{target}>'.encode()


def body_of(target, repeats):
    return unit(target) * repeats


def right(target, body, first=0):
    """Whether `body` is a piece, from `first` on, of the body that `target` has."""
    one = unit(target)
    whole = one * (len(body) // len(one) + 2)
    at = first % len(one)
    return body == whole[at:at + len(body)]


class TlsConnection(wire.Connection):
    def __init__(self, address, protocol, timeout):
        super().__init__(address, timeout)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname='a.example')
        except BaseException:
            self.socket.close()
            raise

    def more(self, timeout=None):
        try:
            return super().more(timeout)
        except ssl.SSLError:
            self.ended = self.was_reset = True
            return False


class Tally:
    """What the clients of one soak saw. Threads add without a lock: only the lists matter to the last entry, and they are safe."""

    def __init__(self):
        self.problems, self.statuses, self.kinds = [], {}, {}

    def count(self, kind, status):
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def problem(self, text):
        if len(self.problems) < 1000:
            self.problems.append(text)

    @property
    def requests(self):
        return sum(self.kinds.values())


class Client:
    """One thread's client. `doors`: addresses by name (plain, tls, cache)."""

    def __init__(self, seed, doors, tally, going):
        self.random, self.doors, self.tally, self.going = random.Random(seed), doors, tally, going
        self.timeout = wire.patience() * 6
        self.turns = ([self.browse] * 8 + [self.browse_tls] * 3 + [self.streams] * 4 + [self.leave] * 3 + [self.slowly, self.tunnel, self.purge])

    def run(self):
        while self.going():
            turn = self.random.choice(self.turns)
            try:
                turn()
            except TimeoutError as problem:
                self.tally.problem(f'{turn.__name__}: {problem}')
            except (OSError, wire.Broken):
                pass                            # the other side may end a connection at any time
            self.pause()

    def pause(self):
        time.sleep(self.random.random() * PAUSE)

    def target(self):
        """Few names, so that hits are common; what the origin does with them hangs on the first part."""
        kind = self.random.choices(('kept', 'short', 'never', 'private', 'vary', 'odd', 'static', 'huge'), (6, 5, 3, 1, 2, 2, 2, 0.2))[0]
        return f'/{kind}/{self.random.randrange(60)}'

    def judge(self, kind, method, target, answer, sent=b''):
        self.tally.count(kind, answer.status)
        if not answer.complete or method == 'HEAD':
            return
        if answer.status == 200:
            good = right(target, answer.body) and len(answer.body) % len(unit(target)) == 0
        elif answer.status == 206:
            good = right(target, answer.body, int((answer.get('Content-Range') or 'bytes 0').split()[1].split('-')[0]))
        else:
            return
        if not good:
            self.tally.problem(f'{kind} {method} {target}: {answer.status} with {answer.body[:80]!r}, {len(answer.body)} bytes')
        told = answer.get('X-Upload')
        if method == 'POST' and told != f'{len(sent)} {zlib.crc32(sent)}':
            self.tally.problem(f'{kind} POST {target}: {len(sent)} bytes were sent, {told} arrived')

    def one(self, connection, kind):
        """One exchange on a kept connection; False when it may not be used again."""
        target = self.target()
        method = self.random.choices(('GET', 'HEAD', 'POST'), (8, 1, 2))[0]
        body = self.random.randbytes(self.random.choice((0, 10, 3000, 100000))) if method == 'POST' else b''
        fields = self.random.choice(('X-A: b', 'X-A: b', 'Cookie: a=b', 'Accept-Language: de', 'Cache-Control: no-cache', 'Range: bytes=5-20', 'Range: bytes=-7'))
        answer = connection.ask(wire.request(target, method=method, body=body, fields=fields), method)
        self.judge(kind, method, target, answer, body)
        return answer.complete and (answer.get('Connection') or '').lower() != 'close'

    def browse(self, connection=None, kind='plain'):
        with connection or wire.Connection(self.doors['plain'], self.timeout) as connection:
            for _ in range(self.random.randrange(1, 20)):
                if not self.one(connection, kind):
                    return
                self.pause()

    def browse_tls(self):
        self.browse(TlsConnection(self.doors['tls'], 'http/1.1', self.timeout), 'tls')

    def streams(self):
        """HTTP/2: a few streams at once, uploads, some cancelled, sometimes the whole connection is left."""
        with h2.Session(None, socket=TlsConnection(self.doors['tls'], 'h2', self.timeout)) as session:
            for _ in range(self.random.randrange(1, 6)):
                opened = []
                for _ in range(self.random.randrange(1, 5)):
                    target = self.target()
                    stream = session.open([(b':method', b'GET'), (b':scheme', b'https'), (b':authority', b'a.example'), (b':path', target.encode())])
                    opened.append((target, stream))
                if self.random.random() < 0.05:
                    return
                for target, stream in opened:
                    if self.random.random() < 0.1:
                        session.cancel(stream)
                        continue
                    answer = session.wait(stream)
                    answer.complete = answer.complete and stream.reset is None
                    self.judge('h2', 'GET', target, answer)
                if session.goaway or session.connection.ended:
                    return
                if self.random.random() < 0.3:
                    body, target = self.random.randbytes(self.random.choice((1, 20000))), self.target()
                    self.judge('h2', 'POST', target, session.ask(target, method='POST', body=body, scheme='https'), body)
                self.pause()

    def leave(self):
        """Leaves at some stage: within the head, within the body, before the answer, within it; by end, half-close or reset."""
        tls = self.random.random() < 0.3
        connection = TlsConnection(self.doors['tls'], 'http/1.1', self.timeout) if tls else wire.Connection(self.doors['plain'], self.timeout)
        with connection:
            method = self.random.choice(('GET', 'POST'))
            whole = wire.request(self.target(), method=method, body=b'u' * self.random.choice((10, 100000)) if method == 'POST' else b'')
            stage = self.random.choice(('part', 'whole', 'whole', 'answer'))
            connection.send(whole[:self.random.randrange(len(whole))] if stage == 'part' else whole)
            if stage == 'answer':
                connection.more()
            self.tally.count('left', stage)
            way = self.random.choice(('close', 'reset', 'half'))
            if way == 'half' and not tls and stage != 'part':
                connection.finish_sending()
                connection.answer(method)
            elif way == 'reset':
                connection.reset()

    def slowly(self):
        """A head in bits, an answer read in sips."""
        target = self.target()
        with wire.Connection(self.doors['plain'], self.timeout) as connection:
            data = wire.request(target, fields='Connection: close')
            for at in range(0, len(data), 7):
                connection.send(data[at:at + 7])
                time.sleep(0.01)
            for _ in range(20):
                if b'\r\n\r\n' in connection.pending and self.random.random() < 0.2:
                    break
                got = connection.socket.recv(1024)
                if not got:
                    connection.ended = True
                    break
                connection.pending += got
                time.sleep(0.02)
            self.judge('slow', 'GET', target, connection.answer())

    def tunnel(self):
        with wire.Connection(self.doors['plain'], self.timeout) as connection:
            connection.send(wire.request('/tunnel', fields=WEBSOCKET))
            status = connection.final_head().status
            self.tally.count('tunnel', status)
            if status != 101:
                return
            for _ in range(self.random.randrange(1, 30)):
                sent = self.random.randbytes(self.random.choice((1, 100, 10000)))
                connection.send(sent)
                got = connection.up_to(len(sent))
                if not sent.startswith(got):
                    self.tally.problem(f'a tunnel gave {got[:40]!r} for {sent[:40]!r}')
                if len(got) < len(sent):
                    return                      # an upgrade or an end of the origin's connection
                self.pause()

    def purge(self):
        with wire.Connection(self.doors['cache'], self.timeout) as connection:
            answer = connection.ask(wire.request(self.target(), method='PURGE'), 'PURGE')
            self.tally.count('purge', answer.status)
            if answer.status not in (200, 404, 503):
                self.tally.problem(f'PURGE gave {answer.status}')
