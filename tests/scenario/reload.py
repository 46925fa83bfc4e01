# SPDX-License-Identifier: BSD-2-Clause
"""Reload in place: nothing that both configurations have is disturbed, nothing is left behind, nothing bad is taken."""
import os
import re
import signal

import reloading
import wire

ROUNDS = 10   # to B and back to A: 20 reloads


def test_webfront_under_load(place):
    reloading.reload_under_load(place, 'webfront', ROUNDS)


def test_cachenode_under_load(place):
    reloading.reload_under_load(place, 'cachenode', ROUNDS)


def test_balancer_under_load(place):
    reloading.reload_under_load(place, 'balancer', ROUNDS)


def test_sighup_and_the_ready_file(place):
    """A listener that came with SIGHUP serves, and its address is in the ready file."""
    origin = place.origin()
    top = f'admin = "unix:{place.path("admin")}"\n'
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=top)
    with open(front.config) as file:
        text = file.read()
    with open(front.config, 'w') as file:
        file.write(text + '[[listen]]\naddress = "[::1]:0"\n')
    front.signal(signal.SIGHUP)
    wire.wait_for(lambda: '[::1]:0' in open(front.ready).read(), 'the ready file is written again')
    front.await_ready()
    assert wire.get(front.address('[::1]:0')).status == 200


def test_what_a_removed_listener_named(place):
    """It stays while a connection is there that came by that listener, and no longer."""
    origin = place.origin(script=reloading.tunnel_origin)
    doors = [f'unix:{place.path("one.sock")}', f'unix:{place.path("two.sock")}']
    daemon = place.balancer([origin.address], top=f'admin = "unix:{place.path("admin")}"\n')
    with open(daemon.config) as file:
        before = file.read()
    more = f'[[frontend]]\nname = "more"\nbind = ["{doors[0]}", "{doors[1]}"]\ndefault_backend = "other"\n'
    more += f'[[backend]]\nname = "other"\n[[backend.server]]\nname = "o1"\naddress = "{origin.address}"\ncheck = false\n'
    for text in (before + more, before):
        with open(daemon.config, 'w') as file:
            file.write(text)
        assert 'serves by the new configuration' in reloading.admin(place, 'reload')
        if text != before:
            tunnel = reloading.open_tunnel(doors[0])
    reloading.echo(tunnel, b'still there')
    assert re.search(r'_buried [1-9]', reloading.metrics(place))
    tunnel.close()
    wire.wait_for(lambda: reloading.at_rest(place), 'all is forgotten')


def test_refused_whole(place):
    """One mistake, and nothing of the rest is applied; the answer says where."""
    origin = place.origin()
    for name in reloading.KINDS:
        kind = reloading.KINDS[name](place, [origin.address] * 4)
        daemon = place.daemon(name, kind.text(lambda switch: False))
        with open(daemon.config, 'w') as file:
            file.write(kind.text(lambda switch: True) + '[nonsense]\n')
        said = reloading.admin(place, 'reload')
        assert f'{name}.toml:' in said and 'nonsense' in said and 'not changed' in said, said
        assert reloading.status(place, 'generation') == '1'
        assert 'result="refused"} 1' in reloading.metrics(place)
        assert len(daemon.addresses) == len(open(daemon.ready).readlines())
        daemon.stop()


def test_dry_run(place):
    """Says what would be; opens nothing and changes nothing."""
    origin = place.origin()
    for name in reloading.KINDS:
        kind = reloading.KINDS[name](place, [origin.address] * 4)
        daemon = place.daemon(name, kind.text(lambda switch: False))
        before = reloading.descriptors(daemon)
        with open(daemon.config, 'w') as file:
            file.write(kind.text(lambda switch: True))
        said = reloading.admin(place, 'reload --dry-run')
        assert 'dry run' in said and 'added' in said and '1 added, 0 removed' in said, said
        assert reloading.status(place, 'generation') == '1'
        wire.wait_for(lambda: reloading.descriptors(daemon) == before, 'what was opened is closed')
        said = reloading.admin(place, 'reload')
        assert '1 added, 0 removed' in said, said
        assert 'nothing changed' in reloading.admin(place, 'reload')
        daemon.stop()


def test_files_that_the_configuration_names(place):
    """A changed error page is used after a reload; one that is gone keeps the configuration as it is."""
    page = place.path('busy.html')
    with open(page, 'w') as file:
        file.write('<p>busy</p>')
    balancer = place.balancer([f'unix:{place.path("nobody.sock")}'], top=f'admin = "unix:{place.path("admin")}"\n',
                              backend=f'error_pages = {{ "502,503" = "{page}" }}')
    got = wire.get(balancer.address())
    assert got.status == 503 and got.body == b'<p>busy</p>', got
    with open(page, 'w') as file:
        file.write('<p>back soon</p>')
    assert 'serves by the new configuration' in reloading.admin(place, 'reload')
    assert wire.get(balancer.address()).body == b'<p>back soon</p>'
    os.remove(page)
    assert page in reloading.admin(place, 'reload')
    assert wire.get(balancer.address()).body == b'<p>back soon</p>'
