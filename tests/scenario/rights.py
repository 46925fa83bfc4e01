# SPDX-License-Identifier: BSD-2-Clause
"""Who may open what: started by root for another account, and without rights."""
import os
import re
import signal
import socket
import ssl
import subprocess

import harness
import wire
from launcher import NOBODY, NOGROUP, Launched, is_gone, low_ports, status

RESPOND = '[[site]]\nnames = ["*"]\n[[site.route]]\nrespond = { status = 200, body = "here" }\n'
OTHERS = {
    'cachenode': '[[listen]]\naddress = "ADDRESS"\n[origin.app]\naddress = "127.0.0.1:9"\n',
    'balancer': '[[frontend]]\nname = "front"\nbind = "ADDRESS"\ndefault_backend = "app"\n[[backend]]\nname = "app"\n[[backend.server]]\nname = "s1"\n'
                'address = "127.0.0.1:9"\ncheck = false\n',
}


def once(function):
    function.once = True
    return function


def needs_root():
    if os.geteuid() != 0:
        raise harness.Skipped('needs root, to have rights to give up')


class Layout:
    """Folders as on a server: configuration and keys for root's eyes only, logs in a folder of root's, run of the account's."""

    def __init__(self, place):
        self.place = place
        os.chmod(place.directory, 0o755)
        for name, mode in (('etc', 0o700), ('log', 0o755), ('run', 0o755)):
            os.mkdir(place.path(name))
            os.chmod(place.path(name), mode)
        if os.geteuid() == 0:
            os.chown(place.path('run'), NOBODY, NOGROUP)

    def write(self, name, text, mode=0o600):
        path = self.place.path(name)
        with open(path + '.new', 'w') as file:
            file.write(text)
        os.chmod(path + '.new', mode)
        os.rename(path + '.new', path)
        return path

    def certificate(self, name):
        """A new pair of this name, for root only; as certbot does, one file after the other."""
        made = self.place.path('made')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '90', '-subj', f'/CN={name}',
                        '-addext', f'subjectAltName=DNS:{name}', '-keyout', made + '.key', '-out', made + '.pem'], check=True, capture_output=True)
        self.write('etc/key.pem', open(made + '.key').read())
        self.write('etc/cert.pem', open(made + '.pem').read())

    def webfront(self, addresses, top=''):
        etc, log, run = (self.place.path(name) for name in ('etc', 'log', 'run'))
        listen = ''.join(f'[[listen]]\naddress = "{address}"\ntls = {{ cert = "{etc}/cert.pem", key = "{etc}/key.pem" }}\n' for address in addresses)
        return self.write('etc/webfront.toml', f'workers = {self.place.workers}\nadmin = "unix:{run}/admin.sock"\n{top}\n[log]\n'
                          f'access = {{ file = "{log}/access.log" }}\nerror = {{ file = "{log}/error.log", level = "info" }}\n{listen}{RESPOND}')


