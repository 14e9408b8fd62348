#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""AS numbers from a database: what nfdump and tshark read, behind NAT and while the file is replaced; with countries
in elements of one's own and in lines of a connection log."""

import json
import os
import pathlib
import shutil
import signal
import sys

import case
import collectors
import connection_lines
import ctflowd
import traffic
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, WAN4, wait_until

sys.path.append(str(pathlib.Path(__file__).parent.parent / "support"))
import mmdb  # pylint: disable=wrong-import-position

ELEMENTS = ("[sourceIPv4Address, destinationIPv4Address, sourceIPv6Address, destinationIPv6Address, "
            "sourceTransportPort, destinationTransportPort, protocolIdentifier, octetDeltaCount, "
            "packetDeltaCount, flowStartMilliseconds, flowEndMilliseconds, bgpSourceAsNumber, "
            "bgpDestinationAsNumber]")
PORTS = {case.IPFIX: 4739, case.NETFLOW9: 9995}
SERVER_AS, WAN_AS, CLIENT6_AS, SERVER6_AS = 4_200_000_001, 64496, 65551, 64511


def database(server_as=SERVER_AS):
    """The router's address is in a network of its own, the client's IPv4 address in none."""
    return mmdb.database({"203.0.113.0/24": mmdb.as_entry(server_as), f"{WAN4}/32": mmdb.as_entry(WAN_AS),
                          "2001:db8:1::/48": mmdb.as_entry(CLIENT6_AS),
                          "2001:db8:2::/48": mmdb.as_entry(SERVER6_AS)})


