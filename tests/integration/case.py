# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests share: a lab, a session of export from start to stop, and the checks that hold for
every connection, whatever its kind."""

import argparse
import collections
import dataclasses
import os
import sys
import time
import unittest

import collectors
import ctflowd
import isolation
import kernel
import traffic
from lab import Lab

IPFIX, NETFLOW9 = "ipfix", "netflow9"
_PORTS = {IPFIX: 4739, NETFLOW9: 9995}
_ACCOUNT_PORTS = {IPFIX: 4740, NETFLOW9: 9996}

program = None  # the ctflowd under test


def main():
    """Runs the tests of the calling file in namespaces of their own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctflowd", required=True, help="the program under test")
    options, rest = parser.parse_known_args()
    isolation.enter()
    isolation.require("nfcapd", "nfdump", "nfacctd", "tshark")
    global program  # pylint: disable=global-statement
    program = os.path.abspath(options.ctflowd)
    unittest.main(module="__main__", argv=sys.argv[:1] + rest, verbosity=2)


@dataclasses.dataclass
class Result:
    connections: list  # kernel.Connection, all that ended; None if not watched
    records: dict  # protocol -> records that nfdump read
    sums: dict  # protocol -> records that nfacctd read
    nfcapd: dict  # protocol -> its complaints
    nfacctd: dict  # protocol -> its complaints
    totals: dict  # of ctflowd
    collector_totals: dict  # of ctflowd, by the collector's name
    capture: str
    ended: float  # Unix time


class Session:
    """ctflowd exporting to nfcapd and nfacctd by both protocols, and conntrack(8) watching."""

    def __init__(self, lab, directory, settings, watch=True, sections=None):
        self.lab = lab
        self._capture = collectors.Capture(lab.collector, directory)
        self._nfcapd = {protocol: collectors.Nfcapd(lab.collector, port, directory)
                        for protocol, port in _PORTS.items()}
        self._nfacctd = {protocol: collectors.Nfacctd(lab.collector, port, directory)
                         for protocol, port in _ACCOUNT_PORTS.items()}
        self._kernel = kernel.Listener(lab.router, directory) if watch else None
        self.configuration = ctflowd.configuration(
            [ctflowd.Collector(f"{kind}-{protocol}", port, protocol, settings=settings)
             for kind, ports in (("nfcapd", _PORTS), ("nfacctd", _ACCOUNT_PORTS))
             for protocol, port in ports.items()], **(sections or {}))
        self.ctflowd = ctflowd.Ctflowd(program, lab.router, directory, "run",
                                       config=self.configuration).wait_for("started")

    def finish(self, idle=True):
        """Waits for all connections to end, stops everything, reads what the collectors have."""
        if idle:
            self.lab.wait_for_idle()
        self.ctflowd.stop()
        for collector in (*self._nfcapd.values(), *self._nfacctd.values(), self._capture):
            collector.stop()
        return Result(self._kernel and self._kernel.stop(),
                      {name: collector.records() for name, collector in self._nfcapd.items()},
                      {name: collector.records() for name, collector in self._nfacctd.items()},
                      {name: collector.complaints() for name, collector in self._nfcapd.items()},
                      {name: collector.complaints() for name, collector in self._nfacctd.items()},
                      self.ctflowd.totals(), self.ctflowd.collector_totals(), self._capture.path,
                      time.time())

    @property
    def nfcapd(self):
        """The running nfcapd of each protocol."""
        return self._nfcapd

    def kill(self):
        """Ends what still runs, after a failure."""
        self.ctflowd.kill()
        for collector in (*self._nfcapd.values(), *self._nfacctd.values()):
            collector.kill()
        if self._kernel:
            self._kernel.kill()


