#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often ctflowd wakes up: only for what it watches where nothing happens, and for many events at once
where few come."""

import contextlib
import glob
import re
import socket
import time

import case
import ctflowd
from lab import COLLECTOR, SERVER4

SECONDS = 20


def wake_ups(process_id):
    """Times that a thread of the process waited for something, since it began."""
    waits = 0
    for file_name in glob.glob(f"/proc/{process_id}/task/*/status"):
        with contextlib.suppress(FileNotFoundError), open(file_name, encoding="ascii") as file:
            waits += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
    return waits


class WakeUps(case.LabTest):
    def start_alone(self):
        """ctflowd with default settings, and a collector that takes everything."""
        self.make_lab()
        sink = self.lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sink.close)
        sink.bind((COLLECTOR, 4739))
        daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                 config=ctflowd.configuration([ctflowd.Collector("sink", 4739, "ipfix")]))
        self.addCleanup(daemon.kill)
        return daemon.wait_for("started")

    def count(self, daemon, work=lambda: time.sleep(SECONDS)):
        time.sleep(3)  # what belongs to the start
        before = wake_ups(daemon.process.pid)
        work()
        return wake_ups(daemon.process.pid) - before

    def test_wakes_up_for_what_it_watches_where_nothing_happens(self):
        """The fill of the table is read every second, the kernel's timeouts every two, the way to the
        collector every five; scans of the table and templates are rarer."""
        daemon = self.start_alone()
        counted = self.count(daemon)
        print(f"{counted} wake-ups in {SECONDS} idle seconds")
        self.assertLess(counted, 5 * SECONDS)  # a loaded machine makes threads wait for other things

    def test_lets_few_events_gather(self):
        """At some hundred events in a second there are far fewer wake-ups than events."""
        daemon = self.start_alone()
        events = 2000

        def end_connections():
            sock = self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with contextlib.closing(sock):
                for port in range(1, 1 + events):
                    with contextlib.suppress(ConnectionRefusedError):
                        sock.sendto(bytes(40), (SERVER4, port))
                    time.sleep(0.001)
            time.sleep(12)  # they expire, at most some seconds late

        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 2)
        counted = self.count(daemon, end_connections)
        daemon.stop()
        self.assertGreaterEqual(daemon.totals()["exported"], events)
        print(f"{counted} wake-ups for {events} events")
        self.assertLess(counted, events / 4)


if __name__ == "__main__":
    case.main()
