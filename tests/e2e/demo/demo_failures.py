# SPDX-License-Identifier: BSD-2-Clause
"""What visitors notice when instances die, start slowly, or are gone."""
import itertools
import re
import signal

from check import equal, expect, until
from visitor import Load
from world import written


def define(suite):
    @suite.test("one instance killed under load: no GET fails")
    def _(w):
        numbers = itertools.count()
        load = Load(w.visitor(), lambda n: f"/request?kill={next(numbers)}", 12)
        try:
            until(lambda: load.count() > 200, 120, "the load should run")
            w.apps[0].stop(signal.SIGKILL)
            at = load.count()
            until(lambda: load.count() > at + 600, 120, "the other instance should serve")
        finally:
            statuses = load.stop()
            w.apps[0].start()
            w.wait_up(2)
        equal(load.problems, [], f"failed requests among {statuses}")

    @suite.test("an instance that listens before it can answer gets no visitor until it can")
    def _(w):
        w.apps[0].stop()
        until(lambda: w.servers_up() == 1, 30, "the balancer should notice")
        numbers = itertools.count()
        load = Load(w.visitor(), lambda n: f"/request?slowstart={next(numbers)}", 4)
        try:
            w.apps[0].start(fast_listen=4)
            until(lambda: w.servers_up() == 2, 30, "the instance should come up")
            expect(load.count() > 20, f"the others wait: only {load.count()} answers in four seconds")
            at = load.count()
            until(lambda: load.count() > at + 200, 30, "both should serve")
        finally:
            statuses = load.stop()
        equal(load.problems, [], f"failed requests among {statuses}")

    @suite.test("both instances stopped: cached pages are served, also expired ones, others get 503 with Retry-After")
    def _(w):
        first = w.visitor().get("/pictures")
        moment = w.visitor().get("/moment?stale")
        for app in w.apps:
            app.stop()
        try:
            until(lambda: w.servers_up() == 0, 30, "the balancer should notice")
            equal(written(w.visitor().get("/pictures")), written(first), "the fresh page")
            old = until(lambda: (a := w.visitor().get("/moment?stale")).status == 200 and int(a.header("Age") or 0) > 1 and a, 10,
                        "the expired page should be served")
            equal(written(old), written(moment), "the expired page")
            other = w.visitor().get("/request")
            equal(other.status, 503, "another page")
            expect(re.fullmatch(r"\d+", other.header("Retry-After")), f"Retry-After: {other}")
            expect("no-store" in other.header("Cache-Control"), f"Cache-Control: {other}")
        finally:
            for app in w.apps:
                app.start()
            w.wait_up(2)
        until(lambda: w.visitor().get("/request").status == 200, 10, "the site should be back")
        until(lambda: written(w.visitor().get("/moment?stale")) != written(moment), 10, "the expired page should be renewed")

    @suite.test("an instance taken out by `disable server` gets nothing, and comes back by `enable server`")
    def _(w):
        w.admin("balancer", "disable server plone/client1")
        try:
            names = {written(w.visitor().get(f"/request?d={n}"))[0] for n in range(10)}
            equal(names, {"app2"}, "instances that served")
        finally:
            w.admin("balancer", "enable server plone/client1")
        w.wait_up(2)
