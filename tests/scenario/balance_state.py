# SPDX-License-Identifier: BSD-2-Clause
"""What the balancer keeps: servers that stay over a reload, what commands changed over reload and restart, and how it tells the difference."""
import collections
import json
import os
import re
import signal
import threading

import reloading
import wire


def named(name, delay=None, health=None):
    """An origin's answers that say who gave them; health is a dict with a status for /ok."""
    def answer(connection, request):
        if request.target == '/ok':
            return connection.answer((health or {}).get('status', 200), '', b'')
        if delay:
            delay()
        connection.answer(200, 'X-A: 1', name.encode())
    return answer


def ask(daemon, path='/', **more):
    return wire.get(daemon.address(), path, **more)


def admin(daemon, line):
    return reloading.admin(daemon.place, line)


def stat(daemon):
    """Rows of `show stat` as dicts by (pxname, svname)."""
    lines = [line for line in admin(daemon, 'show stat').splitlines() if line]
    names = lines[0].lstrip('# ').split(',')
    return {(row[0], row[1]): dict(zip(names, row)) for row in (line.split(',') for line in lines[1:])}


class Bench:
    """A balancer whose servers are rewritten: a list of (name, address, more)."""

    def __init__(self, place, servers, top='', backend=''):
        self.place, self.bind, self.top, self.backend = place, place.new_address('b'), top, backend
        self.daemon = place.daemon('balancer', self.text(servers))
        self.daemon.place = place

    def text(self, servers):
        lines = [f'workers = {self.place.workers}', f'admin = "unix:{self.place.path("admin")}"', 'metrics = "127.0.0.1:0"', self.top, '[[frontend]]', 'name = "front"',
                 f'bind = "{self.bind}"', 'default_backend = "app"', '[[backend]]', 'name = "app"', self.backend]
        for name, address, more in servers:
            lines += ['[[backend.server]]', f'name = "{name}"', f'address = "{address}"', more if 'check' in more else 'check = false\n' + more]
        return '\n'.join(lines + [''])

    def write(self, servers):
        with open(self.daemon.config, 'w') as file:
            file.write(self.text(servers))

    def reload(self, servers):
        self.write(servers)
        said = admin(self.daemon, 'reload')
        assert 'serves by the new configuration' in said, said
        return said

    def stat(self, server):
        return stat(self.daemon)[('app', server)]

    def kill(self):
        """kill -9, and a new process with the same configuration."""
        self.daemon.expected_code = None
        self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait()
        self.place.daemons.remove(self.daemon)
        os.unlink(self.daemon.ready)
        with open(self.daemon.config) as file:
            text = file.read()
        self.daemon = self.place.daemon('balancer', text)
        self.daemon.place = self.place


def file_says(path, *words):
    def look():
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            return False
        return all(word in text for word in words)
    wire.wait_for(look, f'{words} never came to {path}')


def opened(origin):
    return len([one for one in origin.connections if one.socket.fileno() >= 0])


class Load:
    """Clients that only take good answers, by kept connections; POST as well as GET."""

    def __init__(self, bench, number=6):
        self.bench, self.over, self.problems, self.seen = bench, threading.Event(), [], collections.Counter()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(number)]
        for thread in self.threads:
            thread.start()

    def run(self, n):
        try:
            with wire.Connection(self.bench.daemon.address(), timeout=wire.patience() * 4) as client:
                while not self.over.is_set():
                    got = client.ask(wire.request(f'/{n}', method='POST', body=b'x') if n % 2 else wire.request(f'/{n}'))
                    assert got.status == 200 and got.complete, f'{got.status} {got.fields}'
                    self.seen[got.body] += 1
        except BaseException as problem:
            self.problems.append(repr(problem))

    def until(self, body):
        before = self.seen[body]
        wire.wait_for(lambda: self.seen[body] > before + 3 or self.problems, f'{body} is not asked')

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(wire.patience() * 8)
        assert not self.problems, self.problems[:3]


