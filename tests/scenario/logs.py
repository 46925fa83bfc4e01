# SPDX-License-Identifier: BSD-2-Clause
"""Logs that are moved away and disks that are full, while requests are served: no line is lost but those that are counted."""
import glob
import os
import re
import signal
import stat
import subprocess
import threading

import wire

DAEMONS = ('webfront', 'cachenode', 'balancer')
LINE = re.compile(r'\S+ - \S+ \[[^\]]+\] "GET (/\S+) HTTP/1\.1" 200 \d+ "[^"]*" "[^"]*"')


def start(place, name, origin, log, top=''):
    top += f'admin = "unix:{place.path(name + ".admin")}"\nmetrics = "127.0.0.1:0"\n[log]\naccess = {{ file = "{log}", format = "combined" }}\n'
    if name == 'webfront':
        return place.webfront('[[site.route]]\nrespond = { status = 200, body = "x" }\n', top=top)
    if name == 'cachenode':
        return place.cachenode(origin, top=top)
    return place.balancer([origin], top=top)


def command(place, name, text):
    with wire.Connection(f'unix:{place.path(name + ".admin")}') as admin:
        admin.send(text.encode() + b'\n')
        while admin.more():
            pass
        return admin.pending.decode()


def metric(daemon, name):
    text = wire.get(daemon.named('metrics'), '/metrics').body.decode()
    return sum(int(float(line.rsplit(' ', 1)[1])) for line in text.splitlines() if re.match(rf'{daemon.name}_{name}[ {{]', line))


class Load:
    """Clients that send numbered requests one after the other, each on its own connection, until stopped."""

    def __init__(self, address, clients=4):
        self.address, self.stopping = address, False
        self.sent, self.problems = [], []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        mine, i = [], 0
        try:
            with wire.Connection(self.address) as connection:
                while not self.stopping:
                    path = f'/{number}-{i}'
                    got = connection.ask(wire.request(path))
                    if got.status != 200:
                        raise AssertionError(f'{path}: {got.status}')
                    mine.append(path)
                    i += 1
        except Exception as problem:
            with self.lock:
                self.problems.append(repr(problem))
        with self.lock:
            self.sent += mine

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        assert not self.problems, self.problems


def test_rotation_under_load(place):
    """logrotate's way: rename, then SIGUSR1 or `reopen`. Every request has its line, once and whole, in one of the files."""
    origin = place.origin()
    for name in DAEMONS:
        log = place.path(f'{name}.log')
        daemon = start(place, name, origin.address, log)
        load = Load(daemon.address())
        for turn in range(12):
            wire.wait_for(lambda: os.path.exists(log) and os.path.getsize(log), f'{name}: no line in file {turn}')
            os.rename(log, f'{log}.{turn}')
            if turn % 2:
                daemon.signal(signal.SIGUSR1)
            else:
                assert 'open again' in command(place, name, 'reopen')
                assert os.path.exists(log), f'{name}: answered before the log was open again'
        load.stop()
        assert metric(daemon, 'log_lines_dropped_total') == 0 and metric(daemon, 'log_lines_lost_total') == 0
        assert daemon.stop() == ''
        files = glob.glob(f'{log}*')
        assert len(files) == 13, files
        found = []
        for file in files:
            with open(file) as text:
                content = text.read()
            assert content.endswith('\n') or not content, f'{name}: {file} ends inside a line'
            for line in content.splitlines():
                match = LINE.fullmatch(line)
                assert match, f'{name}: {file} has {line!r}'
                found.append(match.group(1))
        assert sorted(found) == sorted(load.sent), \
            f'{name}: {len(found)} lines of {len(load.sent)} requests; without: {sorted(set(load.sent) - set(found))[:5]}'


def test_a_log_that_takes_nothing(place):
    """Every line is lost and counted; every request is answered."""
    assert stat.S_ISCHR(os.stat('/dev/full').st_mode), '/dev/full is no device any more: somebody put a file in its place'
    origin = place.origin()
    for name in DAEMONS:
        daemon = start(place, name, origin.address, '/dev/full')
        for i in range(20):
            assert wire.get(daemon.address(), f'/{i}').status == 200
        # A line is made when the exchange has ended, which may be after its client has the answer.
        wire.wait_for(lambda: command(place, name, 'reopen') is not None and metric(daemon, 'log_lines_lost_total') >= 20, f'{name}: twenty lines are lost')
        lost = metric(daemon, 'log_lines_lost_total')
        assert lost == 20, f'{name}: {lost} lines are counted as lost'


def test_a_full_disk_recovers(place):
    """A disk of 16 kB: requests go on, what is lost is counted, and once there is room lines are whole again."""
    disk = place.path('disk')
    os.makedirs(disk)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=16k,mode=0777', 'none', disk], capture_output=True).returncode:
        return  # no right to: test_a_log_that_takes_nothing must do
    try:
        origin = place.origin()
        for name in DAEMONS:
            log = f'{disk}/{name}.log'
            subprocess.run(['mount', '-o', 'remount,size=16k', disk], check=True)
            daemon = start(place, name, origin.address, log)
            sent = 0

            def lost():
                nonlocal sent
                with wire.Connection(daemon.address()) as client:
                    for _ in range(50):
                        assert client.ask(wire.request(f'/{sent}')).status == 200
                        sent += 1
                return metric(daemon, 'log_lines_lost_total')
            wire.wait_for(lost, f'{name}: the disk is not full')
            lost()
            subprocess.run(['mount', '-o', 'remount,size=4m', disk], check=True)
            command(place, name, 'reopen')  # which also writes what waits
            with wire.Connection(daemon.address()) as client:
                for i in range(10):
                    assert client.ask(wire.request(f'/after-{i}')).status == 200
            missing = metric(daemon, 'log_lines_lost_total')
            assert daemon.stop() == ''
            with open(log) as file:
                lines = file.read().splitlines()
            torn = [line for line in lines if not LINE.fullmatch(line)]
            assert len(torn) <= 1, f'{name}: {torn}'
            assert [LINE.fullmatch(line).group(1) for line in lines[-10:]] == [f'/after-{i}' for i in range(10)], lines[-11:]
            assert len(lines) - len(torn) + missing == sent + 10, f'{name}: {len(lines)} lines, {missing} lost, {sent + 10} requests'
            os.remove(log)
    finally:
        for daemon in place.daemons:
            daemon.stop()
        subprocess.run(['umount', disk], capture_output=True)
