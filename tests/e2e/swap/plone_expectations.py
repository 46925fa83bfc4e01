# SPDX-License-Identifier: BSD-2-Clause
"""On top of the tests on Plone, for each of the eight chains: purging from outside, and editors who stay with one client."""
from check import equal, expect, until
from world import CLIENTS


def define(suite):
    @suite.test("a PURGE from the public side has no effect")
    def _(w):
        first = w.visitor().get("/page?outside")
        equal(w.visitor().get("/page?outside").hit, True, "before")
        inner = f"/VirtualHostBase/https/localhost:{w.chain.port}/Plone/VirtualHostRoot/page?outside"
        for path in ("/page?outside", "/page", inner, "/@@purge"):
            for method in ("PURGE", "BAN"):
                status = w.visitor().request(method, path).status
                expect(400 <= status < 500, f"{method} {path}: {status}")
        again = w.visitor().get("/page?outside")
        equal((again.hit, again.body), (True, first.body), "after")
        equal(w.zope_log('"PURGE') + w.zope_log('"BAN'), 0, "requests that went through to Zope")

    @suite.test("an editor stays with one client")
    def _(w):
        editor = w.editor()
        editor.get("/page")
        expect("serverid" in editor.cookies, f"no sticky cookie: {sorted(editor.cookies)}")
        for n in range(10):
            equal(editor.get(f"/page?sticky={n}").status, 200, "status")
        until(lambda: w.zope_log("?sticky=") == 10, 10, "ten requests should be in the clients' logs")
        served = [name for name in CLIENTS if "?sticky=" in log_of(w, name)]
        equal(len(served), 1, f"clients that served the editor: {served}")


def log_of(w, client):
    with open(f"{w.cluster.directory}/{client}/var/log/access.log", errors="replace") as f:
        return f.read()
