# SPDX-License-Identifier: BSD-2-Clause
"""What webfront decides: sites, routes, virtual-host paths, redirects, files, fields, TLS."""
import os
import re
import ssl
import subprocess

import h2
import wire


def ask(daemon, path='/', which=0, **more):
    return wire.get(daemon.address(which), path, **more)


def echo(connection, request):
    connection.answer(200, 'Content-Type: text/plain', b'' if request.method == 'HEAD' else request.line.encode('latin-1'))


def certificate(place, name):
    """A self-signed certificate for a name; returns (certificate, key) paths."""
    cert, key = place.path(f'{name}.pem'), place.path(f'{name}.key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
                    '-days', '90', '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name}'], check=True, capture_output=True)
    return cert, key


class TlsConnection(wire.Connection):
    def __init__(self, address, name='a.example', protocols=('http/1.1',), **context):
        super().__init__(address)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        if protocols:
            made.set_alpn_protocols(list(protocols))
        for key, value in context.items():
            setattr(made, key, value)
        self.socket = made.wrap_socket(self.socket, server_hostname=name)

    def more(self, timeout=None):
        try:
            return super().more(timeout)
        except ssl.SSLError:
            self.ended = self.was_reset = True
            return False

    def certificate_name(self):
        der = self.socket.getpeercert(binary_form=True)
        text = subprocess.run(['openssl', 'x509', '-inform', 'der', '-noout', '-subject'], input=der, capture_output=True).stdout.decode()
        return text.split('CN = ')[-1].strip()


# ---- sites and routes

def test_sites_by_host(place):
    origin = place.origin(echo)
    front = place.daemon('webfront', f'''[[listen]]
address = "{place.new_address('w')}"
[[site]]
names = ["a.example", "www.a.example"]
[[site.route]]
respond = {{ status = 200, body = "a" }}
[[site]]
names = ["*.b.example"]
[[site.route]]
respond = {{ status = 200, body = "b" }}
[[site]]
names = ["*"]
[[site.route]]
proxy = "{origin.address}"
''')
    for host, body in (('a.example', b'a'), ('A.Example', b'a'), ('a.example:8443', b'a'), ('www.a.example', b'a'), ('x.b.example', b'b'),
                       ('b.example', b'GET / HTTP/1.1'), ('c.example', b'GET / HTTP/1.1')):
        assert ask(front, host=host).body == body, host
    assert ask(front, version='1.0').status == 200


def test_unknown_host(place):
    front = place.daemon('webfront', f'[[listen]]\naddress = "{place.new_address("w")}"\n[[site]]\nnames = ["a.example"]\n'
                                     '[[site.route]]\nrespond = { status = 200, body = "a" }\n')
    assert ask(front, host='a.example').status == 200
    assert ask(front, host='other.example').status in (404, 421)


def test_routes_in_order(place):
    origin = place.origin(echo)
    front = place.webfront(f'''[[site.route]]
path = "/exact"
respond = {{ status = 200, body = "exact" }}
[[site.route]]
prefix = "/++api++"
respond = {{ status = 200, body = "api" }}
[[site.route]]
regex = '^/item/(\\d+)$'
redirect = {{ to = "/things/$1", status = 302 }}
[[site.route]]
regex = '/(@@)?manage(_[^/]*)?(/|$)'
respond = {{ status = 403 }}
[[site.route]]
prefix = "/shadowed"
respond = {{ status = 200, body = "first" }}
[[site.route]]
prefix = "/shadowed"
respond = {{ status = 200, body = "second" }}
[[site.route]]
proxy = "{origin.address}"
''')
    for path, wanted in (('/exact', b'exact'), ('/exact?q=1', b'exact'), ('/exact/', b'exact'), ('/++api++', b'api'),
                         ('/++api++/x', b'api'), ('/++api++x', b'GET /++api++x HTTP/1.1'),
                         ('/item/x', b'GET /item/x HTTP/1.1'), ('/shadowed/y', b'first'), ('/%65xact', b'exact'), ('/./exact', b'exact'),
                         ('//exact', b'exact'), ('/%2B%2Bapi%2B%2B/x', b'api')):
        got = ask(front, path)
        assert got.body == wanted, f'{path}: {got.status} {got.body}'
    for path in ('/manage', '/a/manage_main', '/a/@@manage', '/a/%6Danage_main', '/a%2Fmanage_main', '/a/manage/x'):
        assert ask(front, path).status == 403, path
    for path in ('/@@manage-portlets', '/managed', '/a/@@manage-content-rules'):
        assert ask(front, path).status == 200, path


