# SPDX-License-Identifier: BSD-2-Clause
"""What the peers cannot do of what the demo's tests expect; see marks.py."""
from check import equal, expect, until

import demo_expectations


def define(table):
    nginx(table)
    varnish(table)
    haproxy(table)


def nginx(table):
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


def varnish(table):
    @table.cannot("varnish", "a PURGE of a path finds its addresses with a query, too", "`return (purge)` removes one hash, that is one address",
                  "^the address with a query, after PURGE of the path: 'HIT'")
    def _(w):
        equal(demo_expectations.purged_queries(w), "HIT", "the address with a query, after PURGE of the path")
        inner = f"/VirtualHostBase/https/localhost:{w.chain.port}/Demo/VirtualHostRoot/pictures?size=large"
        equal(demo_expectations.purge(w, inner), 200, "PURGE with the query")
        equal(w.visitor().get("/pictures?size=large").hit, False, "hit after PURGE with the query")

    @table.cannot("varnish", "where an editor's POST leads to, the cache asks anew, also without a PURGE",
                  "does not invalidate by what passes (RFC 9111, 4.4); only the application's PURGE does", "^hit after the POST: 'True'")
    def _(w):
        editor = w.editor()
        w.visitor().get("/tour")
        equal(w.visitor().get("/tour").hit, True, "before the edit")
        w.save(editor, "/tour", "The tour", "Changed, and the cache was told so by PURGE.")
        expect("was told so by PURGE" in w.visitor().get("/tour").text, "the page is old")


def haproxy(table):
    @table.cannot("haproxy", "an editor who only reads gets the sticky cookie, too",
                  "chooses by method (`postonly`), not by a cookie of the request, who gets the sticky one", "^no sticky cookie: .'__ac'")
    def _(w):
        editor = w.editor()
        expect("serverid" in editor.cookies, f"no sticky cookie with the answer to the log-in: {editor.cookies}")
        editor.cookies.pop("serverid")
        editor.post("/measure", {"any": "form"})
        expect("serverid" in editor.cookies, f"no sticky cookie with the answer to a form: {editor.cookies}")
