# SPDX-License-Identifier: BSD-2-Clause
"""One line for each request, joined from the three daemons' JSON access logs by request id."""
import json
import os
import time

# A request's lines reach the files within a moment of each other; longer is not worth waiting for.
PATIENCE_SECONDS = 1.5


class Follower:
    """Whole new lines of a growing file, which may not exist yet and may be replaced."""

    def __init__(self, path):
        self.path, self.file, self.rest = path, None, ""

    def lines(self):
        if self.file is None:
            try:
                self.file = open(self.path, encoding="utf-8", errors="replace")
            except FileNotFoundError:
                return []
        *whole, self.rest = (self.rest + self.file.read()).split("\n")
        try:
            if os.fstat(self.file.fileno()).st_ino != os.stat(self.path).st_ino:
                self.file = None
        except FileNotFoundError:
            self.file = None
        return whole


def milliseconds(entry, key):
    try:
        return f"{float(entry[key]) * 1000:.0f} ms"
    except (KeyError, TypeError, ValueError):
        return ""


def describe(front, cache, balance):
    """`front`, `cache`, `balance`: a request's entries in the three logs; the last two may be None."""
    # Escaped, because a visitor chooses the path and a terminal obeys control characters.
    path = str(front.get("request_uri", "?")).encode("unicode_escape").decode()
    text = (f'{front.get("status", "?")} {front.get("request_method", "?"):4} {path} {front.get("server_protocol", "?")} '
            f'{front.get("body_bytes_sent", "?")} bytes {milliseconds(front, "request_time")}')
    if cache is None:
        return text + " | webfront answered itself"
    verdict = " ".join(filter(None, (cache.get("upstream_cache_status") or "-", cache.get("cache_detail"))))
    text += f' | cachenode {verdict} {milliseconds(cache, "request_time")}'
    if balance is not None:
        server = balance.get("server") or "no server"
        text += f' | balancer {server} {milliseconds(balance, "request_time")}'
    return text


class RequestLog:
    def __init__(self, paths):
        """`paths`: {"webfront": FILE, "cachenode": FILE, "balancer": FILE}."""
        self.followers = {name: Follower(path) for name, path in paths.items()}
        self.seen = {}   # request id -> {daemon: entry, "since": time}

    def poll(self):
        """Lines that are complete now."""
        now = time.monotonic()
        for name, follower in self.followers.items():
            for line in follower.lines():
                try:
                    entry = json.loads(line)
                    if entry["request_id"]:   # health checks come from within and have none
                        self.seen.setdefault(entry["request_id"], {"since": now})[name] = entry
                except (ValueError, KeyError, TypeError):
                    continue
        return [line for key in list(self.seen) if (line := self._finished(key, now))]

    def _finished(self, key, now):
        parts = self.seen[key]
        waited = now - parts["since"] > PATIENCE_SECONDS
        if "webfront" not in parts:
            # A long transfer: webfront's line comes when it ends.
            if now - parts["since"] > 600:
                del self.seen[key]
            return None
        cache = parts.get("cachenode")
        complete = cache is not None and ("balancer" in parts or cache.get("upstream_cache_status") == "HIT")
        if not complete and not waited:
            return None
        del self.seen[key]
        stamp = time.strftime("%H:%M:%S")
        return f'{stamp} {describe(parts["webfront"], cache, parts.get("balancer"))}'
