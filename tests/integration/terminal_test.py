#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands show at a terminal of 24 lines and 80 columns, and what without one."""

import re
import select
import signal
import subprocess
import time

import case
import ctflowd
from lab import wait_until
from terminal import Screen, Terminal

HOME = "\x1b[H"


class TerminalTest(case.LabTest):
    def setUp(self):
        self.make_lab()

    def start_program(self, collectors):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration(collectors))
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def run_at_terminal(self, *arguments, **options):
        terminal = Terminal(case.program, *arguments, **options)
        self.addCleanup(terminal.close)
        return terminal

    def watch(self, *arguments, **options):
        """A watch that has looked twice."""
        terminal = self.run_at_terminal("status", "--watch", "--interval", "1", *arguments, **options)
        wait_until(lambda: terminal.written.count(HOME) >= 2, "two looks")
        return terminal

    def files(self, count):
        """Collectors that fill more than a screen, and that nothing is wrong with."""
        return [ctflowd.Collector(f"files-{i}", 4739, "ipfix", settings={
            "transport": "file", "file": {"directory": self.directory, "name": f"{i}-%s.ipfix"}})
                for i in range(count)]

    def refused(self):
        """TCP, and no program listens there."""
        return ctflowd.Collector("main", 4739, "ipfix", settings={"transport": "tcp"})

    def test_verdict_and_problems_stay_on_the_screen(self):
        self.start_program([self.refused(), *self.files(8)])
        wait_until(lambda: b"main: " in self.ask() and b"PROBLEM" in self.ask(), "the refusal")
        terminal = self.watch()
        screen = terminal.screen(before=HOME)
        lines = screen.lines()
        self.assertTrue(screen.alternate)
        self.assertEqual(screen.scrolled, 0)
        self.assertRegex(lines[0], r"^1 PROBLEM \(ctflowd ")
        self.assertRegex(lines[1], r"^collector_refused main: ")
        self.assertRegex(lines[23], r"^… \d+ more lines: ctflowd status shows all$")
        self.assertEqual(set(screen.coloured), {"1 PROBLEM"})
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.wait(), 1)
        after = terminal.screen()
        self.assertFalse(after.alternate)
        self.assertEqual(set(after.lines()), {""})  # nothing is left of it

    def ask(self):
        return subprocess.run([case.program, "status"], stdout=subprocess.PIPE, check=False,
                              timeout=20).stdout

    def test_a_screen_that_is_large_enough_shows_all(self):
        self.start_program(self.files(1))
        terminal = self.watch(rows=60)
        screen = terminal.screen(before=HOME)
        self.assertRegex(screen.lines()[0], r"^OK \(ctflowd ")
        self.assertNotIn("more lines", terminal.written)
        self.assertEqual(set(screen.coloured), {"OK"})
        terminal.process.send_signal(signal.SIGTERM)
        self.assertEqual(terminal.wait(), 0)

    def test_a_watch_goes_on_over_a_restart(self):
        program = self.start_program(self.files(1))
        terminal = self.watch()
        lines = subprocess.Popen([case.program, "status", "--watch", "--json", "--interval", "1"], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lines.kill)
        wait_until(lambda: select.select([lines.stdout], [], [], 0)[0], "a line")
        program.stop()
        wait_until(lambda: "No such file" in terminal.screen(before=HOME).lines()[0], "no answer")
        self.start_program(self.files(1))
        wait_until(lambda: terminal.screen(before=HOME).lines()[0].startswith("OK ("), "the status")
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.wait(), 0)
        time.sleep(1.5)
        lines.send_signal(signal.SIGINT)
        out, errors = lines.communicate(timeout=10)
        self.assertEqual(lines.returncode, 0)
        self.assertEqual(len(set(re.findall(r'"started": *(\S+)', out))), 2)
        self.assertIn("No such file", errors)

    def test_no_colour_where_it_is_not_wanted(self):
        self.start_program(self.files(1))
        terminal = self.watch(environment={"NO_COLOR": "1"})
        self.assertEqual(terminal.screen(before=HOME).coloured, [])
        self.assertTrue(terminal.screen(before=HOME).lines()[0].startswith("OK ("))
        empty = self.watch(environment={"NO_COLOR": ""})  # as if it were not set
        self.assertEqual(set(empty.screen(before=HOME).coloured), {"OK"})

    def test_interval(self):
        self.start_program(self.files(1))
        terminal = self.run_at_terminal("status", "--watch", "--interval", "3")
        wait_until(lambda: terminal.written.count(HOME) >= 1, "the first look")
        began = time.monotonic()
        wait_until(lambda: terminal.written.count(HOME) >= 2, "the second look")
        self.assertGreater(time.monotonic() - began, 2.5)
        refused = self.run_at_terminal("status", "--watch", "--interval", "0")
        self.assertNotEqual(refused.wait(), 0)
        self.assertIn("--interval", refused.written)

    def test_plain_lines_without_a_terminal(self):
        self.start_program(self.files(8))
        watch = subprocess.Popen([case.program, "status", "--watch", "--interval", "1"], text=True,
                                 stdout=subprocess.PIPE)
        self.addCleanup(watch.kill)
        time.sleep(2.5)
        watch.send_signal(signal.SIGTERM)
        out = watch.communicate(timeout=10)[0]
        self.assertEqual(watch.returncode, 0)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("more lines", out)
        looks = out.split("\n\n")
        self.assertGreaterEqual(len(looks), 2, out)
        for look in looks:
            self.assertRegex(look, r"^OK \(ctflowd ")
            self.assertEqual(len(re.findall(r"(?m)^  files-\d ", look)), 8, look)
            for line in look.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_a_status_at_a_terminal_is_no_watch(self):
        self.start_program(self.files(1))
        terminal = self.run_at_terminal("status")
        self.assertEqual(terminal.wait(), 0)
        self.assertNotIn("\x1b[?1049h", terminal.written)
        screen = Screen(60, 80)
        screen.write(terminal.written)
        self.assertEqual(screen.coloured, ["OK"])

    def test_check_says_ok_at_a_terminal_and_nothing_without(self):
        config = f"{self.directory}/check.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration([ctflowd.Collector(name, port, "ipfix")
                                              for name, port in (("a", 4739), ("b", 4740))]))
        for arguments in (("check", config), ("check", "-c", config)):
            terminal = self.run_at_terminal(*arguments)
            self.assertEqual(terminal.wait(), 0)
            self.assertEqual(terminal.written, "OK: 2 collectors\r\n")
            silent = subprocess.run([case.program, *arguments], stdout=subprocess.PIPE, check=False,
                                    stderr=subprocess.STDOUT, timeout=20)
            self.assertEqual((silent.returncode, silent.stdout), (0, b""))
        with open(config, "a", encoding="utf-8") as file:
            file.write("nonsense: 1\n")
        terminal = self.run_at_terminal("check", config)
        self.assertEqual(terminal.wait(), 2)
        self.assertNotIn("OK", terminal.written)
        self.assertIn("nonsense", terminal.written)


if __name__ == "__main__":
    case.main()