class LabTest(unittest.TestCase):
    maxDiff = None

    def make_lab(self, **options):
        self.directory = f"/run/test-{time.monotonic_ns()}"
        os.mkdir(self.directory)
        self.lab = Lab(**options)
        self.addCleanup(self.lab.close)
        return self.lab

    def start(self, watch=True, sections=None, **settings):
        """Starts a session in self.lab; `settings` are those of the collectors, `sections` the other
        ones of the configuration. `watch` the kernel beside, unless more connections will end at
        once than conntrack(8) can read."""
        if not hasattr(self, "lab"):
            self.make_lab()
        self.zones = settings.get("zones", False)
        session = Session(self.lab, self.directory, settings, watch, sections)
        self.addCleanup(session.kill)
        return session

    def check(self, result, *sent):
        """Everything that must hold of any session. `sent`: what the generators returned."""
        self.assert_kernel_counted(result.connections, sent)
        expected = sorted(record for connection in result.connections
                          for record in self.records_of(connection))
        for protocol in (IPFIX, NETFLOW9):
            with self.subTest(protocol=protocol):
                got = result.records[protocol]
                self.assertEqual(sorted(comparable(record) for record in got),
                                 sorted(_as_shown(record, protocol) for record in expected))
                self.assertEqual(sums(got),
                                 (sum(r[5] for r in expected), sum(r[6] for r in expected)))
                self.assertEqual(result.nfcapd[protocol], {"sequence": 0, "bad": 0})
                self.assertEqual(result.nfacctd[protocol], [])
                ledger = result.collector_totals[f"nfcapd-{protocol}"]
                self.assertEqual((ledger["flows"], ledger["records"]),
                                 (len(result.connections), len(expected)))
                self.assertEqual((ledger["packets"], ledger["octets"]), sums(got))
                for record in got:
                    self.assertLessEqual(record.first, record.last)
                    self.assertLessEqual(record.last, result.ended)
                    if protocol == IPFIX:  # nfdump 1.7.1 does not read it from NetFlow v9
                        self.assertIn(record.end_reason, range(1, 6))
                self.assertEqual(five_tuples(result.sums[protocol]), five_tuples(got))
        self.assertEqual(result.totals["exported"], len(result.connections))
        self.assertEqual(result.totals["overruns"], 0)
        self.assertEqual(collectors.tshark_complaints(
            result.capture, (*_PORTS.values(), *_ACCOUNT_PORTS.values())), [])

    def assert_kernel_counted(self, connections, sent):
        """Kernel and generators agree to the octet; for TCP as far as the generator can know."""
        exact = collections.Counter((one.protocol, one.packets, one.octets)
                                    for one in sent if one.packets[0] is not None)
        counted = [(one.protocol, (one.original.packets, one.reply.packets),
                    (one.original.octets, one.reply.octets)) for one in connections]
        self.assertEqual(collections.Counter(c for c in counted if c[0] != 6), exact)
        streams = sorted(one.payload for one in sent if one.packets[0] is None)
        carried = sorted((c for c in counted if c[0] == 6), key=lambda c: c[2])
        for (_, packets, octets), payload in zip(carried, streams):
            for side in range(2):
                shortest, longest = traffic.TCP_HEADERS
                headers = octets[side] - payload[side]
                self.assertGreaterEqual(headers, packets[side] * (20 + shortest))
                self.assertLessEqual(headers, packets[side] * (40 + longest))
        self.assertEqual(len(carried), len(streams))

    def records_of(self, connection):
        """The records that must be exported of it, as comparable() gives them."""
        there, back = connection.original, connection.reply
        translated = (back.destination, back.destination_port, back.source, back.source_port)
        yield (connection.protocol, there.source, there.destination, there.source_port,
               there.destination_port, there.packets, there.octets, there.icmp or (),
               translated if connection.translated else (), self._zones(there.zone, back.zone))
        if back.packets:
            yield (connection.protocol, there.destination, there.source, there.destination_port,
                   there.source_port, back.packets, back.octets, back.icmp or (), (),
                   self._zones(back.zone, there.zone))

    def _zones(self, ingress, egress):
        return (ingress, egress) if self.zones else ()


def comparable(record):
    return (record.protocol, record.source, record.destination, record.source_port,
            record.destination_port, record.packets, record.octets, record.icmp or (),
            record.translated or (), record.zones or ())


def _as_shown(expected, protocol):
    """nfdump 1.7.1 does not read postNATSourceIPv6Address (281) and 282 from IPFIX."""
    translated = expected[8]
    if protocol == IPFIX and translated and ":" in translated[0]:
        translated = (None, translated[1], None, translated[3])
    return (*expected[:8], translated, *expected[9:])


def sums(records):
    return sum(record.packets for record in records), sum(record.octets for record in records)


def five_tuples(records):
    """Packets and octets by addresses, protocol and ports."""
    table = collections.defaultdict(lambda: [0, 0])
    for record in records:
        # pmacct writes ICMP type and code as ports, or not at all, by version
        ports = (0, 0) if record.icmp or record.protocol in (1, 58) else (record.source_port,
                                                                         record.destination_port)
        entry = table[(record.protocol, record.source, record.destination, *ports)]
        entry[0] += record.packets
        entry[1] += record.octets
    return dict(table)
