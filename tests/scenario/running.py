# SPDX-License-Identifier: BSD-2-Clause
"""What the three processes have in common: command line, configuration, signals, logs, metrics, explain, time limits."""
import os
import re
import signal
import subprocess
import threading
import time

import wire

SMALL = {
    'webfront': '[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\nnames = ["*"]\n[[site.route]]\nproxy = "127.0.0.1:9"\n',
    'cachenode': '[[listen]]\naddress = "127.0.0.1:0"\n[origin.app]\naddress = "127.0.0.1:9"\n',
    'balancer': '[[frontend]]\nname = "f"\nbind = "127.0.0.1:0"\ndefault_backend = "app"\n[[backend]]\nname = "app"\n[[backend.server]]\n'
                'name = "s1"\naddress = "127.0.0.1:9"\ncheck = false\n',
}


def once(function):
    function.once = True
    return function


def call(place, daemon, *words, text=None):
    """Runs DAEMON with words, in the test's directory; returns (exit code, stdout, stderr)."""
    if text is not None:
        with open(place.path(f'{daemon}-call.toml'), 'w') as file:
            file.write(text)
        words = ['-c', place.path(f'{daemon}-call.toml'), *words]
    done = subprocess.run([f'{place.binaries}/{daemon}', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=place.directory,
                          timeout=wire.patience() * 4)
    return done.returncode, done.stdout, done.stderr


def start(place, daemon, origin, top='', limits=''):
    if daemon == 'webfront':
        return place.webfront(f'[[site.route]]\nproxy = "{origin}"\n', top=top)
    if daemon == 'cachenode':
        return place.cachenode(origin, top=top)
    return place.balancer([origin], top=top)


@once
def test_configuration_test(place):
    for daemon, text in SMALL.items():
        code, out, err = call(place, daemon, '-t', text=text)
        assert code == 0, err
        lines = err.splitlines()
        assert re.fullmatch(r'.*configuration file \S+ syntax is ok', lines[-2]) and lines[-1].endswith('test is successful'), err
        assert call(place, daemon, '-t', '-q', text=text)[1:] == ('', ''), 'quiet is not quiet'


@once
def test_all_problems_of_meaning_at_once(place):
    """With file, line, column and what was meant."""
    for daemon, text in SMALL.items():
        code, out, err = call(place, daemon, '-t', text='wrokers = 2\n' + text + '\n[lgo]\naccess = false\n')
        assert code == 1, f'{daemon}: {code}'
        assert re.search(r'call\.toml:1:\d+: .*wrokers', err) and 'workers' in err, err
        assert 'lgo' in err and 'log' in err, err
        code, out, err = call(place, daemon, '-t', text='workers = "many"\n' + text)
        assert code == 1 and re.search(r'call\.toml:1:\d+: ', err), err
        code, out, err = call(place, daemon, '-t', text=text + '\n[broken\n')
        assert code == 1 and re.search(r'call\.toml:\d+:\d+: ', err), err


@once
def test_options_not_built_yet_are_unknown(place):
    for daemon, option in (('webfront', '[limits]\nper_client = { connections = 64 }\n'), ('cachenode', '[storage]\ndisk = { path = "/x" }\n'),
                           ('balancer', 'slowstart = "1m"\n')):
        text = option + SMALL[daemon] if daemon == 'balancer' else SMALL[daemon] + option
        code, out, err = call(place, daemon, '-t', text=text)
        assert code == 1, f'{daemon} accepts {option!r}'


@once
def test_the_effective_configuration(place):
    for daemon, text in SMALL.items():
        code, out, err = call(place, daemon, '-T', text=text)
        assert code == 0 and '127.0.0.1:9' in out and 'workers' in out, out + err
        # What -T prints is a configuration with the same meaning.
        code, again, err = call(place, daemon, '-T', text=out)
        assert code == 0, err
        assert [line for line in again.splitlines() if not line.startswith('#')] == [line for line in out.splitlines() if not line.startswith('#')]


@once
def test_usage_and_version(place):
    for daemon in SMALL:
        assert call(place, daemon, '--no-such-option')[0] == 2
        code, out, err = call(place, daemon, '-v')
        assert code == 0 and daemon in out + err
        code, out, err = call(place, daemon, '-c', '/nonexistent.toml', '-t')
        assert code == 1 and '/nonexistent.toml' in err
        assert call(place, daemon, '-c', '/nonexistent.toml')[0] == 1


@once
def test_include(place):
    os.makedirs(place.path('conf.d'))
    for daemon, text in SMALL.items():
        mark = {'webfront': '[[site]]', 'cachenode': '[origin', 'balancer': '[[backend]]'}[daemon]
        head, rest = text.split(mark, 1)
        rest = mark + rest
        with open(place.path('conf.d/more.toml'), 'w') as file:
            file.write(rest)
        code, out, err = call(place, daemon, '-T', text='include = ["conf.d/*.toml"]\n' + head)
        assert code == 0 and '127.0.0.1:9' in out, err
        with open(place.path('conf.d/more.toml'), 'w') as file:
            file.write('wrokers = 1\n' + rest)
        code, out, err = call(place, daemon, '-t', text='include = ["conf.d/*.toml"]\n' + head)
        assert code == 1 and 'more.toml:1:' in err, err


@once
def test_an_address_in_use(place):
    origin = place.origin(address='127.0.0.1:0')
    for daemon, text in SMALL.items():
        code, out, err = call(place, daemon, text=text.replace('127.0.0.1:0', origin.address))
        assert code == 1 and origin.address in err, f'{daemon}: {code} {err}'


def test_ready_names_every_listener(place):
    unix = place.path('second.sock')
    front = place.daemon('webfront', f'[[listen]]\naddress = ["127.0.0.1:0", "unix:{unix}"]\n[[site]]\nnames = ["*"]\n[[site.route]]\n'
                                     'respond = { status = 200, body = "x" }\n')
    assert [listener for listener, _ in front.addresses] == ['127.0.0.1:0', f'unix:{unix}'], front.addresses
    for _, address in front.addresses:
        assert wire.get(address).status == 200


def test_ipv6(place):
    origin = place.origin(address='[::1]:0')
    front = place.daemon('webfront', f'[[listen]]\naddress = "[::1]:0"\n[[site]]\nnames = ["*"]\n[[site.route]]\nproxy = "{origin.address}"\n')
    assert wire.get(front.address()).status == 200


def test_sigterm_drains(place):
    """What runs may finish, nothing new is accepted, idle connections end at once."""
    gate = threading.Event()

    def answer(connection, request):
        if request.target == '/slow':
            gate.wait(wire.patience() * 2)
        connection.answer(body=b'done')
    origin = place.origin(answer)
    for name in SMALL:
        gate.clear()
        before = len(origin.requests)
        daemon = start(place, name, origin.address, top='shutdown_timeout = "20s"\n')
        idle = wire.Connection(daemon.address())
        assert idle.ask(wire.request('/')).status == 200
        running = wire.Connection(daemon.address())
        running.send(wire.request('/slow'))
        wire.wait_for(lambda: len(origin.requests) == before + 2, 'not forwarded')
        daemon.signal(signal.SIGTERM)
        assert idle.closes(), f'{name}: an idle connection stays'

        def refused():
            try:
                with wire.Connection(daemon.address()) as late:
                    late.send(wire.request('/'))
                    return not late.more(1) or late.was_reset
            except (OSError, TimeoutError):
                return True
        wire.wait_for(refused, f'{name}: still accepts')
        assert daemon.alive(), f'{name}: did not wait for what runs'
        gate.set()
        got = running.answer()
        assert got.status == 200 and got.body == b'done'
        assert running.closes()
        daemon.process.wait(wire.patience())
        assert daemon.process.returncode == 0
        idle.close()
        running.close()


def test_a_second_sigterm_stops(place):
    gate = threading.Event()

    def answer(connection, request):
        gate.wait(wire.patience() * 2)
        connection.answer()
    origin = place.origin(answer)
    for name in SMALL:
        before = len(origin.requests)
        daemon = start(place, name, origin.address, top='shutdown_timeout = "60s"\n')
        client = wire.Connection(daemon.address())
        client.send(wire.request('/'))
        wire.wait_for(lambda: len(origin.requests) > before, 'not forwarded')
        daemon.signal(signal.SIGTERM)
        time.sleep(0.1)
        assert daemon.alive()
        daemon.signal(signal.SIGTERM)
        daemon.process.wait(wire.patience())
        daemon.expected_code = None
        client.close()
    gate.set()


def test_the_drain_has_a_limit(place):
    gate = threading.Event()

    def answer(connection, request):
        gate.wait(wire.patience() * 2)
        connection.answer()
    origin = place.origin(answer)
    daemon = start(place, 'balancer', origin.address, top='shutdown_timeout = "300ms"\n')
    client = wire.Connection(daemon.address())
    client.send(wire.request('/'))
    wire.wait_for(lambda: origin.requests, 'not forwarded')
    daemon.signal(signal.SIGTERM)
    daemon.process.wait(wire.patience())
    daemon.expected_code = None
    gate.set()
    client.close()


def test_sigusr1_reopens_logs(place):
    """No line is lost, none is written to the moved file afterwards."""
    origin = place.origin()
    for name in SMALL:
        log = place.path(f'{name}.log')
        daemon = start(place, name, origin.address, top=f'[log]\naccess = {{ file = "{log}", format = "combined" }}\n'
                       f'error = {{ file = "{log}.err" }}\n')
        wire.get(daemon.address(), '/before')
        wire.wait_for(lambda: os.path.exists(log) and '/before' in open(log).read(), f'{name}: no line')
        os.rename(log, log + '.1')
        daemon.signal(signal.SIGUSR1)
        wire.wait_for(lambda: os.path.exists(log), f'{name}: not reopened')
        wire.get(daemon.address(), '/after')
        wire.wait_for(lambda: '/after' in open(log).read(), f'{name}: no line in the new file')
        assert '/after' not in open(log + '.1').read() and '/before' not in open(log).read()


def test_metrics(place):
    origin = place.origin()
    for name in SMALL:
        daemon = start(place, name, origin.address, top='metrics = "127.0.0.1:0"\n')
        for _ in range(3):
            wire.get(daemon.address(), '/')
        got = wire.get(daemon.named('metrics'), '/metrics')
        assert got.status == 200 and got.get('Content-Type', '').startswith('text/plain'), got.fields
        lines = [line for line in got.body.decode().splitlines() if line and not line.startswith('#')]
        assert lines and all(re.fullmatch(r'[a-z_][a-z0-9_]*(\{.*\})? [-+0-9.eE]+(NaN|Inf)?', line) for line in lines), \
            [line for line in lines if not re.fullmatch(r'[a-z_][a-z0-9_]*(\{.*\})? [-+0-9.eE]+(NaN|Inf)?', line)][:3]
        requests = [line for line in lines if line.startswith(name) and 'request' in line.split('{')[0] and 'total' in line.split('{')[0]]
        assert requests, f'{name}: no counter of requests among {lines[:10]}'


def test_explain(place):
    """explain prints the decision that serving takes, from the same configuration."""
    origin = place.origin()
    front = place.webfront(f'[[site.route]]\nname = "closed"\nprefix = "/closed"\nrespond = {{ status = 403 }}\n[[site.route]]\nname = "rest"\n'
                           f'proxy = "{origin.address}"\n')
    code, out, err = call(place, 'webfront', '-c', front.config, 'explain', 'http://a.example/closed/x')
    assert code == 0 and 'closed' in out, out + err
    cache = place.cachenode(origin.address)
    code, out, err = call(place, 'cachenode', '-c', cache.config, 'explain', '-H', 'Cookie: session=1', 'http://a.example/')
    assert code == 0 and 'session' in out and 'authenticated' in out, out + err
    lb = place.balancer([origin.address])
    code, out, err = call(place, 'balancer', '-c', lb.config, 'explain', 'http://a.example/')
    assert code == 0 and 's1' in out, out + err


# ---- time limits of clients: an answer or an end, a counter, a line that names the limit

def limited(place, name, origin, limits, client_timeouts):
    """A daemon with short limits and its metrics address."""
    top = 'metrics = "127.0.0.1:0"\n[log]\nerror = { level = "info" }\n'
    if name == 'balancer':
        top += f'[defaults]\ntimeout = {{ {client_timeouts} }}\n'
    else:
        top += f'[limits]\n{limits}\n'
    return start(place, name, origin, top=top)


def metric_total(daemon, pattern):
    text = wire.get(daemon.named('metrics'), '/metrics').body.decode()
    return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines() if re.search(pattern, line) and not line.startswith('#'))


