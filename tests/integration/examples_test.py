#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""config/examples, as they are but for addresses and directories: each exports what the kernel counted,
read by the collector it is for where Debian has that, and otherwise by a strict reader that asks for what
the collector needs (docs/collectors.md)."""

import os
import pathlib
import re
import socket
import subprocess
import time
import unittest.mock

import case
import collectors
import ctflowd
import ipfix
import kernel
import streams
import traffic
from lab import COLLECTOR, IDLE_TIMEOUT, SERVER4, SERVER6, wait_until
from name_server import NameServer

EXAMPLES = pathlib.Path(__file__).parents[2] / "config" / "examples"
OCTETS, PACKETS, DURATION, INGRESS, EGRESS = 1, 2, 161, 10, 14
SAMPLING = {34, 305, 306}  # the elements by which collectors know that nothing is sampled
INTERFACE_NAME = 82
PORT, ZONES = 11, (234, 235)  # destination; ingress and egress


class Reader:
    """Takes the messages of one session."""

    def __init__(self, namespace, port, address=COLLECTOR):
        self.socket = namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((address, port))
        self.socket.setblocking(False)
        self.peers = set()
        self.longest = 0

    def session(self):
        messages = []
        try:
            while True:
                message, peer = self.socket.recvfrom(65536)
                messages.append(message)
                self.peers.add(peer[0])
                self.longest = max(self.longest, len(message))
        except BlockingIOError:
            self.socket.close()
        return ipfix.read(b"".join(messages))


def sums(session):
    return tuple(sum(int.from_bytes(record[element], "big") for record in session.records)
                 for element in (PACKETS, OCTETS))


def options(session):
    return {element for number in session.option_templates
            for element, _ in session.templates[number]}


class Example(case.LabTest):
    def start_example(self, name):
        """Each address becomes the lab's, and each directory one that exists."""
        text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
        text = re.sub(r"/var/lib/ctflowd(/\w+)?", self.directory, text)
        text = re.sub(r"(?<=address: )192\.0\.2\.\d+", COLLECTOR, text)
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                       config=self.changed(text))
        self.addCleanup(self.program.kill)
        self.wait_for_start()

    def wait_for_start(self):
        self.program.wait_for("started")

    def changed(self, text):
        return text

    def talk(self):
        """What the kernel counted of conversations of both families, answered and not."""
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        traffic.tcp(self.lab.client, self.lab.server, SERVER4, 80, 30000, 90000)
        traffic.tcp(self.lab.client, self.lab.server, SERVER6, 443, 2000, 70000)
        traffic.udp(self.lab.client, self.lab.server, SERVER6, 53, (60,), (300,))
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 514, (200, 200))
        self.lab.wait_for_idle(IDLE_TIMEOUT + 20)
        connections = listener.stop()
        self.assertEqual(len(connections), 4)
        directions = [side for one in connections for side in (one.original, one.reply)]
        return sum(side.packets for side in directions), sum(side.octets for side in directions)

    def run_example(self, name, *ports):
        """What was sent, and the sessions that readers at these ports got."""
        self.make_lab()
        readers = [Reader(self.lab.collector, port) for port in ports]
        for reader in readers:
            self.addCleanup(reader.socket.close)
        self.start_example(name)
        sent = self.talk()
        self.program.stop()
        time.sleep(0.2)
        return sent, [reader.session() for reader in readers]