def test_servers_come_and_go_under_load(place):
    """Added, removed, moved and changed: nobody sees it, who stays keeps counters and connections."""
    origins = {name: place.origin(named(name)) for name in ('a', 'b', 'c', 'd')}
    at = {name: origin.address for name, origin in origins.items()}
    stays = ('s1', at['a'], 'maxconn = 3\n')
    bench = Bench(place, [stays, ('s2', at['b'], '')])
    load = Load(bench)
    load.until(b'a')
    load.until(b'b')
    for _ in range(3):
        before = int(bench.stat('s1')['stot'])
        bench.reload([stays, ('s3', at['c'], 'weight = 3\n')])
        load.until(b'c')
        assert ('app', 's2') not in stat(bench.daemon)
        wire.wait_for(lambda: not opened(origins['b']), 'connections to a server that is gone stay open')
        assert int(bench.stat('s1')['stot']) >= before > 0
        bench.reload([('s3', at['d'], ''), stays, ('s2', at['b'], 'maxconn = 1\n')])
        load.until(b'd')
        load.until(b'b')
        assert bench.stat('s2')['slim'] == '1' and int(bench.stat('s1')['stot']) > before
        bench.reload([stays, ('s2', at['b'], '')])
        load.until(b'b')
    load.end()
    with wire.Connection(bench.daemon.named('metrics')) as page:
        text = page.ask(wire.request('/metrics')).body.decode()
    assert re.search(r'balancer_server_requests_total\{backend="app",server="s1"\} [1-9]', text) and 'server="s3"' not in text


def test_an_idle_connection_to_a_server_that_stays_is_kept(place):
    a, b = place.origin(named('a')), place.origin(named('b'))
    place.workers = 1   # else the second request may come to the worker that has none
    bench = Bench(place, [('s1', a.address, '')])
    assert ask(bench.daemon).body == b'a'
    for servers in ([('s1', a.address, 'weight = 2\n'), ('s2', b.address, 'weight = 0\n')], [('s1', a.address, '')]):
        bench.reload(servers)
        assert ask(bench.daemon).body == b'a'
    assert len(a.connections) == 1, 'a reload closed it'
    assert admin(bench.daemon, 'set server app/s1 state drain; set server app/s1 state ready').strip() == ''
    assert ask(bench.daemon).body == b'a' and len(a.connections) == 1


def test_a_lowered_limit_lets_work_finish(place):
    gate = threading.Semaphore(0)
    origin = place.origin(named('a', lambda: gate.acquire(timeout=wire.patience() * 2)))
    bench = Bench(place, [('s1', origin.address, 'maxconn = 2\n')])
    clients = [wire.Connection(bench.daemon.address()) for _ in range(4)]
    for number, client in enumerate(clients):
        client.send(wire.request(f'/{number}'))
        wire.wait_for(lambda: len(origin.requests) + int(stat(bench.daemon)[('app', 'BACKEND')]['qcur']) == number + 1, 'not there')
    assert len(origin.requests) == 2
    bench.reload([('s1', origin.address, 'maxconn = 1\n')])
    gate.release()
    wire.wait_for(lambda: bench.stat('s1')['scur'] == '1', 'the first does not end')
    assert len(origin.requests) == 2, 'the limit does not hold'
    gate.release()
    wire.wait_for(lambda: len(origin.requests) == 3, 'the next does not come')
    bench.reload([('s1', origin.address, 'maxconn = 7\n')])
    wire.wait_for(lambda: len(origin.requests) == 4, 'a raised limit lets nobody in')
    for _ in clients:
        gate.release()
    for client in clients:
        assert client.answer().status == 200
        client.close()


def test_sticky_clients_over_a_reload(place):
    def answer(name):
        return lambda connection, request: connection.answer(200, 'Cache-Control: private', name.encode())
    a, b, c = (place.origin(answer(name)) for name in 'abc')
    bench = Bench(place, [('s1', a.address, ''), ('s2', b.address, '')], backend='cookie = { name = "srv" }')
    for _ in range(3):
        bench.reload([('s0', c.address, ''), ('s2', b.address, ''), ('s1', a.address, 'weight = 2\n')])
        for server, body in (('s1', b'a'), ('s2', b'b'), ('s0', b'c')):
            for _ in range(4):
                got = ask(bench.daemon, fields=f'Cookie: srv={server}')
                assert got.body == body and got.get('Set-Cookie') is None, (server, got.body, got.fields)
        bench.reload([('s1', a.address, ''), ('s2', b.address, '')])
        got = ask(bench.daemon, fields='Cookie: srv=s0')
        assert got.body in (b'a', b'b') and got.get('Set-Cookie').startswith('srv=s'), got.fields


