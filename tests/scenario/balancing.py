# SPDX-License-Identifier: BSD-2-Clause
"""What the balancer decides: who gets a request, who waits, who is left out, and what is tried again."""
import collections
import re
import socket
import threading
import time

import reloading
import wire

QUICK = '[backend.check]\ninterval = { up = "50ms", down = "50ms", change = "20ms" }\ntimeout = "1s"\nrise = 2\nfall = 2\n'


def named(name, delay=None, health=None):
    """An origin's answers that say who gave them; health is a dict with a status for /ok."""
    def answer(connection, request):
        if request.target == '/ok' or request.get('X-Check'):
            return connection.answer((health or {}).get('status', 200), '', b'')
        if delay:
            delay()
        connection.answer(200, 'X-A: 1', name.encode())
    return answer


def ask(daemon, path='/', **more):
    return wire.get(daemon.address(), path, **more)


def admin(daemon, *words):
    """One command on the admin socket; returns its answer."""
    with wire.Connection('unix:' + daemon.admin) as connection:
        connection.send((' '.join(words) + '\n').encode())
        while connection.more():
            pass
        return connection.pending.decode()


def with_admin(place, servers, **more):
    path = place.path('admin.sock')
    daemon = place.balancer(servers, top=f'admin = "unix:{path}"\n', **more)
    daemon.admin = path
    return daemon


def stat(daemon):
    """Rows of `show stat` as dicts by (pxname, svname)."""
    lines = [line for line in admin(daemon, 'show stat').splitlines() if line]
    names = lines[0].lstrip('# ').split(',')
    return {(row[0], row[1]): dict(zip(names, row)) for row in (line.split(',') for line in lines[1:])}


def silent():
    """An address that refuses connections, for as long as the returned socket lives."""
    holder = socket.socket()
    holder.bind(('127.0.0.1', 0))
    return '127.0.0.1:%d' % holder.getsockname()[1], holder


def test_round_robin(place):
    servers = [place.origin(named(name)) for name in 'abc']
    lb = place.balancer([one.address for one in servers])
    got = [ask(lb).body.decode() for _ in range(12)]
    assert collections.Counter(got) == {'a': 4, 'b': 4, 'c': 4}, got
    assert len(set(got[:3])) == 3, got


def test_weights(place):
    servers = [place.origin(named(name)) for name in 'ab']
    lb = place.balancer([f'address = "{servers[0].address}"\nweight = 3\n', f'address = "{servers[1].address}"\nweight = 1\n'])
    got = collections.Counter(ask(lb).body.decode() for _ in range(40))
    assert got == {'a': 30, 'b': 10}, got


def test_leastconn(place):
    """Three requests hang at one server; the next ones go to the other."""
    gate = threading.Event()
    slow = place.origin(named('slow', lambda: gate.wait(wire.patience() * 2)))
    quick = place.origin(named('quick'))
    lb = place.balancer([slow.address, quick.address], backend='balance = "leastconn"')
    hanging = []
    for _ in range(6):
        client = wire.Connection(lb.address())
        client.send(wire.request('/hang'))
        hanging.append(client)
    wire.wait_for(lambda: len(slow.requests) + len(quick.requests) == 6, 'not all were forwarded')
    before = len(slow.requests)
    assert before >= 1
    for _ in range(10):
        assert ask(lb).body == b'quick'
    assert len(slow.requests) == before
    gate.set()
    for client in hanging:
        assert client.answer().status == 200
        client.close()


def test_idle_connections_to_a_server(place):
    """Requests with a body take new connections; of those so many are kept and no more: application servers count them."""
    server = place.origin(named('s'))
    lb = place.balancer([server.address])
    with wire.Connection(lb.address()) as client:
        before = reloading.descriptors(lb)
        for _ in range(150):
            assert client.ask(wire.request('/', method='POST', body=b'x')).status == 200
            assert reloading.descriptors(lb) < before + 64 + 10, f'{reloading.descriptors(lb)} descriptors, {before} at first'
    assert len(server.connections) == 150


