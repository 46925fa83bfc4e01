# SPDX-License-Identifier: BSD-2-Clause
"""Where a request stands: Zope's virtual-host paths, and the public addresses generated from them.

A front server turns `https://www.example.org/news` into
`/VirtualHostBase/https/www.example.org:443/Demo/VirtualHostRoot/news`. The application learns from it which scheme
and host the visitor used, which object is the site's root (`Demo`) and, by segments `_vh_x` after the root, below
which public folder the site lives. Without such a path the Host field decides.
"""
from dataclasses import dataclass
from urllib.parse import quote, unquote

SITE = "Demo"
DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass
class Place:
    scheme: str
    host: str            # with port when it is not the scheme's own
    authority: str       # as the front wrote it, port included; "" without a virtual-host path
    folder: str          # "" or "/sub": the public folder of the site
    segments: list       # decoded path below the site
    api: bool            # asked through ++api++

    @property
    def root(self):
        """Public address of the site, without final slash."""
        return f"{self.scheme}://{self.host}{self.folder}"

    def url(self, path):
        """Public address of a path that begins with a slash."""
        return self.root + quote(path, safe="/?=&:@+~;,!$*'()-._%")

    def purge_path(self, path):
        """What a PURGE for `path` has to name, in the wire form of plone.cachepurging with virtual hosting on."""
        if not self.authority:
            return quote(path)
        folder = "".join("/_vh_" + quote(s) for s in self.folder.split("/") if s)
        return f"/VirtualHostBase/{self.scheme}/{self.authority}/{SITE}/VirtualHostRoot{folder}{quote(path)}"


def without_default_port(scheme, host):
    name, colon, port = host.rpartition(":")
    return name if colon and port == DEFAULT_PORTS.get(scheme) else host


def locate(path, host):
    """`path`: the request's path, undecoded, without query. `host`: its Host field or an address to fall back on."""
    segments = [unquote(s) for s in path.split("/") if s not in ("", ".")]
    place = Place("http", without_default_port("http", host), "", "", segments, False)
    if len(segments) >= 3 and segments[0] == "VirtualHostBase" and "VirtualHostRoot" in segments:
        end = len(segments) - 1 - segments[::-1].index("VirtualHostRoot")
        place.scheme, place.authority = segments[1], segments[2]
        place.host = without_default_port(place.scheme, place.authority)
        inner, rest = segments[3:end], segments[end + 1:]
        place.api = "++api++" in inner
        while rest and rest[0].startswith("_vh_"):
            place.folder += "/" + rest.pop(0)[4:]
        place.segments = [s for s in inner if s != "++api++"] + rest
    if place.segments[:1] == [SITE]:
        del place.segments[0]
    if place.segments[:1] == ["++api++"]:
        place.api = True
        del place.segments[0]
    return place
