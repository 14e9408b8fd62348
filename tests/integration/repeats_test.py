#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Events that the kernel sends again, because some listener asked for reliable delivery and is slow:
everything is exported once, whoever that listener is."""

import contextlib
import os
import signal
import socket
import time

import case
import collectors
import ctflowd
import traffic
from lab import SERVER4, wait_until

COUNT = 300
SIZE = 40
OCTETS = traffic.IP_HEADER[socket.AF_INET] + traffic.UDP_HEADER + SIZE

_NETLINK_NETFILTER = 12
_SOL_NETLINK, _BROADCAST_ERROR, _NO_ENOBUFS = 270, 4, 5
_DESTROY_GROUP = 1 << 2


class SlowListener:
    """A program with reliable delivery, as conntrackd or ulogd, and room for some two events."""

    def __init__(self, namespace):
        self._socket = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self._socket.setsockopt(_SOL_NETLINK, _BROADCAST_ERROR, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 1)
        self._socket.bind((0, _DESTROY_GROUP))
        self._socket.setblocking(False)

    def read(self):
        """All that is there now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(65536)

    def close(self):
        self._socket.close()


class Repeats(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        self.nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(self.nfcapd.kill)

    def start_program(self, **source):
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", settings={"sampling_options": False})],
            source={"state_file": f"{self.directory}/state", **source})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def slow_listener(self):
        listener = SlowListener(self.lab.router)
        self.addCleanup(listener.close)
        return listener

    def send(self, sock, count=COUNT):
        """One datagram to each of `count` ports."""
        for port in range(1, 1 + count):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(bytes(SIZE), (SERVER4, port))
                    break

    def fill(self):
        """COUNT connections of one datagram each; the socket to send more."""
        self.lab.server.run("nft", "add table ip quiet; add chain ip quiet in "
                            "{ type filter hook input priority 0; }; "
                            "add rule ip quiet in udp dport < 1024 drop")
        sock = self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        self.send(sock)
        wait_until(lambda: self.entries() == COUNT, f"{COUNT} connections")
        return sock

    def entries(self):
        """Also counts those that ended and wait for the delivery of their event."""
        return int(self.lab.router.read("/proc/sys/net/netfilter/nf_conntrack_count"))

    def drain(self, listener):
        def empty():
            listener.read()
            return self.entries() == 0
        wait_until(empty, "the kernel to deliver all events", 60)

    def assert_exported(self, program, packets):
        """All that was sent was exported, once."""
        ledger = program.totals()
        self.nfcapd.stop()
        self.assertEqual(case.sums(self.nfcapd.records()), (packets, packets * OCTETS))
        self.assertEqual(self.nfcapd.complaints()["bad"], 0)
        return ledger

    def test_another_program_is_slow(self):
        program = self.start_program()
        listener = self.slow_listener()
        self.fill()
        self.lab.router.run("conntrack", "-F")
        self.assertGreater(self.entries(), COUNT // 2, "the kernel holds what the other one lacks")
        time.sleep(3)  # it tries one of them again and again
        self.drain(listener)
        program.wait_for("events_repeated")
        time.sleep(0.5)
        program.stop()
        ledger = self.assert_exported(program, COUNT)
        self.assertEqual(ledger["ended"], COUNT + ledger["repeated"])
        self.assertEqual(ledger["exported"], COUNT)
        self.assertGreater(ledger["repeated"], COUNT // 2)
        self.assertEqual(ledger["repeats_unknown"], 0)

    def test_what_waits_for_delivery_to_us_has_not_vanished(self):
        """We have no room either, and passes over the table go on meanwhile."""
        program = self.start_program(active_timeout="5s", delivery="reliable",
                                     receive_buffer="64KiB", receive_buffer_limit="64KiB")
        sock = self.fill()
        time.sleep(8)  # all are reported while they live, and remembered
        self.send(sock)
        listener = self.slow_listener()
        os.kill(program.process.pid, signal.SIGSTOP)
        try:
            self.lab.router.run("conntrack", "-F")
        finally:
            os.kill(program.process.pid, signal.SIGCONT)
        self.assertGreater(self.entries(), COUNT // 2)
        time.sleep(8)  # three passes do not meet them
        self.assertGreater(self.entries(), COUNT // 2)
        self.drain(listener)
        time.sleep(0.5)
        program.stop()
        ledger = self.assert_exported(program, 2 * COUNT)
        self.assertEqual(ledger["reconciled"], 0)
        self.assertEqual(ledger["ended"], COUNT + ledger["repeated"])

    def test_a_restart_knows_what_may_come_again(self):
        program = self.start_program()
        listener = self.slow_listener()
        self.fill()
        self.lab.router.run("conntrack", "-F")
        time.sleep(1.5)
        program.stop()
        self.assertGreater(self.entries(), COUNT // 2)
        second = self.start_program()
        self.drain(listener)
        time.sleep(0.5)
        second.stop()
        self.assertGreater(second.totals()["repeated"], COUNT // 2)
        self.assert_exported(program, COUNT)

    def test_what_waits_for_delivery_is_exported_at_the_stop(self):
        program = self.start_program(delivery="reliable", receive_buffer="64KiB",
                                     receive_buffer_limit="64KiB")
        self.slow_listener()
        self.fill()
        os.kill(program.process.pid, signal.SIGSTOP)
        try:
            self.lab.router.run("conntrack", "-F")
        finally:
            os.kill(program.process.pid, signal.SIGCONT)
        program.stop()
        self.assert_exported(program, COUNT)


if __name__ == "__main__":
    case.main()
