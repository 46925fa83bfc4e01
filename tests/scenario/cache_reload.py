# SPDX-License-Identifier: BSD-2-Clause
"""What cachenode's store and fetches do when its configuration changes."""
import re
import threading

import reloading
import wire


def change(place, daemon, text):
    with open(daemon.config, 'w') as file:
        file.write(text)
    said = reloading.admin(place, 'reload')
    assert said.startswith('serves by the new configuration'), said


def configuration(place, origin, memory='16m', rest=''):
    return f'''workers = {place.workers}
admin = "unix:{place.path('admin')}"
metrics = "127.0.0.1:0"
[[listen]]
address = "{place.address}"
[origin.app]
address = "{origin.address}"
[storage]
memory = "{memory}"
{rest}'''


def figure(place, name):
    return int(re.search(rf'^{name} (\d+)', reloading.admin(place, 'store'), re.M).group(1))


def hit(answer):
    return answer.get('X-Cache') == 'HIT'


RULE = '[[rule]]\nname = "x"\nmatch = { prefix = "/x" }\nttl = "1h"\n'


def test_a_fetch_ends_by_the_rules_it_began_with(place):
    """And what was stored under old rules stays as it was stored."""
    may = threading.Event()

    def answer(connection, request):
        if '/held' in request.target:
            may.wait(wire.patience() * 4)
        connection.answer(200, '', b'body of ' + request.target.encode())
    origin = place.origin(answer)
    place.address = place.new_address('c')
    cache = place.daemon('cachenode', configuration(place, origin, rest=RULE))
    assert not hit(wire.get(cache.address(), '/x/stored'))
    with wire.Connection(cache.address()) as client:
        client.send(wire.request('/x/held'))
        wire.wait_for(lambda: origin.seen('/x/held'), 'the fetch is at the origin')
        change(place, cache, configuration(place, origin))
        may.set()
        assert client.answer().body == b'body of /x/held'
    for path in ('/x/stored', '/x/held'):
        wire.wait_for(lambda: hit(wire.get(cache.address(), path)), f'{path} is stored')
        assert len(origin.seen(path)) == 1, path
    assert not hit(wire.get(cache.address(), '/x/new'))
    assert not hit(wire.get(cache.address(), '/x/new')), 'stored by a rule that is gone'
    change(place, cache, configuration(place, origin, rest=RULE))
    assert hit(wire.get(cache.address(), '/x/stored'))
    wire.wait_for(lambda: reloading.at_rest(place), 'nothing is left of the configurations before')


def test_less_memory(place):
    """The store shrinks to its new bound while it serves, and what still fits stays."""
    origin = place.origin(lambda connection, request: connection.answer(200, 'Cache-Control: max-age=3600', request.target.encode() * 4000))
    place.address = place.new_address('c')
    cache = place.daemon('cachenode', configuration(place, origin))
    for number in range(200):
        wire.get(cache.address(), f'/page/{number:04}')
    objects, used = figure(place, 'objects'), figure(place, 'bytes')
    assert objects == 200 and used > 6 << 20, (objects, used)
    change(place, cache, configuration(place, origin, memory='4m'))
    wire.wait_for(lambda: figure(place, 'bytes') <= 4 << 20, 'the new bound holds')
    assert figure(place, 'limit_bytes') == 4 << 20
    left = figure(place, 'objects')
    assert 20 < left < 200, left
    found = [wire.get(cache.address(), f'/page/{number:04}', fields='Cache-Control: only-if-cached') for number in range(200)]
    assert sum(answer.status == 200 and hit(answer) for answer in found) == left
    change(place, cache, configuration(place, origin, memory='16m'))
    for number in range(150):
        got = wire.get(cache.address(), f'/page/{number:04}')
        assert got.status == 200 and got.body == f'/page/{number:04}'.encode() * 4000
    assert figure(place, 'objects') >= 150
