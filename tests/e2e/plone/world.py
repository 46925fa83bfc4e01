# SPDX-License-Identifier: BSD-2-Clause
"""What every test on Plone gets: cluster, chain, visitors, an editor."""
import http.client
import json
import os
import re

import base
import check
import visitor

import chain
import cluster

NAME, PASSWORD = "editor", "editor12345"
CLIENTS = ("c1", "c2")


class World(base.Base):
    def __init__(self, options):
        super().__init__(options)
        self.cluster = cluster.Cluster(f"{self.directory}/plone", cluster.install(say=lambda text: None))
        servers = [f"127.0.0.1:{self.cluster.port(n)}" for n in CLIENTS]
        self.chain = chain.Chain(options.bin, self.directory, servers, site="/Plone", maxconn=1, edit=self.edit)
        try:
            self.cluster.create(f"http://127.0.0.1:{self.chain.cache_port}", self.chain.url)
            for name in CLIENTS:
                self.cluster.start(name, wait=False)
            for name in CLIENTS:
                self.cluster.wait(name)
            self.chain.start()
            self.wait_up(2)
        except BaseException:
            self.stop_everything()
            raise
        # Plone lets JSON be kept for a minute: by the time a test needs something expired, this is.
        self.expiring = self.visitor().get("/news/story-19?expiring", Accept="application/json")

    def editor(self):
        """A visitor who has logged in by Plone's form."""
        someone = self.visitor()
        form = someone.get("/login")
        hidden = re.findall(r'<input[^>]*name="([^"]+)"[^>]*type="hidden"[^>]*?(?:value="([^"]*)")?[^>]*/?>', form.text)
        answer = someone.upload("/login", "unused", "", b"", fields=[("__ac_name", NAME), ("__ac_password", PASSWORD),
                                ("buttons.login", "Log in")] + [h for h in hidden if not h[0].startswith("__ac")])
        check.expect("__ac" in someone.cookies, f"no session cookie: {answer.status} {answer.headers}")
        return someone

    def token(self):
        """Headers of a client of the JSON API who has logged in."""
        answer = self.visitor().request("POST", "/@login", json.dumps({"login": NAME, "password": PASSWORD}),
                                        {"Accept": "application/json", "Content-Type": "application/json"})
        check.equal(answer.status, 200, "the log-in's status")
        return {"Authorization": "Bearer " + json.loads(answer.body)["token"], "Accept": "application/json",
                "Content-Type": "application/json"}

    def patch(self, headers, path, **fields):
        answer = self.visitor().request("PATCH", path, json.dumps(fields), headers)
        check.equal(answer.status, 204, f"PATCH {path}")

    def direct(self, name, method, path, body=None, headers=None):
        """A request to one Zope client, past the chain, in the form in which the chain would send it."""
        link = http.client.HTTPConnection("127.0.0.1", self.cluster.port(name), timeout=60)
        link.request(method, f"/VirtualHostBase/https/localhost:{self.chain.port}/Plone/VirtualHostRoot{path}", body, headers or {})
        raw = link.getresponse()
        answer = visitor.Answer(raw.status, raw.getheaders(), raw.read())
        link.close()
        return answer

    def zope_log(self, text):
        """How many lines in the clients' access logs contain this."""
        count = 0
        for name in CLIENTS:
            path = f"{self.cluster.directory}/{name}/var/log/access.log"
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    count += sum(text in line for line in f)
        return count

    def stop_everything(self):
        codes = self.chain.stop()
        if os.path.isdir(self.cluster.directory):
            self.cluster.stop_all()
        return codes

    def stop(self):
        codes = self.stop_everything()
        check.equal(codes, {"webfront": 0, "cachenode": 0, "balancer": 0}, "exit codes")
