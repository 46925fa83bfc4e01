# SPDX-License-Identifier: BSD-2-Clause
"""A real browser: Chromium through chromedriver, spoken to in WebDriver's plain HTTP and JSON."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"   # the key that WebDriver fixes for element references


class BrowserError(Exception):
    """What WebDriver said."""


class Browser:
    def __init__(self, directory):
        """`directory`: where screenshots and chromedriver's log go."""
        self.directory, self.session = directory, None
        self.profile = tempfile.mkdtemp(prefix="trivet-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        try:
            self.base = f"http://127.0.0.1:{self._port()}"
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--window-size=1200,1000", f"--user-data-dir={self.profile}"]
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "acceptInsecureCerts": True, "goog:chromeOptions": {"args": flags}}}})
            self.session = f"/session/{answer['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _port(self):
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found.group(1))
        raise BrowserError("chromedriver did not start")

    def _call(self, method, path, data=None):
        body = None if method != "POST" else json.dumps(data or {}).encode()
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            # Never through a proxy of the environment.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            value = json.load(problem)["value"]
            raise BrowserError(f"{value['error']}: {value['message']}") from None

    def _do(self, method, path, data=None):
        return self._call(method, self.session + path, data)

    def open(self, url):
        self._do("POST", "/url", {"url": url})

    def url(self):
        return self._do("GET", "/url")

    def source(self):
        return self._do("GET", "/source")

    def script(self, text, *arguments):
        return self._do("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def find(self, css):
        return self._do("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def wait(self, css, seconds=30):
        """The element, as soon as there is one."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.find(css)
            except BrowserError:
                if time.monotonic() > end:
                    self.screenshot("missing-element")
                    raise
                time.sleep(0.1)

    def wait_text(self, css, wanted, seconds=30):
        """Waits until the element's text contains `wanted`."""
        end = time.monotonic() + seconds
        text, refusals = "", set()
        while time.monotonic() < end:
            try:
                text = self.text(css)
                if wanted in text:
                    return text
            except BrowserError as problem:
                refusals.add(str(problem).splitlines()[0])   # no such element yet, or a dialogue of the page
            time.sleep(0.1)
        self.screenshot("missing-text")
        raise BrowserError(f"{css} does not show {wanted!r} but {text[:300]!r} at {self.url()}, {sorted(refusals)} "
                           + self.script("return document.readyState + ': ' + document.body.innerText").replace("\n", " ")[:2000])

    def text(self, css):
        return self._do("GET", f"/element/{self.find(css)}/text")

    def click(self, css):
        self._do("POST", f"/element/{self.wait(css)}/click")

    def type(self, css, text):
        """Replaces the content of a field."""
        element = self.wait(css)
        self._do("POST", f"/element/{element}/clear")
        self._do("POST", f"/element/{element}/value", {"text": text})

    def screenshot(self, name):
        os.makedirs(self.directory, exist_ok=True)
        path = f"{self.directory}/{name}.png"
        with open(path, "wb") as f:
            f.write(base64.b64decode(self._do("GET", "/screenshot")))
        return path

    def forget(self):
        """All cookies of the present site go: an anonymous visitor again."""
        self._do("DELETE", "/cookie")

    def close(self):
        try:
            if self.session:
                self._do("DELETE", "")
        except (BrowserError, OSError):
            pass
        self.driver.terminate()
        try:
            self.driver.wait(20)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)
