# SPDX-License-Identifier: BSD-2-Clause
"""Pages, files and sessions in a directory that several instances share.

Every object is one file, replaced by rename, so a reader sees the old or the new one and never half of it. Writers
take a lock on the directory; readers take none. The counter rises with each change of content: like Plone's
catalogue counter it is part of page ETags, because navigation shows other pages' titles.
"""
import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from urllib.parse import quote, unquote

SESSION_SECONDS = 8 * 3600


class Store:
    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        for name in ("pages", "files", "sessions", "incoming"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)

    # -- files -------------------------------------------------------------------------------------------------

    def _path(self, kind, name):
        # "%" first, so that no name can be ".", ".." or empty.
        return os.path.join(self.directory, kind, "%" + quote(name, safe=""))

    def _read(self, kind, name):
        try:
            with open(self._path(kind, name), encoding="utf-8") as f:
                return json.load(f)
        except (FileNotFoundError, OSError):
            return None

    def _write(self, kind, name, value):
        self._replace(self._path(kind, name), json.dumps(value, indent=1, ensure_ascii=False).encode())

    def _replace(self, path, data):
        fd, temporary = tempfile.mkstemp(dir=os.path.join(self.directory, "incoming"))
        with os.fdopen(fd, "wb") as f:
            f.write(data)
        os.rename(temporary, path)

    @contextlib.contextmanager
    def lock(self):
        with open(os.path.join(self.directory, "lock"), "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    # -- pages -------------------------------------------------------------------------------------------------

    def page(self, path):
        """`{"title", "parts": [{"kind", "text"}], "modified", "version"}` or None. `path` is "" for the front page."""
        return self._read("pages", path)

    def paths(self):
        found = (unquote(n[1:]) for n in os.listdir(os.path.join(self.directory, "pages")))
        return sorted(found)

    def children(self, path):
        """Paths one level below, with titles."""
        prefix = path + "/" if path else ""
        below = [p for p in self.paths() if p.startswith(prefix) and p != path and "/" not in p[len(prefix):]]
        return [(p, (self.page(p) or {}).get("title", p)) for p in below]

    def save_page(self, path, title, parts):
        """Returns the page as it was before, or None."""
        with self.lock():
            old = self.page(path)
            version = (old or {}).get("version", 0) + 1
            self._write("pages", path, {"title": title, "parts": parts, "modified": time.time(), "version": version})
            self._count()
        return old

    def _count(self):
        self._replace(os.path.join(self.directory, "counter"), b"%d" % (self.counter() + 1))

    def counter(self):
        try:
            with open(os.path.join(self.directory, "counter"), "rb") as f:
                return int(f.read() or 0)
        except FileNotFoundError:
            return 0

    def changed(self):
        """Time of the last change of content, in seconds since 1970."""
        try:
            return os.stat(os.path.join(self.directory, "counter")).st_mtime
        except FileNotFoundError:
            return 0.0

    # -- uploaded files ----------------------------------------------------------------------------------------

    def save_file(self, name, content_type, data):
        with self.lock():
            self._replace(self._path("files", name), data)
            self._write("files", name + "/meta", {"name": name, "type": content_type, "modified": time.time(),
                                                  "size": len(data)})
            self._count()

    def file(self, name):
        """(meta, path of the bytes) or None."""
        meta = self._read("files", name + "/meta")
        return (meta, self._path("files", name)) if meta else None

    def files(self):
        names = (unquote(n[1:]) for n in os.listdir(os.path.join(self.directory, "files")))
        found = (self._read("files", n) for n in names if n.endswith("/meta"))
        return sorted((m for m in found if m), key=lambda m: m["name"])

    # -- sessions ----------------------------------------------------------------------------------------------

    def open_session(self, user):
        token = secrets.token_urlsafe(24)
        self._write("sessions", token, {"user": user, "created": time.time()})
        return token

    def session_user(self, token):
        session = self._read("sessions", token) if token and len(token) < 100 else None
        if session and time.time() - session["created"] < SESSION_SECONDS:
            return session["user"]
        return None

    def close_session(self, token):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path("sessions", token))
