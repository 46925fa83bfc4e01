# SPDX-License-Identifier: BSD-2-Clause
"""The application: which address gives what, who may change it, and what caches are told.

Anonymous pages say `max-age=0, s-maxage=86400, must-revalidate`: a shared cache may keep them for a day, because it is
told by PURGE when they change; browsers ask each time. What a logged-in visitor sees is private. That is how Plone does
it, and so is the name of the session cookie.
"""
import hashlib
import hmac
import itertools
import json
import mimetypes
import os
import time
from urllib.parse import parse_qs, quote, unquote

import content
import forms
import pages
import pictures
import purge
import virtualhost
from message import Content, Response, with_validators

PAGE = "max-age=0, s-maxage=86400, must-revalidate"
JSON = "max-age=10, s-maxage=60, proxy-revalidate, public"
PRIVATE = "max-age=0, must-revalidate, private"
NEVER = "no-store"
SESSION, MESSAGES = "__ac", "statusmessages"
FORM_LIMIT = 4 * 1024 * 1024
UPLOAD_LIMIT = 256 * 1024 * 1024
BIG_LIMIT = 1024 * 1024 * 1024


class View:
    """Who looks, from where, at what: everything that a page's frame shows."""

    def __init__(self, app, place, user, message=""):
        self.place, self.user, self.message = place, user, message
        self.path = "/".join(place.segments)
        self.here = "/" + self.path if self.path else ""
        self.editable = False
        self.instance, self.number = app.name, next(app.numbers)
        self.now = time.strftime("%H:%M:%S", time.gmtime()) + f".{int(time.time() % 1 * 1000):03} UTC"
        titles = ((p, app.store.page(p)) for p in content.NAVIGATION)
        self.navigation = [("", "Home")] + [(p, page["title"]) for p, page in titles if page]

    def url(self, path):
        return self.place.url(path)


