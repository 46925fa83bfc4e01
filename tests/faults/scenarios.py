# SPDX-License-Identifier: BSD-2-Clause
"""The scenarios of the sweep. play(strict) does everything once; strict: nothing fails, so everything must be right and complete."""
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import threading

import h2
import reloading
import wire
from sweep import Wrong, judged, soft

SMALL, LARGE = 500, 150_000


def body_of(target, size):
    """What an origin answers to a target: any mixing up of bytes shows."""
    seed = hashlib.sha256(target.encode()).hexdigest().encode()
    return (seed * (size // len(seed) + 1))[:size]


def size_of(target):
    return LARGE if 'large' in target else SMALL


def briefly(script):
    """An origin's script whose answers say that an idle connection is closed soon. A failure may leave one more of those than a quiet play
    does (the request before it had not ended, or a POST found none that was fresh), but not for longer."""
    def run(connection):
        answer = connection.answer
        connection.answer = lambda status, fields='', body=b'': answer(status, (fields + '\r\n' if fields else '') + 'Keep-Alive: timeout=2', body)
        return script(connection)
    return run


def expect(target, got, size=None):
    if got is not None and got.body != body_of(target, size or size_of(target)):
        raise Wrong(f'{target}: wrong body, {len(got.body)} bytes: {bytes(got.body[:80])!r}')


class Scenario:
    """Has a target: the daemon whose calls fail. Only it is started with the interposer."""
    name, kind = '', ''
    gauges = r'_(client_connections|buried|active|waiting|queued|fetches_running|store_pinned_bytes)(\{[^}]*\})? (?!0$)\S+$'

    def start(self, place):
        self.place, self.serial = place, 0
        self.prepare(place)
        self.target = self.daemon()

    def prepare(self, place):
        self.origin = place.origin(self.answer)
        self.origin.script = briefly(self.origin.script)

    def daemon(self):
        """Starts the target."""
        return preloaded(lambda: self.configured(self.place))

    @property
    def top(self):
        return (f'admin = "unix:{self.place.path("admin")}"\n[log]\naccess = {{ file = "{self.place.path("access.log")}" }}\n')

    def configured(self, place):
        text = f'proxy = "{self.origin.address}"\n'
        if self.kind == 'webfront':
            return place.webfront(f'[[site.route]]\n{text}', top=self.top)
        if self.kind == 'cachenode':
            return place.cachenode(self.origin.address, '[purge]\nallow = ["unix", "127.0.0.1"]\n', top=self.top)
        return place.balancer([self.origin.address], top=self.top)

    def answer(self, connection, request):
        if request.method == 'POST':
            digest = hashlib.sha256(request.body).hexdigest()
            return connection.answer(200, 'Cache-Control: no-store', f'{request.target} {len(request.body)} {digest}'.encode())
        # The connection to the origin ends with some answers, so that each play makes one.
        ending = '\r\nConnection: close' if 'last' in request.target or not request.target.startswith(('/pass', '/check')) else ''
        fields = 'Cache-Control: no-store' if 'pass' in request.target else 'Cache-Control: max-age=3600\r\nETag: "e"'
        connection.answer(200, fields + ending, body_of(request.target, size_of(request.target)))
        return not ending

    def next(self):
        self.serial += 1
        return self.serial

    def connect(self):
        return wire.Connection(self.target.address(), timeout=wire.patience())

    def talk(self, strict, *requests):
        """Asks one after the other on one connection; yields (request's name, judged answer) until something fails."""
        made = soft(self.connect, strict)
        if made is None:
            return
        with made as connection:
            for method, target, statuses, fields, body in requests:
                got = soft(lambda: connection.ask(wire.request(target, method=method, fields=fields, body=body), method), strict)
                got = judged(got, strict, statuses)
                if got is None:
                    return
                yield target, got

    def get_well(self):
        """Waits until a server that was thought dead is used again."""
        wire.wait_for(lambda: (answer := soft(lambda: wire.get(self.target.address(), '/pass/small'), False)) and answer.status == 200, 'the server is used again')

    def get(self, strict, target, statuses=(200,), fields='', method='GET'):
        for _, got in self.talk(strict, (method, target, statuses, fields, b'')):
            return got
        return None

    def play(self, strict):
        raise NotImplementedError

    def recover(self):
        """What a failure may leave for a moment: servers thought dead."""

    def left(self):
        """Gauges that are not zero although nobody asks for anything."""
        lines = reloading.metrics(self.place).splitlines()
        return [line for line in lines if not line.startswith('#') and re.search(self.gauges, line)]


def preloaded(start):
    os.environ['LD_PRELOAD'] = os.environ['TRIVET_FAULTS_LIBRARY']
    try:
        return start()
    finally:
        del os.environ['LD_PRELOAD']


class Proxied(Scenario):
    """Requests that go to the origin: small and large answers, a body up, kept-alive and new connections."""
    name = 'proxied'

    def play(self, strict):
        number = self.next()
        upload = body_of(f'up {number}', LARGE)
        post = f'/pass/post/{number}'
        asked = [('GET', '/pass/small', (200,), '', b''), ('POST', post, (200,), '', upload), ('GET', '/pass/large', (200,), '', b'')]
        for target, got in self.talk(strict, *asked):
            if target == post:
                wanted = f'{post} {len(upload)} {hashlib.sha256(upload).hexdigest()}'.encode()
                if got.body != wanted:
                    raise Wrong(f'{post}: {got.body[:120]!r} instead of {wanted!r}')
            else:
                expect(target, got)
        expect('/pass/last', self.get(strict, '/pass/last'))
        if len([one for one in self.origin.seen(post) if one.complete]) > 1:
            raise Wrong(f'{post} was delivered twice')


    def recover(self):
        if self.kind == 'balancer':
            self.get_well()


class Hit(Scenario):
    """Answers from memory: whole, a range, a 304."""
    name, kind = 'hit', 'cachenode'

    def play(self, strict):
        asked = [('GET', '/hit/small', (200,), '', b''), ('GET', '/hit/large', (200,), '', b''), ('GET', '/hit/large', (206,), 'Range: bytes=1000-90999', b''),
                 ('GET', '/hit/small', (304,), 'If-None-Match: "e"', b'')]
        for (target, got), wanted in zip(self.talk(strict, *asked), (None, None, body_of('/hit/large', LARGE)[1000:91000], b'')):
            if wanted is None:
                expect(target, got)
            elif got.body != wanted:
                raise Wrong(f'{target} {got.status}: {len(got.body)} bytes')
        expect('/hit/small', self.get(strict, '/hit/small'))


class Miss(Scenario):
    """Four clients ask for the same new thing at once."""
    name, kind = 'coalesced', 'cachenode'

    def prepare(self, place):
        self.asked = threading.Event()
        super().prepare(place)

    def answer(self, connection, request):
        self.asked.wait(0.05)
        return super().answer(connection, request)

    def play(self, strict):
        target, problems = f'/large/{self.next()}', []
        self.asked.clear()

        def one():
            try:
                expect(target, self.get(strict, target))
            except Exception as problem:
                problems.append(problem)
        clients = [threading.Thread(target=one) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if problems:
            raise problems[0]
        # Whatever was stored is whole.
        expect(target, self.get(strict, target))
        if strict and self.origin.count(lambda request: request.target == target) != 1:
            raise Wrong(f'{target} was fetched more than once')


class Purge(Scenario):
    """What was purged is not served again."""
    name, kind = 'purge', 'cachenode'

    def answer(self, connection, request):
        connection.answer(200, 'Cache-Control: max-age=3600\r\nConnection: close', f'{request.target} #{request.order}'.encode())
        return False

    def play(self, strict):
        target = '/purged'
        before = self.get(strict, target)
        purged = self.get(strict, target, (200,), method='PURGE')
        after = self.get(strict, target)
        if purged is not None and before is not None and after is not None and before.body == after.body:
            raise Wrong(f'purged, and served again: {after.body!r}')
        if after is not None and not re.fullmatch(rb'/purged #\d+', after.body):
            raise Wrong(f'{after.body!r}')


class Static(Scenario):
    """Files from disk: small, large (sendfile), an index, one that is not there."""
    name, kind = 'static', 'webfront'
    files = (('small.txt', 400), ('large.bin', 700_000), ('in/index.html', 900), ('files/large.bin', 700_000))

    def prepare(self, place):
        super().prepare(place)
        for name, size in self.files:
            path = place.path(f'root/{name}')
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as file:
                file.write(body_of(name, size))

    def configured(self, place):
        return place.webfront(f'[[site.route]]\nfiles = {{ root = "{place.path("root")}" }}\n', top=self.top)

    def play(self, strict):
        # What was looked up is remembered for a moment: so some are new. Not the large one, which would stay open that long.
        fresh = []
        for name, size in self.files[0], self.files[2]:
            os.makedirs(self.place.path(f'root/{self.next()}'))
            fresh.append((name.replace('in/', ''), size))
            with open(self.place.path(f'root/{self.serial}/{fresh[-1][0]}'), 'wb') as file:
                file.write(body_of(name, size))
        first = self.serial - 1
        paths = [f'/{first + at}/{"" if "index" in name else name}' for at, (name, _) in enumerate(fresh)] + ['/small.txt', '/large.bin', '/in/']
        asked = [('GET', path, (200,), '', b'') for path in paths]
        served = (self.files[0], self.files[2], *self.files[:3])
        for (_, got), (name, size) in zip(self.talk(strict, *asked), served):
            expect(name, got, size)
        for number in range(first, self.serial + 1):
            shutil.rmtree(self.place.path(f'root/{number}'))
        self.get(strict, '/none', (404,))


class Http2(Static):
    """HTTP/2 over TLS: proxied, a body up, a file; three streams of one connection. Beside it HTTP/1.1 over TLS."""
    name, kind = 'h2', 'webfront'

    def configured(self, place):
        cert, key = place.path('cert.pem'), place.path('key.pem')
        if not os.path.exists(cert):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '90',
                            '-subj', '/CN=a.example', '-addext', 'subjectAltName=DNS:a.example'], check=True, capture_output=True,
                           env={key: value for key, value in os.environ.items() if key != 'LD_PRELOAD'})
        listen = f'tls = {{ cert = "{cert}", key = "{key}" }}'
        routes = f'[[site.route]]\nprefix = "/files"\nfiles = {{ root = "{place.path("root")}" }}\n[[site.route]]\nproxy = "{self.origin.address}"\n'
        return place.webfront(routes, top=self.top, listen=listen)

    def secured(self, protocol):
        connection = wire.Connection(self.target.address(), timeout=wire.patience())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        try:
            connection.socket = context.wrap_socket(connection.socket, server_hostname='a.example')
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self):
        return self.secured('http/1.1')

    def play(self, strict):
        connection = soft(lambda: self.secured('h2'), strict)
        if connection is not None:
            with connection:
                self.streams(connection, strict)
        expect('/pass/last', self.get(strict, '/pass/last'))

    def streams(self, connection, strict):
        number = self.next()
        upload = body_of(f'up {number}', 40_000)
        session = soft(lambda: h2.Session('', socket=connection, timeout=wire.patience()), strict)
        if session is None:
            return
        wanted = f'/pass/post/{number} {len(upload)} {hashlib.sha256(upload).hexdigest()}'.encode()
        for path, method, body, right in (('/pass/large', 'GET', b'', body_of('/pass/large', LARGE)), (f'/pass/post/{number}', 'POST', upload, wanted),
                                          ('/files/large.bin', 'GET', b'', body_of('files/large.bin', 700_000))):
            got = soft(lambda: session.ask(path, method=method, body=body, scheme='https'), strict)
            if got is not None and not got.status:
                got = None
            if got is None and strict:
                raise Wrong(f'{path}: no answer')
            got = judged(got, strict)
            if got is not None and got.body != right:
                raise Wrong(f'{path}: {len(got.body)} bytes, wrong')
        if len([one for one in self.origin.seen(f'/pass/post/{number}') if one.complete]) > 1:
            raise Wrong('a POST was delivered twice')


