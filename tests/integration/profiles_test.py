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
        self.ports = {name: settings.pop("port", FIRST_PORT + i)
                      for i, (name, (_, settings)) in enumerate(kinds.items())}
        self.capture = collectors.Capture(lab.collector, directory)
        self.nfcapd = {}
        for name, port in self.ports.items():
            if list(self.ports.values()).index(port) == list(self.ports).index(name):
                self.nfcapd[name] = collectors.Nfcapd(lab.collector, port, directory)
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
                                         (1, 1))  # lo

    def test_duration(self):
        """flowDurationMilliseconds, as for Filebeat, agrees with start and end in nfdump."""
        self.make_lab()
        names = ("[sourceIPv4Address, destinationIPv4Address, sourceIPv6Address, "
                 "destinationIPv6Address, octetDeltaCount, packetDeltaCount, protocolIdentifier, "
                 "sourceTransportPort, destinationTransportPort, flowStartMilliseconds, {}]")
        exports = self.start_exports(
            end=(case.IPFIX, {"elements": names.format("flowEndMilliseconds")}),
            duration=(case.IPFIX, {"elements": names.format("flowDurationMilliseconds")}),
            both=(case.IPFIX, {"elements": names.format("flowEndMilliseconds, "
                                                        "flowDurationMilliseconds")}),
            netflow9=(case.NETFLOW9, {"elements": names.format("flowDurationMilliseconds")}))
        self.talk()
        for _ in range(2):
            traffic.udp(self.lab.client, self.lab.server, SERVER4, 54, (100,),
                        source=(CLIENT4, 5454))
            time.sleep(0.3)
        exports.finish()
        self.assert_well_formed(exports)

        def times(name):
            return sorted((e["proto"], e["in_bytes"], e["first"], e["last"])
                          for e in exports.entries(name))
        self.assertGreaterEqual(len(times("end")), 8)
        self.assertEqual(times("both"), times("end"))
        # nfdump 1.7.1 takes a duration of 0 for none.
        lasting = [entry for entry in times("end") if entry[2] != entry[3]]
        self.assertTrue(lasting)
        for entry in lasting:
            self.assertIn(entry, times("duration"))

    def test_flows_and_nat_events_to_one_port_by_ipfix(self):
        self.share_a_port(case.IPFIX, "cflow.od_id")

    def test_flows_and_nat_events_to_one_port_by_netflow9(self):
        self.share_a_port(case.NETFLOW9, "cflow.source_id")

    def share_a_port(self, protocol, domain):
        """Two entries with one destination are two Observation Domains with a sequence each."""
        self.make_lab()
        self.translate()
        exports = self.start_exports(
            flows=(protocol, {"profile": "nfdump"}),
            **{"nat-events": (protocol, {"profile": "nat-events", "port": FIRST_PORT})})
        for port in range(1000, 1012):
            traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (40,), (120,))
            time.sleep(0.13)  # a message each
        exports.finish()
        self.assertEqual(exports.complaints["flows"], {"sequence": 0, "bad": 0})
        self.assertEqual(collectors.tshark_complaints(exports.capture.path, [FIRST_PORT]), [])
        totals = exports.ctflowd.collector_totals()
        self.assertEqual(totals["flows"]["flows"], 12)
        self.assertEqual(totals["nat-events"]["records"], 24)
        self.assertEqual(len(exports.entries("flows")), 2 * 12 + 24)
        lines = collectors.tshark(exports.capture.path, [FIRST_PORT],
                                  f"udp.dstport == {FIRST_PORT} && cflow", domain)
        self.assertEqual(len({number for line in lines for number in line.split(",")}), 2)
        self.assertNotIn("collector_twice", exports.ctflowd.log)

    def test_a_name_and_its_address_are_one_collector(self):
        """Which the configuration does not show: two sequences in one Observation Domain."""
        self.make_lab()
        entries = [ctflowd.Collector("address", 4739, "ipfix", address="127.0.0.1"),
                   ctflowd.Collector("name", 4739, "ipfix", address="localhost",
                                     settings={"source_address": "127.0.0.1"})]
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration(entries))
        self.addCleanup(program.kill)
        program.wait_for("observation_domain_shared")
        self.assertIn("collectors=address,name", program.log)
        program.stop()

    def test_options_come_again(self):
        """A collector that was restarted has the sampling rate after as many messages as the
        templates; nfdump, which would take that for a loss, gets it once over IPFIX."""
        self.make_lab()
        again = {"template_messages": 4, "profile": "default"}
        exports = self.start_exports(
            ipfix=(case.IPFIX, again), netflow9=(case.NETFLOW9, again),
            nfdump=(case.IPFIX, {**again, "profile": "nfdump"}))
        for port in range(1000, 1012):
            traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (40,), (120,))
            time.sleep(0.13)  # a message each
        exports.finish()
        self.assertEqual(collectors.tshark_complaints(exports.capture.path,
                                                      exports.ports.values()), [])

        def frames(name, what):
            return collectors.tshark(exports.capture.path, exports.ports.values(),
                                     f"udp.dstport == {exports.ports[name]} && {what}",
                                     "frame.number")
        for name in ("ipfix", "netflow9"):
            with self.subTest(collector=name):
                rates = frames(name, "cflow.sampling_interval == 1 && cflow.flowset_id == 290")
                self.assertGreaterEqual(len(rates), 3)
                flows = "cflow.flowset_id >= 1280"
                self.assertGreaterEqual(len(frames(name, flows)), 8)
                self.assertEqual(frames(name, f"{flows} && cflow.flowset_id == 290"), [])
        self.assertEqual(exports.complaints["netflow9"], {"sequence": 0, "bad": 0})
        self.assertEqual(exports.complaints["nfdump"], {"sequence": 0, "bad": 0})
        self.assertEqual(len(frames("nfdump", "cflow.flowset_id == 290")), 1)

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
