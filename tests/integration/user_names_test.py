#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""userName from a file of networks, MAC addresses and marks: octets in an IPFIX File, what tshark reads of both protocols,
what nfcapd makes of strings of variable length, and what a bad line and a reload change."""

import glob
import os
import signal

import case
import collectors
import elements
import ipfix
import traffic
from lab import CLIENT4, LAN6, SERVER4, SERVER6, WAN4, WAN6, wait_until

ELEMENTS = ("[userName, sourceIPv4Address, destinationIPv4Address, sourceIPv6Address, destinationIPv6Address, "
            "sourceTransportPort, destinationTransportPort, protocolIdentifier, octetDeltaCount, packetDeltaCount, "
            "flowStartMilliseconds, flowEndMilliseconds]")
USER_NAME, DESTINATION_PORT, SOURCE_PORT = 371, 11, 7
CLIENT_MAC = "02:00:5e:00:53:01"
LONGEST = "x" * 63
USERS = f"""# key, then the name
10.10.0.0/24 the house
{CLIENT_MAC} Anna Bär
mark=7 by mark
203.0.113.0/24 {LONGEST}
"""


class UserNames(elements.ElementsTest):
    def setUp(self):
        self.make_lab()
        self.users = f"{self.directory}/users"
        for host, router6 in ((self.lab.client, LAN6), (self.lab.server, WAN6)):
            if host is self.lab.client:
                host.run("ip", "link", "set", "eth0", "address", CLIENT_MAC)
            host.run("ip", "-6", "route", "replace", "default", "via", router6)
        os.mkdir(f"{self.directory}/files")
        self.listen()

    def write(self, text):
        with open(f"{self.users}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(f"{self.users}.new", self.users)

    def start(self):
        text = elements.configuration(ELEMENTS, enrich={"user_names": self.users})
        file = (f"  - {{name: file, protocol: ipfix, transport: file, elements: {ELEMENTS}, flush_after: 100ms, "
                f"file: {{directory: {self.directory}/files}}}}\n")
        text = text.replace("enrich:\n", file + "enrich:\n")
        self.program = self.run_program(text)

    def stop(self):
        self.lab.wait_for_idle()
        self.program.stop()
        self.stop_listening()

    def users_by_port(self):
        """The names in both records of each connection, by the port of its responder."""
        found = {}
        for path in sorted(glob.glob(f"{self.directory}/files/*.ipfix")):
            with open(path, "rb") as file:
                for record in ipfix.read(file.read()).records:
                    port = min(ipfix.number(record, SOURCE_PORT), ipfix.number(record, DESTINATION_PORT))
                    found.setdefault(port, set()).add(record[USER_NAME].decode())
        return found

    def talk(self, initiator, responder, address, port, **more):
        traffic.udp(initiator, responder, address, port, (100,), (100,), **more)

    def test_by_marks_mac_addresses_and_networks(self):
        self.write(USERS)
        self.start()
        client, server = self.lab.client, self.lab.server
        self.lab.rules("track", "udp dport 57 ct mark set 7")
        self.lab.rules("source_nat", f'oifname "wan" ip saddr {CLIENT4} masquerade')
        self.lab.rules("destination_nat", f"ip daddr {WAN4} udp dport 55 dnat to {CLIENT4}:55")
        self.talk(client, server, SERVER4, 53)
        self.talk(client, server, SERVER6, 54)
        self.talk(server, client, WAN4, 55, listen=(CLIENT4, 55))
        self.talk(client, server, SERVER4, 57)
        self.talk(server, self.lab.router, WAN4, 58)
        self.talk(server, self.lab.router, WAN6, 59)
        self.stop()
        expected = {53: {"Anna Bär"}, 54: {"Anna Bär"}, 55: {"Anna Bär"}, 57: {"by mark"}, 58: {LONGEST}, 59: {""}}
        self.assertEqual(self.users_by_port(), expected)
        for protocol, port in elements.PORTS.items():
            with self.subTest(protocol=protocol):
                lines = collectors.tshark(self.capture.path, elements.PORTS.values(),
                                          f"udp.dstport == {port} && cflow.user_name", "cflow.user_name")
                names = [name for line in lines for name in line.split(",") if name]
                self.assertEqual(sorted(names), sorted(["Anna Bär"] * 6 + ["by mark"] * 2 + [LONGEST] * 2))
                # A name before all else: what stands behind it is read right.
                read = self.nfcapd[protocol].records()
                self.assertEqual(len(read), 12)
                self.assertEqual({record.octets for record in read}, {128, 148})
                self.assertEqual(self.nfcapd[protocol].complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(collectors.tshark_complaints(self.capture.path, elements.PORTS.values()), [])

    def test_the_file_changes(self):
        self.start()  # there is none yet
        self.assertIn("database_unusable", self.program.log)
        path = self.lab.client, self.lab.server, SERVER4
        self.talk(*path, 60)
        self.lab.wait_for_idle()
        self.write("10.10.0.0/24 first\n")
        wait_until(lambda: self.program.log.count("database_loaded") == 1, "the file to be read")
        self.talk(*path, 61)
        self.lab.wait_for_idle()
        self.write("10.10.0.0/24 second\n10.10.0.1/24 third\n")
        wait_until(lambda: self.program.log.count("database_unusable") == 2, "the bad line to be refused")
        self.assertIn(f"{self.users}:2: expected a network", self.program.log)
        self.talk(*path, 62)
        self.lab.wait_for_idle()
        # A reload leaves what is in use.
        self.program.process.send_signal(signal.SIGHUP)
        self.program.wait_for("reloaded")
        self.talk(*path, 63)
        self.lab.wait_for_idle()
        self.write(f"10.10.0.0/24 second\n{CLIENT4} third\n")
        wait_until(lambda: self.program.log.count("database_loaded") == 2, "the correct file to be read")
        self.talk(*path, 64)
        self.lab.wait_for_idle()
        # One that names another file waits until that is read.
        with open(f"{self.users}.other", "w", encoding="utf-8") as file:
            file.write(f"{CLIENT4} fourth\n")
        with open(f"{self.program.name}.yaml", "r+", encoding="utf-8") as file:
            text = file.read().replace(self.users, f"{self.users}.other")
            file.seek(0)
            file.write(text)
        self.program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.program.log.count(" reloaded ") == 2, "the second reload")
        self.talk(*path, 65)
        self.stop()
        self.assertEqual(self.users_by_port(), {60: {""}, 61: {"first"}, 62: {"first"}, 63: {"first"}, 64: {"third"},
                                                65: {"fourth"}})


if __name__ == "__main__":
    case.main()
