#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Collectors that share the flows: failover and balance with real collectors that die and return."""

import case
import collectors
import ctflowd
import traffic
from lab import SERVER4, wait_until

FIRST, SECOND = 4739, 4740


class Groups(case.LabTest):
    def start_group(self, mode, **group):
        self.make_lab()
        self.nfcapds = {port: self.nfcapd(port) for port in (FIRST, SECOND)}
        # Templates with each message: a collector that returns reads the very first.
        settings = {"template_messages": 1, "sampling_options": False,
                    "statistics_options": False}
        text = ctflowd.configuration(
            [ctflowd.Collector(name, port, "ipfix", settings=settings)
             for name, port in (("first", FIRST), ("second", SECOND))])
        members = ", ".join(f"{key}: {value}" for key, value in group.items())
        text += f"groups: [{{name: pair, mode: {mode}, collectors: [first, second], {members}}}]\n"
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                       config=text).wait_for("started")
        self.addCleanup(self.program.kill)

    def nfcapd(self, port):
        nfcapd = collectors.Nfcapd(self.lab.collector, port, self.directory)
        self.addCleanup(nfcapd.kill)
        return nfcapd

    def talk(self, port, count=1):
        """Connections that ended; what was sent."""
        sent = [traffic.udp(self.lab.client, self.lab.server, SERVER4, port + i, (100,), (200,))
                for i in range(count)]
        self.lab.router.run("conntrack", "-D", "-p", "udp")
        return sum(sum(one.packets) for one in sent), sum(sum(one.octets) for one in sent)

    def switches(self):
        return self.program.log.count("collector_switched")

    def test_failover_and_back(self):
        self.start_group("failover", failback_after="3s")
        before = self.talk(100)
        wait_until(lambda: self.arrived() > 2, "templates and the first flow to arrive")
        self.nfcapds[FIRST].stop()
        self.nfcapds[FIRST].wait()
        died = self.nfcapds[FIRST]
        port = 200
        while not self.switches():
            self.talk(port)  # goes to the first until its host has refused twice
            port += 1
        during = self.talk(2000, 20)
        self.nfcapds[FIRST] = self.nfcapd(FIRST)
        port = 300
        while self.switches() < 2:
            self.talk(port)
            port += 1
        after = self.talk(3000, 20)
        self.program.stop()
        for nfcapd in self.nfcapds.values():
            nfcapd.stop()
        self.assertEqual(case.sums(died.records()), before)
        second = self.nfcapds[SECOND].records()
        self.assertEqual(case.sums([r for r in second if self.of(r, 2000, 20)]), during)
        returned = self.nfcapds[FIRST].records()
        self.assertEqual(case.sums([r for r in returned if self.of(r, 3000, 20)]), after)
        # Whatever is in neither went to the first between its death and its second refusal.
        totals = self.program.collector_totals()
        self.assertEqual(totals["second"]["flows"] * 2, len(second))
        self.assertEqual(totals["first"]["offered"] + totals["second"]["offered"],
                         self.program.totals()["exported"])
        for nfcapd in self.nfcapds.values():
            self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})

    @staticmethod
    def of(record, port, count):
        return (port <= record.destination_port < port + count
                or port <= record.source_port < port + count)

    def arrived(self):
        """Datagrams that sockets of the collectors' host have got."""
        lines = [line.split() for line in
                 self.lab.collector.read("/proc/net/snmp").splitlines() if line.startswith("Udp:")]
        return int(dict(zip(*lines))["InDatagrams"])

    def test_balance_keeps_connections_together(self):
        self.start_group("balance")
        sent = self.talk(1000, 100)
        self.program.stop()
        shares = {}
        for port, nfcapd in self.nfcapds.items():
            nfcapd.stop()
            shares[port] = nfcapd.records()
            self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(case.sums(shares[FIRST] + shares[SECOND]), sent)
        for records in shares.values():
            self.assertGreater(len(records), 40)  # 100 of 200 on the average
            there = {(r.source_port, r.destination_port) for r in records}
            self.assertEqual(there, {(there, here) for here, there in there})


if __name__ == "__main__":
    case.main()
