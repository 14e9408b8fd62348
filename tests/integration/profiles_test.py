#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles and lists of elements: what nfdump and tshark read of each."""

import json
import time

import case
import collectors
import ctflowd
import kernel
import traffic
from lab import CLIENT4, LAN4, SERVER4, SERVER6, WAN4

FIRST_PORT = 4800


class Exports:
    """ctflowd with a collector of each kind, every one an nfcapd of its own."""

    def __init__(self, lab, directory, sections, kinds):
        """`kinds`: name -> (protocol, settings of the collector)."""
        self.lab = lab
        self.ports = {name: FIRST_PORT + i for i, name in enumerate(kinds)}
        self.capture = collectors.Capture(lab.collector, directory)
        self.nfcapd = {name: collectors.Nfcapd(lab.collector, port, directory)
                       for name, port in self.ports.items()}
        self.kernel = kernel.Listener(lab.router, directory)
        configuration = ctflowd.configuration(
            [ctflowd.Collector(name, self.ports[name], protocol, settings=settings)
             for name, (protocol, settings) in kinds.items()], **sections)
        self.ctflowd = ctflowd.Ctflowd(case.program, lab.router, directory, "run",
                                       config=configuration).wait_for("started")

    def finish(self):
        self.lab.wait_for_idle()
        self.ctflowd.stop()
        for one in (*self.nfcapd.values(), self.capture):
            one.stop()
        self.connections = self.kernel.stop()
        self.complaints = {name: one.complaints() for name, one in self.nfcapd.items()}
        return self

    def kill(self):
        self.ctflowd.kill()
        self.kernel.kill()
        for one in self.nfcapd.values():
            one.kill()

    def entries(self, name):
        """What nfdump read, as it prints JSON."""
        text = self.nfcapd[name].nfdump("-o", "json")
        return json.loads(f"[{text}]") if text.startswith("{") else []

    def fields(self, name, *fields):
        """What tshark reads in the messages to one collector, a list per field of all records."""
        lines = collectors.tshark(self.capture.path, self.ports.values(),
                                  f"udp.dstport == {self.ports[name]} && cflow.flowset_id >= 256",
                                  *fields)
        table = [[], *([] for _ in fields[1:])]
        for line in lines:
            for column, text in zip(table, line.split("\t")):
                column += [value for value in text.split(",") if value]
        return table


