# SPDX-License-Identifier: BSD-2-Clause
"""Clients that die, start slowly, or are gone."""
import itertools
import re
import signal
import time

from check import equal, expect, until
from visitor import Load


def begun(problem):
    """An answer that had begun when the client died: nobody can repair that one."""
    return "IncompleteRead" in problem


def define(suite):
    @suite.test("one client killed (kill -9) under load: no GET whose answer had not begun fails")
    def _(w):
        numbers = itertools.count()
        load = Load(w.visitor(), lambda n: f"/news/story-{n}?killed={next(numbers)}", 8)
        try:
            until(lambda: load.count() > 60, 120, "the load should run")
            w.cluster.stop("c1", signal.SIGKILL)
            at, since = load.count(), time.monotonic()
            until(lambda: load.count() > at + 100 and time.monotonic() - since > 6, 120, "the other client should serve")
        finally:
            statuses = load.stop()
            w.cluster.start("c1")
            w.wait_up(2)
        equal([p for p in load.problems if not begun(p)], [], f"failed requests among {statuses}")

    @suite.test("a client that listens before it can answer (--fast-listen) gets no visitor until it can")
    def _(w):
        w.cluster.stop("c2")
        until(lambda: w.servers_up() == 1, 30, "the balancer should notice")
        numbers = itertools.count()
        load = Load(w.visitor(), lambda n: f"/news/story-{n}?fastlisten={next(numbers)}", 4)
        try:
            at = load.count()
            w.cluster.start("c2", fast_listen=True, wait=False)
            until(lambda: w.servers_up() == 2, 60, "the client should come up")
            expect(load.count() - at > 10, f"only {load.count() - at} answers while it started")
            at = load.count()
            until(lambda: load.count() > at + 60, 60, "both should serve")
        finally:
            statuses = load.stop()
        equal(load.problems, [], f"failed requests among {statuses}")

    @suite.test("both clients stopped: cached pages are still served, also expired ones, others get 503 with Retry-After")
    def _(w):
        page = w.visitor().get("/page")
        image = w.visitor().get("/pixel/@@images/image")
        for name in ("c1", "c2"):
            w.cluster.stop(name)
        try:
            until(lambda: w.servers_up() == 0, 30, "the balancer should notice")
            equal(w.visitor().get("/page").body, page.body, "the cached page")
            equal(w.visitor().get("/pixel/@@images/image").body, image.body, "the cached image")

            def expired():
                answer = w.visitor().get("/news/story-19?expiring", Accept="application/json")
                equal(answer.status, 200, f"the page that expires after a minute: {answer}")
                return int(answer.header("Age") or 0) > 61 and answer
            equal(until(expired, 90, "it should have expired").body, w.expiring.body, "the expired page")
            other = w.visitor().get("/news/story-2?not-cached")
            equal(other.status, 503, "a page that is not cached")
            expect(re.fullmatch(r"\d+", other.header("Retry-After")), f"Retry-After: {other}")
        finally:
            for name in ("c1", "c2"):
                w.cluster.start(name, wait=False)
            for name in ("c1", "c2"):
                w.cluster.wait(name)
            w.wait_up(2)
        until(lambda: w.visitor().get("/news/story-2?not-cached").status == 200, 20, "the site should be back")
