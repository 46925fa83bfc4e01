# SPDX-License-Identifier: BSD-2-Clause
"""Certificates that change on disk: new connections get the new one, open connections stay, broken files change nothing."""
import os
import shutil
import ssl
import subprocess

import h2
import wire

KINDS = {'ecdsa': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], 'rsa': ['-newkey', 'rsa:2048']}


def make(cert, key, name='a.example', kind='ecdsa', days=90):
    """A self-signed certificate; the files appear whole. Returns it as DER."""
    subprocess.run(['openssl', 'req', '-x509', *KINDS[kind], '-nodes', '-keyout', key + '.new', '-out', cert + '.new', '-days', str(days),
                    '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name}'], check=True, capture_output=True)
    with open(cert + '.new') as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    os.rename(key + '.new', key)
    os.rename(cert + '.new', cert)
    return der


class Tls(wire.Connection):
    def __init__(self, address, protocols=('http/1.1',), ciphers=None):
        super().__init__(address)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.set_alpn_protocols(list(protocols))
        if ciphers:
            made.maximum_version = ssl.TLSVersion.TLSv1_2
            made.set_ciphers(ciphers)
        self.socket = made.wrap_socket(self.socket, server_hostname='a.example')

    def certificate(self):
        return self.socket.getpeercert(binary_form=True)


def presented(front, **how):
    with Tls(front.address(), **how) as client:
        return client.certificate()


def front_with(place, certificates, more='', rest=''):
    origin = place.origin()
    return place.daemon('webfront', f'''workers = {place.workers}
admin = "unix:{place.path('admin')}"
metrics = "127.0.0.1:0"
[log]
error = {{ file = "{place.path('error.log')}" }}
[[listen]]
address = "{place.new_address('tls')}"
tls = "main"
[tls.main]
certificates = [{', '.join(f'{{ cert = "{cert}", key = "{key}" }}' for cert, key in certificates)}]
{more}
[[site]]
names = ["*"]
[[site.route]]
proxy = "{origin.address}"
{rest}''')


def log(place):
    with open(place.path('error.log')) as file:
        return file.read()


def metric(front, name):
    text = wire.get(front.named('metrics'), '/metrics').body.decode()
    found = [line.rsplit(' ', 1)[1] for line in text.splitlines() if line.startswith(name)]
    return float(found[0]) if found else None


def test_renewed(place):
    cert, key = place.path('a.pem'), place.path('a.key')
    first = make(cert, key)
    front = front_with(place, [(cert, key)])
    assert presented(front) == first
    assert 89 * 86400 < metric(front, 'webfront_certificate_expiry_seconds') < 91 * 86400
    kept = Tls(front.address())
    assert kept.ask(wire.request('/1')).status == 200
    raw = Tls(front.address(), protocols=('h2',))
    with h2.Session(None, socket=raw) as session:
        assert session.ask('/1', scheme='https').status == 200
        second = make(cert, key, days=30)
        wire.wait_for(lambda: presented(front) == second, 'the new certificate is presented')
        # Every worker has it.
        assert all(presented(front) == second for _ in range(8))
        assert session.ask('/2', scheme='https').status == 200
    assert kept.ask(wire.request('/2')).status == 200
    kept.close()
    assert 29 * 86400 < metric(front, 'webfront_certificate_expiry_seconds') < 31 * 86400
    assert metric(front, 'webfront_certificate_reload_failures_total') == 0
    wire.wait_for(lambda: 'renewed: ' + cert in log(place), 'the log says so')


def test_renewed_behind_symbolic_links(place):
    """As certbot does it: what is configured are links, and they are moved to other files."""
    links = place.path('live.pem'), place.path('live.key')

    def renew(number):
        target = place.path(f'archive{number}.pem'), place.path(f'archive{number}.key')
        der = make(*target)
        for link, to in zip(links, target):
            os.symlink(to, link + '.new')
            os.rename(link + '.new', link)
        return der
    renew(1)
    front = front_with(place, [links])
    second = renew(2)
    wire.wait_for(lambda: presented(front) == second, 'the certificate behind the new links is presented')


