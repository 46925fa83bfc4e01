# SPDX-License-Identifier: BSD-2-Clause
"""Requests and answers as the application sees them, with conditionals (RFC 9110, 13) and ranges (14)."""
import email.utils
import re
from dataclasses import dataclass, field

PIECE = 256 * 1024


@dataclass
class Request:
    method: str
    path: str                 # as it came, undecoded, without query
    query: dict               # name -> list of values
    headers: object           # email.message.Message: get() and items(), names in any case
    body: object              # binary file, positioned at its start
    cookies: dict
    raw: str                  # the request line


@dataclass
class Response:
    status: int = 200
    headers: list = field(default_factory=list)
    body: object = b""        # bytes, a Content, or an iterator of bytes (length unknown)

    def add(self, name, value):
        self.headers.append((name, value))
        return self


class Content:
    """Bytes that can be read at any place: a file, or a pattern that exists nowhere."""

    def __init__(self, size, read_at, close=lambda: None):
        self.size, self.read_at, self.close = size, read_at, close
        self.start, self.length = 0, size

    @classmethod
    def of_file(cls, f, size):
        def read_at(offset, length):
            f.seek(offset)
            return f.read(length)
        return cls(size, read_at, f.close)

    @classmethod
    def pattern(cls, size):
        unit = b"0123456789abcdef"
        block = unit * (PIECE // len(unit) + 1)
        return cls(size, lambda offset, length: block[offset % 16:offset % 16 + length])

    def pieces(self):
        offset, end = self.start, self.start + self.length
        try:
            while offset < end:
                data = self.read_at(offset, min(PIECE, end - offset))
                if not data:
                    return
                offset += len(data)
                yield data
        finally:
            self.close()


def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


def seconds_of(date):
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None


def opaque(tag):
    tag = tag.strip()
    return tag[2:] if tag.startswith("W/") else tag


def not_modified(request, etag, modified):
    """Whether a GET or HEAD may be answered 304. If-None-Match, where present, decides alone."""
    wanted = request.headers.get("If-None-Match")
    if wanted is not None:
        return wanted.strip() == "*" or opaque(etag) in [opaque(t) for t in re.findall(r'(?:W/)?"[^"]*"', wanted)]
    since = seconds_of(request.headers.get("If-Modified-Since"))
    return since is not None and int(modified) <= since


def with_validators(request, response, etag, modified):
    """Adds ETag and Last-Modified; turns the answer into a 304 or a part where the request asks for that."""
    response.add("ETag", etag).add("Last-Modified", http_date(modified))
    if response.status == 200 and request.method in ("GET", "HEAD"):
        if not_modified(request, etag, modified):
            if isinstance(response.body, Content):
                response.body.close()
            response.headers = [h for h in response.headers if h[0] not in ("Content-Type",)]
            response.status, response.body = 304, b""
        elif isinstance(response.body, Content):
            response.add("Accept-Ranges", "bytes")
            _apply_range(request, response, etag, modified)
    return response


def _apply_range(request, response, etag, modified):
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", "").strip())
    if request.method != "GET" or not match or match.group(1) == match.group(2) == "":
        return
    condition = request.headers.get("If-Range")
    if condition is not None and condition not in (etag, http_date(modified)):
        return
    size = response.body.size
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size or end < start:
        response.body.close()
        response.status, response.body = 416, b""
        response.add("Content-Range", f"bytes */{size}")
        return
    response.status = 206
    response.body.start, response.body.length = start, end - start + 1
    response.add("Content-Range", f"bytes {start}-{end}/{size}")
