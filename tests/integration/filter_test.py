#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""source.filter and source.own_traffic: what is exported, and where the rest is left out."""

import contextlib
import socket
import time

import case
import traffic
from lab import COLLECTOR, IDLE_TIMEOUT, ROUTER, SERVER4, SERVER6


class Filter(case.LabTest):
    def send(self):
        """Two connections of UDP, one with a mark, and one of TCP."""
        path = self.lab.client, self.lab.server
        traffic.udp(*path, SERVER4, 5001, (100,), (50,))
        traffic.udp(*path, SERVER6, 5002, (100,), (50,))
        traffic.tcp(*path, SERVER4, 80, 1000, 2000)

    def export(self, setting, idle=True, **source):
        """Destination ports of what the initiators sent, and the totals."""
        self.make_lab().rules("track", "udp dport 5001 ct mark set 7")
        session = self.start(sections={"source": {"filter": setting, **source}})
        self.send()
        result = session.finish(idle)
        self.assertNotIn("failed", session.ctflowd.log)
        ports = [{record.destination_port for record in result.records[protocol]
                  if record.destination_port in (5001, 5002, 80)}
                 for protocol in (case.IPFIX, case.NETFLOW9)]
        self.assertEqual(ports[0], ports[1])
        totals = result.totals
        self.assertEqual(totals["ended"] + totals["entries"],
                         totals["exported"] + totals["filtered"] + totals["entries_skipped"]
                         + totals["already_reported"])
        return ports[0], totals

    def test_the_kernel_keeps_what_is_not_included(self):
        ports, totals = self.export("{include: [{protocols: [udp]}]}")
        self.assertEqual(ports, {5001, 5002})
        self.assertEqual(totals["ended"], 2, "the end of the TCP connection was not sent")

    def test_the_kernel_keeps_what_is_excluded(self):
        ports, totals = self.export(f"{{exclude: [{{marks: [7]}}, {{networks: ['{SERVER6}']}}]}}")
        self.assertEqual(ports, {80})
        self.assertEqual(totals["ended"], 1)

    def test_the_rest_is_filtered_after_decoding(self):
        ports, totals = self.export(f"{{include: [{{networks: [{SERVER4}]}}], "
                                    "exclude: [{protocols: [udp], marks: [7/15]}]}")
        self.assertEqual(ports, {80})
        self.assertEqual(totals["ended"], 3)
        self.assertEqual(totals["exported"], 1)
        self.assertGreaterEqual(totals["filtered"], 2)

    def test_entries_of_the_table_are_filtered_after_decoding(self):
        ports, totals = self.export(f"{{include: [{{destinations: ['{SERVER6}']}}]}}", idle=False,
                                    report_at_stop=True)
        self.assertEqual(ports, {5002})
        self.assertGreaterEqual(totals["filtered"], 2)
        self.assertGreater(totals["entries"], 0)

    def test_a_mark_that_comes_back_is_not_exported_again(self):
        """Its connection had an interim report, and is then left out for longer than two scans."""
        lab = self.make_lab()
        lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 120)
        for name, setting in (("include", "{include: [{marks: [1]}]}"), ("exclude", "{exclude: [{marks: [2]}]}")):
            with self.subTest(name):
                session = self.start(sections={"source": {"filter": setting, "active_timeout": "5s"}})
                one = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.addCleanup(one.close)
                for mark, packets, seconds in ((1, 50, 6), (2, 10, 9), (1, 5, 6)):
                    lab.rules("track", f"udp dport 5001 ct mark set {mark}")
                    for _ in range(packets):
                        with contextlib.suppress(ConnectionRefusedError):
                            one.sendto(bytes(100), (SERVER4, 5001))
                    time.sleep(seconds)
                lab.router.run("conntrack", "-F")
                result = session.finish(idle=False)
                for protocol, records in result.records.items():
                    self.assertEqual(case.sums(records), (65, 65 * 128), protocol)
                self.assertGreater(result.totals["filtered"], 0)
                self.assertEqual(result.totals["reconciled"], 0)

    def test_another_filter_for_a_while_exports_nothing_again(self):
        """A connection of IPv6 has an interim report; the next ctflowd exports only IPv4, for longer than two
        scans, and the one after it both again."""
        lab = self.make_lab()
        lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 120)
        one = lab.client.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.addCleanup(one.close)
        exported = []
        for number, setting in enumerate(("{}", "{include: [{networks: [0.0.0.0/0]}]}", "{}")):
            session = self.start(sections={"source": {
                "filter": setting, "active_timeout": "5s", "state_file": f"{self.directory}/state"}})
            if number == 0:
                for _ in range(20):
                    with contextlib.suppress(ConnectionRefusedError):
                        one.sendto(bytes(100), (SERVER6, 5002))
            time.sleep(9)
            if number == 2:
                lab.router.run("conntrack", "-F")
            exported.append(session.finish(idle=False))
        for protocol in exported[0].records:
            counted = [case.sums([record for record in result.records[protocol]
                                  if record.destination_port == 5002]) for result in exported]
            self.assertEqual(counted, [(20, 20 * 148), (0, 0), (0, 0)], protocol)
        self.assertEqual([result.totals["reconciled"] for result in exported], [0, 0, 0])


class OwnTraffic(case.LabTest):
    """The path to the collectors is tracked here."""

    def export(self, **source):
        self.make_lab()
        for chain in ("raw_output", "raw_prerouting"):
            self.lab.router.run("nft", "flush", "chain", "inet", "lab", chain)
        session = self.start(sections={"source": source} if source else None)
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 5001, (100,), (50,))
        # Of another program of this host, to another port of the collector's host.
        traffic.udp(self.lab.router, self.lab.collector, COLLECTOR, 53, (10,), (20,))
        # Long enough for messages about messages. Reading the table removes what has expired.
        for _ in range(3):
            time.sleep(IDLE_TIMEOUT + 0.5)
            self.lab.router.run("conntrack", "-L")
        result = session.finish(idle=False)
        return {record.destination_port for record in result.records[case.IPFIX]
                if record.source == ROUTER and record.destination == COLLECTOR}, result.totals

    def test_left_out_by_default(self):
        ports, totals = self.export()
        self.assertEqual(ports, {53})
        self.assertEqual(totals["exported"], 2)
        self.assertGreater(totals["filtered"], 0)

    def test_exported_if_asked(self):
        ports, totals = self.export(own_traffic="include")
        self.assertIn(4739, ports)
        self.assertEqual(totals["filtered"], 0)


if __name__ == "__main__":
    case.main()
