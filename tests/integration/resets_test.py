#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that another program sets to zero, and entries that never counted anything."""

import json
import subprocess
import time

import case
import collectors
import ctflowd
from active_timeout_test import Conversation
from lab import wait_until

ACTIVE_TIMEOUT = 5  # the shortest that can be configured
OCTETS = 128  # of one datagram of a Conversation


class Resets(case.LabTest):
    def setUp(self):
        self.make_lab()
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 120)
        self.nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(self.nfcapd.kill)
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", settings={"sampling_options": False})],
            source={"active_timeout": f"{ACTIVE_TIMEOUT}s", "state_file": "off"},
            status={"socket": f"{self.directory}/status.sock"})
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                       config=text)
        self.addCleanup(self.program.kill)
        self.program.wait_for("started")

    def conversation(self, port):
        one = Conversation(self.lab, port)
        self.addCleanup(one.close)
        return one

    def status(self):
        result = subprocess.run([case.program, "status", "--json", "--socket",
                                 f"{self.directory}/status.sock"], check=False,
                                stdout=subprocess.PIPE, text=True)
        return json.loads(result.stdout)

    def counter(self, name):
        return self.status()["namespaces"][0]["source"][name]

    def finish(self):
        self.lab.router.run("conntrack", "-F")
        time.sleep(0.5)
        self.program.stop()
        self.nfcapd.stop()
        records = self.nfcapd.records()
        for record in records:
            self.assertGreater(record.packets, 0)
        return case.sums(records), self.program.totals()

    def test_what_is_counted_since_is_exported_and_the_rest_is_told(self):
        one = self.conversation(3000)
        for _ in range(50):
            one.exchange()
        wait_until(lambda: self.counter("entries") > self.counter("entries_skipped"), "a report")
        self.lab.router.run("conntrack", "-L", "-z")
        for _ in range(30):
            one.exchange()
        self.program.wait_for("counters_fell")
        wait_until(lambda: any(problem["name"] == "counters_fell"
                               for problem in self.status()["problems"]), "the problem")
        exported, ledger = self.finish()
        # All 50 had been reported; without the fall seen, 30 less 50 would be nothing, or far more.
        self.assertEqual(exported, (160, 160 * OCTETS))
        self.assertEqual(ledger["counters_fell"], 1)

    def test_a_program_that_does_it_all_the_time(self):
        conversations = [self.conversation(3000 + i) for i in range(5)]
        until = time.monotonic() + 4 * ACTIVE_TIMEOUT
        while time.monotonic() < until:
            for one in conversations:
                one.exchange()
            if int(time.monotonic() * 10) % 15 == 0:
                self.lab.router.run("conntrack", "-L", "-z")
            time.sleep(0.05)
        (packets, octets), ledger = self.finish()
        sent = sum(sum(one.sent) for one in conversations)
        self.assertGreater(packets, 0)
        self.assertLess(packets, sent)
        self.assertEqual(octets, packets * OCTETS)
        self.assertGreater(ledger["counters_fell"], 0)
        self.assertLessEqual(packets + ledger["fallen_packets"], sent)

    def test_entries_that_nobody_used_are_no_flows(self):
        """As conntrackd puts those of the other router into the table of a standby."""
        for port in range(40):
            self.lab.router.run(
                "conntrack", "-I", "-p", "tcp", "-s", "10.10.0.2", "-d", "203.0.113.2", "--sport",
                5000 + port, "--dport", 443, "--state", "ESTABLISHED", "-u", "ASSURED,SEEN_REPLY",
                "-t", "300")
        time.sleep(ACTIVE_TIMEOUT + 2)  # passes meet them
        exported, ledger = self.finish()
        self.assertEqual(exported, (0, 0))
        self.assertEqual(ledger["ended_empty"], 40)
        self.assertEqual(ledger["counters_fell"], 0)
        self.assertEqual(ledger["exported"], 0)


if __name__ == "__main__":
    case.main()
