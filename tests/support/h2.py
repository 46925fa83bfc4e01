# SPDX-License-Identifier: BSD-2-Clause
"""HTTP/2 from the outside (RFC 9113, 7541): frames by hand, fields as plain literals, so that anything can be said.

The encoder never indexes and never uses Huffman codes; SETTINGS_HEADER_TABLE_SIZE 0 keeps the peer's dynamic table empty.
"""
import struct
import wire

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK, PADDED = 1, 4, 1, 8

# Code lengths of RFC 7541 appendix B for symbols 0 to 255, as chr(length + 43); the code is canonical, EOS is thirty ones.
LENGTHS = ('8BGGGGGGGCIGGIGGGGGGGGIGGGGGGGGG1557813655363111000111111123:1758122222222222222222222223238>891:'
           '01010111022111012100122222:698G?A??AAABABBBBBCBCCABCBBBB@ABABBCA@?AABB@BAAC@ABB@@A@BABB?AAABAABEE?>ABADEEEFFECD>@EFFEFC@@EEGFFF'
           '?C?@A@@BAADDCCEBEFEEFFFFFGFFFFFE')

STATIC = [None, (':authority', ''), (':method', 'GET'), (':method', 'POST'), (':path', '/'), (':path', '/index.html'), (':scheme', 'http'),
          (':scheme', 'https'), (':status', '200'), (':status', '204'), (':status', '206'), (':status', '304'), (':status', '400'),
          (':status', '404'), (':status', '500')] + [(name, 'gzip, deflate' if name == 'accept-encoding' else '') for name in (
              'accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow authorization '
              'cache-control content-disposition content-encoding content-language content-length content-location content-range content-type '
              'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified '
              'link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie '
              'strict-transport-security transfer-encoding user-agent vary via www-authenticate').split()]


def huffman_table():
    table, code, before = {}, 0, 0
    for length, symbol in sorted((ord(char) - 43, symbol) for symbol, char in enumerate(LENGTHS)):
        code <<= length - before
        before = length
        table[(length, code)] = symbol
        code += 1
    return table


HUFFMAN = huffman_table()


def unhuffman(data):
    out, code, length = bytearray(), 0, 0
    for byte in data:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            symbol = HUFFMAN.get((length, code))
            if symbol is not None:
                out.append(symbol)
                code = length = 0
    if length > 7 or code != (1 << length) - 1:
        raise wire.Broken('bad Huffman padding')
    return bytes(out)


def number(value, bits, first=0):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    return bytes(out + [value])


def encode(fields):
    """fields: (name, value) as bytes; literal without indexing, new name."""
    return b''.join(b'\0' + number(len(name), 7) + name + number(len(value), 7) + value for name, value in fields)


class Decoder:
    def __init__(self, block):
        self.block, self.at = block, 0

    def number(self, bits):
        limit = (1 << bits) - 1
        value = self.block[self.at] & limit
        self.at += 1
        if value == limit:
            shift = 0
            while True:
                byte = self.block[self.at]
                self.at += 1
                value += (byte & 127) << shift
                shift += 7
                if not byte & 128:
                    break
        return value

    def string(self):
        coded = self.block[self.at] & 128
        length = self.number(7)
        raw = self.block[self.at:self.at + length]
        self.at += length
        return (unhuffman(raw) if coded else raw).decode('latin-1')

    def fields(self):
        found = []
        while self.at < len(self.block):
            first = self.block[self.at]
            if first & 0x80:
                found.append(STATIC[self.number(7)])
            elif first & 0xe0 == 0x20:
                self.number(5)
            else:
                index = self.number(6 if first & 0x40 else 4)
                name = STATIC[index][0] if index else self.string()
                found.append((name, self.string()))
        return found


class Stream:
    def __init__(self, identity):
        self.identity = identity
        self.answer = wire.Answer(version='HTTP/2', body=bytearray())
        self.interim = []
        self.ended = False          # END_STREAM came
        self.reset = None           # error code of RST_STREAM
        self.window = 65535         # what we may still send
        self.received = 0


