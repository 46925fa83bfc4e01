# SPDX-License-Identifier: BSD-2-Clause
"""Asking and telling a running daemon: lines, HTTP, the control client, levels of rights, traces; also while no worker does anything."""
import ctypes
import json
import os
import re
import signal
import stat
import subprocess
import threading
import time

import wire

DAEMONS = ('webfront', 'cachenode', 'balancer')


def start(place, name, origin, admin=None, top=''):
    door = admin or f'"unix:{place.path(name + ".admin")}"'
    top = f'admin = {door}\nmetrics = "127.0.0.1:0"\n{top}\n'
    if name == 'webfront':
        return place.webfront(f'[[site.route]]\nproxy = "{origin}"\n', top=top)
    if name == 'cachenode':
        return place.cachenode(origin, top=top)
    return place.balancer([origin], top=top)


def say(address, text):
    """What the socket answers to a line."""
    with wire.Connection(address) as admin:
        admin.send(text.encode() + b'\n')
        while admin.more():
            pass
        return admin.pending.decode()


def ask(address, path, method='GET', body=''):
    got = wire.get(address, path, method=method, body=body.encode(), fields='Connection: close')
    return got.status, json.loads(got.body)


def door(place, name, tag='admin'):
    return f'unix:{place.path(f"{name}.{tag}")}'


def client(place, daemon, *words):
    done = subprocess.run([f'{place.binaries}/{daemon.name}', '-c', daemon.config, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=wire.patience() * 4)
    return done.returncode, done.stdout, done.stderr


def test_lines_and_http(place):
    """The first bytes decide; both say the same."""
    origin = place.origin()
    for name in DAEMONS:
        daemon = start(place, name, origin.address)
        admin = door(place, name)
        wire.get(daemon.address(), '/')
        assert f'name: {name}\n' in say(admin, 'status') and f'workers: {place.workers}\n' in say(admin, 'status')
        status, value = ask(admin, '/status')
        assert status == 200 and value['ok'] and value['value']['name'] == name and value['value']['workers'] == place.workers, value
        assert f'{name}_workers {place.workers}\n' in say(admin, 'stat')
        status, value = ask(admin, '/stat')
        family = value['value'][f'{name}_workers']
        assert status == 200 and family['type'] == 'gauge' and family['values'] == [{'labels': {}, 'value': place.workers}], family
        assert say(admin, f'version; help').startswith(name + ' ')
        status, value = ask(admin, '/explain?http://a.example/')
        assert status == 200 and 'a.example' in value['value']['text'] or value['value'], value
        assert ask(admin, '/nonsense')[0] == 404 and say(admin, 'nonsense').startswith('Unknown command')
        assert ask(admin, '/reopen')[0] == 405, 'GET must change nothing'
        status, value = ask(admin, '/reopen', 'POST')
        assert status == 200 and value['ok'], value
        assert ask(admin, '/', 'POST', 'status')[1]['value']['name'] == name
        # What was reloaded, as data.
        status, value = ask(admin, '/reload', 'POST', '--dry-run')
        assert status == 200 and value['value']['applied'] is False and value['value']['changes'] == [], value
        status, value = ask(admin, '/reload', 'POST')
        assert status == 200 and value['value']['applied'] is True, value
        with open(daemon.config, 'a') as file:
            file.write('\n[nonsense]\n')
        status, value = ask(admin, '/reload', 'POST')
        assert status == 400 and not value['ok'], value
        # A session.
        with wire.Connection(admin) as session:
            session.send(b'prompt\n')
            session.until(b'> ')
            for _ in range(3):
                session.send(b'version\n')
                assert session.until(b'\n\n> ').startswith(name.encode())
            session.send(b'reload\n')
            assert b'nonsense' in session.until(b'\n\n> ')
            session.send(b'quit\n')
            assert session.closes()


def test_levels(place):
    """user looks, operator changes what serves, admin ends the process; the socket files have the rights that were asked for."""
    origin = place.origin()
    for name in DAEMONS:
        doors = (f'["{door(place, name, "all")}", {{ address = "{door(place, name, "op")}", level = "operator", mode = "0600" }}, '
                 '{ address = "127.0.0.1:0", level = "user" }]')
        daemon = start(place, name, origin.address, admin=doors)
        everything, operator, user = [address for label, address in daemon.addresses if label == 'admin']
        assert stat.S_IMODE(os.stat(everything[5:]).st_mode) == 0o660 and stat.S_IMODE(os.stat(operator[5:]).st_mode) == 0o600
        for address in (everything, operator, user):
            assert f'name: {name}' in say(address, 'status')
            assert ask(address, '/status')[0] == 200
        for command in ('reopen', 'reload', 'trace', 'stop', 'shutdown'):
            assert say(user, command) == 'Permission denied\n\n', command
            assert ask(user, '/' + command, 'POST')[0] == 403, command
        assert 'open again' in say(operator, 'reopen') and 'generation' in say(operator, 'reload')
        assert ask(operator, '/trace')[0] == 200
        for command in ('stop', 'shutdown'):
            assert say(operator, command) == 'Permission denied\n\n', command
        # The control client takes the door that may do all.
        assert client(place, daemon, 'status')[0] == 0
        # Rights change without a restart.
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, 'w') as file:
            file.write(text.replace('"operator", mode = "0600"', '"user", mode = "0666"'))
        assert 'generation 3' in say(everything, 'reload')
        assert stat.S_IMODE(os.stat(operator[5:]).st_mode) == 0o666
        assert say(operator, 'reopen') == 'Permission denied\n\n' and f'name: {name}' in say(operator, 'status')
        assert 'stopping' in say(everything, 'stop')
        daemon.process.wait(wire.patience())


