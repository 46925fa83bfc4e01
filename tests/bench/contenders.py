# SPDX-License-Identifier: BSD-2-Clause
"""Who is measured: configurations of our daemons and of their peers, each as well configured as we know (HTTP/1.1 and keep-alive to
the upstream, one worker, no pauses of connections). A maker gets a Stage and returns the command line."""
import os
import subprocess
from dataclasses import dataclass


def prepare(directory):
    """Files to serve, and a certificate for localhost."""
    os.makedirs(f'{directory}/www/f')
    for name, size in (('1k', 1024), ('100k', 102400), ('1m', 1 << 20)):
        with open(f'{directory}/www/f/{name}', 'wb') as file:
            file.write(os.urandom(size))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout',
                    f'{directory}/key.pem', '-out', f'{directory}/cert.pem', '-days', '30', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True, capture_output=True)
    with open(f'{directory}/both.pem', 'w') as both:
        for part in ('cert.pem', 'key.pem'):
            with open(f'{directory}/{part}') as file:
                both.write(file.read())
    os.chmod(f'{directory}/key.pem', 0o644)


@dataclass
class Stage:
    directory: str
    name: str           # unique: prefix of files
    listen: str         # HOST:PORT or unix:/path
    upstream: str       # the same; empty for the origin
    logs: bool          # access log to a file, as its package ships it
    tls: bool = False
    binaries: str = ''
    workers: int = 1    # ours

    def path(self, suffix):
        return f'{self.directory}/{self.name}{suffix}'

    def write(self, suffix, text):
        with open(self.path(suffix), 'w') as file:
            file.write(text)
        return self.path(suffix)

    @property
    def log(self):
        return f'/dev/shm/trivet-bench-{os.getpid()}-{self.name}.log'


def nginx(stage, server, top=''):
    listen = stage.listen
    text = f'''worker_processes 1; daemon off; error_log {stage.path('.err')} crit; pid {stage.path('.pid')}; worker_rlimit_nofile 20000;
events {{ worker_connections 12000; }}
http {{
  access_log {stage.log if stage.logs else 'off'}; keepalive_requests 1000000000; keepalive_timeout 300s; sendfile on; tcp_nopush on;
  client_body_temp_path {stage.path('-b')}; proxy_temp_path {stage.path('-p')}; fastcgi_temp_path {stage.path('-f')};
  uwsgi_temp_path {stage.path('-u')}; scgi_temp_path {stage.path('-s')};
  {top}
  server {{ listen {listen}{' ssl http2' if stage.tls else ''} backlog=8192; root {stage.directory}/www; {server} }}
}}
'''
    return [os.environ.get('PEER_NGINX', 'nginx'), '-c', stage.write('.conf', text)]


def origin(stage):
    body = 'x' * 1024
    return nginx(stage, f'''
  location = / {{ default_type text/html; add_header Cache-Control "public, max-age=3600"; return 200 "{body}"; }}
  location /miss {{ default_type text/html; add_header Cache-Control "no-store"; return 200 "{body}"; }}
  location /f/ {{ add_header Cache-Control "public, max-age=3600"; }}''')


def nginx_upstream(stage):
    return f'upstream u {{ server {stage.upstream}; keepalive 512; keepalive_requests 1000000000; }}'


PROXY = ('proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; '
         'proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;')


def nginx_balancer(stage):
    return nginx(stage, f'location / {{ {PROXY} proxy_buffering on; proxy_max_temp_file_size 0; }}', nginx_upstream(stage))


def nginx_cache(stage):
    top = (f'proxy_cache_path /dev/shm/trivet-bench-{os.getpid()}-{stage.name}.cache keys_zone=z:64m max_size=2g; ' + nginx_upstream(stage))
    return nginx(stage, f'location / {{ proxy_cache z; proxy_cache_lock on; {PROXY} }}', top)


def nginx_front(stage):
    tls = (f'ssl_certificate {stage.directory}/cert.pem; ssl_certificate_key {stage.directory}/key.pem; ssl_protocols TLSv1.2 TLSv1.3; '
           'ssl_session_cache shared:s:10m; ssl_session_tickets on;') if stage.tls else ''
    return nginx(stage, f'location / {{ {PROXY} }} location /f/ {{ }}', tls + nginx_upstream(stage))