class AsNumbers(case.LabTest):
    def start(self):
        self.make_lab()
        self.file = os.path.join(self.directory, "as.mmdb")
        self.capture = collectors.Capture(self.lab.collector, self.directory)
        self.nfcapd = {protocol: collectors.Nfcapd(self.lab.collector, port, self.directory)
                       for protocol, port in PORTS.items()}
        for one in self.nfcapd.values():
            self.addCleanup(one.kill)

    def run_program(self):
        text = ctflowd.configuration(
            [ctflowd.Collector(protocol, port, protocol, settings={"elements": ELEMENTS})
             for protocol, port in PORTS.items()], enrich={"as_database": self.file})
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(self.program.kill)
        self.program.wait_for("started")

    def stop(self):
        self.lab.wait_for_idle()
        self.program.stop()
        for one in (*self.nfcapd.values(), self.capture):
            one.stop()
        for one in self.nfcapd.values():
            self.assertEqual(one.complaints(), {"sequence": 0, "bad": 0})

    def read_by_nfdump(self, protocol):
        """Source, destination and their AS numbers of each record."""
        text = self.nfcapd[protocol].nfdump("-o", "json")
        entries = json.loads(f"[{text}]") if text.startswith("{") else []
        return sorted((e.get("src4_addr", e.get("src6_addr")), e.get("dst4_addr", e.get("dst6_addr")),
                       e.get("src_as", 0), e.get("dst_as", 0)) for e in entries)

    def read_by_tshark(self, protocol):
        found = []
        for source, destination in (("cflow.srcaddr", "cflow.dstaddr"), ("cflow.srcaddrv6", "cflow.dstaddrv6")):
            lines = collectors.tshark(self.capture.path, PORTS.values(),
                                      f"udp.dstport == {PORTS[protocol]} && {source}", source, destination,
                                      "cflow.srcas", "cflow.dstas")
            for line in lines:
                columns = [column.split(",") for column in line.split("\t")]
                if len({len(column) for column in columns}) != 1:
                    continue  # records of both families in one message: the order is not known
                found += [(one, other, int(one_as), int(other_as)) for one, other, one_as, other_as in zip(*columns)]
        return sorted(found)

    def assert_read(self, expected):
        for protocol in PORTS:
            with self.subTest(protocol=protocol):
                self.assertEqual(self.read_by_nfdump(protocol), sorted(expected))

    def test_behind_nat(self):
        self.start()
        pathlib.Path(self.file).write_bytes(database())
        self.run_program()
        self.lab.rules("source_nat", f'oifname "wan" ip saddr {CLIENT4} masquerade')
        self.lab.rules("destination_nat", f"ip daddr {WAN4} udp dport 8080 dnat to {CLIENT4}:80")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100, 50), (300,))
        self.lab.wait_for_idle()  # a message for each: tshark does not say which value is of which record
        traffic.udp(self.lab.server, self.lab.client, WAN4, 8080, (70,), (80,), listen=(CLIENT4, 80))
        self.lab.wait_for_idle()
        traffic.udp(self.lab.client, self.lab.server, SERVER6, 53, (200,), (210,))
        self.stop()
        expected = [(CLIENT4, SERVER4, 0, SERVER_AS), (SERVER4, CLIENT4, SERVER_AS, 0),
                    (SERVER4, WAN4, SERVER_AS, WAN_AS), (WAN4, SERVER4, WAN_AS, SERVER_AS),
                    (CLIENT6, SERVER6, CLIENT6_AS, SERVER6_AS), (SERVER6, CLIENT6, SERVER6_AS, CLIENT6_AS)]
        self.assert_read(expected)
        for protocol in PORTS:
            with self.subTest(tshark=protocol):
                self.assertEqual(self.read_by_tshark(protocol), sorted(expected))

    def talk(self):
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,))
        self.lab.wait_for_idle()

    def test_the_file_is_replaced(self):
        self.start()
        self.run_program()  # there is none yet
        self.assertIn("database_unusable", self.program.log)
        self.talk()
        self.put(database(64500), 1)
        self.talk()
        # Over the file itself, and cut: it is mapped by who maps it.
        with open(self.file, "wb") as file:
            file.write(database(64501)[:300])
        wait_until(lambda: self.program.log.count("database_unusable") == 2, "a cut file to be refused")
        self.talk()
        self.program.process.send_signal(signal.SIGHUP)
        self.program.wait_for("reloaded")
        self.talk()
        shutil.copyfile(pathlib.Path(__file__).parent.parent / "data" / "mmdb" / "country.mmdb", self.file)
        wait_until(lambda: self.program.log.count("database_unusable") == 3, "another database to be refused")
        self.put(database(64502), 2)
        self.talk()
        self.stop()
        self.assert_read([(CLIENT4, SERVER4, 0, number) for number in (0, 64500, 64500, 64500, 64502)])

    def test_countries_and_lines(self):
        self.start()
        pathlib.Path(self.file).write_bytes(database())
        countries = os.path.join(self.directory, "country.mmdb")
        pathlib.Path(countries).write_bytes(mmdb.database(
            {"203.0.113.0/24": {"country": {"iso_code": "FR"}}, "2001:db8:1::/48": {"country": {"iso_code": "DE"}}},
            kind="GeoLite2-Country"))
        lines = os.path.join(self.directory, "lines.json")
        plain = os.path.join(self.directory, "plain.json")
        text = ctflowd.configuration(
            [ctflowd.Collector("main", PORTS[case.IPFIX], "ipfix", settings={
                "elements": "[octetDeltaCount, sourceCountry, destinationCountry]", "enterprise_number": 32473,
                "sampling_options": False, "statistics_options": False})],
            enrich={"as_database": self.file, "country_database": countries})
        text += (f"log_connections:\n  - {{name: with, to: file, path: {lines}, network_origins: true}}\n"
                 f"  - {{name: without, to: file, path: {plain}}}\n")
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(self.program.kill)
        self.program.wait_for("started")
        self.talk()
        traffic.udp(self.lab.client, self.lab.server, SERVER6, 53, (200,))
        self.stop()
        found = connection_lines.read(lines)
        validator = connection_lines.validator()
        for line in found:
            self.assertEqual(list(validator.iter_errors(line)), [])
        known = {line["responder"]["address"]: [
            (line[side].get("as"), line[side].get("country")) for side in ("initiator", "responder")] for line in found}
        self.assertEqual(known, {SERVER4: [(None, None), (SERVER_AS, "FR")],
                                 SERVER6: [(CLIENT6_AS, "DE"), (SERVER6_AS, None)]})
        for line in connection_lines.read(plain):
            for side in ("initiator", "responder"):
                self.assertFalse({"as", "country"} & set(line[side]), line)
        values = []
        for line in collectors.tshark(self.capture.path, PORTS.values(), "cflow.enterprise_private_entry",
                                      "cflow.enterprise_private_entry"):
            values += [bytes.fromhex(one.replace(":", "")) for one in line.split(",")]
        self.assertEqual(sorted(value for value in values if value), [b"DE", b"FR"])

    def put(self, octets, loads):
        """As geoipupdate does."""
        pathlib.Path(self.file + ".new").write_bytes(octets)
        os.rename(self.file + ".new", self.file)
        wait_until(lambda: self.program.log.count("database_loaded") == loads, "the database to be read")


if __name__ == "__main__":
    case.main()
