# SPDX-License-Identifier: BSD-2-Clause
"""Sends PURGE to the caches after a change, in the form in which plone.cachepurging does.

The request names the changed path (as a virtual-host path when the change came in through one) and carries the cache's
own address as Host. It is sent before the editor's answer, so that whoever sees the answer may rely on it.
"""
import http.client
import socket

CONNECT_AND_ANSWER_SECONDS = 5


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connection(address):
    if address.startswith("unix:"):
        return UnixConnection(address[5:], CONNECT_AND_ANSWER_SECONDS)
    return http.client.HTTPConnection(address, timeout=CONNECT_AND_ANSWER_SECONDS)


def purge(addresses, paths):
    """Purges every path at every cache. Returns one line of text per cache: what it answered."""
    results = []
    for address in addresses:
        link = connection(address)
        statuses = []
        try:
            for path in paths:
                link.request("PURGE", path, headers={"Host": "localhost" if address.startswith("unix:") else address,
                                                     "User-Agent": "trivet-demo", "Accept": "*/*",
                                                     "Content-Length": "0"})
                answer = link.getresponse()
                answer.read()
                statuses.append(str(answer.status))
            results.append(f"{address} answered {' '.join(statuses)} to {len(paths)} PURGE")
        except (OSError, http.client.HTTPException) as error:
            results.append(f"{address} could not be purged: {error!r}")
        finally:
            link.close()
    return results
