# SPDX-License-Identifier: BSD-2-Clause
"""Visitors who only read."""
import hashlib
import json
import re

from check import equal, expect
from visitor import at_once


def define(suite):
    @suite.test("anonymous pages and images are cached")
    def _(w):
        for path in ("/page", "/news", "/pixel/@@images/image", "/pixel", "/"):
            first, second = w.visitor().get(path), w.visitor().get(path)
            equal((first.status, second.status), (200, 200), f"statuses of {path}")
            equal((first.hit, second.hit), (False, True), f"hits of {path}: {second.header('Cache-Status')}")
            equal(second.body, first.body, f"body of {path}")

    @suite.test("style sheets and scripts are cached")
    def _(w):
        found = re.findall(r'(?:href|src)="([^"]*\+\+webresource\+\+[^"]*)"', w.visitor().get("/page").text)
        expect(len(found) >= 2, f"few resources: {found}")
        for path in found[:4]:
            w.visitor().get(path)
            answer = w.visitor().get(path)
            equal((answer.status, answer.hit), (200, True), path)

    @suite.test("every generated URL names the public site")
    def _(w):
        for path, accept in (("/page", "text/html"), ("/news", "text/html"), ("/login", "text/html"), ("/", "text/html"),
                             ("/page", "application/json"), ("/news", "application/json"), ("/big", "*/*")):
            answer = w.visitor().get(path, Accept=accept)
            text = (answer.text if path != "/big" else "") + str(answer.headers)
            own = re.findall(r"https?:(?:\\?/){2}(?:localhost|127\.0\.0\.1|\[::1\])[^\s\"'<>]*", text)
            expect(own, f"{path} names no address of the site")
            equal([u for u in own if not re.match(re.escape(w.chain.url) + r"(?![\w:])", u)], [], f"other addresses in {path}")
            for word in ("VirtualHost", w.chain.url + "/Plone"):
                expect(word not in text, f"{word} shows in {path}")

    @suite.test("a file of 5 MB whole and by range")
    def _(w):
        whole = b"0123456789abcdef" * (5 * 65536)
        part = w.visitor().get("/big?part-first", Range="bytes=1000-1999")
        equal((part.status, part.body), (206, whole[1000:2000]), "a range of a file that is not cached yet")
        for _ in range(2):
            answer = w.visitor().get("/big")
            equal((answer.status, hashlib.sha256(answer.body).digest()), (200, hashlib.sha256(whole).digest()), "whole")
        equal(answer.hit, True, "second is a hit")
        for wanted, first, last in (("bytes=0-99", 0, 99), ("bytes=5242000-", 5242000, 5242879), ("bytes=-17", 5242863, 5242879)):
            part = w.visitor().get("/big", Range=wanted)
            equal((part.status, part.body, part.header("Content-Range")), (206, whole[first:last + 1],
                  f"bytes {first}-{last}/5242880"), wanted)

    @suite.test("40 clients asking for one uncached page cause one fetch")
    def _(w):
        answers = at_once(40, lambda n: w.visitor().get("/news/story-3?forty-clients"))
        equal({getattr(a, "status", a) for a in answers}, {200}, "statuses")
        equal(len({a.body for a in answers}), 1, "different bodies")
        equal(w.zope_log("story-3?forty-clients"), 1, "fetches")

    @suite.test("JSON and HTML of one address are never confused")
    def _(w):
        for path in ("/page", "/news/story-5", "/"):
            for _ in range(3):
                html = w.visitor().get(path, Accept="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
                equal(html.header("Content-Type").split(";")[0], "text/html", f"HTML of {path}")
                data = w.visitor().get(path, Accept="application/json")
                equal(data.header("Content-Type").split(";")[0], "application/json", f"JSON of {path}")
                json.loads(data.body)
        everything = w.visitor().get("/page", Accept="*/*")
        equal(everything.header("Content-Type").split(";")[0], "text/html", "for a client that takes everything")

    @suite.test("a 401 of the JSON API is not kept for those who may see more")
    def _(w):
        equal(w.visitor().get("/@users", Accept="application/json").status, 401, "anonymous")
        equal(w.visitor().request("GET", "/@users", headers=w.token()).status, 200, "with a token")
        equal(w.visitor().get("/@users", Accept="application/json").status, 401, "anonymous again")

    @suite.test("virtual-host paths and manage_ in any disguise of the path reach nothing")
    def _(w):
        deep = "/..%2f..%2f..%2f..%2f"
        for path in ("/VirtualHostBase/http/evil.example:80/Plone/VirtualHostRoot/", "/VirtualHostRoot/x", "/page/_vh_evil/x",
                     "/%56irtualHostBase/http/evil.example:80/VirtualHostRoot", "/page%2fVirtualHostRoot", "/%5fvh_a/page",
                     deep + "http%2fevil.example:80%2fPlone%2fVirtualHostRoot%2fpage", "/..%2f..%2fmanage_main",
                     "/%2e%2e/%2e%2e/manage_main", "/page/../../../manage_main", "/.%2e/.%2e/manage_main", "/page%00", "/a%zz"):
            equal(w.visitor().get(path).status, 400, path)
        for path in ("/manage", "/manage_main", "/page/manage_main", "/%6d%61nage_main", "/page%2fmanage_main", "//manage_main",
                     "/./manage_main", "/page/%2e/manage_main", "/@@manage_main", "/manage_workspace/", "/%40%40manage_main",
                     "/page/../manage_main"):
            equal(w.visitor().get(path).status, 403, path)
        equal(w.zope_log("evil") + w.zope_log("anage_main") + w.zope_log("anage_workspace") + w.zope_log("_vh_"), 0,
              "requests that reached Zope")
        status = w.visitor().get("/@@manage-portlets").status
        expect(status in (200, 302, 401), f"Plone's own @@manage-portlets is closed: {status}")

    @suite.test("Zope's log names the visitor, not the balancer, and forged addresses do not count")
    def _(w):
        equal(w.visitor().get("/page?forged-address", X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6").status, 200, "status")
        expect(w.zope_log("page?forged-address") == 1, "the request did not reach Zope")
        equal(w.zope_log("6.6.6.6"), 0, "lines with the forged address")