def test_rewrite(place):
    origin = place.origin(echo)
    front = place.webfront(f'''[[site.route]]
regex = '^/old(/.*)?$'
rewrite = {{ regex = '^/old(/.*)?$', to = '/new$1' }}
proxy = "{origin.address}"
[[site.route]]
proxy = "{origin.address}"
''')
    assert ask(front, '/old/a%2Fb?q=1').body == b'GET /new/a%2Fb?q=1 HTTP/1.1', ask(front, '/old/a%2Fb?q=1').body
    assert ask(front, '/other').body == b'GET /other HTTP/1.1'


def test_vhm(place):
    """Exactly the three forms of Plone's virtual hosting."""
    origin = place.origin(echo)
    route = '[[site.route]]\n{match}\nvhm = {{ {form} }}\nproxy = "' + origin.address + '"\n'
    text = f'[[listen]]\naddress = "{place.new_address("w")}"\n'
    for host, routes in (('classic.example', [('', 'site = "/Plone"')]),
                         ('fixed.example', [('', 'site = "/Plone", host = "www.example.org", port = 443')]),
                         ('folder.example', [('prefix = "/intranet"', 'site = "/Plone", subfolder = "/intranet"'), ('', 'site = "/Plone"')]),
                         ('volto.example', [('prefix = "/++api++"', 'site = "/Plone", api = true')])):
        text += f'[[site]]\nnames = ["{host}"]\n' + ''.join(route.format(match=match, form=form) for match, form in routes)
    front = place.daemon('webfront', text)
    for host, path, wanted in (
            ('classic.example', '/', '/VirtualHostBase/http/classic.example:80/Plone/VirtualHostRoot/'),
            ('classic.example', '/news?b=1', '/VirtualHostBase/http/classic.example:80/Plone/VirtualHostRoot/news?b=1'),
            ('classic.example:8080', '/news', '/VirtualHostBase/http/classic.example:8080/Plone/VirtualHostRoot/news'),
            ('fixed.example', '/news', '/VirtualHostBase/http/www.example.org:443/Plone/VirtualHostRoot/news'),
            ('folder.example', '/intranet/news', '/VirtualHostBase/http/folder.example:80/Plone/VirtualHostRoot/_vh_intranet/news'),
            ('folder.example', '/intranet', '/VirtualHostBase/http/folder.example:80/Plone/VirtualHostRoot/_vh_intranet'),
            ('volto.example', '/++api++/news', '/VirtualHostBase/http/volto.example:80/Plone/++api++/VirtualHostRoot/news')):
        got = ask(front, path, host=host)
        assert got.body.decode() == f'GET {wanted} HTTP/1.1', f'{host}{path}: {got.body}'


def test_respond_and_redirect(place):
    front = place.webfront('''[[site.route]]
path = "/gone"
respond = { status = 410, body = "gone" }
[[site.route]]
path = "/fixed"
redirect = { to = "https://www.example.org/target", status = 302 }
[[site.route]]
redirect = { to = "https://www.example.org$request_uri" }
''')
    got = ask(front, '/gone')
    assert got.status == 410 and got.body == b'gone'
    got = ask(front, '/fixed?x=1')
    assert got.status == 302 and got.get('Location') == 'https://www.example.org/target'
    for method, status in (('GET', 301), ('HEAD', 301), ('POST', 308), ('PUT', 308)):
        got = ask(front, '/a%20b?c=d', method=method)
        assert got.status == status and got.get('Location') == 'https://www.example.org/a%20b?c=d', f'{method}: {got.status}'
    assert '\r' not in (ask(front, '/%0d%0aSet-Cookie:x').get('Location') or '')
    assert ask(front, '/%0d%0aX-Evil:1').get('X-Evil') is None


