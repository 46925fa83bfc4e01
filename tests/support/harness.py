# SPDX-License-Identifier: BSD-2-Clause
"""Starts daemons from configuration texts and scripted origins beside them; for byte cases and Python scenarios.

Nothing listens on a fixed port: configurations say `127.0.0.1:0` or a Unix socket in the test's own directory, and the ready file
says what it became. Every daemon that a Place started must end with exit code 0, or its test has failed.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import traceback

import wire


class Skipped(Exception):
    """A scenario that cannot be shown here; says why."""


class Daemon:
    """A running webfront, cachenode or balancer."""

    def __init__(self, place, name, text, tag=''):
        self.name, self.tag = name, tag or name
        base = f'{place.directory}/{self.tag}'
        self.config, self.ready = f'{base}.toml', f'{base}.ready'
        self.out, self.err = f'{base}.out', f'{base}.err'
        self.expected_code = 0
        self.addresses = []
        with open(self.config, 'w') as file:
            file.write(text)
        with open(self.out, 'ab') as out, open(self.err, 'ab') as err:
            self.process = subprocess.Popen([f'{place.binaries}/{name}', '-c', self.config, '--ready', self.ready],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=place.directory,
                                            env={**os.environ, **place.environment})
        self.await_ready()

    def await_ready(self):
        end = time.monotonic() + wire.patience() * 2
        while not (os.path.exists(self.ready) and os.path.getsize(self.ready)):
            if self.process.poll() is not None:
                raise AssertionError(f'{self.tag} ended with {self.process.returncode}: {self.errors()[-1500:]}')
            if time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f'{self.tag} is not ready; {self.errors()[-1500:]}')
            time.sleep(0.005)
        with open(self.ready) as file:
            self.addresses = [tuple(line.split(None, 1)) for line in file.read().splitlines() if line.strip()]

    def address(self, which=0):
        """Address of the n-th listener, or of the listener configured so."""
        if isinstance(which, int):
            return self.addresses[which][1]
        return [address for listener, address in self.addresses if listener == which][0]

    def named(self, label):
        """Address of a page server, by its label in the ready file: metrics, stats."""
        return [address for listener, address in self.addresses if listener == label][0]

    def tcp(self, index=0):
        return [address for _, address in self.addresses if not address.startswith('unix:')][index]

    def unix(self, index=0):
        return [address for _, address in self.addresses if address.startswith('unix:')][index]

    def errors(self):
        return _text(self.err)

    def output(self):
        return _text(self.out)

    def signal(self, number):
        self.process.send_signal(number)

    def memory(self, what='VmRSS'):
        """Resident bytes; 0 under a sanitizer, whose own memory says nothing about ours."""
        if 'ASAN_OPTIONS' in os.environ or 'TSAN_OPTIONS' in os.environ:
            return 0
        with open(f'/proc/{self.process.pid}/status') as file:
            return int(re.search(what + r':\s+(\d+)', file.read()).group(1)) * 1024

    def peak_memory(self):
        """The most that was resident so far."""
        return self.memory('VmHWM')

    def cpu_seconds(self):
        """Processor time used so far."""
        with open(f'/proc/{self.process.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends it; returns a problem or ''."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(wire.patience())
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(wire.patience() * 2)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
                    return f'{self.tag} did not stop on two SIGTERM'
        if self.expected_code is not None and self.process.returncode != self.expected_code:
            return f'{self.tag} ended with {self.process.returncode}: {self.errors()[-3000:]}'
        return ''


def _text(path):
    try:
        with open(path, errors='replace') as file:
            return file.read()
    except OSError:
        return ''


class OriginConnection:
    """Server side of a connection: reads requests, sends what the script says."""

    def __init__(self, origin, socket, number):
        self.origin, self.socket, self.number = origin, socket, number
        self.pending = b''
        self.requests = 0
        self.ended = False

    def more(self):
        if self.ended:
            return False
        try:
            got = self.socket.recv(65536)
        except OSError:
            got = b''
        if not got:
            self.ended = True
            return False
        self.pending += got
        self.origin.bytes_seen += len(got)
        return True

    def request(self):
        """The next request with its body, or None at the end or when it is cut short. Anything odd in it raises."""
        head = self.request_head()
        if head is None or self.request_body(head).cut:
            return None
        return head

    def up_to(self, length):
        pieces, size = [], 0
        while True:
            piece, self.pending = self.pending[:length - size], self.pending[length - size:]
            pieces.append(piece)
            size += len(piece)
            if size == length or not self.more():
                return b''.join(pieces)

    def request_head(self):
        while b'\r\n\r\n' not in self.pending:
            if not self.more():
                if self.pending:
                    self.origin.note(f'half a request head: {self.pending[:300]!r}')
                return None
        raw, self.pending = self.pending.split(b'\r\n\r\n', 1)
        lines = raw.split(b'\r\n')
        method, target, version = lines[0].split(b' ')
        self.requests += 1
        seen = Request(self, method.decode('latin-1'), target.decode('latin-1'), version.decode('latin-1'),
                       wire.parse_fields(lines[1:]), raw)
        self.origin.record(seen)
        return seen

    def request_body(self, seen):
        lengths, coding = seen.all('Content-Length'), seen.get('Transfer-Encoding')
        if coding is not None and lengths or len(lengths) > 1:
            self.origin.note(f'ambiguous framing forwarded: {seen.raw!r}')
        if coding is not None:
            if coding != 'chunked':
                self.origin.note(f'transfer coding forwarded: {seen.raw!r}')
            return self.chunked_body(seen)
        if lengths:
            seen.body = self.up_to(int(lengths[0]))
            seen.cut = len(seen.body) < int(lengths[0])
        seen.complete = not seen.cut
        return seen

    def until(self, mark):
        while mark not in self.pending:
            if not self.more():
                return None
        found, self.pending = self.pending.split(mark, 1)
        return found

    def chunked_body(self, seen):
        pieces = []
        while True:
            line = self.until(b'\r\n')
            if line is None:
                seen.cut = True
                return seen
            if not re.fullmatch(rb'[0-9a-fA-F]{1,16}', line):
                self.origin.note(f'odd chunk size forwarded: {line!r}')
                seen.cut = True
                return seen
            size = int(line, 16)
            if size == 0:
                break
            piece = self.up_to(size + 2)
            if len(piece) < size + 2:
                seen.cut = True
                return seen
            pieces.append(piece[:size])
        seen.body = b''.join(pieces)
        lines = []
        while True:
            line = self.until(b'\r\n')
            if line is None:
                seen.cut = True
                return seen
            if not line:
                break
            lines.append(line)
        seen.trailers = wire.parse_fields(lines)
        seen.complete = True
        return seen

    def send(self, data):
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def answer(self, status=200, fields='', body=b'', reason='OK'):
        extra = fields + '\r\n' if fields else ''
        length = '' if status in (204, 304) or 'transfer-encoding' in fields.lower() else f'Content-Length: {len(body)}\r\n'
        return self.send(f'HTTP/1.1 {status} {reason}\r\n{extra}{length}\r\n'.encode('latin-1') + body)

    def close(self):
        try:
            self.socket.shutdown(2)
        except OSError:
            pass
        self.socket.close()

    def reset(self):
        try:
            self.socket.setsockopt(1, 13, b'\1\0\0\0\0\0\0\0')     # SO_LINGER 0
        except OSError:
            pass
        self.socket.close()


class Request:
    """What an origin saw."""

    def __init__(self, connection, method, target, version, fields, raw):
        self.connection, self.method, self.target, self.version = connection, method, target, version
        self.fields, self.raw = fields, raw
        self.body, self.trailers, self.complete, self.cut = b'', [], False, False
        self.order = 0

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        return values[0] if values else otherwise

    @property
    def line(self):
        return f'{self.method} {self.target} {self.version}'


class Origin:
    """A raw server with one thread a connection. script(connection) handles a connection; the default answers every request with
    200, its target and its number. requests lists what came, problems what must never be seen."""

    def __init__(self, address, script=None, answer=None, backlog=200):
        import socket as sockets
        self.script = script or self.default_script
        self.answer_one = answer
        self.lock = threading.Lock()
        self.requests, self.problems, self.connections = [], [], []
        self.bytes_seen = 0
        self.stopping = False
        if address.startswith('unix:'):
            self.socket = sockets.socket(sockets.AF_UNIX)
            self.socket.bind(address[5:])
            self.address = address
        else:
            host, port = address.rsplit(':', 1)
            self.socket = sockets.socket(sockets.AF_INET6 if ':' in host else sockets.AF_INET)
            self.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            self.socket.bind((host.strip('[]'), int(port)))
            self.address = f'{host}:{self.socket.getsockname()[1]}'
        self.socket.listen(backlog)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def note(self, problem):
        with self.lock:
            self.problems.append(problem)

    def record(self, request):
        with self.lock:
            request.order = len(self.requests)
            self.requests.append(request)

    def accept(self):
        while True:
            try:
                made, _ = self.socket.accept()
            except OSError:
                return
            if self.stopping:
                made.close()
                return
            with self.lock:
                connection = OriginConnection(self, made, len(self.connections))
                self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.script(connection)
        except OSError:
            pass
        except Exception:
            if not self.stopping:
                self.note(f'connection {connection.number}: {traceback.format_exc(limit=3)} pending {connection.pending[:300]!r}')
        finally:
            connection.close()

    def default_script(self, connection):
        while True:
            request = connection.request()
            if request is None:
                return
            if self.answer_one:
                if self.answer_one(connection, request) is False:
                    return
            else:
                body = f'{request.method} {request.target} #{request.order}'.encode('latin-1')
                connection.answer(200, 'Content-Type: text/plain', b'' if request.method == 'HEAD' else body)

    def count(self, match=None):
        with self.lock:
            return len([request for request in self.requests if match is None or match(request)])

    def seen(self, target):
        with self.lock:
            return [request for request in self.requests if request.target == target or request.target.endswith(target)]

    def stop(self):
        self.stopping = True
        try:
            self.socket.shutdown(2)
        except OSError:
            pass
        self.socket.close()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            connection.close()


class Place:
    """A directory with daemons and origins in it, all stopped at the end. Use as a context manager."""

    def __init__(self, binaries, workers=1, unix=False):
        self.binaries = os.path.abspath(binaries)
        self.workers, self.use_unix = workers, unix
        self.directory = tempfile.mkdtemp(prefix='trivet-test-')
        self.daemons, self.origins, self.kept = [], [], False
        self.counter = 0
        self.environment = {}       # of daemons started from now on, beside our own

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for origin in self.origins:
            origin.stop() if kind else None
        problems = [problem for problem in (daemon.stop() for daemon in self.daemons) if problem]
        for origin in self.origins:
            origin.stop()
            problems += [f'origin: {problem}' for problem in origin.problems]
        if kind is not None:
            for daemon in self.daemons:
                text = daemon.errors()[-2500:]
                if text:
                    print(f'--- standard error of {daemon.tag}:\n{text}')
            if problems:
                print('\n'.join(problems))
        if not os.environ.get('KEEP'):
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print('kept', self.directory)
        if kind is None and problems:
            raise AssertionError('; '.join(problems))
        return False

    def new_address(self, tag='s'):
        """An address to listen on, of the kind this place uses."""
        if not self.use_unix:
            return '127.0.0.1:0'
        self.counter += 1
        return f'unix:{self.directory}/{tag}{self.counter}.sock'

    def origin(self, answer=None, script=None, address=None, **more):
        made = Origin(address or self.new_address('o'), script=script, answer=answer, **more)
        self.origins.append(made)
        return made

    def daemon(self, name, text, tag=''):
        if not re.search(r'^workers\s*=', text, re.M):
            text = f'workers = {self.workers}\n' + text
        made = Daemon(self, name, text, tag)
        self.daemons.append(made)
        return made

    def webfront(self, routes, top='', listen='', tag='', tail=''):
        """routes: text of [[site.route]] tables of one site for all names."""
        text = f'{top}\n[[listen]]\naddress = "{self.new_address("w")}"\n{listen}\n[[site]]\nnames = ["*"]\n{routes}\n{tail}\n'
        return self.daemon('webfront', text, tag)

    def cachenode(self, origin, more='', top='', listen='', origin_more='', tag=''):
        text = (f'{top}\n[[listen]]\naddress = "{self.new_address("c")}"\n{listen}\n[origin.app]\naddress = "{origin}"\n'
                f'{origin_more}\n{more}\n')
        return self.daemon('cachenode', text, tag)

    def balancer(self, servers, more='', top='', frontend='', backend='', check=False, tag=''):
        """servers: list of addresses or of whole server tables."""
        text = f'{top}\n[[frontend]]\nname = "front"\nbind = "{self.new_address("b")}"\ndefault_backend = "app"\n{frontend}\n'
        text += f'[[backend]]\nname = "app"\n{backend}\n'
        for number, server in enumerate(servers, 1):
            table = server if '=' in server else f'address = "{server}"'
            name = '' if 'name =' in table else f'name = "s{number}"\n'
            off = '' if check or 'check' in table else 'check = false\n'
            text += f'[[backend.server]]\n{name}{table}\n{off}'
        return self.daemon('balancer', text + more, tag)

    def path(self, name):
        return f'{self.directory}/{name}'
