# SPDX-License-Identifier: BSD-2-Clause
"""The front: redirects, refusals, forwarded fields, error pages."""
import http.client
import re

from check import equal, expect


def plain(w, method, path):
    link = http.client.HTTPConnection("127.0.0.1", w.chain.http_port, timeout=30)
    link.request(method, path)
    answer = link.getresponse()
    answer.read()
    link.close()
    return answer.status, answer.getheader("Location")


def define(suite):
    @suite.test("plain HTTP is redirected with path and query")
    def _(w):
        equal(plain(w, "GET", "/news?a=b%20c"), (301, f"{w.chain.url}/news?a=b%20c"), "GET")
        equal(plain(w, "POST", "/news"), (308, f"{w.chain.url}/news"), "POST")

    @suite.test("PURGE and BAN from outside are refused and purge nothing")
    def _(w):
        w.visitor().get("/pictures")
        for method in ("PURGE", "BAN", "purge"):
            equal(w.visitor().request(method, "/pictures").status, 405, method)
        equal(w.visitor().get("/pictures").hit, True, "still cached")

    @suite.test("virtual-host paths and management screens in any disguise reach nothing")
    def _(w):
        for path in ("/VirtualHostBase/http/evil.example:80/VirtualHostRoot/", "/news/VirtualHostRoot/x", "/news/_vh_a/b",
                     "/VirtualHost%42ase/http/evil.example/VirtualHostRoot", "/a%2fVirtualHostRoot%2fb", "/_%76h_x",
                     "/..%2f..%2fnews", "/%2e%2e/%2e%2e/x", "/a/../../x"):
            equal(w.visitor().get(path).status, 400, path)
        for path in ("/manage", "/manage_main", "/news/manage_workspace", "/%6danage_main", "/news%2fmanage_main", "/x//manage_main",
                     "/@@manage_main", "/./manage_main/"):
            equal(w.visitor().get(path).status, 403, path)
        equal(w.app_log("anage") + w.app_log("evil.example") + w.app_log("_vh_"), 0, "requests that reached the application")

    @suite.test("visitors cannot forge forwarded fields")
    def _(w):
        answer = w.visitor().get("/request", X_Forwarded_For="6.6.6.6", X_Real_IP="6.6.6.6", Forwarded="for=6.6.6.6",
                                 X_Forwarded_Proto="gopher", X_Forwarded_Host="evil.example", X_Request_ID="forged")
        text = re.sub(r"<[^>]*>", " ", answer.text)
        for forged in ("6.6.6.6", "gopher", "evil.example", "forged"):
            expect(forged not in text, f"{forged} reached the application: {text[-1500:]}")
        for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Request-ID", "Via"):
            expect(re.search(rf"\b{name}\b", text, re.I), f"{name} did not reach the application")

    @suite.test("the application's own error page passes unchanged and is not kept")
    def _(w):
        for status in (500, 503, 404):
            for _ in range(2):
                answer = w.visitor().get(f"/error?status={status}")
                equal((answer.status, answer.hit), (status, False), "error")
                expect("fails on purpose" in answer.text, f"another page: {answer}")

    @suite.test("a redirect by the application names the public address")
    def _(w):
        answer = w.visitor().get("/news/edit")
        equal((answer.status, answer.header("Location")), (302, f"{w.chain.url}/login?came_from=/news/edit"), "redirect")

    @suite.test("a body over the limit is refused before it is sent")
    def _(w):
        with w.visitor().raw() as link:
            link.sendall(f"POST /measure HTTP/1.1\r\nHost: localhost:{w.chain.port}\r\nContent-Length: 999999999999\r\n\r\n".encode())
            equal(link.recv(12), b"HTTP/1.1 413", "status line")

    @suite.test("malformed requests are refused and reach nothing")
    def _(w):
        host = f"Host: localhost:{w.chain.port}\r\n"
        for request in (f"GET /smuggled HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        f"GET /smuggled HTTP/1.1\r\n{host}{host}\r\n", f"GET /smuggled HTTP/1.1\r\n{host} folded: x\r\n\r\n",
                        f"GET /smuggled HTTP/1.1\n{host}\n", f"GET /smuggled HTTP/1.1\r\n{host}Name : x\r\n\r\n"):
            with w.visitor().raw() as link:
                link.sendall(request.encode())
                equal(link.recv(12), b"HTTP/1.1 400", repr(request))
        equal(w.app_log("smuggled"), 0, "requests that reached the application")
