#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The NAT log with `log: exceptions`: the kernel's maps answer, what does not follow them is stored."""

import contextlib
import csv
import datetime
import glob
import io
import json
import pathlib
import re
import socket
import sqlite3
import subprocess
import time

import case
import ctflowd
from lab import CLIENT4, SERVER4, WAN4, wait_until

SECOND4 = "10.10.0.3"  # another inside host
THIRD4 = "10.10.0.4"   # one of no map
SETTLED = 1.5  # seconds until the log is sure to be complete for a time
ONE, NONE, CANNOT_SAY, SEVERAL = 0, 1, 2, 3
TCP, UDP = "tcp", "udp"
ALERTS = pathlib.Path(__file__).resolve().parents[2] / "packaging/prometheus/ctflowd.rules.yml"
RULES = f"""
table ip cgnat {{
  map udp_nat_map {{
    type ipv4_addr : interval ipv4_addr . inet_service
    flags interval
    elements = {{ {CLIENT4}/32 : {WAN4} . 20000-20999, {SECOND4} : {WAN4} . 21000-21999 }}
  }}
  map other_nat_map {{
    type ipv4_addr : ipv4_addr
    elements = {{ {CLIENT4} : {WAN4}, {SECOND4} : {WAN4} }}
  }}
  chain post {{
    type nat hook postrouting priority srcnat
    ip protocol udp udp dport 99 snat ip to {WAN4}:20005
    ip protocol udp snat ip to ip saddr map @udp_nat_map
    ip protocol tcp snat ip to ip saddr map {{ {CLIENT4} : {WAN4} . 30000-30999 }}
    ip protocol udp snat ip to {WAN4}:40000-40999
    ip protocol icmp snat ip to ip saddr map @other_nat_map
  }}
}}
"""
CHANGED = """
delete element ip cgnat udp_nat_map {{ {first}/32 }}
delete element ip cgnat udp_nat_map {{ {second} }}
add element ip cgnat udp_nat_map {{ {first} : {wan} . 21000-21999, {second} : {wan} . 20000-20999 }}
""".format(first=CLIENT4, second=SECOND4, wan=WAN4)


