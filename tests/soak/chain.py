# SPDX-License-Identifier: BSD-2-Clause
"""The chain of the soak: three daemons, their configurations in variants, what is done to them while they serve."""
import os
import random
import re
import subprocess

import harness
import origin
import traffic
import wire

FILES = 60


class Member:
    """A daemon of the chain, through its upgrades. text(variant) is its configuration."""

    def __init__(self, place, name, text):
        self.place, self.name, self.text = place, name, text
        self.log = place.path(f'{name}.access.log')
        self.daemon = place.daemon(name, text(0))
        self.pid = self.daemon.process.pid
        self.successors = []

    def admin(self, line):
        with wire.Connection(f'unix:{self.place.path(self.name + ".admin")}', timeout=wire.patience() * 8) as connection:
            connection.send((line + '\n').encode())
            while connection.more():
                pass
            return connection.pending.decode()

    def value(self, metric):
        found = re.search(rf'^{self.name}_{metric} (\S+)$', self.admin('stat'), re.M)
        return float(found.group(1)) if found else 0.0

    def reload(self, variant, well=True):
        with open(self.daemon.config, 'w') as file:
            file.write(self.text(variant) + ('' if well else '\n[nonsense]\n'))
        said = self.admin('reload')
        if ('serves by the new configuration' in said) != well:
            raise AssertionError(f'{self.name}: reload said {said[-500:]!r}')

    def upgrade(self):
        found = re.match(r'process (\d+) serves; process (\d+) ends', said := self.admin('upgrade'))
        if not found:
            raise AssertionError(f'{self.name}: upgrade said {said[-500:]!r}')
        self.pid = int(found[1])
        self.successors.append(self.pid)

    def reopen(self):
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.admin('reopen')

    def resident(self):
        with open(f'/proc/{self.pid}/status') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1024

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def end(self):
        """Successors are nobody's children here: they are asked to end, and awaited."""
        if self.successors:
            self.admin('stop')
            for pid in self.successors:
                wire.wait_for(lambda: not running(pid), f'{self.name}: process {pid} ends', wire.patience() * 4)
            if f' {self.pid}#{self.pid}: {self.name} ends' not in self.daemon.errors():
                raise AssertionError(f'{self.name}: process {self.pid} ended badly: {self.daemon.errors()[-1500:]}')


def running(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


class Chain:
    def __init__(self, place):
        self.place, self.random = place, random.Random(5)
        self.origins = [self.new_origin() for _ in range(4)]
        self.back = Member(place, 'balancer', self.back_text)
        self.cache = Member(place, 'cachenode', self.cache_text)
        cert, key = place.path('a.pem'), place.path('a.key')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
                        '-days', '30', '-subj', '/CN=a.example'], check=True, capture_output=True)
        os.makedirs(place.path('www/static'))
        for n in range(FILES):
            with open(place.path(f'www/static/{n}'), 'wb') as file:
                file.write(traffic.body_of(f'/static/{n}', 1 + n * 300))
        self.front = Member(place, 'webfront', self.front_text)
        self.members = [self.front, self.cache, self.back]
        plain, tls = self.front.daemon.tcp(0), self.front.daemon.tcp(1)
        self.doors = {'plain': plain, 'tls': tls, 'cache': self.cache.daemon.address()}
        self.extra = 'gone'         # the fourth server: gone, serving or leaving

    def new_origin(self, address='127.0.0.1:0'):
        made = origin.Origin(address, script=origin.serve)
        self.place.origins.append(made)
        return made

    def common(self, name, variant):
        form = 'json' if variant % 2 else 'combined'
        return (f'workers = 2\nadmin = "unix:{self.place.path(name + ".admin")}"\nshutdown_timeout = "5s"\n'
                f'[log]\naccess = {{ file = "{self.place.path(name + ".access.log")}", format = "{form}" }}\n')

    def front_text(self, variant):
        return self.common('webfront', variant) + f'''
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
tls = "main"
[tls.main]
certificates = [ {{ cert = "{self.place.path('a.pem')}", key = "{self.place.path('a.key')}" }} ]
[upstream.cache]
servers = ["{self.cache.daemon.address()}"]
queue = {{ max_active = {100 + variant % 3}, max_waiting = 200 }}
[[site]]
names = ["*"]
[[site.route]]
prefix = "/static"
files = {{ root = "{self.place.path('www')}" }}
[[site.route]]
proxy = "cache"
'''

    def cache_text(self, variant):
        return self.common('cachenode', variant) + f'''
[[listen]]
address = "unix:{self.place.path('cache.sock')}"
[origin.app]
address = "{self.back.daemon.address()}"
keepalive = {8 + variant % 3}
[storage]
memory = "16m"
[purge]
allow = ["127.0.0.1", "unix"]
'''

    def back_text(self, variant):
        servers = ''.join(f'[[backend.server]]\nname = "s{n + 1}"\naddress = "{self.origins[n].address}"\nmaxconn = 20\nweight = {1 + variant % 2}\n'
                          for n in range(3))
        return self.common('balancer', variant).replace(', format = "combined"', '').replace(', format = "json"', '') + f'''
[[frontend]]
name = "front"
bind = "127.0.0.1:0"
default_backend = "app"
[[backend]]
name = "app"
balance = "{'leastconn' if variant % 3 else 'roundrobin'}"
check = {{ type = "tcp", interval = {{ up = "500ms", down = "500ms" }} }}
{servers}'''

    # --- what is done to it ---

    def disturb(self):
        """Does one thing; returns what."""
        act = self.random.choice((self.reload_one, self.reload_one, self.reload_badly, self.reopen_logs, self.switch_server, self.switch_server,
                                  self.come_or_go, self.come_or_go, self.restart_origin))
        act()
        for one in self.origins:
            one.forget()
        return act.__name__

    def reload_one(self):
        self.random.choice(self.members).reload(self.random.randrange(12))

    def reload_badly(self):
        member = self.random.choice(self.members)
        member.reload(0, well=False)
        member.reload(0)

    def reopen_logs(self):
        for member in self.members:
            member.reopen()

    def switch_server(self):
        name = self.random.choice(('app/s1', 'app/s2'))
        for word in ('disable', 'enable'):
            said = self.back.admin(f'{word} server {name}').strip()
            if said:
                raise AssertionError(f'{word} server {name}: {said}')

    def come_or_go(self):
        if self.extra == 'gone':
            self.back.admin(f'add server app/s4 {self.origins[3].address} maxconn 10')
            self.back.admin('enable server app/s4')
            self.extra = 'serving'
            return
        if self.extra == 'serving':
            self.back.admin('disable server app/s4')
            self.extra = 'leaving'
        said = self.back.admin('del server app/s4').strip()
        if said in ('Server deleted.', 'No such server.'):
            self.extra = 'gone'

    def restart_origin(self):
        """The third server goes and is back at once or after its checks have failed."""
        gone = self.origins[2]
        gone.stop()
        self.place.origins.remove(gone)
        if gone.problems:
            raise AssertionError(f'origin: {gone.problems[:3]}')
        if self.random.random() < 0.5:
            wire.wait_for(lambda: 'DOWN' in server_line(self.back.admin('show stat'), 's3'), 's3 is down', wire.patience() * 3)
        self.origins[2] = self.new_origin(gone.address)


def server_line(stat, name):
    return next((line for line in stat.splitlines() if re.match(rf'app,{name},', line)), '')