# ---- fields

def test_forwarded_fields(place):
    origin = place.origin(echo)
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n')
    ask(front, '/', host='a.example:8080', fields='X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n'
        'X-Forwarded-Port: 1\r\nX-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Request-ID: evil')
    seen = origin.requests[-1]
    assert seen.all('X-Forwarded-Proto') == ['http'] and seen.all('X-Forwarded-Host') == ['a.example:8080'], seen.fields
    assert seen.all('X-Forwarded-Port') == ['8080'] or seen.all('X-Forwarded-Port'), seen.fields
    assert '203.0.113.9' not in seen.raw.decode() and 'evil' not in seen.raw.decode()
    assert len(seen.all('X-Request-ID')) == 1 and len(seen.get('X-Request-ID')) >= 16
    if not place.use_unix:
        assert seen.all('X-Forwarded-For') == ['127.0.0.1'] and seen.all('X-Real-IP') == ['127.0.0.1'], seen.fields
    ask(front)
    assert origin.requests[-1].get('X-Request-ID') != seen.get('X-Request-ID')


def test_forwarded_fields_from_a_trusted_peer(place):
    origin = place.origin(echo)
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top='trusted_proxies = ["unix", "127.0.0.1", "10.0.0.0/8"]\n')
    ask(front, fields='X-Forwarded-For: 198.51.100.7, 203.0.113.9, 10.1.2.3\r\nX-Forwarded-Proto: https\r\nX-Request-ID: kept-1234567890')
    seen = origin.requests[-1]
    assert seen.get('X-Real-IP') == '203.0.113.9', seen.fields        # the right-most that is not trusted
    assert seen.get('X-Forwarded-Proto') == 'https' and seen.get('X-Request-ID') == 'kept-1234567890'


def test_fields_set_and_removed(place):
    origin = place.origin(lambda connection, request: connection.answer(200, 'X-Powered-By: z\r\nServer: s\r\nX-Kept: 1', b'x'))
    front = place.webfront(f'headers = {{ set = {{ "X-Content-Type-Options" = "nosniff" }}, remove = ["X-Powered-By", "Server"] }}\n'
                           f'[[site.route]]\nproxy = "{origin.address}"\n')
    got = ask(front)
    assert got.get('X-Content-Type-Options') == 'nosniff' and got.get('X-Powered-By') is None and got.get('X-Kept') == '1'
    assert got.get('Server') != 's'


def test_purge_and_ban_are_closed(place):
    origin = place.origin(echo)
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n')
    for method in ('PURGE', 'BAN', 'purge', 'Purge', 'bAn'):
        got = ask(front, method=method)
        assert got.status == 405 and got.get('Allow'), f'{method}: {got.status}'
    assert not origin.requests


def test_body_limit(place):
    origin = place.origin(echo)
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top='[limits]\nbody_size = "100k"\n')
    assert ask(front, method='POST', body=b'x' * 100000).status == 200
    got = ask(front, method='POST', body=b'x' * 200000)
    assert got.status == 413 and not origin.seen('/x')
    with wire.Connection(front.address()) as client:
        client.send(b'POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n')
        assert client.answer().status == 413, 'a client was told to send what is too large'


def test_error_pages(place):
    with open(place.path('busy.html'), 'w') as file:
        file.write('<h1>back soon</h1>')
    origin = place.origin(lambda connection, request: connection.answer(503, 'X-A: 1', b'the application\'s own'))
    front = place.webfront(f'error_pages = {{ "502,503,504" = "{place.path("busy.html")}" }}\n[[site.route]]\nprefix = "/up"\n'
                           f'proxy = "{origin.address}"\n[[site.route]]\nproxy = "unix:{place.path("nobody.sock")}"\n')
    got = ask(front, '/down')
    assert got.status in (502, 503) and b'back soon' in got.body and 'no-store' in got.get('Cache-Control')
    assert ask(front, '/up').body == b'the application\'s own'