def test_broken_pair(place):
    """The old one stays, the log and a metric say so once; the next good pair is taken."""
    cert, key = place.path('a.pem'), place.path('a.key')
    first = make(cert, key)
    front = front_with(place, [(cert, key)], rest=f'[[listen]]\naddress = "{place.new_address("more")}"\ntls = "main"\nprotocols = ["http/1.1"]\n')
    kept = Tls(front.address())
    assert kept.ask(wire.request('/1')).status == 200
    make(place.path('other.pem'), place.path('other.key'))
    shutil.copy(place.path('other.key'), key)
    wire.wait_for(lambda: metric(front, 'webfront_certificate_reload_failures_total') == 1, 'the failure is counted')
    assert presented(front) == first
    assert kept.ask(wire.request('/2')).status == 200

    def said():
        return [line for line in log(place).splitlines() if '[error]' in line]
    wire.wait_for(said, 'the log says so')
    assert len(said()) == 1 and key in said()[0] and 'does not belong' in said()[0], said()
    second = make(cert, key)
    wire.wait_for(lambda: presented(front) == second, 'the next good pair is presented')
    with open(cert, 'w') as file:
        file.write('nonsense\n')
    wire.wait_for(lambda: metric(front, 'webfront_certificate_reload_failures_total') == 2, 'the next failure is counted')
    assert presented(front) == second
    kept.close()
    wire.wait_for(lambda: len(said()) == 2, 'the log says what is wrong now')
    assert cert in said()[1]


def test_key_before_certificate(place):
    """Between the two steps of a renewal nothing is loaded, and nothing is said."""
    cert, key = place.path('a.pem'), place.path('a.key')
    first = make(cert, key)
    front = front_with(place, [(cert, key)])
    second = make(place.path('new.pem'), place.path('new.key'))
    shutil.copy(place.path('new.key'), key + '.new')
    os.rename(key + '.new', key)
    assert presented(front) == first
    shutil.copy(place.path('new.pem'), cert + '.new')
    os.rename(cert + '.new', cert)
    wire.wait_for(lambda: presented(front) == second, 'the new pair is presented')
    assert metric(front, 'webfront_certificate_reload_failures_total') == 0


def test_one_of_two_kinds_of_key(place):
    pairs = [(place.path(f'{kind}.pem'), place.path(f'{kind}.key')) for kind in KINDS]
    ecdsa, rsa = (make(*pair, kind=kind) for pair, kind in zip(pairs, KINDS))
    front = front_with(place, pairs)
    old, new = {'ciphers': 'ECDHE-RSA-AES128-GCM-SHA256'}, {'ciphers': 'ECDHE-ECDSA-AES128-GCM-SHA256'}
    assert presented(front, **old) == rsa and presented(front, **new) == ecdsa
    renewed = make(*pairs[1], kind='rsa')
    wire.wait_for(lambda: presented(front, **old) == renewed, 'the new RSA certificate is presented')
    assert presented(front, **new) == ecdsa
    assert presented(front) == ecdsa


def test_not_watched(place):
    """`watch = false`: only a reload takes the new files."""
    cert, key = place.path('a.pem'), place.path('a.key')
    first = make(cert, key)
    other = place.path('b.pem'), place.path('b.key')
    make(*other)
    front = front_with(place, [(cert, key)], 'watch = false', rest=f'''[[listen]]
address = "{place.new_address('watched')}"
tls = "watched"
[tls.watched]
certificates = [{{ cert = "{other[0]}", key = "{other[1]}" }}]
''')
    second = make(cert, key)
    renewed = make(*other)

    def watched():
        with Tls(front.address(1)) as client:
            return client.certificate()
    wire.wait_for(lambda: watched() == renewed, 'the watched certificate is presented')
    assert presented(front) == first
    subprocess.run([f'{place.binaries}/webfront', '-c', front.config, 'reload'], check=True, capture_output=True)
    assert presented(front) == second
    assert watched() == renewed


def test_sessions_are_resumed_across_a_reload_and_a_renewal(place):
    """Keys of tickets belong to the process: neither a reload nor another certificate makes clients begin anew."""
    cert, key = place.path('a.pem'), place.path('a.key')
    make(cert, key)
    front = front_with(place, [(cert, key)])
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2

    def connect(session=None):
        with made.wrap_socket(wire.connect(front.address()), server_hostname='a.example', session=session) as client:
            client.sendall(wire.request('/'))
            assert client.recv(65536).startswith(b'HTTP/1.1 200')
            return client.session_reused, client.session
    reused, session = connect()
    assert not reused and connect(session)[0]
    with open(front.config) as file:
        text = file.read()
    with open(front.config, 'w') as file:
        file.write(text.replace('unknown_sni', '').replace('[tls.main]', '[tls.main]\nmin_version = "1.2"\nunknown_sni = "default"'))
    subprocess.run([f'{place.binaries}/webfront', '-c', front.config, 'reload'], check=True, capture_output=True)
    assert connect(session)[0]
    second = make(cert, key)
    wire.wait_for(lambda: presented(front) == second, 'the new certificate is presented')
    assert connect(session)[0]
