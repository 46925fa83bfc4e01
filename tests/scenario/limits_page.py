# SPDX-License-Identifier: BSD-2-Clause
"""Every metric that deploy/docs/limits.md names is there in the daemons' metrics. (Names of options, reasons and tests: support/tree.py.)"""
import os
import re

import wire
from limits import MEASURED

PAGE = os.path.join(os.path.dirname(__file__), '..', '..', 'deploy', 'docs', 'limits.md')
DAEMONS = ('webfront', 'cachenode', 'balancer')


def named():
    with open(PAGE) as file:
        found = set(re.findall(r'`((?:NAME|webfront|cachenode|balancer)_\w+)`', file.read()))
    return {name.replace('NAME', daemon, 1) for name in found for daemon in DAEMONS if name.startswith(('NAME_', daemon + '_'))}


def test_metrics_are_there(place):
    nobody = '127.0.0.1:1'
    short = 'limits.header_timeout = "50ms"\n'
    queue = f'[upstream.app]\nservers = ["{nobody}"]\nqueue = {{ max_active = 1 }}\n'
    daemons = [place.webfront('[[site.route]]\nproxy = "app"\n', top=MEASURED + short, tail=queue), place.cachenode(nobody, top=MEASURED + short),
               place.balancer([nobody], top=MEASURED + 'defaults.timeout.http_request = "50ms"\n')]
    shown = ''
    for daemon in daemons:
        assert wire.get(daemon.address()).status in (502, 503)      # reasons are there once they were needed
        with wire.Connection(daemon.address()) as slow:
            slow.send(b'GET / HT')
            assert slow.answer().status == 408
        shown += wire.get(daemon.named('metrics'), '/metrics').body.decode()
    missing = {name for name in named() if not re.search(rf'^{name}[ {{]', shown, re.M)}
    assert len(named()) > 50 and not missing, missing


test_metrics_are_there.once = True
