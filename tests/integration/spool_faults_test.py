#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk spool when the disk, the descriptors or the time are short: nothing is lost that is not in
the ledger, and nothing is sent twice that the ledger does not say so of.

CTFLOWD_SPOOL_MIB: how large the spool is that is read beside a churn of connections (64)."""

import errno
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import case
from lab import wait_until
from streams import PER_MESSAGE, StreamTest

HERE = os.path.dirname(os.path.abspath(__file__))


class FaultyDisk:
    """A directory whose file system fails for the programs that are started by `command`."""

    def __init__(self, directory):
        self.path = f"{directory}/spool"
        os.mkdir(self.path)
        self._library = f"{directory}/faulty_disk.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self._library,
                        f"{HERE}/faulty_disk.c", "-ldl"], check=True)
        self._control = f"{directory}/fault"
        with open(self._control, "wb") as file:
            file.write(bytes(4096))
        self.command = ["env", f"LD_PRELOAD={self._library}", f"CTFLOWD_FAULT={self._control}",
                        f"CTFLOWD_FAULT_DIRECTORY={self.path}",
                        "ASAN_OPTIONS=verify_asan_link_order=0:" +
                        os.environ.get("ASAN_OPTIONS", "")]

    def fail(self, error):
        """0: works again."""
        with open(self._control, "r+b") as file:
            file.write(struct.pack("=i", error))


class _Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect("/run/ctflowd/status.sock")


def problems():
    connection = _Connection("localhost")
    connection.request("GET", "/status")
    status = json.loads(connection.getresponse().read())
    connection.close()
    return {one["name"]: one["impact"] for one in status["problems"]}


class SpoolFaults(StreamTest):
    def make_spool(self):
        path = f"{self.directory}/spool"
        os.mkdir(path)
        return path

    def fill(self, disk, count):
        """Leaves that many flows on disk; the ledger of who did it."""
        program = self.start_ctflowd(spool={"directory": disk})
        for _ in range(0, count, 1000):
            self.load.send(min(count, 1000))
        program.stop()
        _, kept, _ = self.assert_ledger(program, count)
        self.assertEqual(kept["waiting"]["flows"], count)

    def read_only_while_draining(self, error):
        disk = FaultyDisk(self.directory)
        self.fill(disk.path, 4000)
        collector = self.start_collector()
        program = self.start_ctflowd(before=disk.command,
                                     spool={"directory": disk.path, "rate": "64KiB"})
        self.wait_for_flows(collector, 500)
        disk.fail(error)
        program.wait_for("spool_failed")
        time.sleep(1)
        stopped_at = len(collector.flows())
        self.assertLess(stopped_at, 4000)
        self.load.send(100)
        self.wait_for_flows(collector, stopped_at + 100)
        self.assertIn(os.strerror(error), problems()["spool_unusable"])
        time.sleep(2)
        self.assertEqual(len(collector.flows()), stopped_at + 100,
                         "what the disk cannot note must not be sent")
        program.stop()
        totals, kept, lost = self.assert_ledger(program, 100)
        self.assertEqual(lost["flows"], 0)
        self.assertEqual(totals["flows"], stopped_at + 100)
        unrecorded = kept["unrecorded"]["flows"]
        self.assertEqual(unrecorded > 0, "spool_unrecorded" in program.log)

        disk.fail(0)
        program = self.start_ctflowd(spool={"directory": disk.path})
        self.wait_for_flows(collector, self.load.count)
        program.stop()
        collector.stop()
        _, kept_later, lost = self.assert_ledger(program, 0)
        self.assertEqual(lost["flows"], 0)
        self.assertEqual(kept_later["recovered"]["flows"], kept["waiting"]["flows"] + unrecorded)
        flows = collector.flows()
        repeated = sum(flows.values()) - len(flows)
        resent = kept["resent"]["flows"] + kept_later["resent"]["flows"]
        print(f"\n  {os.strerror(error)}: {self.load.count} connections, {repeated} repeated, "
              f"announced: {unrecorded}, counted: {resent}")
        self.assertLessEqual(repeated, resent)
        self.assertLessEqual(unrecorded, kept_later["resent"]["flows"])
        self.assertEqual(glob.glob(f"{disk.path}/*.spool"), [])

    def test_file_system_turns_read_only_while_the_spool_is_sent(self):
        self.read_only_while_draining(errno.EROFS)

    def test_disk_fails_while_the_spool_is_sent(self):
        self.read_only_while_draining(errno.EIO)

    def test_file_system_is_read_only_for_a_while(self):
        disk = FaultyDisk(self.directory)
        self.fill(disk.path, 2000)
        collector = self.start_collector()
        program = self.start_ctflowd(before=disk.command,
                                     spool={"directory": disk.path, "rate": "64KiB"})
        self.wait_for_flows(collector, 500)
        disk.fail(errno.EROFS)
        program.wait_for("spool_failed")
        time.sleep(1)
        disk.fail(0)
        self.wait_for_flows(collector, 2000)
        wait_until(lambda: "spool_unusable" not in problems(), "the spool to be well again", 30)
        program.stop()
        collector.stop()
        _, kept, lost = self.assert_ledger(program, 0)
        self.assertEqual((lost["flows"], kept["unrecorded"]["flows"]), (0, 0))
        self.assertEqual(set(collector.flows().values()), {1})
        self.assertEqual(glob.glob(f"{disk.path}/*.spool"), [])

    def multiply(self, disk, copies):
        """The one file in this directory that many times."""
        original, = glob.glob(f"{disk}/*.spool")
        for number in range(1, copies):
            shutil.copy(original, f"{disk}/main-{number:016x}.spool")

    def test_more_files_than_descriptors(self):
        copies = 600
        disk = self.make_spool()
        self.fill(disk, 10)
        self.multiply(disk, copies)
        collector = self.start_collector()
        program = self.start_ctflowd(before=["prlimit", "--nofile=100:100"],
                                     spool={"directory": disk})
        wait_until(lambda: sum(collector.flows().values()) >= 10 * copies, "all files", 60)
        program.stop()
        collector.stop()
        totals, kept, lost = self.assert_ledger(program, 0)
        self.assertEqual((totals["flows"], kept["recovered"]["flows"], lost["flows"]),
                         (10 * copies, 10 * copies, 0))
        self.assertEqual(set(collector.flows().values()), {copies})
        self.assertEqual(glob.glob(f"{disk}/*.spool") + glob.glob(f"{disk}/*.damaged"), [])

    def test_large_spool_is_read_beside_a_churn(self):
        megabytes = int(os.environ.get("CTFLOWD_SPOOL_MIB", "64"))
        disk = self.make_spool()
        self.fill(disk, 8000)
        size = os.path.getsize(glob.glob(f"{disk}/*.spool")[0])
        copies = max(2, (megabytes << 20) // size)
        self.multiply(disk, copies)
        before = self.load.count
        program = self.start_ctflowd(spool={"directory": disk, "size": "4GiB"})
        self.assertNotIn("spool_recovered", program.log)  # it does not keep the start waiting
        while " spool_recovered " not in program.log:
            self.load.run(0.5)
        self.load.run(0.5)
        program.stop()
        offered = self.load.count - before
        _, kept, lost = self.assert_ledger(program, offered)
        self.assertEqual((program.totals()["lost_overrun"], lost["flows"]), (0, 0))
        self.assertEqual(kept["recovered"]["flows"], 8000 * copies)
        self.assertEqual(kept["waiting"]["flows"], 8000 * copies + offered)
        print(f"\n  {copies * size >> 20} MiB read beside {offered} connections, none lost")

    def test_killed_while_the_collector_stalls(self):
        disk = self.make_spool()
        collector = self.start_collector()
        program = self.start_ctflowd(spool={"directory": disk})
        self.connected(program)
        collector.signal(signal.SIGSTOP)
        for _ in range(12):
            self.load.send(1000)
        # All that the collector's host does not take is on disk a second later.
        wait_until(lambda: sum(map(os.path.getsize, glob.glob(f"{disk}/*.spool"))) > 100_000,
                   "the spool to be used")
        time.sleep(3)
        program.kill()
        collector.signal(signal.SIGCONT)
        program = self.start_ctflowd(spool={"directory": disk})
        self.wait_for_flows(collector, self.load.count)
        program.stop()
        collector.stop()
        _, kept, _ = self.assert_ledger(program, 0)
        flows = collector.flows()
        repeated = sum(flows.values()) - len(flows)
        print(f"\n  {self.load.count} connections, {self.load.count - len(flows)} missing, "
              f"{repeated} repeated, counted: {kept['resent']['flows']}")
        self.assertEqual(len(flows), self.load.count)
        self.assertLessEqual(repeated, kept["resent"]["flows"])

    def test_what_was_on_its_way_is_not_promised_when_its_file_was_dropped(self):
        disk = self.make_spool()
        collector = self.start_collector()
        program = self.start_ctflowd(spool={"directory": disk, "size": "1MiB"})
        self.connected(program)
        collector.signal(signal.SIGSTOP)
        for _ in range(40):
            self.load.send(1000)
        program.wait_for("spool_lost")
        program.stop()
        collector.kill()
        _, kept, _ = self.assert_ledger(program, self.load.count)
        promised = kept["waiting"]["flows"]
        self.assertGreater(promised, 0)
        program = self.start_ctflowd(spool={"directory": disk, "size": "1MiB"})
        program.wait_for("spool_recovered")
        program.stop()
        _, kept, _ = self.assert_ledger(program, 0)
        self.assertEqual(kept["recovered"]["flows"], promised)

    def test_files_removed_underneath(self):
        disk = self.make_spool()
        program = self.start_ctflowd(spool={"directory": disk})
        self.load.send(2000)
        wait_until(lambda: glob.glob(f"{disk}/*.spool"), "the spool to be used")
        time.sleep(0.5)
        for path in glob.glob(f"{disk}/*.spool"):
            os.remove(path)
        self.load.send(500)
        program.stop()
        _, kept, lost = self.assert_ledger(program, 2500)
        self.assertGreater(lost["flows"], 2000 - PER_MESSAGE)
        self.assertEqual(lost, kept["lost_spool_damaged"])
        self.assertGreater(kept["waiting"]["flows"], 400)

    def test_directory_that_comes_later(self):
        disk = f"{self.directory}/later"
        program = self.start_ctflowd(spool={"directory": disk})
        program.wait_for("spool_failed")
        self.assertIn(os.strerror(errno.ENOENT), problems()["spool_unusable"])
        self.load.send(100)
        os.mkdir(disk)
        wait_until(lambda: glob.glob(f"{disk}/*.spool"), "the spool to be used")
        wait_until(lambda: "spool_unusable" not in problems(), "the spool to be well", 30)
        program.stop()
        _, kept, lost = self.assert_ledger(program, 100)
        self.assertEqual((kept["waiting"]["flows"], lost["flows"]), (100, 0))


if __name__ == "__main__":
    case.main()
