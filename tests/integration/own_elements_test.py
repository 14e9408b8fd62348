#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Elements that IANA does not have: what tshark reads in templates and records, of marks that the ruleset sets."""

import json
import subprocess
import threading

import case
import collectors
import ctflowd
import traffic
from lab import SERVER4, SERVER6, wait_until

ELEMENTS = "[octetDeltaCount, conntrackMark]"
NUMBER = 32473  # for documents, RFC 5612
UDP = 4739
# Each packet gives the connection a mark, its length.
SEND_TWICE = f"""
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(bytes(100), ({SERVER4!r}, 55))
    time.sleep(8)
    sender.sendto(bytes(150), ({SERVER4!r}, 55))
"""
MARKED, UNMARKED = 0xfedcba98, 0


class OwnElements(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.capture = collectors.Capture(self.lab.collector, self.directory)
        self.nfcapd = collectors.Nfcapd(self.lab.collector, UDP, self.directory)
        self.addCleanup(self.nfcapd.kill)
        self.lab.router.run("nft", "table inet marks { chain c { type filter hook prerouting priority mangle; "
                                   f"udp dport 53 ct mark set {MARKED:#x}; "
                                   "udp dport 55 ct mark set meta length; }; }")

    def run_program(self, source=None, **settings):
        settings = {"elements": ELEMENTS, "enterprise_number": NUMBER, "sampling_options": False,
                    "statistics_options": False, **settings}
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=ctflowd.configuration(
            [ctflowd.Collector("main", UDP, "ipfix", settings=settings)], source=source or {}))
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def stop(self, program):
        program.stop()
        self.capture.stop()
        self.nfcapd.stop()
        self.assertEqual(self.nfcapd.complaints(), {"sequence": 0, "bad": 0})  # it skips what it does not know

    def read(self, *fields):
        """The values of each field in all messages, in their order."""
        columns = [[] for _ in fields]
        for line in collectors.tshark(self.capture.path, (UDP,), f"udp.dstport == {UDP}", *fields):
            for column, text in zip(columns, line.split("\t")):
                column += text.split(",") if text else []
        return columns

    def records(self):
        """Octets and mark of each record."""
        octets, marks = self.read("cflow.octets", "cflow.enterprise_private_entry")
        self.assertEqual(len(octets), len(marks))
        return [(int(one), int(mark.replace(":", ""), 16)) for one, mark in zip(octets, marks)]

    def test_marks_at_the_end(self):
        program = self.run_program()
        path = self.lab.client, self.lab.server
        traffic.udp(*path, SERVER4, 53, (100,), (300,))
        traffic.udp(*path, SERVER6, 53, (101,), (301,))
        traffic.udp(*path, SERVER4, 54, (102,), (302,))
        self.lab.wait_for_idle()
        self.stop(program)
        pens, types = self.read("cflow.template_ipfix_field_pen", "cflow.template_ipfix_field_type_enterprise")
        self.assertEqual((set(pens), set(types)), ({str(NUMBER)}, {"1"}))
        self.assertEqual(sorted(self.records()), sorted(
            [(128, MARKED), (328, MARKED), (149, MARKED), (349, MARKED), (130, UNMARKED), (330, UNMARKED)]))
        self.assertEqual(collectors.tshark_complaints(self.capture.path, (UDP,)), [])

    def test_the_mark_is_that_of_the_report(self):
        for kind in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{kind}", 12)
        program = self.run_program(source={"active_timeout": "5s"})
        sending = threading.Thread(target=self.lab.client.run, args=("python3", "-c", SEND_TWICE))
        sending.start()
        wait_until(lambda: self.reported() >= 1, "an interim report")
        sending.join()
        self.lab.wait_for_idle()
        self.stop(program)
        self.assertEqual(self.records(), [(128, 128), (178, 178)])
        self.assertEqual(collectors.tshark_complaints(self.capture.path, (UDP,)), [])

    def reported(self):
        """Records that have left."""
        answer = subprocess.run([case.program, "status", "--json"], stdout=subprocess.PIPE, check=False, timeout=20)
        return json.loads(answer.stdout)["namespaces"][0]["collectors"][0]["counters"]["records"]

    def test_refused_without_a_number(self):
        for settings, text in (({"elements": ELEMENTS}, "expected with it enterprise_number"),
                               ({"elements": ELEMENTS, "protocol": "netflow9", "enterprise_number": NUMBER},
                                "conntrackMark exists only in IPFIX, this collector gets NetFlow v9")):
            protocol = settings.pop("protocol", "ipfix")
            program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "check", config=(
                ctflowd.configuration([ctflowd.Collector("main", UDP, protocol, settings=settings)])))
            self.addCleanup(program.kill)
            self.assertEqual(program.wait(), 2)
            self.assertIn(text, program.log)
        self.capture.stop()


if __name__ == "__main__":
    case.main()
