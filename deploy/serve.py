#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What deploy/run does once packages and daemons are there: application, chain, addresses, one line a request."""
import argparse
import os
import signal
import sys
import threading

import chain
import request_log

sys.path.insert(0, f"{chain.HERE}/plone")
import cluster  # noqa: E402


def options():
    p = argparse.ArgumentParser(prog="deploy/run", description="Runs webfront, cachenode and balancer in front of a site, "
                                "until Ctrl-C. Without options: in front of two instances of the demo application.")
    p.add_argument("--app", action="append", default=[], metavar="HOST:PORT",
                   help="a running server of your application, instead of the demo; repeatable")
    p.add_argument("--plone", action="store_true", help="install and start Plone 6 with ZEO and two clients")
    p.add_argument("--site", metavar="/FOLDER", help="with --app: the servers are Zope clients and the site is in this folder")
    p.add_argument("--port", type=int, default=8443, metavar="N", help="of the site (8443; another one if it is taken; 0: any)")
    p.add_argument("--dir", default=f"{chain.ROOT}/build/run", help="configurations, logs, data (build/run)")
    p.add_argument("--bin", default=f"{chain.ROOT}/build/release", metavar="DIR", help="use the daemons from here, do not build")
    p.add_argument("--ready", metavar="FILE", help="write `name address` lines here once everything answers")
    a = p.parse_args()
    if a.app and a.plone:
        p.error("--app and --plone exclude each other")
    if a.site and not a.app:
        p.error("--site needs --app")
    return a


class Site:
    """The application servers: started here, or given."""

    def __init__(self, a):
        self.a, self.instances, self.cluster = a, [], None

    def chain(self):
        a = self.a
        values = {"port": a.port, "usual_ports": a.port != 0}
        if a.plone:
            self.cluster = cluster.Cluster(f"{a.dir}/plone", cluster.install())
            servers = [f"127.0.0.1:{self.cluster.port(n)}" for n in ("c1", "c2")]
            return chain.Chain(a.bin, a.dir, servers, site="/Plone", maxconn=1, **values)
        if a.app:
            values |= {"site": a.site} if a.site else {"samples": "simple", "site": None}
            return chain.Chain(a.bin, a.dir, a.app, **values)
        made = chain.Chain(a.bin, a.dir, [], **values)
        self.instances = [chain.DemoInstance(f"app{n}", made.run_dir, [f"unix:{made.socket_path('cachenode')}"]) for n in (1, 2)]
        made.servers = [i.address for i in self.instances]
        return made

    def start(self, made):
        for instance in self.instances:
            instance.start()
        if self.cluster:
            # The site's public address and the cache's are part of Plone's settings, so they are written every time.
            self.cluster.create(f"http://127.0.0.1:{made.cache_port}", made.url)
            for name in ("c1", "c2"):
                self.cluster.start(name, wait=False)
            for name in ("c1", "c2"):
                self.cluster.wait(name)

    def stop(self):
        for instance in self.instances:
            instance.stop()
        if self.cluster and os.path.isdir(self.cluster.directory):
            self.cluster.stop_all()


def addresses(made):
    status = {name: f"http://127.0.0.1:{port}/metrics" for name, port in made.metrics.items()}
    return {"site": made.url + "/", "stats": f"http://127.0.0.1:{made.stats_port}/", "webfront": status["webfront"],
            "cachenode": status["cachenode"], "balancer": status["balancer"]}


def announce(a, made):
    found = addresses(made)
    print(f"""
  The site            {found['site']}   (self-signed certificate: the browser asks once)
  Balancer's status   {found['stats']}
  Metrics             {found['webfront']}
                      {found['cachenode']}
                      {found['balancer']}
  Configurations      {made.run_dir}/{{webfront,cachenode,balancer}}.toml
  Logs                {made.run_dir}/*.log""")
    if a.plone:
        print("  Log in as           editor / editor12345 (the site's manager) or admin / secret12345 (Zope's)")
    elif not a.app:
        print("  Log in as           editor / editor12345")
    print("\nEach request, as it passes the tiers (Ctrl-C ends everything):\n", flush=True)
    if a.ready:
        temporary = a.ready + ".new"
        with open(temporary, "w") as f:
            f.writelines(f"{name} {address}\n" for name, address in found.items())
        os.rename(temporary, a.ready)


def watch(made, stopping):
    log = request_log.RequestLog({name: made.log(name) for name in made.daemons})
    while not stopping.wait(0.1):
        for line in log.poll():
            print(line, flush=True)
        for name, process in made.daemons.items():
            if not process.running():
                raise chain.ChainError(f"{name} ended with {process.child.returncode}:\n{chain.tail(process.output)}")


def main():
    a = options()
    stopping = threading.Event()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: stopping.set())
    os.makedirs(a.dir, exist_ok=True)
    site, made, code = Site(a), None, 0
    try:
        made = site.chain()
        for name in made.daemons:   # yesterday's requests are nobody's business
            if os.path.exists(made.log(name)):
                os.unlink(made.log(name))
        if not stopping.is_set():
            site.start(made)
        if not stopping.is_set():
            made.start()
            if not made.wait_serving():
                print(f"No application server passes its check yet: {', '.join(made.servers)}", file=sys.stderr)
            announce(a, made)
            watch(made, stopping)
    except (chain.ChainError, cluster.ClusterError) as problem:
        print(f"deploy/run: {problem}", file=sys.stderr)
        code = 1
    finally:
        print("\nstopping", flush=True)
        if made:
            made.stop()
        site.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
