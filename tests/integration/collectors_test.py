#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The collectors do complain: each check of the other tests fails when it should."""

import contextlib
import socket
import struct
import time

import case
import collectors
from lab import COLLECTOR, IDLE_TIMEOUT, SERVER4
import kernel
import traffic

PORT, ACCOUNT_PORT = 4739, 4740
TEMPLATE = struct.pack("!HHHH14H", 2, 36, 256, 7, 8, 4, 12, 4, 1, 8, 2, 8, 7, 2, 11, 2, 4, 1)


def data(count, template=256):
    record = socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    record += struct.pack("!QQHHB", 100, 1, 1, 2, 17)
    return struct.pack("!HH", template, 4 + len(record) * count) + record * count


def message(sequence, sets, length=None):
    return struct.pack("!HHIII", 10, length or 16 + len(sets), int(time.time()), sequence, 1) + sets


class Complaints(case.LabTest):
    def judged(self, *messages):
        """What nfcapd and tshark say about an IPFIX session of these messages."""
        lab = self.make_lab()
        capture = collectors.Capture(lab.collector, self.directory)
        nfcapd = collectors.Nfcapd(lab.collector, PORT, self.directory)
        nfacctd = collectors.Nfacctd(lab.collector, ACCOUNT_PORT, self.directory)
        with contextlib.closing(lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for content in messages:
                sock.sendto(content, (COLLECTOR, PORT))
                sock.sendto(content, (COLLECTOR, ACCOUNT_PORT))
        nfcapd.stop()
        nfacctd.stop()
        capture.stop()
        self.records = nfcapd.records(), nfacctd.records()
        self.nfacctd_complaints = nfacctd.complaints()
        return nfcapd.complaints(), collectors.tshark_complaints(capture.path, (PORT, ACCOUNT_PORT))

    def test_none_about_a_good_session(self):
        complaints, marked = self.judged(message(0, TEMPLATE + data(3)), message(3, data(2)))
        self.assertEqual((complaints, marked), ({"sequence": 0, "bad": 0}, []))
        self.assertEqual(self.nfacctd_complaints, [])
        self.assertEqual([case.sums(records) for records in self.records], [(5, 500), (5, 500)])

    def test_lost_message(self):
        complaints, marked = self.judged(message(0, TEMPLATE + data(3)), message(5, data(2)))
        self.assertEqual(complaints["sequence"], 1)
        self.assertEqual(len(marked), 2)  # tshark counts too

    def test_not_flow_export_at_all(self):
        complaints, marked = self.judged(message(0, TEMPLATE + data(3)), b"nonsense, but long enough")
        self.assertEqual(complaints["bad"], 1)
        self.assertEqual(len(marked), 2)

    def test_template_longer_than_its_set(self):
        broken = bytearray(message(0, TEMPLATE + data(3)))
        broken[16 + 7] += 40
        _, marked = self.judged(bytes(broken))
        self.assertEqual(len(marked), 2)
        self.assertEqual(len(self.nfacctd_complaints), 1)

    def test_unknown_template(self):
        _, marked = self.judged(message(0, TEMPLATE + data(3)), message(3, data(2, template=300)))
        self.assertEqual(len(marked), 2)


class KernelListener(case.LabTest):
    def test_sees_every_connection(self):
        lab = self.make_lab()
        listener = kernel.Listener(lab.router, self.directory)
        sent = [traffic.udp(lab.client, lab.server, SERVER4, 53, (i,)) for i in range(5)]
        lab.wait_for_idle(IDLE_TIMEOUT + 20)
        connections = listener.stop()
        self.assert_kernel_counted(connections, sent)
        with self.assertRaises(AssertionError):
            self.assert_kernel_counted(connections, sent[:4])


if __name__ == "__main__":
    case.main()