class App:
    def __init__(self, store, name, caches, password):
        self.store, self.name, self.caches, self.password = store, name, caches, password
        self.numbers = itertools.count(1)
        content.fill(store)

    def answer(self, request):
        place = virtualhost.locate(request.path, request.headers.get("Host", "localhost"))
        view = View(self, place, self.store.session_user(request.cookies.get(SESSION)),
                    unquote(request.cookies.get(MESSAGES, "")))
        handler, arguments = self.route(place.segments)
        if request.method not in ("GET", "HEAD") and request.method not in handler.methods:
            response = self.problem(view, 405, "This address does not take that method.")
            response.add("Allow", ", ".join(("GET", "HEAD") + handler.methods))
        else:
            response = handler(self, request, view, *arguments)
        if view.message and response.status == 200:
            response.add("Set-Cookie", f"{MESSAGES}=; Path=/; Max-Age=0")
        return response

    def route(self, segments):
        if segments[-1:] == ["edit"]:
            return App.edit, ("/".join(segments[:-1]),)
        if segments == ["clock", "socket"]:
            return App.socket, ()
        found = App.ROUTES.get(segments[0]) if segments else None
        if found and len(segments) == 1 + found[1]:
            return found[0], tuple(segments[1:])
        return App.page, ("/".join(segments),)

    # -- pages -------------------------------------------------------------------------------------------------

    def page(self, request, view, path):
        one = self.store.page(path)
        if one is None:
            return self.problem(view, 404, "There is no page here.")
        private = view.user or view.message
        children = self.store.children(path) if path else []
        if view.place.api or request.headers.get("Accept", "").strip().lower() == "application/json":
            data = {"@id": view.url("/" + path), "title": one["title"], "parts": one["parts"],
                    "items": [{"@id": view.url("/" + p), "title": t} for p, t in children], "instance": view.instance}
            response = Response(200, [("Content-Type", "application/json"), ("Vary", "Accept"),
                                      ("Cache-Control", PRIVATE if private else JSON)], json.dumps(data).encode())
        else:
            view.editable = True
            response = self.html(pages.page(view, one, children), 200, PRIVATE if private else PAGE)
        if private:
            return response
        kind = "json" if response.headers[0][1] == "application/json" else "html"
        return with_validators(request, response, f'W/"{kind}-{one["version"]}-{self.store.counter()}"',
                               self.store.changed())

    def edit(self, request, view, path):
        one = self.store.page(path)
        if one is None:
            return self.problem(view, 404, "There is no page here to edit.")
        if not view.user:
            return self.redirect(view, "/login?came_from=" + quote("/" + path + "/edit" if path else "/edit"))
        if request.method != "POST":
            return self.html(pages.edit_form(view, path, one), 200, PRIVATE)
        form = parse_qs(request.body.read(FORM_LIMIT).decode("utf-8", "replace"), keep_blank_values=True)
        title = form.get("title", [""])[0].strip()
        if not title:
            return self.problem(view, 400, "A page needs a title.")
        parts = [{"kind": k if k in pages.KINDS else "text", "text": t.replace("\r\n", "\n")}
                 for k, t in zip(form.get("kind", []), form.get("text", [])) if t.strip()]
        self.store.save_page(path, title, parts)
        return self.redirect(view, "/" + path, "Saved. " + self.purge(view, self.affected(path, one, title)))

    def affected(self, path, old, title):
        """Paths of all pages that show something of this one. Titles show in navigation and in the parent's list."""
        parent = path.rpartition("/")[0]
        if old["title"] == title:
            return [path]
        return self.store.paths() if path in content.NAVIGATION else [path, parent]

    def purge(self, view, paths):
        if not self.caches:
            return "No cache is configured."
        return "; ".join(purge.purge(self.caches, [view.place.purge_path("/" + p) for p in dict.fromkeys(paths)]))
    edit.methods = ("POST",)

    # -- log-in ------------------------------------------------------------------------------------------------

    def login(self, request, view):
        came_from = request.query.get("came_from", [""])[0]
        if request.method != "POST":
            return self.html(pages.login_form(view, came_from, False), 200, NEVER)
        form = parse_qs(request.body.read(FORM_LIMIT).decode("utf-8", "replace"))
        name, password = form.get("name", [""])[0], form.get("password", [""])[0]
        came_from = form.get("came_from", [""])[0]
        if name != "editor" or not hmac.compare_digest(password.encode(), self.password.encode()):
            return self.html(pages.login_form(view, came_from, True), 403, NEVER)
        local = came_from if came_from.startswith("/") and not came_from.startswith(("//", "/\\")) else "/"
        response = self.redirect(view, local, "You are logged in.")
        secure = "; Secure" if view.place.scheme == "https" else ""
        return response.add("Set-Cookie", f"{SESSION}={self.store.open_session(name)}; Path=/; HttpOnly; SameSite=Lax{secure}")
    login.methods = ("POST",)

    def logout(self, request, view):
        if request.method == "POST" and view.user:
            self.store.close_session(request.cookies[SESSION])
        return self.redirect(view, "/", "You are logged out.").add("Set-Cookie", f"{SESSION}=; Path=/; Max-Age=0")
    logout.methods = ("POST",)

    # -- files -------------------------------------------------------------------------------------------------

    def style(self, request, view):
        data = pages.STYLE.encode()
        response = Response(200, [("Content-Type", "text/css; charset=utf-8"),
                                  ("Cache-Control", "max-age=86400, proxy-revalidate, public")], data)
        return with_validators(request, response, f'"{hashlib.sha256(data).hexdigest()[:16]}"', os.stat(pages.__file__).st_mtime)

    def image(self, request, view, name):
        data = pictures.png(name)
        if data is None:
            return self.problem(view, 404, "There is no such picture.")
        body = Content(len(data), lambda offset, length: data[offset:offset + length])
        response = Response(200, [("Content-Type", "image/png"), ("Cache-Control", "max-age=86400, public")], body)
        return with_validators(request, response, f'"{hashlib.sha256(data).hexdigest()[:16]}"', os.stat(pictures.__file__).st_mtime)

    def file(self, request, view, name):
        found = self.store.file(name)
        if not found:
            return self.problem(view, 404, "There is no such file.")
        meta, path = found
        f = open(path, "rb")
        body = Content.of_file(f, os.fstat(f.fileno()).st_size)
        response = Response(200, [("Content-Type", meta["type"]), ("Cache-Control", PAGE)], body)
        return with_validators(request, response, f'"{meta["size"]:x}-{int(meta["modified"] * 1000):x}"', meta["modified"])

    def big(self, request, view, size):
        if not size.isdigit() or int(size) > BIG_LIMIT:
            return self.problem(view, 404, "Ask for a number of bytes.")
        response = Response(200, [("Content-Type", "application/octet-stream"), ("Cache-Control", PAGE)],
                            Content.pattern(int(size)))
        return with_validators(request, response, f'"pattern-{size}"', 1.7e9)

    def upload(self, request, view):
        if not view.user:
            return self.redirect(view, "/login?came_from=/upload")
        if request.method != "POST":
            return self.html(pages.upload_form(view, self.store.files()), 200, PRIVATE)
        found = forms.uploaded_file(request.headers.get("Content-Type", ""), request.body.read(UPLOAD_LIMIT))
        if not found:
            return self.problem(view, 400, "No file was sent.")
        name, data = found
        self.store.save_file(name, mimetypes.guess_type(name)[0] or "application/octet-stream", data)
        return self.redirect(view, "/upload", f"{name} was stored. " + self.purge(view, ["files/" + name]))
    upload.methods = ("POST",)

    def measure(self, request, view):
        """Length and SHA-256 of the body that arrived."""
        digest, length = hashlib.sha256(), 0
        while piece := request.body.read(1 << 20):
            digest.update(piece)
            length += len(piece)
        return Response(200, [("Content-Type", "application/json"), ("Cache-Control", NEVER)],
                        json.dumps({"length": length, "sha256": digest.hexdigest(), "instance": self.name}).encode())
    measure.methods = ("POST", "PUT")

    def echo(self, request, view):
        size = request.body.seek(0, os.SEEK_END)
        return Response(200, [("Content-Type", request.headers.get("Content-Type", "application/octet-stream")),
                              ("Cache-Control", NEVER)], Content.of_file(request.body, size))
    echo.methods = ("POST", "PUT")

    # -- things to watch ---------------------------------------------------------------------------------------

    def slow(self, request, view):
        """A line a second, sent as it is written: `?seconds=5&step=1`."""
        seconds = min(float(request.query.get("seconds", ["5"])[0]), 600)
        step = max(0.01, float(request.query.get("step", ["1"])[0]))
        before, after = pages.frame(view, "Slow", "<h1>A slow page</h1>\n<!-- lines -->").split("<!-- lines -->")

        def lines():
            yield before.encode()
            for n in range(round(seconds / step)):
                time.sleep(step)
                yield f"<p>Line {n + 1} was written at {time.strftime('%H:%M:%S')}.</p>\n".encode()
            yield after.encode()
        return Response(200, [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", NEVER)], lines())

    def error(self, request, view):
        status = request.query.get("status", ["500"])[0]
        return self.problem(view, int(status) if status.isdigit() and 400 <= int(status) < 600 else 500,
                            "This page fails on purpose. It is the application's own error page.")

    def moment(self, request, view):
        """A page that caches may keep for one second only: shows what happens when it has expired."""
        return self.html(pages.page(view, {"title": "One second", "parts": [
            {"kind": "text", "text": "Caches may keep this page for one second."}]}, []), 200,
            "max-age=0, s-maxage=1, must-revalidate")

    def clock(self, request, view):
        return self.html(pages.clock(view, view.url("/clock/socket").replace("http", "ws", 1)), 200, PAGE)

    def socket(self, request, view):
        return self.problem(view, 426, "A WebSocket lives here.").add("Upgrade", "websocket")

    def request(self, request, view):
        rows = [("Request line", request.raw)] + sorted(request.headers.items())
        return self.html(pages.request_table(view, [(n, "(hidden)" if n.lower() == "cookie" else v) for n, v in rows]), 200, NEVER)

    def ok(self, request, view):
        return Response(200, [("Content-Type", "text/plain"), ("Cache-Control", NEVER)], b"OK\n")

    # -- answers -----------------------------------------------------------------------------------------------

    def html(self, text, status, cache_control):
        return Response(status, [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", cache_control)], text.encode())

    def problem(self, view, status, text):
        return self.html(pages.problem(view, status, text), status, NEVER)

    def redirect(self, view, path, message=""):
        response = Response(302, [("Location", view.url(path)), ("Cache-Control", NEVER)])
        if message:
            response.add("Set-Cookie", f"{MESSAGES}={quote(message)}; Path=/; HttpOnly; SameSite=Lax")
        return response

    for simple in (page, style, image, file, big, slow, error, moment, clock, socket, request, ok):
        simple.methods = ()
    # First segment -> handler and how many segments follow.
    ROUTES = {"style.css": (style, 0), "images": (image, 1), "files": (file, 1), "big": (big, 1), "login": (login, 0),
              "logout": (logout, 0), "upload": (upload, 0), "measure": (measure, 0), "echo": (echo, 0), "slow": (slow, 0),
              "error": (error, 0), "moment": (moment, 0), "clock": (clock, 0), "request": (request, 0), "ok": (ok, 0)}
    del simple
