# SPDX-License-Identifier: BSD-2-Clause
"""What systemd hears, gives and watches."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import wire
from launcher import Launched, is_gone

TEXTS = {
    'webfront': '[[listen]]\naddress = "ADDRESS"\n[[site]]\nnames = ["*"]\n[[site.route]]\nrespond = { status = 200, body = "here" }\n',
    'cachenode': '[[listen]]\naddress = "ADDRESS"\n[origin.app]\naddress = "127.0.0.1:9"\n',
    'balancer': '[[frontend]]\nname = "front"\nbind = "ADDRESS"\ndefault_backend = "app"\n[[backend]]\nname = "app"\n[[backend.server]]\nname = "s1"\n'
                'address = "127.0.0.1:9"\ncheck = false\n',
}


class Manager:
    """Stands for the service manager: hears the datagrams."""

    def __init__(self, place, abstract=False):
        self.name = place.path('notify')
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind('\0' + self.name if abstract else self.name)
        self.socket.settimeout(wire.patience() * 2)
        self.environment = {'NOTIFY_SOCKET': ('@' if abstract else '') + self.name}

    def next(self):
        """The next message but for the watchdog's, as a dictionary."""
        while True:
            message = dict(line.split('=', 1) for line in self.socket.recv(65536).decode().splitlines())
            if 'WATCHDOG' not in message:
                return message

    def nothing(self):
        self.socket.settimeout(0)
        try:
            return f'heard {self.socket.recv(65536)}'
        except BlockingIOError:
            return ''
        finally:
            self.socket.settimeout(wire.patience() * 2)


def write(place, name, text):
    path = place.path(f'{name}.toml')
    with open(path, 'w') as file:
        file.write(f'workers = {place.workers}\nadmin = "unix:{place.path(name)}.admin"\n{text}')
    return path


def test_it_hears_ready_reloading_and_stopping(place):
    for name, text in TEXTS.items():
        manager = Manager(place, abstract=name == 'cachenode')
        config = write(place, name, text.replace('ADDRESS', place.new_address()))
        daemon = Launched(place, name, config, place.directory, manager.environment, wait=False)
        heard = manager.next()
        assert heard['READY'] == '1' and 'serves' in heard['STATUS'], f'{name}: {heard}'
        # Everything listens by then.
        daemon.await_ready()
        wire.connect(daemon.address()).close()
        wire.connect(f'unix:{place.path(name)}.admin').close()

        for bad in (False, True):
            if bad:
                write(place, name, 'nonsense = 1\n')
            before = time.clock_gettime(time.CLOCK_MONOTONIC)
            daemon.signal(signal.SIGHUP)
            heard = manager.next()
            assert heard['RELOADING'] == '1', f'{name}: {heard}'
            assert before <= int(heard['MONOTONIC_USEC']) / 1e6 <= time.clock_gettime(time.CLOCK_MONOTONIC), f'{name}: {heard}'
            heard = manager.next()
            assert heard['READY'] == '1' and ('refused' in heard['STATUS']) == bad, f'{name}: {heard}'
        daemon.signal(signal.SIGTERM)
        assert manager.next()['STOPPING'] == '1'
        daemon.process.wait(wire.patience() * 2)
        manager.socket.close()
        os.path.exists(manager.name) and os.unlink(manager.name)


def test_a_dry_run_is_no_reload(place):
    for name, text in TEXTS.items():
        manager = Manager(place, abstract=True)
        daemon = Launched(place, name, write(place, name, text.replace('ADDRESS', place.new_address())), place.directory, manager.environment)
        assert manager.next()['READY'] == '1'
        with wire.Connection(f'unix:{place.path(name)}.admin') as client:
            client.send(b'reload --dry-run\n')
            while client.more():
                pass
            assert client.pending
        assert not manager.nothing()
        daemon.signal(signal.SIGTERM)
        daemon.process.wait(wire.patience() * 2)
        manager.socket.close()


def test_the_watchdog_is_fed(place):
    for name, text in TEXTS.items():
        manager = Manager(place, abstract=True)
        config = write(place, name, text.replace('ADDRESS', place.new_address()))
        Launched(place, name, config, place.directory, {**manager.environment, 'WATCHDOG_USEC': '600000'})
        fed = 0
        while fed < 4:
            fed += b'WATCHDOG=1' in manager.socket.recv(65536)
        manager.socket.close()


