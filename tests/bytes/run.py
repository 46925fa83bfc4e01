# SPDX-License-Identifier: BSD-2-Clause
"""Sends every case of cases.txt to each daemon: over TCP, over a Unix socket and, at webfront, over HTTP/2; with one worker and with two.

An origin of raw sockets records what was forwarded. Every case has a path of its own, so what arrives late or at the wrong place is
still found. Prints one line for each failure and each combination, last `N passed, N failed`.
"""
import argparse
import concurrent.futures
import os
import re
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))
import h2
import harness
import table
import wire

CONFIGURATIONS = {
    'webfront': '''workers = {workers}
[log]
access = false
[limits]
body_size = "256k"
[[listen]]
address = ["127.0.0.1:0", "unix:{directory}/w.sock"]
[[listen]]
address = "127.0.0.1:0"
protocols = ["h2"]
[[site]]
names = ["vhm.example"]
[[site.route]]
vhm = {{ site = "/Plone" }}
proxy = "{origin}"
[[site]]
names = ["*"]
[[site.route]]
proxy = "{origin}"
''',
    'cachenode': '''workers = {workers}
[log]
access = false
[[listen]]
address = ["127.0.0.1:0", "unix:{directory}/c.sock"]
[origin.app]
address = "{origin}"
''',
    'balancer': '''workers = {workers}
[log]
access = false
[[frontend]]
name = "f"
bind = ["127.0.0.1:0", "unix:{directory}/b.sock"]
default_backend = "app"
[[backend]]
name = "app"
[[backend.server]]
name = "s1"
address = "{origin}"
check = false
''',
}


class Recorder:
    """The origin's script and memory: answers by the case whose path the request's target contains."""

    def __init__(self):
        self.lock = threading.Lock()
        self.scripts = {}       # path key -> list of origin items
        self.seen = {}          # path key -> requests
        self.strays = []

    def expect(self, key, script):
        with self.lock:
            self.scripts[key] = script
            self.seen[key] = []

    def of(self, key):
        with self.lock:
            return list(self.seen.get(key, []))

    def script(self, connection):
        """One connection: answers until the case says that it ends, remembers requests by key. Targets that end in /again get the
        plain answer, whatever the case says."""
        while True:
            request = connection.request_head()
            if request is None:
                return
            request.position = connection.requests
            found = re.search(r'/(case-[a-z0-9]+-\d+)(?:[/?%#]|$)', request.target)
            key = found.group(1) if found else ''
            with self.lock:
                if key in self.seen:
                    self.seen[key].append(request)
                else:
                    self.strays.append(request.line)
                script = [] if request.target.endswith('/again') else self.scripts.get(key, [])
            connection.request_body(request)
            if not self.answer(connection, request, script):
                return

    @staticmethod
    def answer(connection, request, script):
        if not script:
            body = f'{request.method} {request.target}'.encode('latin-1')
            return connection.answer(200, 'Content-Type: text/plain', b'' if request.method == 'HEAD' else body)
        connection.send(b''.join(item[1] for item in script if item[0] == 'send'))
        if script[-1][0] == 'close':
            connection.close()
            return False
        if script[-1][0] == 'reset':
            time.sleep(0.02)        # a reset may overtake the bytes before it
            connection.reset()
            return False
        return True


