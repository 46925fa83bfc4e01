# SPDX-License-Identifier: BSD-2-Clause
"""Editors: log-in, edits, uploads, and what others see of it."""
import base64
import json
import os
import random
import re
import threading
import time

from check import equal, expect, until


def define(suite):
    @suite.test("log-in by the form works and what a logged-in visitor sees never enters the cache")
    def _(w):
        editor = w.editor()
        for path in ("/page", "/news", "/news/story-8"):
            for _ in range(2):
                seen = editor.get(path)
                expect("logout" in seen.text, f"{path} does not know the editor")
                equal(seen.hit, False, f"hit of {path} for an editor")
            for _ in range(2):
                stranger = w.visitor().get(path)
                expect("logout" not in stranger.text, f"a stranger got the editor's {path}")
        before = w.zope_log("/page?private")
        for _ in range(3):
            editor.get("/page?private")
        equal(w.zope_log("/page?private") - before, 3, "requests of the editor that reached Zope")

    @suite.test("an edit is visible to anonymous visitors at once because Plone's own PURGE reached the object")
    def _(w):
        expect("s-maxage=86400" in w.direct("c1", "GET", "/page").header("Cache-Control"), "Plone does not say a day")
        headers = w.token()
        for n in range(10):
            # The edit before sent several PURGEs; the last may come after the first visitor.
            until(lambda: w.visitor().get("/page").hit, 5, "/page should be cached before the edit")
            # Past the chain: through it, the PATCH itself would empty the cache, and nothing would be shown about PURGE.
            done = w.direct(("c1", "c2")[n % 2], "PATCH", "/page", json.dumps({"description": f"edit number {n} of the page"}), headers)
            equal(done.status, 204, f"PATCH: {done}")
            until(lambda: f"edit number {n} of" in w.visitor().get("/page").text, 3, f"edit {n} should be visible")

        def purges():
            with open(w.chain.log("cachenode")) as f:
                return [entry for line in f if (entry := json.loads(line))["request_method"] == "PURGE"]
        until(lambda: sum(p["status"] == 200 for p in purges()) >= 10, 10, "ten PURGEs should have found the page")
        equal({p["status"] for p in purges()} - {200, 404}, set(), "answers to PURGE")

    @suite.test("an edit through the chain is visible to anonymous visitors at once, too")
    def _(w):
        headers = w.token()
        for n in range(10):
            # The edit before sent several PURGEs; the last may come after the first visitor.
            until(lambda: w.visitor().get("/news").hit, 5, "/news should be cached before the edit")
            w.patch(headers, "/news", description=f"edit number {n} of the folder")
            until(lambda: f"edit number {n} of" in w.visitor().get("/news").text, 3, f"edit {n} should be visible")

    @suite.test("an upload by the JSON API is stored and served")
    def _(w):
        data = os.urandom(2_000_000)
        body = {"@type": "File", "title": "Uploaded", "id": "uploaded",
                "file": {"data": base64.b64encode(data).decode(), "encoding": "base64", "filename": "up.bin",
                         "content-type": "application/octet-stream"}}
        headers = w.token()
        made = w.visitor().request("POST", "/news", json.dumps(body), headers)
        equal(made.status, 201, f"upload: {made}")
        answer = w.visitor().request("GET", "/news/uploaded/@@download/file", headers=headers)
        equal((answer.status, answer.body == data), (200, True), "the file as the editor gets it")

    @suite.test("an upload through the browser's form (multipart) is stored and served")
    def _(w):
        editor, data = w.editor(), os.urandom(1_500_000)
        form = editor.get("/news/++add++File")
        equal(form.status, 200, "the form")
        hidden = dict(re.findall(r'<input[^>]*name="(_authenticator)"[^>]*value="([^"]+)"', form.text))
        field = re.search(r'name="(form\.widgets\.[^"]*file)"[^>]*type="file"|type="file"[^>]*name="(form\.widgets\.[^"]*)"', form.text)
        expect(field and hidden, "the form has no file field or no token")
        fields = list(hidden.items()) + [("form.widgets.title", "By form"), ("form.widgets.description", ""),
                                         (field.group(1) + ".action" if field.group(1) else field.group(2) + ".action", "replace"),
                                         ("form.buttons.save", "Save")]
        answer = editor.upload("/news/++add++File", field.group(1) or field.group(2), "byform.bin", data, fields=fields)
        expect(answer.status in (302, 303), f"upload: {answer.status} {re.findall(r'invalid-feedback[^<]*<[^<]*', answer.text)}")
        place = answer.header("Location").removesuffix("/view")
        got = editor.get(place + "/@@download/file")
        equal((got.status, got.body == data), (200, True), "the file as it comes back")

    @suite.test("200 edits while two clients serve load, and nothing old is left 3 s after each")
    def _(w):
        Freshness(w, pages=16, edits=200).run()


class Freshness:
    """Edits `pages` pages in turn while readers ask for them; every answer to a request that began 3 s after an edit, or
    later, must show that edit or a newer one."""

    GRACE = 3.0

    def __init__(self, w, pages, edits):
        self.w, self.count, self.edits = w, pages, edits
        self.paths = [f"/news/story-{n}" for n in range(pages)]
        self.history = {p: [] for p in self.paths}   # path -> [(when the edit was answered, number)]
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.reads, self.hits, self.problems = 0, 0, []

    def read(self, path, suffix=""):
        began = time.monotonic()
        answer = self.w.visitor().get(path + suffix)
        shown = re.search(r"change-(\d+)-end", answer.text)
        number = int(shown.group(1)) if shown else -1
        with self.lock:
            self.reads += 1
            self.hits += answer.hit
            due = [n for when, n in self.history[path] if when + self.GRACE <= began]
            if answer.status != 200:
                self.problems.append(f"{path}: {answer.status} {answer.headers} {answer.body[:200]!r}")
            elif due and number < due[-1]:
                self.problems.append(f"{path}{suffix}: shows {number} although {due[-1]} is older than {self.GRACE} s; "
                                     f"{answer.header('Cache-Status')}, Age {answer.header('Age')}")

    def reader(self, seed):
        chance = random.Random(seed)
        while not self.stopping.is_set():
            path = chance.choice(self.paths)
            # One in four asks past the cache, so that both clients stay busy.
            self.read(path, f"?past={seed}-{chance.random()}" if chance.random() < 0.25 else "")

    def run(self):
        headers = self.w.token()
        readers = [threading.Thread(target=self.reader, args=(n,)) for n in range(4)]
        for t in readers:
            t.start()
        try:
            for n in range(self.edits):
                path = self.paths[n % self.count]
                # Not sooner than GRACE after the page's last edit, or that one would never be judged.
                if self.history[path]:
                    time.sleep(max(0.0, self.history[path][-1][0] + self.GRACE + 0.3 - time.monotonic()))
                self.w.patch(headers, path, description=f"All the news, change-{n}-end")
                with self.lock:
                    self.history[path].append((time.monotonic(), n))
            time.sleep(self.GRACE)
        finally:
            self.stopping.set()
            for t in readers:
                t.join()
        for path in self.paths * 2:
            self.read(path)
        equal(self.problems[:5], [], f"of {self.reads} answers, {self.hits} from the cache, {len(self.problems)} were wrong")
        expect(self.hits > self.edits, f"the cache hardly took part: {self.hits} hits of {self.reads}")