class Session:
    """One HTTP/2 connection. grant=False leaves flow control to the caller (see credit())."""

    def __init__(self, address, grant=True, window=65535, timeout=None, socket=None):
        self.connection = wire.Connection(address, timeout) if socket is None else socket
        self.streams, self.next_id, self.goaway, self.window, self.grant = {}, 1, None, 65535, grant
        self.initial, self.max_frame = 65535, 16384
        self.settings_seen = self.settings_acknowledged = False
        self.pongs = 0
        self.send_raw(PREFACE + self.frame(SETTINGS, 0, 0, struct.pack('>HIHIHI', 1, 0, 2, 0, 4, window)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def frame(self, kind, flags, stream, payload=b''):
        return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload

    def send_raw(self, data):
        self.connection.send(data)

    def open(self, fields, end=True, trailing=b''):
        """Sends HEADERS; returns the Stream. fields: (bytes, bytes) pairs, pseudo-fields included, in this order."""
        stream = Stream(self.next_id)
        stream.window = self.initial
        self.next_id += 2
        self.streams[stream.identity] = stream
        block, kind, flags = encode(fields), HEADERS, END_STREAM if end else 0
        out = b''
        while True:
            piece, block = block[:self.max_frame], block[self.max_frame:]
            out += self.frame(kind, flags | (0 if block else END_HEADERS), stream.identity, piece)
            kind, flags = CONTINUATION, 0
            if not block:
                break
        self.send_raw(out + trailing)
        return stream

    def trailers(self, stream, fields):
        self.send_raw(self.frame(HEADERS, END_STREAM | END_HEADERS, stream.identity, encode(fields)))

    def data(self, stream, payload, end=True):
        """Sends DATA within the peer's windows, reading meanwhile."""
        while True:
            room = min(self.window, stream.window, self.max_frame)
            if payload and room <= 0:
                if stream.reset is not None or stream.ended or not self.step():
                    return False
                continue
            piece, payload = payload[:max(room, 0)], payload[max(room, 0):]
            self.window -= len(piece)
            stream.window -= len(piece)
            self.send_raw(self.frame(DATA, END_STREAM if end and not payload else 0, stream.identity, piece))
            if not payload:
                return True

    def credit(self, stream, amount):
        self.send_raw(self.frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', amount))
                      + self.frame(WINDOW_UPDATE, 0, stream.identity, struct.pack('>I', amount)))

    def cancel(self, stream, code=8):
        self.send_raw(self.frame(RST_STREAM, 0, stream.identity, struct.pack('>I', code)))

    def ping(self):
        """Sends PING and returns once it was answered: all before it was processed by the peer's framing."""
        wanted = self.pongs + 1
        self.send_raw(self.frame(PING, 0, 0, b'trivetqq'))
        while self.pongs < wanted:
            if not self.step():
                raise wire.Broken('connection ended')

    def step(self):
        """Reads one frame and acts on it; False at the end of the connection."""
        try:
            head = self.connection.exactly(9)
            length, kind, flags = int.from_bytes(head[:3], 'big'), head[3], head[4]
            identity = int.from_bytes(head[5:], 'big') & 0x7fffffff
            payload = self.connection.exactly(length)
        except wire.Broken:
            return False
        stream = self.streams.get(identity)
        if kind == SETTINGS:
            self.settings(flags, payload)
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == PING:
            self.send_raw(self.frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = struct.unpack('>II', payload[:8])
        elif kind == WINDOW_UPDATE:
            amount = int.from_bytes(payload, 'big')
            if identity == 0:
                self.window += amount
            elif stream:
                stream.window += amount
        elif stream and kind == RST_STREAM:
            stream.reset = int.from_bytes(payload, 'big')
        elif stream and kind == HEADERS:
            self.headers(stream, flags, payload)
        elif stream and kind == DATA:
            self.body(stream, flags, payload)
        return True

    def settings(self, flags, payload):
        if flags & ACK:
            self.settings_acknowledged = True
            return
        self.settings_seen = True
        for at in range(0, len(payload), 6):
            key, value = struct.unpack('>HI', payload[at:at + 6])
            if key == 4:
                for stream in self.streams.values():
                    stream.window += value - self.initial
                self.initial = value
            elif key == 5:
                self.max_frame = value
        self.send_raw(self.frame(SETTINGS, ACK, 0))

    def headers(self, stream, flags, payload):
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if flags & 0x20:
            payload = payload[5:]
        while not flags & END_HEADERS:
            head = self.connection.exactly(9)
            flags |= head[4] & END_HEADERS
            payload += self.connection.exactly(int.from_bytes(head[:3], 'big'))
        fields = Decoder(payload).fields()
        status = [value for name, value in fields if name == ':status']
        rest = [(name, value) for name, value in fields if not name.startswith(':')]
        for name, _ in rest:
            if name != name.lower() or name in ('connection', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'upgrade'):
                raise wire.Broken(f'field {name!r} in HTTP/2')
        if not status:
            stream.answer.trailers = rest
        elif status[0].startswith('1'):
            stream.interim.append(wire.Answer(int(status[0]), 'HTTP/2', '', rest))
        else:
            stream.answer.status, stream.answer.fields, stream.answer.interim = int(status[0]), rest, stream.interim
        self.ending(stream, flags)

    def body(self, stream, flags, payload):
        size = len(payload)
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        stream.answer.body += payload
        stream.received += size
        if self.grant and size:
            self.credit(stream, size)
        self.ending(stream, flags)

    def ending(self, stream, flags):
        if flags & END_STREAM:
            stream.ended = stream.answer.complete = True

    def wait(self, stream, done=None):
        """Reads until the stream has ended or was reset, or done(stream); returns its Answer."""
        while not stream.ended and stream.reset is None and not (done and done(stream)):
            if not self.step():
                break
        if stream.ended or stream.reset is not None:
            stream.answer.body = bytes(stream.answer.body)
        length = stream.answer.get('content-length')
        if stream.answer.complete and length is not None and stream.answer.status not in (204, 304) \
                and not getattr(stream, 'is_head', False) and int(length) != len(stream.answer.body):
            stream.answer.complete = False
        return stream.answer

    def ask(self, path='/', host='a.example', method='GET', fields=(), body=b'', scheme='http'):
        head = [(b':method', method.encode()), (b':scheme', scheme.encode()), (b':authority', host.encode()), (b':path', path.encode())]
        head += [(name.encode('latin-1'), value.encode('latin-1')) for name, value in fields]
        stream = self.open(head, end=not body)
        stream.is_head = method == 'HEAD'
        if body:
            self.data(stream, body)
        return self.wait(stream)
