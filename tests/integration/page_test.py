#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page at /: its sums are those of `ctflowd report`, it is valid HTML that runs nothing and fetches nothing,
and a browser shows it on a phone and on a desk, light and dark."""

import base64
import contextlib
import hashlib
import html
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import time
import zlib

import browser
import case
import ctflowd
import traffic
from lab import SERVER4, SERVER6, wait_until

MAC = "02:00:5e:00:53:01"
ADDRESS, PORT = "127.0.0.1", 9995
DEVICE = "<script>alert(1)</script> \"R&D's\" </svg>"
LIGHT, DARK = (0xf5, 0xf6, 0xf8), (0x12, 0x17, 0x1d)


def html_error(text):
    """What html5lib, which Debian's own Python has, finds wrong; empty: nothing."""
    run = subprocess.run(["/usr/bin/python3", "-c", "import sys, html5lib\n"
                          "html5lib.HTMLParser(strict=True).parse(sys.stdin.buffer.read().decode())"],
                         input=text.encode(), stderr=subprocess.PIPE, check=False, timeout=60)
    return run.stderr.decode()


def people(octets):
    """As `ctflowd report` prints it."""
    unit = 0
    while octets >= 999.5 and unit < 5:
        octets /= 1000
        unit += 1
    return f"{octets:.0f} B" if unit == 0 else \
        f"{octets:.{0 if octets >= 99.95 else 1}f} {['B', 'kB', 'MB', 'GB', 'TB', 'PB'][unit]}"


def rows_of(text, title):
    """Cells of the rows of one table."""
    section = re.search(rf"<section><h2>{title}.*?</section>", text, re.DOTALL)[0]
    rows = re.findall(r"<tr[^>]*>(<td>.*?)</tr>", section, re.DOTALL)
    return [[html.unescape(re.sub(r"<svg.*?</svg>|<[^>]*>", "", cell)) for cell in row.split("</td>")[:-1]]
            for row in rows]


def verdict_of(text):
    """What stands at the top: its words, one space between them."""
    section = re.search(r'<div class="verdict.*?</div>', text, re.DOTALL)[0]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", section).split()))


