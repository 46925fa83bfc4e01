# SPDX-License-Identifier: BSD-2-Clause
"""Upgrade of the binary: another process takes over listeners, state and slots, and nobody notices."""
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import h2
import reloading
import wire

ROUNDS = 5


def ended(pid):
    """A process that nobody waits for may stay as a zombie."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return True


class Chain:
    """A daemon and the processes that came after it."""

    def __init__(self, place, name, text):
        self.place, self.name = place, name
        self.daemon = place.daemon(name, text)
        self.pids, self.killed = [self.daemon.process.pid], []

    def upgrade(self):
        said = reloading.admin(self.place, 'upgrade')
        found = re.match(r'process (\d+) serves; process (\d+) ends', said)
        assert found, said + self.daemon.errors()[-1500:]
        assert int(found[2]) == self.pids[-1], (said, self.pids)
        self.pids.append(int(found[1]))
        assert self.pid() == self.pids[-1]
        return said

    def pid(self):
        return int(reloading.status(self.place, 'pid'))

    def ends(self, pid):
        wire.wait_for(lambda: self.daemon.process.poll() is not None if pid == self.pids[0] else ended(pid), f'process {pid} ends', wire.patience() * 2)

    def end(self, well):
        if well and len(self.pids) > 1:
            assert 'stopping' in reloading.admin(self.place, 'stop')
            for pid in self.pids:
                self.ends(pid)
                assert pid in self.killed or f' {pid}#{pid}: {self.name} ends' in self.daemon.errors(), self.daemon.errors()[-1500:]
        for pid in self.pids[1:]:
            if not ended(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def chain(place, name, text):
    made = Chain(place, name, text)
    well = False
    try:
        yield made
        well = True
    finally:
        made.end(well)


class Clients(reloading.Clients):
    """They do what the server says: after `Connection: close` or GOAWAY they connect anew. Nothing may fail."""

    def http1(self, n):
        while not self.over.is_set():
            with wire.Connection(self.kind.door, timeout=wire.patience() * 4) as connection:
                last, answered = False, time.monotonic()
                # A process that ends keeps an idle connection for a second: who was held up for about as long asks on a new one.
                while not self.over.is_set() and not last and time.monotonic() < answered + 0.5:
                    path = f'/{"wait" if n % 3 == 0 else "quick"}/{n}/{random.randrange(1000)}'
                    got = connection.ask(wire.request(path))
                    self.check(path, got.status, got.body, got.complete)
                    last, answered = (got.get('Connection') or '').lower() == 'close', time.monotonic()

    def http2(self, n):
        while not self.over.is_set():
            with h2.Session(self.kind.second, timeout=wire.patience() * 4) as session:
                while not self.over.is_set() and not session.goaway:
                    path = f'/quick/h{n}/{random.randrange(1000)}'
                    got = session.ask(path)
                    refused = session.goaway and session.next_id - 2 > session.goaway[1] and got.status == 0
                    if not refused:
                        self.check(path, got.status, bytes(got.body))


@contextlib.contextmanager
def load(kind):
    clients = Clients(kind)
    try:
        wire.wait_for(lambda: clients.done > 50 or clients.problems, 'load')
        yield clients
        before = clients.done
        wire.wait_for(lambda: clients.done > before + 20 or clients.problems, 'the load goes on')
    finally:
        clients.over.set()
    clients.end()


def under_load(place, name):
    origins = [place.origin(script=reloading.tunnel_origin).address for _ in range(4)]
    kind = reloading.KINDS[name](place, origins)
    with chain(place, name, kind.text(lambda switch: False)) as run:
        kind.door = run.daemon.address()
        ready = open(run.daemon.ready).read()
        with load(kind) as clients:
            tunnel = reloading.open_tunnel(kind.door)
            reloading.echo(tunnel, b'before')
            for round in range(ROUNDS):
                run.upgrade()
                before = clients.done
                wire.wait_for(lambda: clients.done > before + 20 or clients.problems, 'the load goes on')
                reloading.echo(tunnel, b'%d' % round)
                assert not clients.problems, clients.problems[:3]
            assert not ended(run.pids[0]), 'the first process waits for its tunnel'
            tunnel.close()
            for pid in run.pids[:-1]:
                run.ends(pid)
        lines = lambda text: [line for line in text.splitlines() if not line.startswith('metrics')]
        assert lines(open(run.daemon.ready).read()) == lines(ready)
        assert open(run.daemon.ready).read() == ready, 'port 0 stays what it became'
        assert re.search(rf'upgrades_total{{result="served"}} {ROUNDS}\b', reloading.metrics(place))
        assert run.daemon.process.returncode == 0


def test_webfront_under_load(place):
    under_load(place, 'webfront')


def test_cachenode_under_load(place):
    under_load(place, 'cachenode')


def test_balancer_under_load(place):
    under_load(place, 'balancer')


def test_reloads_and_upgrades_take_turns(place):
    origins = [place.origin(reloading.answer).address for _ in range(4)]
    for name in reloading.KINDS:
        kind = reloading.KINDS[name](place, origins)
        with chain(place, name, kind.text(lambda switch: False)) as run:
            kind.door = run.daemon.address()
            with load(kind):
                for round in range(3):
                    with open(run.daemon.config, 'w') as file:
                        file.write(kind.text(lambda switch: switch == 'headers' and round % 2 == 0))
                    said = []
                    reloads = [threading.Thread(target=lambda: said.append(reloading.admin(place, 'reload'))) for _ in range(2)]
                    for thread in reloads:
                        thread.start()
                    run.upgrade()
                    for thread in reloads:
                        thread.join(wire.patience() * 4)
                    assert len(said) == 2 and all('serves by the new configuration' in one or 'tell that one' in one for one in said), said


def test_what_is_known_of_servers_goes_along(place):
    """Health, so that nothing waits for first checks, and what administrators changed."""
    answering = threading.Event()
    answering.set()
    gate = threading.Event()

    def answer(connection, request):
        if request.target == '/check' and not answering.is_set():
            gate.wait(wire.patience() * 4)
            return False
        connection.answer(200, '', request.target.encode())
    origin, down = place.origin(answer), place.origin()
    down.stop()
    text = (f'admin = "unix:{place.path("admin")}"\n[[frontend]]\nname = "front"\nbind = "{place.new_address("b")}"\ndefault_backend = "app"\n'
            '[[backend]]\nname = "app"\ncheck = { type = "http", request = { uri = "/check" }, timeout = "60s", interval = { up = "50ms" } }\n')
    for n, address in enumerate((origin.address, down.address, origin.address), 1):
        text += f'[[backend.server]]\nname = "s{n}"\naddress = "{address}"\n'

    def servers():
        lines = [line.split(',') for line in reloading.admin(place, 'show stat').splitlines() if line.startswith('app,s')]
        return {line[1]: line[17] for line in lines}
    with chain(place, 'balancer', text) as run:
        wire.wait_for(lambda: (servers()['s1'], servers()['s2'], servers()['s3']) == ('UP', 'DOWN', 'UP'), 'checks')
        reloading.admin(place, 'set server app/s3 state maint')
        reloading.admin(place, 'set server app/s1 weight 7')
        before = servers(), reloading.admin(place, 'diff')
        assert before[0]['s3'].startswith('MAINT') and '7' in before[1], before
        answering.clear()
        for _ in range(2):
            run.upgrade()
            assert (servers(), reloading.admin(place, 'diff')) == before
            got = wire.get(run.daemon.address(), '/now')
            assert got.status == 200, got.status
        gate.set()


class Busy:
    """A server that counts how many requests it is asked at once."""

    def __init__(self):
        self.lock, self.now, self.most, self.served = threading.Lock(), 0, 0, 0

    def answer(self, connection, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(random.random() / 100)
        with self.lock:
            self.now -= 1
            self.served += 1
        connection.answer(200, '', f'GET {request.target} '.encode())


def test_two_balancers_never_send_two_requests(place):
    servers = [Busy(), Busy()]
    origins = [place.origin(one.answer).address for one in servers]
    text = (f'admin = "unix:{place.path("admin")}"\n[defaults]\ntimeout = {{ queue = "60s" }}\n[[frontend]]\nname = "front"\nbind = "{place.new_address("b")}"\n'
            'default_backend = "app"\n[[backend]]\nname = "app"\nbalance = "roundrobin"\nqueue = { max_waiting = 500 }\n')
    for number, origin in enumerate(origins, 1):
        text += f'[[backend.server]]\nname = "s{number}"\naddress = "{origin}"\nmaxconn = 1\ncheck = false\n'

    class Kind:
        second = None
    with chain(place, 'balancer', text) as run:
        Kind.door = run.daemon.address()
        clients = Clients(Kind, number=20)
        try:
            for _ in range(ROUNDS):
                before = clients.done
                wire.wait_for(lambda: clients.done > before + 60 or clients.problems, 'load')
                run.upgrade()
            before = clients.done
            wire.wait_for(lambda: clients.done > before + 60 or clients.problems, 'load')
        finally:
            clients.over.set()
        clients.end()
        assert [one.most for one in servers] == [1, 1], [one.most for one in servers]
        assert min(one.served for one in servers) > 50


class OneSlot:
    """A balancer with one server of one slot, whose requests for /long wait for `gate`, and an origin without limits that keeps a process busy."""

    def __init__(self, place):
        self.gate, self.side_gate, self.asked = threading.Event(), threading.Event(), threading.Event()
        self.origin, side = place.origin(self.answer), place.origin(lambda connection, request: self.side_gate.wait(wire.patience() * 4) and connection.answer())
        self.text = f'admin = "unix:{place.path("admin")}"\n[defaults]\ntimeout = {{ queue = "60s" }}\n'
        for name, address, more in (('front', self.origin.address, 'maxconn = 1\n'), ('side', side.address, '')):
            self.text += (f'[[frontend]]\nname = "{name}"\nbind = "{place.new_address(name)}"\ndefault_backend = "{name}"\n[[backend]]\nname = "{name}"\n'
                          f'[[backend.server]]\nname = "s"\naddress = "{address}"\ncheck = false\n{more}')

    def answer(self, connection, request):
        if request.target == '/long':
            self.asked.set()
            self.gate.wait(wire.patience() * 4)
        connection.answer(200, '', f'GET {request.target} '.encode())


def connect(address):
    return wire.Connection(address, timeout=wire.patience() * 4)


def queued(place, number):
    wire.wait_for(lambda: re.search(rf'^balancer_backend_queued{{backend="front"}} {number}$', reloading.metrics(place), re.M), f'{number} wait')


def answered(connection, path):
    got = connection.answer()
    assert got.status == 200 and got.body == f'GET {path} '.encode(), got
    return got


def test_a_slot_of_the_old_process(place):
    """Its request holds the only slot: whoever comes to the new one waits till it is answered, but not till the old process ends."""
    made = OneSlot(place)
    with chain(place, 'balancer', made.text) as run:
        address, side = run.daemon.address(0), run.daemon.address(1)
        with connect(address) as long, connect(side) as busy:
            busy.send(wire.request('/'))
            long.send(wire.request('/long'))
            assert made.asked.wait(wire.patience())
            run.upgrade()
            with connect(address) as waiting:
                waiting.send(wire.request('/next'))
                queued(place, 1)
                assert made.origin.count(lambda one: one.target == '/next') == 0
                made.gate.set()
                answered(long, '/long')
                answered(waiting, '/next')
                assert not ended(run.pids[0]) and run.daemon.alive()
            made.side_gate.set()
            assert busy.answer().status == 200
        run.ends(run.pids[0])


def test_the_old_process_is_killed(place):
    """Its slots are free."""
    made = OneSlot(place)
    with chain(place, 'balancer', made.text) as run, connect(run.daemon.address()) as long:
        long.send(wire.request('/long'))
        assert made.asked.wait(wire.patience())
        run.upgrade()
        with connect(run.daemon.address()) as waiting:
            waiting.send(wire.request('/next'))
            queued(place, 1)
            run.daemon.expected_code = None
            run.killed.append(run.pids[0])
            run.daemon.process.kill()
            answered(waiting, '/next')
        made.gate.set()


def test_the_old_process_borrows(place):
    """A request that comes to it late waits for the new one's slot, before those that come to the new one after it."""
    made = OneSlot(place)
    with chain(place, 'balancer', made.text) as run, connect(run.daemon.address()) as late:
        address = run.daemon.address()
        late.send(wire.request('/late')[:20])
        wire.wait_for(lambda: reloading.status(place, 'connections') == '1', 'it is accepted')
        run.upgrade()
        with connect(address) as long, connect(address) as after:
            long.send(wire.request('/long'))
            assert made.asked.wait(wire.patience())
            late.send(wire.request('/late')[20:])
            queued(place, 1)
            after.send(wire.request('/after'))
            queued(place, 2)
            made.gate.set()
            answered(long, '/long')
            assert answered(late, '/late').get('Connection') == 'close'
            answered(after, '/after')
        assert [one.target for one in made.origin.requests] == ['/long', '/late', '/after']