# ---- files

def files(place, options='', prefix='/f/'):
    root = place.path('www')
    os.makedirs(f'{root}/f/deep', exist_ok=True)
    for name, data in (('f/a.txt', b'0123456789' * 100), ('f/empty', b''), ('f/deep/b.html', b'<p>b'), ('secret', b'secret'), ('f/.hidden', b'hid')):
        with open(f'{root}/{name}', 'wb') as file:
            file.write(data)
    with open(place.path('outside'), 'w') as file:
        file.write('outside')
    for target, link in (('../../outside', 'f/escape'), (place.path('outside'), 'f/absolute'), ('a.txt', 'f/inside'), ('..', 'f/up')):
        os.symlink(target, f'{root}/{link}')
    return place.webfront(f'[[site.route]]\nprefix = "{prefix}"\nfiles = {{ root = "{root}"{options} }}\n'
                          '[[site.route]]\nrespond = { status = 404, body = "no route" }\n')


def test_static_files(place):
    front = files(place, ', cache_control = "public, max-age=60"')
    got = ask(front, '/f/a.txt')
    assert got.status == 200 and got.body == b'0123456789' * 100 and got.get('Content-Type').startswith('text/plain')
    assert got.get('ETag') and got.get('Last-Modified') and got.get('Accept-Ranges') == 'bytes'
    assert got.get('Cache-Control') == 'public, max-age=60'
    head = ask(front, '/f/a.txt', method='HEAD')
    assert head.status == 200 and head.get('Content-Length') == '1000' and not head.body
    assert ask(front, '/f/empty').body == b'' and ask(front, '/f/deep/b.html').get('Content-Type').startswith('text/html')
    assert ask(front, '/f/none').status == 404
    assert ask(front, '/f/deep').status in (301, 403, 404)
    got = ask(front, '/f/a.txt', method='POST', body=b'x')
    assert got.status == 405 and 'GET' in got.get('Allow', '')
    assert ask(front, '/f/inside').status == 200


def test_file_conditionals_and_ranges(place):
    front = files(place)
    first = ask(front, '/f/a.txt')
    tag, date = first.get('ETag'), first.get('Last-Modified')
    for fields, status in ((f'If-None-Match: {tag}', 304), ('If-None-Match: "x"', 200), (f'If-Modified-Since: {date}', 304),
                           (f'If-None-Match: "x"\r\nIf-Modified-Since: {date}', 200), ('If-Match: "x"', 412), (f'If-Match: {tag}', 200),
                           ('Range: bytes=0-9', 206), ('Range: bytes=990-', 206), ('Range: bytes=-5', 206), ('Range: bytes=1000-', 416),
                           (f'Range: bytes=0-9\r\nIf-Range: {tag}', 206), ('Range: bytes=0-9\r\nIf-Range: "x"', 200), ('Range: lines=0-9', 200)):
        got = ask(front, '/f/a.txt', fields=fields)
        assert got.status == status, f'{fields}: {got.status}'
    assert ask(front, '/f/a.txt', fields='Range: bytes=5-14').body == b'5678901234'
    assert ask(front, '/f/a.txt', fields='Range: bytes=5-14').get('Content-Range') == 'bytes 5-14/1000'
    assert ask(front, '/f/a.txt', fields='Range: bytes=1000-').get('Content-Range') == 'bytes */1000'


def test_no_escape_from_the_root(place):
    front = files(place)
    for path in ('/f/../secret', '/f/%2e%2e/secret', '/f/..%2fsecret', '/f/..%2f..%2foutside', '/f/escape', '/f/absolute', '/f/up/../outside', '/f/up/up/outside',
                 '/f//../../outside', '/f/%00', '/f/a.txt%00.html', '/f/a.txt/', '/f/deep/../../../outside'):
        got = ask(front, path)
        assert got.status in (400, 403, 404), f'{path}: {got.status}'
        assert b'outside' not in got.body and b'secret' not in got.body


