# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of `elements` share: a collector of each protocol that is asked for them, and a capture beside."""

import json

import case
import collectors
import ctflowd

PORTS = {case.IPFIX: 4739, case.NETFLOW9: 9995}


def configuration(elements, **sections):
    """Of a collector for each protocol, as ctflowd.configuration()."""
    return ctflowd.configuration([ctflowd.Collector(protocol, port, protocol, settings={"elements": elements})
                                  for protocol, port in PORTS.items()], **sections)


class ElementsTest(case.LabTest):
    def listen(self):
        self.capture = collectors.Capture(self.lab.collector, self.directory)
        self.nfcapd = {protocol: collectors.Nfcapd(self.lab.collector, port, self.directory)
                       for protocol, port in PORTS.items()}
        for one in self.nfcapd.values():
            self.addCleanup(one.kill)

    def stop_listening(self):
        for one in (*self.nfcapd.values(), self.capture):
            one.stop()

    def run_program(self, text):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def read_by_nfdump(self, protocol, source, destination, unknown):
        """Addresses of each record, and what it says of both under these names of nfdump's JSON."""
        text = self.nfcapd[protocol].nfdump("-o", "json")
        entries = json.loads(f"[{text}]") if text.startswith("{") else []
        return sorted((e.get("src4_addr", e.get("src6_addr")), e.get("dst4_addr", e.get("dst6_addr")),
                       e.get(source, unknown), e.get(destination, unknown)) for e in entries)

    def read_by_tshark(self, protocol, source, destination):
        """The same under these names of tshark, as text. Each message is to have records of one connection: tshark
        does not say which value is of which record."""
        found = []
        for addresses in (("cflow.srcaddr", "cflow.dstaddr"), ("cflow.srcaddrv6", "cflow.dstaddrv6")):
            for line in collectors.tshark(self.capture.path, PORTS.values(),
                                          f"udp.dstport == {PORTS[protocol]} && {addresses[0]}", *addresses, source,
                                          destination):
                columns = [column.split(",") for column in line.split("\t")]
                self.assertEqual(len({len(column) for column in columns}), 1, line)
                found += zip(*columns)
        return sorted(found)
