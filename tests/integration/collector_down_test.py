#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A collector that does not listen is no reason to end, and is served once it does."""

import case
import collectors
import ctflowd
import traffic
from lab import SERVER4, SERVER6, wait_until


class CollectorDown(case.LabTest):
    def test_refused_then_served_by_ipfix(self):
        self.refused_then_served(case.IPFIX)

    def test_refused_then_served_by_netflow9(self):
        self.refused_then_served(case.NETFLOW9)

    def refused_then_served(self, protocol):
        self.make_lab()
        # Templates with each message, and no options: nfdump takes those for a gap of the sequence.
        collector = ctflowd.Collector("late", 4739, protocol, settings={
            "template_messages": 1, "sampling_options": False, "statistics_options": False})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration([collector])).wait_for("started")
        self.addCleanup(program.kill)
        path = self.lab.client, self.lab.server
        for _ in range(3):  # the first refusal is told to a later send
            traffic.udp(*path, SERVER4, 53, (100,))
            self.lab.wait_for_idle()
        wait_until(lambda: self.refused() >= 2, "the collector's host to refuse messages")
        self.assertIsNone(program.process.poll(), program.log)

        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(nfcapd.kill)
        sent = traffic.udp(*path, SERVER6, 53, (100,), (200,))
        self.lab.wait_for_idle()
        program.stop()
        self.assertGreaterEqual(program.collector_totals()["late"]["refusals"], 1)
        nfcapd.stop()
        records = [record for record in nfcapd.records() if ":" in record.source]
        self.assertEqual(case.sums(records), (sum(sent.packets), sum(sent.octets)))
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})

    def refused(self):
        lines = [line.split() for line in self.lab.collector.read("/proc/net/snmp").splitlines()
                 if line.startswith("Udp:")]
        return int(dict(zip(*lines))["NoPorts"])


if __name__ == "__main__":
    case.main()
