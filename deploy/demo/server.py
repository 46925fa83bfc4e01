#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The demo application: a small content management system behind an HTTP/1.1 server of its own.

    server.py --listen 127.0.0.1:8081 --data DIR [--name app1] [--purge unix:/run/cachenode.sock]

Several instances with the same --data are one site. Like an application server for Python, an instance computes at
most --threads answers at a time; connections, uploads in progress and slow readers do not take a thread.
"""
import argparse
import http.server
import os
import re
import secrets
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import time
import traceback
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

import virtualhost
import websocket
from app import App
from message import Content, Request, Response, http_date
from store import Store

IDLE_SECONDS = 120
BODY_LIMIT = 1024 * 1024 * 1024
BODYLESS = (204, 304)


class BadBody(Exception):
    """The body's framing is wrong or it is too large; `status` is the answer."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


def read_body(reader, headers):
    """The request's body in a temporary file (in memory while it is small)."""
    body = tempfile.SpooledTemporaryFile(max_size=1 << 20)
    if headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
        _read_chunked(reader, body)
    else:
        length = headers.get("Content-Length", "0").strip()
        if not length.isdigit():
            raise BadBody(400)
        _copy(reader, body, int(length))
    body.seek(0)
    return body


def _read_chunked(reader, body):
    while True:
        size = re.match(rb"([0-9a-fA-F]{1,15})[;\r ]", reader.readline(1024))
        if not size:
            raise BadBody(400)
        count = int(size.group(1), 16)
        if count == 0:
            break
        _copy(reader, body, count)
        if reader.readline(8) != b"\r\n":
            raise BadBody(400)
    while reader.readline(8192) not in (b"\r\n", b"\n", b""):
        pass