def ask(address):
    """Status, and the name in the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = address.rsplit(':', 1)
    with socket.create_connection((host, int(port)), wire.patience()) as plain, context.wrap_socket(plain, server_hostname='localhost') as made:
        made.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        got = b''
        while piece := made.recv(4096):
            got += piece
        der = made.getpeercert(True)
    subject = subprocess.run(['openssl', 'x509', '-inform', 'der', '-noout', '-subject'], input=der, capture_output=True, check=True).stdout.decode()
    return int(got.split()[1]), re.search(r'CN\s*=\s*(\S+)', subject).group(1)


def command(place, daemon, *words):
    return subprocess.run([f'{place.binaries}/{daemon.name}', '--admin', daemon.named('admin'), *words], capture_output=True, text=True, timeout=wire.patience() * 4)


def read(path):
    with open(path) as file:
        return file.read()


@once
def test_root_gives_up_its_rights(place):
    needs_root()
    layout = Layout(place)
    layout.certificate('first.example')
    low, another = low_ports(2)
    daemon = Launched(place, 'webfront', layout.webfront([f'127.0.0.1:{low}'], 'user = "nobody"'), place.path('run'))
    me = daemon.process.pid
    assert status(me, 'Uid').split() == [str(NOBODY)] * 4 and status(me, 'Gid').split() == [str(NOGROUP)] * 4
    for which in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
        assert int(status(me, which), 16) == 0, which
    assert status(me, 'NoNewPrivs') == '1'
    for thread in os.listdir(f'/proc/{me}/task'):
        assert status(f'{me}/task/{thread}', 'Uid').split() == [str(NOBODY)] * 4
    assert ask(f'127.0.0.1:{low}') == (200, 'first.example')
    assert os.stat(place.path('run/admin.sock')).st_uid == NOBODY
    wire.wait_for(lambda: 'GET / ' in read(place.path('log/access.log')), 'no line in the access log')
    assert os.stat(place.path('log/access.log')).st_uid == NOBODY

    opener = daemon.opener()
    assert opener and status(opener, 'Uid').split() == ['0'] * 4
    assert read(f'/proc/{opener}/cmdline').rstrip('\0') == 'webfront: opener'

    # A renewed certificate, of root's only, and a new low port.
    layout.certificate('second.example')
    layout.webfront([f'127.0.0.1:{low}', f'127.0.0.1:{another}'], 'user = "nobody"')
    done = command(place, daemon, 'reload')
    assert done.returncode == 0, done.stdout + done.stderr
    assert ask(f'127.0.0.1:{low}') == (200, 'second.example')
    assert ask(f'127.0.0.1:{another}') == (200, 'second.example')

    # Logs in root's folder.
    os.rename(place.path('log/access.log'), place.path('log/access.log.1'))
    daemon.signal(signal.SIGUSR1)
    wire.wait_for(lambda: os.path.exists(place.path('log/access.log')), 'the log was not opened again')
    ask(f'127.0.0.1:{another}')
    wire.wait_for(lambda: 'GET / ' in read(place.path('log/access.log')), 'no line in the new access log')
    assert os.stat(place.path('log/access.log')).st_uid == NOBODY

    # A configuration that nobody but root reads, with a mistake in it.
    layout.write('etc/webfront.toml', 'wrokers = 1\n')
    done = command(place, daemon, 'reload')
    assert done.returncode == 1 and 'webfront.toml:1:' in done.stdout + done.stderr, done.stdout + done.stderr
    assert ask(f'127.0.0.1:{low}') == (200, 'second.example')

    layout.webfront([f'127.0.0.1:{low}'], 'user = "nobody"')
    daemon.signal(signal.SIGTERM)
    daemon.process.wait(wire.patience() * 2)
    wire.wait_for(lambda: is_gone(opener), 'the opener is still there')


@once
def test_an_upgrade_keeps_the_opener(place):
    """The new process has no rights either, and a port is added and a key read with its opener; which ends with the last daemon."""
    needs_root()
    layout = Layout(place)
    layout.certificate('first.example')
    low, another = low_ports(2)
    daemon = Launched(place, 'webfront', layout.webfront([f'127.0.0.1:{low}'], 'user = "nobody"'), place.path('run'))
    opener = daemon.opener()
    done = command(place, daemon, 'upgrade')
    assert done.returncode == 0, done.stdout + done.stderr + daemon.errors()
    new = int(re.match(r'process (\d+) serves', done.stdout)[1])
    try:
        daemon.process.wait(wire.patience() * 2)
        assert status(new, 'Uid').split() == [str(NOBODY)] * 4 and int(status(new, 'CapPrm'), 16) == 0
        layout.certificate('second.example')
        layout.webfront([f'127.0.0.1:{low}', f'127.0.0.1:{another}'], 'user = "nobody"')
        done = command(place, daemon, 'reload')
        assert done.returncode == 0, done.stdout + done.stderr
        assert ask(f'127.0.0.1:{low}') == ask(f'127.0.0.1:{another}') == (200, 'second.example')
        assert not is_gone(opener)
    finally:
        os.kill(new, signal.SIGKILL)
    wire.wait_for(lambda: is_gone(opener), 'the opener is still there')


@once
def test_a_renewed_key_of_roots_is_taken_without_a_reload(place):
    needs_root()
    layout = Layout(place)
    layout.certificate('first.example')
    daemon = Launched(place, 'webfront', layout.webfront(['127.0.0.1:0'], 'user = "nobody"'), place.path('run'))
    assert ask(daemon.address()) == (200, 'first.example')
    layout.certificate('second.example')
    wire.wait_for(lambda: ask(daemon.address()) == (200, 'second.example'), 'the renewed certificate is not used', wire.patience() * 2)


@once
def test_the_opener_ends_with_its_daemon(place):
    """However that ends."""
    needs_root()
    layout = Layout(place)
    layout.certificate('a.example')
    for name in ('webfront', 'cachenode', 'balancer'):
        config = layout.webfront(['127.0.0.1:0'], 'user = "nobody"') if name == 'webfront' else \
            layout.write(f'etc/{name}.toml', 'user = "nobody"\n' + OTHERS[name].replace('ADDRESS', '127.0.0.1:0'))
        for number in (signal.SIGKILL, signal.SIGTERM):
            daemon = Launched(place, name, config, place.path('run'))
            opener = daemon.opener()
            assert opener, f'{name} has no opener'
            for harmless in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
                os.kill(opener, harmless)
            assert not is_gone(opener)
            daemon.signal(number)
            daemon.process.wait(wire.patience() * 2)
            daemon.expected_code = None
            wire.wait_for(lambda: is_gone(opener), f'{name}: the opener is still there after {number.name}')
            os.unlink(daemon.ready)


@once
def test_an_account_that_is_not_there(place):
    needs_root()
    layout = Layout(place)
    layout.certificate('a.example')
    done = subprocess.run([f'{place.binaries}/webfront', '-c', layout.webfront(['127.0.0.1:0'], 'user = "no-such-account"')], capture_output=True, text=True,
                          timeout=wire.patience() * 2)
    assert done.returncode == 1 and 'no-such-account' in done.stderr, done.stderr


def without_rights():
    return {'user': NOBODY, 'group': NOGROUP, 'extra_groups': []} if os.geteuid() == 0 else {}


@once
def test_without_rights_a_test_says_what_it_cannot_check(place):
    layout = Layout(place)
    os.chmod(place.path('etc'), 0o755)
    layout.certificate('a.example')
    os.chmod(place.path('etc/key.pem'), 0)
    if os.geteuid() != 0:
        os.chmod(place.path('log'), 0o555)
    config = layout.webfront(['127.0.0.1:443'])
    os.chmod(config, 0o644)
    os.chmod(place.path('etc/cert.pem'), 0o644)
    done = subprocess.run([f'{place.binaries}/webfront', '-t', '-c', config], capture_output=True, text=True, timeout=wire.patience() * 2, **without_rights())
    said = [line for line in done.stderr.splitlines() if 'cannot be checked without root: ' in line]
    assert done.returncode == 0 and 'test is successful' in done.stderr, done.stderr
    assert any('key.pem' in line for line in said), done.stderr
    assert any('access.log' in line for line in said) and any('error.log' in line for line in said), done.stderr
    if int(read('/proc/sys/net/ipv4/ip_unprivileged_port_start')) > 443:
        assert any('127.0.0.1:443' in line for line in said), done.stderr
    if os.geteuid() == 0:       # who has the rights is told nothing of the kind
        done = subprocess.run([f'{place.binaries}/webfront', '-t', '-c', config], capture_output=True, text=True, timeout=wire.patience() * 2)
        assert done.returncode == 0 and 'cannot be checked' not in done.stderr, done.stderr


@once
def test_without_rights_a_reload_names_the_one_that_is_missing(place):
    if int(read('/proc/sys/net/ipv4/ip_unprivileged_port_start')) < 1024:
        raise harness.Skipped('low ports are everybody\'s here')
    layout = Layout(place)
    for name in ('cachenode', 'balancer'):
        text = f'admin = "unix:{place.path("run")}/{name}.sock"\n' + OTHERS[name]
        config = layout.write(f'run/{name}.toml', text.replace('ADDRESS', '127.0.0.1:0'), 0o644)
        daemon = Launched(place, name, config, place.path('run'), **without_rights())
        low = low_ports(1)[0]
        both = re.sub('"ADDRESS"', f'["127.0.0.1:0", "127.0.0.1:{low}"]', text)
        layout.write(f'run/{name}.toml', both, 0o644)
        for words in (['reload', '--dry-run'], ['reload']):
            done = command(place, daemon, *words)
            said = done.stdout + done.stderr
            assert done.returncode == 1 and f'127.0.0.1:{low}' in said and 'CAP_NET_BIND_SERVICE' in said and 'restart' in said, f'{name}: {said}'
        with wire.Connection(daemon.address()) as client:
            client.send(wire.request('/'))
            assert client.answer().status in (502, 503), 'it does not serve any more'
        done = subprocess.run([f'{place.binaries}/{name}', '-c', config], capture_output=True, text=True, timeout=wire.patience() * 2, **without_rights())
        assert done.returncode == 1 and 'CAP_NET_BIND_SERVICE' in done.stderr, done.stderr
