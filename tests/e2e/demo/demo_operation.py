# SPDX-License-Identifier: BSD-2-Clause
"""What the person who runs the chain sees: metrics, status page, logs, configuration test, and deploy/run itself."""
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

from check import ROOT, equal, expect, until
from visitor import Visitor


def fetch(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return answer.read().decode()


def define(suite):
    @suite.test("metrics and the balancer's status page answer")
    def _(w):
        for name, port in w.chain.metrics.items():
            text = fetch(f"http://127.0.0.1:{port}/metrics")
            expect(re.search(rf"^{name}_\w+(\{{[^}}]*\}})? \d", text, re.M), f"{name}: {text[:300]!r}")
        page = fetch(f"http://127.0.0.1:{w.chain.stats_port}/")
        for word in ("client1", "client2", "UP", "<html"):
            expect(word in page, f"the status page lacks {word}")

    @suite.test("another chain cannot be given this one's ports, not even that of an instance which is stopped")
    def _(w):
        w.apps[0].stop()
        try:
            taken = (w.chain.port, w.chain.cache_port, w.apps[0].port)
            other = f"import sys; sys.path.append({f'{ROOT}/deploy'!r}); import ports; print([ports.free_port(p) == p for p in {taken}])"
            equal(subprocess.check_output([sys.executable, "-c", other], text=True).strip(), "[False, False, False]", "given to another process")
        finally:
            w.apps[0].start()
            w.wait_up(2)

    @suite.test("the three logs tell of one request under one id")
    def _(w):
        w.visitor().get("/request?traced-request")

        def entries(name):
            with open(w.chain.log(name)) as f:
                return [json.loads(line) for line in f if "traced-request" in line]
        found = {name: until(lambda n=name: entries(n), 10, f"no line in {name}'s log") for name in w.chain.metrics}
        equal({len(e) for e in found.values()}, {1}, "lines in each")
        equal(len({e[0]["request_id"] for e in found.values()}), 1, "different ids")

    @suite.test("the configurations pass -t and print with -T")
    def _(w):
        for name in w.chain.daemons:
            for flag, wanted in (("-t", "successful"), ("-T", "")):
                done = subprocess.run([f"{w.chain.binaries}/{name}", flag, "-c", w.chain.config(name)], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
                expect(done.returncode == 0 and wanted in done.stdout, f"{name} {flag}: {done.stdout}")

    @suite.test("the samples as they stand pass -t, but for the certificate that is not there")
    def _(w):
        for kind in ("plone", "simple"):
            for name in w.chain.daemons:
                done = subprocess.run([f"{w.chain.binaries}/{name}", "-t", "-c", f"{ROOT}/deploy/samples/{kind}/{name}.toml"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                # One place a client is what Plone wants, and -t rightly warns that a WebSocket would take it.
                problems = [x for x in done.stdout.splitlines() if re.search(r"\.toml:\d+", x) and "/etc/ssl/example" not in x and ": warning: a WebSocket" not in x]
                equal(problems, [], f"{kind}/{name}")

    @suite.test("deploy/run serves the demo, shows each request, and stops everything when told to")
    def _(w):
        def look(visitor, output):
            until(lambda: visitor.get("/news?shown-request").status == 200, 30, "the site should answer")
            until(lambda: "shown-request" in output(), 15, "the request should be shown")
        deploy_run(w, [], look)

    @suite.test("deploy/run serves a given application")
    def _(w):
        def look(visitor, output):
            until(lambda: visitor.get("/news").status == 200, 30, "the site should answer")
            expect(visitor.get("/news").hit, "the page should be cached")
        deploy_run(w, ["--app", w.apps[0].address, "--app", w.apps[1].address], look)


def processes_with(text):
    """Process ids whose command lines contain this."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if text.encode() in f.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def deploy_run(w, arguments, look):
    directory = f"{w.options.dir}/deploy-run"
    os.makedirs(directory, exist_ok=True)
    ready, out_file = f"{directory}/ready", f"{directory}/output"
    if os.path.exists(ready):
        os.unlink(ready)

    def output():
        with open(out_file) as f:
            return f.read()
    with open(out_file, "w") as out:
        child = subprocess.Popen([f"{ROOT}/deploy/run", "--bin", w.chain.binaries, "--dir", directory, "--port", "0", "--ready", ready,
                                  *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: os.path.exists(ready) or child.poll() is not None, 120, "it should become ready")
        expect(child.poll() is None, output())
        with open(ready) as f:
            site = dict(line.split() for line in f)["site"].rstrip("/")
        look(Visitor(site, f"{directory}/cert.pem"), output)
    finally:
        child.send_signal(signal.SIGTERM)
        code = child.wait(60)
    equal(code, 0, output())
    equal(processes_with(directory), [], "processes left over")
