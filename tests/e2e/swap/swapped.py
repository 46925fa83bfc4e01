# SPDX-License-Identifier: BSD-2-Clause
"""A chain of which any stage may be nginx, Varnish or HAProxy."""
import itertools
import os
import shutil
import tempfile

import chain
from peers import PEERS

ROLES = ("webfront", "cachenode", "balancer")   # as the visitor's request meets them
CHAINS = ["+".join(names) for names in itertools.product(*((role, PEERS[role].name) for role in ROLES))]


class SwappedChain(chain.Chain):
    """`name`: one of CHAINS. Stages keep the names of our daemons as roles; a peer listens where our daemon would.

    `ports`: of the site and of the cache, for an application that has been told them before.
    """

    def __init__(self, name, binaries, servers, site, maxconn, ports=None, edit=lambda name, text: text):
        self.names = dict(zip(ROLES, name.split("+")))
        directory = tempfile.mkdtemp(prefix="trivet-swap-")
        os.chmod(directory, 0o777)                # peers make their sockets here, as nobody
        super().__init__(binaries, directory, servers, site=site, maxconn=maxconn, edit=edit)
        if ports:
            self.port, self.cache_port = ports
        self.peers = {role: PEERS[role](self, role) for role in ROLES if self.names[role] != role}
        self.daemons |= self.peers

    def start(self):
        self.write_configurations()
        for role in self.peers:
            os.unlink(self.config(role))          # nobody reads it
            self.peers[role].write()
        for role in chain.DAEMONS:
            self.daemons[role].start()

    def log_of(self, role):
        """Text of a stage's access log."""
        return self.peers[role].log_text() if role in self.peers else chain.tail(self.log(role), 1 << 24)

    def keep(self, where):
        """Moves configurations and logs there, once; the rest goes."""
        if not os.path.isdir(self.run_dir):
            return
        shutil.rmtree(where, ignore_errors=True)
        os.makedirs(where)
        for directory in (self.run_dir, *(p.directory for p in self.peers.values())):
            for entry in os.scandir(directory) if os.path.isdir(directory) else ():
                if entry.is_file() and not entry.name.endswith((".sock", ".pem", ".bin", ".ready", "pid")):
                    prefix = "" if directory == self.run_dir else os.path.basename(directory) + "."
                    shutil.copy(entry.path, f"{where}/{prefix}{entry.name}")
        shutil.rmtree(self.run_dir, ignore_errors=True)
