#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Start and end are those of the packets, not those of the connection table."""

import contextlib
import socket
import struct
import sys
import time

import case
import traffic
from lab import CLIENT4, IDLE_TIMEOUT, SERVER4

CLOCK = 0.05  # between the clocks of this program and of the kernel's packets
SILENCE = 0.3  # before the end
EXACT = 0.25  # the timeout is known to the tick; the rest is this machine's load
ESTIMATE = 1.1  # a stock kernel tells what was left of a timeout in whole seconds


class Times(case.LabTest):
    def send(self):
        """A connection and the times before and after its packets."""
        began = time.time()
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,),
                           source=(CLIENT4, 1053))
        return sent, began, time.time()

    def assert_times(self, result, began, ended):
        for protocol, records in result.records.items():
            for record in records:
                with self.subTest(protocol=protocol, source=record.source):
                    self.assertGreaterEqual(record.first, began - CLOCK)
                    self.assertLessEqual(record.first, ended + CLOCK)
                    self.assertGreaterEqual(record.last, record.first)
                    self.assertLess(abs(record.last - ended), ESTIMATE)

    def test_expired(self):
        self.assertGreater(IDLE_TIMEOUT, ESTIMATE)  # the kernel's stop would fail
        session = self.start()
        sent, began, ended = self.send()
        result = session.finish()
        self.check(result, sent)
        self.assert_times(result, began, ended)

    def test_deleted(self):
        session = self.start()
        sent, began, ended = self.send()
        time.sleep(IDLE_TIMEOUT - 0.5)  # idle time that must not be exported
        self.lab.router.run("conntrack", "-D", "-p", "udp")
        result = session.finish()
        self.check(result, sent)
        self.assert_times(result, began, ended)
        self.assertEqual({record.end_reason for record in result.records[case.IPFIX]}, {4})  # forced

    def last_packets(self, result, began, last, bound):
        """Every record ends at the last packet, which was at `last`, within `bound` seconds."""
        self.assertEqual(len(result.connections), 1)
        for protocol, records in result.records.items():
            self.assertTrue(records)
            for record in records:
                with self.subTest(protocol=protocol, source=record.source):
                    self.assertLess(abs(record.first - began), CLOCK)
                    print(f" error={record.last - last:+.3f}s", end="", file=sys.stderr)
                    self.assertLess(abs(record.last - last), bound)

    def test_udp_one_way(self):
        session = self.start()
        began = time.time()
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for _ in range(3):
                sock.sendto(b"x", (SERVER4, 9))
                last = time.time()
                time.sleep(0.3)
        self.last_packets(session.finish(), began, last, EXACT)

    def test_udp_stream(self):
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout_stream", 2 * IDLE_TIMEOUT)
        session = self.start()
        began = time.time()
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here, \
             contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there:
            there.bind((SERVER4, 53))
            # The kernel takes it for a stream after two seconds (nf_conntrack_udp_packet()).
            for _ in range(9):
                here.sendto(b"x", (SERVER4, 53))
                _, peer = there.recvfrom(10)
                there.sendto(b"x", peer)
                last = time.time()
                time.sleep(0.3)
        self.last_packets(session.finish(), began, last, EXACT)

    def test_icmp(self):
        session = self.start()
        began = time.time()
        traffic.echo(self.lab.client, SERVER4, (10, 10))
        last = time.time()
        self.last_packets(session.finish(), began, last, EXACT)

    def tcp(self, end):
        """A TCP connection that is ended by `end(here, there)`, which may return the time of the
        last packet; when it began, that time, and both sockets."""
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_STREAM)) as wait:
            wait.bind((SERVER4, 80))
            wait.listen()
            here = self.lab.client.socket(socket.AF_INET, socket.SOCK_STREAM)
            began = time.time()
            here.connect((SERVER4, 80))
            there, _ = wait.accept()
            time.sleep(0.3)
            here.sendall(b"question")
            there.recv(8, socket.MSG_WAITALL)
            there.sendall(b"answer")
            here.recv(6, socket.MSG_WAITALL)
            time.sleep(SILENCE)
            last = end(here, there) or time.time()
            return began, last, (here, there)

    def test_tcp_closed_by_both(self):
        def close(here, there):
            here.close()
            there.recv(1)
            there.close()
        session = self.start()
        began, last, _ = self.tcp(close)
        self.last_packets(session.finish(), began, last, EXACT)

    def test_tcp_reset(self):
        def reset(here, there):
            here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            here.close()
            last = time.time()
            there.close()
            return last
        session = self.start()
        began, last, _ = self.tcp(reset)
        self.last_packets(session.finish(), began, last, EXACT)

    def test_tcp_idle(self):
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_tcp_timeout_established", 2 * IDLE_TIMEOUT)
        session = self.start()
        # The last packet acknowledges the answer, SILENCE before; it may be delayed by 40 ms.
        began, last, sockets = self.tcp(lambda *_: time.time() - SILENCE)
        result = session.finish()
        for sock in sockets:
            sock.close()
        self.last_packets(result, began, last, EXACT)

    def test_without_kernel_timestamps(self):
        self.make_lab(timestamps=False)
        session = self.start()
        began = time.time()
        sent, *_ = self.send()
        result = session.finish()
        self.check(result, sent)
        self.assertEqual(result.totals["end_from_event"], 1)
        self.assertEqual([connection.timed for connection in result.connections], [False])
        for records in result.records.values():
            self.assertTrue(records)
            for record in records:
                self.assertGreaterEqual(record.first, began - CLOCK)


if __name__ == "__main__":
    case.main()
