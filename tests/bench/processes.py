# SPDX-License-Identifier: BSD-2-Clause
"""Processes under measurement: started on one core, their whole tree's CPU time and memory read from /proc."""
import os
import signal
import socket
import subprocess
import time

TICK = os.sysconf('SC_CLK_TCK')


def stat(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rsplit(')', 1)[1].split()


def tree(root):
    """Process ids of root and all that descend from it."""
    children = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            children.setdefault(int(stat(name)[1]), []).append(int(name))
        except OSError:
            pass
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = stat(pid)
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICK


def thread_seconds(pids):
    """By thread."""
    found = {}
    for pid in pids:
        for thread in os.listdir(f'/proc/{pid}/task'):
            fields = stat(f'{pid}/task/{thread}')
            found[thread] = (int(fields[11]) + int(fields[12])) / TICK
    return found


def memory(pids):
    """Bytes, shared pages counted once."""
    total = 0
    for pid in pids:
        try:
            with open(f'/proc/{pid}/smaps_rollup') as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith('Pss:'))
        except OSError:
            pass
    return total * 1024


def reachable(address):
    try:
        if address.startswith('unix:'):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(address[5:])
        else:
            host, port = address.rsplit(':', 1)
            socket.create_connection((host, int(port)), 0.5).close()
        return True
    except OSError:
        return False


class Process:
    def __init__(self, argv, directory, core, name):
        """On that core alone, or on any if there is none."""
        self.name = name
        self.log_path = f'{directory}/{name}.out'
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*(['taskset', '-c', core] if core else []), *argv], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)

    def await_address(self, address, seconds=15):
        end = time.monotonic() + seconds
        while not reachable(address):
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.log_path, errors='replace') as file:
                    raise RuntimeError(f'{self.name} does not listen on {address}: {file.read()[-400:].strip()}')
            time.sleep(0.02)

    def pids(self):
        return tree(self.process.pid)

    def stop(self):
        if self.process.poll() is not None:
            return
        pids = self.pids()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait()