def resumes(address, session, context):
    with socket.create_connection(address.rsplit(':', 1)) as plain, context.wrap_socket(plain, server_hostname='a.example', session=session) as tls:
        tls.sendall(b'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
        while tls.recv(65536):
            pass
        return tls.session_reused, tls.session


def test_tls_sessions_go_on(place):
    key, certificate = place.path('key.pem'), place.path('cert.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', '/CN=a.example',
                    '-addext', 'subjectAltName=DNS:a.example', '-keyout', key, '-out', certificate], check=True, capture_output=True)
    text = (f'admin = "unix:{place.path("admin")}"\n[[listen]]\naddress = "127.0.0.1:0"\ntls = "main"\n[tls.main]\ncertificates = '
            f'[{{ cert = "{certificate}", key = "{key}" }}]\n[[site]]\nnames = ["*"]\n[[site.route]]\nrespond = {{ status = 200, body = "x" }}\n')
    context = ssl.create_default_context(cafile=certificate)
    with chain(place, 'webfront', text) as run:
        address = run.daemon.address()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.minimum_version = context.maximum_version = version
            _, session = resumes(address, None, context)
            assert resumes(address, session, context)[0], 'no session is resumed at all'
            _, session = resumes(address, None, context)
            run.upgrade()
            assert resumes(address, session, context)[0], 'the ticket of the old process'


