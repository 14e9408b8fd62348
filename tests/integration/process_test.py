#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What ctflowd makes of what it was started with: a user, descriptors, limits, a log that is not
read."""

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import time
import unittest

import case
import collectors
import ctflowd
import isolation
import traffic
from lab import COLLECTOR, SERVER4, wait_until

CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN = 1 << 12, 1 << 13, 1 << 21
NOBODY = 65534


class Process(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.one = ctflowd.Collector("one", 4739, "ipfix")

    def nfcapd(self):
        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(nfcapd.kill)
        return nfcapd

    def start_program(self, text, wrapper=()):
        """Started by `wrapper`, which must exec(3)."""
        command = [*wrapper, case.program, "run"]
        program = ctflowd.Ctflowd(command[0], self.lab.router, self.directory, *command[1:],
                                  config=text)
        self.addCleanup(program.kill)
        return program

    def talk_and_stop(self, program, nfcapd):
        """One connection; what was sent, and what arrived."""
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        self.lab.wait_for_idle()
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), (sum(sent.packets), sum(sent.octets)))

    def status_of(self, program, field):
        with open(f"/proc/{program.process.pid}/status", encoding="ascii") as file:
            return re.search(rf"^{field}:\s*(.*)$", file.read(), re.MULTILINE)[1].split()

    # The user.

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_user_keeps_one_capability(self):
        nfcapd = self.nfcapd()
        os.chmod(self.directory, 0o755)
        program = self.start_program("user: nobody\n" + ctflowd.configuration([self.one]))
        program.wait_for("started")
        self.assertEqual(self.status_of(program, "Uid"), [str(NOBODY)] * 4)
        for field in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(self.status_of(program, field)[0], 16), CAP_NET_ADMIN, field)
        self.assertEqual(self.status_of(program, "NoNewPrivs"), ["1"])
        answer = subprocess.run(self.lab.router.command(case.program, "status"), text=True,
                                capture_output=True, check=False)
        self.assertIn(answer.returncode, (0, 1), answer.stderr)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("reloaded")
        self.assertNotIn("configuration_unreadable", program.log)
        self.talk_and_stop(program, nfcapd)

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_user_may_enter_namespaces_where_there_are_some(self):
        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(nfcapd.kill)
        os.chmod(self.directory, 0o755)
        text = "user: nobody\nnamespaces: [{name: router}]\n"
        program = ctflowd.Ctflowd(case.program, self.lab.collector, self.directory, "run",
                                  config=text + ctflowd.configuration([self.one]))
        self.addCleanup(program.kill)
        program.wait_for("started")
        self.assertEqual(int(self.status_of(program, "CapEff")[0], 16),
                         CAP_NET_ADMIN | CAP_SYS_ADMIN)
        self.talk_and_stop(program, nfcapd)

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_user_keeps_what_binding_to_a_device_needs(self):
        one = ctflowd.Collector("one", 4739, "ipfix", settings={"bind_device": "lo"})
        os.chmod(self.directory, 0o755)
        program = self.start_program("user: nobody\n" + ctflowd.configuration([one]))
        program.wait_for("started")
        self.assertEqual(int(self.status_of(program, "CapEff")[0], 16),
                         CAP_NET_ADMIN | CAP_NET_RAW)
        program.stop()

    def files_of_its_own(self):
        """A directory for nobody, and a configuration that keeps its spool and its state there."""
        place = f"{self.directory}/own"
        os.mkdir(place)
        os.chmod(self.directory, 0o755)
        os.chown(place, NOBODY, -1)
        late = ctflowd.Collector("late", 4799, "ipfix", settings={
            "transport": "tcp", "spool": {"directory": place}})
        return place, ctflowd.configuration([late], source={"state_file": f"{place}/state"})

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_user_gets_what_root_left(self):
        place, text = self.files_of_its_own()
        program = self.start_program(text).wait_for("started")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        self.lab.wait_for_idle()
        program.stop()
        left = sorted(os.listdir(place))
        self.assertEqual(len([name for name in left if name.endswith(".spool")]), 1, left)
        self.assertTrue({"late.lock", "state", "state.lock"} <= set(left), left)
        self.assertEqual({os.stat(f"{place}/{name}").st_uid for name in left}, {0})
        program = self.start_program("user: nobody\n" + text).wait_for("started")
        program.wait_for("spool_recovered")
        program.stop()
        for event in ("spool_failed", "state_unlocked", "state_unreadable", "state_not_saved"):
            self.assertNotIn(f" {event} ", program.log)
        self.assertEqual({os.stat(f"{place}/{name}").st_uid for name in os.listdir(place)},
                         {NOBODY})

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_check_judges_as_the_user(self):
        place, text = self.files_of_its_own()
        config = f"{self.directory}/check.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write("user: nobody\n" + text)

        def check():
            result = subprocess.run([case.program, "check", "-c", config], text=True, check=False,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(result.returncode, 0, result.stdout)
            return result.stdout
        self.assertNotIn("spool_directory_unusable", check())
        os.chown(place, 0, -1)
        self.assertIn("spool_directory_unusable", check())

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_configuration_that_the_user_cannot_read_is_said_at_start(self):
        program = self.start_program("user: nobody\n" + ctflowd.configuration([self.one]),
                                     ("sh", "-c", 'chmod 0600 "$4"; exec "$@"', "sh"))
        program.wait_for("configuration_unreadable")
        program.wait_for("started")
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("reload_failed")
        program.stop()

    def test_user_that_is_not_there(self):
        text = "user: no-such-user\n" + ctflowd.configuration([self.one])
        for command in ("check", "run"):
            program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, command,
                                      config=text)
            self.addCleanup(program.kill)
            self.assertEqual(program.wait(), 2)
            self.assertIn(".yaml: user: no-such-user: there is no such user", program.log)

    # The log.

    def test_log_that_is_not_read_does_not_hold_up_the_flows(self):
        sink = self.lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sink.close)
        sink.bind((COLLECTOR, 4739))
        name = f"{self.directory}/ctflowd.yaml"
        with open(name, "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration([self.one]))
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen(self.lab.router.command(case.program, "run", "-c", name),
                                   stderr=writer, stdin=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        os.close(writer)
        log = b""
        while b" started " not in log:
            log += os.read(reader, 65536)
        for _ in range(60):  # each is worth a line
            process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        time.sleep(1)
        sink.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while sink.recv(65536):  # templates and options
                pass
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        self.lab.wait_for_idle()
        sink.settimeout(20)
        self.assertTrue(sink.recv(65536), "the flow")
        process.send_signal(signal.SIGTERM)
        log = b""
        while piece := os.read(reader, 65536):
            log += piece
        os.close(reader)
        self.assertEqual(process.wait(30), 0)
        lost = [int(number) for number in re.findall(rb"log_lines_lost lost=(\d+)", log)]
        self.assertTrue(lost, log)
        self.assertGreater(sum(lost), 10)
        self.assertIn(b" stopped ", log)
        for line in log.splitlines():  # none begins in the middle of another
            self.assertEqual(len(re.findall(rb"\d\d:\d\d:\d\d\.\d{3}", line)), 1, line)

    # Descriptors and limits.

    def test_closed_descriptors(self):
        nfcapd = self.nfcapd()
        program = self.start_program(ctflowd.configuration([self.one]),
                                     ("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"))
        path = f"/proc/{program.process.pid}/fd/2"
        name = os.path.basename(case.program)[:15]
        wait_until(lambda: self.status_of(program, "Name") == [name], "the program")
        wait_until(lambda: os.path.lexists("/run/ctflowd/status.sock"), "the start")
        for descriptor in range(3):
            self.assertEqual(os.readlink(f"{path[:-1]}{descriptor}"), "/dev/null")
        self.talk_and_stop(program, nfcapd)

    def test_file_size_limit_is_an_error_of_the_file(self):
        files = f"{self.directory}/files"
        os.mkdir(files)
        nfcapd = self.nfcapd()
        text = ctflowd.configuration([self.one]) + (
            "  - name: files\n    protocol: ipfix\n    transport: file\n"
            f"    flush_after: 50ms\n    file: {{directory: {files}}}\n")
        # What is logged is a file as well: it gets less, and that is all.
        program = self.start_program(text, ("prlimit", "--fsize=6000:6000")).wait_for("started")
        for port in range(1000, 1100):
            traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (200, 300))
        self.lab.wait_for_idle()
        time.sleep(1)
        self.assertIsNone(program.process.poll())
        program.process.terminate()
        self.assertEqual(program.process.wait(30), 0)
        nfcapd.stop()
        self.assertEqual(len(nfcapd.records()), 200)
        for name in os.listdir(files):
            self.assertLessEqual(os.path.getsize(f"{files}/{name}"), 6000)

    def test_configuration_that_is_no_file(self):
        pipe = f"{self.directory}/pipe.yaml"
        os.mkfifo(pipe)
        for command in ("check", "run"):
            program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, command, "-c",
                                      pipe)
            self.addCleanup(program.kill)
            self.assertEqual(program.wait(), 2)
            self.assertIn("expected a file", program.log)


if __name__ == "__main__":
    case.main()
