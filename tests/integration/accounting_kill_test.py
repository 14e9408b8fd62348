#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ctflowd killed at random times while traffic goes on: nothing is counted twice, and what is missing
is known."""

import contextlib
import datetime
import glob
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time

import accounting_case
import case
import kernel
import packet_truth
from accounting_case import CHURNING, PRIVACY6
from lab import CLIENT4, SERVER4, SERVER6, WAN4
from packet_truth import PEER4, SECOND4, SECOND6

KILLS = 20
SHORT = range(130, 250)  # the last octets of their addresses
NATTED = 5001
SETTLED = 1.6  # seconds until the NAT log is sure to be complete for a time
BATCH = 0.5  # seconds that an end may wait to be read
LATE = 0.2  # seconds that conntrack(8) may say it later
ENDED = re.compile(r"\[(\d+\.\d+)\s*\].*?src=(\S+)")
INCOMPLETE, CANNOT_SAY = 1, 2
RUNTIME = "/run/ctflowd"
AGGREGATES = {"connections": ("host", "service", "direction"), "devices": ("device", "direction")}


class AccountingKill(accounting_case.AccountingCase):
    def begin(self):
        log = {"retention": "30d", "directory": self.nat_log, "commit_interval": "100ms"}
        program = self.start_program(
            source={"active_timeout": "5s", "state_file": f"{self.directory}/state"},
            sections={"nat_log": log}, aggregates=accounting_case.yaml(AGGREGATES))
        self.started = time.time()
        self.assertNotRegex(program.log, "state_(damaged|unreadable|outdated)|accounting_not_written")
        return program

    def lives(self, program):
        """Kills it at random times, and begins it again."""
        for _ in range(KILLS):
            time.sleep(self.random.uniform(0.05, 2.8))
            began = self.started
            program.process.send_signal(signal.SIGKILL)
            killed = time.time()
            program.wait()
            program = self.begin()
            self.runs.append((began, killed))
            self.absent.append((killed, self.started))
        return program

    def short_conversations(self, stopping):
        """One after the other, each from an address of its own, of a random size."""
        client, _, _, server, _ = self.lab.hosts()
        for number, last in enumerate(SHORT):
            if stopping.wait(0.2):
                return
            if number % 2:
                self.udp(client, server, SERVER4, 53, source=(f"10.10.0.{last}", 0))
            else:
                self.udp(client, server, SERVER4, 8123, source=(f"10.10.0.{last}", 0))

    def test_killed_at_random_times(self):
        client, second, _, server, peer = self.lab.hosts()
        self.nat_log = f"{self.directory}/nat"
        os.makedirs(RUNTIME, exist_ok=True)
        self.runs, self.absent = [], []
        for last in SHORT:
            client.run("ip", "addr", "add", f"10.10.0.{last}/24", "dev", "eth0")
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        program = self.begin()
        ends = [self.talk(client, server, (CLIENT4, NATTED), (SERVER4, 6001)),
                self.talk(second, server, (SECOND6, 5003), (SERVER6, 6003)),
                *(self.talk(client, server, (address, 5005), (SERVER6, 6005 + i))
                  for i, address in enumerate(PRIVACY6)),
                # The only ones of their directions:
                self.talk(client, second, (CHURNING[0], 5004), (SECOND4, 6004)),
                self.talk(server, second, (SERVER4, 5002), (WAN4, 5353), listen=(SECOND4, 53)),
                self.talk(server, peer, (SERVER4, 5006), (PEER4, 6020))]
        stopping = threading.Event()
        short = threading.Thread(target=self.short_conversations, args=(stopping,))
        short.start()
        try:
            program = self.lives(program)
        finally:
            stopping.set()
            short.join()
        for end in ends:
            end()
        used = self.finish(program)
        listener.stop()
        self.nothing_twice(used)
        self.what_lived_is_complete(used)
        self.what_is_missing_is_known(used)
        self.databases_are_sound()
        self.translations_are_known()

    def nothing_twice(self, used):
        for aggregate, keys in AGGREGATES.items():
            true = packet_truth.summed(used, keys)
            for key, amounts in self.ever(aggregate, "periods", keys).items():
                for row, most in zip(amounts, true[key]):
                    self.assertLessEqual(row, most, (aggregate, key))

    def what_lived_is_complete(self, used):
        """Each is the only one of its direction."""
        true = packet_truth.summed(used, ("direction",))
        counted = self.ever("connections", "periods", ("direction",), "'key', 'uncounted'")
        for direction in ("local", "in", "through"):
            self.assertEqual(counted[None, direction], true[None, direction], direction)
            self.assertEqual(true[None, direction][-1], 1, "one conversation")

    def what_is_missing_is_known(self, used):
        """It ended while no ctflowd ran, or was not counted yet when it was killed."""
        true = packet_truth.summed(used, ("direction",))[None, "out"]
        counted = self.ever("connections", "periods", ("direction",), "'key', 'uncounted'")[None, "out"]
        ends = self.ends()
        suspects = [one for one in used if one.keys["direction"] == "out" and any(
            killed - BATCH <= ends[one.keys["host"]] <= began + LATE for killed, began in self.absent)]
        most = packet_truth.summed(suspects, ()).get((None,), (0,) * 5)
        for amount, all_of_it, bound in zip(counted, true, most):
            self.assertLessEqual(amount, all_of_it)
            self.assertLessEqual(all_of_it - amount, bound)
        print(f"missing: {true[-1] - counted[-1]} connections of {len(suspects)} that may be", flush=True)
        report = self.report()
        uncounted = self.rows("SELECT sum(down_octets), sum(up_octets) FROM days WHERE kind = 'uncounted' "
                              "AND aggregate = 'connections'")[0]
        self.assertEqual((report["uncounted"]["down_octets"], report["uncounted"]["up_octets"]), uncounted)
        for killed, began in self.absent:
            self.assertTrue(any(moment(gap["from"]) <= killed and began <= moment(gap["until"])
                                for gap in report["missing"]["gaps"]), "each absence is told")

    def ends(self):
        """When the connections of each host ended, by conntrack(8)."""
        with open(f"{self.directory}/conntrack.log", encoding="ascii") as file:
            return {packet_truth.exploded(address): float(moment)
                    for moment, address in ENDED.findall(file.read())}

    def report(self):
        run = subprocess.run(
            [case.program, "report", "--by", "host", "--direction", "all", "--format", "json",
             "--database", self.database, "-c", "/none"], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, INCOMPLETE, run.stdout + run.stderr)
        return json.loads(run.stdout)

    def databases_are_sound(self):
        run = subprocess.run([case.program, "accounting", "check", "--database", self.database, "-c",
                              "/none"], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        for file in (self.database, *glob.glob(f"{self.nat_log}/*.sqlite")):
            with contextlib.closing(sqlite3.connect(file)) as connection:
                self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)], file)
        self.assertEqual(glob.glob(f"{self.database}-session-*") + glob.glob(f"{RUNTIME}/*-session-*"), [])
        self.assertTrue(glob.glob(f"{RUNTIME}/*-counted-*"))

    def translations_are_known(self):
        """Of a connection that lived all the time, at a moment of each life that was long enough."""
        long = [killed - SETTLED for began, killed in self.runs if killed - began > SETTLED + 0.5]
        self.assertTrue(long)
        for at in long:
            when = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()
            run = subprocess.run(
                [case.program, "nat-lookup", f"{WAN4}:{NATTED}", "--protocol", "udp", "--at", when,
                 "--directory", self.nat_log, "--tolerance", "100ms", "--format", "json"],
                capture_output=True, text=True, check=False)
            answer = json.loads(run.stdout)
            self.assertEqual([row["inside"]["address"] for row in answer["rows"]], [CLIENT4], run.stdout)
            # On a slow machine events are late, and said to be.
            self.assertEqual(run.returncode, CANNOT_SAY if answer["holes"] else 0, run.stdout)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    case.main()