class NatMaps(case.LabTest):
    def setUp(self):
        self.make_lab()
        for address in (SECOND4, THIRD4):
            self.lab.client.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 300)
        self.log = f"{self.directory}/nat"

    def nft(self, text):
        self.lab.router.run("nft", "-f", "-", input=text)

    def start_program(self, log="exceptions"):
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix")],
            status={"socket": f"{self.directory}/status.sock"},
            nat_log={"retention": "180d", "directory": self.log, "commit_interval": "100ms",
                     "log": log})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        program.wait_for("started")
        wait_until(lambda: glob.glob(f"{self.log}/nat-*.sqlite"), "the log to begin")
        time.sleep(SETTLED)
        return program

    def datagram(self, source, port=53, source_port=0):
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.bind((source, source_port))
            sock.sendto(bytes(10), (SERVER4, port))

    def translated(self, source, protocol=UDP):
        """The public port of a connection of this host, as the kernel's table has it."""
        listed = self.lab.router.run("conntrack", "-L", "-p", protocol, "-s", source)
        line = listed.splitlines()[-1]
        return int(line.split("dport=")[2].split()[0])

    def ask(self, port, *options, at=None, expect, protocol=UDP):
        moment = datetime.datetime.fromtimestamp(at or time.time(), datetime.timezone.utc)
        if at is None:
            time.sleep(SETTLED)
        run = self.look_up(f"{WAN4}:{port}", "--at", moment.isoformat(), "--tolerance", "50ms",
                           "--protocol", protocol, "--format", "json", *options)
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return json.loads(run.stdout)

    def look_up(self, *arguments):
        return subprocess.run([case.program, "nat-lookup", *arguments, "--directory", self.log],
                              capture_output=True, text=True, check=False)

    @staticmethod
    def said(answer):
        return sorted((row["inside"]["address"], row["source"]) for row in answer["rows"])

    def rows(self):
        """Public ports of which the files have a row."""
        found = []
        for name in glob.glob(f"{self.log}/nat-*.sqlite"):
            with contextlib.closing(sqlite3.connect(name)) as database:
                found += [row[0] for row in database.execute("SELECT public_port FROM nat")]
        return sorted(found)

    def maps(self):
        """What `ctflowd status` says of them."""
        run = subprocess.run([case.program, "status", "--socket",
                              f"{self.directory}/status.sock", "--json"],
                             capture_output=True, text=True, check=False)
        return json.loads(run.stdout)["namespaces"][0]["nat_log"]["maps"]

    def metrics(self):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.connect(f"{self.directory}/status.sock")
            sock.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            text = sock.makefile(encoding="utf-8").read()
        return {name: float(value) for name, value in
                re.findall(r"(?m)^(ctflowd_nat_log_\w+)\{.*\} (\S+)$", text)}

    def test_what_follows_needs_no_row(self):
        self.nft(RULES)
        program = self.start_program()
        self.datagram(CLIENT4)
        self.datagram(SECOND4)
        first, second = self.translated(CLIENT4), self.translated(SECOND4)
        self.assertTrue(20000 <= first <= 20999 and 21000 <= second <= 21999, (first, second))
        self.assertEqual(self.said(self.ask(first, expect=ONE)), [(CLIENT4, "map")])
        self.assertEqual(self.said(self.ask(second, expect=ONE)), [(SECOND4, "map")])
        self.assertEqual(self.rows(), [])
        # Other protocols are other maps, and other ports nobody's.
        self.assertEqual(self.ask(first, expect=NONE, protocol=TCP)["rows"], [])
        self.assertEqual(self.said(self.ask(30500, expect=ONE, protocol=TCP)), [(CLIENT4, "map")])
        self.ask(19999, expect=NONE)
        self.ask(22000, expect=NONE)
        now = self.maps()
        self.assertEqual((now["entries"], now["followed_map"], now["current"], now["left_out"]),
                         (3, 2, True, []))
        # What does not follow: a host of no map, and a port of the first host given to it.
        self.datagram(THIRD4)
        self.datagram(THIRD4, 99)
        self.assertEqual(self.said(self.ask(20005, expect=SEVERAL)),
                         [(CLIENT4, "map"), (THIRD4, "log")])
        stored = self.rows()
        self.assertEqual(len(stored), 2)
        self.assertEqual(stored[0], 20005)
        self.assertTrue(40000 <= stored[1] <= 40999)
        self.assertEqual(self.said(self.ask(stored[1], expect=ONE)), [(THIRD4, "log")])
        # A change of another part of the ruleset changes nothing.
        self.nft("add table ip other")
        time.sleep(1)  # until it has been read all is stored
        self.datagram(CLIENT4, 55)
        time.sleep(1)
        self.assertEqual(self.rows(), stored)
        self.assertEqual(self.maps()["followed_map"], 3)
        metrics = self.metrics()
        self.assertEqual(metrics["ctflowd_nat_log_followed_map_total"], 3)
        self.assertEqual(metrics["ctflowd_nat_log_map_entries"], self.maps()["entries"])
        self.assertEqual(metrics["ctflowd_nat_log_up"], 1)
        alerted = set(re.findall(r"ctflowd_nat_log_\w+", ALERTS.read_text("utf-8")))
        self.assertTrue(alerted)
        self.assertLessEqual(alerted, set(metrics))
        self.subject_and_forget()
        program.stop()
        totals = program.totals("output_totals")
        self.assertEqual((totals["offered"], totals["flows"]), (5, 5))

    def subject_and_forget(self):
        listed = list(csv.DictReader(io.StringIO(
            self.look_up("--subject", CLIENT4, "--format", "csv").stdout)))
        self.assertEqual([(row["source"], row["protocol"], row["public_port"],
                           row["public_last_port"]) for row in listed],
                         [("map", "17", "20000", "20999"), ("map", "6", "30000", "30999")])
        done = subprocess.run([case.program, "nat-log", "forget", CLIENT4, "--directory", self.log],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 entries of maps that hold name it still", done.stdout)

    def test_a_map_that_changes(self):
        self.nft(RULES)
        program = self.start_program()
        self.datagram(CLIENT4)
        old = self.translated(CLIENT4)
        time.sleep(SETTLED)
        before = time.time() - 0.5
        self.nft(CHANGED)
        wait_until(lambda: "nat_log_maps entries=3 added=2 removed=2" in program.log,
                   "the change to be noticed")
        time.sleep(SETTLED)
        # The connection goes on with its old translation; the port is the other host's by the map.
        self.assertEqual(self.said(self.ask(old, expect=SEVERAL)),
                         [(CLIENT4, "log"), (SECOND4, "map")])
        self.assertEqual(self.said(self.ask(old, at=before, expect=ONE)),
                         [(CLIENT4, "log"), (CLIENT4, "map")])
        other = old + 1 if old < 20999 else old - 1
        self.assertEqual(self.said(self.ask(other, at=before, expect=ONE)), [(CLIENT4, "map")])
        self.assertEqual(self.said(self.ask(other, expect=ONE)), [(SECOND4, "map")])
        self.datagram(SECOND4)
        self.assertTrue(20000 <= self.translated(SECOND4) <= 20999)
        time.sleep(0.5)
        self.assertEqual(self.rows(), [old])

    def test_a_map_that_changes_while_nobody_looks(self):
        self.nft(RULES)
        self.start_program().kill()
        down = time.time()
        time.sleep(2)
        self.nft(CHANGED)
        self.start_program()
        answer = self.ask(20500, at=down + 1, expect=CANNOT_SAY)
        self.assertEqual([hole["reason"] for hole in answer["holes"]], ["not_running"])
        self.assertEqual(answer["rows"], [])
        self.assertEqual([row["inside"]["address"] for row in answer["around"]],
                         [CLIENT4, SECOND4])
        # Of TCP it did not change, as far as anybody saw.
        same = self.ask(30500, at=down + 1, expect=CANNOT_SAY, protocol=TCP)
        self.assertEqual(self.said(same), [(CLIENT4, "map")])
        self.assertEqual([hole["reason"] for hole in same["holes"]], ["not_running"])
        text = self.look_up(f"{WAN4}:30500", "--protocol", TCP, "--tolerance", "50ms", "--at",
                            datetime.datetime.fromtimestamp(
                                down + 1, datetime.timezone.utc).isoformat()).stdout
        self.assertIn("which was the same before and after", text)
        # Before the history begins the map of today says nothing.
        self.assertEqual(self.ask(30500, at=down - 3600, expect=CANNOT_SAY, protocol=TCP)["rows"],
                         [])

    def test_an_overlapping_map_is_not_static(self):
        self.nft(RULES.replace("21000-21999", "20999-21999"))
        program = self.start_program()
        self.datagram(CLIENT4)
        port = self.translated(CLIENT4)
        self.assertEqual(self.said(self.ask(port, expect=ONE)), [(CLIENT4, "log")])
        self.ask(20500 if port != 20500 else 20501, expect=NONE)
        now = self.maps()
        self.assertEqual(now["entries"], 1)
        self.assertEqual(now["left_out"],
                         [f"map ip cgnat udp_nat_map is not static: {WAN4}:20999 belongs to two "
                          "inside addresses"])
        self.assertIn("nat_log_map_left_out", program.log)

    def test_a_dormant_table_translates_nothing(self):
        self.nft(RULES)
        program = self.start_program()
        self.nft("add table ip cgnat { flags dormant; }")
        wait_until(lambda: "nat_log_maps entries=0 added=0 removed=3" in program.log,
                   "the change to be noticed")
        time.sleep(SETTLED)
        self.assertEqual(self.ask(20500, expect=NONE)["rows"], [])
        self.nft("add table ip cgnat")
        wait_until(lambda: "nat_log_maps entries=3 added=3 removed=0" in program.log,
                   "the change to be noticed")
        time.sleep(SETTLED)
        self.assertEqual(self.said(self.ask(20500, expect=ONE)), [(CLIENT4, "map")])
        # A dormant table beside it changes nothing.
        self.nft("add table ip unused { flags dormant; }")
        time.sleep(2 * SETTLED)
        self.assertEqual(self.said(self.ask(20500, expect=ONE)), [(CLIENT4, "map")])


if __name__ == "__main__":
    case.main()