def test_nobody_commands_over_tcp(place):
    """-t refuses it, with the cure."""
    for name in DAEMONS:
        daemon = start(place, name, '127.0.0.1:9')
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, 'w') as file:
            file.write(re.sub('^admin = .*$', 'admin = "127.0.0.1:9000"', text, flags=re.M))
        code, out, err = client(place, daemon, '-t')
        assert code == 1 and 'nobody is asked who he is' in err and 'level = "user"' in err, err


def test_the_control_client(place):
    """Every word, with its exit code."""
    origin = place.origin()
    for name in DAEMONS:
        daemon = start(place, name, origin.address)
        wire.get(daemon.address(), '/seen')
        wire.wait_for(lambda: '/seen' in say(door(place, name), 'trace'), f'{name}: no trace')
        for words, expected in ((('status',), f'name: {name}'), (('stat',), f'{name}_workers'), (('reopen',), 'open again'),
                                (('explain', 'http://a.example/'), 'a.example'), (('trace',), '/seen'), (('trace', 'slow'), '/seen'), (('trace', '1'), '/seen'),
                                (('reload', '--dry-run'), 'dry run'), (('reload',), 'generation 2'), (('help',), 'reload'), (('validate',), '')):
            code, out, err = client(place, daemon, *words)
            assert code == 0 and (expected in out or words[0] == 'explain' and out), f'{name} {words}: {code} {out} {err}'
        code, out, err = client(place, daemon, 'trace', 'nothing-like-it')
        assert code == 1 and 'remembered' in err and not out, err
        assert client(place, daemon, 'nonsense')[0] == 2
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, 'w') as file:
            file.write(text + '\n[nonsense]\n')
        for words in (('reload',), ('reload', '--dry-run')):
            code, out, err = client(place, daemon, *words)
            assert code == 1 and 'nonsense' in err and not out, f'{words}: {code} {err}'
        with open(daemon.config, 'w') as file:
            file.write(text)
        code, out, err = client(place, daemon, 'quit')
        assert code == 0, err
        daemon.process.wait(wire.patience())
        assert daemon.process.returncode == 0
        assert client(place, daemon, 'status')[0] == 1
    daemon = place.webfront('[[site.route]]\nrespond = { status = 200 }\n', top=f'admin = "{door(place, "stopped")}"\n', tag='stopped')
    assert client(place, daemon, 'stop')[0] == 0
    daemon.process.wait(wire.patience())
    assert daemon.process.returncode == 0


