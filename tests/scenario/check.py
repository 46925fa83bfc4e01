# SPDX-License-Identifier: BSD-2-Clause
"""A daemon that finds a mistake of its own says in which exchange, with its history, ends by SIGABRT, and serves again under its supervisor."""
import os
import re
import signal
import subprocess
import threading

import wire

# Makes connecting to one server a mistake of ours, for builds that know no `X-Test-Fail-Check`.
FAULT = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  static int (*real)(int, const struct sockaddr *, socklen_t);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "connect");
  if (address->sa_family == AF_UNIX && strstr(((const struct sockaddr_un *)address)->sun_path, "mistake.sock")) abort();
  return real(fd, address, length);
}
'''

DAEMONS = ('webfront', 'cachenode', 'balancer')
STATE = 'upstream'  # where a request asks for a failed check


class Supervised:
    """Starts a program again whenever it ends, at once, as systemd does after `RestartSec`."""

    def __init__(self, place, name, text, environment):
        self.config, self.ready, self.err = (place.path(f'{name}.{what}') for what in ('toml', 'ready', 'err'))
        with open(self.config, 'w') as file:
            file.write(f'workers = {place.workers}\n' + text)
        self.command = [f'{place.binaries}/{name}', '-c', self.config, '--ready', self.ready]
        self.environment = {**os.environ, **environment}
        self.codes, self.process, self.stopping = [], None, False
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.started.wait(wire.patience())

    def run(self):
        while not self.stopping and len(self.codes) < 10:
            with open(self.err, 'ab') as err:
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, env=self.environment)
            self.started.set()
            self.codes.append(self.process.wait())

    def address(self):
        """Of the one that runs now; None while there is none."""
        try:
            with open(self.ready) as file:
                address = file.read().split()[1]
            wire.connect(address).close()
            return address
        except (OSError, IndexError):
            return None

    def errors(self):
        with open(self.err, errors='replace') as file:
            return file.read()

    def stop(self):
        self.stopping = True
        self.process.send_signal(signal.SIGTERM)
        self.thread.join()


def configuration(place, name, well, mistake):
    if name == 'webfront':
        return (f'[[listen]]\naddress = "{place.new_address("w")}"\n[[site]]\nnames = ["*"]\n[[site.route]]\nprefix = "/mistake"\nproxy = "{mistake}"\n'
                f'[[site.route]]\nproxy = "{well}"\n')
    if name == 'cachenode':
        return f'[[listen]]\naddress = "{place.new_address("c")}"\n[origin.app]\naddress = "{mistake}"\n'
    return (f'[[frontend]]\nname = "front"\nbind = "{place.new_address("b")}"\ndefault_backend = "app"\n[[backend]]\nname = "app"\n[[backend.server]]\nname = "s1"\n'
            f'address = "{mistake}"\ncheck = false\n')


def fault_library(place):
    with open(place.path('fault.c'), 'w') as file:
        file.write(FAULT)
    subprocess.run(['cc', '-shared', '-fPIC', '-o', place.path('fault.so'), place.path('fault.c'), '-ldl'], check=True, capture_output=True)
    return place.path('fault.so')


def has_hooks(place):
    """Builds with sanitizers let a request ask for a failed check."""
    with open(f'{place.binaries}/webfront', 'rb') as file:
        return b'X-Test-Fail-Check' in file.read()


def test_a_failed_check(place):
    origin = place.origin()
    hooks = has_hooks(place)
    environment = {} if hooks else {'LD_PRELOAD': fault_library(place)}
    mistake = place.origin(address=f'unix:{place.path("mistake.sock")}').address
    for name in DAEMONS:
        daemon = Supervised(place, name, configuration(place, name, origin.address, mistake), environment)
        try:
            for turn in range(2):
                address = wire.wait_for(daemon.address, f'{name}: does not serve (turn {turn})')
                # Clients of the same daemon lose their connections; nothing looks like an answer.
                with wire.Connection(address) as client:
                    client.send(wire.request('/mistake/here', method='POST', body=b'x', fields=f'X-Test-Fail-Check: {STATE}'))
                    try:
                        assert not client.more(), client.pending
                    except TimeoutError:
                        raise AssertionError(f'{name}: neither answer nor end')
                wire.wait_for(lambda: len(daemon.codes) > turn, f'{name}: did not end')
            address = wire.wait_for(daemon.address, f'{name}: does not serve again')
            if name == 'webfront':
                assert wire.get(address, '/well').status == 200
        finally:
            daemon.stop()
        assert daemon.codes == [-signal.SIGABRT, -signal.SIGABRT, 0], daemon.codes
        errors = daemon.errors()
        if hooks:
            assert 'CHECK failed' in errors, errors
        else:
            assert re.search(rf'SIGABRT in thread {name[:11]}/\d of process \d+', errors), errors
        last = STATE if hooks else '[a-z-]+'
        histories = re.findall(rf'^exchange \d+\.\d+ POST a\.example/mistake/here: ([a-z-]+ \+[\d.]+ms )*{last} \+[\d.]+ms now \+[\d.]+ms$', errors, re.M)
        assert len(histories) == 2, errors
