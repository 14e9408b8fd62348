#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounting against the packets: every aggregate has what a capture has, to the octet."""

import contextlib
import os
import sqlite3
import subprocess
import time

import accounting_case
import case
from accounting_case import PRIVACY6
from lab import CLIENT4, SERVER4, SERVER6, wait_until
from packet_truth import SECOND4


class AccountingTruth(accounting_case.AccountingCase):
    def test_a_mix_of_all_kinds(self):
        program = self.start_program()
        self.mix(60)
        used = self.finish(program)
        self.assert_true(used)
        self.assertEqual({one.keys["direction"] for one in used},
                         {"in", "out", "local", "through", "self"})

    def test_churn_while_rows_are_written(self):
        program = self.start_program()
        self.churn(3000, pause=0.001)
        self.mix(0)
        used = self.finish(program)
        self.assertGreaterEqual(len(used), 3000)
        self.assert_true(used)

    def test_database_locked_and_disk_full_for_a_while(self):
        small = f"{self.directory}/small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        self.database = f"{small}/accounting.sqlite"
        program = self.start_program()
        self.mix(0)
        wait_until(lambda: self.has_rows("SELECT 1 FROM usage"), "rows")
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            self.churn(400)
            self.mix(0)
            program.wait_for("accounting_not_written")
            with open(f"{small}/fill", "wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            lock.execute("ROLLBACK")
        before = self.rows("SELECT count(*) FROM usage")
        self.churn(400)
        self.lab.wait_for_idle()
        self.mix(0)
        self.assertEqual(self.rows("SELECT count(*) FROM usage"), before, "the disk is full")
        self.assertNotIn("accounting_written_again", program.log)
        os.remove(f"{small}/fill")
        program.wait_for("accounting_written_again")
        self.mix(0)
        self.assert_true(self.finish(program))

    def test_a_device_has_many_addresses_and_changes_them(self):
        client, second, _, server, _ = self.lab.hosts()
        program = self.start_program(source={"active_timeout": "5s"})
        ends = [self.talk(client, server, (CLIENT4, 5001), (SERVER4, 6001)),
                self.talk(second, client, (SECOND4, 5002), (CLIENT4, 6002)),
                *(self.talk(client, server, (address, 5003), (SERVER6, 6003 + i))
                  for i, address in enumerate(PRIVACY6))]
        time.sleep(5.5)
        leased = "10.10.0.77"
        client.run("ip", "addr", "add", f"{leased}/24", "dev", "eth0")
        ends.append(self.talk(client, server, (leased, 5004), (SERVER4, 6010)))
        time.sleep(1)
        for end in ends[:2]:
            end()
        client.set("net/ipv4/conf/eth0/promote_secondaries", 1)
        client.run("ip", "addr", "del", f"{CLIENT4}/24", "dev", "eth0")
        self.lab.router.run("ip", "neigh", "flush", "to", CLIENT4)
        self.udp(client, server, SERVER4, 53, source=(leased, 0))
        time.sleep(4)
        for end in ends[2:]:
            end()
        used = self.finish(program)
        self.assert_sums(used)
        macs = {one.keys["device"] for one in used if one.keys["interface"] == "lan"}
        self.assertEqual(len(macs), 1, "all its addresses are one device")
        self.assertGreater(len({one.keys["host"] for one in used if one.keys["device"] in macs}), 5)
        self.assertGreater(program.totals("output_totals")["flows"], 2 * len(used), "reports on the way")


if __name__ == "__main__":
    case.main()