def names_the_limit(daemon, option):
    wire.wait_for(lambda: option in daemon.errors() + daemon.output(), f'{daemon.name}: no log line names {option}; {daemon.errors()[-500:]}')


def test_a_head_that_does_not_come(place):
    origin = place.origin()
    for name, option in (('webfront', 'header_timeout'), ('cachenode', 'header_timeout'), ('balancer', 'http_request')):
        daemon = limited(place, name, origin.address, 'header_timeout = "300ms"', 'http_request = "300ms"')
        with wire.Connection(daemon.address()) as client:
            client.send(b'GET / HTTP/1.1\r\nHost: a.exa')
            got = client.answer()
            assert got.status == 408 and client.closes(), f'{name}: {got.status}'
        names_the_limit(daemon, option)
        wire.wait_for(lambda: metric_total(daemon, 'timeout.*head|head.*timeout|http_request') >= 1, f'{name}: no counter')
    assert not origin.requests


def test_a_body_that_does_not_come(place):
    origin = place.origin()
    for name, option in (('webfront', 'body_timeout'), ('cachenode', 'body_timeout'), ('balancer', 'client')):
        daemon = limited(place, name, origin.address, 'body_timeout = "300ms"', 'client = "300ms"')
        with wire.Connection(daemon.address()) as client:
            client.send(b'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nabc')
            got = client.answer()
            assert got.status == 408 and client.closes(), f'{name}: {got.status}'
        names_the_limit(daemon, option)
        wire.wait_for(lambda: metric_total(daemon, 'timeout.*body|body.*timeout') >= 1, f'{name}: no counter')