def test_queue_is_first_in_first_out(place):
    """maxconn 1: one at a time, in the order of arrival, on whatever worker they came."""
    gate = threading.Semaphore(0)
    server = place.origin(named('s', lambda: gate.acquire(timeout=wire.patience() * 2)))
    lb = with_admin(place, [f'address = "{server.address}"\nmaxconn = 1\n'])
    clients = []
    for number in range(12):
        client = wire.Connection(lb.address())
        client.send(wire.request(f'/{number}'))
        clients.append(client)
        if number == 0:
            wire.wait_for(lambda: len(server.requests) == 1, 'the first is not forwarded')
        else:
            wire.wait_for(lambda: int(stat(lb)[('app', 'BACKEND')]['qcur']) == number, f'request {number} is not queued')
    assert len(server.requests) == 1
    for client in clients:
        gate.release()
        assert client.answer().status == 200
        client.close()
    assert [one.target for one in server.requests] == [f'/{number}' for number in range(12)]


def test_queue_timeout_and_limit(place):
    gate = threading.Event()
    server = place.origin(named('s', lambda: gate.wait(wire.patience() * 2)))
    lb = with_admin(place, [f'address = "{server.address}"\nmaxconn = 1\n'], backend='queue = { max_waiting = 2, timeout = "400ms" }')
    clients = []
    for number in range(3):
        client = wire.Connection(lb.address())
        client.send(wire.request(f'/{number}'))
        clients.append(client)
        wire.wait_for(lambda: len(server.requests) == 1 and int(stat(lb)[('app', 'BACKEND')]['qcur']) == number, 'not queued')
    got = ask(lb, '/too-many')
    assert got.status == 503 and got.get('Retry-After') and 'error=' in got.get('Proxy-Status', ''), got.fields
    for client in clients[1:]:
        got = client.answer()
        assert got.status == 503 and got.get('Retry-After'), got.status
    gate.set()
    assert clients[0].answer().status == 200
    assert len(server.requests) == 1
    for client in clients:
        client.close()


def test_who_leaves_gives_up_its_place(place):
    """A queued client that leaves is not forwarded; one whose request was sent keeps the slot until the server is done."""
    gate = threading.Semaphore(0)
    server = place.origin(named('s', lambda: gate.acquire(timeout=wire.patience() * 2)))
    lb = with_admin(place, [f'address = "{server.address}"\nmaxconn = 1\n'])
    sent = wire.Connection(lb.address())
    sent.send(wire.request('/sent'))
    wire.wait_for(lambda: len(server.requests) == 1, 'not forwarded')
    leaving = wire.Connection(lb.address())
    leaving.send(wire.request('/leaving'))
    wire.wait_for(lambda: stat(lb)[('app', 'BACKEND')]['qcur'] == '1', 'not queued')
    leaving.close()
    wire.wait_for(lambda: stat(lb)[('app', 'BACKEND')]['qcur'] == '0', 'a client that left still waits')
    sent.reset()
    staying = wire.Connection(lb.address())
    staying.send(wire.request('/staying'))
    wire.wait_for(lambda: stat(lb)[('app', 'BACKEND')]['qcur'] == '1', 'a client that left gave its slot away')
    assert len(server.requests) == 1
    gate.release()
    wire.wait_for(lambda: len(server.requests) == 2, 'the slot never came back')
    gate.release()
    assert staying.answer().status == 200
    assert [one.target for one in server.requests] == ['/sent', '/staying']
    staying.close()


def test_sticky_cookie(place):
    """Inserted only into what no shared cache may store; a client that shows it gets its server."""
    def answer(name):
        def one(connection, request):
            connection.answer(200, 'Cache-Control: private' if 'private' in request.target else 'Cache-Control: max-age=60',
                              (name + ' ' + (request.get('Cookie') or '')).encode())
        return one
    servers = [place.origin(answer(name)) for name in 'ab']
    lb = place.balancer([one.address for one in servers],
                        backend='cookie = { name = "serverid", mode = "insert", insert_on = "uncacheable", indirect = true, httponly = true }')
    assert ask(lb, '/public').get('Set-Cookie') is None
    got = ask(lb, '/private')
    cookie = got.get('Set-Cookie')
    assert cookie and cookie.startswith('serverid=') and 'httponly' in cookie.lower(), cookie
    pair = cookie.split(';')[0]
    name = got.body.split()[0]
    for _ in range(6):
        got = ask(lb, '/public', fields=f'Cookie: x=1; {pair}')
        assert got.body.split()[0] == name
        assert got.get('Set-Cookie') is None
        assert b'serverid' not in got.body and b'x=1' in got.body, got.body
    for _ in range(4):
        assert ask(lb, '/public', fields='Cookie: serverid=nobody').status == 200