class Runner:
    """Runs the cases of one combination one after the other."""

    def __init__(self, recorder, daemon, transport, address, tag):
        self.recorder, self.daemon, self.transport, self.address, self.tag = recorder, daemon, transport, address, tag
        self.problems = []
        self.done = self.passed = 0
        self.one_use = []       # (case, key): the origin's connections they used must serve nothing after

    def run(self, cases, only):
        for number, case in enumerate(cases):
            if self.daemon not in case.daemons or not re.search(only, case.name):
                continue
            if self.transport == 'h2' and not (case.h2 or case.also_h2) or self.transport != 'h2' and not case.h1:
                continue
            self.done += 1
            try:
                self.one(case, number)
                self.passed += 1
            except (AssertionError, OSError, wire.Broken, TimeoutError, IndexError, ValueError) as problem:
                self.problems.append(f'{self.tag}: {case.name}: {problem or type(problem).__name__}')
                if len(self.problems) > 400:
                    self.problems.append(f'{self.tag}: given up')
                    return

    def one(self, case, number):
        key = f'case-{self.tag}-{number}'
        path = f'/{key}'
        self.recorder.expect(key, [(item[0], table.unescape(item[1], path)) if item[0] == 'send' else item for item in case.origin])
        if self.transport == 'h2':
            self.over_h2(case, path)
        else:
            self.over_h1(case, path)
        self.check_forwarded(case, key, path)
        if case.upstream_new:
            self.one_use.append((case, key))
        if case.origin and case.then != 'open' and self.transport != 'h2':
            self.probe(None, key)

    # ---- HTTP/1.1

    def over_h1(self, case, path):
        with wire.Connection(self.address) as connection:
            sent = b''
            for kind, text in case.h1:
                if kind == 'send':
                    sent += table.unescape(text, path)
            self.push(connection, sent)
            if case.h1[-1][0] == 'eof':
                connection.finish_sending()
            methods = re.findall(rb'^([A-Za-z]+) (?=[^ ]*' + path.encode() + rb')', sent, re.M)
            answer = None
            for position, alternatives in enumerate(case.answers):
                method = methods[position].decode() if position < len(methods) else 'GET'
                answer = self.read_h1(connection, method, alternatives, case)
            self.check_answer(case, answer, path)
            if case.then == 'closed':
                assert connection.closes(), f'the connection is not closed ({connection.pending[:80]!r} came)'
            elif case.then == 'open':
                self.probe(connection, path[1:])

    @staticmethod
    def push(connection, data):
        try:
            connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass                    # answered and closed before all was sent; the answer is read all the same

    def read_h1(self, connection, method, alternatives, case):
        try:
            answer = connection.final_head()
        except wire.Broken as problem:
            # A refusal may also be lost to a cut answer that had not begun.
            assert 'none' in alternatives or 'aborted' in alternatives, f'no answer ({problem}), expected {"|".join(alternatives)}'
            return None
        connection.read_body(answer, method)
        self.judge(answer, alternatives)
        return answer

    @staticmethod
    def judge(answer, alternatives):
        if not answer.complete:
            assert 'aborted' in alternatives, f'the answer {answer.status} is cut short, expected {"|".join(alternatives)}'
        else:
            assert str(answer.status) in alternatives, f'answered {answer.status} {answer.body[:60]!r}, expected {"|".join(alternatives)}'

    # ---- HTTP/2

    def over_h2(self, case, path):
        with h2.Session(self.address) as session:
            if case.h2:
                fields, body, trailers = table.items_h2(case, path)
            else:
                (fields, body), trailers = table.as_h2(case, path), []
            method = dict(fields).get(b':method', b'GET').decode('latin-1')
            declared = dict(fields).get(b'content-length', b'')
            waits_for_body = declared.isdigit() and int(declared) > len(body) and not case.h2
            stream = session.open(fields, end=not body and not trailers and not waits_for_body)
            stream.is_head = method == 'HEAD'
            if body or trailers:
                session.data(stream, body, end=not trailers)
            if trailers:
                session.trailers(stream, trailers)
            answer = session.wait(stream)
            alternatives = list(case.answers[-1])
            if alternatives[0] in ('400', '431'):
                alternatives.append('reset')        # a malformed request may be a stream error (RFC 9113 8.1.1)
            if stream.reset is not None and not answer.complete:
                assert 'reset' in alternatives or 'aborted' in alternatives, f'the stream was reset ({stream.reset}), expected {"|".join(alternatives)}'
                answer = None
            elif not answer.complete and session.connection.ended:
                assert session.goaway is not None, 'the connection ended without GOAWAY'
                assert 'reset' in alternatives, f'GOAWAY {session.goaway}, expected {"|".join(alternatives)}'
                return
            else:
                self.judge(answer, alternatives)
            self.check_answer(case, answer, path)
            again_path = f'{path}/again'
            if session.goaway is None:
                again = session.ask(again_path, table.HOST)
                assert again.status == 200 and again.body == f'GET {again_path}'.encode(), \
                    f'the session answers {again.status} {again.body[:60]!r} to the next request'

    # ---- what both have

    def check_answer(self, case, answer, path):
        if answer is None:
            return
        for kind, text in case.answer_checks:
            wanted = table.unescape(text, path).decode('latin-1')
            name, _, value = wanted.partition(':')
            values = answer.all(name)
            if self.transport == 'h2' and name.lower() in ('connection', 'transfer-encoding'):
                continue
            if kind == 'answer-has':
                assert values, f'no {name} in the answer'
                assert not value or value.strip() in [one.strip() for one in values], f'{name} is {values}, not {value.strip()}'
            elif kind == 'answer-lacks':
                assert not values or value and value.strip() not in values, f'{name}: {values} in the answer'
            elif kind == 'answer-body':
                assert answer.body == table.unescape(text, path), f'the body is {answer.body[:120]!r}'
            elif kind == 'interim':
                got = [str(one.status) for one in answer.interim] or ['none']
                assert wanted in got, f'interim answers {got}, not {wanted}'

    def check_forwarded(self, case, key, path):
        seen = [request for request in self.recorder.of(key) if not request.target.endswith('/again')]
        least, most = case.expected_count()
        assert least <= len(seen) <= most, (f'{len(seen)} requests were forwarded ({[one.line for one in seen][:3]}), '
                                            f'expected {least if least == most else f"{least} to {most}"}')
        if not seen:
            return
        request = seen[0]
        for kind, text in case.forward_checks:
            wanted = table.unescape(text, path).decode('latin-1')
            name, _, value = wanted.partition(':')
            if kind == 'line':
                assert request.line == wanted, f'the request line is {request.line!r}'
            elif kind == 'has':
                assert value.strip(' ') in request.all(name), f'{name} was forwarded as {request.all(name)}, not {value.strip()!r}'
            elif kind == 'lacks':
                assert not request.all(name), f'{name}: {request.all(name)} was forwarded'
            elif kind == 'body':
                assert request.complete and request.body == wanted.encode('latin-1'), f'the body was forwarded as {request.body[:80]!r}'
            elif kind == 'never':
                everything = request.raw + request.body + repr(request.trailers).encode()
                assert wanted.encode('latin-1') not in everything, f'{wanted!r} was forwarded: {request.raw!r}'

    def probe(self, connection, key):
        """Another request, on this connection or a new one, gets its own answer."""
        path = f'/{key}/again'
        data = wire.request(path, table.HOST)
        answer = connection.ask(data) if connection else wire.get(self.address, path, table.HOST)
        assert answer.status == 200 and answer.complete, f'the next request gets {answer.status}'
        assert answer.body == f'GET {path}'.encode(), f'the next request gets {answer.body[:80]!r}'

    def finish(self):
        """What can be judged only at the end: late requests, and origin connections used again."""
        for case, key in self.one_use:
            for request in self.recorder.of(key):
                if request.target.endswith('/again'):
                    continue
                if request.connection.requests > request.position:
                    self.problems.append(f'{self.tag}: {case.name}: its upstream connection was used again')
                    self.passed -= 1
                    break


