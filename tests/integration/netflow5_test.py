#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NetFlow v5 as nfcapd and tshark read it."""

import json
import subprocess
import time

import case
import collectors
import ctflowd
import traffic
from lab import SERVER4, SERVER6

PORT = 9995


class Netflow5(case.LabTest):
    def export(self, **settings):
        self.make_lab()
        self.capture = collectors.Capture(self.lab.collector, self.directory)
        nfcapd = collectors.Nfcapd(self.lab.collector, PORT, self.directory)
        self.addCleanup(nfcapd.kill)
        self.program = ctflowd.Ctflowd(
            case.program, self.lab.router, self.directory, "run",
            config=ctflowd.configuration([ctflowd.Collector("old", PORT, "netflow5",
                                                            settings=settings)]))
        self.addCleanup(self.program.kill)
        self.program.wait_for("started")
        return nfcapd

    def test_a_refusal_is_known_without_another_message(self):
        self.make_lab()
        socket = f"{self.directory}/status.sock"
        program = ctflowd.Ctflowd(
            case.program, self.lab.router, self.directory, "run",
            config=ctflowd.configuration([ctflowd.Collector("old", PORT, "netflow5")],
                                         status={"socket": socket}))
        self.addCleanup(program.kill)
        program.wait_for("started")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (50,))
        self.lab.wait_for_idle()
        program.wait_for("collector_refused")
        answer = subprocess.run([case.program, "status", "--socket", socket, "--json"], check=False,
                                stdout=subprocess.PIPE)
        status = json.loads(answer.stdout)
        collector = status["namespaces"][0]["collectors"][0]
        self.assertEqual((collector["counters"]["messages"], collector["refusals"]), (1, 1))
        self.assertIn("collector_refused", [one["name"] for one in status["problems"]])

    def finish(self, nfcapd):
        self.lab.wait_for_idle()
        self.program.stop()
        nfcapd.stop()
        self.capture.stop()
        return nfcapd.records()

    def test_what_was_sent_is_what_collectors_read(self):
        nfcapd = self.export()
        began = time.time()
        path = self.lab.client, self.lab.server
        sent = [traffic.udp(*path, SERVER4, port, (100, 200), (50,)) for port in range(5000, 5040)]
        ipv6 = traffic.udp(*path, SERVER6, 5001, (100,), (50,))
        traffic.tcp(*path, SERVER4, 80, 1000, 2000)
        records = self.finish(nfcapd)
        udp = [record for record in records if record.protocol == 17]
        self.assertEqual(case.sums(udp), (sum(sum(one.packets) for one in sent),
                                          sum(sum(one.octets) for one in sent)))
        self.assertEqual({record.destination_port for record in udp
                          if record.destination == SERVER4}, set(range(5000, 5040)))
        self.assertEqual(len([record for record in records if record.protocol == 6]), 2)
        for record in records:
            self.assertLessEqual(record.first, record.last)
            self.assertLess(abs(record.first - began), 60)
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        ledger = self.program.collector_totals()["old"]
        self.assertEqual((ledger["packets"], ledger["octets"]), case.sums(records))
        self.assertEqual(ledger["unrepresentable"], 1)
        self.assertEqual((ledger["unrepresentable_packets"], ledger["unrepresentable_octets"]),
                         (sum(ipv6.packets), sum(ipv6.octets)))
        self.assertEqual(ledger["offered"], ledger["flows"] + ledger["unrepresentable"])
        self.assertEqual((ledger["templates"], ledger["option_records"]), (0, 0))
        self.assertEqual(collectors.tshark_complaints(self.capture.path, (PORT,)), [])
        read = collectors.tshark(self.capture.path, (PORT,), "cflow.version == 5", "cflow.count",
                                 "cflow.sequence")
        counts, sequences = zip(*([int(number) for number in line.split("\t")] for line in read))
        self.assertEqual(sum(counts), len(records))
        self.assertLessEqual(max(counts), 30)
        self.assertEqual(list(sequences), [sum(counts[:i]) for i in range(len(counts))])


if __name__ == "__main__":
    case.main()
