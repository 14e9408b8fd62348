#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounting of now: counters for Prometheus, rates, quotas, and networks and services of a file."""

import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import case
import ctflowd
import kernel
import traffic
from lab import CLIENT4, SERVER4, SERVER6, wait_until

CLIENT_MAC = "02:00:5e:00:53:01"
OVER, NO_ANSWER, INCOMPLETE = 3, 2, 1
SAMPLE = re.compile(r"^(ctflowd_accounting_\w+)\{(.*)\} (\S+)$", re.MULTILINE)
PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
DASHBOARD = PACKAGING / "grafana/ctflowd.json"
ALERTS = PACKAGING / "prometheus/ctflowd.rules.yml"


class AccountingLive(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.database = f"{self.directory}/accounting.sqlite"
        self.socket = f"{self.directory}/status.sock"
        self.networks = f"{self.directory}/networks"
        self.lab.client.run("ip", "link", "set", "eth0", "address", CLIENT_MAC)
        self.lab.client.run("ip", "-6", "route", "replace", "default", "via", "2001:db8:1::1")

    def text(self, source=None, **settings):
        accounting = {"aggregates": "[{name: devices, by: [device]}, {name: networks, by: [network]}]",
                      "database": self.database, "commit_interval": "1s", "time_zone": "UTC",
                      "inside": '[10.10.0.0/16, "2001:db8:1::/64"]', "device_files": "[/nonexistent]",
                      **settings}
        return ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix")], accounting=accounting,
                                     status={"socket": self.socket}, source=source or {})

    def start_program(self, **settings):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=self.text(**settings))
        self.addCleanup(program.kill)
        program.wait_for("started")
        return program

    def get(self, path):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(10)
            client.connect(self.socket)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = b""
            while part := client.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def metrics(self):
        """Values by metric and labels."""
        return {(name, labels): float(value)
                for name, labels, value in SAMPLE.findall(self.get("/metrics")[1])}

    def usage(self):
        """Those of what connections use, not of the ledger."""
        return {series: value for series, value in self.metrics().items() if 'direction="' in series[1]}

    def sum_of(self, metrics, name, containing=""):
        return sum(value for (metric, labels), value in metrics.items()
                   if metric == name and containing in labels)

    def send(self, address=SERVER4, source=None, size=100, port=53):
        traffic.udp(self.lab.client, self.lab.server, address, port, (size,), (size,),
                    source=(source, 0) if source else None)

    def run_ctflowd(self, *arguments, expect=0):
        run = subprocess.run([case.program, *arguments], capture_output=True, text=True, check=False,
                             timeout=60)
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return run

    def test_counters_have_a_limit_and_never_fall(self):
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        program = self.start_program(metrics="{by: host, limit: 3}")
        for last in range(10, 20):
            self.lab.client.run("ip", "addr", "add", f"10.10.0.{last}/24", "dev", "eth0")
        before = {}
        for last in (10, 11, 12, 13, 14, 15, 10, 11, 16, 17, 18, 19):
            self.send(source=f"10.10.0.{last}")
            now = self.usage()
            for series, value in before.items():
                self.assertGreaterEqual(now.get(series, 0), value, series)
            before = now
        self.lab.wait_for_idle()
        expected = sum(one.original.octets + one.reply.octets for one in listener.stop())
        wait_until(lambda: self.sum_of(self.metrics(), "ctflowd_accounting_down_bytes_total") +
                   self.sum_of(self.metrics(), "ctflowd_accounting_up_bytes_total") >= expected,
                   "all of the kernel's octets")
        now = self.usage()
        self.assertEqual(self.sum_of(now, "ctflowd_accounting_down_bytes_total") +
                         self.sum_of(now, "ctflowd_accounting_up_bytes_total"), expected)
        hosts = {re.search('host="([^"]*)"', labels)[1] for _, labels in now}
        self.assertEqual(len(hosts), 4, hosts)
        self.assertIn("other", hosts)
        program.stop()

    def test_devices_have_their_names_in_a_metric_of_their_own(self):
        program = self.start_program(
            metrics="{by: device}",
            devices=f"[{{name: '<b>\"tv\"', addresses: ['{CLIENT_MAC}']}}]")
        self.send()
        self.send(SERVER6)
        self.lab.wait_for_idle()
        wait_until(lambda: self.sum_of(self.metrics(), "ctflowd_accounting_connections_total",
                                       CLIENT_MAC) == 2, "both connections")
        now = self.metrics()
        self.assertEqual(self.sum_of(now, "ctflowd_accounting_up_bytes_total",
                                     f'device="{CLIENT_MAC}",direction="out"'), 128 + 148)
        info = [labels for name, labels in now if name == "ctflowd_accounting_device_info"]
        self.assertEqual(info, [f'namespace="",device="{CLIENT_MAC}",name="<b>\\"tv\\""'])
        with open(DASHBOARD, encoding="utf-8") as file:
            asked = set(re.findall(r"ctflowd_accounting_\w+", file.read()))
        self.assertTrue(asked)
        self.assertLessEqual(asked, {name for name, _ in now})
        alerted = set(re.findall(r"ctflowd_accounting_(?!quota_)\w+", ALERTS.read_text("utf-8")))
        self.assertTrue(alerted)
        self.assertLessEqual(alerted, {name for name, _ in now})
        program.stop()

    def test_without_the_setting_there_are_no_counters(self):
        program = self.start_program()
        self.send()
        self.lab.wait_for_idle()
        self.assertEqual(self.usage(), {})
        program.stop()

    def test_rates_of_now(self):
        program = self.start_program(source={"active_timeout": "5s"})
        ended = threading.Event()

        def keep_sending():
            with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
                while not ended.is_set():
                    here.sendto(bytes(972), (SERVER4, 5000))  # 1000 octets of layer 3
                    time.sleep(0.01)
        sender = threading.Thread(target=keep_sending)
        sender.start()
        try:
            out = self.run_ctflowd("top", "--socket", self.socket, "--once", "--interval", "6").stdout
        finally:
            ended.set()
            sender.join()
        lines = out.splitlines()
        self.assertIn("Rates of the last 6 s, by device, internet only", lines[0])
        for line in lines:
            self.assertLessEqual(len(line), 80, line)
        self.assertNotIn("\x1b", out)
        row = next(line for line in lines if line.startswith(CLIENT_MAC))
        rate = re.search(r"([\d.]+) (k|M)bit/s", row)
        kbits = float(rate[1]) * (1000 if rate[2] == "M" else 1)
        self.assertTrue(200 < kbits < 1600, row)  # 800 kbit/s at most, by whole seconds
        by_host = self.run_ctflowd("top", "--socket", self.socket, "--once", "--interval", "1", "--by",
                                   "host", "--direction", "all").stdout
        self.assertIn("by host, all directions", by_host)
        for wrong in (("--by", "colour"), ("--direction", "up"), ("--namespace", "none")):
            self.run_ctflowd("top", "--socket", self.socket, "--once", "--interval", "1", *wrong,
                             expect=NO_ANSWER)
        program.stop()
        self.run_ctflowd("top", "--socket", self.socket, "--once", expect=NO_ANSWER)

    def test_at_a_terminal_it_repeats_until_it_is_stopped(self):
        program = self.start_program()
        here, there = os.openpty()
        top = subprocess.Popen([case.program, "top", "--socket", self.socket, "--interval", "1"],
                               stdout=there, stderr=there, stdin=subprocess.DEVNULL)
        self.addCleanup(top.kill)
        os.close(there)
        shown = b""

        def read():
            nonlocal shown
            with contextlib.suppress(OSError):  # the other side is closed
                while part := os.read(here, 65536):
                    shown += part
        reader = threading.Thread(target=read)
        reader.start()
        wait_until(lambda: shown.count(b"Rates of the last") >= 2, "two looks")
        top.send_signal(signal.SIGINT)
        self.assertEqual(top.wait(10), 0)
        reader.join(10)
        os.close(here)
        self.assertTrue(shown.startswith(b"\x1b[?1049h"), shown)
        self.assertTrue(shown.endswith(b"\x1b[?1049l"), shown)
        program.stop()

    def test_rates_need_no_database_and_are_exact(self):
        program = self.start_program(database="/proc/none/accounting.sqlite")
        _, first = self.get("/top/host")
        self.assertEqual(json.loads(first)["namespaces"][0]["series"], [])
        self.send(size=100)
        self.lab.wait_for_idle()

        def series():
            return json.loads(self.get("/top/host")[1])["namespaces"][0]["series"]
        found = wait_until(lambda: [one for one in series() if one["key"] == CLIENT4], "the count")
        self.assertEqual((found[0]["up_octets"], found[0]["down_octets"], found[0]["connections"],
                          found[0]["direction"]), (128, 128, 1, "out"))
        self.assertEqual(self.get("/top/colour")[0], 404)
        program.kill()

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True,
                                                timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    def networks_counted(self):
        return {name: octets for name, octets in self.rows(
            "SELECT network, sum(down_octets + up_octets) FROM periods WHERE network IS NOT NULL AND "
            "direction = 'out' GROUP BY network")}

    def write_networks(self, text):
        with open(self.networks, "w", encoding="utf-8") as file:
            file.write(text)

    def reload(self, program, event):
        program.process.send_signal(signal.SIGHUP)
        program.wait_for(event)

    def test_networks_of_a_file_are_read_again(self):
        self.write_networks("# customers\n10.10.0.0/24 anna\n10.10.0.64/26 bert\n")
        program = self.start_program(networks_file=self.networks)
        for last in (70, 80):
            self.lab.client.run("ip", "addr", "add", f"10.10.0.{last}/24", "dev", "eth0")
        self.send(source=CLIENT4)
        self.send(source="10.10.0.70")
        self.lab.wait_for_idle()
        wait_until(lambda: self.networks_counted() == {"anna": 256, "bert": 256}, "both networks")
        self.write_networks("10.10.0.0/24 anna\n10.10.0.80/28 carl\n10.10.0.80/28 dora\n")
        self.reload(program, "reload_failed")
        self.assertIn(f"{self.networks}:3:1: the same network is in line 2", program.log)
        self.write_networks("10.10.0.0/24 anna\n10.10.0.80/28 carl\n")
        self.reload(program, "reloaded")
        self.send(source="10.10.0.80")
        self.lab.wait_for_idle()
        wait_until(lambda: self.networks_counted() == {"anna": 256, "bert": 256, "carl": 256},
                   "the new network")
        program.stop()

    def test_quotas(self):
        settings = {"networks": "[{name: office, networks: [10.10.0.0/24], quota: 1MB}]",
                    "devices": f"[{{name: tv, addresses: ['{CLIENT_MAC}'], quota: 2MB}}]"}
        program = self.start_program(**settings)
        config = f"{program.name}.yaml"

        def ask(*options, expect):
            return self.run_ctflowd("report", "--over-quota", "-c", config, *options, expect=expect).stdout
        self.send()
        self.lab.wait_for_idle()
        wait_until(lambda: self.networks_counted().get("office"), "the first connection")
        self.assertIn("complete", ask(expect=INCOMPLETE).splitlines()[0])
        traffic.tcp(self.lab.client, self.lab.server, SERVER4, 443, 10_000, 1_100_000)
        self.lab.wait_for_idle()
        wait_until(lambda: self.networks_counted().get("office", 0) > 1_100_000, "the second")
        table = ask(expect=OVER)
        self.assertRegex(table, r"(?m)^office +network +1\.\d MB +1\.0 MB +1\d\d\.\d % +over$")
        self.assertRegex(table, r"(?m)^tv +device +1\.\d MB +2\.0 MB +\d\d\.\d %$")
        for line in table.splitlines()[:-1]:
            self.assertLessEqual(len(line), 80, line)
        found = json.loads(ask("--format", "json", expect=OVER))
        self.assertEqual([(one["name"], one["over"]) for one in found["quotas"]],
                         [("office", True), ("tv", False)])
        used = collections.Counter({one["name"]: one["used_octets"] for one in found["quotas"]})
        self.assertEqual(used["office"], self.networks_counted()["office"])
        self.assertEqual(used["tv"], used["office"])
        self.assertIn("network,office,", ask("--format", "csv", expect=OVER))
        self.assert_quotas_in_metrics(used)
        program.kill()
        program = self.start_program(**settings)
        self.assert_quotas_in_metrics(used)
        self.send()
        self.lab.wait_for_idle()
        self.assert_quotas_in_metrics(collections.Counter({name: octets + 256 for name, octets in used.items()}))
        program.stop()

    def assert_quotas_in_metrics(self, used):
        expected = {(f"ctflowd_accounting_quota{part}_bytes", f'namespace="",by="{by}",name="{name}"'): value
                    for by, name, quota in (("network", "office", 1e6), ("device", "tv", 2e6))
                    for part, value in (("", quota), ("_used", used[name]))}

        def found():
            return {series: value for series, value in self.metrics().items() if "_quota_" in series[0]}
        wait_until(lambda: found() == expected, f"{expected} in {found()}")

    def services_counted(self):
        return {name: octets for name, octets in self.rows(
            "SELECT service, sum(down_octets + up_octets) FROM periods WHERE service IS NOT NULL AND "
            "direction = 'out' GROUP BY service")}

    def test_services_of_a_file_are_read_again(self):
        file = pathlib.Path(self.directory, "services")
        file.write_text("# ports\ndomain 53/tcp\ndomain\t53/udp nameserver # DNS\n", encoding="ascii")
        program = self.start_program(aggregates="[{name: services, by: [service]}]", services_file=file)
        self.send(port=53)
        self.send(port=5300)
        self.lab.wait_for_idle()
        wait_until(lambda: self.services_counted() == {"domain": 256, "other": 256}, "both services")
        file.write_text("domain 53/udp\nshop 5300\n", encoding="ascii")
        self.reload(program, "reload_failed")
        self.assertIn(f"{file}:2:6: expected PORT/PROTOCOL, such as 443/tcp", program.log)
        file.write_text("domain 53/udp\nshop 5300/udp\n", encoding="ascii")
        self.reload(program, "reloaded")
        self.send(port=5300)
        self.lab.wait_for_idle()
        wait_until(lambda: self.services_counted() == {"domain": 256, "other": 256, "shop": 256},
                   "the new service")
        program.stop()


if __name__ == "__main__":
    case.main()
