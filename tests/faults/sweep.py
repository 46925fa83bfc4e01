# SPDX-License-Identifier: BSD-2-Clause
"""Fails one system call after the other under a scenario, and looks what becomes of the daemon.

A scenario plays once for each n: the n-th call of a kind fails, what clients see is judged, then it plays again without a failure in the
same process, and what was opened must be closed. The interposer (interpose.cc) is told through a mapped file, laid out as in control.h.
"""
import errno
import mmap
import os
import re
import struct
import subprocess
import traceback

import wire

KINDS = ('none socket connect connected accept read write read_file write_file sendfile open stat epoll_ctl mmap allocate openssl nghttp2').split()
SHORT = 'short'
# What each kind of call may do: names of errno, or `short` for one byte only; `*`: all from the n-th on. The first are the most different ones: a sample takes them first.
FAULTS = {
    'socket': ['EMFILE', 'ENOBUFS'],
    'connect': ['ECONNREFUSED', 'EAGAIN', 'EADDRNOTAVAIL', 'EINTR'],
    'connected': ['ECONNREFUSED', 'ETIMEDOUT'],
    'accept': ['EMFILE', 'ECONNABORTED', 'ENOMEM', 'EINTR'],
    'read': ['ECONNRESET', SHORT, 'EAGAIN', 'EINTR', 'ENOMEM', 'ETIMEDOUT'],
    'write': ['EPIPE', SHORT, 'EAGAIN', 'ENOBUFS', 'EINTR', 'ECONNRESET'],
    'read_file': ['EIO', SHORT, 'EINTR'],
    'write_file': ['ENOSPC', SHORT, 'EINTR', 'EIO'],
    'sendfile': ['EIO', SHORT, 'EAGAIN', 'EPIPE', 'EINTR', 'ENOMEM'],
    'open': ['EMFILE', 'EIO', 'ENFILE', 'ENOMEM'],
    'stat': ['EIO', 'ENOMEM'],
    'epoll_ctl': ['ENOMEM', 'ENOSPC'],
    'mmap': ['ENOMEM'],
    'allocate': ['ENOMEM', 'ENOMEM*'],
    'openssl': ['ENOMEM'],
    'nghttp2': ['ENOMEM'],
}
# Calls that only some plays make: so many plays until one is given up.
RARE = {'mmap': 12, 'allocate': 3, 'write_file': 3}
NEVER = 1 << 40
ESTABLISHED = '01'
WORDS = 'armed nth count action error calls failed descriptor depth'.split()
FRAMES_AT, THREAD_AT = len(WORDS) * 8 + 16, len(WORDS) * 8
SOFT = (500, 502, 503, 504)     # what a client may be told when something failed here


class Wrong(Exception):
    """A client saw what no failure excuses."""


class Control:
    """The interposer's file."""

    def __init__(self, path):
        with open(path, 'wb') as file:
            file.write(b'\0' * mmap.PAGESIZE)
        self.file = open(path, 'r+b')
        self.memory = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)

    def put(self, word, value):
        struct.pack_into('<Q', self.memory, WORDS.index(word) * 8, value)

    def get(self, word):
        return struct.unpack_from('<Q', self.memory, WORDS.index(word) * 8)[0]

    def arm(self, kind, fault, nth):
        for word, value in (('armed', 0), ('calls', 0), ('failed', 0), ('depth', 0), ('nth', nth), ('count', NEVER if fault.endswith('*') else 1),
                            ('action', int(fault == SHORT)), ('error', 0 if fault == SHORT else getattr(errno, fault.rstrip('*'))), ('armed', KINDS.index(kind))):
            self.put(word, value)

    def disarm(self):
        self.put('armed', 0)

    def where(self, program):
        """Thread and functions of the call that failed, as far as symbols are there."""
        thread = self.memory[THREAD_AT:THREAD_AT + 16].split(b'\0')[0].decode()
        frames = struct.unpack_from(f'<{min(24, self.get("depth"))}Q', self.memory, FRAMES_AT)
        inner = [f'{frame - 1:#x}' for frame in frames if frame < 1 << 32]
        try:
            done = subprocess.run(['addr2line', '-Cfse', program, *inner], capture_output=True, text=True, timeout=60)
            lines = done.stdout.splitlines()
            names = [f'{name.split("(")[0]} {line}' for name, line in zip(lines[::2], lines[1::2]) if not name.startswith(('std::', 'void std::')) and '??' not in name]
        except (OSError, subprocess.TimeoutExpired):
            names = inner
        return f'thread {thread}, descriptor {self.get("descriptor") & 0xffffffff}: ' + ' < '.join(names[:6])