def haproxy(stage, more=''):
    """Several upstreams are separated by spaces; `more` is said of each."""
    listen = 'unix@' + stage.listen[5:] if stage.listen.startswith('unix:') else stage.listen
    servers = ''.join(f'  server s{number} {"unix@" + one[5:] if one.startswith("unix:") else one}{more}\n' for number, one in enumerate(stage.upstream.split(), 1))
    tls = f' ssl crt {stage.directory}/both.pem alpn h2,http/1.1' if stage.tls else ''
    log = ('  log stdout format raw local0\n', '  log global\n  option httplog\n') if stage.logs else ('', '')
    text = f'''global
  nbthread 1
  maxconn 9000
{log[0]}defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
  option forwardfor
{log[1]}  http-reuse always
frontend f
  bind {listen} backlog 8192{tls}{' mode 666' if stage.listen.startswith('unix:') else ''}
  default_backend b
backend b
{servers}'''
    return [os.environ.get('PEER_HAPROXY', 'haproxy'), '-db', '-f', stage.write('.cfg', text)]


def haproxy_queue(stage):
    return haproxy(stage, ' maxconn 1')


def varnish(stage):
    if stage.upstream.startswith('unix:'):
        backend = f'.path = "{stage.upstream[5:]}";'
    else:
        host, port = stage.upstream.rsplit(':', 1)
        backend = f'.host = "{host}"; .port = "{port}";'
    vcl = stage.write('.vcl', f'vcl 4.1; backend default {{ {backend} }}\nsub vcl_backend_response {{ set beresp.grace = 10s; }}\n')
    listen = stage.listen[5:] + ',mode=0666' if stage.listen.startswith('unix:') else stage.listen
    argv = [os.environ.get('PEER_VARNISHD', 'varnishd'), '-F', '-n', stage.path('.vd'), '-a', listen, '-f', vcl, '-s', 'malloc,4g', '-T', 'none',
            '-p', 'thread_pools=1', '-p', 'thread_pool_min=100', '-p', 'timeout_idle=300', '-p', 'listen_depth=8192']
    if stage.logs:
        return ['sh', '-c', f'varnishncsa -n {stage.path(".vd")} -t off -w {stage.log} & exec ' + ' '.join(argv)]
    return argv


def ours(daemon, text):
    def make(stage):
        log = f'{{ file = "{stage.log}" }}' if stage.logs else 'false'
        tls = f'tls = {{ cert = "{stage.directory}/cert.pem", key = "{stage.directory}/key.pem" }}' if stage.tls else ''
        filled = text.format(workers=stage.workers, listen=stage.listen, upstream=stage.upstream, log=log, tls=tls, directory=stage.directory)
        return [f'{stage.binaries}/{daemon}', '-c', stage.write('.toml', filled)]
    make.ours = True
    return make


webfront = ours('webfront', '''workers = {workers}
[log]
access = {log}
[[listen]]
address = "{listen}"
{tls}
[upstream.next]
servers = ["{upstream}"]
keepalive = 512
queue = {{ max_active = 12000 }}
[[site]]
names = ["*"]
[[site.route]]
prefix = "/f/"
files = {{ root = "{directory}/www" }}
[[site.route]]
proxy = "next"
''')

webfront_proxy = ours('webfront', '''workers = {workers}
[log]
access = {log}
[[listen]]
address = "{listen}"
{tls}
[upstream.next]
servers = ["{upstream}"]
keepalive = 512
queue = {{ max_active = 12000 }}
[[site]]
names = ["*"]
[[site.route]]
proxy = "next"
''')

cachenode = ours('cachenode', '''workers = {workers}
[log]
access = {log}
[[listen]]
address = "{listen}"
[origin.next]
address = "{upstream}"
max_connections = 1024
[storage]
memory = "2g"
''')

balancer = ours('balancer', '''workers = {workers}
[log]
access = {log}
[[frontend]]
name = "f"
bind = "{listen}"
maxconn = 12000
default_backend = "next"
[[backend]]
name = "next"
[[backend.server]]
name = "s1"
address = "{upstream}"
check = false
''')


