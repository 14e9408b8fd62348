#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces of both directions, by the routes of the router."""

import json
import pathlib
import re
import subprocess
import time

import case
import collectors
import traffic
from lab import (CLIENT4, CLIENT6, LAN4, LAN6, SERVER4, SERVER6, WAN4,
                 WAN6)

THIS_HOST = 0
_TRANSFER4, _PEER4 = "198.51.100.1", "198.51.100.2"  # the second line to the server
_MARKED_PORT = 5001


class Interfaces(case.LabTest):
    def setUp(self):
        self.make_lab()

    def index(self, device):
        return json.loads(self.lab.router.run("ip", "-j", "link", "show", "dev", device))[0]["ifindex"]

    def indices(self, *devices):
        return tuple(device and self.index(device) for device in devices)

    def ip(self, *arguments):
        self.lab.router.run("ip", *arguments)

    def udp(self, port, address=SERVER4, **options):
        return traffic.udp(self.lab.client, self.lab.server, address, port, (100,), (50,), **options)

    def add_second_line(self):
        """Another way to the server, by the device `wan2` of the router."""
        subprocess.run(["ip", "link", "add", "wan2", "netns", "router", "type", "veth",
                        "peer", "name", "eth1", "netns", "server"], check=True)
        self.ip("addr", "add", f"{_TRANSFER4}/24", "dev", "wan2")
        self.ip("link", "set", "wan2", "up")
        self.lab.server.run("ip", "addr", "add", f"{_PEER4}/24", "dev", "eth1")
        self.lab.server.run("ip", "link", "set", "eth1", "up")

    def assert_interfaces(self, result, expected, port=None):
        """`expected`: by the records' source address, all records of it alike."""
        for protocol in (case.IPFIX, case.NETFLOW9):
            with self.subTest(protocol=protocol, port=port):
                records = [record for record in result.records[protocol]
                           if port in (None, record.source_port, record.destination_port)]
                self.assertEqual({record.source: record.interfaces for record in records}, expected)
                self.assertEqual(len({(r.source, r.interfaces) for r in records}), len(expected))

    def test_forwarded(self):
        session = self.start()
        sent = [self.udp(53), self.udp(53, SERVER6),
                traffic.tcp(self.lab.client, self.lab.server, SERVER4, 80)]
        result = session.finish()
        self.check(result, *sent)
        there, back = self.indices("lan", "wan"), self.indices("wan", "lan")
        self.assert_interfaces(result, {CLIENT4: there, CLIENT6: there, SERVER4: back, SERVER6: back})

    def test_translated(self):
        self.lab.rules("source_nat", 'oifname "wan" masquerade')
        self.lab.rules("destination_nat", f"ip daddr {WAN4} udp dport 5353 dnat ip to {CLIENT4}:53")
        session = self.start()
        sent = [self.udp(53), self.udp(53, SERVER6),
                traffic.udp(self.lab.server, self.lab.client, WAN4, 5353, (10,), (20,),
                            listen=(CLIENT4, 53))]
        result = session.finish()
        self.check(result, *sent)
        there, back = self.indices("lan", "wan"), self.indices("wan", "lan")
        self.assert_interfaces(result, {CLIENT4: there, CLIENT6: there, SERVER4: back,
                                        SERVER6: back}, 53)
        # The responder's record is from the address that the initiator asked.
        self.assert_interfaces(result, {SERVER4: back, WAN4: there}, 5353)

    def test_local(self):
        session = self.start()
        router = self.lab.router
        sent = [traffic.udp(router, self.lab.server, SERVER4, 53, (1,), (2,)),
                traffic.udp(self.lab.client, router, LAN4, 54, (1,), (2,)),
                traffic.udp(self.lab.client, router, LAN6, 54, (1,), (2,)),
                traffic.udp(router, router, "127.0.0.1", 55, (1,), (2,)),
                traffic.udp(router, router, LAN4, 56, (1,), (2,), source=(LAN4, 57))]
        result = session.finish()
        self.check(result, *sent)
        lan, wan, itself = self.indices("lan", "wan", "lo")
        self.assert_interfaces(result, {WAN4: (THIS_HOST, wan), SERVER4: (wan, THIS_HOST)}, 53)
        self.assert_interfaces(result, {CLIENT4: (lan, THIS_HOST), LAN4: (THIS_HOST, lan),
                                        CLIENT6: (lan, THIS_HOST), LAN6: (THIS_HOST, lan)}, 54)
        self.assert_interfaces(result, {"127.0.0.1": (THIS_HOST, itself)}, 55)
        self.assert_interfaces(result, {LAN4: (THIS_HOST, itself)}, 56)

    def test_bridge(self):
        self.ip("link", "add", "br-lan", "type", "bridge")
        self.lab.rules("raw_output", "ip protocol igmp notrack")  # the bridge's own
        self.ip("link", "set", "lan", "master", "br-lan")
        self.ip("addr", "del", f"{LAN4}/24", "dev", "lan")
        self.ip("addr", "add", f"{LAN4}/24", "dev", "br-lan")
        self.ip("link", "set", "br-lan", "up")
        session = self.start()
        sent = self.udp(53)
        result = session.finish()
        self.check(result, sent)
        self.assert_interfaces(result, {CLIENT4: self.indices("br-lan", "wan"),
                                        SERVER4: self.indices("wan", "br-lan")})

    def assert_rule_chooses_second_line(self, *rule, others=()):
        """A rule that sends the client's datagrams, but not `others`, over the second line."""
        self.add_second_line()
        self.ip("route", "add", "default", "via", _PEER4, "dev", "wan2", "table", "100")
        self.ip("rule", "add", *rule, "lookup", "100")
        session = self.start()
        sent = [self.udp(_MARKED_PORT)] + [send() for send in others]
        result = session.finish()
        self.check(result, *sent)
        for protocol in (case.IPFIX, case.NETFLOW9):
            chosen = [record.interfaces for record in result.records[protocol]
                      if (record.source, record.destination_port) == (CLIENT4, _MARKED_PORT)]
            self.assertEqual(chosen, [self.indices("lan", "wan2")])
            self.assertEqual({record.interfaces[1] for record in result.records[protocol]
                              if record.destination == SERVER4
                              and record.destination_port != _MARKED_PORT},
                             {self.index("wan")} if others else set())

    def test_rule_by_mark(self):
        self.lab.rules("track", f"udp dport {_MARKED_PORT} meta mark set 0x10 ct mark set 0x10")
        self.assert_rule_chooses_second_line("fwmark", "0x10/0xff", others=[self._udp_after_the_marked_one])

    def _udp_after_the_marked_one(self):
        """Whether rules by mark concern connections is known once one with a mark was reported."""
        self.lab.wait_for_idle()
        return self.udp(53)

    def test_rule_by_source(self):
        router = self.lab.router
        self.assert_rule_chooses_second_line("from", "10.10.0.0/24", others=[
            lambda: traffic.udp(router, self.lab.server, SERVER4, 53, (1,), (2,))])

    def test_rule_by_ingress(self):
        router = self.lab.router
        self.assert_rule_chooses_second_line("iif", "lan", others=[
            lambda: traffic.udp(router, self.lab.server, SERVER4, 53, (1,), (2,))])

    def test_rule_by_port(self):
        self.assert_rule_chooses_second_line("ipproto", "udp", "dport", _MARKED_PORT,
                                             others=[lambda: self.udp(53)])

    def test_rule_that_cannot_be_decided_is_passed_over_and_counted(self):
        self.ip("rule", "add", "tos", "0x10", "blackhole")
        session = self.start()
        sent = self.udp(53)
        result = session.finish()
        self.check(result, sent)
        self.assert_interfaces(result, {CLIENT4: self.indices("lan", "wan"),
                                        SERVER4: self.indices("wan", "lan")})
        self.assertEqual(session.ctflowd.totals("interface_totals")["undecided"], 1)
        self.assertEqual(session.ctflowd.totals("routes_read")["undecidable_rules"], 1)

    def send_and_end(self, port):
        time.sleep(0.7)  # a change that is heard of later may have come after the packets
        sent = self.udp(port)
        self.lab.wait_for_idle()
        return sent

    def test_changes_while_running(self):
        self.add_second_line()
        session = self.start()
        sent = [self.send_and_end(1001)]
        self.ip("route", "add", f"{SERVER4}/32", "via", _PEER4, "dev", "wan2")
        sent.append(self.send_and_end(1002))
        self.ip("route", "del", f"{SERVER4}/32")
        sent.append(self.send_and_end(1003))
        # Multipath through different interfaces: nobody knows. Then by a nexthop object.
        self.ip("route", "add", f"{SERVER4}/32", "nexthop", "dev", "wan", "nexthop", "via", _PEER4,
                "dev", "wan2")
        sent.append(self.send_and_end(1004))
        self.ip("route", "del", f"{SERVER4}/32")
        self.ip("nexthop", "add", "id", "7", "via", _PEER4, "dev", "wan2")
        self.ip("route", "add", f"{SERVER4}/32", "nhid", "7")
        sent.append(self.send_and_end(1005))
        result = session.finish()
        self.check(result, *sent)
        for port, device in ((1001, "wan"), (1002, "wan2"), (1003, "wan"), (1004, 0),
                             (1005, "wan2")):
            self.assert_interfaces(result, {CLIENT4: self.indices("lan", device),
                                            SERVER4: self.indices(device, "lan")}, port)
        self.assertGreater(session.ctflowd.totals("interface_totals")["route_changes"], 4)

    def test_interface_that_comes_and_goes(self):
        session = self.start(interface_names=True)
        sent, found = [], []
        for port in (1001, 1002):
            self.add_second_line()
            self.ip("route", "add", f"{SERVER4}/32", "via", _PEER4, "dev", "wan2")
            sent.append(self.send_and_end(port))
            found.append(self.index("wan2"))
            # Down: the kernel removes the route and does not say so.
            self.ip("link", "set", "wan2", "down")
            sent.append(self.send_and_end(port + 10))
            self.ip("link", "del", "wan2")
        result = session.finish()
        self.check_records(result, sent)
        self.assertNotEqual(*found)
        lan, wan = self.indices("lan", "wan")
        for port, index in zip((1001, 1002), found):
            self.assert_interfaces(result, {CLIENT4: (lan, index), SERVER4: (index, lan)}, port)
            self.assert_interfaces(result, {CLIENT4: (lan, wan), SERVER4: (wan, lan)}, port + 10)
        names = self.names_seen(result)
        for index in found:
            self.assertIn((index, "wan2"), names)

    def check_records(self, result, sent):
        """For sessions with options in their middle, which nfdump takes for gaps."""
        self.assert_kernel_counted(result.connections, sent)
        for protocol in (case.IPFIX, case.NETFLOW9):
            self.assertEqual(len(result.records[protocol]), 2 * len(sent))
            self.assertEqual(result.nfcapd[protocol]["bad"], 0)

    def names_seen(self, result, port=4739):
        lines = collectors.tshark(result.capture, (port,), f"udp.dstport == {port} && cflow.if_name",
                                  "cflow.inputint", "cflow.if_name")
        pairs = set()
        for line in lines:
            numbers, names = (part.split(",") for part in line.split("\t"))
            pairs.update(zip(map(int, numbers), names))
        return pairs

    def test_names(self):
        session = self.start(interface_names=True)
        sent = self.udp(53)
        result = session.finish()
        self.check(result, sent)
        expected = {(self.index(name), name) for name in ("lo", "lan", "wan", "export")}
        for port in (4739, 9995):
            self.assertEqual(self.names_seen(result, port), expected)
        for protocol, nfcapd in session.nfcapd.items():
            with self.subTest(protocol=protocol):
                text = nfcapd.nfdump("-o", "raw")
                self.assertRegex(text, rf"input\s+=\s+{self.index('lan')} lan\b")
                self.assertRegex(text, rf"output\s+=\s+{self.index('wan')} wan\b")

    def test_fallbacks(self):
        self.lab.rules("track", f"udp dport {_MARKED_PORT} ct mark set 5")
        session = self.start(sections={"interfaces": {
            "lookup": "constant", "ingress": 77, "egress": 78,
            "by_mark": "[{mark: 5, ingress: 79}]"}})
        sent = [self.udp(53), self.udp(_MARKED_PORT)]
        result = session.finish()
        self.check(result, *sent)
        self.assert_interfaces(result, {CLIENT4: (77, 78), SERVER4: (78, 77)}, 53)
        self.assert_interfaces(result, {CLIENT4: (79, 78), SERVER4: (78, 79)}, _MARKED_PORT)

    def test_example_of_marks(self):
        """config/examples/interfaces-by-mark: the ruleset writes, the configuration reads."""
        examples = pathlib.Path(__file__).parents[2] / "config" / "examples"
        self.add_second_line()
        self.lab.rules("track", "ct state new ct mark set 0x4500")  # bits of somebody else
        self.lab.router.run("nft", "-f", "-", input=(examples / "interfaces-by-mark.nft").read_text())
        lan, wan, wan2 = self.indices("lan", "wan", "wan2")
        number = {"0": 0, "2": lan, "3": wan, "4": wan2}  # the example's
        entries = [re.sub(r"(ingress|egress): (\d)", lambda found: f"{found[1]}: {number[found[2]]}", entry)
                   for entry in re.findall(r"^ *- (\{mark: .*\})$", (examples / "interfaces-by-mark.yaml").read_text(), re.M)]
        self.assertEqual(len(entries), 6)
        session = self.start(sections={"interfaces": {"lookup": "constant", "by_mark": f"[{', '.join(entries)}]"}})
        router = self.lab.router
        sent = [self.udp(53), self.udp(53, SERVER6),
                traffic.udp(self.lab.server, self.lab.client, CLIENT4, 54, (10,), (20,)),
                self.udp(55, _PEER4),
                traffic.udp(self.lab.client, router, LAN4, 56, (1,), (2,)),
                traffic.udp(router, self.lab.server, SERVER4, 57, (1,), (2,))]
        marks = set(re.findall(r"mark=(\d+)", router.run("conntrack", "-L", "-p", "udp")))
        self.assertEqual(marks, {str(mark) for mark in (0x4501, 0x4502, 0x4503, 0x4505, 6)})
        result = session.finish()
        self.check(result, *sent)
        self.assert_interfaces(result, {CLIENT4: (lan, wan), CLIENT6: (lan, wan), SERVER4: (wan, lan),
                                        SERVER6: (wan, lan)}, 53)
        self.assert_interfaces(result, {SERVER4: (wan, lan), CLIENT4: (lan, wan)}, 54)
        self.assert_interfaces(result, {CLIENT4: (lan, wan2), _PEER4: (wan2, lan)}, 55)
        self.assert_interfaces(result, {CLIENT4: (lan, THIS_HOST), LAN4: (THIS_HOST, lan)}, 56)
        self.assert_interfaces(result, {WAN4: (THIS_HOST, wan), SERVER4: (wan, THIS_HOST)}, 57)

    def make_vrf(self):
        """Both sides of the router in the VRF `red`, or skips."""
        made = subprocess.run(self.lab.router.command("ip", "link", "add", "red", "type", "vrf",
                                                      "table", "10"), check=False,
                              stderr=subprocess.PIPE, text=True)
        if made.returncode != 0:
            self.skipTest(f"this kernel has no VRFs: {made.stderr.strip()}")
        self.ip("link", "set", "red", "up")
        for device in ("lan", "wan"):
            self.ip("link", "set", device, "master", "red")
        for device, address in (("lan", LAN6), ("wan", WAN6)):  # which that removed
            self.ip("addr", "add", f"{address}/64", "dev", device)

    def test_vrf(self):
        self.make_vrf()
        session = self.start()
        sent = [self.udp(53), self.udp(53, SERVER6)]
        result = session.finish()
        self.check_records(result, sent)
        there, back = self.indices("lan", "wan"), self.indices("wan", "lan")
        self.assert_interfaces(result, {CLIENT4: there, CLIENT6: there, SERVER4: back,
                                        SERVER6: back})

    def test_vrf_by_zone(self):
        self.make_vrf()
        self.lab.rules("raw_prerouting", 'iifname { "lan", "wan" } ct zone set 9')
        # The same network without VRF: only the zone tells that it is not meant.
        self.ip("link", "add", "other", "type", "dummy")
        self.ip("link", "set", "other", "up")
        for network in ("10.10.0.0/24", "203.0.113.0/24"):
            self.ip("route", "add", network, "dev", "other")
        session = self.start(sections={"interfaces": {"by_zone": "[{zone: 9, vrf: red}]"}},
                             zones=True)
        sent = [self.udp(53)]
        result = session.finish()
        self.check_records(result, sent)
        self.assert_interfaces(result, {CLIENT4: self.indices("lan", "wan"),
                                        SERVER4: self.indices("wan", "lan")})


if __name__ == "__main__":
    case.main()
