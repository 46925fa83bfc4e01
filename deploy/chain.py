# SPDX-License-Identifier: BSD-2-Clause
"""Starts a whole chain: application servers and the three daemons, configured from deploy/samples.

deploy/run and the end-to-end tests share this. The samples are the source: `fill` replaces addresses, paths and names in
them and stops when something it means to replace is no longer there, so samples and running chains never drift apart.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ports import free_port

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
DAEMONS = ("balancer", "cachenode", "webfront")   # in the order of starting
READY_SECONDS = 60
STOP_SECONDS = 40
SOCKET_PATH_LIMIT = 100                            # the kernel's is 107 bytes


class ChainError(Exception):
    """What went wrong, in words for the person at the terminal."""


def tail(path, count=3000):
    try:
        with open(path, "rb") as f:
            return f.read()[-count:].decode(errors="replace")
    except OSError:
        return ""


class Process:
    """One program in the background; its output goes to a file."""

    def __init__(self, name, argv, output, ready, ready_seconds=READY_SECONDS):
        self.name, self.argv, self.output, self.ready, self.ready_seconds = name, argv, output, ready, ready_seconds
        self.child = None

    def start(self, wait=True):
        if os.path.exists(self.ready):
            os.unlink(self.ready)
        with open(self.output, "ab") as out:
            # A session of its own: Ctrl-C reaches the caller only, which stops things in order.
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        until = time.monotonic() + self.ready_seconds
        while not os.path.exists(self.ready):
            if self.child.poll() is not None:
                raise ChainError(f"{self.name} ended with {self.child.returncode} while starting:\n{tail(self.output)}")
            if time.monotonic() > until:
                raise ChainError(f"{self.name} was not ready after {self.ready_seconds} s:\n{tail(self.output)}")
            time.sleep(0.02)

    def running(self):
        return self.child is not None and self.child.poll() is None

    def stop(self, sig=signal.SIGTERM):
        """Returns the exit code; by SIGKILL when it does not end in time."""
        if self.child is None:
            return None
        if self.running():
            self.child.send_signal(sig)
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
        code = self.child.wait()
        self.child = None
        return code


class DemoInstance(Process):
    """One instance of the demo application. Keeps its port when it is started again."""

    def __init__(self, name, run_dir, purge=(), threads=4):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.base = [PYTHON, f"{HERE}/demo/server.py", "--listen", self.address, "--data", f"{run_dir}/data", "--name", name,
                     "--log", f"{run_dir}/{name}.log", "--ready", f"{run_dir}/{name}.ready", "--threads", str(threads)]
        for cache in purge:
            self.base += ["--purge", cache]
        super().__init__(name, self.base, f"{run_dir}/{name}.out", f"{run_dir}/{name}.ready")

    def start(self, wait=True, fast_listen=0):
        self.argv = self.base + (["--fast-listen", str(fast_listen)] if fast_listen else [])
        super().start(wait)


def make_certificate(directory):
    """A self-signed certificate for localhost, kept for as long as it is valid. Returns the two paths."""
    cert, key = f"{directory}/cert.pem", f"{directory}/key.pem"
    fresh = os.path.exists(key) and subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-checkend", "86400"],
                                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    if not fresh:
        done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                               "-days", "30", "-subj", "/CN=localhost", "-addext",
                               "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise ChainError("no certificate could be made:\n" + done.stdout.decode(errors="replace"))
        os.chmod(key, 0o600)
    return cert, key


def fill(text, replacements, where):
    for old, new in replacements.items():
        if old not in text:
            raise ChainError(f"{where}: `{old}` is not there any more")
        text = text.replace(old, new)
    return text


class Chain:
    """The three daemons in front of `servers` (addresses).

    `samples` names a folder of deploy/samples; `site` is the application's folder for virtual hosting (None: the sample has
    none). `usual_ports`: prefer the well-known ones for metrics and status; tests never do. `edit` is called with the
    daemon's name and configuration before it is written, for tests that need a small difference.
    """

    def __init__(self, binaries, run_dir, servers, samples="plone", site="/Demo", port=0, usual_ports=False, maxconn=4,
                 edit=lambda name, text: text):
        self.binaries, self.run_dir = os.path.abspath(binaries), os.path.abspath(run_dir)
        os.makedirs(self.run_dir, exist_ok=True)
        self.servers, self.samples, self.site, self.maxconn, self.edit = list(servers), samples, site, maxconn, edit
        self.port = free_port(port)
        usual = (lambda p: free_port(p)) if usual_ports else (lambda p: free_port())
        self.http_port, self.cache_port, self.stats_port = usual(8080), usual(6081), usual(1936)
        self.metrics = {"webfront": usual(9113), "cachenode": usual(9131), "balancer": usual(8405)}
        self.sockets = self.run_dir
        self.own_sockets = len(f"{self.run_dir}/cachenode.admin.sock") > SOCKET_PATH_LIMIT
        if self.own_sockets:
            self.sockets = tempfile.mkdtemp(prefix="trivet-")
        self.daemons = {name: Process(name, [f"{self.binaries}/{name}", "-c", self.config(name), "--ready", f"{self.run_dir}/{name}.ready"],
                                      f"{self.run_dir}/{name}.out", f"{self.run_dir}/{name}.ready") for name in DAEMONS}

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def config(self, name):
        return f"{self.run_dir}/{name}.toml"

    def socket_path(self, name):
        return f"{self.sockets}/{name}.sock"

    def admin(self, name):
        return f"{self.sockets}/{name}.admin.sock"

    def log(self, name):
        return f"{self.run_dir}/{name}.access.log"

    def certificate(self):
        return f"{self.run_dir}/cert.pem"

    def write_configurations(self):
        make_certificate(self.run_dir)
        for name in DAEMONS:
            source = f"{HERE}/samples/{self.samples}/{name}.toml"
            with open(source) as f:
                text = fill(f.read(), self._replacements(name), source)
            if name == "balancer":
                text = self._with_servers(text, source)
            text = f"# Written by deploy/run from deploy/samples/{self.samples}/{name}.toml.\n" + self.edit(name, text)
            with open(self.config(name), "w") as f:
                f.write(text)

    def _replacements(self, name):
        log_format = "httplog" if name == "balancer" else "combined"
        common = {f'{{ file = "/var/log/{name}/access.log", format = "{log_format}" }}':
                  f'{{ file = "{self.log(name)}", format = "json" }}',
                  f"/var/log/{name}/error.log": f"{self.run_dir}/{name}.error.log",
                  f"/run/{name}/admin.sock": self.admin(name),
                  f'"127.0.0.1:{ {"webfront": 9113, "cachenode": 9131, "balancer": 8405}[name]}"':
                  f'"127.0.0.1:{self.metrics[name]}"'}
        if name == "webfront":
            common |= {'["0.0.0.0:80", "[::]:80"]': f'"127.0.0.1:{self.http_port}"',
                       '["0.0.0.0:443", "[::]:443"]': f'"127.0.0.1:{self.port}"',
                       "/etc/ssl/example/cert.pem": f"{self.run_dir}/cert.pem",
                       "/etc/ssl/example/key.pem": f"{self.run_dir}/key.pem",
                       "/run/cachenode/http.sock": self.socket_path("cachenode"),
                       'names = ["www.example.org"]': 'names = ["*"]',
                       "https://www.example.org$request_uri": f"{self.url}$request_uri"}
            if self.samples == "plone":
                common |= {'names   = ["www.example.org"]': 'names   = ["*"]', '"/Plone" }': f'"{self.site}" }}'}
        if name == "cachenode":
            common |= {"/run/cachenode/http.sock": self.socket_path("cachenode"), '"127.0.0.1:6081"': f'"127.0.0.1:{self.cache_port}"',
                       "/run/balancer/http.sock": self.socket_path("balancer")}
        if name == "balancer":
            common |= {"/run/balancer/http.sock": self.socket_path("balancer"), '"127.0.0.1:1936"': f'"127.0.0.1:{self.stats_port}"'}
            if self.samples == "plone":
                common |= {"maxconn = 1 ": f"maxconn = {self.maxconn} ", 'host = "www.example.org"': 'host = "localhost"'}
        return common

    def _with_servers(self, text, source):
        """Replaces the sample's servers, which stand last in the file, by the real ones."""
        head, found, rest = text.partition("[[backend.server]]")
        if not found:
            raise ChainError(f"{source}: no [[backend.server]]")
        stem = re.search(r'name\s*=\s*"([a-z]+)', rest).group(1)
        blocks = (f'[[backend.server]]\nname    = "{stem}{n}"\naddress = "{address}"\n' for n, address in enumerate(self.servers, 1))
        return head + "\n".join(blocks)

    def start(self):
        """Writes the configurations and starts the daemons, the one nearest the application first."""
        for name in DAEMONS:
            if not os.access(f"{self.binaries}/{name}", os.X_OK):
                raise ChainError(f"{self.binaries}/{name} is not there: build first")
        self.write_configurations()
        for name in DAEMONS:
            self.daemons[name].start()

    def wait_serving(self, seconds=30):
        """Until the balancer has a server that passed its check; False if none does in this time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                try:
                    s.connect(self.socket_path("balancer"))
                    s.sendall(b"GET /_health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if s.recv(12) == b"HTTP/1.1 200":
                        return True
                except OSError:
                    pass
            time.sleep(0.1)
        return False

    def stop(self):
        """Stops the daemons from the visitors' side inwards. Returns {name: exit code} of those that ran."""
        codes = {name: self.daemons[name].stop() for name in reversed(DAEMONS)}
        if self.own_sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)
        return {n: c for n, c in codes.items() if c is not None}
