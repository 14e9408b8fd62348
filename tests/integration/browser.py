# SPDX-License-Identifier: GPL-2.0-or-later
"""Chromium without a window, by its DevTools protocol: a window of any width, which --window-size gives only from
500 pixels on, and the emulation of a phone."""

import base64
import json
import os
import select
import subprocess

_PATIENCE = 60  # seconds for an answer


class Browser:
    def __init__(self, program, namespace, directory):
        """`namespace`: the one that it fetches pages from. `directory`: for its profile."""
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # It reads commands from descriptor 3 and writes answers to 4, each with a NUL behind it.
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash",
             *namespace.command(program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                                "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={directory}/browser")],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": directory})
        os.close(commands)
        os.close(answers)
        self._read, self._number, self._session = b"", 0, None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def window(self, width, height, phone, dark):
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self._ask("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, address):
        failed = self._ask("Page.navigate", url=address).get("errorText")
        if failed:
            raise RuntimeError(f"{address}: {failed}")
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression):
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def screenshot(self, file):
        with open(file, "wb") as to:
            to.write(base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"]))

    def _ask(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _message(self):
        while b"\0" not in self._read:
            if not select.select([self._from], [], [], _PATIENCE)[0]:
                raise RuntimeError(f"the browser did not answer for {_PATIENCE} s")
            part = os.read(self._from, 1 << 20)
            if not part:
                raise RuntimeError(f"the browser ended: {self._process.wait()}")
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)
