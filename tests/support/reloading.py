# SPDX-License-Identifier: BSD-2-Clause
"""Reloads under load: random configurations of each daemon that share a listener, a site and a server, and clients that notice.

A configuration is made of switches; `text(switches)` writes it. What every configuration has is `kept`: its connections must
survive every reload, and every request there must be answered as it should be.
"""
import os
import random
import re
import threading
import time

import h2
import wire


class Webfront:
    name = 'webfront'
    switches = ['site', 'route', 'headers', 'queue', 'limits', 'listener', 'upstream', 'format', 'timeouts', 'order', 'level']

    def __init__(self, place, origins):
        self.place, self.origins = place, origins
        self.address, self.second = place.new_address('kept'), f'unix:{place.path("h2.sock")}'
        self.extra = f'unix:{place.path("extra.sock")}'

    def text(self, on):
        lines = [f'workers = {self.place.workers}', f'admin = "unix:{self.place.path("admin")}"', 'metrics = "127.0.0.1:0"']
        lines += ['shutdown_timeout = "9s"' if on('timeouts') else '', '[log]']
        lines += [f'access = {{ file = "{self.place.path("access.log")}", format = "{"json" if on("format") else "combined"}" }}']
        lines += [f'error = {{ level = "{"info" if on("level") else "notice"}" }}', '[limits]', f'header_size = "{32 if on("limits") else 16}k"']
        lines += ['[[listen]]', f'address = "{self.address}"', '[[listen]]', f'address = "{self.second}"', 'protocols = ["h2"]']
        if on('listener'):
            lines += ['[[listen]]', f'address = "{self.extra}"']
        lines += ['[upstream.app]', f'servers = ["{self.origins[0]}"]']
        lines += ['queue = { max_active = 50, max_waiting = 100 }'] if on('queue') else []
        lines += ['[upstream.more]', f'servers = ["{self.origins[1]}"]'] if on('upstream') else []
        other = ['[[site]]', 'names = ["b.example"]', '[[site.route]]', f'proxy = "{"more" if on("upstream") else "app"}"']
        main = ['[[site]]', 'names = ["a.example"]']
        main += ['[site.headers]', 'set = { "X-Extra" = "1" }'] if on('headers') else []
        main += ['[[site.route]]', 'prefix = "/own"', 'respond = { status = 200, body = "own" }'] if on('route') else []
        main += ['[[site.route]]', 'proxy = "app"']
        parts = ([other, main] if on('order') else [main, other]) if on('site') else [main]
        return '\n'.join(lines + sum(parts, []) + [''])


class Cachenode:
    name = 'cachenode'
    switches = ['rule', 'memory', 'purge', 'keepalive', 'connections', 'listener', 'probe', 'headers', 'format', 'limits']
    second = None

    def __init__(self, place, origins):
        self.place, self.origins = place, origins
        self.address = place.new_address('kept')
        self.extra = f'unix:{place.path("extra.sock")}'

    def text(self, on):
        lines = [f'workers = {self.place.workers}', f'admin = "unix:{self.place.path("admin")}"', 'metrics = "127.0.0.1:0"', '[log]']
        lines += [f'access = {{ file = "{self.place.path("access.log")}", format = "{"json" if on("format") else "combined"}" }}']
        lines += ['[limits]', f'header_size = "{32 if on("limits") else 16}k"', '[[listen]]', f'address = "{self.address}"']
        lines += ['[[listen]]', f'address = "{self.extra}"'] if on('listener') else []
        lines += ['[origin.app]', f'address = "{self.origins[0]}"', f'keepalive = {7 if on("keepalive") else 8}']
        lines += ['max_connections = 60'] if on('connections') else []
        lines += ['probe = { url = "/probe", interval = "50ms" }'] if on('probe') else []
        lines += ['[storage]', f'memory = "{30 if on("memory") else 40}m"']
        lines += ['[purge]', 'allow = ["127.0.0.1", "unix"]'] if on('purge') else []
        lines += ['[headers]', 'x_cache = false'] if on('headers') else []
        lines += ['[[rule]]', 'name = "r"', 'match = { prefix = "/rule" }', 'ttl = "5s"'] if on('rule') else []
        return '\n'.join(lines + [''])


class Balancer:
    name = 'balancer'
    switches = ['server', 'weight', 'maxconn', 'backend', 'frontend', 'queue', 'cookie', 'check', 'timeouts', 'stats', 'moved', 'leastconn', 'limit']
    second = None

    def __init__(self, place, origins):
        self.place, self.origins = place, origins
        self.address = place.new_address('kept')
        self.extra = f'unix:{place.path("extra.sock")}'

    def text(self, on):
        lines = [f'workers = {self.place.workers}', f'admin = "unix:{self.place.path("admin")}"', 'metrics = "127.0.0.1:0"']
        lines += ['stats = { address = "127.0.0.1:0" }'] if on('stats') else []
        lines += ['[log]', f'access = {{ file = "{self.place.path("access.log")}" }}', '[defaults]']
        lines += [f'timeout = {{ queue = "{20 if on("timeouts") else 30}s" }}']
        lines += ['[[frontend]]', 'name = "front"', f'bind = "{self.address}"', 'default_backend = "app"']
        lines += ['maxconn = 1000'] if on('limit') else []
        lines += ['[[frontend]]', 'name = "more"', f'bind = "{self.extra}"', 'default_backend = "app"'] if on('frontend') else []
        lines += ['[[backend]]', 'name = "app"', f'balance = "{"leastconn" if on("leastconn") else "roundrobin"}"']
        lines += ['queue = { max_waiting = 500 }'] if on('queue') else []
        lines += ['cookie = { name = "srv", insert_on = "always" }'] if on('cookie') else []
        lines += [f'check = {{ type = "tcp", interval = {{ up = "{80 if on("check") else 50}ms" }} }}']
        lines += ['[[backend.server]]', 'name = "s1"', f'address = "{self.origins[0]}"', 'check = false', f'maxconn = {3 if on("maxconn") else 20}']
        lines += ['[[backend.server]]', 'name = "s2"', f'address = "{self.origins[3 if on("moved") else 1]}"', f'weight = {3 if on("weight") else 1}']
        lines += ['[[backend.server]]', 'name = "s3"', f'address = "{self.origins[2]}"'] if on('server') else []
        lines += ['[[backend]]', 'name = "other"', '[[backend.server]]', 'name = "o1"', f'address = "{self.origins[2]}"', 'check = false'] if on('backend') else []
        return '\n'.join(lines + [''])


