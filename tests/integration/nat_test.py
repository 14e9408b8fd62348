#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Translated connections: the inside addresses in the record, the outside ones in its NAT fields."""

import case
import traffic
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, WAN4, WAN6


class Nat(case.LabTest):
    def initiator(self, result, protocol, source, number):
        """The one record of the initiator `source`."""
        found = [record for record in result.records[protocol]
                 if record.source == source and record.protocol == number]
        self.assertEqual(len(found), 1, result.records[protocol])
        return found[0]

    def test_masquerade(self):
        self.make_lab().rules("source_nat", 'oifname "wan" masquerade')
        session = self.start()
        path = self.lab.client, self.lab.server
        sent = [traffic.tcp(*path, SERVER4, 80, 50_000, 100),
                traffic.udp(*path, SERVER4, 53, (100,), (200,)),
                traffic.echo(self.lab.client, SERVER4, (56, 100)),
                traffic.gre(*path, SERVER4),
                traffic.sctp(*path, SERVER4)]
        result = session.finish()
        self.check(result, *sent)
        for number in (1, 6, 17, 47, 132):
            for protocol in (case.IPFIX, case.NETFLOW9):
                record = self.initiator(result, protocol, CLIENT4, number)
                self.assertEqual(record.translated[0], WAN4)

    def test_source_nat_changes_ports(self):
        self.make_lab().rules("source_nat", f"udp dport 53 snat ip to {WAN4}:30000-30010")
        session = self.start()
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,),
                           source=(CLIENT4, 1053))
        result = session.finish()
        self.check(result, sent)
        for protocol in (case.IPFIX, case.NETFLOW9):
            record = self.initiator(result, protocol, CLIENT4, 17)
            address, port, *destination = record.translated
            self.assertEqual((record.source_port, address, destination),
                             (1053, WAN4, [SERVER4, 53]))
            self.assertIn(port, range(30000, 30011))

    def test_destination_nat(self):
        self.make_lab().rules("destination_nat",
                              f"ip daddr {WAN4} tcp dport 8080 dnat ip to {CLIENT4}:80",
                              f"ip daddr {WAN4} udp dport 5353 dnat ip to {CLIENT4}:53")
        session = self.start()
        path = self.lab.server, self.lab.client
        sent = [traffic.tcp(*path, WAN4, 8080, 3000, 40_000, listen=(CLIENT4, 80)),
                traffic.udp(*path, WAN4, 5353, (10, 20), (300,), listen=(CLIENT4, 53))]
        result = session.finish()
        self.check(result, *sent)
        for protocol in (case.IPFIX, case.NETFLOW9):
            record = self.initiator(result, protocol, SERVER4, 6)
            self.assertEqual((record.destination, record.destination_port), (WAN4, 8080))
            self.assertEqual(record.translated, (SERVER4, record.source_port, CLIENT4, 80))

    def test_ipv6(self):
        self.make_lab().rules("source_nat", f'ip6 saddr {CLIENT6} oifname "wan" masquerade')
        session = self.start()
        path = self.lab.client, self.lab.server
        sent = [traffic.tcp(*path, SERVER6, 80, 2000, 1000),
                traffic.udp(*path, SERVER6, 53, (100,), (200,)),
                traffic.echo(self.lab.client, SERVER6, (56, 100))]
        result = session.finish()
        self.check(result, *sent)
        record = self.initiator(result, case.NETFLOW9, CLIENT6, 17)
        self.assertEqual(record.translated, (WAN6, record.source_port, SERVER6, 53))


if __name__ == "__main__":
    case.main()