def pixels(file):
    """Width, and the rows of a PNG with eight bits a channel, as (red, green, blue)."""
    data = pathlib.Path(file).read_bytes()
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    if depth != 8 or kind not in (2, 6):
        raise RuntimeError(f"{file}: expected 8 bits of RGB or RGBA, got {depth}, {kind}")
    step, at, packed = {2: 3, 6: 4}[kind], 8, b""
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    raw, size = zlib.decompress(packed), width * step
    before, rows = bytearray(size), []
    for line in range(height):
        method, row = raw[line * (size + 1)], bytearray(raw[line * (size + 1) + 1:(line + 1) * (size + 1)])
        for i in range(size if method else 0):
            left, above = row[i - step] if i >= step else 0, before[i]
            corner = before[i - step] if i >= step else 0
            if method == 4:
                guess = left + above - corner
                nearest = min((abs(guess - left), 0, left), (abs(guess - above), 1, above),
                              (abs(guess - corner), 2, corner))[2]
                row[i] = (row[i] + nearest) & 255
            else:
                row[i] = (row[i] + (0, left, above, (left + above) // 2)[method]) & 255
        rows.append([tuple(row[i:i + 3]) for i in range(0, size, step)])
        before = row
    return width, rows


class PageTest(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.database = f"{self.directory}/accounting.sqlite"
        self.lab.client.run("ip", "link", "set", "eth0", "address", MAC)
        self.lab.client.run("ip", "-6", "route", "replace", "default", "via", "2001:db8:1::1")
        self.lab.router.run("ip", "link", "set", "lo", "up")
        collector = self.lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(collector.close)
        collector.bind(("0.0.0.0", 4739))

    def accounting(self):
        quoted = DEVICE.replace("'", "''")
        return {"aggregates": "[{name: devices, by: [device]}, {name: networks, by: [network]}]",
                "database": self.database, "commit_interval": "1s", "time_zone": "UTC",
                "inside": '[10.10.0.0/16, "2001:db8:1::/64"]', "device_files": "[/nonexistent]",
                "devices": f"[{{name: '{quoted}', addresses: ['{MAC}']}}]",
                "networks": "[{name: office, networks: [10.10.0.0/16]}, "
                            f"{{name: '{'n' * 60}', networks: ['2001:db8:1::/64']}}]"}

    def start_program(self, accounting=True, **status):
        sections = {"accounting": self.accounting()} if accounting else {}
        text = ctflowd.configuration(
            [ctflowd.Collector("udp", 4739, "ipfix")], source={"active_timeout": "5s"},
            status={"socket": f"{self.directory}/s", "listen": f'"{ADDRESS}:{PORT}"', **status}, **sections)
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        program.wait_for("started")
        return program

    def get(self, path="/", method="GET"):
        with self.lab.router.inside():
            connection = http.client.HTTPConnection(ADDRESS, PORT, timeout=10)
            connection.connect()
        connection.request(method, path)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text

    def page(self):
        response, text = self.get()
        self.assertEqual(response.status, 200, text)
        return text

    def check_html(self, text):
        self.assertEqual(html_error(text), "")
        for word in ("<script", "javascript:", " style=", " src=", " href=", "@import", "url("):
            self.assertNotIn(word, re.sub(r"&[^;]*;", "", text), word)

    def with_usage(self):
        for address in (SERVER4, SERVER4, SERVER6):
            traffic.udp(self.lab.client, self.lab.server, address, 53, (1200,) * 9, (1300,) * 40)
        self.lab.wait_for_idle()
        wait_until(lambda: "Today by device" in self.page() and self.report()["total"]["connections"] == 3,
                   "the database to have three connections")
        time.sleep(9)  # what was read is not older than 8 s

        def settled():
            text = self.page()
            rows = rows_of(text, "Today by device") if "Today by device" in text else []
            return text if rows and rows[-1][3] == "3" else None
        wait_until(settled, "the page to have them")
        return self.page()

    def report(self, by="device"):
        run = subprocess.run([case.program, "report", "--database", self.database, "--period", "current", "--by", by,
                              "--format", "json"], capture_output=True, text=True, check=False, timeout=30)
        return json.loads(run.stdout)

    def began(self):
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            return database.execute("SELECT min(began) FROM aggregate").fetchone()[0]

    def test_sums_are_those_of_report(self):
        self.assertNotEqual(html_error("<!DOCTYPE html><title>x</title><p></div>"), "", "it finds mistakes")
        program = self.start_program()
        self.check_html(self.page())
        text = self.with_usage()
        self.check_html(text)
        for by in ("device", "network"):
            report = self.report(by)
            for title in ("Today", "This period"):
                rows = rows_of(text, f"{title} by {by}")
                self.assertEqual(len(rows), len(report["rows"]) + 1)
                for row, one in zip(rows, report["rows"] + [{**report["total"], "name": "total"}]):
                    share = 100 * (one["down_octets"] + one["up_octets"]) / (
                        report["total"]["down_octets"] + report["total"]["up_octets"])
                    self.assertEqual(row[:4], [one["name"], people(one["down_octets"]), people(one["up_octets"]),
                                               str(one["connections"])])
                    self.assertAlmostEqual(int(row[4].split()[0]), share, delta=0.51)
        self.assertEqual([row[0] for row in rows_of(text, "Today by device")], [DEVICE, "total"])
        # What was before accounting began is missing and said, but is no fault.
        self.assertEqual(verdict_of(text), "Complete No problem now, and nothing is missing since accounting began.")
        self.assertRegex(text, r"missing: [^<]*\(before accounting began")
        hours = re.findall(r"<title>(\d\d:00: [\d.]+ kB down, [\d.]+ kB up[^<]*)</title>", text)
        self.assertIn(len(hours), (1, 2), text)  # two where an hour ended meanwhile
        # Minutes are counted whole: of an hour in whose first minute accounting began nothing is missing.
        part = "" if self.began() % 3600 == 0 else ", not all of the hour was counted"
        self.assertRegex(hours[0], rf" kB up{part}$")
        program.stop()

    def test_runs_and_fetches_nothing(self):
        program = self.start_program()
        response, text = self.get()
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
        own = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertEqual(response.getheader("Content-Security-Policy"),
                         f"default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'; "
                         "frame-ancestors 'none'")
        self.assertEqual({name: response.getheader(name) for name in
                          ("Content-Type", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control")},
                         {"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
                          "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})
        self.assertEqual(self.get(method="POST")[0].status, 405)
        self.assertEqual(self.get("/metrics")[0].getheader("Content-Security-Policy"), None)
        program.stop()

    def test_without_accounting(self):
        program = self.start_program(accounting=False)
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        self.lab.wait_for_idle()
        text = self.page()
        self.check_html(text)
        self.assertIn("Accounting is off", text)
        self.assertIn("udp", text)
        self.assertIn('class="verdict good"><strong>OK', text)
        program.stop()
        program = self.start_program(accounting=False, page=False)
        self.assertEqual(self.get()[0].status, 404)
        self.assertEqual(self.get("/status")[0].status, 200)
        program.stop()

    def test_in_a_browser(self):
        chromium = shutil.which("chromium")
        if not chromium:
            self.skipTest("chromium is not installed (scripts/install-missing browser)")
        program = self.start_program()
        self.with_usage()
        shown = browser.Browser(chromium, self.lab.router, self.directory)
        self.addCleanup(shown.close)
        keep = os.environ.get("CTFLOWD_SCREENSHOTS", self.directory)
        for name, ground, dark in (("light", LIGHT, False), ("dark", DARK, True)):
            for width, height in ((1280, 1700), (360, 3000)):
                shown.window(width, height, phone=width < 500, dark=dark)
                shown.open(f"http://{ADDRESS}:{PORT}/")
                file = f"{keep}/{name}-{width}.png"
                shown.screenshot(file)
                seen, rows = pixels(file)
                self.assertEqual((seen, rows[0][0]), (width, ground), "the page's own style is in use")
                self.assertGreater(len({pixel for row in rows[::5] for pixel in row}), 20, "it is not blank")

        def width_in(width, more=""):
            shown.window(width, 900, phone=width < 500, dark=False)
            shown.open(f"http://{ADDRESS}:{PORT}/")
            return shown.evaluate(f"{more}; [innerWidth, document.documentElement.scrollWidth]")
        wide = ("const one = document.createElement('p'); one.style.width = '500px'; one.textContent = 'x'; "
                "document.body.append(one)")
        self.assertGreater(width_in(360, wide)[1], 400, "this measures something")
        for width in (320, 360, 1280):
            self.assertEqual(width_in(width), [width, width], "nothing is wider than the window")
        program.stop()


if __name__ == "__main__":
    case.main()
