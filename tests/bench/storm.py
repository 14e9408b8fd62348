#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU time, user and system, of builds of ctflowd while all connections of a table end at once: real
packets of UDP through a router's namespace, events of the kernel, default settings, collectors in
another namespace. The builds take turns, and ratios are of runs that follow each other. In each run what
was exported and what the kernel could not deliver must be what was sent; time is for each exported one.

usage: tests/bench/storm.py CTFLOWD OTHER_CTFLOWD [ROUNDS [CONNECTIONS [COLLECTORS]]]
"""

import contextlib
import os
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))

# pylint: disable=wrong-import-position
import ctflowd
import isolation
from delivery import entries, fill
from lab import COLLECTOR, Lab, wait_until


def used(process_id):
    """Nanoseconds that the threads of a process were on a CPU."""
    nanoseconds = 0
    for thread in os.listdir(f"/proc/{process_id}/task"):
        with open(f"/proc/{process_id}/task/{thread}/schedstat", encoding="ascii") as file:
            nanoseconds += int(file.read().split()[0])
    return nanoseconds


def measure(program, count, collectors, directory):
    """Nanoseconds for each connection, and how many were lost."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(contextlib.closing(Lab()))
        lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        ports = range(4739, 4739 + collectors)
        for port in ports:
            sink = lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stack.enter_context(contextlib.closing(sink))
            sink.bind((COLLECTOR, port))
        config = ctflowd.configuration([ctflowd.Collector(f"c{port}", port, "ipfix") for port in ports],
                                       source={"active_timeout": "off"})
        daemon = ctflowd.Ctflowd(program, lab.router, directory, "run", config=config)
        stack.callback(daemon.kill)
        daemon.wait_for("started")
        fill(lab, count)
        time.sleep(1)
        before = used(daemon.process.pid)
        lab.router.run("conntrack", "-F")
        wait_until(lambda: entries(lab) == 0, "an empty table", 120)
        time.sleep(2)  # what is in the queue, and messages that are not full
        nanoseconds = used(daemon.process.pid) - before
        daemon.stop()
        totals = daemon.totals()
        exported, lost = totals["exported"], totals["lost_overrun"]
        if exported + lost != count:
            sys.exit(f"{program}: of {count} connections {exported} were exported, {lost} lost")
        return nanoseconds / exported, lost


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    programs = [os.path.abspath(program) for program in sys.argv[1:3]]
    rounds, count, collectors = (int(sys.argv[i]) if len(sys.argv) > i else default
                                 for i, default in ((3, 5), (4, 60_000), (5, 1)))
    isolation.enter()
    directory = f"/run/bench-{time.monotonic_ns()}"
    os.mkdir(directory)
    times, lost = ([], []), ([], [])
    for _ in range(rounds):
        for index, program in enumerate(programs):
            nanoseconds, missing = measure(program, count, collectors, directory)
            times[index].append(nanoseconds)
            lost[index].append(missing)
    ratios = [b / a for a, b in zip(*times)]
    print(f"{count} connections end at once, {collectors} collectors, {rounds} rounds; minimum, median, maximum")
    for name, values in ((f"{programs[0]}, ns", times[0]), (f"{programs[1]}, ns", times[1]),
                         ("the second to the first", ratios),
                         (f"{programs[0]}, lost", lost[0]), (f"{programs[1]}, lost", lost[1])):
        print(f"{min(values):10.2f} {statistics.median(values):10.2f} {max(values):10.2f}  {name}")


if __name__ == "__main__":
    main()
