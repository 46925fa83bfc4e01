# SPDX-License-Identifier: BSD-2-Clause
"""One Plone for all chains: made once, put back to its first state before each."""
import os
import shutil

import base
import check
import world

import cluster
import swapped
from ports import free_port

DATA = ("filestorage", "blobstorage")


class Site:
    """The cluster, and the addresses that it was told: every chain takes these."""

    def __init__(self, options):
        directory = f"{options.dir}/site"
        shutil.rmtree(directory, ignore_errors=True)
        self.cluster = cluster.Cluster(directory, cluster.install(say=lambda text: None))
        self.ports = (free_port(), free_port())
        site, cache = self.ports
        try:
            self.cluster.create(f"http://127.0.0.1:{cache}", f"https://localhost:{site}")
            for name in world.CLIENTS:
                self.cluster.configure(name)
        finally:
            self.cluster.stop_all()
        for part in DATA:
            shutil.copytree(f"{directory}/var/{part}", f"{directory}/fresh/{part}")

    def begin(self):
        """Starts everything on the data of the beginning, with empty logs."""
        made = self.cluster
        made.stop_all()
        for part in DATA:
            shutil.rmtree(f"{made.directory}/var/{part}")
            shutil.copytree(f"{made.directory}/fresh/{part}", f"{made.directory}/var/{part}")
        for name in world.CLIENTS:
            shutil.rmtree(f"{made.directory}/{name}/var/log", ignore_errors=True)
            os.makedirs(f"{made.directory}/{name}/var/log")
        made.start("zeo")
        for name in world.CLIENTS:
            made.start(name, wait=False)
        for name in world.CLIENTS:
            made.wait(name)

    def stop(self):
        self.cluster.stop_all()


class PloneWorld(world.World):
    def __init__(self, options, site):
        base.Base.__init__(self, options)
        self.cluster = site.cluster
        servers = [f"127.0.0.1:{self.cluster.port(n)}" for n in world.CLIENTS]
        self.chain = swapped.SwappedChain(options.chain, options.bin, servers, "/Plone", maxconn=1, ports=site.ports, edit=self.edit)
        try:
            site.begin()
            self.chain.start()
            self.wait_up(2)
            check.until(lambda: self.visitor().get("/page?up").status == 200, 30, "the site should answer")
        except BaseException:
            self.stop_everything()
            raise
        self.expiring = self.visitor().get("/news/story-19?expiring", Accept="application/json")

    def stop_everything(self):
        codes = self.chain.stop()
        self.chain.keep(f"{self.options.dir}/{self.options.chain}")
        return codes
