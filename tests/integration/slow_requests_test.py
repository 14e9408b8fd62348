#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel answers requests to ctnetlink one by one: a flush of a large table, in whatever namespace,
keeps all others waiting. Events are read meanwhile."""

import contextlib
import json
import socket
import time

import case
import ctflowd
import faulty_kernel
from lab import SERVER4, wait_until

FIRST_PORT = 1000
PORTS = range(FIRST_PORT, FIRST_PORT + 20)
LIMIT = 5  # seconds; half of what a request waits


class SlowRequests(case.LabTest):
    def ended(self, path):
        """Ports of the connections whose end was exported."""
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            return {json.loads(line)["responder"]["port"] for line in file if line.endswith("\n")}
        return set()

    def test_events_are_read_while_requests_wait(self):
        self.assert_read_meanwhile("5s")

    def test_events_are_read_while_the_first_look_for_ends_that_wait_does(self):
        self.assert_read_meanwhile('"off"')  # no scan

    def assert_read_meanwhile(self, active_timeout):
        self.make_lab()
        program, fault = faulty_kernel.make(case.program, self.directory)
        path = f"{self.directory}/lines"
        running = ctflowd.Ctflowd(program, self.lab.router, self.directory, "run", config=(
            f"source: {{measure: off, active_timeout: {active_timeout}}}\n"
            f"log_connections:\n  - {{name: lines, to: file, path: {path}}}\n"))
        self.addCleanup(running.kill)
        running.wait_for("started")
        with open(fault, "w", encoding="utf-8") as file:
            file.write("w")
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for port in PORTS:
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(b"x", (SERVER4, port))
                self.lab.router.run("conntrack", "-D", "-p", "udp", "--orig-port-dst", str(port))
                wait_until(lambda: port in self.ended(path), f"the end of the connection to port {port}", LIMIT)
                time.sleep(0.2)  # so that it is asked for the table and for ends that wait
        with open(fault, "w", encoding="utf-8"):
            pass
        running.stop()
        self.assertEqual(self.ended(path), set(PORTS))


if __name__ == "__main__":
    case.main()