def test_a_dead_server_attracts_nobody(place):
    """Server one refuses; the other has maxconn 1 and a queue. Nobody gets an error."""
    address, holder = silent()
    alive = place.origin(named('alive', lambda: time.sleep(0.01)))
    lb = place.balancer([f'address = "{address}"\nmaxconn = 1\n', f'address = "{alive.address}"\nmaxconn = 1\n'],
                        backend='balance = "leastconn"\n')
    statuses = collections.Counter()
    lock = threading.Lock()

    def load():
        with wire.Connection(lb.address(), timeout=wire.patience() * 2) as client:
            for _ in range(15):
                status = client.ask(wire.request('/')).status
                with lock:
                    statuses[status] += 1
    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {200: 120}, statuses
    holder.close()


def test_nobody_left(place):
    """No server is in the choice: 503 with Retry-After at once, nothing waits."""
    address, holder = silent()
    lb = place.balancer([address], backend='queue = { timeout = "60s" }')
    for _ in range(2):
        got = ask(lb)
        assert got.status == 503 and got.get('Retry-After'), f'{got.status} {got.fields}'
    holder.close()


def test_no_server_before_its_first_good_check(place):
    health = {'status': 503}
    server = place.origin(named('s', health=health))
    lb = with_admin(place, [server.address], check=True, backend=QUICK + 'request = { method = "GET", uri = "/ok", host = "h.example" }\n')
    wire.wait_for(lambda: server.count(lambda one: one.target == '/ok') >= 2, 'no checks')
    assert ask(lb).status == 503
    assert server.requests[0].get('Host') == 'h.example'
    health['status'] = 200
    wire.wait_for(lambda: ask(lb).status == 200, 'never up')


def test_rise_and_fall(place):
    health = {'status': 200}
    servers = [place.origin(named('a', health=health)), place.origin(named('b'))]
    lb = with_admin(place, [one.address for one in servers], check=True,
                    backend=QUICK + 'request = { method = "GET", uri = "/ok" }\nexpect = { status = "200" }\n')
    status = lambda name: stat(lb)[('app', name)]['status']
    wire.wait_for(lambda: status('s1').startswith('UP') and status('s2').startswith('UP'), 'never up')
    health['status'] = 500
    wire.wait_for(lambda: status('s1').startswith('DOWN'), 'never down')
    before = servers[0].count(lambda one: one.target == '/')
    assert {ask(lb).body for _ in range(10)} == {b'b'}
    assert servers[0].count(lambda one: one.target == '/') == before
    row = stat(lb)[('app', 's1')]
    assert row['check_status'].lstrip('* ') == 'L7STS' and row['check_code'] == '500', row['check_status']
    health['status'] = 200
    wire.wait_for(lambda: status('s1').startswith('UP'), 'never up again')
    assert {ask(lb).body for _ in range(10)} == {b'a', b'b'}


def test_tcp_checks(place):
    server = place.origin(named('s'))
    lb = with_admin(place, [server.address], check=True, backend=QUICK + 'type = "tcp"\n')
    wire.wait_for(lambda: ask(lb).status == 200, 'never up')
    assert server.count(lambda one: one.target != '/') == 0
    server.stop()
    wire.wait_for(lambda: stat(lb)[('app', 's1')]['status'].startswith('DOWN'), 'never down')
    assert stat(lb)[('app', 's1')]['check_status'].lstrip('* ') in ('L4CON', 'L4TOUT')


def test_a_server_that_listens_before_it_can_answer(place):
    gate = threading.Event()
    early = place.origin(named('early', lambda: gate.wait(wire.patience() * 2)))
    early.script_ok = early.answer_one

    def answer(connection, request):
        gate.wait(wire.patience() * 2)
        return early.script_ok(connection, request)
    early.answer_one = answer
    other = place.origin(named('other'))
    lb = place.balancer([early.address, other.address], check=True, backend=QUICK.replace('"1s"', '"100ms"')
                        + 'request = { method = "GET", uri = "/ok" }\n')
    wire.wait_for(lambda: ask(lb).status == 200, 'never up')
    assert {ask(lb).body for _ in range(20)} == {b'other'}
    gate.set()
    wire.wait_for(lambda: ask(lb).body == b'early', 'never used')


