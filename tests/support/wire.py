# SPDX-License-Identifier: BSD-2-Clause
"""HTTP/1.1 from the outside: raw connections and a small strict reader of answers, sharing nothing with the daemons.

Addresses are the daemons' own: `HOST:PORT`, `[IPV6]:PORT` or `unix:/path`.
"""
import select
import socket
import time
from dataclasses import dataclass, field

PATIENCE = 5.0      # seconds that anything awaited may take; multiplied by be_patient() under sanitizers


def be_patient(factor):
    global PATIENCE
    PATIENCE *= factor


def patience():
    return PATIENCE


class Broken(Exception):
    """What came cannot be an answer, or ended early."""


def connect(address, timeout=None):
    timeout = timeout or PATIENCE
    if address.startswith('unix:'):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(timeout)
        made.connect(address[5:])
        return made
    host, port = address.rsplit(':', 1)
    made = socket.create_connection((host.strip('[]'), int(port)), timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


@dataclass
class Answer:
    status: int = 0
    version: str = ''
    reason: str = ''
    fields: list = field(default_factory=list)      # (name, value) as they came
    body: bytes = b''
    complete: bool = False
    interim: list = field(default_factory=list)     # Answers with 1xx
    trailers: list = field(default_factory=list)
    raw_head: bytes = b''

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        return values[0] if values else otherwise


def parse_fields(lines):
    found = []
    for line in lines:
        name, colon, value = line.partition(b':')
        if not colon or not name or name != name.strip() or b'\r' in line or b'\n' in line or b'\0' in line:
            raise Broken(f'bad field line {line!r}')
        found.append((name.decode('latin-1'), value.strip(b' \t').decode('latin-1')))
    return found


class Connection:
    """One client connection; `pending` holds what was read and not used yet."""

    def __init__(self, address, timeout=None):
        self.socket = connect(address, timeout)
        self.timeout = timeout or PATIENCE
        self.pending = b''
        self.ended = False
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.socket.close()

    def more(self, timeout=None):
        """Reads once; False at the end. Raises TimeoutError when nothing comes."""
        if self.ended:
            return False
        self.socket.settimeout(timeout or self.timeout)
        try:
            got = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            got, self.was_reset = b'', True
        except socket.timeout:
            raise TimeoutError(f'nothing came within {timeout or self.timeout} s; so far {self.pending[:200]!r}') from None
        if not got:
            self.ended = True
            return False
        self.pending += got
        return True

    def until(self, mark):
        while mark not in self.pending:
            if not self.more():
                raise Broken(f'ended before {mark!r}, after {self.pending[:200]!r}')
        found, self.pending = self.pending.split(mark, 1)
        return found

    def up_to(self, length):
        """So many bytes, or fewer if the connection ends before."""
        pieces, size = [], 0
        while True:
            piece, self.pending = self.pending[:length - size], self.pending[length - size:]
            pieces.append(piece)
            size += len(piece)
            if size == length or not self.more():
                return b''.join(pieces)

    def exactly(self, length):
        found = self.up_to(length)
        if len(found) < length:
            raise Broken('ended inside a body')
        return found

    def head(self):
        """One final or interim head; the body is still to be read."""
        raw = self.until(b'\r\n\r\n')
        lines = raw.split(b'\r\n')
        parts = lines[0].split(b' ', 2)
        if len(parts) < 2 or not parts[0].startswith(b'HTTP/1.') or len(parts[1]) != 3 or not parts[1].isdigit():
            raise Broken(f'bad status line {lines[0]!r}')
        return Answer(int(parts[1]), parts[0].decode(), (parts[2] if len(parts) > 2 else b'').decode('latin-1'),
                      parse_fields(lines[1:]), raw_head=raw)

    def final_head(self):
        interim = []
        while True:
            answer = self.head()
            if answer.status >= 200 or answer.status == 101:
                answer.interim = interim
                return answer
            interim.append(answer)

    def read_body(self, answer, method='GET'):
        """Fills body and complete; an early end leaves complete False instead of raising."""
        coding = answer.get('Transfer-Encoding')
        lengths = answer.all('Content-Length')
        if coding is not None and lengths:
            raise Broken('an answer with Content-Length and Transfer-Encoding')
        if method == 'HEAD' or answer.status in (204, 304, 101):
            answer.complete = True
            return answer
        try:
            if coding is not None:
                if coding.lower() != 'chunked':
                    raise Broken(f'transfer coding {coding!r}')
                self.read_chunks(answer)
            elif lengths:
                if len(lengths) > 1:
                    raise Broken('two Content-Length')
                self.read_counted(answer, int(lengths[0]))
            else:
                while self.more():
                    pass
                answer.body, self.pending = self.pending, b''
                answer.complete = not self.was_reset
        except Broken:
            if not self.ended:
                raise
        return answer

    def read_counted(self, answer, length):
        answer.body = self.up_to(length)
        answer.complete = len(answer.body) == length

    def read_chunks(self, answer):
        pieces = []
        try:
            while True:
                line = self.until(b'\r\n')
                size = int(line.split(b';')[0], 16)
                if size == 0:
                    break
                pieces.append(self.exactly(size))
                if self.exactly(2) != b'\r\n':
                    raise Broken('no line end after a chunk')
            lines = []
            while True:
                line = self.until(b'\r\n')
                if not line:
                    break
                lines.append(line)
            answer.trailers = parse_fields(lines)
            answer.complete = True
        finally:
            answer.body = b''.join(pieces)

    def answer(self, method='GET'):
        return self.read_body(self.final_head(), method)

    def ask(self, data, method='GET'):
        self.send(data)
        return self.answer(method)

    def closes(self, timeout=None):
        """True when the peer ends the connection, without another byte, in time."""
        try:
            while self.more(timeout):
                if self.pending:
                    return False
        except TimeoutError:
            return False
        return not self.pending

    def quiet(self, seconds):
        """True when nothing (no byte, no end) comes for so long. Only for what cannot be awaited otherwise."""
        if self.pending or self.ended:
            return False
        readable, _, _ = select.select([self.socket], [], [], seconds)
        return not readable


def get(address, path='/', host='a.example', fields='', method='GET', body=b'', version='1.1'):
    """One request on a connection of its own; returns the Answer."""
    with Connection(address) as connection:
        return connection.ask(request(path, host, fields, method, body, version), method)


def request(path='/', host='a.example', fields='', method='GET', body=b'', version='1.1'):
    """Bytes of a request; `fields` are whole lines joined by CRLF without the last one."""
    length = f'Content-Length: {len(body)}\r\n' if body or method in ('POST', 'PUT') else ''
    extra = fields + '\r\n' if fields else ''
    return f'{method} {path} HTTP/{version}\r\nHost: {host}\r\n{extra}{length}\r\n'.encode('latin-1') + body


def wait_for(what, why, seconds=None):
    """Polls until `what()` is true and returns its value; the polling interval is no part of the test."""
    end = time.monotonic() + (seconds or PATIENCE)
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f'{why}: not within {seconds or PATIENCE} s')
        time.sleep(0.005)
