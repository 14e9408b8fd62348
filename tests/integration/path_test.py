#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The way to a collector by UDP changes or is narrower than a message: no message is lost, the one that
finds out included."""

import socket
import subprocess
import time

import case
import ctflowd
import datagrams
import traffic
from lab import COLLECTOR, SERVER4, Namespace, wait_until

PORT = 4739
NARROW = 1280
FAR4, FAR6 = "172.30.2.2", "2001:db8:b::2"


class Path(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.sent = 0

    def send(self, count):
        """Connections of one datagram, all different, that end at once."""
        with self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for port in range(1 + self.sent, 1 + self.sent + count):
                try:
                    sock.sendto(bytes(40), (SERVER4, port))
                except ConnectionRefusedError:
                    sock.sendto(bytes(40), (SERVER4, port))
        self.sent += count
        self.lab.router.run("conntrack", "-D", "-p", "udp")

    def start_ctflowd(self, address, **settings):
        collector = ctflowd.Collector("main", PORT, "ipfix", address=f"'{address}'",
                                      settings=settings)
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration(
                                      [collector],
                                      source={"active_timeout": "off"})).wait_for("started")
        self.addCleanup(program.kill)
        return program

    def start_collector(self, namespace, address, family):
        collector = datagrams.Collector(namespace, PORT, address, family)
        self.addCleanup(collector.stop)
        return collector

    def assert_all_arrived(self, program, collector):
        time.sleep(0.3)  # flush_after is 100 ms
        program.stop()
        totals = program.collector_totals()["main"]
        self.assertEqual((totals["offered"], totals["flows"], totals["lost_messages"]),
                         (self.sent, self.sent, 0))
        wait_until(lambda: len(collector.records()) >= totals["records"], "all records")
        flows = collector.flows(11, 27, 8)
        self.assertEqual((len(collector.records()), set(flows.values())),
                         (totals["records"], {1}))
        self.assertEqual((collector.unreadable, collector.gaps), (0, []))

    def make_narrow_path(self):
        """router - mid - far, where only the second link is narrow."""
        lab = self.lab
        middle, far = Namespace("middle"), Namespace("far")
        for namespace in (middle, far):
            self.addCleanup(subprocess.run, ["ip", "netns", "delete", namespace.name], check=False)
        for here, device, there, name in ((lab.router, "tun0", middle, "ma"),
                                          (middle, "mb", far, "eth0")):
            subprocess.run(["ip", "link", "add", device, "netns", here.name, "type", "veth", "peer",
                            "name", name, "netns", there.name], check=True)
        for namespace, device, four, six in ((lab.router, "tun0", "172.30.1.1", "2001:db8:a::1"),
                                             (middle, "ma", "172.30.1.2", "2001:db8:a::2"),
                                             (middle, "mb", "172.30.2.1", "2001:db8:b::1"),
                                             (far, "eth0", FAR4, FAR6)):
            namespace.set(f"net/ipv6/conf/{device}/accept_dad", 0)
            namespace.run("ip", "addr", "add", f"{four}/24", "dev", device)
            namespace.run("ip", "-6", "addr", "add", f"{six}/64", "dev", device)
            namespace.run("ip", "link", "set", "dev", device, "up")
        middle.set("net/ipv6/conf/all/forwarding", 1)
        middle.set("net/ipv4/ip_forward", 1)
        for namespace, device in ((middle, "mb"), (far, "eth0")):
            namespace.run("ip", "link", "set", "dev", device, "mtu", NARROW)
        lab.router.run("ip", "route", "add", "172.30.2.0/24", "via", "172.30.1.2")
        lab.router.run("ip", "-6", "route", "add", "2001:db8:b::/64", "via", "2001:db8:a::2")
        far.run("ip", "route", "add", "default", "via", "172.30.2.1")
        far.run("ip", "-6", "route", "add", "default", "via", "2001:db8:b::1")
        lab.rules("raw_output", f"ip daddr {FAR4} notrack", f"ip6 daddr {FAR6} notrack")
        lab.rules("raw_prerouting", f"ip saddr {FAR4} notrack", f"ip6 saddr {FAR6} notrack")
        # Neighbours are known before the first message: what waits for them is limited.
        for address in (FAR4, FAR6):
            traffic.echo(lab.router, address)
        return far

    def narrow_path(self, family, address, **settings):
        far = self.make_narrow_path()
        collector = self.start_collector(far, address, family)
        program = self.start_ctflowd(address, **settings)
        for _ in range(3):
            self.send(200)
            time.sleep(0.3)
        self.assert_all_arrived(program, collector)
        return collector.longest

    def test_narrow_path_by_ipv6(self):
        self.assertLessEqual(self.narrow_path(socket.AF_INET6, FAR6), NARROW - 48)

    def test_narrow_path_by_ipv6_with_larger_messages(self):
        longest = self.narrow_path(socket.AF_INET6, FAR6, max_message_size=4000)
        self.assertGreater(longest, 1400)

    def test_narrow_path_by_ipv4(self):
        self.assertGreater(self.narrow_path(socket.AF_INET, FAR4), NARROW)

    def test_address_of_our_own_changes(self):
        collector = self.start_collector(self.lab.collector, COLLECTOR, socket.AF_INET)
        program = self.start_ctflowd(COLLECTOR)
        self.send(50)
        time.sleep(1.2)  # sockets are made at most once a second
        self.lab.router.run("ip", "addr", "add", "192.0.2.77/24", "dev", "export")
        self.lab.router.run("ip", "addr", "del", "192.0.2.1/24", "dev", "export")
        self.lab.router.run("ip", "addr", "replace", "192.0.2.77/24", "dev", "export")
        self.send(50)
        time.sleep(0.3)
        self.send(50)
        self.assert_all_arrived(program, collector)
        self.assertEqual({address for address, _ in collector.senders},
                         {"192.0.2.1", "192.0.2.77"})
        self.assertIn("collector_reconnected", program.log)


if __name__ == "__main__":
    case.main()
