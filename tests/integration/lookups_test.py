#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names whose server does not answer keep no other collector waiting, nor the end of ctflowd."""

import os
import signal
import subprocess
import time

import case
import ctflowd
import datagrams
from lab import COLLECTOR, wait_until
from name_server import NameServer
from streams import PORT, Load, StreamTest

SILENT = [f"silent{number}.test" for number in range(6)]
PATIENCE = 10  # seconds that a look-up of them takes: 5 for each of two attempts
KNOWN = "known.test"


class Lookups(StreamTest):
    def setUp(self):
        self.make_lab()
        self.load = Load(self.lab)
        server = NameServer(self.lab.router, self.directory, None)
        self.addCleanup(server.close)
        self.lab.rules("raw_output", "ip daddr 127.0.0.1 notrack", "ip saddr 127.0.0.1 notrack")
        for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n"),
                           ("hosts", f"127.0.0.1 localhost\n{COLLECTOR} {KNOWN}\n")):
            path = f"{self.directory}/slow-{name}"
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            subprocess.run(["mount", "--bind", path, os.path.realpath(f"/etc/{name}")], check=True)
            self.addCleanup(subprocess.run, ["umount", os.path.realpath(f"/etc/{name}")],
                            check=True)

    def configuration(self, names, transport="udp"):
        """Collectors with these names, and last the one that can be looked up."""
        return ctflowd.configuration(
            [ctflowd.Collector(f"c{number}", 4739, "ipfix", address=name,
                               settings={"transport": transport})
             for number, name in enumerate([*names, KNOWN])],
            source={"active_timeout": "off"})

    def test_what_a_reload_that_comes_too_late_has_sent_is_in_its_totals(self):
        """Left on disk by a process of before, sent while the reload waits for a name."""
        spool = f"{self.directory}/spool"
        os.mkdir(spool)
        kept = ctflowd.Collector("kept", PORT, "ipfix", settings={
            "transport": "tcp", "spool": {"directory": spool}})
        main = ctflowd.Collector("main", 4740, "ipfix")
        program = self.start(ctflowd.configuration([kept]))
        self.load.send(100)
        program.stop()
        self.assertEqual(program.kept_totals()["waiting"]["flows"], 100)
        collector = self.start_collector()
        program = self.start(ctflowd.configuration([main]))
        silent = ctflowd.Collector("silent", 4741, "ipfix", address=SILENT[0])
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration([main, kept, silent]))
        program.process.send_signal(signal.SIGHUP)
        self.wait_for_flows(collector, 100)
        program.stop(PATIENCE)
        self.assertNotIn(" reloaded ", program.log)
        totals = program.collector_totals()
        self.assertEqual(totals["kept"]["flows"], 100)
        self.assertEqual(program.kept_totals()["recovered"]["flows"], 100)
        self.assertNotIn("silent", totals)

    def start(self, config):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=config)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def test_udp(self):
        collector = datagrams.Collector(self.lab.collector, 4739, COLLECTOR)
        self.addCleanup(collector.stop)
        began = time.monotonic()
        program = self.start(self.configuration(SILENT))
        program.wait_for("collector_resolved")
        self.assertLess(time.monotonic() - began, PATIENCE / 2)
        self.load.send(100)
        wait_until(lambda: len(collector.records()) >= 100, "all records")
        program.stop()  # in time, although six look-ups are under way
        totals = program.collector_totals()
        known = totals[f"c{len(SILENT)}"]
        self.assertEqual((known["flows"], known["lost_unresolved"]), (100, 0))
        for number in range(len(SILENT)):
            one = totals[f"c{number}"]
            self.assertEqual((one["offered"], one["lost_unresolved"]), (100, 100))

    def test_tcp(self):
        collector = self.start_collector()
        began = time.monotonic()
        program = self.start(self.configuration(SILENT, "tcp"))
        program.wait_for("collector_connected")
        self.assertLess(time.monotonic() - began, PATIENCE / 2)
        self.load.send(100)
        self.wait_for_flows(collector, 100)
        program.stop()
        collector.stop()
        self.assertEqual(program.collector_totals()[f"c{len(SILENT)}"]["flows"], 100)

    def test_reloads_while_names_are_looked_up(self):
        collector = datagrams.Collector(self.lab.collector, 4739, COLLECTOR)
        self.addCleanup(collector.stop)
        program = self.start(self.configuration(SILENT))
        reloads = 3
        for number in range(1, 1 + reloads):
            # Other names: all collectors but the last are made anew.
            with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
                file.write(self.configuration([f"r{number}-{name}" for name in SILENT]))
            program.process.send_signal(signal.SIGHUP)
            wait_until(lambda n=number: program.log.count(" reloaded ") >= n, "the reload", 30)
        threads = len(os.listdir(f"/proc/{program.process.pid}/task"))
        self.assertLessEqual(threads, 1 + len(SILENT) * (1 + reloads))
        # Those that nobody waits for end when the name service gives up.
        wait_until(lambda: len(os.listdir(f"/proc/{program.process.pid}/task"))
                   <= 1 + len(SILENT), "the threads of removed collectors to end", 3 * PATIENCE)
        self.load.send(100)
        wait_until(lambda: len(collector.records()) >= 100, "all records")
        program.stop()
        self.assertEqual(program.collector_totals()[f"c{len(SILENT)}"]["flows"], 100)


if __name__ == "__main__":
    case.main()
