# SPDX-License-Identifier: BSD-2-Clause
"""A few seconds of the soak (tests/soak): nothing mixed up, nothing of the clients left; what grows shows only in long runs."""
import os
import subprocess

import wire

SECONDS = 12


def test_soak(place):
    build = 'asan' if 'ASAN_OPTIONS' in os.environ else 'tsan' if 'TSAN_OPTIONS' in os.environ else 'release'
    run = os.path.join(os.path.dirname(__file__), '..', 'soak', 'run')
    done = subprocess.run([run, '--bin', place.binaries, '--build', build, '--minutes', f'{SECONDS / 60}', '--every', '0.7', '--clients', '6'],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', timeout=SECONDS + wire.patience() * 20)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


test_soak.once = True
