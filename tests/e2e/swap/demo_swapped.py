# SPDX-License-Identifier: BSD-2-Clause
"""The demo's world in front of which any of the eight chains stands."""
import base
import check
import world

import chain
import swapped


class DemoWorld(world.World):
    def __init__(self, options):
        base.Base.__init__(self, options)
        self.chain = swapped.SwappedChain(options.chain, options.bin, [], "/Demo", maxconn=4, edit=self.edit)
        self.directory = self.chain.run_dir
        # Over TCP, as Plone does: Varnish's sample takes no PURGE through the front's socket.
        self.apps = [chain.DemoInstance(f"app{n}", self.directory, [f"127.0.0.1:{self.chain.cache_port}"]) for n in (1, 2)]
        self.chain.servers = [a.address for a in self.apps]
        try:
            for app in self.apps:
                app.start()
            self.chain.start()
            self.wait_up(2)
            check.until(lambda: self.visitor().get("/ok").status == 200, 20, "the site should answer")
        except BaseException:
            self.stop_everything()
            raise

    def stop_everything(self):
        codes = super().stop_everything()
        self.chain.keep(f"{self.options.dir}/{self.options.chain}")
        return codes
