#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who or what took packets away from accounting's counters: reports and status name it."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import time

import case
import ctflowd
import traffic
from active_timeout_test import Conversation
from lab import SERVER4, wait_until

ACTIVE_TIMEOUT = 5  # the shortest that can be configured
BETWEEN_LOOKS = 10
INCOMPLETE = 1
FLOWTABLE = "table inet f { flowtable fast { hook ingress priority 0; devices = { lan, wan }; }; }"
RULE = "table inet f { chain c { type filter hook forward priority 0; ip protocol tcp flow add @fast; }; }"


class AccountingCauses(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.database = f"{self.directory}/accounting.sqlite"
        self.socket = f"{self.directory}/status.sock"

    def start_program(self):
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix")],
            accounting={"aggregates": "[{name: hosts, by: [host]}]", "database": self.database,
                        "commit_interval": "1s", "inside": "[10.10.0.0/24]"},
            source={"active_timeout": f"{ACTIVE_TIMEOUT}s", "state_file": "off"},
            status={"socket": self.socket})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        program.wait_for("started")
        wait_until(lambda: os.path.exists(self.database) and self.rows("SELECT * FROM meta"),
                   "the first transaction")
        return program

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True,
                                                timeout=10)) as connection:
            try:
                return connection.execute(sql).fetchall()
            except sqlite3.OperationalError:  # it is being made
                return []

    def causes(self):
        return set(self.rows("SELECT kind, name FROM cause WHERE level = 3"))

    def report(self, *options):
        run = subprocess.run([case.program, "report", "--since", "1h", "--database", self.database,
                              "-c", "/none", *options], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, INCOMPLETE, run.stdout + run.stderr)
        return run.stdout

    def status(self, *options):
        return subprocess.run([case.program, "status", "--socket", self.socket, *options],
                              check=False, stdout=subprocess.PIPE, text=True).stdout

    def kernel_status(self):
        return json.loads(self.status("--json"))["namespaces"][0]

    def zero_counters(self, conversation):
        """What was counted since the previous report is gone, and seen to be."""
        def count(name):
            return self.kernel_status()["source"][name]
        fell, reports = count("counters_fell"), count("entries") - count("entries_skipped")
        for _ in range(30):
            conversation.exchange()
        wait_until(lambda: count("entries") - count("entries_skipped") > reports, "a report")
        self.lab.router.run("conntrack", "-L", "-z")
        conversation.exchange()
        wait_until(lambda: count("counters_fell") > fell, "the fall")

    def test_a_program_that_sets_counters_to_zero(self):
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 120)
        fake = f"{self.directory}/nlbwmon"
        shutil.copy(shutil.which("sleep"), fake)
        program = self.start_program()
        conversation = Conversation(self.lab, 3000)
        self.addCleanup(conversation.close)
        with subprocess.Popen([fake, "300"]) as running:
            try:
                self.zero_counters(conversation)
            finally:
                running.kill()
        self.assertEqual(self.kernel_status()["kernel"]["counter_resetters"], ["nlbwmon"])
        self.assertIn("; seen: nlbwmon", " ".join(self.status().split()))
        wait_until(self.causes, "the cause")
        self.assertEqual(self.causes(), {("counters_reset", "nlbwmon")})
        self.assertRegex(self.report(), r"\(another program set (its|their) counters to zero: seen nlbwmon\)")
        time.sleep(BETWEEN_LOOKS)
        self.zero_counters(conversation)
        self.assertEqual(self.kernel_status()["kernel"]["counter_resetters"], [], "it is gone")
        program.stop()

    def test_connections_that_vanish_without_an_event(self):
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 10)
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        conversation = Conversation(self.lab, 3000)
        self.addCleanup(conversation.close)
        conversation.exchange()
        self.lab.router.set("net/netfilter/nf_conntrack_events", 1)
        program = self.start_program()
        wait_until(self.causes, "the cause", seconds=40)
        self.assertEqual(self.causes(), {("connections_vanished", "")})
        self.assertIn("the last traffic of connections that vanished", self.report())
        program.stop()

    def test_events_that_are_switched_off(self):
        program = self.start_program()
        self.assertEqual(self.causes(), set())
        self.assertNotIn("events_off", self.status())
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53)
        wait_until(self.causes, "the cause")
        self.assertEqual(self.causes(), {("events_off", "")})
        self.assertIn("while the kernel sent no events (nf_conntrack_events=0)", self.report())
        self.assertIn("events_off", self.status())
        wait_until(lambda: " warning events_stopped " in program.log, "the log")
        self.lab.router.set("net/netfilter/nf_conntrack_events", 1)
        wait_until(lambda: "events_off" not in self.status(), "the problem to go")
        wait_until(lambda: " warning events_resumed silent_seconds=" in program.log, "the log")
        program.stop()

    def test_a_flowtable_that_does_not_count(self):
        try:
            self.lab.router.run("nft", FLOWTABLE)
            self.lab.router.run("nft", RULE)
            self.lab.router.run("nft", "flush", "chain", "inet", "f", "c")
        except RuntimeError as error:
            self.skipTest(f"this kernel has no flowtables: {error}")
        program = self.start_program()
        traffic.tcp(self.lab.client, self.lab.server, SERVER4, 443, 10_000, 500_000)
        self.lab.wait_for_idle()
        wait_until(lambda: self.rows("SELECT * FROM usage"), "the connection")
        time.sleep(BETWEEN_LOOKS + 2)
        self.assertEqual(self.causes(), set(), "no rule gives it connections")
        counted = self.rows("SELECT sum(down_octets) FROM usage WHERE level = 3")[0][0]
        self.assertGreater(counted, 500_000)
        self.lab.router.run("nft", RULE)
        wait_until(self.causes, "the cause", seconds=3 * BETWEEN_LOOKS)
        self.assertEqual(self.causes(), {("flowtable_uncounted", "inet f fast")})
        traffic.tcp(self.lab.client, self.lab.server, SERVER4, 443, 10_000, 500_000)
        self.lab.wait_for_idle()
        wait_until(lambda: self.rows("SELECT sum(connections) FROM usage WHERE level = 3")[0][0] > 1,
                   "the second connection")
        lacking = 2 * counted - self.rows("SELECT sum(down_octets) FROM usage WHERE level = 3")[0][0]
        self.assertGreater(lacking, 100_000, "what the report says is missing is missing")
        self.assertIn("what was forwarded by inet f fast (a flowtable that does not count)", self.report())
        causes = json.loads(self.report("--format", "json"))["missing"]["causes"]
        self.assertEqual(causes, [{"kind": "flowtable_uncounted", "name": "inet f fast"}])
        program.stop()


if __name__ == "__main__":
    case.main()