def test_alias(place):
    root = place.path('alias')
    os.makedirs(root)
    with open(f'{root}/x.css', 'w') as file:
        file.write('css')
    front = place.webfront(f'[[site.route]]\nprefix = "/static/"\nfiles = {{ alias = "{root}" }}\n')
    got = ask(front, '/static/x.css')
    assert got.status == 200 and got.body == b'css' and got.get('Content-Type').startswith('text/css')


def test_a_large_file(place):
    """By sendfile over HTTP/1.1, through the sink over HTTP/2: the same bytes."""
    root = place.path('large')
    os.makedirs(f'{root}/f')
    body = os.urandom(1 << 20) * 5
    with open(f'{root}/f/big', 'wb') as file:
        file.write(body)
    front = place.daemon('webfront', f'[[listen]]\naddress = "{place.new_address("w")}"\n[[listen]]\naddress = "127.0.0.1:0"\nprotocols = ["h2"]\n'
                                     f'[[site]]\nnames = ["*"]\n[[site.route]]\nprefix = "/f/"\nfiles = {{ root = "{root}" }}\n')
    got = ask(front, '/f/big')
    assert got.complete and got.body == body
    assert ask(front, '/f/big', fields='Range: bytes=1000000-2999999').body == body[1000000:3000000]
    with h2.Session(front.address(1)) as session:
        got = session.ask('/f/big')
        assert got.complete and got.body == body


def test_details_of_caches_are_for_those_who_may_know(place):
    origin = place.origin(lambda connection, request: connection.answer(200, 'Cache-Status: cachenode; fwd=bypass; detail=authenticated:cookie:__ac', b'x'))
    routes = f'[[site.route]]\nproxy = "{origin.address}"\n'
    assert ask(place.webfront(routes)).get('Cache-Status') == 'cachenode; fwd=bypass'
    told = place.webfront(routes, top='debug_from = ["127.0.0.1", "unix"]\n', tag='told')
    assert ask(told).get('Cache-Status') == 'cachenode; fwd=bypass; detail=authenticated:cookie:__ac'
    asked_by = place.webfront(routes, top='debug_from = ["192.0.2.0/24"]\ntrusted_proxies = ["127.0.0.1", "unix"]\n', tag='proxied')
    for client, wanted in (('192.0.2.7', True), ('198.51.100.7', False)):
        got = ask(asked_by, fields=f'X-Forwarded-For: {client}').get('Cache-Status')
        assert ('detail' in got) == wanted, (client, got)


# ---- TLS

def tls_front(place, origin, more='', protocols=''):
    a, b = certificate(place, 'a.example'), certificate(place, 'b.example')
    return place.daemon('webfront', f'''[[listen]]
address = "127.0.0.1:0"
tls = "main"
{protocols}
[tls.main]
certificates = [ {{ cert = "{a[0]}", key = "{a[1]}" }}, {{ cert = "{b[0]}", key = "{b[1]}" }} ]
{more}
[[site]]
names = ["*"]
[[site.route]]
proxy = "{origin.address}"
''')


def test_tls_and_sni(place):
    origin = place.origin(echo)
    front = tls_front(place, origin)
    for name in ('a.example', 'b.example'):
        with TlsConnection(front.address(), name) as client:
            assert client.certificate_name() == name
            assert client.socket.version() == 'TLSv1.3' and client.socket.selected_alpn_protocol() == 'http/1.1'
            assert client.ask(wire.request('/', host=name)).status == 200
            assert client.ask(wire.request('/again', host=name)).status == 200
    assert origin.requests[-1].get('X-Forwarded-Proto') == 'https', origin.requests[-1].fields
    with TlsConnection(front.address(), maximum_version=ssl.TLSVersion.TLSv1_2) as client:
        assert client.socket.version() == 'TLSv1.2' and client.ask(wire.request('/')).status == 200


def test_h2_by_alpn(place):
    origin = place.origin(echo)
    front = tls_front(place, origin)
    client = TlsConnection(front.address(), protocols=('h2', 'http/1.1'))
    assert client.socket.selected_alpn_protocol() == 'h2'
    with h2.Session(None, socket=client) as session:
        for number in range(5):
            assert session.ask(f'/{number}', scheme='https').body == f'GET /{number} HTTP/1.1'.encode()


