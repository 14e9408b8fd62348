#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What status and doctor say of collectors that are late, refuse, are silent or are rejected is true,
and what waits for them is shown."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import case
import ctflowd
import traffic
from lab import COLLECTOR, SERVER4, wait_until

SOCKET = "/run/ctflowd/status.sock"
HERE = os.path.dirname(os.path.abspath(__file__))
EXPIRY = "ctflowd_collector_certificate_expiry_timestamp_seconds"
LATE, SILENT, REJECTED, UNKNOWN = 4801, 4802, 4803, 4804
# So small that nobody needs a privilege for it.
SOURCE = {"receive_buffer": "64KiB", "receive_buffer_limit": "64KiB"}


class _Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def fetch(path):
    connection = _Connection("localhost")
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def collectors():
    """The collectors of the running ctflowd by name."""
    return {one["name"]: one for one in json.loads(fetch("/status"))["namespaces"][0]["collectors"]}


def problems():
    """What is said of each collector that is not well."""
    return {one["subject"]: one for one in json.loads(fetch("/status"))["problems"]}


def stream(name, port, transport="tcp", address=COLLECTOR, **settings):
    return ctflowd.Collector(name, port, "ipfix", address=address,
                             settings={"transport": transport, **settings})


class Reachability(case.LabTest):
    def setUp(self):
        self.make_lab()

    def start_ctflowd(self, *streams):
        config = ctflowd.configuration(streams, source={**SOURCE, "active_timeout": "off"})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=config).wait_for("started")
        self.addCleanup(program.kill)
        return program

    def start_collector(self, port, *options):
        directory = f"{self.directory}/{port}"
        os.mkdir(directory)
        with open(f"{directory}.log", "wb") as log:
            process = subprocess.Popen(self.lab.collector.command(
                sys.executable, "-B", f"{HERE}/stream_collector.py", COLLECTOR, port, directory,
                *options), stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def listens():
            lines = self.lab.collector.read("/proc/net/tcp").splitlines()[1:]
            return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
                       for line in lines)
        wait_until(listens, f"a collector at port {port}")

    def ask(self):
        """Exit status and output of `ctflowd status`."""
        result = subprocess.run([case.program, "status"], text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        return result.returncode, result.stdout

    def send_flow(self, port):
        traffic.udp(self.lab.client, self.lab.server, SERVER4, port)
        self.lab.router.run("conntrack", "-D", "-p", "udp", "--dport", port)

    def doctor(self, *streams, **sections):
        """Exit status and the findings by name."""
        config = f"{self.directory}/doctor.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration(streams, source=SOURCE, **sections))
        result = subprocess.run(self.lab.router.command(case.program, "doctor", "--json", "-c",
                                                        config),
                                text=True, check=False, stdout=subprocess.PIPE, timeout=60)
        told = json.loads(result.stdout)
        return result.returncode, {one["name"]: one["impact"] for one in told["findings"]}

    def drop(self, port):
        """The collector's host answers nothing at this port."""
        self.lab.collector.run("nft", "-f", "-", input="add table inet silent\n"
                               "add chain inet silent in { type filter hook input priority 0; }\n"
                               f"add rule inet silent in tcp dport {port} drop\n")

    def test_a_collector_that_comes_late_is_well_at_once(self):
        program = self.start_ctflowd(stream("late", LATE))
        wait_until(lambda: collectors()["late"]["state"] == "refused", "a refusal")
        self.send_flow(1000)
        wait_until(lambda: collectors()["late"]["counters"]["waiting"]["flows"] == 1,
                   "the flow to wait")
        code, text = self.ask()
        self.assertEqual(code, 1)
        self.assertIn(f"the host of {COLLECTOR}:{LATE} refuses connections", text)
        self.assertIn("1 flow report waits in memory", text)
        self.assertRegex(text, r"waiting 1 flow report in 1 message, the oldest for \d+ s, in memory ")
        self.assertNotIn("vain", text)
        late = collectors()["late"]
        self.assertEqual(late["last_failure"]["kind"], "refused")
        self.assertGreater(late["backlog"]["memory_octets"], 100)
        self.start_collector(LATE)
        wait_until(lambda: collectors()["late"]["counters"]["flows"] == 1, "the flow to arrive", 60)
        late = collectors()["late"]
        self.assertGreater(late["refusals"], 0)
        self.assertEqual((late["state"], late["counters"]["waiting"]["flows"]), ("ok", 0))
        self.assertIsNone(late["backlog"]["oldest_seconds"])
        code, text = self.ask()
        self.assertEqual(code, 0, text)
        self.assertNotIn("waiting", text)
        program.stop()

    def make_certificates(self, days=400):
        """Two that sign themselves."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, cwd=self.directory,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        for name in ("known", "stranger"):
            openssl("req", "-x509", *curve, "-subj", f"/CN={name}", "-days", str(days),
                    "-addext", f"subjectAltName=IP:{COLLECTOR}", "-keyout", f"{name}.key",
                    "-out", f"{name}.pem")

    def start_unreachable(self):
        """A silent host, a rejected certificate, a refusal and a name without address."""
        self.make_certificates()
        self.start_collector(SILENT)
        self.drop(SILENT)
        self.start_collector(REJECTED, "--certificate", f"{self.directory}/stranger.pem",
                             "--key", f"{self.directory}/stranger.key")
        return (stream("silent", SILENT),
                stream("rejected", REJECTED, "tls",
                       tls={"ca_file": f"{self.directory}/known.pem"}),
                stream("refused", LATE),
                stream("unknown", UNKNOWN, address="no.such.host.invalid"))

    def test_each_reason_is_told(self):
        program = self.start_ctflowd(*self.start_unreachable())
        expected = {"silent": ("no_answer", "unreachable", r"no answer within 10 s"),
                    "rejected": ("handshake", "unreachable",
                                 r"certificate is refused: .*self.signed certificate"),
                    "refused": ("refused", "refused", r"refuses connections"),
                    "unknown": ("unresolved", "unresolved", r"has no address: .*")}

        def told():
            return all((one["last_failure"] or {}).get("kind") == expected[name][0]
                       for name, one in collectors().items())
        wait_until(told, "a reason of each", 90)
        known, wrong = collectors(), problems()
        for name, (_, state, text) in expected.items():
            self.assertEqual(known[name]["state"], state, name)
            self.assertRegex(wrong[name]["impact"], text)
        program.stop()

    def test_doctor_finds_each_reason(self):
        silent, rejected, refused, unknown = self.start_unreachable()
        for one, name, text in ((silent, "collector_silent", "no answer within 5 s"),
                                (rejected, "collector_rejected", "self-signed certificate"),
                                (refused, "collector_refused", "no program listens"),
                                (unknown, "collector_unresolved", "has no address")):
            with self.subTest(name):
                code, found = self.doctor(one)
                self.assertEqual((code, list(found)), (1, [name]))
                self.assertIn(text, found[name])
                self.assertIn("wait in memory up to spool.memory (4 MiB)", found[name])
        refused.settings["spool"] = {"directory": self.directory, "size": "2GiB"}
        _, found = self.doctor(refused)
        self.assertIn(f"wait in {self.directory} up to spool.size (2 GiB)",
                      found["collector_refused"])
        refused.settings["spool"]["directory"] = f"{self.directory}/missing"
        _, found = self.doctor(refused)
        self.assertEqual(set(found), {"collector_refused", "spool_directory_unusable"})

    def test_doctor_takes_collectors_that_are_there(self):
        self.make_certificates()
        self.start_collector(LATE)
        self.start_collector(REJECTED, "--certificate", f"{self.directory}/known.pem",
                             "--key", f"{self.directory}/known.key")
        self.assertEqual(self.doctor(
            stream("plain", LATE),
            stream("encrypted", REJECTED, "tls", tls={"ca_file": f"{self.directory}/known.pem"})),
            (0, {}))

    def test_a_certificate_that_expires_soon(self):
        self.make_certificates(3)
        self.start_collector(REJECTED, "--certificate", f"{self.directory}/known.pem",
                             "--key", f"{self.directory}/known.key")
        encrypted = stream("encrypted", REJECTED, "tls", tls={
            "ca_file": f"{self.directory}/known.pem", "certificate": f"{self.directory}/stranger.pem",
            "key": f"{self.directory}/stranger.key"})
        code, found = self.doctor(encrypted)
        self.assertEqual((code, list(found)), (1, ["certificate_expires"]))
        program = self.start_ctflowd(encrypted)
        wait_until(lambda: collectors()["encrypted"]["certificates"], "a connection")
        known = collectors()["encrypted"]["certificates"]
        self.assertEqual([one["of"] for one in known], ["exporter", "collector"])
        expiry = subprocess.run(["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601", "-in",
                                 f"{self.directory}/known.pem"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout.strip()
        self.assertEqual(known[1]["expires"], expiry.removeprefix("notAfter=").replace(" ", "T"))
        self.assertAlmostEqual(known[1]["expires_in_seconds"], 3 * 86400, delta=120)
        text = fetch("/metrics")
        self.assertRegex(text, rf'(?m)^{EXPIRY}\{{.*certificate="exporter".*\}} \d')
        rules = pathlib.Path(HERE).parents[1] / "packaging" / "prometheus" / "ctflowd.rules.yml"
        self.assertIn(f"expr: {EXPIRY} ", rules.read_text("utf-8"))
        code, status = self.ask()
        self.assertEqual(code, 1)
        self.assertIn("certificate_expires", status)
        program.stop()
        if not shutil.which("promtool"):
            self.skipTest("promtool (package prometheus) is not installed")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((checked.returncode, checked.stdout), (0, ""))

    def test_doctor_finds_a_collector_that_is_its_own_status(self):
        listen = {"listen": '"0.0.0.0:4805"'}
        own = ctflowd.configuration([stream("other", LATE)], source=SOURCE, status=listen)
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=own).wait_for("started")
        self.addCleanup(program.kill)
        code, found = self.doctor(stream("self", 4805, address="192.0.2.1"), status=listen)
        self.assertEqual((code, sorted(found)), (1, ["collector_is_status", "status_listen_public"]))
        program.stop()

    def test_what_waits_on_disk_is_shown(self):
        directory = f"{self.directory}/spool"
        os.mkdir(directory)
        program = self.start_ctflowd(stream("late", LATE, spool={"directory": directory,
                                                                 "size": "1MiB"}))
        wait_until(lambda: collectors()["late"]["state"] == "refused", "a refusal")
        for port in range(2000, 2010):
            self.send_flow(port)
        wait_until(lambda: collectors()["late"]["counters"]["waiting"]["flows"] == 10,
                   "the flows to wait")
        wait_until(lambda: (collectors()["late"]["backlog"]["oldest_seconds"] or 0) >= 1,
                   "the flows to get older")
        backlog = collectors()["late"]["backlog"]
        on_disk = sum(os.path.getsize(f"{directory}/{name}") for name in os.listdir(directory))
        self.assertEqual(backlog["disk_octets"], on_disk)
        room = backlog["room"]
        self.assertEqual(room["octets"], 2 ** 20 - on_disk)
        self.assertEqual(room["flows"], room["octets"] * 10 // (on_disk + backlog["memory_octets"]))
        self.assertGreater(on_disk, 0)
        self.assertEqual(backlog["disk_limit"], 1 << 20)
        code, text = self.ask()
        self.assertEqual(code, 1)
        text = " ".join(text.split())  # lines are wrapped
        self.assertIn("10 flow reports wait on disk; beyond spool.size (1 MiB) the oldest are lost", text)
        self.assertRegex(text, r"waiting 10 flow reports in \d+ messages, the oldest for \d+ s, "
                               r"in memory 0 B of 4 MiB \(0 %\), on disk [\d.]+ KiB of 1 MiB \(")
        metric = ('ctflowd_collector_spool_bytes{namespace="",collector="late",where="disk"} '
                  f'{on_disk}\n')
        self.assertIn(metric, fetch("/metrics"))
        program.stop()


if __name__ == "__main__":
    case.main()
