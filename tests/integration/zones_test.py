#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Conntrack zones as ingressVRFID and egressVRFID."""

import case
import traffic
from lab import CLIENT4, SERVER4


class Zones(case.LabTest):
    def setUp(self):
        self.make_lab().rules(
            "raw_prerouting",
            "udp dport 5001 ct zone set 9", "udp sport 5001 ct zone set 9",
            "udp dport 5002 ct original zone set 7",
            "udp dport 5003 ct zone set 65535", "udp sport 5003 ct zone set 65535")
        self.lab.rules("source_nat", 'udp dport 5003 oifname "wan" masquerade')

    def exported(self, **settings):
        session = self.start(**settings)
        sent = [traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (50,))
                for port in (5000, 5001, 5002, 5003)]
        result = session.finish()
        self.check(result, *sent)
        return result

    def test_exported_when_configured(self):
        result = self.exported(zones=True)
        for protocol in (case.IPFIX, case.NETFLOW9):
            self.assertEqual({record.destination_port: record.zones
                              for record in result.records[protocol] if record.source == CLIENT4},
                             {5000: (0, 0), 5001: (9, 9), 5002: (7, 0), 5003: (65535, 65535)})

    def test_absent_by_default(self):
        result = self.exported()
        self.assertEqual({record.zones for records in result.records.values() for record in records},
                         {None})


if __name__ == "__main__":
    case.main()