def test_unknown_sni_is_rejected_where_said(place):
    origin = place.origin(echo)
    front = tls_front(place, origin, 'unknown_sni = "reject"')
    try:
        TlsConnection(front.address(), 'other.example').close()
        raise AssertionError('a handshake for an unknown name succeeded')
    except (ssl.SSLError, OSError):
        pass
    with TlsConnection(front.address(), 'b.example') as client:
        assert client.ask(wire.request('/')).status == 200


def test_plain_text_on_a_tls_port(place):
    origin = place.origin(echo)
    front = tls_front(place, origin)
    with wire.Connection(front.address()) as client:
        client.send(wire.request('/'))
        while client.more():
            pass
        assert b'200' not in client.pending[:20]
    with TlsConnection(front.address()) as client:
        assert client.ask(wire.request('/')).status == 200


def test_http_to_https(place):
    origin = place.origin(echo)
    cert, key = certificate(place, 'a.example')
    front = place.daemon('webfront', f'''[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
tls = {{ cert = "{cert}", key = "{key}" }}
[[site]]
names = ["*"]
on = ["http"]
[[site.route]]
redirect = {{ to = "https://$host$request_uri" }}
[[site]]
names = ["*"]
on = ["https"]
[[site.route]]
proxy = "{origin.address}"
''')
    got = ask(front, '/x?y=1', which=0, host='a.example')
    assert got.status == 301 and got.get('Location') == 'https://a.example/x?y=1'
    with TlsConnection(front.address(1)) as client:
        assert client.ask(wire.request('/x')).body == b'GET /x HTTP/1.1'
    assert len(origin.requests) == 1


def test_a_tls_client_that_says_nothing(place):
    """A handshake that never ends costs one connection, not the others."""
    origin = place.origin(echo)
    front = tls_front(place, origin)
    silent = [wire.Connection(front.address()) for _ in range(20)]
    for client in silent[:10]:
        client.send(b'\x16\x03\x01\x02\x00\x01')
    with TlsConnection(front.address()) as client:
        assert client.ask(wire.request('/')).status == 200
    for client in silent:
        client.close()


# ---- access log

def test_access_logs(place):
    origin = place.origin(echo)
    log = place.path('access.log')
    front = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=f'[log]\naccess = {{ file = "{log}", format = "combined" }}\n')
    ask(front, '/logged?x=1', fields='User-Agent: test "agent"\r\nReferer: http://r.example/')

    def lines():
        return open(log).read().splitlines() if os.path.exists(log) else []
    line = wire.wait_for(lines, 'no line')[0]
    assert re.match(r'\S+ - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /logged\?x=1 HTTP/1\.1" 200 \d+ "http://r\.example/" "test ', line), line
    assert '"agent"' not in line, 'a quote is not escaped'


def test_json_and_custom_logs(place):
    import json
    origin = place.origin(echo)
    json_log, own_log = place.path('json.log'), place.path('own.log')
    one = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', top=f'[log]\naccess = {{ file = "{json_log}", format = "json" }}\n', tag='one')
    two = place.webfront(f'[[site.route]]\nproxy = "{origin.address}"\n', tag='two', top=f'[log]\naccess = {{ file = "{own_log}", '
                         'format = "$request_method $status $body_bytes_sent $http_x_mine $sent_http_content_type $request_uri" }\n')
    ask(one, '/j"\\', fields='X-Mine: a"b')
    ask(two, '/o', fields='X-Mine: mine')
    entry = json.loads(wire.wait_for(lambda: os.path.exists(json_log) and open(json_log).read(), 'no line').splitlines()[0])
    assert str(entry['status']) == '200' and entry['request_method'] == 'GET' and entry['request_uri'].startswith('/j'), entry
    line = wire.wait_for(lambda: os.path.exists(own_log) and open(own_log).read(), 'no line').splitlines()[0]
    assert line == 'GET 200 15 mine text/plain /o', line
