# SPDX-License-Identifier: BSD-2-Clause
"""Long: a thousand reloads of each daemon under load, among random pairs of configurations; memory and descriptors stay."""
import reloading

ROUNDS = 500   # to B and back to A


def run(place, name):
    seen = []

    def each(round):
        if round in (99, ROUNDS - 1):
            now = place.daemons[-1]
            seen.append((now.memory(), reloading.descriptors(now)))
    reloading.reload_under_load(place, name, ROUNDS, seed=2, each=each)
    (memory, fds), (memory_last, fds_last) = seen
    assert memory_last <= memory * 1.1 + 2 * 1024 * 1024, f'memory went from {memory} to {memory_last}'
    assert abs(fds_last - fds) <= 8, f'descriptors went from {fds} to {fds_last}'


def test_webfront(place):
    run(place, 'webfront')


def test_cachenode(place):
    run(place, 'cachenode')


def test_balancer(place):
    run(place, 'balancer')