def _copy(reader, body, count):
    if body.tell() + count > BODY_LIMIT:
        raise BadBody(413)
    while count:
        data = reader.read(min(count, 1 << 18))
        if not data:
            raise BadBody(400)
        body.write(data)
        count -= len(data)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    wbufsize = 1 << 16

    def setup(self):
        super().setup()
        if self.request.family in (socket.AF_INET, socket.AF_INET6):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def serve(self):
        began = time.monotonic()
        try:
            body = read_body(self.rfile, self.headers)
        except BadBody as problem:
            self.close_connection = True
            self.write(Response(problem.status, [("Connection", "close")], b""))
            return
        path, _, query = self.path.partition("?")
        request = Request(self.command, path, parse_qs(query, keep_blank_values=True), self.headers, body,
                          self.cookies(), self.requestline)
        if websocket.wanted(self.headers) and self.segments(path) == ["clock", "socket"]:
            status = 101
            self.clock()
        else:
            status = self.compute(request)
        self.server.log(f'{self.headers.get("X-Request-ID", "-")} "{self.requestline}" {status} '
                        f'{time.monotonic() - began:.3f}')

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = serve

    def segments(self, path):
        return virtualhost.locate(path, "localhost").segments

    def cookies(self):
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}
        except CookieError:
            return {}

    def compute(self, request):
        """The answer's status. Only thinking takes one of the threads: what is known when the handler returns is sent
        without, so that slow readers keep nobody waiting; what is made while it is sent (the slow page) keeps it."""
        with self.server.threads:
            try:
                response = self.server.app.answer(request)
            except Exception:
                self.server.log(traceback.format_exc())
                response = Response(500, [("Content-Type", "text/plain")], b"The application failed.\n")
            if self.made_on_the_way(response):
                self.send(response)
        if not self.made_on_the_way(response):
            self.send(response)
        return response.status

    def made_on_the_way(self, response):
        return not isinstance(response.body, (bytes, Content))

    def send(self, response):
        try:
            self.write(response)
        except OSError:
            self.close_connection = True

    def write(self, response):
        """Sends head and body: with a length where it is known, else chunked, to HTTP/1.0 until the end."""
        body, lines = response.body, list(response.headers)
        streamed = self.made_on_the_way(response)
        if streamed and self.request_version == "HTTP/1.1":
            lines.append(("Transfer-Encoding", "chunked"))
        elif streamed:
            self.close_connection = True
        elif response.status not in BODYLESS:
            lines.append(("Content-Length", str(len(body) if isinstance(body, bytes) else body.length)))
        if self.close_connection and not any(n == "Connection" for n, v in lines):
            lines.append(("Connection", "close"))
        reason = self.responses.get(response.status, ("Unknown",))[0]
        head = f"HTTP/1.1 {response.status} {reason}\r\nDate: {http_date(time.time())}\r\nServer: trivet-demo\r\n"
        self.wfile.write((head + "".join(f"{n}: {v}\r\n" for n, v in lines) + "\r\n").encode("latin-1", "replace"))
        if self.command != "HEAD" and response.status not in BODYLESS:
            self.write_body(body, streamed)
        self.wfile.flush()

    def write_body(self, body, streamed):
        if isinstance(body, bytes):
            self.wfile.write(body)
        elif isinstance(body, Content):
            for piece in body.pieces():
                self.wfile.write(piece)
        else:
            chunked = streamed and self.request_version == "HTTP/1.1"
            for piece in body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
            if chunked:
                self.wfile.write(b"0\r\n\r\n")

    def clock(self):
        """Sends the time each second; whatever arrives is sent back."""
        self.close_connection = True
        self.connection.settimeout(None)
        key = websocket.accept_key(self.headers["Sec-WebSocket-Key"])
        self.wfile.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Accept: {key}\r\n\r\n").encode())
        self.wfile.flush()
        peer = websocket.Socket(self.connection, self.rfile, self.wfile)
        try:
            while not self.server.stopping.is_set():
                peer.send(time.strftime("%H:%M:%S"))
                until = time.monotonic() + 1
                while (left := until - time.monotonic()) > 0:
                    message = peer.receive(left)
                    if message:
                        peer.send(message[1], message[0])
            peer.close(1001)
        except websocket.Closed:
            pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass   # the client went away in the middle

    def address_string(self):
        return self.client_address[0] if self.client_address else "unix"

    def log_message(self, form, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address, threads, log_file):
        if address.startswith("unix:"):
            self.address_family, where = socket.AF_UNIX, address[5:]
            if os.path.exists(where):
                os.unlink(where)
        else:
            host, _, port = address.rpartition(":")
            host = host.strip("[]") or "127.0.0.1"
            self.address_family, where = (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))
        self.threads = threading.BoundedSemaphore(threads)
        self.stopping = threading.Event()
        self.app = None
        self.log_file = log_file
        super().__init__(where, Handler)

    def bound(self):
        if self.address_family == socket.AF_UNIX:
            return "unix:" + self.server_address
        host, port = self.server_address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def log(self, line):
        if self.log_file:
            now = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
            self.log_file.write(f"{stamp} {line}\n")

    def handle_error(self, request, client_address):
        self.log(traceback.format_exc())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--listen", default="127.0.0.1:8081", metavar="HOST:PORT|unix:/PATH", help="port 0: a free one")
    p.add_argument("--ready", metavar="FILE", help="write the bound address here once it listens")
    p.add_argument("--data", required=True, metavar="DIR", help="pages, files, sessions; shared by all instances")
    p.add_argument("--name", help="shown at the foot of each page")
    p.add_argument("--threads", type=int, default=4, metavar="N", help="answers computed at a time")
    p.add_argument("--purge", action="append", default=[], metavar="HOST:PORT|unix:/PATH", help="a cache to tell of changes")
    p.add_argument("--password", default="editor12345", help="of the user editor")
    p.add_argument("--fast-listen", type=float, default=0, metavar="SECONDS", help="listen this long before answering")
    p.add_argument("--log", metavar="FILE", help="a line for each request")
    a = p.parse_args()

    log_file = open(a.log, "a", buffering=1) if a.log else None
    server = Server(a.listen, a.threads, log_file)
    signal.signal(signal.SIGTERM, lambda *_: stop(server))
    signal.signal(signal.SIGINT, lambda *_: stop(server))
    if a.ready:
        temporary = f"{a.ready}.{secrets.token_hex(4)}"
        with open(temporary, "w") as f:
            f.write(server.bound() + "\n")
        os.rename(temporary, a.ready)
    if not server.stopping.wait(a.fast_listen):
        server.app = App(Store(a.data), a.name or server.bound(), a.purge, a.password)
        server.serve_forever(poll_interval=0.2)
    if a.listen.startswith("unix:") and os.path.exists(a.listen[5:]):
        os.unlink(a.listen[5:])


def stop(server):
    server.stopping.set()
    threading.Thread(target=server.shutdown, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