class Frozen:
    """Worker threads that stand still, as a debugger makes them: whatever is asked meanwhile is answered by others."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, daemon):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        tasks = f'/proc/{daemon.process.pid}/task'
        self.threads = []
        for task in os.listdir(tasks):
            with open(f'{tasks}/{task}/comm') as file:
                if re.fullmatch(rf'{daemon.name[:11]}/\d+', file.read().strip()):
                    self.threads.append(int(task))
        for thread in self.threads:
            self.call(self.SEIZE, thread)
            self.call(self.INTERRUPT, thread)
            os.waitpid(thread, self.WALL)

    def call(self, request, thread):
        if self.libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), 'ptrace')

    def thaw(self):
        for thread in self.threads:
            self.call(self.DETACH, thread)


def test_answers_while_no_worker_does(place):
    """All workers stand still: whoever asks is answered by the control thread, and told which workers say nothing."""
    origin = place.origin()
    for name in DAEMONS:
        daemon = start(place, name, origin.address)
        admin = door(place, name)
        wire.get(daemon.address(), '/before')
        try:
            frozen = Frozen(daemon)
        except OSError:
            return  # not permitted here: nothing to see
        try:
            assert len(frozen.threads) == place.workers, frozen.threads
            waiting = wire.Connection(daemon.address())
            waiting.send(wire.request('/after'))
            assert f'name: {name}' in say(admin, 'status')
            assert ask(admin, '/status')[0] == 200 and ask(admin, '/stat')[0] == 200
            assert wire.get(daemon.named('metrics'), '/metrics').status == 200
            assert client(place, daemon, 'explain', 'http://a.example/')[0] == 0
            assert 'open again' in say(admin, 'reopen')
            for line in ('show stat', 'show servers state', 'show info') if name == 'balancer' else ():
                assert not say(admin, line).startswith('Unknown')
            missing = ask(admin, '/trace')[1]['value']['workers_missing']
            assert missing == list(range(place.workers)), missing
            # A command whose answer waits for workers, and who asked leaves.
            with wire.Connection(admin) as gone:
                gone.send(b'reload\n')
            assert f'name: {name}' in say(admin, 'status')
        finally:
            frozen.thaw()
        assert waiting.answer().status == 200
        waiting.close()
        wire.wait_for(lambda: 'generation: 2\n' in say(admin, 'status'), f'{name}: the reload did not end')
        wire.wait_for(lambda: '/after' in say(admin, 'trace'), f'{name}: no trace')


def test_answers_under_load(place):
    """Clients that never pause keep every worker busy."""
    origin = place.origin()
    daemon = place.webfront('[[site.route]]\nrespond = { status = 200, body = "x" }\n', top=f'admin = "{door(place, "webfront")}"\n')
    stopping = threading.Event()
    problems = []

    def hammer():
        try:
            with wire.Connection(daemon.address()) as connection:
                while not stopping.is_set():
                    connection.send(wire.request('/') * 64)
                    for _ in range(64):
                        assert connection.answer().status == 200
        except Exception as problem:
            problems.append(repr(problem))
    threads = [threading.Thread(target=hammer) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert 'name: webfront' in say(door(place, 'webfront'), 'status')
            assert len(ask(door(place, 'webfront'), '/trace?7')[1]['value']['exchanges']) <= 7
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert not problems, problems
    assert origin.requests == []


def test_trace(place):
    """By the name that the log and the next tier know, with states and end; slow and failed ones are kept apart."""
    gate = threading.Event()

    def answer(connection, request):
        if request.target == '/slow':
            gate.wait(wire.patience())
            time.sleep(1.1)  # what is slow is defined so
        if request.target == '/broken':
            return False
        connection.answer(fields='Cache-Control: no-store', body=b'x')
    origin = place.origin(answer)
    for name in DAEMONS:
        gate.set()
        log = place.path(f'{name}.log')
        daemon = start(place, name, origin.address, top=f'[log]\naccess = {{ file = "{log}", format = "$request_id $connection.$connection_requests $request_uri" }}')
        admin = door(place, name)
        fields = 'X-Request-ID: named-by-us'
        with wire.Connection(daemon.address()) as connection:
            for path in ('/first', '/second', '/slow'):
                assert connection.ask(wire.request(path, fields=fields if path == '/second' else '')).status == 200
        assert wire.get(daemon.address(), '/broken').status in (502, 503)
        # A client may have its answer before the exchange ends.
        remembered = lambda: ask(admin, '/trace?100')[1]['value']['exchanges']
        wire.wait_for(lambda: len(remembered()) == 4, f'{name}: not all exchanges are remembered')
        for i in range(5):
            wire.get(daemon.address(), f'/later-{i}')
        wire.wait_for(lambda: len(remembered()) == 9, f'{name}: not all later exchanges are remembered')
        listed = remembered()
        say(admin, 'reopen')  # which writes what waits
        with open(log) as file:
            lines = [line.split() for line in file.read().splitlines()]
        # Newest first; what two workers ended within the same millisecond may stand either way.
        assert {one['target'] for one in listed[:5]} == {f'/later-{i}' for i in range(5)}, listed
        assert len(lines) == 9
        for request_id, number, path in lines:
            for named in ({number} if request_id == '-' else {number, request_id}):
                status, found = ask(admin, f'/trace/{named}')
                assert status == 200 and [one['target'] for one in found['value']['exchanges']] == [path], f'{name} {path} by {named}: {found}'
        slow, = ask(admin, '/trace/slow')[1]['value']['exchanges']
        assert slow['target'] == '/slow' and slow['milliseconds'] >= 1000 and slow['slow'] and not slow['failed'], f'{name}: {slow}'
        failed = [one['target'] for one in ask(admin, '/trace/failed')[1]['value']['exchanges']]
        assert failed == ['/broken'], failed
        second = [number for _, number, path in lines if path == '/second'][0]
        text = say(admin, f'trace {second}')
        assert re.search(r'request: GET a\.example/second HTTP/1\.1', text) and 'status: 200' in text and re.search('^end: (finished|done): ', text, re.M), text
        assert len(re.findall(r'^  \+[\d.]+ms [a-z-]+ for [\d.]+ms$', text, re.M)) >= 2, text
