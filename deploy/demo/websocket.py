# SPDX-License-Identifier: BSD-2-Clause
"""WebSocket (RFC 6455), server side: the handshake and frames that a clock and a test need."""
import base64
import hashlib
import select
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MESSAGE_LIMIT = 16 * 1024 * 1024


class Closed(Exception):
    """The peer went away or said goodbye."""


def accept_key(key):
    """Value of Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def wanted(headers):
    """Whether a request asks for a WebSocket in the form of section 4.2.1."""
    tokens = [t.strip().lower() for t in headers.get("Connection", "").split(",")]
    return ("upgrade" in tokens and headers.get("Upgrade", "").lower() == "websocket"
            and headers.get("Sec-WebSocket-Version") == "13" and bool(headers.get("Sec-WebSocket-Key")))


class Socket:
    """One connection after its 101. `reader` and `writer` are the connection's buffered file objects."""

    def __init__(self, connection, reader, writer):
        self.connection, self.reader, self.writer = connection, reader, writer

    def send(self, payload, opcode=TEXT):
        if isinstance(payload, str):
            payload = payload.encode()
        head = bytes([0x80 | opcode])
        if len(payload) < 126:
            head += bytes([len(payload)])
        elif len(payload) < 65536:
            head += b"\x7e" + struct.pack(">H", len(payload))
        else:
            head += b"\x7f" + struct.pack(">Q", len(payload))
        try:
            self.writer.write(head + payload)
            self.writer.flush()
        except OSError:
            raise Closed from None

    def receive(self, seconds):
        """(opcode, payload) of one whole message, or None when nothing came in this time. Answers pings itself."""
        message, kind = b"", None
        while True:
            if kind is None and not self._ready(seconds):
                return None
            final, opcode, payload = self._frame()
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                self.send(payload[:2], CLOSE)
                raise Closed
            elif opcode != PONG:
                kind = opcode if kind is None else kind
                message += payload
                if len(message) > MESSAGE_LIMIT:
                    self.close(1009)
                    raise Closed
                if final:
                    return kind, message

    def close(self, code=1000):
        try:
            self.send(struct.pack(">H", code), CLOSE)
        except Closed:
            pass

    def _ready(self, seconds):
        # What the handshake's reader already holds does not show in select().
        return bool(select.select([self.connection], [], [], 0)[0] or self._buffered()
                    or select.select([self.connection], [], [], seconds)[0])

    def _buffered(self):
        self.connection.setblocking(False)
        try:
            return bool(self.reader.peek(1))
        except OSError:
            return False
        finally:
            self.connection.setblocking(True)

    def _frame(self):
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            length, = struct.unpack(">H", self._exactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", self._exactly(8))
        if not second & 0x80 or length > MESSAGE_LIMIT:   # clients must mask (5.1)
            self.close(1009 if second & 0x80 else 1002)
            raise Closed
        mask = self._exactly(4)
        data = self._exactly(length)
        pad = (mask * (length // 4 + 1))[:length]
        plain = (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big") if length else b""
        return bool(first & 0x80), first & 0x0F, plain

    def _exactly(self, count):
        try:
            data = self.reader.read(count)
        except OSError:
            raise Closed from None
        if data is None or len(data) < count:
            raise Closed
        return data
