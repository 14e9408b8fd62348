#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The NAT log and its look-ups, with the kernel's own translations."""

import contextlib
import csv
import datetime
import glob
import io
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time

import case
import ctflowd
import traffic
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, WAN4, WAN6, wait_until

SECOND4 = "10.10.0.3"  # another inside host
COMMIT = 0.1
SETTLED = 1.5  # seconds until the log is sure to be complete for a time
ONE, NONE, CANNOT_SAY, SEVERAL = 0, 1, 2, 3
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/nat-log.md"


class NatLog(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.lab.client.run("ip", "addr", "add", f"{SECOND4}/24", "dev", "eth0")
        self.log = f"{self.directory}/nat"
        self.names = {}

    def start_program(self, source=None, **settings):
        nat_log = {"retention": "180d", "directory": self.log, "commit_interval": "100ms", **settings}
        sections = {"nat_log": nat_log, **({"source": source} if source else {})}
        text = ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix")], **sections)
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        program.wait_for("started")
        wait_until(lambda: glob.glob(f"{self.log}/nat-*.sqlite"), "the log to begin")
        time.sleep(SETTLED)  # the time before the start is a hole, and clocks may be a second off
        return program

    def datagram(self, source, port, destination=(SERVER4, 53)):
        """A connection that stays: from `source`:`port`."""
        family = traffic.family_of(source)
        with contextlib.closing(self.lab.client.socket(family, socket.SOCK_DGRAM)) as sock:
            sock.bind((source, port))
            sock.sendto(bytes(10), destination)

    def ask(self, who, *options, at=None, tolerance="100ms", expect):
        """The answer of `nat-lookup` as JSON."""
        moment = datetime.datetime.fromtimestamp(at or time.time(), datetime.timezone.utc)
        if at is None:
            time.sleep(SETTLED)
        run = subprocess.run(
            [case.program, "nat-lookup", who, "--directory", self.log, "--at", moment.isoformat(),
             "--tolerance", tolerance, "--format", "json", *options],
            capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return json.loads(run.stdout)

    @staticmethod
    def inside(answer):
        return sorted(row["inside"]["address"] for row in answer["rows"])

    def stay(self):
        for name in ("udp_timeout", "udp_timeout_stream", "icmp_timeout"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 300)

    def test_one_port_of_two_hosts(self):
        self.stay()
        self.lab.rules("source_nat", f"udp dport 53-60 snat ip to {WAN4}:30000")
        program = self.start_program(destination=True)
        self.datagram(CLIENT4, 1053, (SERVER4, 53))
        self.datagram(SECOND4, 1054, (SERVER4, 54))
        both = self.ask(f"{WAN4}:30000", expect=SEVERAL)
        self.assertEqual(self.inside(both), [CLIENT4, SECOND4])
        self.assertEqual(both["holes"] + both["missing"], [])
        now = time.time()
        time.sleep(SETTLED)
        for port, host in ((53, CLIENT4), (54, SECOND4)):
            one = self.ask(f"{WAN4}:30000", "--remote", f"{SERVER4}:{port}", expect=ONE, at=now)
            self.assertEqual(self.inside(one), [host])
            self.assertIsNone(one["rows"][0]["ended"])
        self.ask(f"{WAN4}:30000", "--remote", f"{SERVER4}:55", expect=NONE, at=now)
        self.ask(f"{WAN4}:30000", "--protocol", "tcp", expect=NONE, at=now)
        self.ask(f"{WAN4}:30001", expect=NONE, at=now)
        program.stop()
        totals = program.totals("output_totals")
        self.assertEqual((totals["offered"], totals["flows"]), (2, 2))

    def test_without_destinations_several_stay_several(self):
        self.stay()
        self.lab.rules("source_nat", f"udp dport 53-60 snat ip to {WAN4}:30000")
        self.start_program()
        self.datagram(CLIENT4, 1053, (SERVER4, 53))
        self.datagram(SECOND4, 1054, (SERVER4, 54))
        both = self.ask(f"{WAN4}:30000", "--remote", f"{SERVER4}:53", expect=SEVERAL)
        self.assertEqual([row["remote"] for row in both["rows"]], [None, None])

    def test_kinds_of_translation(self):
        self.lab.rules("source_nat", f"ip saddr 10.10.0.0/24 udp dport 53 snat ip to {WAN4}:30000",
                       f"ip saddr 10.10.0.0/24 meta l4proto icmp snat to {WAN4}",
                       f'ip6 saddr {CLIENT6} udp dport 53 snat ip6 to [{WAN6}]:30006')
        self.lab.rules("destination_nat", f"ip daddr {WAN4} tcp dport 8080 dnat ip to {CLIENT4}:80")
        self.start_program()
        path = self.lab.client, self.lab.server
        at = time.time()
        traffic.udp(*path, SERVER4, 53, source=(CLIENT4, 1053))
        traffic.udp(*path, SERVER6, 53, source=(CLIENT6, 1056))
        traffic.echo(self.lab.client, SERVER4)
        traffic.tcp(self.lab.server, self.lab.client, WAN4, 8080, listen=(CLIENT4, 80))
        at = (at + time.time()) / 2 if time.time() - at < 0.2 else at + 0.1
        self.lab.wait_for_idle()
        time.sleep(SETTLED)
        answer = self.ask(f"{WAN4}:30000", at=at, tolerance="1s", expect=ONE)
        row = answer["rows"][0]
        self.assertEqual((row["inside"], row["protocol"], row["nat"]),
                         ({"address": CLIENT4, "port": 1053}, 17, "snat"))
        self.assertIsNotNone(row["ended"])
        answer = self.ask(f"[{WAN6}]:30006", at=at, tolerance="1s", expect=ONE)
        self.assertEqual(answer["rows"][0]["inside"], {"address": CLIENT6, "port": 1056})
        answer = self.ask(f"{WAN4}:8080", at=at, tolerance="1s", expect=ONE)
        self.assertEqual((answer["rows"][0]["inside"], answer["rows"][0]["nat"]),
                         ({"address": CLIENT4, "port": 80}, "dnat"))
        listed = self.look_up("--subject", CLIENT4, "--format", "json")
        echo = [row for row in json.loads(listed.stdout) if row["protocol"] == 1]
        self.assertEqual(len(echo), 1, listed.stdout)
        answer = self.ask(f"{WAN4}:{echo[0]['public']['port']}", "--protocol", "icmp", at=at,
                          tolerance="1s", expect=ONE)
        self.assertEqual(self.inside(answer), [CLIENT4])

    def look_up(self, *arguments):
        return subprocess.run([case.program, "nat-lookup", *arguments, "--directory", self.log],
                              capture_output=True, text=True, check=False)

    def test_killed_and_started_again(self):
        self.stay()
        self.lab.rules("source_nat", f"udp dport 53 snat ip to {WAN4}:30000",
                       f"udp dport 54 snat ip to {WAN4}:30001",
                       f"udp dport 55 snat ip to {WAN4}:30002")
        self.datagram(CLIENT4, 1055, (SERVER4, 55))  # before the first start
        program = self.start_program()
        self.datagram(CLIENT4, 1053, (SERVER4, 53))
        self.datagram(CLIENT4, 1054, (SERVER4, 54))
        for port in (30000, 30001, 30002):
            self.ask(f"{WAN4}:{port}", expect=ONE)
        program.kill()
        down = time.time()
        time.sleep(1)
        self.lab.router.run("conntrack", "-D", "-p", "udp", "--dport", "54")
        self.start_program()
        answer = self.ask(f"{WAN4}:30009", at=down + 0.5, expect=CANNOT_SAY)
        self.assertEqual([hole["reason"] for hole in answer["holes"]], ["not_running"])
        started = time.time()
        self.ask(f"{WAN4}:30001", at=started - 0.2, expect=CANNOT_SAY)  # it may be over, or not
        wait_until(lambda: self.ended("public_port=30001"), "the row without a connection to be closed")
        self.assertEqual(self.ended("public_port=30001"), [2])
        self.ask(f"{WAN4}:30001", at=started - 0.2, expect=NONE)
        for port in (30000, 30002):
            for at in (None, started - 0.2):
                self.assertEqual(self.inside(self.ask(f"{WAN4}:{port}", at=at, expect=ONE)), [CLIENT4])
        self.assertEqual(len(self.ask(f"{WAN4}:30000", expect=ONE)["rows"]), 1)

    def test_another_host_had_the_port_while_the_log_was_not_written(self):
        """It has the port towards the same remote end as the one before it, of which a row is there."""
        self.stay()
        self.lab.rules("source_nat", f"udp dport 53-54 snat ip to {WAN4}:30000")
        program = self.start_program(destination=True)
        self.datagram(CLIENT4, 1053, (SERVER4, 53))
        self.datagram(CLIENT4, 1054, (SERVER4, 54))
        exactly = "--protocol", "udp", "--remote", f"{SERVER4}:53"
        self.assertEqual(self.inside(self.ask(f"{WAN4}:30000", *exactly, expect=ONE)), [CLIENT4])
        program.kill()
        self.lab.router.run("conntrack", "-D", "-p", "udp", "--dport", "53")
        time.sleep(0.5)
        self.datagram(SECOND4, 1055, (SERVER4, 53))
        down = time.time()
        time.sleep(0.5)
        self.ask(f"{WAN4}:30000", *exactly, at=down, expect=CANNOT_SAY)
        self.lab.router.run("conntrack", "-D", "-p", "udp", "--dport", "53")
        self.start_program(destination=True)
        self.ask(f"{WAN4}:30000", *exactly, at=down, expect=CANNOT_SAY)
        wait_until(lambda: self.ended("remote_port=53"), "the row without a connection to be closed")
        time.sleep(SETTLED)
        self.ask(f"{WAN4}:30000", *exactly, at=down, expect=CANNOT_SAY)
        # One that was there before and after was there all the time.
        other = "--protocol", "udp", "--remote", f"{SERVER4}:54"
        wait_until(lambda: self.look_up(f"{WAN4}:30000", *other, "--at", datetime.datetime.fromtimestamp(
            down, datetime.timezone.utc).isoformat()).returncode == ONE, "the log to be sure of it")

    def ended(self, where):
        """`unsure` of the rows that ended."""
        with contextlib.closing(sqlite3.connect(glob.glob(f"{self.log}/nat-*.sqlite")[0])) as database:
            return [row[0] for row in database.execute(
                f"SELECT unsure FROM nat WHERE ended IS NOT NULL AND {where}")]

    def test_beginnings_that_found_no_room_are_a_hole_with_reliable_delivery_too(self):
        """The kernel keeps ends; a beginning comes with the next packet, and here there is none."""
        self.test_events_that_the_kernel_dropped_are_a_hole(delivery="reliable")

    def test_events_that_the_kernel_dropped_are_a_hole(self, **source):
        self.stay()
        self.lab.rules("source_nat", 'oifname "wan" masquerade')
        program = self.start_program(source={"receive_buffer": "64KiB",
                                             "receive_buffer_limit": "64KiB", **source})
        os.kill(program.process.pid, signal.SIGSTOP)
        at = time.time()
        for port in range(2000, 3000):
            self.datagram(CLIENT4, 1053, (SERVER4, port))
        os.kill(program.process.pid, signal.SIGCONT)
        program.wait_for("nat_log_hole")
        # All that exists has a row in the end, also where its event was dropped.
        wait_until(lambda: self.rows() == 1000, "1000 rows")
        answer = self.ask(f"{WAN4}:9", at=at + 0.1, expect=CANNOT_SAY)
        self.assertIn("events_lost", [hole["reason"] for hole in answer["holes"]])
        self.assertEqual([hole for hole in answer["holes"] if hole["ended"] is None], [])

    def silent(self, port):
        """A connection whose end the kernel will not tell, as with nf_conntrack_events=2 and nobody listening."""
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        self.datagram(CLIENT4, 1053, (SERVER4, port))
        self.lab.router.set("net/netfilter/nf_conntrack_events", 1)

    def test_a_connection_that_vanishes_without_an_event(self):
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 10)
        self.lab.rules("source_nat", f"udp dport 53 snat ip to {WAN4}:30000")
        self.silent(53)
        program = self.start_program(source={"active_timeout": "5s"})
        self.assertEqual(self.inside(self.ask(f"{WAN4}:30000", expect=ONE)), [CLIENT4])
        wait_until(lambda: "connections_vanished" in program.log, "scans to miss it", 40)
        # The table is read, and what comes late is waited for.
        wait_until(lambda: self.ended("public_port=30000"), "the row to be closed", 30)
        self.assertEqual(self.ended("public_port=30000"), [2])
        self.ask(f"{WAN4}:30000", expect=NONE)
        program.stop()

    def test_events_that_are_switched_off(self):
        self.stay()
        self.lab.rules("source_nat", f"udp dport 53 snat ip to {WAN4}:30000",
                       f"udp dport 54 snat ip to {WAN4}:30001")
        program = self.start_program()
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        wait_until(lambda: "reason=events_off" in program.log, "the hole")
        self.datagram(CLIENT4, 1053, (SERVER4, 53))
        off = time.time()
        for port in (30000, 30001):
            answer = self.ask(f"{WAN4}:{port}", expect=CANNOT_SAY)
            self.assertEqual([hole["reason"] for hole in answer["holes"]], ["events_off"])
        self.lab.router.set("net/netfilter/nf_conntrack_events", 1)
        wait_until(lambda: not self.open_holes(), "the connection table to be read", 30)
        time.sleep(0.5)  # more than the tolerance
        self.ask(f"{WAN4}:30001", expect=NONE)
        self.assertEqual(self.inside(self.ask(f"{WAN4}:30000", expect=ONE)), [CLIENT4])
        self.ask(f"{WAN4}:30001", at=off, expect=CANNOT_SAY)
        program.stop()

    def test_events_that_are_off_at_the_start(self):
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        program = self.start_program()
        answer = self.ask(f"{WAN4}:30000", expect=CANNOT_SAY)
        self.assertIn("events_off", [hole["reason"] for hole in answer["holes"]])
        program.stop()

    def test_what_a_filter_excludes_is_not_nobody(self):
        self.stay()
        self.lab.rules("source_nat", f"meta l4proto {{ tcp, udp }} snat ip to {WAN4}:30000")
        program = self.start_program(source={"filter": "{include: [{protocols: [tcp]}]}"})
        self.datagram(CLIENT4, 1053, (SERVER4, 53))
        for options in (("--protocol", "udp"), ()):
            answer = self.ask(f"{WAN4}:30000", *options, expect=CANNOT_SAY)
            self.assertEqual(answer["rows"], [])
            self.assertIn("source.filter", "".join(answer["missing"]))
        self.ask(f"{WAN4}:30000", "--protocol", "tcp", expect=NONE)
        program.stop()

    def open_holes(self):
        with contextlib.closing(sqlite3.connect(glob.glob(f"{self.log}/nat-*.sqlite")[0])) as database:
            return database.execute("SELECT count(*) FROM holes WHERE ended IS NULL").fetchone()[0]

    def rows(self):
        with contextlib.closing(sqlite3.connect(glob.glob(f"{self.log}/nat-*.sqlite")[0])) as database:
            return database.execute("SELECT count(*) FROM nat").fetchone()[0]

    def test_full_disk(self):
        self.stay()
        self.lab.rules("source_nat", 'oifname "wan" masquerade')
        os.mkdir(self.log)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", self.log], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.log], check=True)
        program = self.start_program(queue=1024)
        at = time.time()
        for port in range(2000, 8000):
            self.datagram(CLIENT4, 1053, (SERVER4, port))
        program.wait_for("nat_log_not_written")
        time.sleep(1)
        subprocess.run(["mount", "-o", "remount,size=64m", self.log], check=True)
        program.wait_for("nat_log_written_again")
        wait_until(lambda: self.rows() == 6000, "all that exists to have a row", 40)
        answer = self.ask(f"{WAN4}:9", at=at + 1, tolerance="3s", expect=CANNOT_SAY)
        self.assertIn("disk_full", [hole["reason"] for hole in answer["holes"]])
        program.stop()
        totals = program.totals("output_totals")
        # To the queue that was full before the disk was known to be, and to the disk.
        lost = sum(amount["flows"] for what, amount in program.kept_totals().items()
                   if what.startswith("lost_"))
        self.assertEqual(totals["offered"], 6000)
        self.assertGreater(lost, 0)
        self.assertEqual(totals["flows"] + lost, 6000)
        self.assertGreater(program.collector_totals()["one"]["offered"], -1)

    def test_data_protection_and_documented_queries(self):
        self.lab.rules("source_nat", f"udp dport 53 snat ip to {WAN4}:30000")
        self.start_program(destination=True)
        self.datagram(CLIENT4, 1053)
        self.ask(f"{WAN4}:30000", expect=ONE)
        listed = self.look_up("--subject", CLIENT4, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(listed.stdout)))
        self.assertEqual([(row["inside_address"], row["remote_address"]) for row in rows],
                         [(CLIENT4, SERVER4)])
        name = glob.glob(f"{self.log}/nat-*.sqlite")[0]
        queries = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
        self.assertGreaterEqual(len(queries), 4)
        with contextlib.closing(sqlite3.connect(name)) as database:
            for query in queries:
                answer = database.execute(query).fetchall()
                if "'10.10.0.2'" in query:
                    self.assertEqual(len(answer), 1, query)
        done = subprocess.run([case.program, "nat-log", "forget", CLIENT4, "--directory", self.log],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("inside address from 1 row,", done.stdout)
        self.assertEqual(self.look_up("--subject", CLIENT4).returncode, NONE)
        self.ask(f"{WAN4}:30000", tolerance="5s", expect=CANNOT_SAY)
        for file in glob.glob(f"{self.log}/nat-*"):
            with open(file, "rb") as content:
                self.assertNotIn(socket.inet_aton(CLIENT4), content.read(), file)

    def test_questions_that_are_none(self):
        os.mkdir(self.log)
        at = "--at", "2026-11-23T10:00:00+01:00"
        for arguments, text in (((f"{WAN4}", *at), "ADDRESS:PORT: expected"),
                                (("2001:db8::7:80", *at), "ADDRESS:PORT: expected"),
                                ((f"{WAN4}:70000", *at), "ADDRESS:PORT: expected"),
                                ((f"{WAN4}:80", "--at", "2026-11-23T10:00:00"), "--at: expected"),
                                ((f"{WAN4}:80", "--at", "yesterday"), "--at: expected"),
                                ((f"{WAN4}:80",), "--at: expected"),
                                ((f"{WAN4}:80", *at, "--protocol", "tpc"), "--protocol: expected"),
                                ((f"{WAN4}:80", *at, "--remote", "x"), "--remote: expected"),
                                ((f"{WAN4}:80", *at, "--tolerance", "1"), "--tolerance: expected"),
                                ((f"{WAN4}:80", *at, "--format", "xml"), "--format: expected"),
                                ((f"{WAN4}:80", *at, "--remote", WAN6), "--remote: expected"),
                                ((), "expected either"),
                                (("--subject", CLIENT4, *at), "--subject: prints all rows"),
                                (("--subject", CLIENT4, "--remote", SERVER4),
                                 "--subject: prints all rows"),
                                (("--subject", CLIENT4, "--zone", "3"), "--subject: prints all rows"),
                                (("--subject", CLIENT4), "expected files of the NAT log"),
                                (("--subject", "x"), "--subject: expected")):
            run = self.look_up(*arguments)
            self.assertEqual(run.returncode, CANNOT_SAY, run)
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
            self.assertIn(text, run.stderr)
        run = self.look_up(f"{WAN4}:80", *at)
        self.assertEqual(run.returncode, CANNOT_SAY, run)
        self.assertIn("there is no nat-20261123.sqlite", run.stdout)
        # As where each of `namespaces` has a directory of its own in this one.
        run = subprocess.run([case.program, "nat-log", "forget", CLIENT4, "--directory", self.log],
                             capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stdout), (CANNOT_SAY, ""))
        self.assertRegex(run.stderr, "^.*: expected files of the NAT log, .* --namespace\\?\n$")


if __name__ == "__main__":
    case.main()