def soft(call, strict):
    """Runs a client's part. None when it failed in a way that clients must expect; a client left waiting is always wrong."""
    try:
        return call()
    except TimeoutError as problem:
        raise Wrong(f'left waiting: {problem}') from None
    except (OSError, wire.Broken) as problem:
        if strict:
            raise Wrong(f'{type(problem).__name__}: {problem}') from None
        return None


def judged(answer, strict, statuses=(200,)):
    """The answer if it is whole and says what was asked for; None for an excusable failure."""
    if answer is None:
        return None
    if answer.status in statuses and answer.complete:
        return answer
    if strict:
        raise Wrong(f'{answer.status}, complete: {answer.complete}, {bytes(answer.body[:200])!r}')
    if answer.complete and answer.status not in SOFT:
        raise Wrong(f'status {answer.status} {bytes(answer.body[:200])!r}')
    return None


class Sweep:
    """One scenario in a place of its own, and all failures of some kinds."""

    def __init__(self, scenario, place):
        self.place, self.scenario = place, scenario
        self.control = Control(place.path('faults'))
        os.environ['TRIVET_FAULTS'] = place.path('faults')
        scenario.start(place)
        # What is opened at the first need is open then.
        scenario.play(True)
        rounds = [self.quiet_round() for _ in range(4)]
        self.own, self.to_servers = min(own for own, _ in rounds), max(to_servers for _, to_servers in rounds)

    def quiet_round(self):
        self.scenario.recover()
        self.scenario.play(True)
        wire.wait_for(lambda: not self.scenario.left(), 'gauges')
        own, to_servers = self.descriptors()
        return len(own), len(to_servers)

    def descriptors(self):
        """What the daemon has open: (all else, established connections to servers)."""
        process = f'/proc/{self.scenario.target.process.pid}'
        servers = {int(origin.address.rsplit(':', 1)[1]) for origin in self.place.origins}
        with open(f'{process}/net/tcp') as table:
            rows = [line.split() for line in table.readlines()[1:]]
        upstream = {f'socket:[{row[9]}]' for row in rows if row[3] == ESTABLISHED and int(row[2].split(':')[1], 16) in servers}
        opened = []
        for name in os.listdir(f'{process}/fd'):
            try:
                opened.append(os.readlink(f'{process}/fd/{name}'))
            except FileNotFoundError:
                pass  # closed meanwhile
        return [one for one in opened if one not in upstream], [one for one in opened if one in upstream]

    def all_closed(self):
        own, to_servers = self.descriptors()
        return len(own) <= self.own and len(to_servers) <= self.to_servers

    def calls(self, kind):
        """How many calls of a kind one play makes."""
        self.control.arm(kind, 'EIO', NEVER)
        try:
            self.scenario.play(True)
        finally:
            self.control.disarm()
        return self.control.get('calls')

    def once(self, kind, fault, nth):
        """True if the call was reached. Raises Wrong."""
        self.control.arm(kind, fault, nth)
        try:
            self.scenario.play(False)
        finally:
            self.control.disarm()
        reached = self.control.get('failed') > 0
        if not reached:
            return False
        if not self.scenario.target.alive():
            raise Wrong('ended')
        self.scenario.recover()
        self.scenario.play(True)
        self.nothing_left()
        return True

    def nothing_left(self):
        patience = wire.patience()
        try:
            wire.wait_for(lambda: not self.scenario.left(), 'gauges', patience)
            wire.wait_for(self.all_closed, 'descriptors', patience)
        except AssertionError:
            own, to_servers = self.descriptors()
            raise Wrong(f'left behind: {len(own)} descriptors after {self.own}, {len(to_servers)} to servers after {self.to_servers}; '
                        f'{self.scenario.left()}; {" ".join(sorted(own))}') from None

    def explain(self, kind, fault, nth, problem):
        target = self.scenario.target
        if not target.alive():
            problem = f'{problem} ended with {target.process.returncode}'
        where = self.control.where(f'{self.place.binaries}/{target.name}') if self.control.get('failed') else 'not reached'
        return f'{self.scenario.name}: {kind} {nth} {fault}: {problem}\n    {where}\n    {" | ".join(target.errors().splitlines()[-3:])[-400:]}'
