#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A real Plone 6 site on a ZEO cluster: one ZEO server and any number of clients, without root.

    cluster.py install                 the environment from requirements.txt (a minute; needs the Python registry)
    cluster.py create   DIR [options]  a fresh database with site, content, caching and purging
    cluster.py start    DIR NAME...    zeo, c1, c2, ...: in the background; returns when each answers
    cluster.py stop     DIR NAME...    SIGTERM, then waits
    cluster.py status   DIR

The environment (the installed packages) is shared by all sites and named after its lock file, so a changed
lock file means a new one. Ports: the ZEO server BASE, client cN BASE+N; `--base 0` (default) picks free ones
and remembers them in DIR/ports.json. Each client has one thread, as a balancer with `maxconn = 1` wants it.
"""
import argparse
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from ports import free_port  # noqa: E402

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

LISTEN = "use = egg:waitress#main\nhost = 127.0.0.1\nport = {port}\nclear_untrusted_proxy_headers = false"
# What zope2instance does by default: the socket listens before Zope is loaded, and nobody answers for seconds.
FAST_LISTEN = ("paste.server_factory = plone.recipe.zope2instance:main\n"
               "use = egg:plone.recipe.zope2instance#main\nfast-listen = 127.0.0.1:{port}")


class ClusterError(Exception):
    """What went wrong, in words for the person at the terminal."""


def lock_name():
    with open(f"{HERE}/requirements.txt", "rb") as f:
        return "plone-" + hashlib.sha256(f.read()).hexdigest()[:12]


def default_environment():
    """$XDG_CACHE_HOME/trivet when that is set, else inside the clone: nothing is left elsewhere unasked."""
    cache = os.environ.get("XDG_CACHE_HOME")
    root = os.path.join(cache, "trivet") if cache else os.path.join(HERE, "..", "..", "build", "cache")
    return os.path.join(os.path.abspath(root), lock_name())


def install(environment=None, say=print):
    """Creates the environment unless it is complete; several processes may ask at once. Returns its path."""
    environment = environment or default_environment()
    os.makedirs(os.path.dirname(environment), exist_ok=True)
    with open(environment + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(f"{environment}/complete"):
            return environment
        say(f"Installing Plone into {environment} (about a minute)")
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([PYTHON, "-m", "venv", environment], check=True)
        pip = f"{environment}/bin/pip"
        subprocess.run([pip, "install", "--quiet", "--no-deps", "-r", f"{HERE}/requirements.txt"], check=True)
        subprocess.run([pip, "check"], check=True, stdout=subprocess.DEVNULL)
        open(f"{environment}/complete", "w").close()
    return environment


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def template(file, **values):
    with open(f"{HERE}/templates/{file}") as f:
        return f.read().format(**values)


class Cluster:
    """One site's processes and files below `directory`."""

    def __init__(self, directory, environment=None, base=0, threads=1, password="secret12345"):
        self.directory = os.path.abspath(directory)
        self.environment = environment or default_environment()
        self.base = base
        self.threads = threads
        self.password = password
        self.children = {}   # name -> Popen, for those started by this process

    def port(self, name):
        """TCP port on 127.0.0.1 of `zeo` or `cN`; chosen once, remembered beside the site."""
        path = f"{self.directory}/ports.json"
        ports = {}
        if os.path.exists(path):
            with open(path) as f:
                ports = json.load(f)
        if name not in ports:
            ports[name] = (self.base + int(name[1:] if name != "zeo" else 0)) if self.base else free_port()
            write(path, json.dumps(ports))
        return ports[name]

    def configure(self, name, fast_listen=False):
        values = {"dir": self.directory, "name": name, "zeo_port": self.port("zeo"), "threads": self.threads}
        for d in ("filestorage", "blobstorage", "log"):
            os.makedirs(f"{self.directory}/var/{d}", mode=0o700, exist_ok=True)
        write(f"{self.directory}/etc/zeo.conf", template("zeo.conf", **values))
        if name == "zeo":
            return
        home = f"{self.directory}/{name}"
        if not os.path.exists(f"{home}/inituser"):
            subprocess.run([f"{self.environment}/bin/mkwsgiinstance", "-d", home, "-u", f"admin:{self.password}"],
                           check=True, stdout=subprocess.DEVNULL)
        server = (FAST_LISTEN if fast_listen else LISTEN).format(port=self.port(name))
        write(f"{home}/etc/zope.conf", template("zope.conf", **values))
        write(f"{home}/etc/zope.ini", template("zope.ini", server=server, **values))

    def create(self, purge, site):
        """A fresh site. `purge`: the cache's address as Plone sees it; `site`: the public address, port included."""
        self.start("zeo")
        self.configure("c1")
        env = dict(os.environ, CACHE_URL=purge, SITE_URL=site)
        done = subprocess.run([f"{self.environment}/bin/zconsole", "run", f"{self.directory}/c1/etc/zope.conf",
                               f"{HERE}/create_site.py"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise ClusterError("the site could not be created:\n" + done.stdout.decode(errors="replace")[-3000:])

    def start(self, name, fast_listen=False, wait=True):
        if self.pid(name):
            return
        self.configure(name, fast_listen)
        argv = ([f"{self.environment}/bin/runzeo", "-C", f"{self.directory}/etc/zeo.conf"] if name == "zeo"
                else [f"{self.environment}/bin/runwsgi", f"{self.directory}/{name}/etc/zope.ini"])
        with open(self.output(name), "ab") as out:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.children[name] = child
        write(f"{self.directory}/var/{name}.run", str(child.pid))
        if wait:
            self.wait(name)

    def wait(self, name, limit=120):
        """Returns when `name` answers (zeo: accepts connections)."""
        began = time.monotonic()
        while not self.answers(name):
            if not self.pid(name):
                raise ClusterError(f"{name} ended while starting; see {self.output(name)}")
            if time.monotonic() - began > limit:
                raise ClusterError(f"{name} does not answer after {limit} s; see {self.output(name)}")
            time.sleep(0.1)

    def answers(self, name):
        try:
            if name == "zeo":
                with socket.create_connection(("127.0.0.1", self.port(name)), 2):
                    return True
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port(name)}/ok", timeout=60) as r:
                return r.status == 200
        except OSError:
            return False

    def output(self, name):
        return f"{self.directory}/var/log/{name}.out"

    def pid(self, name):
        """Process id while it runs, else None."""
        child = self.children.get(name)
        if child is not None:
            return child.pid if child.poll() is None else None
        try:
            with open(f"{self.directory}/var/{name}.run") as f:
                pid = int(f.read())
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return pid if self.directory.encode() in f.read() else None
        except (OSError, ValueError):
            return None

    def stop(self, name, sig=signal.SIGTERM):
        """Ends it and waits; after 15 s by SIGKILL."""
        pid = self.pid(name)
        if pid:
            os.kill(pid, sig)
            for n in range(150):
                if not self.pid(name):
                    break
                time.sleep(0.1)
            else:
                os.kill(pid, signal.SIGKILL)
            child = self.children.get(name)
            if child is not None:
                child.wait()
        self.children.pop(name, None)
        if os.path.exists(f"{self.directory}/var/{name}.run"):
            os.unlink(f"{self.directory}/var/{name}.run")

    def names(self):
        clients = [n for n in os.listdir(self.directory) if n[:1] == "c" and n[1:].isdigit()]
        return ["zeo"] + sorted(clients, key=lambda n: int(n[1:]))

    def stop_all(self):
        for name in reversed(self.names()):
            self.stop(name)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("command", choices=["install", "create", "start", "stop", "status"])
    p.add_argument("dir", nargs="?", metavar="DIR")
    p.add_argument("names", nargs="*", metavar="NAME")
    p.add_argument("--environment", metavar="DIR", help=f"installed packages (default {default_environment()})")
    p.add_argument("--base", type=int, default=0, help="first port; 0: free ones")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--fast-listen", action="store_true", help="clients listen before they can answer")
    p.add_argument("--no-wait", action="store_true", help="start: do not wait for an answer")
    p.add_argument("--password", default="secret12345", help="of the Zope user admin")
    p.add_argument("--purge", default="http://127.0.0.1:6081", help="where Plone sends PURGE: the cache")
    p.add_argument("--site", default="https://localhost:8443", help="the site's public address")
    a = p.parse_args()
    if a.command == "install":
        print(install(a.environment))
        return
    if not a.dir:
        p.error("DIR is missing")
    cluster = Cluster(a.dir, a.environment, a.base, a.threads, a.password)
    if a.command == "create":
        cluster.create(a.purge, a.site)
        print(f"created {a.dir}; ZEO runs at 127.0.0.1:{cluster.port('zeo')}")
    for name in a.names:
        if a.command == "start":
            cluster.start(name, a.fast_listen, not a.no_wait)
            print(f"{name} 127.0.0.1:{cluster.port(name)} pid {cluster.pid(name)}", flush=True)
        elif a.command == "stop":
            cluster.stop(name)
            print(f"{name} stopped", flush=True)
    if a.command == "status":
        for name in cluster.names():
            print(f"{name:6} 127.0.0.1:{cluster.port(name)} {cluster.pid(name) or 'stopped'}")


if __name__ == "__main__":
    try:
        main()
    except (ClusterError, subprocess.CalledProcessError) as e:
        sys.exit(f"cluster: {e}")
