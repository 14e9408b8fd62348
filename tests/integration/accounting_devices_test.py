#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounting by device: all addresses of a MAC address are one, by real neighbours of two LANs."""

import collections
import contextlib
import csv
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time

import case
import ctflowd
import kernel
import traffic
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, Namespace, wait_until

SECOND4, SECOND6 = "10.20.0.2", "2001:db8:3::2"
PRIVACY6 = "2001:db8:1::1234:5678:9abc:def0"
LEASED4 = "10.10.0.77"
CLIENT_MAC, SECOND_MAC, OTHER_MAC = "02:00:5e:00:53:01", "02:00:5e:00:53:02", "02:00:5e:00:53:99"
INSIDE = '[10.10.0.0/24, 10.20.0.0/24, "2001:db8:1::/64", "2001:db8:3::/64"]'
ODD = '<script>alert("x")</script>,=1+1'.replace(" ", "")
INCOMPLETE = 1  # the report is of a time before accounting began


class AccountingDevices(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.database = f"{self.directory}/accounting.sqlite"
        self.leases = f"{self.directory}/leases"
        self.listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(self.listener.kill)
        self.lab.client.run("ip", "link", "set", "eth0", "address", CLIENT_MAC)
        self.second = self.second_lan()
        for host, router6 in ((self.lab.client, "2001:db8:1::1"), (self.second, "2001:db8:3::1")):
            host.run("ip", "-6", "route", "replace", "default", "via", router6)

    def second_lan(self):
        host = Namespace("second")
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", "second"], check=False)
        self.lab.link(host, "lan2", ("10.20.0.1", 24), (SECOND4, 24), ("2001:db8:3::1", 64),
                      (SECOND6, 64))
        host.run("ip", "link", "set", "eth0", "address", SECOND_MAC)
        host.run("ip", "route", "add", "default", "via", "10.20.0.1")
        return host

    def start_program(self, **settings):
        accounting = {"aggregates": "[{name: devices, by: [device]}, {name: both, by: [device, host]},"
                                    " {name: few, by: [device, service], max_keys: 1}]",
                      "database": self.database, "commit_interval": "1s", "time_zone": "UTC",
                      "inside": INSIDE, "device_files": f"[{self.leases}]", **settings}
        program = ctflowd.Ctflowd(
            case.program, self.lab.router, self.directory, "run",
            config=ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix")],
                                         accounting=accounting))
        self.addCleanup(program.kill)
        program.wait_for("started")
        return program

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True,
                                                timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    def by_device(self):
        """Connections, and octets both ways."""
        return {row[0]: row[1:] for row in self.rows(
            """SELECT device, sum(connections), sum(down_octets + up_octets) FROM periods WHERE
            aggregate = 'devices' AND kind = 'key' GROUP BY device""")}

    def end(self, program):
        """The kernel's sums are those of every aggregate, to the octet and packet."""
        self.lab.wait_for_idle()
        program.stop()
        expected = [0, 0]
        for one in self.listener.stop():
            expected[0] += one.original.octets + one.reply.octets
            expected[1] += one.original.packets + one.reply.packets
        for aggregate in ("devices", "both", "few"):
            for level in range(4):
                found = self.rows(f"""SELECT sum(down_octets + up_octets),
                    sum(down_packets + up_packets) FROM usage JOIN aggregate ON aggregate.id =
                    usage.aggregate WHERE name = '{aggregate}' AND level = {level}""")[0]
                self.assertEqual(list(found), expected, (aggregate, level))
        run = subprocess.run([case.program, "accounting", "check", "--database", self.database, "-c",
                              "/none"], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)

    def report(self, *options):
        run = subprocess.run([case.program, "report", "--direction", "all", "--database",
                              self.database, "-c", "/none", *options], capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, INCOMPLETE, run.stdout + run.stderr)
        return run.stdout

    def send(self, host, address, source=None, size=100):
        traffic.udp(host, self.lab.server, address, 53, (size,), (size,),
                    source=(source, 0) if source else None)

    def test_all_addresses_of_a_device_are_one(self):
        program = self.start_program()
        client = self.lab.client
        self.send(client, SERVER4, CLIENT4)
        self.send(client, SERVER6, CLIENT6)
        client.run("ip", "addr", "add", f"{PRIVACY6}/64", "dev", "eth0", "nodad")
        self.send(client, SERVER6, PRIVACY6)
        client.run("ip", "addr", "add", f"{LEASED4}/24", "dev", "eth0")
        self.send(client, SERVER4, LEASED4)
        self.send(self.second, SERVER4)
        self.send(self.second, SERVER6)
        self.end(program)
        found = self.by_device()
        self.assertEqual(found[CLIENT_MAC], (4, 4 * 200 + 4 * 28 + 4 * 48))
        self.assertEqual(found[SECOND_MAC], (2, 2 * 200 + 2 * 28 + 2 * 48))
        self.assertNotIn("00:00:00:00:00:00", found)
        hosts = {row[0] for row in self.rows(
            f"SELECT host FROM periods WHERE aggregate = 'both' AND device = '{CLIENT_MAC}'")}
        self.assertEqual(len(hosts & {CLIENT4, LEASED4}), 2)
        self.assertGreaterEqual(len(hosts), 4)
        kinds = {row[0] for row in self.rows("SELECT kind FROM periods WHERE aggregate = 'few'")}
        self.assertEqual(kinds, {"key", "other"})

    def test_a_connection_goes_on_while_its_device_takes_another_address(self):
        program = self.start_program()
        client, server = self.lab.client, self.lab.server
        with contextlib.closing(client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here, \
             contextlib.closing(server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there:
            there.bind((SERVER4, 5000))
            here.bind((CLIENT4, 5001))
            here.sendto(bytes(100), (SERVER4, 5000))
            there.recv(1000)
            client.run("ip", "addr", "add", f"{LEASED4}/24", "dev", "eth0")
            self.send(client, SERVER4, LEASED4)
            here.sendto(bytes(100), (SERVER4, 5000))
            there.recv(1000)
        # The kernel forgets the neighbour before the connection ends.
        self.lab.router.run("ip", "neigh", "flush", "all")
        self.end(program)
        self.assertEqual(self.by_device()[CLIENT_MAC], (2, 2 * 128 + 2 * 128))

    def test_an_address_goes_to_another_device(self):
        program = self.start_program()
        self.send(self.lab.client, SERVER4, size=100)
        self.lab.client.run("ip", "link", "set", "eth0", "address", OTHER_MAC)  # announces nothing
        self.lab.wait_for_idle()
        # Known to the kernel when the other device is asked, or asks.
        self.lab.client.run("ip", "neigh", "flush", "all")
        self.lab.router.run("ip", "neigh", "flush", "all")
        time.sleep(1.5)  # what is measured with a bound of a second
        self.send(self.lab.client, SERVER4, size=300)
        self.end(program)
        found = self.by_device()
        self.assertEqual(found[CLIENT_MAC][1], 256)
        self.assertEqual(found[OTHER_MAC][1], 656)

    def test_what_ended_before_its_address_went_to_another_device_is_of_the_first(self):
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 6)
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout_stream", 6)
        program = self.start_program()
        self.send(self.lab.client, SERVER4, size=100)
        time.sleep(3)
        self.lab.router.run("ip", "neigh", "replace", CLIENT4, "lladdr", OTHER_MAC, "dev", "lan",
                            "nud", "reachable")
        self.end(program)
        found = self.by_device()
        self.assertEqual(found[CLIENT_MAC][1], 256)
        self.assertNotIn(OTHER_MAC, found)

    def test_without_a_neighbour_it_is_the_address(self):
        behind = "10.10.0.128"  # behind another router of the LAN, which asks for us as itself
        self.lab.client.set("net/ipv4/conf/eth0/arp_announce", 2)
        program = self.start_program()
        self.lab.client.run("ip", "addr", "add", f"{behind}/32", "dev", "lo")
        self.lab.router.run("ip", "route", "add", f"{behind}/32", "via", CLIENT4)
        self.send(self.lab.client, SERVER4, behind)
        self.end(program)
        self.assertEqual(self.by_device()[behind][1], 256)

    def test_changes_that_found_no_room_are_read_again(self):
        program = self.start_program()
        self.lab.client.run("ip", "addr", "add", f"{LEASED4}/24", "dev", "eth0")
        program.process.send_signal(signal.SIGSTOP)
        lines = [f"neigh add 10.10.{128 + i // 250}.{i % 250} lladdr 02:00:5e:01:{i // 256:02x}:{i % 256:02x} "
                 "nud permanent dev lan" for i in range(6000)]
        lines.append(f"neigh replace {LEASED4} lladdr {CLIENT_MAC} nud permanent dev lan")
        self.lab.router.run("ip", "-batch", "-", input="\n".join(lines) + "\n")
        sockets = [line.split() for line in self.lab.router.read("/proc/net/netlink").splitlines()[1:]]
        self.assertTrue(any(one[1] == "0" and int(one[8]) > 0 for one in sockets), "nothing was lost")
        program.process.send_signal(signal.SIGCONT)
        time.sleep(1)  # it is read; a permanent entry makes no further change
        self.send(self.lab.client, SERVER4, LEASED4)
        self.end(program)
        found = self.by_device()
        self.assertEqual(found[CLIENT_MAC], (1, 256))
        self.assertNotIn(LEASED4, found)

    def test_names_of_any_kind(self):
        with open(self.leases, "w", encoding="utf-8") as file:
            file.write(f"1 {CLIENT_MAC} {CLIENT4} {ODD} *\n")
            file.write(f"# lan2 {SECOND_MAC.replace(':', '')} ipv4 K\u00fcche\x1b[2J 1 1 32 {SECOND4}/32\n")
        program = self.start_program()
        self.send(self.lab.client, SERVER4)
        self.send(self.second, SERVER4)
        self.lab.wait_for_idle()
        wait_until(lambda: len(self.by_device()) >= 2, "both devices")
        found = {row["device"]: row["name"] for row in json.loads(self.report("--format", "json"))["rows"]
                 if row["name"] != row["device"]}
        self.assertEqual(found, {CLIENT_MAC: ODD, SECOND_MAC: "K\u00fcche\\x1b[2J"})
        table = self.report()
        self.assertIn("by device", table)
        self.assertIn(ODD, table)
        self.assertNotIn("\x1b", table)
        lines = list(csv.DictReader(io.StringIO(self.report("--format", "csv"))))
        self.assertEqual({line["device"]: line["name"] for line in lines if line["name"] == ODD},
                         {CLIENT_MAC: ODD})
        # A lease is read when it changes.
        with open(f"{self.leases}.new", "w", encoding="utf-8") as file:
            file.write(f"1 {CLIENT_MAC} {CLIENT4} laptop *\n1 {SECOND_MAC} {SECOND4} laptop *\n")
        os.rename(f"{self.leases}.new", self.leases)
        wait_until(lambda: self.rows("SELECT count(*) FROM device WHERE name = 'laptop'")[0][0] >= 2,
                   "the new names", seconds=30)
        names = {row["name"] for row in json.loads(self.report("--format", "json"))["rows"]}
        self.assertLessEqual({f"laptop ({CLIENT_MAC})", f"laptop ({SECOND_MAC})"}, names)
        self.end(program)

    def test_two_addresses_of_one_device_by_the_settings(self):
        program = self.start_program(
            devices=f"[{{name: desk, addresses: ['{SECOND_MAC}', '{CLIENT_MAC}']}}]")
        self.send(self.lab.client, SERVER4)
        self.send(self.second, SERVER4)
        self.end(program)
        rows = collections.Counter(self.rows(
            "SELECT device, device_name FROM periods WHERE device_name IS NOT NULL AND aggregate = "
            "'devices' AND kind = 'key'"))
        self.assertEqual(set(rows), {(SECOND_MAC, "desk")})
        self.assertEqual(self.by_device()[SECOND_MAC][0], 2)


if __name__ == "__main__":
    case.main()
