# SPDX-License-Identifier: BSD-2-Clause
"""Bodies: large ones both ways over both protocols, uploads, ranges, streams, WebSocket."""
import hashlib
import json
import os

from check import equal, expect, until
from visitor import WebSocket

BIG = 48 * 1024 * 1024


def pattern(size):
    return hashlib.sha256((b"0123456789abcdef" * (size // 16 + 1))[:size]).hexdigest()


def random_file(w, size):
    path = f"{w.directory}/body.bin"
    with open(path, "wb") as f:
        digest = hashlib.sha256()
        for _ in range(size >> 20):
            piece = os.urandom(1 << 20)
            digest.update(piece)
            f.write(piece)
    return path, digest.hexdigest()


def define(suite):
    for http2, name in ((False, "HTTP/1.1"), (True, "HTTP/2")):
        @suite.test(f"{name} is what curl gets when it asks for it")
        def _(w, http2=http2):
            version = w.visitor().curl("--output", "/dev/null", "--write-out", "%{http_version}", "/", http2=http2)
            equal(version.decode(), "2" if http2 else "1.1", "version")

        @suite.test(f"a large body arrives whole at the application over {name}")
        def _(w, http2=http2):
            path, digest = random_file(w, BIG)
            for extra in ((), ("--header", "Transfer-Encoding: chunked")) if not http2 else ((),):
                answer = json.loads(w.visitor().curl("--upload-file", path, *extra, "/measure", http2=http2))
                equal((answer["length"], answer["sha256"]), (BIG, digest), "body")

        @suite.test(f"a large body comes whole from the application and from the cache over {name}")
        def _(w, http2=http2):
            size = BIG + http2   # an object of its own for each protocol
            for _ in range(2):
                equal(hashlib.sha256(w.visitor().curl(f"/big/{size}", http2=http2)).hexdigest(), pattern(size), "body")

        @suite.test(f"a body goes both ways in one exchange over {name}")
        def _(w, http2=http2):
            path, digest = random_file(w, 8 << 20)
            equal(hashlib.sha256(w.visitor().curl("--data-binary", f"@{path}", "/echo", http2=http2)).hexdigest(), digest, "echo")

    @suite.test("parts of a file are served by range, from the cache too")
    def _(w):
        whole = w.visitor().get("/big/100000")
        equal(len(whole.body), 100000, "length")
        for wanted, first, last in (("bytes=10-19", 10, 19), ("bytes=99990-", 99990, 99999), ("bytes=-16", 99984, 99999)):
            part = w.visitor().get("/big/100000", Range=wanted)
            equal((part.status, part.body), (206, whole.body[first:last + 1]), wanted)
            equal(part.header("Content-Range"), f"bytes {first}-{last}/100000", wanted)
        equal(w.visitor().get("/big/100000", Range="bytes=200000-").status, 416, "beyond the end")

    @suite.test("an upload is stored and comes back unchanged, and a newer one replaces it for everybody")
    def _(w):
        editor = w.editor()
        for n in range(2):
            data = os.urandom(3_000_000)
            answer = editor.upload("/upload", "file", "data.bin", data)
            equal(answer.status, 302, f"upload: {answer}")
            for _ in range(2):
                equal(hashlib.sha256(w.visitor().get("/files/data.bin").body).digest(), hashlib.sha256(data).digest(), f"file {n}")

    @suite.test("an upload with Expect: 100-continue works")
    def _(w):
        path, digest = random_file(w, 2 << 20)
        answer = json.loads(w.visitor().curl("--header", "Expect: 100-continue", "--upload-file", path, "/measure", http2=False))
        equal(answer["sha256"], digest, "body")

    @suite.test("a slow page arrives as it is written")
    def _(w):
        with w.visitor().raw() as link:
            link.sendall(f"GET /slow?seconds=3&step=1 HTTP/1.1\r\nHost: localhost:{w.chain.port}\r\nConnection: close\r\n\r\n".encode())
            seen = b""
            while b"Line 1 was" not in seen:
                data = link.recv(65536)
                expect(data, f"the page ended early: {seen!r}")
                seen += data
            equal(w.app_log("/slow?seconds=3&step=1"), 0, "the application has not finished when the first line is here")
            while data := link.recv(65536):
                seen += data
        expect(b"Line 3 was" in seen and b"</html>" in seen, "the page is not complete")

    @suite.test("a WebSocket passes all tiers in both directions")
    def _(w):
        socket = WebSocket(w.visitor(), "/clock/socket")
        expect(socket.accepted, f"{socket.status} {socket.headers}")
        opcode, text = socket.receive()
        expect(opcode == 1 and len(text) == 8, f"no time: {opcode} {text!r}")
        for size in (5, 1000, 300_000):
            data = os.urandom(size)
            socket.send(data)
            opcode, back = socket.receive()
            while opcode == 1:
                opcode, back = socket.receive()
            equal((opcode, hashlib.sha256(back).digest()), (2, hashlib.sha256(data).digest()), f"echo of {size}")
        socket.send(b"\x03\xe8", 8)
        opcode = 1
        while opcode == 1:
            opcode, _ = socket.receive()
        equal(opcode, 8, "the closing frame's opcode")
        equal(socket.receive(), (None, b""), "end of the connection")
        socket.close()

    @suite.test("a WebSocket ends when its visitor just leaves")
    def _(w):
        before = w.app_log('/clock/socket HTTP/1.1" 101')
        socket = WebSocket(w.visitor(), "/clock/socket")
        socket.receive()
        socket.close()
        until(lambda: w.app_log('/clock/socket HTTP/1.1" 101') == before + 1, 15, "the application's side of the WebSocket should end")