def test_what_cannot_serve_changes_nothing(place):
    """A configuration that is broken, a binary that is, a new process that is killed: the old one goes on and says why."""
    origin = place.origin(reloading.answer)
    for name in reloading.KINDS:
        kind = reloading.KINDS[name](place, [origin.address] * 4)
        with chain(place, name, kind.text(lambda switch: False)) as run:
            kind.door = run.daemon.address()
            with load(kind):
                with open(run.daemon.config, 'a') as file:
                    file.write('\n[nonsense]\n')
                said = reloading.admin(place, 'upgrade')
                assert 'nonsense' in said and 'exit code 1' in said, said
                wire.wait_for(lambda: 'goes on' in run.daemon.errors(), 'the log says so')
                assert run.pid() == run.pids[0] and reloading.status(place, 'state') == 'serving'
                assert re.search(r'upgrades_total{result="failed"} 1\b', reloading.metrics(place))
            # Then one that may.
            with open(run.daemon.config, 'w') as file:
                file.write(kind.text(lambda switch: False))
            run.upgrade()
            assert re.search(r'upgrades_total{result="failed"} 1\b', reloading.metrics(place))
            assert wire.get(kind.door, '/quick/1').status == 200


# A new process that is killed when it has all that it was offered, slots included, and has not served yet.
HALF_WAY = """#!/usr/bin/env python3
import os, signal, socket, struct
link = socket.socket(fileno=int(os.environ['TRIVET_HANDOVER']))
number = lambda: struct.unpack('q', link.recvmsg(65536, 4096)[0][:8])[0]
while number() != 4:                  # offered
    pass
link.send(struct.pack('q', 6))        # take
while number() != 9:                  # all lent
    pass
signal.pause() if PAUSE else os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_new_process_that_is_killed(place):
    """Whenever it happens before it serves: nobody notices, and no slot is lost."""
    servers = [Busy(), Busy()]
    origins = [place.origin(one.answer).address for one in servers]
    place.binaries, binaries = place.directory, place.binaries
    binary = place.path('balancer')
    shutil.copy(f'{binaries}/balancer', binary)
    text = (f'admin = "unix:{place.path("admin")}"\n[defaults]\ntimeout = {{ queue = "60s" }}\n[[frontend]]\nname = "front"\nbind = "{place.new_address("b")}"\n'
            'default_backend = "app"\n[[backend]]\nname = "app"\n')
    for n, origin in enumerate(origins, 1):
        text += f'[[backend.server]]\nname = "s{n}"\naddress = "{origin}"\nmaxconn = 1\ncheck = false\n'

    class Kind:
        second = None
    with chain(place, 'balancer', text) as run:
        Kind.door = run.daemon.address()
        os.rename(binary, binary + '.real')
        with load(Kind) as clients:
            for script in ('#!/bin/sh\nkill -9 $$\n', '#!/bin/sh\nexit 7\n', '#!/bin/sh\nexec true\n', HALF_WAY.replace('PAUSE', 'False'),
                           HALF_WAY.replace('PAUSE', 'True'), '#!/bin/sh\nexec sleep 1000\n'):
                with open(binary + '.new', 'w') as file:
                    file.write(script)
                os.chmod(binary + '.new', 0o755)
                os.rename(binary + '.new', binary)
                said = []
                asking = threading.Thread(target=lambda: said.append(reloading.admin(place, 'upgrade')))
                asking.start()
                if 'pause() if True' in script or 'sleep' in script:
                    wire.wait_for(lambda: reloading.status(place, 'state') == 'handing over', 'it is told')
                    assert 'goes on already' in reloading.admin(place, 'upgrade')
                    before = clients.done
                    wire.wait_for(lambda: clients.done > before + 20 or clients.problems, 'the load goes on')
                    started = lambda: re.findall(r'was started as process (\d+)', run.daemon.errors())
                    wire.wait_for(lambda: started() and not ended(int(started()[-1])), 'it runs')
                    os.kill(int(started()[-1]), signal.SIGKILL)
                asking.join(wire.patience() * 2)
                assert said and 'did not come to serve' in said[0], (script, said)
                assert run.pid() == run.pids[0] and reloading.status(place, 'state') == 'serving'
                before = clients.done
                wire.wait_for(lambda: clients.done > before + 20 or clients.problems, 'the load goes on')
            os.rename(binary + '.real', binary)
            run.upgrade()
        assert [one.most for one in servers] == [1, 1], [one.most for one in servers]


def test_sigusr2_and_what_changed_meanwhile(place):
    """By signal; the new process has the new configuration, old listeners are its own, those that went are closed."""
    origin = place.origin(reloading.answer)
    for name in reloading.KINDS:
        kind = reloading.KINDS[name](place, [origin.address] * 4)
        with chain(place, name, kind.text(lambda switch: False)) as run:
            address = run.daemon.address()
            with open(run.daemon.config, 'w') as file:
                file.write(re.sub('workers = .*', f'workers = {place.workers + 1}', kind.text(lambda switch: switch in ('listener', 'frontend'))))
            run.daemon.signal(signal.SIGUSR2)
            run.ends(run.pids[0])
            run.pids.append(run.pid())
            run.daemon.await_ready()
            assert run.daemon.address() == address
            for door in (address, kind.extra):
                assert wire.get(door, '/quick/1').status == 200
            assert reloading.status(place, 'workers') == str(place.workers)
            assert 'workers' in reloading.status(place, 'waits for a restart')
            with open(run.daemon.config, 'w') as file:
                file.write(kind.text(lambda switch: False))
            run.upgrade()
            run.ends(run.pids[1])
            assert not os.path.exists(kind.extra[5:]), 'the file of a listener that is gone'
            assert wire.get(address, '/quick/2').status == 200
        if address.startswith('unix:'):
            assert not os.path.exists(address[5:]), 'removed by the last one'
