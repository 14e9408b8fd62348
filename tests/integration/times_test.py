#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Start and end are those of the packets, not those of the connection table."""

import time

import case
import traffic
from lab import CLIENT4, IDLE_TIMEOUT, SERVER4

CLOCK = 0.05  # between the clocks of this program and of the kernel's packets
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