def test_an_idle_connection(place):
    origin = place.origin()
    for name in SMALL:
        daemon = limited(place, name, origin.address, 'idle_timeout = "300ms"', 'client = "300ms"')
        with wire.Connection(daemon.address()) as client:
            assert client.ask(wire.request('/')).status == 200
            assert client.closes(), f'{name}: an idle connection stays open'
            assert not client.pending
        wire.wait_for(lambda: metric_total(daemon, 'timeout.*idle|idle.*timeout') >= 1, f'{name}: no counter')


def test_a_client_that_does_not_read(place):
    """The write limit ends it, its answer never looks complete."""
    def answer(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 33554432\r\n\r\n')
        block = bytes(65536)
        for _ in range(512):
            if not connection.send(block):
                return False
    origin = place.origin(answer)
    for name, option in (('webfront', 'write_timeout'), ('cachenode', 'write_timeout'), ('balancer', 'client')):
        daemon = limited(place, name, origin.address, 'write_timeout = "400ms"', 'client = "400ms"')
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request('/big'))
            client.final_head()
            names_the_limit(daemon, option)
            while client.more():
                pass
            assert len(client.pending) < 33554432
        wire.wait_for(lambda: metric_total(daemon, 'timeout.*write|write.*timeout') >= 1, f'{name}: no counter')


