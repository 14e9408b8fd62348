#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong on the way to a collector, and that the ledger tells the truth of it."""

import time

import case
import collectors
import ctflowd
import traffic
from lab import COLLECTOR, SERVER4, wait_until
from name_server import NameServer

OTHER = "192.0.2.3"  # a second address of the collector's host
NAME = "collector.test"


class Faults(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.lab.collector.run("ip", "addr", "add", f"{OTHER}/24", "dev", "eth0")
        for hook, side in (("raw_output", "daddr"), ("raw_prerouting", "saddr")):
            self.lab.rules(hook, f"ip {side} {OTHER} notrack")

    def start_program(self, address, **settings):
        # Templates with each message: whoever is new reads the very first.
        collector = ctflowd.Collector("one", 4739, "ipfix", address=address, settings={
            "template_messages": 1, "sampling_options": False, "statistics_options": False,
            **settings})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration([collector]))
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def nfcapd(self, address):
        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory, address=address)
        self.addCleanup(nfcapd.kill)
        return nfcapd

    def name_server(self, address):
        server = NameServer(self.lab.router, self.directory, address)
        self.addCleanup(server.close)
        # Its own queries are connections, too.
        self.lab.rules("raw_output", "ip daddr 127.0.0.1 notrack", "ip saddr 127.0.0.1 notrack")
        return server

    def talk(self, *ports):
        """One connection to each port, ended; what was sent."""
        sent = [traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (200,))
                for port in ports]
        self.lab.wait_for_idle()
        time.sleep(0.4)  # the message leaves within flush_after
        return sum(sum(one.packets) for one in sent), sum(sum(one.octets) for one in sent)

    def assert_balanced(self, program):
        """Whatever was offered left this host or is told as lost."""
        totals = program.collector_totals()["one"]
        self.assertEqual(totals["offered"], totals["flows"] + totals["lost_would_block"]
                         + totals["lost_unresolved"] + totals["lost_send_error"])
        self.assertEqual(totals["offered"], program.totals()["exported"])
        return totals

    def test_address_changes_by_dns(self):
        first, second = self.nfcapd(COLLECTOR), self.nfcapd(OTHER)
        names = self.name_server(COLLECTOR)
        program = self.start_program(NAME, resolve_interval="1s")
        before = self.talk(100)
        names.address = OTHER
        wait_until(lambda: program.log.count("collector_resolved") == 2, "the new address")
        after = self.talk(200, 201)
        program.stop()
        for nfcapd, sent in ((first, before), (second, after)):
            nfcapd.stop()
            self.assertEqual(case.sums(nfcapd.records()), sent)
            self.assertEqual(nfcapd.complaints()["bad"], 0)
        self.assertEqual(self.assert_balanced(program)["flows"], 3)

    def test_name_server_dies(self):
        """An address that worked is better than none."""
        nfcapd = self.nfcapd(COLLECTOR)
        names = self.name_server(COLLECTOR)
        program = self.start_program(NAME, resolve_interval="1s")
        before = self.talk(100)
        names.address = None
        program.wait_for("collector_unresolved")
        after = self.talk(200)
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), tuple(map(sum, zip(before, after))))
        self.assert_balanced(program)

    def test_interface_flaps_during_lookup(self):
        nfcapd = self.nfcapd(COLLECTOR)
        names = self.name_server(None)
        program = self.start_program(NAME, resolve_interval="1s")
        for _ in range(10):
            self.lab.router.run("ip", "link", "set", "export", "down")
            time.sleep(0.1)
            self.lab.router.run("ip", "link", "set", "export", "up")
        self.talk(100)  # has nowhere to go
        names.address = COLLECTOR
        program.wait_for("collector_resolved")
        after = self.talk(200)
        self.lab.router.run("ip", "link", "set", "export", "down")
        self.talk(300)
        self.lab.router.run("ip", "link", "set", "export", "up")
        last = self.talk(400)
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), tuple(map(sum, zip(after, last))))
        totals = self.assert_balanced(program)
        self.assertEqual((totals["lost_unresolved"], totals["lost_send_error"]), (1, 1))

    def test_black_hole(self):
        """Over UDP nobody notices, except the collector by the gap in the sequence."""
        nfcapd = self.nfcapd(COLLECTOR)
        program = self.start_program(COLLECTOR)
        before = self.talk(100)
        self.lab.collector.run("nft", "-f", "-", input="add table inet hole\n"
                               "add chain inet hole in { type filter hook input priority 0; }\n"
                               "add rule inet hole in udp dport 4739 drop\n")
        self.talk(200, 201)
        self.lab.collector.run("nft", "delete", "table", "inet", "hole")
        after = self.talk(300)
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), tuple(map(sum, zip(before, after))))
        self.assertEqual(self.assert_balanced(program)["flows"], 4)
        self.assertEqual(nfcapd.complaints(), {"sequence": 1, "bad": 0})

    def test_device_is_made_anew(self):
        """The socket finds its way over another device with the same address."""
        nfcapd = self.nfcapd("0.0.0.0")
        program = self.start_program(COLLECTOR)
        before = self.talk(100)
        self.lab.router.run("ip", "link", "delete", "export")
        self.talk(200)
        self.lab.link(self.lab.collector, "export",
                      ("192.0.2.1", 24), (COLLECTOR, 24))
        self.talk(300)  # tells that the old socket is of no use, if it is
        after = self.talk(400)
        program.stop()
        nfcapd.stop()
        records = nfcapd.records()
        self.assertEqual(case.sums([r for r in records if 400 in (r.source_port,
                                                                  r.destination_port)]), after)
        self.assertEqual(case.sums([r for r in records if 100 in (r.source_port,
                                                                  r.destination_port)]), before)
        totals = self.assert_balanced(program)
        self.assertGreaterEqual(totals["lost_send_error"], 1)
        self.assertEqual(totals["flows"] * 2, len(records))


if __name__ == "__main__":
    case.main()
