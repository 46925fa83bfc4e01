# SPDX-License-Identifier: BSD-2-Clause
"""What a stage must give its neighbours, whoever stands there: on top of the demo's tests, for each of the eight chains."""
import http.client
import re
import socket
import subprocess
import urllib.request

from check import equal, expect, until
from visitor import at_once
from world import written


def at_socket(path, request):
    """The whole answer of whoever listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(request.encode())
        answer = b""
        while data := s.recv(65536):
            answer += data
    return answer.decode(errors="replace")


def define(suite):
    purging(suite)
    balancing(suite)
    operating(suite)

    @suite.test("the visitor's bytes reach the application as they came, behind the virtual-host path")
    def _(w):
        for path in ("/request?a=%7e%2F&b=+x;y", "/%72equest?tilde=~", "//request?double"):
            answer = w.visitor().get(path)
            equal(answer.status, 200, path)
            line = f"GET /VirtualHostBase/https/localhost:{w.chain.port}/Demo/VirtualHostRoot{path} HTTP/1.1"
            expect(line.replace("&", "&amp;") in answer.text, f"{line} is not in {re.findall('GET [^<]*', answer.text)}")

    @suite.test("a hit tells its age, and Via who kept it")
    def _(w):
        w.visitor().get("/tour")
        answer = until(lambda: (a := w.visitor().get("/tour")).hit and int(a.header("Age")) >= 1 and a, 10, "the age should grow")
        expect(answer.header("Via"), f"no Via: {answer.headers}")


def purging(suite):
    @suite.test("a PURGE from the public side has no effect, whatever it claims to be")
    def _(w):
        first = written(w.visitor().get("/pictures"))
        inner = f"/VirtualHostBase/https/localhost:{w.chain.port}/Demo/VirtualHostRoot/pictures"
        for path in ("/pictures", inner, f"{w.chain.url}/pictures"):
            for fields in ({}, {"X-Forwarded-For": ""}, {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
                           {"Host": f"127.0.0.1:{w.chain.cache_port}"}, {"Connection": "X-Forwarded-For, X-Real-IP, Via, Forwarded"}):
                for method in ("PURGE", "BAN", "Purge"):
                    status = w.visitor().request(method, path, headers=fields).status
                    expect(400 <= status < 500, f"{method} {path} {fields}: {status}")
        w.visitor().get("/pictures", X_HTTP_Method_Override="PURGE", X_HTTP_Method="PURGE", X_Method_Override="PURGE")
        status = w.visitor().curl("--request", "PURGE", "--output", "/dev/null", "--write-out", "%{http_code}", "/pictures")
        equal(status, b"405", "PURGE over HTTP/2")
        again = w.visitor().get("/pictures")
        equal((again.hit, written(again)), (True, first), "the page")
        equal(w.app_log('"PURGE'), 0, "PURGEs that went through to the application")

    @suite.test("what a careless front would let through, the cache itself refuses; the application's own PURGE it obeys")
    def _(w):
        first = written(w.visitor().get("/pictures"))
        inner = f"/VirtualHostBase/https/localhost:{w.chain.port}/Demo/VirtualHostRoot/pictures"
        for signs in ("X-Forwarded-For: 192.0.2.7\r\nVia: 1.1 nginx\r\n", "X-Forwarded-For: 192.0.2.7\r\n", "X-Real-IP: 192.0.2.7\r\n"):
            for method in ("PURGE", "BAN"):
                answer = at_socket(w.chain.socket_path("cachenode"), f"{method} {inner} HTTP/1.1\r\nHost: localhost\r\n{signs}"
                                   "Connection: close\r\n\r\n")
                equal(answer.split("\r\n")[0].split(" ")[1], "405", f"{method} with {signs!r}")
        equal(written(w.visitor().get("/pictures")), first, "the page")
        # As plone.cachepurging writes it: the cache's own address as Host; with the port and without it.
        link = http.client.HTTPConnection("127.0.0.1", w.chain.cache_port, timeout=30)
        link.request("PURGE", inner, headers={"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Connection": "keep-alive",
                                              "User-Agent": "python-requests/2.32", "Content-Length": "0"})
        answer = link.getresponse()
        answer.read()
        equal(answer.status, 200, "the application's PURGE")
        link.request("PURGE", inner + "-never-seen", headers={"Content-Length": "0"})
        expect(link.getresponse().status in (200, 404), "PURGE of something unknown, on the same connection")
        link.close()
        expect(written(w.visitor().get("/pictures")) != first, "the page is still the old one")

    @suite.test("one PURGE finds a page and its JSON, also where the application spells the address in another way")
    def _(w):
        editor, stranger = w.editor(), w.visitor()
        for _ in range(2):
            stranger.get("/news/first", Accept="application/json")
            stranger.get("/news/first")
        w.save(editor, "/news/first", "The first story", "Both forms know this text.")
        expect("Both forms know" in stranger.get("/news/first").text, "the page is old")
        expect("Both forms know" in stranger.get("/news/first", Accept="application/json").text, "the JSON is old")

        # Plone spells an API address with the mark behind the root, and default ports not at all.
        stored = "/VirtualHostBase/https/www.example.org:443/Demo/++api++/VirtualHostRoot/news/first"
        spelled = "/VirtualHostBase/https/www.example.org/Demo/VirtualHostRoot/++api++/news/first"

        def ask(method, path):
            answer = at_socket(w.chain.socket_path("cachenode"), f"{method} {path} HTTP/1.1\r\nHost: www.example.org\r\n"
                               "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
            return re.search(r"^X-Cache: (\w+)", answer, re.M | re.I).group(1)
        equal([ask("GET", stored) for _ in range(2)], ["MISS", "HIT"], "the address as the front spells it")
        equal(purge(w, spelled), 200, "PURGE in the other spelling")
        equal(ask("GET", stored), "MISS", "after that PURGE")

    @suite.test("a PURGE of a path finds its addresses with a query, too")
    def _(w):
        equal(purged_queries(w), "MISS", "the address with a query, after PURGE of the path")

    @suite.test("where an editor's POST leads to, the cache asks anew, also without a PURGE")
    def _(w):
        w.visitor().get("/")
        equal(w.visitor().get("/").hit, True, "before")
        answer = w.editor().post("/logout", {})
        equal((answer.status, answer.header("Location")), (302, w.chain.url + "/"), "the log-out")
        equal(w.visitor().get("/").hit, False, "hit after the POST")


def purged_queries(w):
    """What the cache says of an address with a query after a PURGE of its path."""
    inner = f"/VirtualHostBase/https/localhost:{w.chain.port}/Demo/VirtualHostRoot/pictures"
    for path in ("/pictures", "/pictures?size=large"):
        w.visitor().get(path)
        equal(w.visitor().get(path).hit, True, f"{path} before")
    equal(purge(w, inner), 200, "PURGE")
    equal(w.visitor().get("/pictures").hit, False, "hit of the path after PURGE")
    return "HIT" if w.visitor().get("/pictures?size=large").hit else "MISS"


def purge(w, path):
    """Status of a PURGE as the application sends it."""
    link = http.client.HTTPConnection("127.0.0.1", w.chain.cache_port, timeout=30)
    link.request("PURGE", path, headers={"Content-Length": "0"})
    status = link.getresponse().status
    link.close()
    return status


def balancing(suite):
    @suite.test("an editor stays with one instance; anonymous visitors get no cookie")
    def _(w):
        editor = w.editor()
        editor.get("/request")
        expect("serverid" in editor.cookies, f"no sticky cookie: {editor.cookies}")
        names = {written(editor.get(f"/request?sticky={n}"))[0] for n in range(12)}
        equal(len(names), 1, f"instances that served the editor: {names}")
        for path in ("/request", "/pictures", "/tour?sticky"):
            equal(w.visitor().get(path).header("Set-Cookie"), "", f"cookie for an anonymous visitor of {path}")
        server = "client" + names.pop()[3:]
        w.admin("balancer", f"set server plone/{server} state maint")
        try:
            equal(editor.get("/request").status, 200, "without the editor's instance")
        finally:
            w.admin("balancer", f"set server plone/{server} state ready")
        w.wait_up(2)

    @suite.test("an editor who only reads gets the sticky cookie, too")
    def _(w):
        editor = w.editor()
        editor.cookies.pop("serverid", None)
        editor.get("/request")
        expect("serverid" in editor.cookies, f"no sticky cookie: {sorted(editor.cookies)}")

    @suite.test("an instance never gets more than maxconn requests; the others wait and are served")
    def _(w):
        answers = at_once(30, lambda n: w.visitor().get(f"/slow?seconds=0.4&step=0.2&waiting={n}"))
        equal({getattr(a, "status", a) for a in answers}, {200}, "statuses")
        rows = w.stats()
        most = w.chain.maxconn + ("balancer" in w.chain.peers)   # HAProxy's threads sometimes take one more at the same moment
        for server in ("client1", "client2"):
            equal(int(rows["plone", server]["smax"]) <= most, True, f"most at a time at {server}: {rows['plone', server]['smax']}")
        expect(int(rows["plone", "BACKEND"]["qmax"]) > 0, "nothing ever waited in the balancer")

    @suite.test("the health page is for the cache, not for the public")
    def _(w):
        answer = at_socket(w.chain.socket_path("balancer"), "GET /_health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        expect(answer.startswith("HTTP/1.1 200"), answer)
        equal(w.visitor().get("/_health").status, 404, "from outside")


def operating(suite):
    @suite.test("application and all stages know a request by the id that the front gave it")
    def _(w):
        ids = []

        def everywhere():
            ids.append(re.search(r"\b[0-9a-f]{32}\b", w.visitor().get("/request?one-id").text).group(0))
            logs = [w.chain.log_of(role) for role in w.chain.daemons]
            return any(all(one in log for log in logs) for one in ids)
        # More than one request, because varnishncsa begins to read a moment after it has been started.
        until(everywhere, 15, f"the application's ids should be in every log: {ids}")

    @suite.test("every stage's configuration passes its own test")
    def _(w):
        for role, process in w.chain.daemons.items():
            if role in w.chain.peers:
                code, output = process.checked()
            else:
                done = subprocess.run([f"{w.chain.binaries}/{role}", "-t", "-c", w.chain.config(role)], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
                code, output = done.returncode, done.stdout
            equal(code, 0, f"{w.chain.names[role]}: {output}")

    @suite.test("the balancer's status page and metrics answer")
    def _(w):
        for port, path in ((w.chain.stats_port, "/"), (w.chain.metrics["balancer"], "/metrics")):
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                expect("client2" in answer.read().decode(), f"{path} does not know client2")
