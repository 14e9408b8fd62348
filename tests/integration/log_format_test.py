#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""--log-format: lines of JSON, and messages that a real systemd-journald stores with their fields."""

import json
import os
import pathlib
import subprocess

import case
import ctflowd
from isolation import require
from lab import wait_until

JOURNALD = "/lib/systemd/systemd-journald"
SOCKET = pathlib.Path("/run/systemd/journal/socket")


class LogFormat(case.LabTest):
    def setUp(self):
        self.make_lab()

    def start(self, log_format):
        config = ctflowd.configuration([ctflowd.Collector("main", 4739, "ipfix")])
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  "--log-format", log_format, config=config)
        self.addCleanup(program.kill)
        return program

    def start_journald(self):
        require("journalctl", JOURNALD)
        SOCKET.parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path("/run/log/journal").mkdir(parents=True, exist_ok=True)
        with open(f"{self.directory}/journald.log", "ab") as log:
            # pylint: disable-next=consider-using-with
            journald = subprocess.Popen([JOURNALD], stdout=log, stderr=log)
        self.addCleanup(journald.wait)
        self.addCleanup(journald.kill)
        return journald

    def stored(self):
        """What the journal has of ctflowd, by event; the last of each."""
        lines = subprocess.run(["journalctl", "-D", "/run/log/journal", "-o", "json", "-t", "ctflowd"],
                               check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return {entry["CTFLOWD_EVENT"]: entry for entry in map(json.loads, lines.splitlines())}

    def test_lines_of_json(self):
        program = self.start("json")
        wait_until(lambda: '"event":"started"' in program.log, "the start")
        program.process.terminate()
        self.assertEqual(program.wait(5), 0)
        lines = [json.loads(line) for line in program.log.splitlines()]
        for line in lines:
            self.assertEqual(list(line)[:3], ["time", "level", "event"])
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")
            self.assertTrue(all(isinstance(value, str) for value in line.values()), line)
        events = {line["event"]: line for line in lines}
        self.assertEqual(events["collector_totals"]["collector"], "main")
        self.assertEqual(events["stopped"]["ended"], "0")

    def test_messages_of_the_journal(self):
        journald = self.start_journald()
        wait_until(SOCKET.exists, "the journal's socket")
        program = self.start("journal")
        wait_until(lambda: "started" in self.stored(), "the start in the journal", 20)
        self.assertEqual(self.stored()["exporting"]["CTFLOWD_COLLECTOR"], "main")
        self.assertEqual(self.stored()["exporting"]["PRIORITY"], "6")
        # A journal that is started anew binds another socket to the same path.
        journald.terminate()
        journald.wait()
        before = os.stat(SOCKET).st_ino if SOCKET.exists() else 0
        self.start_journald()
        wait_until(lambda: SOCKET.exists() and os.stat(SOCKET).st_ino != before, "the new socket")
        program.process.terminate()
        self.assertEqual(program.wait(5), 0)
        wait_until(lambda: "stopped" in self.stored(), "the end in the journal", 20)
        self.assertNotIn("log_lines_lost", self.stored())
        self.assertEqual(program.log, "")

    def test_no_journal(self):
        program = self.start("journal")
        self.assertEqual(program.wait(5), 1)
        self.assertRegex(program.log, "failed error=.*journal cannot be reached.*use --log-format text or json")


if __name__ == "__main__":
    case.main()
