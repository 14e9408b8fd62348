#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often ctflowd wakes up: only for what it watches where nothing happens, and for many events at once
where few come; and what memory it keeps then."""

import contextlib
import glob
import re
import socket
import struct
import time

import case
import ctflowd
from lab import CLIENT4, COLLECTOR, SERVER4

SECONDS = 20
LONGEST_DELAY = 0.02  # of a batch (src/conntrack/events/batch_delay.hpp)
NETLINK_NETFILTER = 12


def wake_ups(process_id):
    """Times that a thread of the process waited for something, since it began."""
    waits = 0
    for file_name in glob.glob(f"/proc/{process_id}/task/*/status"):
        with contextlib.suppress(FileNotFoundError), open(file_name, encoding="ascii") as file:
            waits += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
    return waits


def attribute(kind, content):
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def deletion(source_port, port):
    """Asks the kernel to end a connection of UDP (linux/netfilter/nfnetlink_conntrack.h)."""
    nested = 0x8000
    addresses = attribute(1, socket.inet_aton(CLIENT4)) + attribute(2, socket.inet_aton(SERVER4))
    ports = (attribute(1, bytes([socket.IPPROTO_UDP])) + attribute(2, struct.pack("!H", source_port))
             + attribute(3, struct.pack("!H", port)))
    tuple_ = attribute(1 | nested, attribute(1 | nested, addresses) + attribute(2 | nested, ports))
    message = struct.pack("!BBH", socket.AF_INET, 0, 0) + tuple_
    return struct.pack("=IHHII", 16 + len(message), 1 << 8 | 2, 1, 0, 0) + message


class WakeUps(case.LabTest):
    def start_alone(self, **source):
        """ctflowd with default settings, but that nothing is measured, and a collector that takes everything."""
        self.make_lab()
        sink = self.lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sink.close)
        sink.bind((COLLECTOR, 4739))
        daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                 config=ctflowd.configuration([ctflowd.Collector("sink", 4739, "ipfix")], source=source))
        self.addCleanup(daemon.kill)
        return daemon.wait_for("started")

    def count(self, daemon, work=lambda: time.sleep(SECONDS)):
        time.sleep(3)  # what belongs to the start
        before = wake_ups(daemon.process.pid)
        work()
        return wake_ups(daemon.process.pid) - before

    def test_wakes_up_for_what_it_watches_where_nothing_happens(self):
        """The fill of the table is read every second, the kernel's timeouts every two, the way to the
        collector every five, all of them together; scans of the table and templates are rarer."""
        daemon = self.start_alone()
        counted = self.count(daemon)
        print(f"{counted} wake-ups in {SECONDS} idle seconds")
        self.assertLess(counted, 5 * SECONDS)  # a loaded machine makes threads wait for other things

    def test_keeps_no_memory_that_only_the_start_needs(self):
        """To try its programs libbpf reads all types of the kernel: 11 MiB, freed when that is done."""
        daemon = self.start_alone(measure="auto")
        time.sleep(1)
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
            own = int(re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.M).group(1))
        print(f"{own} KiB of memory of its own")
        self.assertLess(own, 8 << 10)

    def test_lets_few_events_gather(self):
        """At some hundred events in a second there are far fewer wake-ups than events."""
        daemon = self.start_alone()
        events = 2000

        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.bind((CLIENT4, 0))
            source_port = sock.getsockname()[1]
            for port in range(1, 1 + events):
                sock.sendto(bytes(40), (SERVER4, port))
        netlink = self.lab.router.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.addCleanup(netlink.close)

        def end_connections():
            for port in range(1, 1 + events):
                netlink.send(deletion(source_port, port))
                time.sleep(0.002)

        began = time.monotonic()
        counted = self.count(daemon, end_connections)
        seconds = time.monotonic() - began
        daemon.stop()
        self.assertGreaterEqual(daemon.totals()["exported"], events)
        print(f"{counted} wake-ups for {events} events in {seconds:.1f} s")
        # On a busy machine they come more slowly: each LONGEST_DELAY begins with an event and ends with a timer.
        self.assertLess(counted, max(events / 2, 2 * seconds / LONGEST_DELAY))


if __name__ == "__main__":
    case.main()
