#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of accounting that docs/accounting.md publishes, with bounds. tests/run --full runs it."""

import argparse
import contextlib
import itertools
import os
import pathlib
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
# pylint: disable=wrong-import-position
import case  # noqa: E402
import ctflowd  # noqa: E402
import isolation  # noqa: E402
import traffic  # noqa: E402
from lab import CLIENT4, SERVER4, wait_until  # noqa: E402

FLASH = 20.0  # MiB a day, of 50 devices, commit_interval 15m
BESIDE = 40.0  # the same, between transactions, without a runtime directory
DEVICES = 50
MEMORY = 8.0  # MiB, of 10 000 keys
KEYS = 10_000
REPORT = 2.0  # times what Python and SQLite take for its rows
DAY = 86400
ROUNDS = 9

rows_program = None


class Accounting(case.LabTest):
    seconds = int(os.environ.get("CTFLOWD_FLASH_SECONDS") or 120)  # that are measured

    def setUp(self):
        self.make_lab()
        self.disk = tempfile.mkdtemp(prefix="ctflowd-accounting-", dir="/var/tmp")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.disk], check=False)
        self.runtime = f"{self.directory}/runtime"
        os.mkdir(self.runtime)

    def start(self, name, by="host", runtime=None, **accounting):
        """A ctflowd that accounts by these settings; without any it only exports."""
        sections = {"status": {"socket": "off"}}
        if accounting:
            sections["accounting"] = {"aggregates": f"[{{name: all, by: [{by}]}}]", "time_zone": "UTC",
                                      "database": f"{self.disk}/{name}.sqlite", **accounting}
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix")], **sections,
            source={"state_file": f"{self.runtime}/{name}", "active_timeout": "60s"})
        program = ctflowd.Ctflowd("env", self.lab.router, self.directory,
                                  f"RUNTIME_DIRECTORY={runtime or self.runtime}", case.program, "run", config=text)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def rows(self, *arguments):
        return subprocess.run([rows_program, *map(str, arguments)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def test_flash_of_a_day(self):
        """The transactions of a day whose clock is made up, and what the daemon writes between them."""
        said = self.rows("flash", f"{self.disk}/flash.sqlite", 50, 2, 15)
        transactions = float(re.search(r"([\d.]+) MiB a day written to the disk", said)[1])
        if transactions == 0:
            self.skipTest(f"{self.disk} is in memory: nothing is counted")
        program = self.start("idle", by="device", commit_interval="1h")
        wait_until(lambda: os.path.exists(f"{self.disk}/idle.sqlite"), "the first transaction")
        time.sleep(3)
        before, began = written(program), time.monotonic()
        while time.monotonic() - began < 90:
            traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
            time.sleep(1)
        between = (written(program) - before) / (time.monotonic() - began) * DAY / 2 ** 20
        program.stop()
        print(f"{transactions:.1f} MiB a day by transactions, {between:.1f} MiB between them", flush=True)
        self.assertLessEqual(transactions + between, FLASH)

    def test_flash_without_a_runtime_directory(self):
        """What 50 connections that go on, and short ones, cost between transactions: files beside the database."""
        program = self.start("beside", by="device", runtime="/nonexistent", commit_interval="1h")
        wait_until(lambda: os.path.exists(f"{self.disk}/beside.sqlite"), "the first transaction")
        with contextlib.ExitStack() as open_sockets:
            there = open_sockets.enter_context(
                contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            there.bind((SERVER4, 5353))
            hosts = [open_sockets.enter_context(
                contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)))
                for _ in range(DEVICES)]

            def talk(seconds):
                began = time.monotonic()
                for host in itertools.cycle(hosts):
                    if time.monotonic() - began >= seconds:
                        return time.monotonic() - began
                    host.sendto(bytes(100), (SERVER4, 5353))
                    there.sendto(bytes(100), there.recvfrom(200)[1])
                    host.recv(200)
                    if host is hosts[0]:
                        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
                    time.sleep(0.015)
            talk(70)  # until they are reported
            before = written(program)
            took = talk(self.seconds)
            between = (written(program) - before) / took * DAY / 2 ** 20
        files = os.listdir(self.disk)
        program.stop()
        self.assertTrue([one for one in files if "-session-" in one], files)
        if between == 0:
            self.skipTest(f"{self.disk} is in memory: nothing is counted")
        print(f"{between:.1f} MiB a day between transactions, of {took:.0f} s", flush=True)
        self.assertLessEqual(between, BESIDE)

    def test_memory_of_many_keys(self):
        """Beside a ctflowd that only exports, of the same connections."""
        client, router = self.lab.client, self.lab.router
        client.run("ip", "route", "add", "local", "10.64.0.0/16", "dev", "lo")
        router.run("ip", "route", "add", "10.64.0.0/16", "via", CLIENT4)
        programs = [self.start("plain"), self.start("accounting", commit_interval="1h", inside="[10.64.0.0/16]")]
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there, client.inside():
            there.bind((SERVER4, 53))
            for number in range(KEYS):
                with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
                    here.bind((f"10.64.{number // 250}.{1 + number % 250}", 0))
                    here.sendto(b"x", (SERVER4, 53))
                    there.recv(10)
        self.lab.wait_for_idle(60)
        time.sleep(2)
        plain, accounting = map(resident, programs)
        for program in programs:
            program.stop()
        with contextlib.closing(sqlite3.connect(f"{self.disk}/accounting.sqlite")) as connection:
            hosts = connection.execute("SELECT count(*) FROM key WHERE kind = 0").fetchone()[0]
        self.assertGreaterEqual(hosts, KEYS)
        print(f"{(accounting - plain) / 2 ** 20:.1f} MiB for {hosts} keys", flush=True)
        self.assertLessEqual((accounting - plain) / 2 ** 20, MEMORY)

    def test_report_of_a_month(self):
        """Of a year of 200 devices, beside SQLite that reads the rows of that time."""
        database = f"{self.disk}/year.sqlite"
        self.rows("year", database, 200)
        command = [case.program, "report", "--since", "30d", "--by", "device", "--database", database, "-c",
                   "/none"]
        since = int(time.time()) - 30 * DAY
        times = {"report": [], "sqlite": []}
        for _ in range(ROUNDS):  # in turns, so that both have the same neighbours
            began = time.monotonic()
            run = subprocess.run(command, check=False, stdout=subprocess.PIPE)
            times["report"].append(time.monotonic() - began)
            self.assertIn(b"total", run.stdout)
            began = time.monotonic()
            read = subprocess.run(
                [sys.executable, "-I", "-c", READ, database, str(since)], check=True, text=True,
                stdout=subprocess.PIPE).stdout
            times["sqlite"].append(time.monotonic() - began)
        report, sqlite = (statistics.median(one) for one in times.values())
        print(f"report {report:.3f} s, SQLite {sqlite:.3f} s for {read.strip()} rows", flush=True)
        self.assertLessEqual(report, REPORT * sqlite)


# The days of the time, each row fetched: a report has hours and minutes only of the first and the last one.
READ = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(sum(1 for _ in connection.execute("SELECT * FROM usage WHERE level = 2 AND time >= ?", sys.argv[2:])))
"""


def written(program):
    return value(program, "io", "write_bytes")


def resident(program):
    return value(program, "status", "VmRSS") * 1024


def value(program, file, name):
    text = pathlib.Path(f"/proc/{program.process.pid}/{file}").read_text(encoding="ascii")
    return int(re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctflowd", required=True, help="the program under test")
    parser.add_argument("--rows", required=True, help="accounting_rows")
    options, rest = parser.parse_known_args()
    isolation.enter()
    global rows_program  # pylint: disable=global-statement
    case.program, rows_program = os.path.abspath(options.ctflowd), os.path.abspath(options.rows)
    unittest.main(argv=sys.argv[:1] + rest, verbosity=2)


if __name__ == "__main__":
    main()