KINDS = {kind.name: kind for kind in (Webfront, Cachenode, Balancer)}


def admin(place, line):
    with wire.Connection(f'unix:{place.path("admin")}', timeout=wire.patience() * 4) as connection:
        connection.send((line + '\n').encode())
        while connection.more():
            pass
        return connection.pending.decode()


def status(place, key):
    return re.search(rf'^{key}: (.*)$', admin(place, 'status'), re.M).group(1)


class Clients:
    """Kept-alive connections that ask one thing after the other; problems are collected."""

    def __init__(self, kind, number=6, streams=2):
        self.kind, self.problems, self.done, self.over = kind, [], 0, threading.Event()
        self.threads = [threading.Thread(target=self.guarded, args=(self.http1, n)) for n in range(number)]
        if kind.second:
            self.threads += [threading.Thread(target=self.guarded, args=(self.http2, n)) for n in range(streams)]
        for thread in self.threads:
            thread.start()

    def guarded(self, run, n):
        try:
            run(n)
        except BaseException as problem:
            self.problems.append(f'{run.__name__} {n}: {problem!r}')

    def check(self, path, status, body, complete=True):
        if status != 200 or not complete or f'GET {path} '.encode() not in body:
            raise AssertionError(f'{path}: {status} {body[:80]!r}')
        self.done += 1

    def http1(self, n):
        with wire.Connection(self.kind.door, timeout=wire.patience() * 4) as connection:
            while not self.over.is_set():
                path = f'/{"wait" if n % 3 == 0 else "quick"}/{n}/{random.randrange(50)}'
                got = connection.ask(wire.request(path))
                self.check(path, got.status, got.body, got.complete)
                if (got.get('Connection') or '').lower() == 'close':
                    raise AssertionError('the connection was to be closed')

    def http2(self, n):
        with h2.Session(self.kind.second, timeout=wire.patience() * 4) as session:
            while not self.over.is_set():
                path = f'/quick/h{n}/{random.randrange(50)}'
                got = session.ask(path)
                self.check(path, got.status, bytes(got.body))

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(wire.patience() * 8)
        assert not self.problems, self.problems[:5]


def answer(connection, request):
    if request.target.startswith('/wait'):
        time.sleep(random.random() / 50)
    fields = 'Cache-Control: max-age=1' if 'quick' in request.target else 'Cache-Control: no-store'
    connection.answer(200, fields, f'GET {request.target} '.encode())


def tunnel_origin(connection):
    while True:
        request = connection.request_head()
        if request is None:
            return
        if request.get('Upgrade'):
            connection.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
            while connection.pending or connection.more():
                connection.send(connection.pending)
                connection.pending = b''
            return
        connection.request_body(request)
        answer(connection, request)


def open_tunnel(address):
    connection = wire.Connection(address, timeout=wire.patience() * 4)
    connection.send(wire.request('/ws', fields='Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
                                               'Sec-WebSocket-Version: 13'))
    assert connection.final_head().status == 101
    return connection


def echo(tunnel, text):
    tunnel.send(text)
    assert tunnel.exactly(len(text)) == text, 'the tunnel is broken'


def descriptors(daemon):
    return len(os.listdir(f'/proc/{daemon.process.pid}/fd'))


def at_rest(place):
    return status(place, 'generations') == '1' and re.search(r'_buried 0$', metrics(place), re.M)


def metrics(place):
    return admin(place, 'stat')


def reload_under_load(place, name, rounds, seed=1, each=lambda round: None):
    """A to B and back to A, `rounds` times, under load; nothing may fail or be left behind."""
    rng = random.Random(seed)
    origins = [place.origin(script=tunnel_origin).address for _ in range(4)]
    kind = KINDS[name](place, origins)
    switches = {switch: False for switch in kind.switches}
    write = lambda daemon, chosen: open(daemon.config, 'w').write(kind.text(chosen.get))
    daemon = place.daemon(name, kind.text(switches.get))
    kind.door = daemon.address()
    tunnel = open_tunnel(kind.door)
    clients = Clients(kind)
    try:
        echo(tunnel, b'before')
        wire.wait_for(lambda: clients.done > 50 or clients.problems, 'load')
        for round in range(rounds):
            other = {switch: rng.random() < 0.4 for switch in kind.switches}
            for chosen in (other, switches):
                write(daemon, chosen)
                said = admin(place, 'reload')
                assert 'serves by the new configuration' in said, said
                assert not clients.problems, (round, chosen, clients.problems[:3])
            if rng.random() < 0.2:
                with open(daemon.config, 'a') as file:
                    file.write('\n[nonsense]\n')
                assert 'nonsense' in admin(place, 'reload')
            echo(tunnel, b'%d' % round)
            each(round)
        before = clients.done
        wire.wait_for(lambda: clients.done > before + 20 or clients.problems, 'the load goes on')
    finally:
        clients.over.set()
    clients.end()
    tunnel.close()
    wire.wait_for(lambda: at_rest(place), 'generations and state that nobody uses are let go')
    return daemon, kind
