# SPDX-License-Identifier: BSD-2-Clause
"""Pages: cached for visitors, private for editors, changed at once."""
import json
import re

from check import equal, expect, until
from visitor import at_once
from world import written


def define(suite):
    @suite.test("a page comes over HTTPS and every address in it is the public one")
    def _(w):
        answer = w.visitor().get("/")
        equal(answer.status, 200, "status")
        links = re.findall(r'(?:href|src)="([^"#d][^"]*)"', answer.text)
        expect(len(links) > 5, f"few links: {links}")
        strange = [x for x in links if not x.startswith(w.chain.url)]
        equal(strange, [], "addresses that are not public")

    @suite.test("the second visitor gets the page from the cache")
    def _(w):
        first, second = w.visitor().get("/pictures"), w.visitor().get("/pictures")
        equal(first.hit, False, f"the first is a hit: {first.header('Cache-Status')}")
        equal(second.hit, True, f"the second is a hit: {second.header('Cache-Status')}")
        equal(written(second), written(first), "signature")
        expect(second.header("Age").isdigit(), f"Age: {second.header('Age')!r}")

    @suite.test("caches behind the site are told not to keep pages")
    def _(w):
        cache_control = w.visitor().get("/pictures").header("Cache-Control")
        expect("s-maxage=0" in cache_control or "s-maxage" not in cache_control, cache_control)

    @suite.test("images are cached, and a conditional request is answered 304")
    def _(w):
        first = w.visitor().get("/images/sea")
        equal((first.status, first.header("Content-Type")), (200, "image/png"), "the image")
        equal(w.visitor().get("/images/sea").hit, True, "second is a hit")
        again = w.visitor().get("/images/sea", If_None_Match=first.header("ETag"))
        equal((again.status, again.body), (304, b""), "conditional")

    @suite.test("HEAD is answered like GET, without a body")
    def _(w):
        got, head = w.visitor().get("/images/forest"), w.visitor().request("HEAD", "/images/forest")
        equal((head.status, head.body, head.header("Content-Length")), (200, b"", str(len(got.body))), "HEAD")

    @suite.test("JSON and HTML of one address are never confused")
    def _(w):
        for _ in range(2):
            html = w.visitor().get("/news/first", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
            data = w.visitor().get("/news/first", Accept="application/json")
            equal(html.header("Content-Type"), "text/html; charset=utf-8", "HTML")
            equal(json.loads(data.body)["title"], "The first story", "JSON")

    @suite.test("log-in by the form; what an editor sees never enters the cache")
    def _(w):
        editor = w.editor()
        for _ in range(2):
            seen = editor.get("/news/second")
            expect('id="user">editor<' in seen.text, "the page does not know the editor")
            equal(seen.hit, False, "hit for an editor")
        stranger = w.visitor().get("/news/second")
        expect('id="user"' not in stranger.text, "a stranger got the editor's page")
        editor.post("/logout", {})
        expect('id="user"' not in editor.get("/news/second").text, "still logged in")

    @suite.test("a wrong password logs nobody in")
    def _(w):
        someone = w.visitor()
        answer = someone.post("/login", {"name": "editor", "password": "wrong"})
        equal((answer.status, "__ac" in someone.cookies), (403, False), "log-in")

    @suite.test("an edit is visible to others at once, because the application's PURGE reached the object")
    def _(w):
        editor, other = w.editor(), w.visitor()
        for n in range(20):
            other.get("/news/first")
            equal(other.get("/news/first").hit, True, "hit before the edit")
            w.save(editor, "/news/first", "The first story", f"Version {n} of the story.")
            after = other.get("/news/first")
            expect(f"Version {n} of" in after.text, f"edit {n} is not visible: {after.header('Cache-Status')}")
        expect("answered 200" in editor.get("/news/first").text, "the cache should have answered 200 to PURGE")

    @suite.test("a new title changes the list and the navigation that show it")
    def _(w):
        editor, other = w.editor(), w.visitor()
        for path in ("/news", "/tour"):
            other.get(path)
        w.save(editor, "/news/second", "Renamed", "Text.")
        expect("Renamed" in other.get("/news").text, "the list is old")
        w.save(editor, "/news", "Newest", "Text.")
        expect(">Newest<" in other.get("/tour").text, "the navigation is old")

    @suite.test("forty visitors of one uncached page cause one fetch")
    def _(w):
        answers = at_once(40, lambda n: w.visitor().get("/tour?forty"))
        signatures = {written(a) for a in answers}
        equal({a.status for a in answers}, {200}, "statuses")
        equal(len(signatures), 1, f"fetches: {signatures}")
        until(lambda: w.app_log("/tour?forty"), 10, "the fetch should be in the application's log, which is written after the answer")
        equal(w.app_log("/tour?forty"), 1, "fetches in the application's log")

    @suite.test("unknown cookies do not disturb the cache, and a session's cookie does in any position")
    def _(w):
        w.visitor().get("/pictures")
        equal(w.visitor().get("/pictures", Cookie="_ga=1; theme=dark").hit, True, "analytics")
        equal(w.visitor().get("/pictures", Cookie='theme="dark", __ac=x').hit, False, "hidden session")
        equal(w.visitor().get("/pictures", Cookie="x__ac=1").hit, True, "another name")

    @suite.test("both instances serve")
    def _(w):
        names = {written(a)[0] for a in at_once(8, lambda n: w.visitor().get(f"/request?{n}"))}
        equal(names, {"app1", "app2"}, "instances")
