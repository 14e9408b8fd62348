#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces of connections whose routes changed meanwhile, or do not show them alone."""

import glob
import ipaddress
import json
import os
import socket
import subprocess
import time

import case
import ctflowd
import ipfix
import lab
import traffic
from lab import CLIENT4, LAN4, SERVER4, WAN4

_TRANSFER4, _PEER4 = "198.51.100.1", "198.51.100.2"  # the second line to the server
_TRANSFER6, _PEER6 = "2001:db8:3::1", "2001:db8:3::2"
_FAR4, _FAR6 = "8.8.4.4", "2001:db8:8::8"  # a host that both lines lead to
_UNKNOWN = 0
_LONG = 60  # seconds that a connection may outlive what happens to its routes

# Information elements.
_SOURCE4, _DESTINATION4, _SOURCE6, _DESTINATION6 = 8, 12, 27, 28
_DESTINATION_PORT, _INGRESS, _EGRESS = 11, 10, 14
_NEXT_HOP4, _NEXT_HOP6, _TRANSLATED4 = 15, 62, 225


class TwoLines(case.LabTest):
    """A router with two lines to the same host, `wan` and `wan2`. ctflowd writes files."""

    def setUp(self):
        self.make_lab()
        server = self.lab.server
        subprocess.run(["ip", "link", "add", "wan2", "netns", "router", "type", "veth",
                        "peer", "name", "eth1", "netns", "server"], check=True)
        for namespace, device in ((self.lab.router, "wan2"), (server, "eth1")):
            namespace.set(f"net/ipv6/conf/{device}/accept_dad", 0)
            namespace.set(f"net/ipv6/conf/{device}/router_solicitations", 0)
        self.ip("addr", "add", f"{_TRANSFER4}/24", "dev", "wan2")
        self.ip("addr", "add", f"{_TRANSFER6}/64", "dev", "wan2")
        self.ip("link", "set", "wan2", "up")
        for address in (f"{_PEER4}/24", f"{_PEER6}/64"):
            server.run("ip", "addr", "add", address, "dev", "eth1")
        server.run("ip", "link", "set", "eth1", "up")
        for address in (f"{_FAR4}/32", f"{_FAR6}/128"):
            server.run("ip", "addr", "add", address, "dev", "lo")
        for namespace, devices in ((self.lab.router, ("all", "default", "lan", "wan", "wan2")),
                                   (server, ("all", "default", "eth0", "eth1"))):
            for device in devices:
                namespace.set(f"net/ipv4/conf/{device}/rp_filter", 0)
        self.devices = {device: self.index(device) for device in ("lan", "wan", "wan2")}
        for timeout in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{timeout}", _LONG)

    def ip(self, *arguments):
        self.lab.router.run("ip", *arguments)

    def index(self, device):
        shown = self.lab.router.run("ip", "-j", "link", "show", "dev", device)
        return json.loads(shown)[0]["ifindex"]

    def default_routes(self, first=10, second=20):
        self.ip("route", "add", "default", "via", SERVER4, "metric", first)
        self.ip("route", "add", "default", "via", _PEER4, "metric", second)

    def masquerade(self):
        self.lab.rules("source_nat", 'oifname { "wan", "wan2" } masquerade')

    def start_ctflowd(self, **sections):
        self.files = f"{self.directory}/files"
        os.mkdir(self.files)
        collector = ctflowd.Collector("files", 4739, "ipfix", settings={
            "transport": "file", "next_hop": True,
            "file": {"directory": self.files, "interval": "1h"}})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration([collector], **sections))
        self.addCleanup(program.kill)
        return program.wait_for("routes_read")

    def udp(self, port, address=_FAR4):
        time.sleep(0.7)  # a change that is heard of later may have come after the packets
        return traffic.udp(self.lab.client, self.lab.server, address, port, (100,) * 3, (50,) * 3)

    def end_all(self):
        """Removes what is left of the connections, as if their time were over."""
        subprocess.run(self.lab.router.command("conntrack", "-F"), check=True,
                       stderr=subprocess.DEVNULL)
        time.sleep(1)

    def records(self, program):
        program.stop()
        found = []
        for path in glob.glob(f"{self.files}/*"):
            with open(path, "rb") as file:
                found += ipfix.read(file.read()).records
        return [Flow(record) for record in found]

    def assert_left_by(self, records, port, device, translated):
        """All that goes to the port: interface, next hop and translated source are of one line."""
        lines = {"wan": (SERVER4, WAN4), "wan2": (_PEER4, _TRANSFER4)}
        next_hop, source = lines.get(device, ("0.0.0.0", None))
        there = [record for record in records if record.port == port and record.source == CLIENT4]
        self.assertTrue(there)
        for record in there:
            self.assertEqual((record.ingress, record.egress),
                             (self.devices["lan"], self.devices.get(device, _UNKNOWN)))
            self.assertEqual(record.next_hop, next_hop)
            if translated and source:
                self.assertEqual(record.translated, source)


