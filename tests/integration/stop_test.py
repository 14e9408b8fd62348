#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stopping: what the kernel has told by then is exported, in time."""

import contextlib
import socket

import case
import isolation
import traffic
from lab import SERVER4


class Stop(case.LabTest):
    def one_way(self, count):
        """`count` connections of one datagram each, from one port after the other."""
        packets, octets = 0, 0
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sink:
            sink.bind((SERVER4, 9))
            for i in range(count):
                with contextlib.closing(self.lab.client.socket(socket.AF_INET,
                                                               socket.SOCK_DGRAM)) as sock:
                    sock.bind(("", 20_000 + i))
                    sock.sendto(bytes(i % 1000), (SERVER4, 9))
                packets += 1
                octets += traffic.IP_HEADER[socket.AF_INET] + traffic.UDP_HEADER + i % 1000
        return packets, octets

    def test_under_load(self):
        # So slow a timer that only the stop itself can flush.
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 60)
        session = self.start(watch=False, flush_after="60s")
        expected = self.one_way(5000 if isolation.privileged() else 150)
        self.lab.router.run("conntrack", "-F")  # all end at once; the program has no time to read
        result = session.finish(idle=False)
        for protocol, records in result.records.items():
            with self.subTest(protocol=protocol):
                self.assertEqual(case.sums(records), expected)
                self.assertEqual(result.nfcapd[protocol], {"sequence": 0, "bad": 0})

    def test_at_rest(self):
        session = self.start()
        result = session.finish()
        self.assertEqual(result.records, {case.IPFIX: [], case.NETFLOW9: []})
        self.assertLess(session.ctflowd.stop_seconds, 1)


if __name__ == "__main__":
    case.main()
