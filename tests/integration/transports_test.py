#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP, TLS and files: collectors die, return, reset and vanish under load, disks fill up, ctflowd is
killed; every connection arrives once or is in the ledger."""

import collections
import glob
import os
import signal
import subprocess
import time

import case
import collectors
import ipfix
from lab import COLLECTOR, wait_until
from streams import OCTETS, PER_MESSAGE, PORT, StreamTest, key, make_certificates


class Transports(StreamTest):
    def test_sessions_over_tcp(self):
        collector = self.start_collector()
        capture = collectors.Capture(self.lab.collector, self.directory)
        program = self.start_ctflowd(profile="default", template_messages=1,
                                     options_interval="1s", interface_names=True)
        self.connected(program)
        self.load.run(2)
        program.stop()
        collector.stop()
        capture.stop()
        totals, _, _ = self.assert_ledger(program, self.load.count)
        self.assertEqual(totals["flows"], self.load.count)
        session, = collector.sessions()
        # The sampling rate, and the names of lo, lan, wan and export.
        self.assertEqual((session.missing, session.left_over, session.options), (0, 0, 5))
        self.assertEqual(session.option_templates, {290, 291, 292, 293, 294})
        self.assertEqual(session.repeated, 0)
        self.assertEqual(len(session.records), self.load.count)
        self.assertEqual(sum(ipfix.number(r, 1) for r in session.records),
                         self.load.count * OCTETS)
        self.assertEqual(set(collector.flows().values()), {1})
        # The second opinion, on the wire and on what was received.
        flows = collectors.tshark(capture.path, (), f"cflow && tcp.dstport == {PORT}",
                                  "cflow.octets")
        octets = [int(n) for line in flows for n in line.split(",") if n]
        self.assertEqual((len(octets), sum(octets)),
                         (self.load.count, self.load.count * OCTETS))
        self.assertEqual(collectors.tshark(capture.path, (), f"tcp.dstport == {PORT} && "
                                           "(_ws.malformed || cflow.no_template_found)"), [])
        self.assert_ipfix_dump(collector.paths()[0], self.load.count)

    def assert_ipfix_dump(self, path, count):
        """libfixbuf reads the same number of flow records."""
        text = subprocess.run(["ipfixDump", "--in", path, "--data"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        counted = [int(line.split()[-1]) for line in text.splitlines()
                   if "octetDeltaCount" in line]
        self.assertEqual((len(counted), sum(counted)), (count, count * OCTETS))

    def test_collector_killed_and_back_under_load(self):
        collector = self.start_collector()
        program = self.start_ctflowd()
        self.connected(program)
        kills = 3
        unread = 0
        for number in range(kills):
            self.load.run(1)
            unread += self.cut_off(collector, collector.kill)
            self.load.run(0.5)
            collector.start()
            self.connected(program, number + 2)
        self.load.run(0.5)
        program.stop()
        collector.stop()
        self.assert_delivered(program, collector, kills, unread)

    def test_collector_resets_under_load(self):
        collector = self.start_collector()
        program = self.start_ctflowd()
        self.connected(program)
        resets = 3
        unread = 0
        for number in range(resets):
            self.load.run(1)
            unread += self.cut_off(collector, collector.reset)
            self.load.run(0.3)
            self.connected(program, number + 2)
        self.load.run(0.5)
        program.stop()
        collector.stop()
        self.assert_delivered(program, collector, resets, unread)

    def cut_off(self, collector, end):
        """Calls `end` while flow records are under way. Returns how many were acknowledged and not read, at most."""
        with collector.cut_off() as unread:
            self.load.run(0.2)
            end()
        return unread

    def assert_delivered(self, program, collector, breaks, unread=0):
        """Everything once, but for `unread` flow records that were acknowledged and never read, and a message at
        each break that was read and never acknowledged."""
        totals, kept, lost = self.assert_ledger(program, self.load.count)
        self.assertEqual(lost["flows"] + kept["waiting"]["flows"], 0, program.log)
        flows = collector.flows()
        missing = self.load.count - len(flows)
        repeated = sum(flows.values()) - len(flows)
        print(f"\n  {self.load.count} connections, {breaks} breaks: {missing} missing ({unread} unread), "
              f"{repeated} repeated, sent again: {kept['resent']['flows']}")
        self.assertLessEqual(missing, unread)
        self.assertLessEqual(repeated, min(breaks * PER_MESSAGE, kept["resent"]["flows"]))
        if unread:
            self.assertGreater(kept["resent"]["flows"], breaks * PER_MESSAGE)
        self.assertGreaterEqual(len(collector.sessions()), breaks + 1)
        for session in collector.sessions():
            self.assertEqual(session.missing, 0)
        return totals, kept

    def test_collector_stalls(self):
        collector = self.start_collector()
        program = self.start_ctflowd()
        self.connected(program)
        collector.signal(signal.SIGSTOP)
        for _ in range(5):
            self.load.send(2000)
        time.sleep(1)
        collector.signal(signal.SIGCONT)
        self.wait_for_flows(collector, self.load.count)
        program.stop()
        collector.stop()
        self.assert_delivered(program, collector, 0)
        self.assertEqual(program.collector_totals()["main"]["flows"], self.load.count)

    def test_black_hole(self):
        collector = self.start_collector()
        program = self.start_ctflowd(spool={"memory": "8MiB"})
        self.connected(program)
        self.load.run(1)
        self.lab.collector.run("nft", "-f", "-", input="""
            add table ip hole
            add chain ip hole in { type filter hook input priority 0; policy drop; }
            add chain ip hole out { type filter hook output priority 0; policy drop; }
            """)
        self.load.run(3)
        wait_until(lambda: " collector_disconnected " in program.log, "the connection to break", 40)
        self.lab.collector.run("nft", "delete table ip hole")
        self.connected(program, 2)
        self.load.run(0.5)
        program.stop()
        collector.stop()
        self.assert_delivered(program, collector, 1)

    def test_spool_disk_full(self):
        disk = self.make_small_disk("200k")
        program = self.start_ctflowd(spool={"memory": "256KiB", "directory": disk})
        for _ in range(20):
            self.load.send(1000)
        program.wait_for("spool_failed")
        program.wait_for("spool_lost")
        collector = self.start_collector()
        self.connected(program)
        time.sleep(1)
        program.stop()
        collector.stop()
        totals, kept, lost = self.assert_ledger(program, self.load.count)
        self.assertGreater(lost["flows"], 0)
        self.assertEqual(lost, kept["lost_spool_full"])
        flows = collector.flows()
        self.assertEqual(len(flows), totals["flows"])
        self.assertEqual(set(flows.values()), {1})
        self.assertEqual(glob.glob(f"{disk}/*.spool"), [])

    def test_spool_limits_its_size(self):
        disk = f"{self.directory}/spool"
        os.mkdir(disk)
        program = self.start_ctflowd(spool={"directory": disk, "size": "1MiB"})
        for _ in range(30):
            self.load.send(1000)
        program.wait_for("spool_lost")
        used = sum(os.path.getsize(path) for path in glob.glob(f"{disk}/*.spool"))
        self.assertLessEqual(used, 1 << 20)
        program.stop()
        _, kept, lost = self.assert_ledger(program, self.load.count)
        self.assertGreater(kept["waiting"]["flows"], 10_000)
        self.assertEqual(lost, kept["lost_spool_full"])

    def test_ctflowd_killed_and_spool_replayed(self):
        disk = f"{self.directory}/spool"
        os.mkdir(disk)
        spool = {"directory": disk}
        program = self.start_ctflowd(spool=spool)
        for _ in range(10):
            self.load.send(1000)
        time.sleep(0.5)  # flush_after is 100 ms
        program.kill()  # SIGKILL
        before = self.load.count
        # Half a message at the end, as a crash of the machine would leave it.
        newest = sorted(glob.glob(f"{disk}/*.spool"))[-1]
        with open(newest, "ab") as file:
            file.write(bytes(30))

        collector = self.start_collector()
        program = self.start_ctflowd(spool={**spool, "rate": "256KiB"})
        self.connected(program)
        self.wait_for_flows(collector, 3000)
        self.load.send(500)
        time.sleep(0.3)
        program.kill()  # in the middle of the replay
        self.assertLess(len(collector.flows()), before)

        program = self.start_ctflowd(spool=spool)
        self.connected(program)
        self.wait_for_flows(collector, self.load.count - PER_MESSAGE)
        program.stop()
        collector.stop()
        self.assert_ledger(program, 0)
        flows = collector.flows()
        print(f"\n  {self.load.count} connections, killed twice: {self.load.count - len(flows)} "
              f"missing, {sum(flows.values()) - len(flows)} repeated")
        self.assertLessEqual(self.load.count - len(flows), PER_MESSAGE)
        self.assertLessEqual(sum(flows.values()) - len(flows), PER_MESSAGE)
        self.assertEqual(glob.glob(f"{disk}/*.spool"), [])

    def test_stop_and_start_keep_what_waits_on_disk(self):
        disk = f"{self.directory}/spool"
        os.mkdir(disk)
        program = self.start_ctflowd(spool={"directory": disk})
        self.load.send(1000)
        program.stop()
        _, kept, _ = self.assert_ledger(program, 1000)
        self.assertEqual(kept["waiting"]["flows"], 1000)
        collector = self.start_collector()
        program = self.start_ctflowd(spool={"directory": disk})
        self.wait_for_flows(collector, 1000)
        program.stop()
        collector.stop()
        _, kept, _ = self.assert_ledger(program, 0)
        self.assertEqual(kept["recovered"]["flows"], 1000)
        self.assertEqual(set(collector.flows().values()), {1})

    def make_certificates(self):
        make_certificates(self.directory, collector=f"IP:{COLLECTOR}", router="DNS:router.test")

    def test_tls_with_certificates_of_both_sides(self):
        self.make_certificates()
        path = self.directory
        collector = self.start_collector(
            "--certificate", f"{path}/collector.pem", "--key", f"{path}/collector.key",
            "--authority", f"{path}/ca.pem")
        program = self.start_ctflowd("tls", tls={
            "ca_file": f"{path}/ca.pem", "certificate": f"{path}/router.pem",
            "key": f"{path}/router.key"})
        self.connected(program)
        self.load.run(1)
        unread = self.cut_off(collector, collector.kill)
        self.load.run(0.5)
        collector.start()
        self.connected(program, 2)
        self.load.run(0.5)
        time.sleep(0.2)
        program.stop()
        collector.stop()
        self.assert_delivered(program, collector, 1, unread)

    def test_tls_refused_collector_gets_nothing(self):
        self.make_certificates()
        path = self.directory
        collector = self.start_collector("--certificate", f"{path}/collector.pem",
                                         "--key", f"{path}/collector.key")
        program = self.start_ctflowd("tls")  # the system does not know this authority
        self.load.send(100)
        program.wait_for("collector_unreachable")
        program.stop()
        collector.stop()
        _, kept, _ = self.assert_ledger(program, 100)
        self.assertEqual(kept["lost_stopped"]["flows"], 100)
        self.assertIn("the collector's certificate is refused", program.log)
        self.assertEqual(collector.paths(), [])

    def start_file_writer(self, directory, **settings):
        return self.start_ctflowd("file", file={"directory": directory, **settings})

    def test_files(self):
        directory = f"{self.directory}/files"
        os.mkdir(directory)
        program = self.start_file_writer(directory, size="128KiB", interval="2s")
        self.load.run(5)
        program.stop()
        totals, _, _ = self.assert_ledger(program, self.load.count)
        self.assertEqual(totals["flows"], self.load.count)
        paths = sorted(glob.glob(f"{directory}/*"))
        self.assertGreaterEqual(len(paths), 3)
        flows, octets = collections.Counter(), 0
        for path in paths:
            self.assertTrue(path.endswith(".ipfix"), path)
            self.assertLessEqual(os.path.getsize(path), 128 << 10)
            with open(path, "rb") as file:
                session = ipfix.read(file.read())
            self.assertEqual((session.missing, session.left_over, session.options), (0, 0, 1))
            flows.update(key(record) for record in session.records)
            # Each file can be read alone, by others too.
            self.assert_ipfix_dump(path, len(session.records))
            counted = [int(number) for line in collectors.tshark(path, (), "cflow", "cflow.octets")
                       for number in line.split(",") if number]
            self.assertEqual((len(counted), sum(counted)),
                             (len(session.records), OCTETS * len(session.records)))
            octets += sum(counted)
        self.assertEqual((len(flows), set(flows.values())), (self.load.count, {1}))
        self.assertEqual(octets, self.load.count * OCTETS)

    def test_more_than_ten_thousand_files_of_one_name(self):
        directory = f"{self.directory}/files"
        os.mkdir(directory)
        for number in range(10_001):
            name = "day.ipfix" if number == 0 else f"day-{number}.ipfix"
            with open(f"{directory}/{name}", "wb"):
                pass
        program = self.start_file_writer(directory, name="day.ipfix", interval="1s")
        self.load.run(3)
        program.stop()
        totals, _, lost = self.assert_ledger(program, self.load.count)
        self.assertEqual((totals["flows"], lost["flows"]), (self.load.count, 0))
        written = [path for path in glob.glob(f"{directory}/*") if os.path.getsize(path) > 0]
        self.assertGreaterEqual(len(written), 2)
        numbers = sorted(int(path[len(f"{directory}/day-"):-len(".ipfix")]) for path in written)
        self.assertEqual(numbers, list(range(10_001, 10_001 + len(written))))
        records = 0
        for path in written:
            with open(path, "rb") as file:
                records += len(ipfix.read(file.read()).records)
        self.assertEqual(records, totals["records"])

    def test_disk_full_for_files(self):
        disk = self.make_small_disk("200k")
        program = self.start_file_writer(disk)
        for _ in range(10):
            self.load.send(1000)
        program.wait_for("file_failed")
        program.stop()
        totals, kept, lost = self.assert_ledger(program, self.load.count)
        self.assertGreater(lost["flows"], 0)
        self.assertEqual(lost, kept["lost_write_error"])
        records = 0
        for path in glob.glob(f"{disk}/*"):
            with open(path, "rb") as file:
                session = ipfix.read(file.read())
            self.assertEqual(session.left_over, 0)
            records += len(session.records)
        self.assertEqual(records, totals["flows"])


if __name__ == "__main__":
    case.main()
