#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""MAC addresses of hosts from the neighbour tables: what nfdump and tshark read and what lines of JSON have, behind
NAT, of hosts behind a gateway and of this host; after a reload that asks for them, in a replay, and while the kernel
does not tell them."""

import glob
import json
import os
import signal

import case
import collectors
import ctflowd
import elements
import faulty_kernel
import ipfix
import traffic
from lab import CLIENT4, CLIENT6, LAN4, LAN6, SERVER4, SERVER6, WAN4, WAN6, wait_until

BASIC = ("sourceIPv4Address, destinationIPv4Address, sourceIPv6Address, destinationIPv6Address, sourceTransportPort, "
         "destinationTransportPort, protocolIdentifier, octetDeltaCount, packetDeltaCount, flowStartMilliseconds, "
         "flowEndMilliseconds")
ELEMENTS = f"[{BASIC}, sourceMacAddress, destinationMacAddress]"
SOURCE_MAC, DESTINATION_MAC = 56, 80
CLIENT_MAC, SERVER_MAC, NONE = "02:00:5e:00:53:01", "02:00:5e:00:53:f2", "00:00:00:00:00:00"
BEHIND4 = "10.10.0.128"  # on the client's loopback: to the router it is behind the client


class MacAddresses(elements.ElementsTest):
    def setUp(self):
        self.make_lab()
        for host, mac, router6 in ((self.lab.client, CLIENT_MAC, LAN6), (self.lab.server, SERVER_MAC, WAN6)):
            host.run("ip", "link", "set", "eth0", "address", mac)
            host.run("ip", "-6", "route", "replace", "default", "via", router6)

    def talk(self, initiator, responder, address, **more):
        """A connection, and the messages about it: tshark does not say which value is of which record."""
        traffic.udp(initiator, responder, address, 53, (100,), (100,), **more)
        self.lab.wait_for_idle()

    def lines(self, name):
        """Addresses and MAC addresses of both sides."""
        with open(f"{self.directory}/{name}", encoding="utf-8") as file:
            sides = [(line["initiator"], line["responder"]) for line in map(json.loads, file)]
        return sorted((here["address"], there["address"], here.get("mac"), there.get("mac")) for here, there in sides)

    def test_of_hosts_on_both_sides_of_nat(self):
        self.listen()
        logs = "".join(f"  - {{name: {name}, to: file, path: {self.directory}/{name}{more}}}\n"
                       for name, more in (("asked", ", mac_addresses: true"), ("plain", "")))
        program = self.run_program(elements.configuration(ELEMENTS) + "log_connections:\n" + logs)
        client, server = self.lab.client, self.lab.server
        self.lab.rules("source_nat", f'oifname "wan" ip saddr {CLIENT4} masquerade')
        self.lab.rules("destination_nat", f"ip daddr {WAN4} udp dport 53 dnat to {CLIENT4}:80")
        client.set("net/ipv4/conf/eth0/arp_announce", 2)
        client.run("ip", "addr", "add", f"{BEHIND4}/32", "dev", "lo")
        self.lab.router.run("ip", "route", "add", f"{BEHIND4}/32", "via", CLIENT4)
        self.talk(client, server, SERVER4)
        self.talk(server, client, WAN4, listen=(CLIENT4, 80))
        self.talk(client, server, SERVER6)
        self.talk(client, self.lab.router, LAN4)
        # A neighbour's own address until lately does not make it one of what is behind that neighbour now.
        self.lab.router.run("ip", "neigh", "replace", BEHIND4, "lladdr", CLIENT_MAC, "dev", "lan", "nud", "stale")
        self.talk(client, server, SERVER4, source=(BEHIND4, 0))
        program.stop()
        self.stop_listening()
        connections = [(CLIENT4, SERVER4, CLIENT_MAC, SERVER_MAC), (SERVER4, WAN4, SERVER_MAC, CLIENT_MAC),
                       (CLIENT6, SERVER6, CLIENT_MAC, SERVER_MAC), (CLIENT4, LAN4, CLIENT_MAC, NONE),
                       (BEHIND4, SERVER4, NONE, SERVER_MAC)]
        records = sorted(connections + [(there, here, there_mac, here_mac)
                                        for here, there, here_mac, there_mac in connections])
        for protocol in elements.PORTS:
            with self.subTest(protocol=protocol):
                self.assertEqual(self.read_by_nfdump(protocol, "in_src_mac", "in_dst_mac", NONE), records)
                self.assertEqual(self.read_by_tshark(protocol, "cflow.srcmac", "cflow.dstmac"), records)
                self.assertEqual(self.nfcapd[protocol].complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(collectors.tshark_complaints(self.capture.path, elements.PORTS.values()), [])
        absent = {NONE: None}
        self.assertEqual(self.lines("asked"),
                         sorted((here, there, absent.get(here_mac, here_mac), absent.get(there_mac, there_mac))
                                for here, there, here_mac, there_mac in connections))
        self.assertEqual(self.lines("plain"), sorted((here, there, None, None) for here, there, _, _ in connections))

    def test_an_address_that_this_host_took_over_is_nobodys(self):
        """As by VRRP: the kernel remembers the router that had it."""
        taken, path = "10.10.0.254", f"{self.directory}/lines"
        router = self.lab.router
        router.run("ip", "neigh", "replace", taken, "lladdr", SERVER_MAC, "dev", "lan", "nud", "stale")
        program = self.run_program(
            f"log_connections:\n  - {{name: lines, to: file, path: {path}, mac_addresses: true}}\n")
        router.run("ip", "addr", "add", f"{taken}/24", "dev", "lan")
        self.assertIn(SERVER_MAC, router.run("ip", "neigh", "show", taken))
        self.talk(self.lab.client, router, taken)
        program.stop()
        self.assertEqual(self.lines("lines"), [(CLIENT4, taken, CLIENT_MAC, None)])

    def test_a_reload_asks_for_them(self):
        capture = collectors.Capture(self.lab.collector, self.directory)
        port = elements.PORTS[case.IPFIX]

        def text(asked):
            return ctflowd.configuration([ctflowd.Collector("one", port, "ipfix", settings={"elements": asked})])
        program = self.run_program(text(f"[{BASIC}]"))
        path = self.lab.client, self.lab.server, SERVER4
        self.talk(*path)
        for reloads, asked in enumerate((ELEMENTS, f"[{BASIC}]", ELEMENTS), 1):
            with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
                file.write(text(asked))
            program.process.send_signal(signal.SIGHUP)
            wait_until(lambda count=reloads: program.log.count("reloaded") == count, "the reload")
            self.talk(*path)
        program.stop()
        capture.stop()
        both = collectors.tshark(capture.path, [port], f"udp.dstport == {port} && cflow.srcmac && !icmp",
                                 "cflow.srcmac", "cflow.dstmac")
        found = sorted(pair for line in both for pair in zip(*(column.split(",") for column in line.split("\t"))))
        self.assertEqual(found, sorted([(CLIENT_MAC, SERVER_MAC), (SERVER_MAC, CLIENT_MAC)] * 2))

    def exported_to_file(self, *command):
        """The MAC addresses in the records of a program that writes a file."""
        directory = f"{self.directory}/{command[0]}"
        config = (f"source: {{measure: off}}\ncollectors: [{{name: main, protocol: ipfix, transport: file, elements: "
                  f"{ELEMENTS}, file: {{directory: {directory}}}}}]\n")
        self.lab.router.run("mkdir", directory)
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, *command, config=config)
        self.addCleanup(program.kill)

        def read():
            files = sorted(glob.glob(f"{directory}/*.ipfix"))
            self.assertEqual(len(files), 1)
            with open(files[0], "rb") as file:
                return sorted((one[SOURCE_MAC].hex(":"), one[DESTINATION_MAC].hex(":"))
                              for one in ipfix.read(file.read()).records)
        return program, read

    def test_a_replay_does_not_take_the_neighbours_of_this_host(self):
        recording = f"{self.directory}/events.pcap"
        recorder = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "record",
                                   recording).wait_for("recording")
        self.addCleanup(recorder.kill)
        program, read = self.exported_to_file("run")
        program.wait_for("started")
        self.talk(self.lab.client, self.lab.server, SERVER4)
        recorder.stop()
        program.stop()
        self.assertEqual(read(), sorted([(CLIENT_MAC, SERVER_MAC), (SERVER_MAC, CLIENT_MAC)]))
        self.assertIn(CLIENT_MAC, self.lab.router.run("ip", "neigh", "show"))
        player, read = self.exported_to_file("replay", recording)
        self.assertEqual(player.wait(), 0, player.log)
        self.assertEqual(read(), [(NONE, NONE)] * 2)

    def run_faulty(self, kind):
        """A ctflowd that starts with this fault, and a connection that it must export."""
        program, fault = faulty_kernel.make(case.program, self.directory)
        with open(fault, "w", encoding="utf-8") as file:
            file.write(kind)
        for address, mac, device in ((CLIENT4, CLIENT_MAC, "lan"), (SERVER4, SERVER_MAC, "wan"),
                                     (CLIENT6, CLIENT_MAC, "lan"), (SERVER6, SERVER_MAC, "wan")):
            # Permanent: nothing is told of them later.
            self.lab.router.run("ip", "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent")
        path = f"{self.directory}/lines"
        running = ctflowd.Ctflowd(program, self.lab.router, self.directory, "run", config=(
            f"log_connections:\n  - {{name: lines, to: file, path: {path}, mac_addresses: true}}\n"))
        self.addCleanup(running.kill)
        running.wait_for("started")
        running.wait_for("neighbours_unavailable")
        self.talk(self.lab.client, self.lab.server, SERVER4)
        return running, fault

    def test_neighbour_tables_that_cannot_be_read_are_read_later(self):
        program, fault = self.run_faulty("r")
        os.remove(fault)
        program.wait_for("neighbours_available")
        self.talk(self.lab.client, self.lab.server, SERVER6)
        program.stop()
        self.assertEqual(self.lines("lines"), [(CLIENT4, SERVER4, None, None),
                                               (CLIENT6, SERVER6, CLIENT_MAC, SERVER_MAC)])

    def test_without_a_socket_for_neighbours_flows_go_out_without(self):
        program, _ = self.run_faulty("s")
        program.stop()
        self.assertEqual(self.lines("lines"), [(CLIENT4, SERVER4, None, None)])


if __name__ == "__main__":
    case.main()