class Examples(Example):
    def test_each_example_is_run_or_named(self):
        elsewhere = {"interfaces-by-mark"}  # interfaces_test
        here = {"office-nat", "cgnat", "failover", "akvorado", "ntopng", "elastiflow", "filebeat", "pmacct",
                "nfsen-ng", "opentelemetry", "minimal", "zones", "busy-router", "two-collectors", "tls-with-spool"}
        known = {path.stem for path in EXAMPLES.glob("*.yaml")}
        self.assertEqual(here - known, set())
        self.assertEqual(known - here - elsewhere - self.others(), set())

    def others(self):
        """Examples that other tests name."""
        tests = pathlib.Path(__file__).parent.glob("*_test.py")
        return {name for test in tests if test.name != "examples_test.py"
                for name in re.findall(r"examples/([\w-]+)", test.read_text(encoding="utf-8"))}

    def check_default_records(self, name, port, names=False):
        sent, (session,) = self.run_example(name, port)
        self.assertEqual(sums(session), sent)
        self.assertTrue(SAMPLING & options(session))
        self.assertEqual(INTERFACE_NAME in options(session), names)

    def test_minimal(self):
        self.check_default_records("minimal", 4739)

    def test_zones(self):
        self.make_lab().rules("raw_prerouting", "udp dport 53 ct zone set 9", "udp sport 53 ct zone set 9")
        reader = Reader(self.lab.collector, 4739)
        self.start_example("zones")
        sent = self.talk()
        self.program.stop()
        session = reader.session()
        self.assertEqual(sums(session), sent)
        self.assertEqual({tuple(int.from_bytes(record[element], "big") for element in (PORT, *ZONES))
                          for record in session.records if int.from_bytes(record[PORT], "big") < 1024},
                         {(80, 0, 0), (443, 0, 0), (53, 9, 9), (514, 0, 0)})

    def test_ntopng(self):
        self.check_default_records("ntopng", 2055)

    def test_opentelemetry(self):
        self.check_default_records("opentelemetry", 2055)

    def test_elastiflow(self):
        self.check_default_records("elastiflow", 9995, names=True)

    def test_akvorado(self):
        sent, (session,) = self.run_example("akvorado", 4739)
        self.assertEqual(sums(session), sent)
        self.assertTrue(SAMPLING & options(session))
        for record in session.records:  # others are dropped
            self.assertNotEqual((int.from_bytes(record[INGRESS], "big"),
                                 int.from_bytes(record[EGRESS], "big")), (0, 0))

    def test_filebeat(self):
        sent, (session,) = self.run_example("filebeat", 2055)
        self.assertEqual(sums(session), sent)
        self.assertTrue(all(DURATION in record for record in session.records))

    def test_pmacct(self):
        self.make_lab()
        nfacctd = collectors.Nfacctd(self.lab.collector, 2100, self.directory)
        self.addCleanup(nfacctd.kill)
        self.start_example("pmacct")
        sent = self.talk()
        self.program.stop()
        nfacctd.stop()
        self.assertEqual(case.sums(nfacctd.records()), sent)
        self.assertEqual(nfacctd.complaints(), [])

    def test_nfsen_ng(self):
        """Its own part reads files of nfdump only: they are where it looks for them, and nfdump reads all."""
        text = (EXAMPLES / "nfsen-ng.yaml").read_text(encoding="utf-8")
        command = re.search(r"(?m)^#   nfcapd -w \S+/live/router (.*) -p 9995$", text)[1].split()
        self.make_lab()
        nfcapd = collectors.Nfcapd(self.lab.collector, 9995, self.directory, options=command)
        self.addCleanup(nfcapd.kill)
        self.start_example("nfsen-ng")
        sent = self.talk()
        self.program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), sent)
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        source = pathlib.Path(nfcapd.directory)
        files = [str(file.relative_to(source)) for file in source.rglob("nfcapd.*")]
        self.assertTrue(files)
        for file in files:
            self.assertRegex(file, r"^(\d{4})/(\d\d)/(\d\d)/nfcapd\.\1\2\3\d{4}$")

    def test_office_nat(self):
        self.make_lab()
        nfcapd = collectors.Nfcapd(self.lab.collector, 9995, self.directory)
        self.addCleanup(nfcapd.kill)
        self.start_example("office-nat")
        sent = self.talk()
        self.program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), sent)
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        report = subprocess.run(
            [case.program, "report", "-c", f"{self.program.name}.yaml", "--by", "service", "--since", "10m",
             "--direction", "all", "--format", "json"], check=False, text=True, stdout=subprocess.PIPE)
        self.assertIn("https", report.stdout)


class BusyRouter(Example):
    """Its log is silent about the start."""

    def wait_for_start(self):
        wait_until(lambda: self.program.process.poll() is None and self.netlink_sockets() > self.before,
                   "ctflowd to listen")

    def netlink_sockets(self):
        return len(self.lab.router.read("/proc/net/netlink").splitlines())

    def test_busy_router(self):
        self.make_lab()
        for namespace, device in ((self.lab.router, "export"), (self.lab.collector, "eth0")):
            namespace.run("ip", "link", "set", device, "mtu", 9000)
        reader = Reader(self.lab.collector, 4739)
        self.before = self.netlink_sockets()
        self.start_example("busy-router")
        sent = self.talk()
        burst = [traffic.udp(self.lab.client, self.lab.server, SERVER4, 2000 + i) for i in range(300)]
        self.lab.wait_for_idle(IDLE_TIMEOUT + 20)
        self.program.stop()
        session = reader.session()
        self.assertEqual(sums(session), (sent[0] + sum(sum(one.packets) for one in burst),
                                         sent[1] + sum(sum(one.octets) for one in burst)))
        self.assertTrue(8000 < reader.longest <= 8900, reader.longest)
        self.assertEqual(self.program.log, "")