class Profiles(case.LabTest):
    def start_exports(self, sections=None, **kinds):
        exports = Exports(self.lab, self.directory, sections or {}, kinds)
        self.addCleanup(exports.kill)
        return exports

    def talk(self):
        """UDP, TCP and ICMP through source NAT, and IPv6 without."""
        return [traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100, 50), (300,),
                            source=(CLIENT4, 5353)),
                traffic.tcp(self.lab.client, self.lab.server, SERVER4, 80),
                traffic.echo(self.lab.client, SERVER4),
                traffic.udp(self.lab.client, self.lab.server, SERVER6, 53, (200,))]

    def translate(self):
        self.lab.rules("source_nat", f'oifname "wan" ip saddr {CLIENT4} masquerade')

    def assert_well_formed(self, exports):
        self.assertEqual(collectors.tshark_complaints(exports.capture.path,
                                                      exports.ports.values()), [])
        for name, complaints in exports.complaints.items():
            with self.subTest(collector=name):
                self.assertEqual(complaints, {"sequence": 0, "bad": 0})

    def test_flow_profiles(self):
        self.make_lab()
        self.translate()
        kinds = {f"{profile}-{protocol}": (protocol, {"profile": profile})
                 for profile in ("default", "nfdump", "akvorado", "minimal")
                 for protocol in (case.IPFIX, case.NETFLOW9)}
        exports = self.start_exports(
            {"interfaces": {"lookup": "constant"}},  # so that none is known
            **kinds, hops=(case.IPFIX, {"next_hop": True}),
            elements=(case.IPFIX, {"elements": "[sourceIPv4Address, destinationIPv4Address, "
                                   "sourceIPv6Address, destinationIPv6Address, octetDeltaCount, "
                                   "packetDeltaCount, protocolIdentifier, sourceTransportPort, "
                                   "destinationTransportPort, flowStartMilliseconds, "
                                   "flowEndMilliseconds]"}))
        self.talk()
        exports.finish()
        self.assert_well_formed(exports)
        self.assertEqual(len(exports.connections), 4)
        expected = sorted(part for connection in exports.connections
                          for part in sides(connection))
        for name in exports.ports:
            with self.subTest(collector=name):
                icmp_ports = (0, 0)
                got = sorted((e["proto"], e.get("src4_addr", e.get("src6_addr")),
                              e.get("dst4_addr", e.get("dst6_addr")),
                              *(icmp_ports if e["proto"] == 1 else (e["src_port"], e["dst_port"])),
                              e["in_packets"], e["in_bytes"]) for e in exports.entries(name))
                self.assertEqual(got, expected)
                for entry in exports.entries(name):
                    if name.startswith("akvorado"):
                        self.assertEqual((entry["input_snmp"], entry["output_snmp"]),
                                         (2 ** 31 - 1, 2 ** 31 - 1))

    def test_biflow(self):
        self.make_lab()
        self.translate()
        exports = self.start_exports(biflow=(case.IPFIX, {"profile": "biflow"}))
        self.talk()
        exports.finish()
        self.assert_well_formed(exports)
        expected = sorted((c.protocol, c.original.source, c.original.packets, c.original.octets,
                           c.reply.packets, c.reply.octets) for c in exports.connections)
        got = sorted((e["proto"], e.get("src4_addr", e.get("src6_addr")), e["in_packets"],
                      e["in_bytes"], e["out_packets"], e["out_bytes"])
                     for e in exports.entries("biflow"))
        self.assertEqual(got, expected)
        self.assertEqual(len(got), 4)

    def test_nat_events(self):
        self.make_lab()
        self.translate()
        self.lab.rules("destination_nat", f"ip daddr {LAN4} udp dport 7000 dnat to {SERVER4}:53")
        exports = self.start_exports(
            ipfix=(case.IPFIX, {"profile": "nat-events"}),
            netflow9=(case.NETFLOW9, {"profile": "nat-events"}),
            flows=(case.IPFIX, {}))
        began = time.time()
        self.talk()
        traffic.udp(self.lab.client, self.lab.server, LAN4, 7000, (10,), (10,),
                    listen=(SERVER4, 53), source=(CLIENT4, 7001))
        exports.finish()
        self.assert_well_formed(exports)
        translated = [c for c in exports.connections if c.translated]
        self.assertEqual(len(translated), 4)  # all but IPv6
        for name in ("ipfix", "netflow9"):
            with self.subTest(collector=name):
                events, sources, post_sources = exports.fields(
                    name, "cflow.nat_event", "cflow.srcaddr", "cflow.post_natsource_ipv4_address")
                self.assertEqual(sorted(events), ["4"] * 4 + ["5"] * 4)
                self.assertEqual(set(sources), {CLIENT4})
                self.assertEqual(len(sources), 8)
                self.assertEqual(set(post_sources), {WAN4})
                entries = exports.entries(name)
                self.assertEqual(len(entries), 8)
                for entry in entries:
                    self.assertEqual(entry["src4_addr"], CLIENT4)
                    self.assertEqual(entry["src4_xlt_ip"], WAN4)
                    self.assertGreater(collectors.unix_time(entry["first"]), began - 0.1)
                    self.assertLess(collectors.unix_time(entry["last"]), time.time())
                seen = {(e["proto"], e["src_port"], int(e["src_xlt_port"])) for e in entries
                        if e["proto"] != 1}
                self.assertEqual(seen, {(c.protocol, c.original.source_port,
                                         c.reply.destination_port)
                                        for c in translated if c.protocol != 1})
        ledger = exports.ctflowd.collector_totals()
        self.assertEqual(ledger["ipfix"]["offered"], 8)
        self.assertEqual(ledger["flows"]["offered"], 5)
        self.assertEqual(exports.ctflowd.totals()["created"], 5)

    def test_nat_events_of_connections_that_are_not_counted(self):
        self.make_lab(accounting=False)
        self.translate()
        exports = self.start_exports(ipfix=(case.IPFIX, {"profile": "nat-events"}))
        self.talk()
        exports.finish()
        self.assert_well_formed(exports)
        self.assertEqual(len(exports.entries("ipfix")), 6)
        self.assertEqual(exports.ctflowd.totals()["lost_no_counters"], 4)


def sides(connection):
    """What the records of both directions say, by nfdump."""
    there, back = connection.original, connection.reply
    ports = (there.source_port, there.destination_port)
    if connection.protocol == 1:
        ports = (0, 0)
    yield (connection.protocol, there.source, there.destination, *ports, there.packets,
           there.octets)
    if back.packets:
        yield (connection.protocol, there.destination, there.source, *ports[::-1], back.packets,
               back.octets)


if __name__ == "__main__":
    case.main()
