# SPDX-License-Identifier: BSD-2-Clause
"""nginx, Varnish and HAProxy as stages of a chain: deploy/samples/swap with addresses filled in, as processes without rights."""
import os
import re
import shlex
import signal
import socket
import subprocess
import time

import chain

SAMPLES = f"{chain.HERE}/samples/swap"
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def connects(address):
    """`address`: a port on 127.0.0.1, or the path of a socket."""
    with socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX) as s:
        s.settimeout(5)
        try:
            s.connect(("127.0.0.1", address) if isinstance(address, int) else address)
            return True
        except OSError:
            return False


def program(name):
    """Debian keeps daemons where a person's PATH does not look."""
    for directory in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"]:
        if os.access(f"{directory}/{name}", os.X_OK):
            return f"{directory}/{name}"
    raise chain.ChainError(f"{name} is not installed: see deploy/packages")


class Peer(chain.Process):
    """One foreign daemon in the foreground, as nobody when root runs the tests; ready when its addresses accept connections."""

    source = ""        # file in SAMPLES

    def __init__(self, made, role):
        self.made, self.role = made, role
        self.directory = f"{made.run_dir}/{self.name}"
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.directory, 0o777)
        self.config = f"{made.run_dir}/{self.source}"
        super().__init__(self.name, self.unprivileged(self.command()), f"{made.run_dir}/{self.name}.out", f"{made.run_dir}/{self.name}.ready")

    @staticmethod
    def unprivileged(argv):
        return (NOBODY if os.geteuid() == 0 else []) + argv

    def write(self):
        path = f"{SAMPLES}/{self.source}"
        with open(path) as f:
            text = self.after(chain.fill(f.read(), self.replacements(), path))
        with open(self.config, "w") as f:
            f.write(text)

    def after(self, text):
        return text

    def wait_ready(self):
        until = time.monotonic() + self.ready_seconds
        while not all(connects(a) for a in self.addresses()):
            if self.child.poll() is not None:
                raise chain.ChainError(f"{self.name} ended with {self.child.returncode} while starting:\n{chain.tail(self.output)}")
            if time.monotonic() > until:
                raise chain.ChainError(f"{self.name} was not ready after {self.ready_seconds} s:\n{chain.tail(self.output)}")
            time.sleep(0.02)

    def checked(self):
        """(exit code, output) of the peer's own test of its configuration."""
        done = subprocess.run(self.unprivileged(self.check_command()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        return done.returncode, done.stdout[-2000:]

    def log_text(self):
        return chain.tail(self.output, 1 << 24)


class Nginx(Peer):
    name, source = "nginx", "nginx.conf"

    def command(self):
        return [program("nginx"), "-c", self.config, "-e", f"{self.directory}/early.log", "-g", "daemon off;"]

    def check_command(self):
        return [program("nginx"), "-t", "-c", self.config, "-e", "stderr"]

    def addresses(self):
        return [self.made.port, self.made.http_port]

    def replacements(self):
        made, own = self.made, self.directory
        return {"user             www-data;\n": "", "worker_processes auto": "worker_processes 2",
                "/run/nginx.pid": f"{own}/pid", "/var/log/nginx/": f"{own}/", "/var/lib/nginx/": f"{own}/",
                "listen      80 default_server": f"listen      127.0.0.1:{made.http_port} default_server",
                "listen      [::]:80 default_server;\n": "",
                "listen      443 ssl http2 default_server": f"listen      127.0.0.1:{made.port} ssl http2 default_server",
                "listen      [::]:443 ssl http2 default_server;\n": "",
                "/etc/ssl/example/": f"{own}/",
                "/run/cachenode/http.sock": made.socket_path("cachenode"),
                "https://www.example.org$request_uri": f"{made.url}$request_uri",
                "/https/www.example.org:443/Plone/": f"/https/localhost:{made.port}{made.site}/"}

    def write(self):
        super().write()
        for name in ("cert.pem", "key.pem"):   # as nobody it may read a key of its own only
            with open(f"{self.made.run_dir}/{name}") as source, open(f"{self.directory}/{name}", "w") as copy:
                copy.write(source.read())

    def log_text(self):
        return chain.tail(f"{self.directory}/access.log", 1 << 24)


class Varnish(Peer):
    name, source = "varnish", "varnish.vcl"
    logger = None

    def command(self):
        """The command line in the sample's head, with our addresses."""
        self.work = f"{self.directory}/work"
        path = f"{SAMPLES}/{self.source}"
        with open(path) as f:
            words = re.search(r"^# +varnishd ((?:.*\\\n)*.*)", f.read(), re.M).group(1)
        words = chain.fill(words, {"\\\n#": "", "FILE": self.config, "/run/cachenode/http.sock": self.made.socket_path("cachenode"),
                                   "127.0.0.1:6081": f"127.0.0.1:{self.made.cache_port}"}, path)
        return [program("varnishd"), *shlex.split(words), "-n", self.work, "-T", "none"]

    def check_command(self):
        return [program("varnishd"), "-C", "-n", f"{self.directory}/check", "-f", self.config]

    def addresses(self):
        return [self.made.socket_path("cachenode"), self.made.cache_port]

    def replacements(self):
        return {'"/run/balancer/http.sock"': f'"{self.made.socket_path("balancer")}"'}

    def start(self, wait=True):
        super().start(wait)
        # Lines as cachenode's JSON log has them, as far as tests look.
        line = '{"request_id":"%{X-Request-ID}i","request_method":"%m","request_uri":"%U%q","status":%s}'
        self.logger = subprocess.Popen(self.unprivileged([program("varnishncsa"), "-n", self.work, "-F", line, "-w", self.made.log(self.role)]),
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def stop(self, sig=signal.SIGTERM):
        code = super().stop(sig)
        if self.logger:
            self.logger.terminate()
            self.logger.wait()
            self.logger = None
        return code

    def log_text(self):
        return chain.tail(self.made.log(self.role), 1 << 24)


class Haproxy(Peer):
    name, source = "haproxy", "haproxy.cfg"

    def stop(self, sig=signal.SIGTERM):
        code = super().stop(sig)
        return 0 if code == -sig else code     # it ends by the signal itself, after it has closed everything

    def command(self):
        return [program("haproxy"), "-db", "-f", self.config]

    def check_command(self):
        return [program("haproxy"), "-c", "-f", self.config]

    def addresses(self):
        return [self.made.socket_path("balancer"), self.made.admin("balancer"), self.made.stats_port]

    def replacements(self):
        made = self.made
        return {"log /dev/log local0": "log stdout format raw local0", "/run/balancer/admin.sock mode 660": f"{made.admin('balancer')} mode 666",
                "/run/balancer/http.sock": made.socket_path("balancer"), "127.0.0.1:1936": f"127.0.0.1:{made.stats_port}",
                "127.0.0.1:8405": f"127.0.0.1:{made.metrics['balancer']}", "maxconn 1 inter": f"maxconn {made.maxconn} inter",
                "hdr Host www.example.org": "hdr Host localhost"}

    def after(self, text):
        head, tail = re.split(r"(?:    server client\d .*\n)+", text, maxsplit=1)
        return head + "".join(f"    server client{n} {a} cookie client{n}\n" for n, a in enumerate(self.made.servers, 1)) + tail


def crash(directory):
    """The assertion by which Varnish ended itself in a chain whose files are kept there, or "": only the one that 7.1 fails when its
    process is stopped and continued, as a cgroup's freezer does, while it reads from a server. Another one may be our doing."""
    found = re.search(r"\) Panic at: .*\n(.*\n.*)\n(?:.*\n){1,30}errno = 4 \(Interrupted system call\)",
                      chain.tail(f"{directory}/{Varnish.name}.out", 1 << 24))
    return found.group(1) if found else ""


PEERS = {"webfront": Nginx, "cachenode": Varnish, "balancer": Haproxy}
