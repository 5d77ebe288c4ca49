"""Chromium by the WebDriver protocol, in a few lines; for tests that need a real browser."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference


class Browser:
    """One window of a new, empty browser."""

    def __init__(self, url, profile):
        self.url = f"{url}/session"
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
        asked = {"alwaysMatch": {"goog:chromeOptions": options}}
        self.url += "/" + self.ask("POST", "", capabilities=asked)["sessionId"]

    def ask(self, method, path, **values):
        body = json.dumps(values).encode() if method == "POST" else None
        asked = Request(self.url + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(asked, timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def open(self, address):
        self.ask("POST", "/url", url=address)

    def back(self):
        self.ask("POST", "/back")

    def run(self, script):
        """What a script returns, in the page."""
        return self.ask("POST", "/execute/sync", script=f"return {script}", args=[])

    def resize(self, width, height):
        """As wide as asked, narrower than a window can be."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command = "Emulation.setDeviceMetricsOverride"
        self.ask("POST", "/goog/cdp/execute", cmd=command, params=size)

    def click(self, selector):
        self.ask("POST", f"/element/{self._find(selector)}/click")

    def type(self, selector, keys):
        self.ask("POST", f"/element/{self._find(selector)}/value", text=keys)

    def _find(self, selector):
        return self.ask("POST", "/element", using="css selector", value=selector)[ELEMENT]


@contextmanager
def browser(profile):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/status", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        window = Browser(f"http://127.0.0.1:{port}", profile)
        try:
            yield window
        finally:
            window.ask("DELETE", "")
    finally:
        driver.terminate()
        driver.wait()