class Check(Scenario):
    """Health checks go on, and a server that answers them is used."""
    name, kind = 'check', 'balancer'
    check = '[backend.check]\ninterval = { up = "20ms", down = "20ms", change = "20ms" }\ntimeout = "1s"\nrise = 1\nfall = 2\nrequest = { method = "GET", uri = "/check", host = "a.example" }\n'

    def configured(self, place):
        return place.balancer([self.origin.address], top=self.top, backend=self.check, check=True)

    def checks(self):
        return self.origin.count(lambda request: request.target == '/check')

    def play(self, strict):
        if strict:
            self.recover()
        before = self.checks()
        wire.wait_for(lambda: self.checks() >= before + 3 or not self.target.alive(), 'checks go on')
        expect('/pass/small', self.get(strict, '/pass/small'))
        with self.origin.lock:
            del self.origin.requests[:-20]
            self.origin.requests[:] = [one for one in self.origin.requests if one.target != '/check']

    def left(self):
        return [line for line in super().left() if 'server_active' not in line and 'backend_active' not in line]

    def recover(self):
        self.get_well()


class Reload(Scenario):
    """Reloads to and fro; the daemon serves all the time, and what is refused changes nothing."""
    name = 'reload'

    def prepare(self, place):
        self.origin, *self.other = (place.origin(script=briefly(reloading.tunnel_origin)) for _ in range(4))
        self.switches = False

    def configured(self, place):
        self.configuration = reloading.KINDS[self.kind](place, [self.origin.address] + [one.address for one in self.other])
        return place.daemon(self.kind, self.configuration.text(lambda switch: self.switches))

    def play(self, strict):
        self.switches = not self.switches
        with open(self.target.config, 'w') as file:
            file.write(self.configuration.text(lambda switch: self.switches))
        said = soft(lambda: reloading.admin(self.place, 'reload'), strict)
        if strict and 'serves by the new configuration' not in said and 'nothing changed' not in said:
            raise Wrong(f'reload said {said!r}')
        for target in ('/quick/1', '/wait/2'):
            got = self.get(strict, target)
            if got is not None and f'GET {target} '.encode() not in got.body:
                raise Wrong(f'{target}: {got.body[:100]!r}')

    def left(self):
        # Only the smaller configuration is compared: two plays are one round.
        if self.switches:
            self.play(True)
        # What a removed frontend named stays until the next reload: a connection that was accepted there may still ask.
        left = super().left()
        return left + ([] if reloading.status(self.place, 'generations') == '1' else ['generations'])


def of(kind, scenario):
    return type(scenario.__name__, (scenario,), {'kind': kind, 'name': f'{scenario.name}-{kind}'})


ALL = [of('webfront', Proxied), of('cachenode', Proxied), of('balancer', Proxied), Hit, Miss, Purge, Static, Http2, Check,
       of('webfront', Reload), of('cachenode', Reload), of('balancer', Reload)]
