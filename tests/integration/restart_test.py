#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restarts: what lives goes on living, and no octet of it is told twice or not at all."""

import os
import signal
import time

import case
import collectors
import ctflowd
import kernel
from active_timeout_test import Conversation, by_direction, kernel_totals, totals
from lab import wait_until

ACTIVE_TIMEOUT = 5  # the shortest that can be configured


class Restart(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.state = f"{self.directory}/state"  # as it is configured
        self.state_file = self.state + ctflowd.STATE_SUFFIX
        self.nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(self.nfcapd.kill)
        self.kernel = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(self.kernel.kill)

    def start_program(self, **source):
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", settings={"sampling_options": False})],
            source={"active_timeout": f"{ACTIVE_TIMEOUT}s", "state_file": self.state, **source})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def conversations(self, count):
        found = [Conversation(self.lab, 3000 + i) for i in range(count)]
        for one in found:
            self.addCleanup(one.close)
        return found

    def talk(self, conversations, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for one in conversations:
                one.exchange()
            time.sleep(0.05)

    def finish(self, program):
        """What was collected, and what the kernel counted, by direction."""
        self.lab.wait_for_idle()
        program.stop()
        self.nfcapd.stop()
        return (totals(by_direction(self.nfcapd.records())), kernel_totals(self.kernel.stop()))

    def test_nothing_is_told_twice(self):
        conversations = self.conversations(3)
        for _ in range(2):
            program = self.start_program()
            self.talk(conversations, ACTIVE_TIMEOUT + 2)  # so that something is reported
            program.stop()
            self.assertIn("state_saved connections=3", program.log)
            self.talk(conversations, 0.2)  # nobody listens
        program = self.start_program()
        self.assertIn("state_restored connections=3", program.log)
        collected, counted = self.finish(program)
        self.assertEqual(collected, counted)
        self.assertEqual(self.nfcapd.complaints()["bad"], 0)

    def test_without_the_file_it_is_told_again(self):
        """What the other tests show would not be so by itself."""
        conversations = self.conversations(1)
        for _ in range(2):
            program = self.start_program()
            self.talk(conversations, ACTIVE_TIMEOUT + 2)
            if os.path.exists(self.state_file) and "state_restored" not in program.log:
                program.stop()
                os.unlink(self.state_file)
        collected, counted = self.finish(program)
        self.assertGreater(sum(octets for _, octets in collected.values()),
                           sum(octets for _, octets in counted.values()))

    def test_killed(self):
        """What was reported since the state was kept is told again, and no more; nothing is lost."""
        conversations = self.conversations(3)
        program = self.start_program()
        self.talk(conversations, 2 * ACTIVE_TIMEOUT + 2)
        program.process.send_signal(signal.SIGKILL)
        program.wait()
        per_second = 25 * 2 * 128  # octets there and back, at most
        program = self.start_program()
        self.assertRegex(program.log, "state_restored connections=[123]")
        self.talk(conversations, 1)
        collected, counted = self.finish(program)
        for direction, (packets, octets) in counted.items():
            self.assertGreaterEqual(collected[direction][0], packets)
            self.assertGreaterEqual(collected[direction][1], octets)
            self.assertLess(collected[direction][1], octets + ACTIVE_TIMEOUT * per_second)

    def start_by_default(self, name="default", environment=None):
        """With a configuration that does not mention a state file."""
        path = f"{self.directory}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration(
                [ctflowd.Collector("one", 4739, "ipfix", settings={"sampling_options": False})],
                source={"active_timeout": f"{ACTIVE_TIMEOUT}s"}, status={"socket": "off"}))
        program = ctflowd.Ctflowd("env", self.lab.router, self.directory, *(environment or []),
                                  case.program, "run", "-c", path)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def test_by_default_nothing_is_told_twice_where_there_is_a_runtime_directory(self):
        os.makedirs("/run/ctflowd", exist_ok=True)
        conversations = self.conversations(2)
        program = self.start_by_default()
        name = "/run/ctflowd/state" + ctflowd.STATE_SUFFIX
        self.assertIn(f"state_file file={name}", program.log)
        self.talk(conversations, ACTIVE_TIMEOUT + 2)
        program.stop()
        self.assertEqual(os.stat(name).st_mode & 0o777, 0o600)
        program = self.start_by_default()
        self.assertIn("state_restored connections=2", program.log)
        collected, counted = self.finish(program)
        self.assertEqual(collected, counted)

    def test_the_runtime_directory_is_that_of_the_service_manager(self):
        directory = f"{self.directory}/runtime"
        os.mkdir(directory)
        program = self.start_by_default(environment=[f"RUNTIME_DIRECTORY={directory}:/nowhere"])
        self.assertIn(f"state_file file={directory}/state{ctflowd.STATE_SUFFIX}", program.log)
        program.stop()
        self.assertTrue(os.path.exists(f"{directory}/state{ctflowd.STATE_SUFFIX}"))

    def test_what_stands_in_the_way_is_named(self):
        program = self.start_by_default(environment=["RUNTIME_DIRECTORY=/no/such/directory"])
        self.assertRegex(program.log, 'state_unavailable directory=/no/such/directory error="No such')
        program.stop()

    def test_two_programs_do_not_share_a_file(self):
        first = self.start_program()
        second = self.start_program()
        self.assertIn("state_in_use", second.log)
        self.assertNotIn("state_in_use", first.log)
        first.stop()
        second.stop()
        self.assertIn("state_saved", first.log)
        self.assertNotIn("state_saved", second.log)

    def test_fewer_live_connections_than_the_file_has(self):
        conversations = self.conversations(6)
        program = self.start_program()
        self.talk(conversations, ACTIVE_TIMEOUT + 2)
        program.stop()
        self.assertIn("state_saved connections=6", program.log)
        program = self.start_program(live_connections=2)
        self.assertIn("state_restored connections=6", program.log)
        self.talk(conversations, 0.5)
        collected, counted = self.finish(program)
        self.assertEqual(collected, counted)

    def test_a_damaged_file_is_refused(self):
        with open(self.state_file, "wb") as file:
            file.write(b"ctflowd4" + os.urandom(500))
        program = self.start_program()
        wait_until(lambda: "state_damaged" in program.log, "the damage to be told")
        conversations = self.conversations(1)
        self.talk(conversations, 0.5)
        collected, counted = self.finish(program)
        self.assertEqual(collected, counted)


if __name__ == "__main__":
    case.main()
