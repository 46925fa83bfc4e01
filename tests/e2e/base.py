# SPDX-License-Identifier: BSD-2-Clause
"""What the worlds of the demo and of Plone have in common: a chain, its admin sockets, visitors."""
import shutil
import socket

import check
import visitor


class Base:
    def __init__(self, options):
        self.options = options
        self.directory = f"{options.dir}/run"
        self.chain = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def edit(self, name, text):
        """Changes to the daemons' configurations that the command line asked for."""
        if not self.options.workers:
            return text
        line = 'workers          = "auto"'
        check.expect(line in text, f"{name}'s sample has no line `{line}`")
        return text.replace(line, f"workers          = {self.options.workers}")

    def wait_up(self, count):
        """Until the balancer says that so many servers are up."""
        check.until(lambda: self.servers_up() == count, 30, f"{count} servers should be up: {self.stats()}")

    def stats(self):
        """{(proxy, server): {column: value}} of `show stat`."""
        lines = self.admin("balancer", "show stat").splitlines()
        head = next(line for line in lines if line.startswith("# "))[2:].split(",")
        rows = [dict(zip(head, line.split(","))) for line in lines if line and not line.startswith("#")]
        return {(r["pxname"], r["svname"]): r for r in rows}

    def servers_up(self):
        rows = self.stats().items()
        return sum(r["status"].startswith("UP") for (_, server), r in rows if server not in ("FRONTEND", "BACKEND"))

    def admin(self, daemon, command):
        """One command on the admin socket, as scripts send it."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.chain.admin(daemon))
            s.sendall(command.encode() + b"\n")
            s.shutdown(socket.SHUT_WR)
            answer = b""
            while data := s.recv(65536):
                answer += data
        return answer.decode()

    def visitor(self):
        return visitor.Visitor(self.chain.url, self.chain.certificate())