def test_a_removed_backend_answers_what_waits_in_its_queue(place):
    gate = threading.Semaphore(0)
    old, new = place.origin(named('old', lambda: gate.acquire(timeout=wire.patience() * 2))), place.origin(named('new'))
    bench = Bench(place, [('s1', old.address, 'maxconn = 1\n')])
    clients = [wire.Connection(bench.daemon.address()) for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(wire.request('/'))
        wire.wait_for(lambda: len(old.requests) + int(stat(bench.daemon)[('app', 'BACKEND')]['qcur']) == number + 1, 'not there')
    with open(bench.daemon.config, 'w') as file:
        file.write(bench.text([('s1', new.address, '')]).replace('"app"', '"other"'))
    assert 'serves by the new' in admin(bench.daemon, 'reload')
    assert ask(bench.daemon).body == b'new'
    for client in clients:
        gate.release()
        got = client.answer()
        assert got.status == 200 and got.body == b'old', got.status
    assert clients[0].ask(wire.request('/')).body == b'new'
    for client in clients:
        client.close()


def test_commands_stand_until_the_file_changes_there(place):
    a, b, c = (place.origin(named(name)) for name in 'abc')
    bench = Bench(place, [('s1', a.address, 'weight = 1\n'), ('s2', b.address, '')])
    assert admin(bench.daemon, 'diff').strip() == 'no difference'
    for command in ('set server app/s1 weight 5', 'disable server app/s2', f'add server app/s3 {c.address} weight 2', 'enable server app/s3'):
        said = admin(bench.daemon, command)
        assert said.strip() == ('New server registered.' if command.startswith('add') else ''), f'{command}: {said}'
    got = collections.Counter(ask(bench.daemon).body for _ in range(14))
    assert got == {b'a': 10, b'c': 4}, got
    lines = admin(bench.daemon, 'diff').splitlines()
    assert [line.split(', since ')[0] for line in lines if line] == [
        'app/s1 weight: configured 1, now 5', 'app/s2 state: configured ready, now maint', f'app/s3 server: configured none, now {c.address}'], lines
    bench.reload([('s1', a.address, 'weight = 1\nmaxconn = 9\n'), ('s2', b.address, '')])
    assert bench.stat('s1')['weight'] == '5' and bench.stat('s1')['slim'] == '9' and bench.stat('s2')['status'] == 'MAINT'
    bench.reload([('s1', a.address, 'weight = 3\n'), ('s2', b.address, '')])
    assert bench.stat('s1')['weight'] == '3'
    said = admin(bench.daemon, 'del server app/s3')
    assert said.strip() == 'Only servers in maintenance mode can be deleted.', said
    admin(bench.daemon, 'disable server app/s3')
    assert admin(bench.daemon, 'del server app/s3').strip() == 'Server deleted.'
    assert admin(bench.daemon, 'del server app/s3').strip() == 'No such server.'
    admin(bench.daemon, 'enable server app/s2')
    assert admin(bench.daemon, 'diff').strip() == 'no difference'
    assert {ask(bench.daemon).body for _ in range(8)} == {b'a', b'b'}


def test_state_survives_kill_9(place):
    """Also what a reload kept; the log says what is not configured any more."""
    a, b, c, d = (place.origin(named(name)) for name in 'abcd')
    path = place.path('state')
    servers = [('s1', a.address, ''), ('s2', b.address, ''), ('s4', d.address, 'weight = 2\n')]
    bench = Bench(place, servers, top=f'state = "{path}"')
    assert not os.path.exists(path)
    for command in ('disable server app/s2', f'add server app/s3 {c.address}', 'enable server app/s3', 'set server app/s1 weight 2', 'set weight app/s4 1',
                    'set server app/s4 state maint', 'del server app/s4'):
        admin(bench.daemon, command)
    file_says(path, '"maint"', c.address, '"deleted"')
    before = admin(bench.daemon, 'diff')
    with open(path) as file:
        assert json.load(file)['version'] == 1
    bench.kill()
    assert admin(bench.daemon, 'diff') == before
    assert collections.Counter(ask(bench.daemon).body for _ in range(9)) == {b'a': 6, b'c': 3}
    assert bench.stat('s2')['status'] == 'MAINT' and ('app', 's4') not in stat(bench.daemon)
    # Both changed in the file: it has the last word.
    servers[0] = ('s1', a.address, 'weight = 7\n')
    servers[2] = ('s4', d.address, 'weight = 3\n')
    bench.write(servers)
    bench.kill()
    assert bench.stat('s1')['weight'] == '7' and bench.stat('s4')['weight'] == '3'
    assert {line.split()[0] for line in admin(bench.daemon, 'diff').splitlines() if line} == {'app/s2', 'app/s3'}
    wire.wait_for(lambda: '"s1"' not in open(path).read() and 'app/s1' not in open(path).read(), 'the file still has what does not hold any more')


def test_a_broken_state_file_is_set_aside(place):
    a, b = (place.origin(named(name)) for name in 'ab')
    path = place.path('state')
    with open(path, 'w') as file:
        file.write('{"version": 1, "serv')
    bench = Bench(place, [('s1', a.address, ''), ('s2', b.address, '')], top=f'state = "{path}"')
    assert {ask(bench.daemon).body for _ in range(6)} == {b'a', b'b'}
    assert open(path + '.bad').read() == '{"version": 1, "serv' and not os.path.exists(path)
    wire.wait_for(lambda: 'state.bad' in bench.daemon.errors(), 'the log does not say it')
    admin(bench.daemon, 'disable server app/s2')
    file_says(path, 'maint')


def test_a_disk_that_takes_no_state_stops_nothing(place):
    a, b = (place.origin(named(name)) for name in 'ab')
    folder = place.path('gone')
    bench = Bench(place, [('s1', a.address, ''), ('s2', b.address, '')], top=f'state = "{folder}/state"')
    assert admin(bench.daemon, 'disable server app/s2').strip() == ''
    assert {ask(bench.daemon).body for _ in range(6)} == {b'a'}

    def failures():
        with wire.Connection(bench.daemon.named('metrics')) as page:
            return 'balancer_state_write_failures_total 1' in page.ask(wire.request('/metrics')).body.decode()
    wire.wait_for(failures, 'the failure is not counted')
    wire.wait_for(lambda: 'cannot create the state file' in bench.daemon.errors(), 'the log does not say it')
    os.mkdir(folder)
    admin(bench.daemon, 'set weight app/s1 4')
    file_says(f'{folder}/state', 'maint', '"now": 4')


def test_checks_of_servers_that_commands_add(place):
    health = {'status': 503}
    a, b = place.origin(named('a')), place.origin(named('b', health=health))
    check = '[backend.check]\ninterval = { up = "50ms", down = "50ms", change = "20ms" }\nrequest = { uri = "/ok" }\nrise = 2\nfall = 2\n'
    bench = Bench(place, [('s1', a.address, '')], backend=check)
    assert admin(bench.daemon, f'add server app/s2 {b.address} check maxconn 2').strip() == 'New server registered.'
    admin(bench.daemon, 'enable server app/s2')
    wire.wait_for(lambda: b.count(lambda one: one.target == '/ok') > 2, 'it is not checked')
    assert {ask(bench.daemon).body for _ in range(4)} == {b'a'}
    health['status'] = 200
    wire.wait_for(lambda: ask(bench.daemon).body == b'b', 'it is never used')
    assert bench.stat('s2')['status'].startswith('UP') and bench.stat('s2')['slim'] == '2'
    admin(bench.daemon, 'set server app/s2 state drain')
    wire.wait_for(lambda: admin(bench.daemon, 'del server app/s2').strip() == 'Server deleted.', 'it cannot be removed')
    checks = b.count(lambda one: one.target == '/ok')
    assert ask(bench.daemon).body == b'a'
    bench.reload([('s1', a.address, 'weight = 2\n')])
    assert b.count(lambda one: one.target == '/ok') <= checks + 1, 'a server that is gone is checked'


def test_words_that_are_refused(place):
    a = place.origin(named('a'))
    bench = Bench(place, [('s1', a.address, '')], backend='check = false')
    for command, said in {
            'add server app': "Require 'backend/server' and an address.", 'add server app/x': "Require 'backend/server' and an address.",
            'add server no/x 127.0.0.1:1': 'No such backend.', 'add server app/s1 127.0.0.1:1': 'Already exists a server with the same name in backend.',
            'add server app/x 127.0.0.1': "'127.0.0.1' is no address: 'ip:port' or 'unix:/path'.",
            'add server app/x 127.0.0.1:1 check': "backend 'app' has no checks: leave 'check' out.",
            'add server app/x 127.0.0.1:1 weight': "'weight' expects a number.",
            'add server app/x 127.0.0.1:1 ssl': "'ssl' is not known: weight <n>, maxconn <n>, check.",
            'del server app/x': 'No such server.', 'set server app/s1 addr 300.0.0.1:1': "Invalid addr family or address: '300.0.0.1:1'."}.items():
        got = admin(bench.daemon, command).strip()
        assert got == said, f'{command}: {got}'
    assert admin(bench.daemon, 'diff').strip() == 'no difference'