# ---- time limits of upstreams

def test_an_upstream_that_does_not_answer(place):
    gate = threading.Event()

    def answer(connection, request):
        gate.wait(wire.patience() * 2)
        return False
    origin = place.origin(answer)
    front = place.webfront('[[site.route]]\nproxy = "up"\n', tail=f'[upstream.up]\nservers = ["{origin.address}"]\ntimeout = {{ first_byte = "300ms" }}\n')
    cache = place.cachenode(origin.address, origin_more='timeout = { first_byte = "300ms" }')
    lb = place.balancer([origin.address], top='[defaults]\ntimeout = { server = "300ms" }\n')
    for daemon in (front, cache, lb):
        got = wire.get(daemon.address(), '/hang')
        assert got.status == 504, f'{daemon.name}: {got.status}'
        assert 'error=http_response_timeout' in got.get('Proxy-Status', ''), got.fields
    gate.set()


def test_an_upstream_that_stops_in_the_middle(place):
    gate = threading.Event()

    def answer(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc')
        gate.wait(wire.patience() * 2)
        return False
    origin = place.origin(answer)
    front = place.webfront('[[site.route]]\nproxy = "up"\n', tail=f'[upstream.up]\nservers = ["{origin.address}"]\ntimeout = {{ between_bytes = "300ms" }}\n')
    cache = place.cachenode(origin.address, origin_more='timeout = { between_bytes = "300ms" }')
    lb = place.balancer([origin.address], top='[defaults]\ntimeout = { between_bytes = "300ms" }\n')
    for daemon in (front, cache, lb):
        got = wire.get(daemon.address(), '/half')
        assert got.status == 504 or not got.complete, f'{daemon.name}: {got.status}'
    gate.set()
