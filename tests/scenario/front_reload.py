# SPDX-License-Identifier: BSD-2-Clause
"""What webfront's state does when its configuration changes."""
import threading

import h2
import reloading
import wire


class Held:
    """An origin that answers what begins with /held when it may."""

    def __init__(self, place):
        self.may = threading.Event()
        self.origin = place.origin(self.answer)

    def answer(self, connection, request):
        if '/held' in request.target and not self.may.wait(wire.patience() * 4):
            return
        connection.answer(200, '', request.target.encode())

    def has(self, target):
        return self.origin.seen(target)


def change(place, daemon, text):
    with open(daemon.config, 'w') as file:
        file.write(text)
    said = reloading.admin(place, 'reload')
    assert said.startswith('serves by the new configuration'), said


def top(place):
    return f'workers = {place.workers}\nadmin = "unix:{place.path("admin")}"\nmetrics = "127.0.0.1:0"\n'


def test_a_queue_that_comes_back(place):
    """Its places are still taken by who took them before: never two requests where one is allowed."""
    held = Held(place)
    listen = f'[[listen]]\naddress = "{place.new_address("a")}"\n'
    route = f'[[site]]\nnames = ["*"]\n[[site.route]]\nprefix = "/held"\nproxy = "{held.origin.address}"\n'
    rest = f'[[site.route]]\nproxy = "{held.origin.address}"\n'
    limited = top(place) + listen + route + 'queue = { max_active = 1, max_waiting = 5 }\n' + rest
    front = place.daemon('webfront', limited)
    first, second = wire.Connection(front.address()), wire.Connection(front.address())
    first.send(wire.request('/held/1'))
    wire.wait_for(lambda: held.has('/held/1'), 'the first request is at the origin')
    change(place, front, top(place) + listen + route + rest)
    change(place, front, limited)
    second.send(wire.request('/held/2'))
    wire.wait_for(lambda: reloading.admin(place, 'explain http://h/held/3'), 'the daemon answers')
    for number in range(5):
        assert wire.get(front.address(), f'/free/{number}').status == 200
    assert not held.has('/held/2'), 'two requests where one is allowed'
    held.may.set()
    assert first.answer().body == b'/held/1'
    assert second.answer().body == b'/held/2'
    wire.wait_for(lambda: reloading.at_rest(place), 'nothing is left of the configurations before')


def fields(path):
    return [(b':method', b'GET'), (b':scheme', b'http'), (b':authority', b'a.example'), (b':path', path.encode())]


def test_http2_on_a_listener_that_goes(place):
    """What was begun is finished; GOAWAY says goodbye twice."""
    held = Held(place)
    kept = f'[[listen]]\naddress = "{place.new_address("kept")}"\n'
    goes = f'[[listen]]\naddress = "unix:{place.path("goes.sock")}"\nprotocols = ["h2"]\n'
    site = f'[[site]]\nnames = ["*"]\n[[site.route]]\nproxy = "{held.origin.address}"\n'
    front = place.daemon('webfront', top(place) + kept + goes + site)
    with h2.Session(f'unix:{place.path("goes.sock")}') as session:
        first = session.open(fields('/held/1'))
        wire.wait_for(lambda: held.has('/held/1'), 'the request is at the origin')
        change(place, front, top(place) + kept + site)
        # The client has not heard of it yet.
        second = session.open(fields('/held/2'))
        wire.wait_for(lambda: held.has('/held/2'), 'a request that was under way is served')
        held.may.set()
        for stream, body in ((first, b'/held/1'), (second, b'/held/2')):
            answer = session.wait(stream)
            assert answer.status == 200 and answer.body == body and answer.complete, answer
        while session.step():
            pass
        assert session.goaway == (3, 0), session.goaway
    assert wire.get(front.address(), '/after').body == b'/after'
    wire.wait_for(lambda: reloading.at_rest(place), 'nothing is left of the configuration before')
