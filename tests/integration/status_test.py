#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a running ctflowd tells of itself is true: by its own totals, by nfcapd and by the kernel."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import case
import ctflowd
import traffic
from lab import SERVER4, SERVER6, wait_until

SOCKET = "/run/ctflowd/status.sock"
PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
LINES_TO_STDOUT = "log_connections: [{name: lines, to: stdout}]\n"
TERMS_OF_LOSSES = {"lost_messages", "lost_records", "lost_packets", "lost_octets"}
_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class _UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def fetch(path):
    connection = _UnixConnection("localhost")
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}")
        return response.read().decode()


def status():
    return json.loads(fetch("/status"))


def metrics(text):
    """Values by name and sorted labels."""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = _SAMPLE.fullmatch(line).groups()
            samples[name, tuple(sorted(_LABEL.findall(labels or "")))] = float(value)
    return samples


class StatusTest(case.LabTest):
    def ask(self, *arguments):
        """Exit status and output of `ctflowd status`."""
        result = subprocess.run([case.program, "status", *arguments], text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        return result.returncode, result.stdout

    def wait_for_flush(self, session, flows):
        """Until so many flows have left, which are all; the table is empty."""
        self.lab.wait_for_idle()

        def sent():
            now = status()["namespaces"][0]
            return all(one["counters"]["flows"] == now["pipeline"]["exported"] == flows
                       for one in now["collectors"])
        wait_until(sent, "all flows to be sent")
        self.assertIsNone(session.ctflowd.process.poll())

    def test_every_figure_is_that_of_the_totals_and_of_nfcapd(self):
        session = self.start()
        path = self.lab.client, self.lab.server
        traffic.udp(*path, SERVER4, 53, (100, 200), (300,))
        traffic.udp(*path, SERVER6, 53, (100,))
        traffic.tcp(*path, SERVER4, 80)
        traffic.echo(self.lab.client, SERVER4)
        self.wait_for_flush(session, 4)
        told, samples = status(), metrics(fetch("/metrics"))
        result = session.finish()
        home = told["namespaces"][0]

        for key, value in result.totals.items():
            self.assertEqual({**home["source"], **home["pipeline"]}[key], value, key)
        self.assertEqual(result.totals["exported"], 4)
        for collector in home["collectors"]:
            totals = result.collector_totals[collector["name"]]
            figures = {**collector["counters"], "refusals": collector["refusals"]}
            for key, value in totals.items():
                self.assertEqual(figures[key], value, (collector["name"], key))
                by_reason = key.startswith("lost_") and key not in TERMS_OF_LOSSES
                metric = re.sub("octets$", "bytes", key)
                name = f"ctflowd_collector_{'lost' if by_reason else metric}_total"
                labels = [("collector", collector["name"]), ("namespace", "")]
                if by_reason:
                    labels.append(("reason", key[len("lost_"):]))
                self.assertEqual(samples[name, tuple(sorted(labels))], value, name)
            self.assertLess(collector["last_message_seconds_ago"], 60)
            sent = samples["ctflowd_collector_last_message_timestamp_seconds",
                           (("collector", collector["name"]), ("namespace", ""))]
            self.assertLess(abs(time.time() - sent), 60)
            self.assertGreater(collector["records_per_second"]["60s"], 0)
        for protocol, records in result.records.items():
            counters = next(one["counters"] for one in home["collectors"]
                            if one["name"] == f"nfcapd-{protocol}")
            self.assertEqual(case.sums(records), (counters["packets"], counters["octets"]))
            self.assertEqual(len(records), counters["records"])
        self.assertEqual(samples["ctflowd_source_ended_total", (("namespace", ""),)], 4)
        self.assertEqual(samples["ctflowd_exported_total", (("namespace", ""),)], 4)
        self.assertTrue(told["well"], told["problems"])

    def test_names_of_metrics(self):
        self.make_lab()
        collectors = [ctflowd.Collector("udp", 4999, "ipfix"),
                      ctflowd.Collector("tcp", 4998, "ipfix", settings={"transport": "tcp"})]
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration(collectors) + LINES_TO_STDOUT)
        self.addCleanup(program.kill)
        program.wait_for("started")
        text = fetch("/metrics")
        program.stop()
        if shutil.which("promtool"):
            checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual((checked.returncode, checked.stdout), (0, ""))
        else:
            self.skipTest("promtool (package prometheus) is not installed")
        known = {name for name, _ in metrics(text)}
        for file in ("prometheus/ctflowd.rules.yml", "grafana/ctflowd.json"):
            # Of what may not be built in, those of accounting are in accounting_live_test, of the NAT log
            # in nat_maps_test, and of certificates in reachability_test.
            used = set(re.findall(r"\bctflowd_(?!accounting_|nat_log_|collector_certificate_)\w+",
                                  (PACKAGING / file).read_text("utf-8")))
            self.assertGreater(len(used), 5)
            self.assertLessEqual(used, known, file)

    def test_person_is_told(self):
        session = self.start(watch=False)
        code, text = self.ask()
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"^OK \(ctflowd ")
        code, text = self.ask("--json")
        self.assertEqual((code, json.loads(text)["well"]), (0, True))
        mode = os.stat(SOCKET).st_mode & 0o777
        self.assertEqual(mode, 0o660)
        session.finish()
        self.assertFalse(os.path.exists(SOCKET))
        code, text = self.ask()
        self.assertEqual(code, 2)
        self.assertIn("ctflowd is not running", text)

    def test_loss_in_the_kernel_is_told_as_the_kernel_counts_it(self):
        count = 3000
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        session = self.start(watch=False, sections={"source": {
            "receive_buffer": "64KiB", "receive_buffer_limit": "64KiB", "active_timeout": "off"}})
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for port in range(count):
                sock.sendto(bytes(40), (SERVER4, 1024 + port))
                if port % 100 == 0:
                    time.sleep(0.005)
        wait_until(lambda: status()["namespaces"][0]["kernel"]["table_entries"] == count,
                   "all connections to be tracked")
        os.kill(session.ctflowd.process.pid, signal.SIGSTOP)
        try:
            self.lab.router.run("conntrack", "-F")
        finally:
            os.kill(session.ctflowd.process.pid, signal.SIGCONT)
        session.ctflowd.wait_for("events_lost")
        # An answer may be 50 ms old.
        home = wait_until(lambda: next((one for one in status()["namespaces"]
                                        if one["source"]["ended"] + one["source"]["lost_overrun"]
                                        == count), None), "every connection to be accounted for")
        lost = home["source"]["lost_overrun"]
        self.assertGreater(lost, 0)
        self.assertEqual(self.kernel_drops(home["kernel"]["receive_buffer"]["port_id"]), lost)
        self.assertEqual(metrics(fetch("/metrics"))[
            "ctflowd_lost_total", (("namespace", ""), ("reason", "overrun"))], lost)
        code, text = self.ask()
        self.assertEqual(code, 1)
        grouped = f"{lost:,}".replace(",", " ")
        self.assertRegex(text, rf"^1 PROBLEM .*\nevents_lost: the kernel dropped {grouped} ")
        result = session.finish(idle=False)
        self.assertEqual(result.totals["lost_overrun"], lost)

    def kernel_drops(self, port_id):
        """The Drops column of our socket's row."""
        rows = [line.split() for line in self.lab.router.read("/proc/net/netlink").splitlines()[1:]]
        return next(int(row[8]) for row in rows if (row[1], row[2]) == ("12", str(port_id)))

    def test_dead_collector_is_told(self):
        self.make_lab()
        dead = ctflowd.Collector("dead", 4999, "ipfix")
        unknown = ctflowd.Collector("unknown", 4739, "ipfix", address="no.such.host.invalid")
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration([dead, unknown]))
        self.addCleanup(program.kill)
        program.wait_for("started")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53)
        self.lab.wait_for_idle()

        def states():
            return {one["name"]: one["state"] for one in status()["namespaces"][0]["collectors"]}
        wait_until(lambda: states() == {"dead": "refused", "unknown": "unresolved"},
                   "both collectors to fail")
        wait_until(lambda: status()["namespaces"][0]["collectors"][1]["lost"] == 1,
                   "the flow to be lost")
        code, text = self.ask()
        self.assertEqual(code, 1)
        self.assertIn("collector_refused dead: ", text)
        self.assertIn("collector_unresolved unknown: ", text)
        dead_now, unknown_now = status()["namespaces"][0]["collectors"]
        program.stop()
        totals = program.collector_totals()
        self.assertEqual(dead_now["refusals"], totals["dead"]["refusals"])
        self.assertEqual(unknown_now["counters"]["lost_unresolved"],
                         totals["unknown"]["lost_unresolved"])
        self.assertEqual(totals["unknown"]["lost_unresolved"], 1)

    def test_reload_is_told(self):
        session = self.start(watch=False)
        session.ctflowd.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status()["reloads"]["succeeded"] == 1, "a reload")
        with open(f"{session.ctflowd.name}.yaml", "a", encoding="utf-8") as file:
            file.write("nonsense: true\n")
        session.ctflowd.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status()["reloads"]["failed"] == 1, "a reload that fails")
        code, text = self.ask()
        self.assertEqual(code, 1)
        self.assertIn("reload_failed", text)
        self.assertIn("nonsense", text)
        session.finish()

    def test_slow_clients_cost_no_flow(self):
        session = self.start(watch=False)
        slow = []
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.connect(SOCKET)
            slow.append(client)
        for client in slow[:8]:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(b"GET /metrics HTTP/1.1\r\nHost:\r\n\r\n")  # and never read
        sent = [traffic.udp(self.lab.client, self.lab.server, SERVER4, port)
                for port in range(2000, 2100)]
        result = session.finish()
        for records in result.records.values():
            self.assertEqual(case.sums(records), (sum(one.packets[0] for one in sent),
                                                  sum(one.octets[0] for one in sent)))

    def test_slow_clients_by_tcp_do_not_keep_the_operator_out(self):
        session = self.start(watch=False, sections={"status": {"listen": "'192.0.2.1:4810'"}})
        slow = []

        def connect():
            """Forty who say nothing, or ask and never read; those whose time is over come again."""
            for client in slow:
                client.close()
            slow.clear()
            for number in range(40):
                client = self.lab.collector.socket(socket.AF_INET, socket.SOCK_STREAM)
                client.settimeout(5)
                with contextlib.suppress(OSError):
                    client.connect(("192.0.2.1", 4810))
                    if number % 2:
                        client.send(b"GET /metrics HTTP/1.1\r\nHost:\r\n")
                slow.append(client)
        for _ in range(3):
            connect()
            for _ in range(5):
                code, text = self.ask()
                self.assertEqual(code, 0, text)
        for client in slow:
            client.close()
        self.assertIn("status_busy", session.ctflowd.log)
        session.finish()

    def test_second_daemon_is_told_and_runs_on(self):
        session = self.start(watch=False)
        config = ctflowd.configuration([ctflowd.Collector("main", 4999, "ipfix")])
        second = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                 config=config)
        self.addCleanup(second.kill)
        second.wait_for("started")
        self.assertIn("status_unavailable", second.log)
        second.stop()
        self.assertTrue(status()["well"])  # the first one still answers
        third = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                config=config + f"status: {{socket: {self.directory}/no/such/s}}\n")
        self.addCleanup(third.kill)
        self.assertEqual(third.wait(), 1)
        self.assertIn("status.socket", third.log)
        session.finish()


if __name__ == "__main__":
    case.main()
