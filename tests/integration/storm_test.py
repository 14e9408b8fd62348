#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Storms: more connections end at once than ctflowd has room or time for, and all are accounted."""

import contextlib
import os
import re
import signal
import socket
import struct
import time

import case
import ctflowd
import datagrams
import ipfix
import isolation
import traffic
from lab import CLIENT4, COLLECTOR, SERVER4, wait_until

# A million takes a minute, and a kernel with room for it (net.netfilter.nf_conntrack_max).
COUNT = int(os.environ.get("CTFLOWD_STORM", 30_000 if isolation.privileged() else 2_000))
PORTS = 60_000  # connections from one source port
SIZE = 40
OCTETS = traffic.IP_HEADER[socket.AF_INET] + traffic.UDP_HEADER + SIZE


class Storm(case.LabTest):
    def start_storm(self, **source):
        """A session without conntrack(8) beside: it would lose events, and they are counted for all
        listeners of the namespace in reliable mode."""
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        return self.start(watch=False, sections={"source": source})

    def fill(self, count):
        """`count` connections of one datagram each, none of which ends by itself."""
        with contextlib.ExitStack() as stack:
            for start in range(0, count, PORTS):
                sock = stack.enter_context(contextlib.closing(
                    self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)))
                for port in range(1, 1 + min(PORTS, count - start)):
                    with contextlib.suppress(ConnectionRefusedError):
                        sock.sendto(bytes(SIZE), (SERVER4, port))
        wait_until(lambda: self.entries() == count, f"{count} connections", 60)

    def entries(self):
        return int(self.lab.router.read("/proc/sys/net/netfilter/nf_conntrack_count"))

    @staticmethod
    def logged(session, key):
        """The values of a key in the lines of the log that have it."""
        return [int(value) for value in re.findall(rf" {key}=(\d+)", session.ctflowd.log)]

    def flush_while_stopped(self, session, seconds=1.0):
        """Ends all connections while ctflowd does not run."""
        os.kill(session.ctflowd.process.pid, signal.SIGSTOP)
        try:
            self.lab.router.run("conntrack", "-F")
            time.sleep(seconds)
        finally:
            os.kill(session.ctflowd.process.pid, signal.SIGCONT)

    def assert_accounted(self, result, count):
        """What the kernel ended is exported or in the ledger as lost."""
        ledger = result.totals
        self.assertEqual(ledger["ended"] + ledger["lost_overrun"], count)
        self.assertEqual(ledger["exported"], ledger["ended"])
        self.assert_collected(result)

    def assert_collected(self, result):
        ledger = result.totals
        for protocol, records in result.records.items():
            with self.subTest(protocol=protocol):
                self.assertEqual(case.sums(records),
                                 (ledger["exported"], ledger["exported"] * OCTETS))
                self.assertEqual(result.nfcapd[protocol], {"sequence": 0, "bad": 0})

    def test_small_buffer_loses_and_says_how_many(self):
        session = self.start_storm(receive_buffer="64KiB", receive_buffer_limit="64KiB")
        self.fill(COUNT)
        self.flush_while_stopped(session)
        session.ctflowd.wait_for("events_lost")
        result = session.finish(idle=False)
        self.assert_accounted(result, COUNT)
        self.assertGreater(result.totals["lost_overrun"], COUNT // 2)
        self.assertGreater(result.totals["overruns"], 0)

    def test_a_collector_learns_at_the_stop_of_what_was_lost(self):
        count = 2000
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        collector = datagrams.Collector(self.lab.collector, 4739, COLLECTOR)
        self.addCleanup(collector.stop)
        config = (f"collectors: [{{name: first, address: {COLLECTOR}, port: 4739, protocol: ipfix}}]\n"
                  "source: {receive_buffer: 64KiB, receive_buffer_limit: 64KiB}\n")
        daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=config)
        self.addCleanup(daemon.kill)
        daemon.wait_for("started")
        self.fill(count)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        self.lab.router.run("conntrack", "-F")
        os.kill(daemon.process.pid, signal.SIGCONT)
        daemon.wait_for("events_lost")
        daemon.stop()
        lost = daemon.totals()["lost_overrun"]
        self.assertGreater(lost, count // 2)
        not_sent = 166
        wait_until(lambda: any(not_sent in record for session in collector.senders.values()
                               for record in session.option_records), "statistics")
        [session] = collector.senders.values()
        [statistics] = [record for record in session.option_records if not_sent in record]
        self.assertEqual(ipfix.number(statistics, not_sent), lost)
        self.assertEqual(collector.gaps, [])

    def test_lost_ends_of_remembered_connections_are_found_at_once(self):
        count = 1000
        session = self.start_storm(receive_buffer="64KiB", receive_buffer_limit="64KiB",
                                   active_timeout="10s")
        self.fill(count)
        time.sleep(12)  # all of them are reported while they live, and remembered
        self.flush_while_stopped(session)
        began = time.monotonic()
        # A scan that was on its way may end first, and misses only what came after the storm.
        session.ctflowd.wait_for("events_lost")
        wait_until(lambda: sum(self.logged(session, "reconciled")) == self.logged(session, "lost")[-1],
                   "all lost ends to be found")
        self.assertLess(time.monotonic() - began, 6)  # scans are 4.75 s apart, and two are needed
        result = session.finish(idle=False)
        ledger = result.totals
        self.assertEqual(ledger["ended"] + ledger["lost_overrun"], count)
        self.assertEqual(ledger["reconciled"], ledger["lost_overrun"])
        self.assertEqual(ledger["exported"], count)  # nothing came after the reports
        self.assertEqual(ledger["already_reported"], ledger["ended"])
        self.assert_collected(result)

    def test_buffer_grows(self):
        session = self.start_storm(receive_buffer="64KiB", receive_buffer_limit="256MiB")
        for _ in range(3):
            self.fill(COUNT // 10)
            self.lab.router.run("conntrack", "-F")
        # Whatever was lost until the buffer had grown is known.
        result_log = session.ctflowd.wait_for("receive_buffer_grown").log
        self.assertIn("receive_buffer_grown", result_log)
        result = session.finish(idle=False)
        self.assert_accounted(result, 3 * (COUNT // 10))

    def test_large_buffer_loses_nothing(self):
        session = self.start_storm(receive_buffer="256MiB", receive_buffer_limit="256MiB")
        self.fill(COUNT)
        self.flush_while_stopped(session)
        result = session.finish(idle=False)
        self.assert_accounted(result, COUNT)
        self.assertEqual(result.totals["lost_overrun"], 0)

    def test_whole_table_at_once(self):
        session = self.start_storm(receive_buffer="256MiB", receive_buffer_limit="1GiB")
        self.fill(COUNT)
        began = time.monotonic()
        self.lab.router.run("conntrack", "-F")
        wait_until(lambda: self.entries() == 0, "the table to be empty", 60)
        seconds = time.monotonic() - began
        result = session.finish(idle=False)
        print(f"{COUNT} connections ended in {seconds:.2f} s, {result.totals['lost_overrun']} lost",
              flush=True)
        self.assert_accounted(result, COUNT)

    def test_reliable_delivery_loses_nothing_with_a_small_buffer(self):
        session = self.start_storm(receive_buffer="64KiB", receive_buffer_limit="64KiB",
                                   delivery="reliable")
        self.fill(COUNT)
        self.flush_while_stopped(session)
        wait_until(lambda: self.entries() == 0, "the kernel to deliver all events", 60)
        result = session.finish(idle=False)
        self.assert_accounted(result, COUNT)
        self.assertEqual(result.totals["lost_overrun"], 0)
        self.assertGreater(result.totals["retried"], 0)

    def test_reliable_delivery_loses_nothing_at_the_stop(self):
        """Most ends are still on the kernel's list then; when nobody listens any more it takes them
        for delivered."""
        session = self.start_storm(receive_buffer="64KiB", receive_buffer_limit="64KiB",
                                   delivery="reliable")
        self.fill(COUNT)
        self.flush_while_stopped(session)
        session.ctflowd.stop(limit=30)  # it has all of them to read
        result = session.finish(idle=False)
        ledger = result.totals
        self.assertEqual(ledger["ended"] - ledger["repeated"], COUNT)
        self.assertEqual(ledger["exported"], COUNT)
        self.assertEqual(ledger["lost_overrun"], 0)
        self.assert_collected(result)

    def test_a_port_scan_hides_no_connection_that_was_reported(self):
        """More ends between two parts of a scan than were once kept: the connections of the part
        counted as vanished, and what they had counted was exported again."""
        lasting = 200
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        sink = self.lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)  # nobody reads it
        self.addCleanup(sink.close)
        sink.bind((COLLECTOR, 4739))
        program = ctflowd.Ctflowd(
            case.program, self.lab.router, self.directory, "run", config=ctflowd.configuration(
                [ctflowd.Collector("one", 4739, "ipfix")],
                source={"receive_buffer": "256MiB", "receive_buffer_limit": "256MiB",
                        "active_timeout": "10s"})).wait_for("started")
        self.addCleanup(program.kill)
        sock = self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)

        def send():
            for port in range(1, 1 + lasting):
                sock.sendto(bytes(SIZE), (SERVER4, port))

        send()
        time.sleep(12)  # all of them are reported while they live, and remembered
        self.scan_ports(20)  # longer than four scans; entries of the port scan end at once
        send()
        self.lab.router.run("conntrack", "-F")
        time.sleep(1)
        program.stop(limit=30)
        ledger = program.totals()
        scanned = ledger["ended"] - lasting
        self.assertGreater(scanned, 50_000)
        self.assertEqual(ledger["reconciled"], 0)
        self.assertEqual(ledger["lost_overrun"], 0)
        sent = program.collector_totals()["one"]["packets"]
        self.assertEqual(sent, 2 * lasting + 2 * scanned)  # SYN and RST

    def scan_ports(self, seconds):
        """SYNs to closed ports, as many as go; the RST removes each entry at once."""
        addresses = socket.inet_aton(CLIENT4) + socket.inet_aton(SERVER4)
        raw = self.lab.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        with contextlib.closing(raw):
            raw.connect((SERVER4, 0))
            segments = [_syn(addresses, source, port)
                        for source in range(20_000, 20_004) for port in range(2_000, 10_000)]
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for segment in segments:
                    raw.send(segment)


def _syn(addresses, source, destination):
    def segment(checksum):
        return struct.pack("!HHIIBBHHH", source, destination, 1, 0, 5 << 4, 2, 1024, checksum, 0)
    words = addresses + struct.pack("!HH", socket.IPPROTO_TCP, 20) + segment(0)
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return segment(total ^ 0xffff)


if __name__ == "__main__":
    case.main()