class Flow:
    """A record as the file has it."""

    def __init__(self, record):
        def address(*elements):
            return next((str(ipaddress.ip_address(record[each])) for each in elements
                         if each in record), None)
        self.source = address(_SOURCE4, _SOURCE6)
        self.destination = address(_DESTINATION4, _DESTINATION6)
        self.next_hop = address(_NEXT_HOP4, _NEXT_HOP6)
        self.translated = address(_TRANSLATED4)
        self.port = ipfix.number(record, _DESTINATION_PORT) if _DESTINATION_PORT in record else None
        self.ingress, self.egress = (ipfix.number(record, each) for each in (_INGRESS, _EGRESS))


class Failover(TwoLines):
    def fail_over(self, *happens, translated=True):
        """A connection by `wan`, whose line fails while it idles; then one by `wan2`."""
        self.default_routes()
        if translated:
            self.masquerade()
        program = self.start_ctflowd()
        self.udp(1001)
        time.sleep(1.5)  # beyond the error of its end
        for arguments in happens:
            self.ip(*arguments)
        time.sleep(2.5)  # ctflowd has read everything again
        self.udp(1002)
        self.end_all()
        records = self.records(program)
        self.assert_left_by(records, 1001, "wan", translated)
        self.assert_left_by(records, 1002, "wan2", translated)

    def test_line_goes_down(self):
        self.fail_over(("link", "set", "wan", "down"))

    def test_line_is_removed(self):
        self.fail_over(("link", "del", "wan"))

    def test_line_is_removed_and_made_again_by_its_name(self):
        self.fail_over(("link", "del", "wan"),
                       ("link", "add", "wan", "type", "veth", "peer", "name", "other"),
                       ("link", "set", "wan", "up"))

    def test_address_is_lost(self):
        self.fail_over(("addr", "flush", "dev", "wan"),
                       ("route", "replace", "default", "via", _PEER4, "metric", "5"))

    def test_route_moves(self):
        self.fail_over(("route", "replace", "default", "via", _PEER4, "metric", "5"))

    def test_route_moves_without_translation(self):
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        self.fail_over(("route", "replace", "default", "via", _PEER4, "metric", "5"),
                       translated=False)

    def test_route_flaps_a_thousand_times(self):
        self.default_routes()
        self.masquerade()
        program = self.start_ctflowd()
        self.udp(1001)
        time.sleep(1.5)
        flap = (f"route replace default via {_PEER4} metric 10\n"
                f"route replace default via {SERVER4} metric 10\n") * 500
        self.lab.router.run("ip", "-batch", "-", input=flap)
        self.udp(1002)
        self.end_all()
        records = self.records(program)
        # What is forgotten of the route before, the translated source still shows.
        self.assert_left_by(records, 1001, "wan", True)
        self.assert_left_by(records, 1002, "wan", True)
        self.assertGreater(program.totals("interface_totals")["route_forgotten"], 500)

    def test_route_and_address_that_contradict_are_unknown(self):
        """Of a fixed source, which the kernel leaves to a connection whose route moves."""
        self.default_routes()
        self.lab.rules("source_nat", f"ip saddr 10.10.0.0/24 snat ip to {WAN4}")
        program = self.start_ctflowd()
        with self.lab.client.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.sendto(b"x" * 100, (_FAR4, 1001))
        time.sleep(0.2)
        self.ip("route", "replace", "default", "via", _PEER4, "metric", "5")
        time.sleep(2.5)
        for _ in range(3):
            sender.sendto(b"x" * 100, (_FAR4, 1001))
        sender.close()
        self.end_all()
        self.assert_left_by(self.records(program), 1001, None, True)
        self.assertEqual(program.totals("interface_totals")["contradicted"], 1)


