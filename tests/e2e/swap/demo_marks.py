# SPDX-License-Identifier: BSD-2-Clause
"""What the peers cannot do of what the demo's tests expect; see marks.py."""
from check import equal, until


def define(table):
    @table.cannot("nginx", "PURGE and BAN from outside are refused and purge nothing",
                  "calls a method in lower case malformed (400), before any rule of ours is asked", r"^purge: '400' instead of '405'")
    def _(w):
        w.visitor().get("/pictures")
        for method, status in (("PURGE", 405), ("BAN", 405), ("purge", 400), ("ban", 400)):
            equal(w.visitor().request(method, "/pictures").status, status, method)
        equal(w.visitor().get("/pictures").hit, True, "still cached")

    @table.cannot("nginx", "malformed requests are refused and reach nothing",
                  "takes LF alone for the end of a line (RFC 9112, 2.2 lets a server do so)", r"smuggled HTTP/1\.1\\nHost: .*HTTP/1\.1 404")
    def _(w):
        host = f"Host: localhost:{w.chain.port}\r\n"
        until(lambda: w.app_log("/smuggled HTTP"), 10, "the request with LF alone, which webfront refuses, should have reached the application")
        before = w.app_log("/smuggled")
        for request in (f"GET /smuggled-2 HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        f"GET /smuggled-2 HTTP/1.1\r\n{host}{host}\r\n", f"GET /smuggled-2 HTTP/1.1\r\n{host} folded: x\r\n\r\n",
                        f"GET /smuggled-2 HTTP/1.1\r\n{host}Name : x\r\n\r\n"):
            with w.visitor().raw() as link:
                link.sendall(request.encode())
                equal(link.recv(12), b"HTTP/1.1 400", repr(request))
        equal(w.app_log("/smuggled"), before, "requests that reached the application")