def test_after_an_upgrade_the_new_process_is_the_main_one(place):
    """It is named, and it feeds the watchdog, though $WATCHDOG_PID was the old one's."""
    manager = Manager(place, abstract=True)
    manager.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    # As systemd does, it believes a process what it sends itself.
    def hear():
        data, control, _, _ = manager.socket.recvmsg(65536, 1024)
        return data.decode(), struct.unpack('3i', control[0][2])[0]
    config = write(place, 'cachenode', TEXTS['cachenode'].replace('ADDRESS', place.new_address()))
    environment = {**manager.environment, 'WATCHDOG_USEC': '600000'}
    daemon = Launched(place, 'cachenode', config, place.directory, environment, watched=True)
    old = daemon.process.pid
    with wire.Connection(f'unix:{place.path("cachenode")}.admin') as client:
        client.send(b'upgrade\n')
        while client.more():
            pass
        new = int(re.match(rb'process (\d+) serves', client.pending)[1])
    try:
        named = False
        while True:
            text, sender = hear()
            if f'MAINPID={new}' in text.splitlines():
                assert sender == old
                named = True
            if named and sender == new and text == 'WATCHDOG=1':
                break
        daemon.process.wait(wire.patience() * 2)
    finally:
        os.kill(new, signal.SIGTERM)
        wire.wait_for(lambda: is_gone(new), 'the new process does not end')
        manager.socket.close()


def listening(place, path=''):
    made = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    made.bind(place.path(path) if path else ('127.0.0.1', 0))
    made.listen(100)
    made.set_inheritable(True)
    return made, f'unix:{place.path(path)}' if path else '127.0.0.1:%d' % made.getsockname()[1]


def serves(address, name):
    with wire.Connection(address) as client:
        client.send(wire.request('/'))
        return client.answer().status == (200 if name == 'webfront' else 502) or 'it answers, but otherwise'


def test_sockets_of_systemd_are_served(place):
    """By address; what no listener takes is closed and named."""
    for name, text in TEXTS.items():
        given, address = listening(place, f'{name}.given' if place.use_unix else '')
        surplus, unwanted = listening(place)
        config = write(place, name, text.replace('ADDRESS', address))
        daemon = Launched(place, name, config, place.directory, listen=[given, surplus], names='a:unwanted')
        given.close()
        surplus.close()
        assert daemon.address() == address
        assert serves(address, name)
        wire.wait_for(lambda: unwanted in daemon.errors() and '"unwanted"' in daemon.errors(), f'{name}: {daemon.errors()}')
        try:
            socket.create_connection(('127.0.0.1', int(unwanted.rsplit(':', 1)[1])), wire.patience()).close()
            raise AssertionError(f'{name}: the socket that nobody wants is still open')
        except ConnectionRefusedError:
            pass
        # Two more in a row: they wait in the queue of one socket, whatever the number of workers.
        assert serves(address, name) and serves(address, name)
        # A reload keeps it.
        daemon.signal(signal.SIGHUP)
        wire.wait_for(lambda: re.search('reload', daemon.errors()), 'no reload')
        assert serves(address, name)


def test_a_frontend_takes_the_socket_with_its_name(place):
    first, one = listening(place)
    second, two = listening(place)
    text = TEXTS['balancer'].replace('ADDRESS', one)
    daemon = Launched(place, 'balancer', write(place, 'balancer', text), place.directory, listen=[first, second], names='other:front')
    first.close()
    second.close()
    assert daemon.address() == two
    assert serves(two, 'balancer')


def test_sockets_for_another_process_are_left_alone(place):
    given, address = listening(place)
    config = write(place, 'cachenode', TEXTS['cachenode'].replace('ADDRESS', '127.0.0.1:0'))
    daemon = Launched(place, 'cachenode', config, place.directory, {'LISTEN_PID': '1', 'LISTEN_FDS': '1'})
    assert daemon.address() != address
    assert 'systemd' not in daemon.errors()
    given.close()


def once(function):
    function.once = True
    return function


@once
def test_units_are_what_the_daemons_do(place):
    """They parse, and the commands in them are understood."""
    deploy = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'deploy')
    for name, text in TEXTS.items():
        with open(f'{deploy}/systemd/{name}.service') as file:
            unit = file.read()
        started = re.search(r'^ExecStart=/usr/sbin/(\w+) (.*)$', unit, re.M)
        assert started[1] == name
        config = write(place, name, text.replace('ADDRESS', '127.0.0.1:0'))
        arguments = started[2].replace(f'/etc/{name}/{name}.toml', config).split()
        assert subprocess.run([f'{place.binaries}/{name}', *arguments, '-t'], capture_output=True).returncode == 0
        with open(f'{deploy}/logrotate/{name}') as file:
            assert f'/usr/sbin/{name} reopen' in file.read()
        with open(place.path(f'{name}.service'), 'w') as file:
            file.write(re.sub('^Documentation=.*$', '', unit, flags=re.M).replace('/usr/sbin/', f'{place.binaries}/'))
        shutil.copy(f'{deploy}/systemd/{name}.socket', place.path(f'{name}.socket'))
    if shutil.which('systemd-analyze'):
        units = [place.path(f'{name}.{kind}') for name in TEXTS for kind in ('service', 'socket')]
        done = subprocess.run(['systemd-analyze', 'verify', '--man=no', *units], capture_output=True, text=True)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if place.directory in line or any(f'{name}.' in line for name in TEXTS)]
        assert not ours, ours