class NamedCollectors(Example):
    """The examples with collectors that have names."""

    def make_lab(self, **options):
        super().make_lab(**options)
        server = NameServer(self.lab.router, self.directory, COLLECTOR)
        self.addCleanup(server.close)
        self.lab.rules("raw_output", "ip daddr 127.0.0.1 notrack", "ip saddr 127.0.0.1 notrack")
        return self.lab

    def test_two_collectors(self):
        """`mgmt` is a device like others: not every kernel has VRFs."""
        archive, router = "2001:db8:0:1::10", "2001:db8:0:1::1"
        self.make_lab()
        self.lab.link(self.lab.collector, "mgmt", (router, 64), (archive, 64), peer="eth1")
        # Without the device in the configuration this would be the way.
        self.lab.router.run("ip", "-6", "route", "add", f"{archive}/128", "via", SERVER6)
        self.lab.rules("raw_output", f"ip6 daddr {archive} notrack")
        reader = Reader(self.lab.collector, 4739, archive)
        capture = collectors.Capture(self.lab.collector, self.directory)
        nfcapd = collectors.Nfcapd(self.lab.collector, 2055, self.directory)
        self.addCleanup(nfcapd.kill)
        self.start_example("two-collectors")
        sent = self.talk()
        self.program.stop()
        for collector in (nfcapd, capture):
            collector.stop()
        self.assertEqual(sums(reader.session()), sent)
        self.assertEqual(reader.peers, {router})
        self.assertEqual(case.sums(nfcapd.records()), sent)
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(set(collectors.tshark(capture.path, (2055,), "udp.dstport == 2055", "cflow.version",
                                               "cflow.source_id")), {"9\t17"})

    def test_tls_with_spool(self):
        self.make_lab()
        streams.make_certificates(self.directory, collector="DNS:collector.example.net")
        store = unittest.mock.patch.dict(os.environ, {"SSL_CERT_FILE": f"{self.directory}/ca.pem"})
        store.start()  # OpenSSL takes it for the system's
        self.addCleanup(store.stop)
        self.start_example("tls-with-spool")
        sent = self.talk()
        wait_until(lambda: list(pathlib.Path(self.directory).glob("archive-*.spool")), "flows on disk")
        collector = streams.Collector(self.lab, self.directory, "--certificate", f"{self.directory}/collector.pem",
                                      "--key", f"{self.directory}/collector.key", port=4740)
        self.addCleanup(collector.kill)
        self.program.wait_for("collector_connected")
        wait_until(lambda: not list(pathlib.Path(self.directory).glob("archive-*.spool")), "the spool to be sent")
        self.program.stop()
        collector.stop()
        self.assertIn("handshake: TLSv1.3", pathlib.Path(collector.log).read_text(encoding="utf-8"))
        for paths in (collector.paths(), list(pathlib.Path(self.directory).glob("*.ipfix"))):
            received = [sums(ipfix.read(pathlib.Path(path).read_bytes())) for path in paths]
            self.assertEqual(tuple(map(sum, zip(*received))), sent)


class TwoCollectors(Example):
    """Both have one address in an example's lab, so they get ports of their own."""

    def changed(self, text):
        ports = iter((4739, 4740))
        return re.sub(r"port: 4739", lambda _: f"port: {next(ports)}", text)

    def test_failover(self):
        sent, (main, spare) = self.run_example("failover", 4739, 4740)
        self.assertEqual(sums(main), sent)
        self.assertEqual(spare.records, [])

    def test_cgnat(self):
        sent, sessions = self.run_example("cgnat", 4739, 4740)
        self.assertEqual(tuple(map(sum, zip(*map(sums, sessions)))), sent)
        self.assertTrue(list(pathlib.Path(self.directory).glob("nat-*.sqlite")))


if __name__ == "__main__":
    case.main()