def combination(binaries, daemon, workers, only, factor):
    """All transports of one daemon with so many workers; returns (passed, done, problems, seconds)."""
    wire.be_patient(factor)
    begun = time.monotonic()
    cases = table.read(f'{HERE}/cases.txt')
    passed = done = 0
    problems = []
    recorder = Recorder()
    try:
        with harness.Place(binaries, workers, unix=workers == 2) as place:
            origin = place.origin(script=recorder.script)
            text = CONFIGURATIONS[daemon].format(workers=workers, directory=place.directory, origin=origin.address)
            running = place.daemon(daemon, text)
            runners = [Runner(recorder, daemon, 'tcp', running.tcp(0), f'{daemon}{workers}tcp'),
                       Runner(recorder, daemon, 'unix', running.unix(0), f'{daemon}{workers}unix')]
            if daemon == 'webfront':
                runners.append(Runner(recorder, daemon, 'h2', running.tcp(1), f'{daemon}{workers}h2'))
            threads = [threading.Thread(target=runner.run, args=(cases, only)) for runner in runners]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for runner in runners:
                runner.finish()
                passed, done = passed + runner.passed, done + runner.done
                problems += runner.problems
            if recorder.strays:
                problems.append(f'{daemon} with {workers}: requests that no case sent: {recorder.strays[:5]}')
    except AssertionError as problem:
        problems.append(f'{daemon} with {workers}: {problem}')
    return passed, done, problems, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--bin', default='build/release')
    parser.add_argument('--only', default='.', help='cases whose name matches')
    parser.add_argument('--daemon', default='webfront,cachenode,balancer')
    parser.add_argument('--workers', default='1,2')
    parser.add_argument('--patience', type=float, default=1)
    parser.add_argument('--jobs', type=int, default=3)
    arguments = parser.parse_args()
    jobs = [(daemon, int(workers)) for daemon in arguments.daemon.split(',') for workers in arguments.workers.split(',')]
    total_passed = total_failed = 0
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        futures = {pool.submit(combination, arguments.bin, daemon, workers, arguments.only, arguments.patience): (daemon, workers)
                   for daemon, workers in jobs}
        for future in concurrent.futures.as_completed(futures):
            daemon, workers = futures[future]
            passed, done, problems, seconds = future.result()
            for problem in problems:
                print('FAIL', problem)
            print(f'{daemon} with {workers} worker{"s" if workers > 1 else ""}: {passed} of {done} as expected ({seconds:.1f} s)', flush=True)
            failed = max(done - passed, 1 if problems else 0)
            total_passed, total_failed = total_passed + passed, total_failed + failed
    print(f'{total_passed} passed, {total_failed} failed')
    sys.exit(1 if total_failed else 0)


if __name__ == '__main__':
    main()