class Marks(TwoLines):
    """Lines shared by marks (mwan3 and the like)."""

    def share(self, *statements):
        self.ip("route", "add", "default", "via", SERVER4)
        self.ip("route", "add", "default", "via", _PEER4, "table", "102")
        self.ip("rule", "add", "fwmark", "0x200/0x3f00", "lookup", "102")
        chain = "type filter hook prerouting priority mangle;"
        rules = " ".join(f"iifname lan udp dport 5002 {statement};" for statement in statements)
        self.lab.router.run("nft", "-f", "-",
                            input=f"table ip m {{ chain p {{ {chain} {rules} }}; }}\n")

    def run_flows(self, *ports, **sections):
        program = self.start_ctflowd(**sections)
        for port in ports:
            self.udp(port)
        self.end_all()
        return program, self.records(program)

    def test_mark_of_packets_only(self):
        self.share("meta mark set 0x200")
        self.masquerade()
        _, records = self.run_flows(5001, 5002)
        self.assert_left_by(records, 5001, "wan", True)
        self.assert_left_by(records, 5002, "wan2", True)

    def test_mark_of_packets_only_without_translation_is_unknown(self):
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        self.share("meta mark set 0x200")
        program, records = self.run_flows(5001, 5002)
        for port in (5001, 5002):
            self.assert_left_by(records, port, None, False)
        self.assertEqual(program.totals("interface_totals")["undecided"], 2)

    def test_mark_that_connections_keep(self):
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        self.share("meta mark set 0x200", "ct mark set meta mark")
        _, records = self.run_flows(5002)
        self.assert_left_by(records, 5002, "wan2", False)

    def test_one_line_however_marked(self):
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        self.ip("route", "add", "default", "via", SERVER4)
        self.ip("route", "add", "default", "via", SERVER4, "table", "102")
        self.ip("rule", "add", "fwmark", "0x200/0x3f00", "lookup", "102")
        program, records = self.run_flows(5001)
        self.assert_left_by(records, 5001, "wan", False)
        self.assertEqual(program.totals("interface_totals")["undecided"], 0)

    def test_type_of_service(self):
        self.ip("route", "add", "default", "via", SERVER4)
        self.ip("route", "add", "default", "via", _PEER4, "table", "102")
        self.ip("rule", "add", "tos", "0x10", "lookup", "102")
        self.masquerade()
        _, records = self.run_flows(5001)
        self.assert_left_by(records, 5001, "wan", True)

    def test_equal_rules(self):
        """Rules that only differ in who made them: one goes, the other holds."""
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        self.ip("route", "add", "default", "via", SERVER4)
        self.ip("route", "add", "default", "via", _PEER4, "table", "102")
        for protocol in ("boot", "static"):
            self.ip("rule", "add", "from", "10.10.0.0/24", "lookup", "102", "prio", "50",
                    "protocol", protocol)
        program = self.start_ctflowd()
        self.ip("rule", "del", "prio", "50", "protocol", "static")
        self.udp(5001)
        self.end_all()
        self.ip("rule", "del", "prio", "50")
        self.udp(5002)
        self.end_all()
        records = self.records(program)
        self.assert_left_by(records, 5001, "wan2", False)
        self.assert_left_by(records, 5002, "wan", False)

    def test_equal_routes(self):
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        self.ip("route", "add", "default", "via", SERVER4, "metric", "50")
        program = self.start_ctflowd()
        for protocol in ("boot", "static"):
            self.ip("route", "append", "default", "via", _PEER4, "proto", protocol)
        self.ip("route", "del", "default", "via", _PEER4, "proto", "boot")
        self.udp(5001)
        self.end_all()
        self.ip("route", "del", "default", "via", _PEER4)
        self.udp(5002)
        self.end_all()
        records = self.records(program)
        self.assert_left_by(records, 5001, "wan2", False)
        self.assert_left_by(records, 5002, "wan", False)

    def multipath(self):
        self.ip("route", "add", "default", "nexthop", "via", SERVER4, "nexthop", "via", _PEER4)
        self.lab.router.set("net/ipv4/fib_multipath_hash_policy", 1)

    def multipath_by_objects(self):
        self.ip("nexthop", "add", "id", "1", "via", SERVER4, "dev", "wan")
        self.ip("nexthop", "add", "id", "2", "via", _PEER4, "dev", "wan2")
        self.ip("nexthop", "add", "id", "3", "group", "1/2")
        self.ip("route", "add", "default", "nhid", "3")
        self.lab.router.set("net/ipv4/fib_multipath_hash_policy", 1)

    def assert_multipath(self):
        ports = range(5001, 5013)
        _, records = self.run_flows(*ports)
        lines = {WAN4: "wan", _TRANSFER4: "wan2"}
        used = {record.port: lines[record.translated] for record in records
                if record.source == CLIENT4}
        self.assertEqual(set(used.values()), {"wan", "wan2"}, "one line only: nothing is shown")
        for port, device in used.items():
            self.assert_left_by(records, port, device, True)

    def test_multipath_with_translation(self):
        self.multipath()
        self.masquerade()
        self.assert_multipath()

    def test_multipath_by_nexthop_objects_with_translation(self):
        self.multipath_by_objects()
        self.masquerade()
        self.assert_multipath()

    def test_multipath_without_translation_is_unknown(self):
        self.multipath()
        self.lab.server.run("ip", "route", "add", "10.10.0.0/24", "via", WAN4)
        _, records = self.run_flows(5001)
        self.assert_left_by(records, 5001, None, False)