def balancer_queue(stage):
    """A place at each of several servers."""
    text = f'''workers = 1
log.access = false
[[frontend]]
name = "f"
bind = "{stage.listen}"
default_backend = "next"
[[backend]]
name = "next"
'''
    for number, address in enumerate(stage.upstream.split(), 1):
        text += f'[[backend.server]]\nname = "s{number}"\naddress = "{address}"\nmaxconn = 1\ncheck = false\n'
    return [f'{stage.binaries}/balancer', '-c', stage.write('.toml', text)]


@dataclass
class Contender:
    name: str
    stages: tuple            # from the client to the origin
    unix: bool = False       # Unix sockets between the stages

    @property
    def is_ours(self):
        return all(getattr(stage, 'ours', False) for stage in self.stages)


BALANCERS = [Contender('haproxy', (haproxy,)), Contender('nginx', (nginx_balancer,)), Contender('ours', (balancer,))]
CACHES = [Contender('varnish', (varnish,)), Contender('nginx', (nginx_cache,)), Contender('ours', (cachenode,))]
FRONTS = [Contender('nginx', (nginx_front,)), Contender('haproxy', (haproxy,)), Contender('ours', (webfront_proxy,))]
FILES = [Contender('nginx', (nginx_front,)), Contender('ours', (webfront,))]
CHAINS = [Contender('nginx+varnish+haproxy', (nginx_front, varnish, haproxy)),
          Contender('nginx+varnish+haproxy unix', (nginx_front, varnish, haproxy), unix=True),
          Contender('ours', (webfront_proxy, cachenode, balancer)),
          Contender('ours unix', (webfront_proxy, cachenode, balancer), unix=True)]


@dataclass
class Scenario:
    name: str
    contenders: list
    load: str                # h1, h1close, tls1, tls2, handshake
    path: str
    connections: int
    what: str

    @property
    def tls(self):
        return self.load in ('tls1', 'tls2', 'handshake')


SCENARIOS = [
    Scenario('balance-small', BALANCERS, 'h1', '/', 64, 'balancing, 1 kB'),
    Scenario('balance-100k', BALANCERS, 'h1', '/f/100k', 32, 'balancing, 100 kB'),
    Scenario('balance-1m', BALANCERS, 'h1', '/f/1m', 16, 'balancing, 1 MB'),
    Scenario('balance-newconn', BALANCERS, 'h1close', '/', 32, 'balancing, a connection for each request'),
    Scenario('cache-hit-small', CACHES, 'h1', '/', 64, 'hit, 1 kB'),
    Scenario('cache-hit-100k', CACHES, 'h1', '/f/100k', 32, 'hit, 100 kB'),
    Scenario('cache-hit-1m', CACHES, 'h1', '/f/1m', 16, 'hit, 1 MB'),
    Scenario('cache-pass', CACHES, 'h1', '/miss', 64, 'uncacheable, 1 kB'),
    Scenario('front-plain', FRONTS, 'h1', '/', 64, 'front without TLS, 1 kB'),
    Scenario('front-tls', FRONTS, 'tls1', '/', 32, 'front, HTTP/1.1 over TLS, 1 kB'),
    Scenario('front-h2', FRONTS, 'tls2', '/', 32, 'front, HTTP/2, 1 kB'),
    Scenario('front-h2-100k', FRONTS, 'tls2', '/f/100k', 16, 'front, HTTP/2, 100 kB'),
    Scenario('front-handshake', FRONTS, 'handshake', '/', 16, 'a full handshake for each request'),
    Scenario('files-h1-small', FILES, 'tls1', '/f/1k', 32, 'static file over TLS, 1 kB'),
    Scenario('files-h2-small', FILES, 'tls2', '/f/1k', 32, 'static file over HTTP/2, 1 kB'),
    Scenario('files-h2-100k', FILES, 'tls2', '/f/100k', 16, 'static file over HTTP/2, 100 kB'),
    Scenario('chain-hit', CHAINS, 'tls1', '/', 32, 'whole chain, hit, 1 kB'),
    Scenario('chain-hit-h2', CHAINS, 'tls2', '/', 32, 'whole chain, HTTP/2, hit, 1 kB'),
    Scenario('chain-miss', CHAINS, 'tls1', '/miss', 32, 'whole chain, uncacheable, 1 kB'),
]