def test_a_closed_connection_is_no_failure(place):
    """The server closes what was idle: GET is sent again on another connection; POST never waits on an old one."""
    def answer(connection, request):
        connection.answer(200, '', str(connection.number).encode())
        return 'keep' in request.target
    server = place.origin(answer)
    lb = place.balancer([server.address])
    for number in range(10):
        method, body = (('GET', b''), ('POST', b'x'))[number % 2]
        got = ask(lb, '/', method=method, body=body)
        assert got.status == 200, f'{method} {number}: {got.status}'


def test_what_is_tried_again(place):
    """GET, HEAD, OPTIONS without a body, when no byte of an answer came; never a POST that was sent; never after the first byte."""
    def dies(connection, request):
        if 'begun' in request.target:
            connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
        return False
    dead = place.origin(dies)
    alive = place.origin(named('alive'))
    lb = place.balancer([dead.address, alive.address], top='[defaults]\nretries = { count = 2, on = ["conn-failure", "empty-response"] }\n')
    for method in ('GET', 'HEAD', 'OPTIONS'):
        for _ in range(4):
            got = ask(lb, '/', method=method)
            assert got.status == 200, f'{method}: {got.status}'
    statuses = [ask(lb, '/', method='POST', body=b'x').status for _ in range(6)]
    assert set(statuses) <= {200, 502} and 502 in statuses, statuses
    posts = dead.count(lambda one: one.method == 'POST')
    assert posts == statuses.count(502), f'{posts} POSTs reached the dying server, {statuses.count(502)} were refused'
    answers = [ask(lb, '/begun') for _ in range(4)]
    assert [one for one in answers if not one.complete or one.status == 502], 'an answer that had begun was replaced'


def test_post_goes_elsewhere_when_it_was_not_sent(place):
    """The connect is refused: even a POST may go to another server."""
    address, holder = silent()
    alive = place.origin(named('alive'))
    lb = place.balancer([address, alive.address])
    assert [ask(lb, '/', method='POST', body=b'x').status for _ in range(4)] == [200] * 4
    holder.close()


def test_a_well_formed_error_is_the_page_s_fault(place):
    """Ten requests for a broken page do not take a server out."""
    server = place.origin(lambda connection, request: connection.answer(500 if request.target == '/broken' else 200, '', b'x'))
    lb = with_admin(place, [server.address], check=True,
                    backend=QUICK + 'observe = { layer = 4, errors = 3, action = "fastinter" }\nrequest = { method = "GET", uri = "/ok" }\n')
    wire.wait_for(lambda: ask(lb).status == 200, 'never up')
    assert [ask(lb, '/broken').status for _ in range(12)] == [500] * 12
    assert ask(lb).status == 200


def test_health_page(place):
    health = {'status': 200}
    server = place.origin(named('s', health=health))
    lb = place.balancer([server.address], check=True, frontend='health = "/_health"',
                        backend=QUICK + 'request = { method = "GET", uri = "/ok" }\n')
    wire.wait_for(lambda: ask(lb, '/_health').status == 200, 'never healthy')
    got = ask(lb, '/_health')
    assert 'no-store' in got.get('Cache-Control', '')
    assert ask(lb, '/_health/app').status == 200
    assert ask(lb, '/_health/nobody').status in (404, 503)
    health['status'] = 500
    wire.wait_for(lambda: ask(lb, '/_health').status == 503, 'healthy without a server')
    assert server.count(lambda one: one.target.startswith('/_health')) == 0


def test_routing_to_backends(place):
    pages, api = place.origin(named('pages')), place.origin(named('api'))
    lb = place.balancer([pages.address], frontend='[[frontend.use_backend]]\nbackend = "api"\nif = { prefix = "/VirtualHostBase/" }\n',
                        more=f'[[backend]]\nname = "api"\n[[backend.server]]\nname = "x"\naddress = "{api.address}"\ncheck = false\n')
    assert ask(lb, '/').body == b'pages'
    assert ask(lb, '/VirtualHostBase/http/a:80/P/VirtualHostRoot/').body == b'api'