class Scopes(TwoLines):
    def test_groups_and_link_local_addresses_follow_no_default_route(self):
        self.ip("route", "add", "default", "via", SERVER4)
        self.ip("-6", "route", "add", "default", "via", lab.SERVER6)
        program = self.start_ctflowd()
        router = self.lab.router
        with router.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.bind((LAN4, 5353))
            for address in ("224.0.0.251", "239.255.255.250", "255.255.255.255", "10.10.0.255"):
                sender.sendto(b"x", (address, 6001))
        with router.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.devices["lan"])
            sender.sendto(b"x", ("ff02::fb", 6002))
        # Of another's link-local address nothing names an interface.
        with self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("169.254.77.7", 6003))
        self.udp(6004)
        time.sleep(0.5)
        self.end_all()
        records = self.records(program)
        lan = self.devices["lan"]
        sent = {record.destination: (record.ingress, record.egress, record.next_hop)
                for record in records if record.port == 6001}
        self.assertEqual(sent, {address: (0, lan, "0.0.0.0") for address in (
            "224.0.0.251", "239.255.255.250", "255.255.255.255", "10.10.0.255")})
        self.assertEqual({(record.ingress, record.egress) for record in records
                          if record.port == 6002}, {(0, lan)})
        self.assertEqual({(record.ingress, record.egress, record.next_hop) for record in records
                          if record.port == 6003}, {(lan, _UNKNOWN, "0.0.0.0")})
        self.assert_left_by(records, 6004, "wan", False)

    def test_pod_that_goes_before_its_connection(self):
        self.ip("route", "add", "default", "via", SERVER4)
        self.masquerade()
        pod = lab.Namespace("pod")
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", "pod"], check=False)
        subprocess.run(["ip", "link", "add", "cali1", "netns", "router", "type", "veth",
                        "peer", "name", "eth0", "netns", "pod"], check=True)
        program = self.start_ctflowd()
        pod.run("ip", "link", "set", "eth0", "up")
        pod.run("ip", "addr", "add", "10.244.1.7/32", "dev", "eth0")
        self.ip("link", "set", "cali1", "up")
        self.ip("addr", "add", "169.254.1.1/32", "dev", "cali1")
        self.ip("route", "add", "10.244.1.7/32", "dev", "cali1")
        pod.run("ip", "route", "add", "169.254.1.1", "dev", "eth0")
        pod.run("ip", "route", "add", "default", "via", "169.254.1.1")
        index = self.index("cali1")
        traffic.udp(pod, self.lab.server, SERVER4, 9999, (100,), (900,))
        time.sleep(1.5)
        self.ip("link", "del", "cali1")
        time.sleep(2.5)
        self.end_all()
        found = {(record.source, record.ingress, record.egress) for record in self.records(program)}
        self.assertEqual(found, {("10.244.1.7", index, self.devices["wan"]),
                                 (SERVER4, self.devices["wan"], index)})


if __name__ == "__main__":
    case.main()
