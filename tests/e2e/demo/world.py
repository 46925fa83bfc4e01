# SPDX-License-Identifier: BSD-2-Clause
"""What every test of the demo gets: chain, instances, an anonymous visitor and a logged-in one."""
import os
import re

import base
import check

import chain

PASSWORD = "editor12345"


class World(base.Base):
    def __init__(self, options):
        super().__init__(options)
        self.chain = chain.Chain(options.bin, self.directory, [], site="/Demo", edit=self.edit)
        cache = f"unix:{self.chain.socket_path('cachenode')}"
        self.apps = [chain.DemoInstance(f"app{n}", self.directory, [cache]) for n in (1, 2)]
        self.chain.servers = [a.address for a in self.apps]
        try:
            for app in self.apps:
                app.start()
            self.chain.start()
            self.wait_up(2)
        except BaseException:
            self.stop_everything()
            raise

    def editor(self):
        """A visitor who has logged in by the form."""
        someone = self.visitor()
        answer = someone.post("/login", {"name": "editor", "password": PASSWORD, "came_from": "/"})
        check.equal(answer.status, 302, "the log-in's status")
        check.expect("__ac" in someone.cookies, f"no session cookie: {answer}")
        return someone

    def save(self, editor, path, title, text):
        answer = editor.post(f"{path}/edit", [("title", title), ("kind", "text"), ("text", text)])
        check.equal(answer.status, 302, f"status of saving {path}")
        return answer

    def app_log(self, text):
        """How many lines in the instances' logs contain this."""
        count = 0
        for app in self.apps:
            path = f"{self.directory}/{app.name}.log"
            if os.path.exists(path):
                with open(path) as f:
                    count += sum(text in line for line in f)
        return count

    def stop_everything(self):
        codes = self.chain.stop()
        for app in self.apps:
            app.stop()
        return codes

    def stop(self):
        codes = self.stop_everything()
        check.equal(codes, {"webfront": 0, "cachenode": 0, "balancer": 0}, "exit codes")


def written(answer):
    """Who wrote a page, when, and as which answer: equal for two answers only if they are one."""
    found = re.search(r'id="instance">([^<]*)<.*?id="written">([^<]*)<.*?id="number">([^<]*)<', answer.text, re.S)
    check.expect(found, f"no signature in {answer}")
    return found.groups()
