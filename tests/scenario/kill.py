# SPDX-License-Identifier: BSD-2-Clause
"""A daemon that is killed under load: its neighbours answer for it meanwhile, nothing wrong is delivered, and the chain recovers by itself."""
import random
import signal
import threading
import time

import wire

ALLOWED = {200, 502, 503, 504}


def answer(connection, request):
    """The body names what was asked for, so that a wrong one is seen; some may be cached."""
    path = request.target
    if '/slow' in path:
        time.sleep(random.random() / 30)
    fields = 'Cache-Control: max-age=1, stale-if-error=60' if '/page' in path else 'Cache-Control: no-store'
    connection.answer(200, fields, (path + '\n').encode() * (2000 if '/large' in path else 3))


class Chain:
    def __init__(self, place):
        self.place = place
        self.origin = place.origin(answer)
        at = {name: f'unix:{place.path(name + ".sock")}' for name in ('cachenode', 'balancer')}
        front = place.new_address('front')
        self.texts = {
            'balancer': f'[[frontend]]\nname = "in"\nbind = "{at["balancer"]}"\ndefault_backend = "app"\n[[backend]]\nname = "app"\n'
                        f'[[backend.server]]\nname = "s1"\naddress = "{self.origin.address}"\ncheck = false\n',
            'cachenode': f'[[listen]]\naddress = "{at["cachenode"]}"\n[origin.app]\naddress = "{at["balancer"]}"\n',
            'webfront': f'[[listen]]\naddress = "{front}"\n[[site]]\nnames = ["*"]\n[[site.route]]\nproxy = "{at["cachenode"]}"\n',
        }
        self.running = {name: place.daemon(name, text) for name, text in self.texts.items()}
        self.address = self.running['webfront'].address()
        self.texts['webfront'] = self.texts['webfront'].replace(front, self.address)

    def kill(self, name):
        daemon = self.running[name]
        daemon.expected_code = None
        daemon.signal(signal.SIGKILL)
        daemon.process.wait()
        self.place.daemons.remove(daemon)

    def start(self, name):
        with open(self.running[name].ready, 'w'):
            pass
        self.running[name] = self.place.daemon(name, self.texts[name])


class Visitors:
    def __init__(self, chain, number=8):
        self.chain, self.over, self.seen, self.problems = chain, threading.Event(), [], []
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(number)]
        for thread in self.threads:
            thread.start()

    def run(self, n):
        rng = random.Random(n)
        while not self.over.is_set():
            try:
                with wire.Connection(self.chain.address, timeout=wire.patience() * 4) as connection:
                    while not self.over.is_set():
                        path = f'/{rng.choice(("page", "slow", "large"))}/{rng.randrange(20)}'
                        self.check(path, connection.ask(wire.request(path)))
            except (OSError, wire.Broken):
                # The daemon at the door was killed: the connection ends, and nobody may be there.
                if 'webfront' in self.chain.running and not self.over.is_set():
                    self.seen.append(0)
                    time.sleep(0.002)

    def check(self, path, got):
        self.seen.append(got.status)
        if got.status not in ALLOWED:
            self.problems.append(f'{path}: {got.status}')
        if got.status == 200:
            lines = got.body.decode().splitlines()
            if any(line != path for line in lines[:-1] if got.complete) or (lines and not path.startswith(lines[-1]) and not got.complete):
                self.problems.append(f'{path} got {lines[:2]}')
            if got.complete and len(got.body) % (len(path) + 1):
                self.problems.append(f'{path}: {len(got.body)} bytes look complete')

    def good(self, more):
        """Waits for so many good answers from now on."""
        before = len(self.seen)
        wire.wait_for(lambda: self.seen[before:].count(200) >= more or self.problems, 'good answers', wire.patience() * 4)
        return self.seen[before:]

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(wire.patience() * 8)
        assert not self.problems, self.problems[:5]


def test_each_is_killed_under_load(place):
    chain = Chain(place)
    visitors = Visitors(chain)
    try:
        visitors.good(50)
        for name in ('balancer', 'cachenode', 'webfront', 'balancer', 'cachenode', 'webfront'):
            chain.kill(name)
            before = len(visitors.seen)
            wire.wait_for(lambda: len(visitors.seen) > before + 20 or visitors.problems, f'somebody answers without {name}', wire.patience() * 4)
            chain.start(name)
            visitors.good(100)
    finally:
        visitors.over.set()
    visitors.end()


def test_pages_stay_while_the_balancer_is_down(place):
    """What is stored is served, also when it has expired; what is not gets an honest error; all is well again without help."""
    chain = Chain(place)
    assert wire.get(chain.address, '/page/1').status == 200
    chain.kill('balancer')
    got = wire.get(chain.address, '/page/1')
    assert got.status == 200 and b'/page/1' in got.body
    lost = wire.get(chain.address, '/slow/1')
    assert lost.status in (502, 503) and 'connection_refused' in (lost.get('Proxy-Status') or ''), lost
    # Expired: asked for again, in vain, and served all the same.
    wire.wait_for(lambda: (wire.get(chain.address, '/page/1').get('Cache-Status') or '').find('ttl=-') > 0, 'it has expired')
    got = wire.get(chain.address, '/page/1')
    assert got.status == 200 and b'/page/1' in got.body
    chain.start('balancer')
    assert wire.get(chain.address, '/slow/1').status == 200


def test_a_large_answer_is_never_completed_by_somebody_else(place):
    """The balancer dies in the middle of an answer: what the visitor gets does not look complete."""
    gate = threading.Event()

    def half(connection, request):
        connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n' + b'a' * 100000)
        gate.wait(wire.patience() * 4)
        connection.send(b'a' * 100000)
    chain = Chain(place)
    chain.origin.answer_one = half
    with wire.Connection(chain.address, timeout=wire.patience() * 4) as connection:
        connection.send(wire.request('/half'))
        got = connection.final_head()
        assert connection.up_to(50000) == b'a' * 50000
        chain.kill('balancer')
        gate.set()
        connection.read_body(got)
        assert not got.complete, 'half an answer looks whole'
    chain.origin.answer_one = answer
    chain.start('balancer')
    assert wire.get(chain.address, '/page/9').status == 200
