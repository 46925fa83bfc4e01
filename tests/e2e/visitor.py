# SPDX-License-Identifier: BSD-2-Clause
"""Visitors of the site: one with cookies, curl for HTTP/2, a WebSocket client, and many at once."""
import base64
import hashlib
import http.client
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
from urllib.parse import urlencode, urlsplit


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The field's values, joined with commas; "" if absent."""
        return ", ".join(v for n, v in self.headers if n.lower() == name.lower())

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def hit(self):
        return self.header("X-Cache").upper().startswith("HIT")

    def __str__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Link(http.client.HTTPSConnection):
    """To the site's name at 127.0.0.1, also where no file or name server knows `localhost`."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


class Visitor:
    """Speaks HTTP/1.1 over TLS, a connection per request, and keeps cookies."""

    def __init__(self, url, certificate):
        self.url, self.certificate, self.cookies = url, certificate, {}
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 443

    def context(self):
        return ssl.create_default_context(cafile=self.certificate)

    def request(self, method, path, body=None, headers=None, timeout=120):
        """Sends exactly this path; an address of the site is shortened to its path."""
        path = path[len(self.url):] if path.startswith(self.url) else path
        headers = dict(headers or {})
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{n}={v}" for n, v in self.cookies.items()))
        link = Link(self.host, self.port, timeout=timeout, context=self.context())
        try:
            link.request(method, path or "/", body, headers)
            raw = link.getresponse()
            answer = Answer(raw.status, raw.getheaders(), raw.read())
        finally:
            link.close()
        for value in (v for n, v in answer.headers if n.lower() == "set-cookie"):
            name, _, rest = value.partition("=")
            content = rest.split(";")[0]
            if re.search(r"max-age=0|expires=[^;]*(19[67]0|1999|2000)", value, re.I) or content in ("", '""', "deleted"):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = content
        return answer

    def get(self, path, **headers):
        return self.request("GET", path, headers={n.replace("_", "-"): v for n, v in headers.items()})

    def post(self, path, fields, **headers):
        body = urlencode(fields, doseq=True)
        return self.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"} | headers)

    def upload(self, path, field, name, data, content_type="application/octet-stream", fields=()):
        """multipart/form-data with one file."""
        edge = "edge-" + hashlib.sha256(data).hexdigest()[:24]
        parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields]
        parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
                     f"Content-Type: {content_type}\r\n\r\n".encode() + data + b"\r\n")
        return self.request("POST", path, b"".join(parts) + f"--{edge}--\r\n".encode(),
                            {"Content-Type": f"multipart/form-data; boundary={edge}"})

    def curl(self, *arguments, http2=True):
        """curl's standard output as bytes; the last argument is the path."""
        done = subprocess.run(["curl", "--silent", "--show-error", "--http2" if http2 else "--http1.1", "--cacert", self.certificate,
                               "--max-time", "300", *arguments[:-1], self.url + arguments[-1]], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise OSError(f"curl ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def raw(self):
        """A TLS connection that speaks HTTP/1.1."""
        context = self.context()
        context.set_alpn_protocols(["http/1.1"])
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 30), server_hostname=self.host)


class WebSocket:
    """Client side of RFC 6455, as much as the clock needs."""

    def __init__(self, visitor, path):
        self.link = visitor.raw()
        key = base64.b64encode(os.urandom(16)).decode()
        self.link.sendall((f"GET {path} HTTP/1.1\r\nHost: {visitor.host}:{visitor.port}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.reader = self.link.makefile("rb")
        self.status = self.reader.readline().decode().strip()
        self.headers = {}
        while (line := self.reader.readline().strip()):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        wanted = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        self.accepted = self.status.startswith("HTTP/1.1 101") and self.headers.get("sec-websocket-accept") == wanted

    def send(self, data, opcode=2):
        mask = os.urandom(4)
        pad = (mask * (len(data) // 4 + 1))[:len(data)]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(data), "big") if data else b""
        size = (bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data)) if len(data) < 65536
                else b"\xff" + struct.pack(">Q", len(data)))
        self.link.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def receive(self):
        """(opcode, payload) of a frame; (None, b"") at the end of the connection."""
        head = self.reader.read(2)
        if len(head) < 2:
            return None, b""
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(self.reader.read(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, self.reader.read(size)

    def close(self):
        self.reader.close()
        self.link.close()


def at_once(count, function):
    """Calls function(n) for n < count from as many threads; returns the results, exceptions included, in order."""
    results = [None] * count
    gate = threading.Barrier(count)

    def work(n):
        gate.wait()
        try:
            results[n] = function(n)
        except Exception as problem:
            results[n] = problem
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


class Load:
    """Clients that ask in turn for paths until told to stop; kept-alive connections, as browsers have."""

    def __init__(self, visitor, paths, clients):
        self.visitor, self.paths, self.stopping = visitor, paths, threading.Event()
        self.lock, self.statuses, self.problems = threading.Lock(), {}, []
        self.threads = [threading.Thread(target=self._client, args=(n,)) for n in range(clients)]
        for t in self.threads:
            t.start()

    def _client(self, n):
        context, link = self.visitor.context(), None
        while not self.stopping.is_set():
            path = self.paths(n)
            try:
                link = link or Link(self.visitor.host, self.visitor.port, timeout=120, context=context)
                link.request("GET", path)
                answer = link.getresponse()
                body = answer.read()
                if answer.will_close:
                    link.close()
                    link = None
                status, problem = answer.status, None if answer.status == 200 else f"{path}: {answer.status} {body[:200]!r}"
            except (OSError, http.client.HTTPException) as failure:
                status, problem, link = "broken", f"{path}: {failure!r}", None
            with self.lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if problem:
                    self.problems.append(problem)

    def count(self):
        with self.lock:
            return sum(self.statuses.values())

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()
        return self.statuses
