# SPDX-License-Identifier: BSD-2-Clause
"""No mutex is held over I/O or a wait: other scenarios, run with tests/locks/watch.cc preloaded to their daemons, which must find nothing."""
import importlib
import os
import re
import subprocess
import sys


unsanitized = 'sanitizers have their own mutexes'
HERE = os.path.dirname(os.path.abspath(__file__))


def places_of(path):
    """What was found, once each: the call and the daemon's functions that led to it."""
    if not os.path.exists(path):
        return []
    found = set()
    with open(path) as file:
        for line in set(file.read().splitlines()):
            call, *frames = line.split()
            named = [call]
            for frame in frames:
                program, offset = frame.rsplit('+', 1)
                if '.so' not in program:
                    text = subprocess.run(['addr2line', '-Cfsie', program, offset], capture_output=True, text=True).stdout.splitlines()
                    named += [f'{re.sub(r"[(<].*", "", name)} {where}' for name, where in zip(text[::2], text[1::2]) if not name.startswith('std::')]
            found.add('\n    '.join(named[:9]))
    return sorted(found)


def watched(place, module, *names):
    if HERE not in sys.path:
        sys.path.append(HERE)
    path = place.path('locked-calls')
    place.workers = 2
    place.environment = {'LD_PRELOAD': f'{place.binaries}/tests/liblock_watch.so', 'LOCKED_CALLS': path}
    for name in names:
        getattr(importlib.import_module(module), name)(place)
    problems = [daemon.stop() for daemon in place.daemons]
    assert not any(problems), problems
    found = places_of(path)
    assert not found, '\n'.join(['with a mutex held:', *found])


def test_admin_commands(place):
    watched(place, 'admin', 'test_lines_and_http')


def test_logs_that_are_rotated(place):
    watched(place, 'logs', 'test_rotation_under_load')


def test_reloads_of_webfront(place):
    watched(place, 'reload', 'test_webfront_under_load')


def test_reloads_of_cachenode(place):
    watched(place, 'reload', 'test_cachenode_under_load')


def test_reloads_of_balancer(place):
    watched(place, 'reload', 'test_balancer_under_load')


def test_with_an_opener(place):
    watched(place, 'rights', 'test_root_gives_up_its_rights')


for test in (test_with_an_opener, test_admin_commands, test_logs_that_are_rotated, test_reloads_of_webfront, test_reloads_of_cachenode, test_reloads_of_balancer):
    test.once = True
