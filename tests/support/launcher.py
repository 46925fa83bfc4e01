# SPDX-License-Identifier: BSD-2-Clause
"""Daemons that are started in a special way: by root for another account, without rights, or as systemd starts them."""
import os
import random
import socket
import subprocess

import harness
import ports

NOBODY, NOGROUP = 65534, 65534


class Launched(harness.Daemon):
    """A daemon whose ready file and output stand in `folder`; `how` goes to Popen. `listen` are sockets that it gets from systemd,
    `watched`: systemd's watchdog is for this very process."""

    def __init__(self, place, name, config, folder, environment=None, listen=(), names='', watched=False, wait=True, **how):
        self.name = self.tag = name
        self.config, self.ready = config, f'{folder}/{name}.ready'
        self.out, self.err = place.path(f'{name}.out'), place.path(f'{name}.err')
        self.expected_code = 0
        self.addresses = []
        command = [f'{place.binaries}/{name}', '-c', config, '--ready', self.ready]
        environment = {**os.environ, **place.environment, **(environment or {})}
        if listen or watched:
            # The process that execs has the number that the variables must say.
            which = 'LISTEN_PID' if listen else 'WATCHDOG_PID'
            command = ['/bin/sh', '-c', f'{which}=$$; export {which}; exec "$@"', 'sh', *command]
        if listen:
            environment |= {'LISTEN_FDS': str(len(listen)), 'LISTEN_FDNAMES': names}
            high = [os.dup(one.fileno()) for one in listen]

            def move():
                for number, descriptor in enumerate(high, 3):
                    os.dup2(descriptor, number)
            how = {**how, 'preexec_fn': move, 'pass_fds': range(3, 3 + len(high))}
        with open(self.out, 'ab') as out, open(self.err, 'ab') as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, env=environment, **how)
        for descriptor in high if listen else ():
            os.close(descriptor)
        place.daemons.append(self)
        if wait:
            self.await_ready()

    def opener(self):
        """Number of the process that keeps rights for it, or None."""
        for entry in os.listdir('/proc'):
            try:
                if entry.isdigit() and status(entry, 'PPid') == str(self.process.pid) and status(entry, 'Name').endswith('/opener'[:15 - len(self.name[:8])]):
                    return int(entry)
            except OSError:
                pass
        return None


def status(process, name):
    """A line of /proc/PROCESS/status."""
    with open(f'/proc/{process}/status') as file:
        for line in file:
            key, _, value = line.partition(':')
            if key == name:
                return value.strip()
    raise OSError(name)


def is_gone(process):
    try:
        return status(process, 'State').startswith('Z')
    except OSError:
        return True


def low_ports(count):
    """Ports below 1024 that nobody uses now, claimed."""
    found = []
    for port in random.sample(range(600, 1024), 400):
        with socket.socket() as asked:      # not bind(): who asks may have no right to
            if asked.connect_ex(('127.0.0.1', port)) == 0 or not ports.claim(port):
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError('no low port is free')
