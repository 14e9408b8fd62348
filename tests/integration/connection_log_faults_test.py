#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of connection logs that are renamed, removed, cut short and full: no line is torn, and none is lost
without being counted."""

import glob
import json
import os
import signal
import subprocess
import time

import case
import connection_lines
import ctflowd
import isolation
import traffic
from connection_log_test import LogTest
from lab import SERVER4, wait_until
from status_test import metrics, fetch, status

LOGROTATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/logrotate/ctflowd")


class Faults(LogTest):
    def ports(self, *paths):
        """Of the lines of these files: one connection each."""
        lines = [line for path in paths for line in connection_lines.read(path)]
        self.validate(lines)
        return sorted(line["responder"]["port"] for line in lines)

    def wait_for_lines(self, number):
        def lines():
            with open(self.path(), "rb") as file:
                return file.read().count(b"\n")
        wait_until(lambda: os.path.exists(self.path()) and lines() == number, f"{number} lines")

    def churn(self, rounds, each, between):
        """`rounds` times `each` connections, with something done between."""
        for number in range(rounds):
            self.many(each, 1000 + number * each)
            self.flush()
            between(number)
        return list(range(1000, 1000 + rounds * each))

    def test_a_storm_of_renames_and_signals_costs_no_line(self):
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}")

        def rename(number):
            for i in range(5):
                if os.path.exists(self.path()):
                    os.rename(self.path(), self.path(f"old-{number}-{i}"))
                os.kill(daemon.process.pid, signal.SIGUSR1)
                time.sleep(0.02)
        expected = self.churn(20, 100, rename)
        daemon.stop()
        files = [*glob.glob(self.path("old-*")), self.path()]
        self.assertEqual(self.ports(*filter(os.path.exists, files)), expected)
        self.assertGreater(len(files), 5)
        self.assertEqual(self.totals(daemon)["records"], len(expected))

    def test_a_reload_opens_the_file_again(self):
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}")
        self.churn(1, 10, lambda _: None)
        self.wait_for_lines(10)
        os.rename(self.path(), self.path("old"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded")
        self.churn(1, 10, lambda _: None)
        daemon.stop()
        self.assertEqual(len(self.ports(self.path("old"))), 10)
        self.assertEqual(len(self.ports(self.path())), 10)

    def test_its_own_rotation_costs_no_line(self):
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}, rotate: {{size: 64KiB}}")
        expected = self.churn(10, 200, lambda _: None)
        daemon.stop()
        files = glob.glob(self.path("log.json*"))
        self.assertGreater(len(files), 5)
        self.assertLessEqual(max(os.stat(file).st_size for file in files), 64 << 10)
        self.assertEqual(self.ports(*files), expected)

    def test_logrotate_with_the_packaged_settings(self):
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}")
        with open(LOGROTATE, encoding="utf-8") as file:
            settings = file.read()
        self.assertIn("/var/log/ctflowd/*.json", settings)
        self.assertIn("systemctl kill", settings)
        settings = settings.replace("/var/log/ctflowd/*.json", self.path())
        settings = "\n".join(f"        kill -USR1 {daemon.process.pid}" if "systemctl kill" in line else line
                             for line in settings.splitlines()) + "\n"
        with open(self.path("logrotate.conf"), "w", encoding="utf-8") as file:
            file.write(settings)

        def rotate(_):
            wait_until(lambda: os.path.exists(self.path()) and os.stat(self.path()).st_size, "lines")
            subprocess.run(["logrotate", "--force", "--state", self.path("state"), self.path("logrotate.conf")],
                           check=True)
        expected = self.churn(4, 50, rotate)
        self.churn(0, 0, rotate)
        daemon.stop()
        for file in glob.glob(self.path("log.json*.gz")):
            subprocess.run(["gunzip", file], check=True)
        files = glob.glob(self.path("log.json*"))
        self.assertGreaterEqual(len(files), 4)
        self.assertEqual(self.ports(*files), expected)

    def test_logrotate_while_ctflowd_does_not_run(self):
        with open(LOGROTATE, encoding="utf-8") as file:
            settings = file.read().replace("/var/log/ctflowd/*.json", self.path())
        programs = self.path("bin")
        os.mkdir(programs)
        with open(f"{programs}/systemctl", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncase $* in *is-active*) exit 3 ;; esac\nexit 1\n")
        os.chmod(file.name, 0o755)
        for name, text in (("logrotate.conf", settings), ("log.json", "{}\n")):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run(["logrotate", "--force", "--state", self.path("state"), self.path("logrotate.conf")],
                       env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}, check=True)
        self.assertTrue(os.path.exists(self.path("log.json.1")))

    def test_a_full_disk_tears_no_line_and_loses_none_uncounted(self):
        small = self.path("small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        path = f"{small}/log.json"
        # Room for less than what waits, so that a write fails also when no more lines than those are kept.
        filler = f"{small}/filler"
        with open(filler, "wb") as file:
            file.write(bytes(384 << 10))
        daemon = self.run_with(f"name: local, to: file, path: {path}, buffer: 256KiB")
        self.many(2000, 1000)
        self.flush()
        daemon.wait_for("connection_log_failed")
        self.assertIn("No space left on device", daemon.log)
        # More than can wait: on a busy machine all others may have found no room before the first write failed,
        # which made room.
        self.many(600, 3000)
        self.flush()

        def all_offered():
            counters = status()["namespaces"][0]["connection_logs"][0]["counters"]
            return counters["offered"] == 2600 and counters["lost_write_error"]["flows"]
        wait_until(all_offered, "losses")
        seen = status()
        log = seen["namespaces"][0]["connection_logs"][0]
        self.assertIn("connection_log_unreachable", [one["name"] for one in seen["problems"]])
        self.assertEqual(log["state"], "unreachable")
        counters = log["counters"]
        self.assertEqual(counters["offered"],
                         counters["flows"] + counters["waiting"]["flows"] + log["lost"])
        reasons = counters["lost_write_error"]["flows"], counters["lost_would_block"]
        self.assertEqual(sum(reasons), log["lost"])
        self.assertGreater(counters["lost_write_error"]["octets"], 0)
        samples = metrics(fetch("/metrics"))
        self.assertEqual(samples["ctflowd_connection_log_lost_total",
                                 (("log", "local"), ("namespace", ""), ("reason", "write_error"))], reasons[0])
        self.assertEqual(samples["ctflowd_connection_log_up", (("log", "local"), ("namespace", ""))], 0)
        first = connection_lines.read(path)  # whole lines only
        self.validate(first)
        os.truncate(path, 0)
        os.remove(filler)
        daemon.wait_for("connection_log_continues")
        self.many(20, 4000)
        self.flush()
        wait_until(lambda: not status()["namespaces"][0]["connection_logs"][0]["counters"]["waiting"]["flows"],
                   "the rest to be written")
        daemon.stop()
        ledger = self.totals(daemon)
        self.assertEqual(ledger["offered"], 2620)
        self.assertEqual(len(first) + len(connection_lines.read(path)), ledger["records"])
        lost = json.loads(json.dumps(log))["lost"]
        self.assertEqual(ledger["records"], 2620 - lost)

    def test_a_removed_file_is_made_again(self):
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}")
        self.many(10, 1000)
        self.flush()
        self.wait_for_lines(10)
        os.remove(self.path())
        time.sleep(1.1)
        self.many(10, 2000)
        self.flush()
        daemon.stop()
        self.assertEqual(self.ports(self.path()), list(range(2000, 2010)))

    def test_a_missing_directory_is_reported_before_and_while_it_runs(self):
        path = self.path("missing/log.json")
        config = self.path("check.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"log_connections: [{{name: local, to: file, path: {path}}}]\n")
        checked = subprocess.run([case.program, "check", "-c", config], capture_output=True, text=True, check=True)
        self.assertIn("connection_log_unusable", checked.stderr)
        self.assertIn("No such file or directory", checked.stderr)
        examined = self.lab.router.command(case.program, "doctor", "-c", config)
        self.assertIn("connection_log_unusable",
                      subprocess.run(examined, capture_output=True, text=True, check=False).stdout)
        daemon = self.run_with(f"name: local, to: file, path: {path}")
        self.many(10, 1000)
        self.flush()
        daemon.wait_for("connection_log_failed")
        os.mkdir(self.path("missing"))
        wait_until(lambda: os.path.exists(path) and os.stat(path).st_size, "the lines that waited")
        daemon.stop()
        self.assertEqual(self.ports(path), list(range(1000, 1010)))

    def test_check_says_what_is_no_file(self):
        os.mkfifo(self.path("pipe"))
        os.symlink("elsewhere", self.path("link"))
        os.mkdir(self.path("directory"))
        for name, text in (("pipe", "no regular file"), ("link", "symbolic link"), ("directory", "no regular file")):
            config = self.path("check.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"log_connections: [{{name: local, to: file, path: {self.path(name)}}}]\n")
            checked = subprocess.run([case.program, "check", "-c", config], capture_output=True, text=True,
                                     check=True)
            self.assertIn(text, checked.stderr)

    def test_a_start_after_a_kill_begins_on_a_line_of_its_own(self):
        entry = f"name: local, to: file, path: {self.path()}"
        daemon = self.run_with(entry)
        self.many(10, 1000)
        self.flush()
        wait_until(lambda: os.path.exists(self.path()) and len(connection_lines.read(self.path())) == 10, "lines")
        daemon.process.kill()
        daemon.process.wait()
        torn = os.stat(self.path()).st_size - 25
        os.truncate(self.path(), torn)  # as where the power was cut within a write
        daemon = self.run_with(entry)
        self.many(10, 2000)
        self.flush()
        daemon.wait_for("connection_log_torn")
        daemon.stop()
        with open(self.path(), encoding="utf-8") as file:
            lines = file.read().splitlines()
        whole = [json.loads(line) for number, line in enumerate(lines) if number != 9]
        self.assertRaises(json.JSONDecodeError, json.loads, lines[9])
        self.assertEqual(len(whole), 19)
        self.validate(whole)

    def test_a_user_that_root_becomes_can_go_on_with_a_file_of_root(self):
        if not isolation.privileged():
            self.skipTest("only root can become another user")
        os.chmod(self.directory, 0o755)
        place = self.path("place")
        os.mkdir(place)
        os.chown(place, 65534, 65534)
        entry = f"name: local, to: file, path: {place}/log.json"
        daemon = self.run_with(entry)
        self.many(10, 1000)
        self.flush()
        daemon.stop()
        self.assertEqual(os.stat(f"{place}/log.json").st_uid, 0)
        daemon = self.run_with(entry, extra="user: nobody\n")
        self.many(10, 2000)
        self.flush()
        daemon.stop()
        self.assertEqual(os.stat(f"{place}/log.json").st_uid, 65534)
        self.assertEqual(len(self.ports(f"{place}/log.json")), 20)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    isolation.require("logrotate", "gunzip")
    case.main()
