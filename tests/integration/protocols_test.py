#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of every protocol the kernel tracks, without translation."""

import case
import traffic
from lab import SERVER4, SERVER6, CLIENT4


class Protocols(case.LabTest):
    def exported(self, *generators):
        session = self.start()
        sent = [generator(self.lab.client, self.lab.server) for generator in generators]
        result = session.finish()
        self.check(result, *sent)
        return result

    def test_tcp(self):
        result = self.exported(lambda *path: traffic.tcp(*path, SERVER4, 80, 300_000, 2_000),
                               lambda *path: traffic.tcp(*path, SERVER6, 80, 1, 200_000))
        reasons = {record.end_reason for record in result.records[case.IPFIX]}
        self.assertEqual(reasons, {3})  # end of Flow detected: both sides sent FIN

    def test_udp(self):
        result = self.exported(
            lambda *path: traffic.udp(*path, SERVER4, 53, (10, 20, 1472), (1, 1000)),
            lambda *path: traffic.udp(*path, SERVER6, 53, (0,), (1452,)))
        reasons = {record.end_reason for record in result.records[case.IPFIX]}
        self.assertEqual(reasons, {1})  # idle timeout

    def test_udp_one_way(self):
        result = self.exported(lambda *path: traffic.udp(*path, SERVER4, 514, (100, 200)),
                               lambda *path: traffic.udp(*path, SERVER6, 514, (300,)))
        self.assertEqual(len(result.records[case.IPFIX]), 2)  # none for a silent responder

    def test_icmp(self):
        self.exported(lambda client, _: traffic.echo(client, SERVER4, (0, 56, 1400)),
                      lambda client, _: traffic.echo(client, SERVER6, (0, 56, 1400)))

    def test_gre(self):
        self.exported(lambda *path: traffic.gre(*path, SERVER4))

    def test_sctp(self):
        self.exported(lambda *path: traffic.sctp(*path, SERVER4))

    def test_protocol_without_tracker(self):
        packets = [(True, bytes(100)), (False, bytes(7)), (True, bytes(3))]
        self.exported(lambda *path: traffic.raw(*path, SERVER4, 253, packets),
                      lambda *path: traffic.raw(*path, SERVER6, 253, packets))

    def test_udplite(self):
        session = self.start()
        try:
            sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 7000, (100, 1), (30,),
                               protocol=traffic.UDPLITE)
        except OSError as error:
            self.skipTest(f"this kernel has no UDP-Lite: {error}")
        if int(self.lab.router.read("/proc/sys/net/netfilter/nf_conntrack_count")) == 0:
            self.skipTest("this kernel does not track UDP-Lite")
        self.check(session.finish(), sent)

    def test_many_connections_at_once(self):
        count = 100  # several messages; as many events as conntrack -E can queue are 170
        result = self.exported(*[
            lambda *path, port=port: traffic.udp(*path, SERVER4, 9, (port % 1000,),
                                                 source=(CLIENT4, port))
            for port in range(20_000, 20_000 + count)])
        self.assertEqual(len(result.records[case.IPFIX]), count)


if __name__ == "__main__":
    case.main()