def test_admin_words(place):
    """HAProxy's words, as Plone's restart scripts send them."""
    servers = [place.origin(named(name)) for name in 'ab']
    lb = with_admin(place, [one.address for one in servers])
    rows = stat(lb)
    assert ('front', 'FRONTEND') in rows and ('app', 'BACKEND') in rows and ('app', 's1') in rows and ('app', 's2') in rows, list(rows)
    assert rows[('front', 'FRONTEND')]['status'] == 'OPEN' and rows[('app', 's1')]['status'] in ('UP', 'no check')
    header = admin(lb, 'show stat').splitlines()[0]
    assert header.startswith('# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,'), header
    assert admin(lb, 'disable', 'server', 'app/s1').strip() == ''
    assert stat(lb)[('app', 's1')]['status'].startswith('MAINT')
    assert {ask(lb).body for _ in range(6)} == {b'b'}
    assert admin(lb, 'enable server app/s1').strip() == ''
    assert {ask(lb).body for _ in range(6)} == {b'a', b'b'}
    assert admin(lb, 'set server app/s2 state drain').strip() == ''
    assert stat(lb)[('app', 's2')]['status'].startswith('DRAIN')
    assert {ask(lb).body for _ in range(6)} == {b'a'}
    assert admin(lb, 'set server app/s2 state ready').strip() == ''
    assert {ask(lb).body for _ in range(6)} == {b'a', b'b'}
    lines = admin(lb, 'show servers state').splitlines()
    assert lines[0].strip() == '1' and lines[1].startswith('# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state'), lines[:2]
    assert len([line for line in lines[2:] if line.strip()]) == 2
    for wrong in ('disable server app/none', 'disable server nobody/s1', 'set server app/s1 state asleep', 'no such words'):
        assert admin(lb, wrong).strip() != '', f'{wrong} was accepted'
    assert admin(lb, 'show stat; show servers state').count('pxname') == 1


def test_a_disabled_server_finishes_what_it_has(place):
    gate = threading.Event()
    servers = [place.origin(named('a', lambda: gate.wait(wire.patience()))), place.origin(named('b'))]
    lb = with_admin(place, [one.address for one in servers])
    clients = []
    while not servers[0].requests:
        count = len(servers[0].requests) + len(servers[1].requests)
        clients.append(wire.Connection(lb.address()))
        clients[-1].send(wire.request('/'))
        wire.wait_for(lambda: len(servers[0].requests) + len(servers[1].requests) > count, 'not forwarded')
    admin(lb, 'disable server app/s1')
    gate.set()
    assert clients[-1].answer().body == b'a'
    for client in clients:
        client.close()


def test_status_page(place):
    server = place.origin(named('s'))
    page = place.balancer([server.address], top='stats = { address = "127.0.0.1:0", uri = "/" }\n', tag='paged')
    got = wire.get(page.named('stats'), '/')
    assert got.status == 200 and 'text/html' in got.get('Content-Type') and b's1' in got.body, got.status
    got = wire.get(page.named('stats'), '/;csv')
    assert got.body.startswith(b'# pxname,svname,'), got.body[:80]


def test_httplog(place):
    """HAProxy's line, field for field."""
    server = place.origin(named('s'))
    lb = place.balancer([server.address], top=f'[log]\naccess = {{ file = "{place.path("lb.log")}", format = "httplog" }}\n')
    ask(lb, '/logged?x=1')

    def lines():
        try:
            with open(place.path('lb.log')) as file:
                return file.read().splitlines()
        except OSError:
            return []
    line = wire.wait_for(lines, 'no line in the log')[0]
    pattern = (r'\S+:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] front app/s1 \d+/\d+/\d+/\d+/\+?\d+ 200 \d+ - - ---- '
               r'\d+/\d+/\d+/\d+/\+?\d+ \d+/\d+ "GET /logged\?x=1 HTTP/1\.1"')
    assert re.search(pattern, line) or place.use_unix and re.search(pattern.replace(r'\S+:\d+ ', r'\S+ '), line), line


def test_maxconn_of_a_frontend(place):
    """Beyond it connections wait to be accepted; none is refused, none is forgotten."""
    server = place.origin(named('s'))
    lb = place.balancer([server.address], frontend='maxconn = 2', top='metrics = "127.0.0.1:0"')
    first, second = wire.Connection(lb.address()), wire.Connection(lb.address())
    assert first.ask(wire.request('/1')).status == 200 and second.ask(wire.request('/2')).status == 200
    third = wire.Connection(lb.address())
    third.send(wire.request('/3'))
    assert third.quiet(0.2), 'a third connection was served'
    first.close()
    assert third.answer().status == 200
    second.close()
    third.close()
    full = lambda: re.search(r'^balancer_listener_full_total\{[^}]*\} 2$', wire.get(lb.named('metrics'), '/metrics').body.decode(), re.M)
    wire.wait_for(full, 'it was full twice')
