#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU time, user and system, of builds of ctflowd that replay the same made events to one and to four
collectors on this host. The builds take turns, and ratios are of runs that follow each other; a run
counts only if all connections were sent.

usage: tests/bench/replay.py CTFLOWD OTHER_CTFLOWD [ROUNDS [CONNECTIONS]]
"""

import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "budget"))

import made_events  # pylint: disable=wrong-import-position

MOST = 4  # collectors


def used():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(program, directory, events, connections, sinks):
    """Nanoseconds for each connection."""
    config = os.path.join(directory, "ctflowd.yaml")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"collectors": [{"name": f"c{i}", "address": "127.0.0.1", "port": sink.getsockname()[1],
                                   "protocol": "ipfix"} for i, sink in enumerate(sinks)]}, file)
    before = used()
    run = subprocess.run([program, "replay", "-c", config, events], capture_output=True, text=True, check=True)
    nanoseconds = (used() - before) * 1e9 / connections
    sent = (run.stdout + run.stderr).count(f" flows={connections} ")
    if sent != len(sinks):
        sys.exit(f"{program}: {sent} of {len(sinks)} collectors were sent all:\n{run.stderr}")
    return nanoseconds


def spread(values):
    return f"{min(values):8.2f} {statistics.median(values):8.2f} {max(values):8.2f}"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    programs = [os.path.abspath(program) for program in sys.argv[1:3]]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    connections = int(sys.argv[4]) if len(sys.argv) > 4 else 200_000
    sinks = []  # they are never read: what finds no room is dropped, at no more cost than what is kept
    for _ in range(MOST):
        sinks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sinks[-1].bind(("127.0.0.1", 0))
    times = {}
    with tempfile.TemporaryDirectory() as directory:
        events = os.path.join(directory, "events.pcap")
        made_events.write(events, connections)
        for _ in range(rounds):
            for collectors in (1, MOST):
                for index, program in enumerate(programs):
                    times.setdefault((collectors, index), []).append(
                        measure(program, directory, events, connections, sinks[:collectors]))
    print(f"{connections} connections, {rounds} rounds; minimum, median, maximum")
    for collectors in (1, MOST):
        for index, program in enumerate(programs):
            print(f"{collectors} collectors, {program}: {spread(times[collectors, index])} ns per connection")
        ratios = [b / a for a, b in zip(times[collectors, 0], times[collectors, 1])]
        print(f"{collectors} collectors, the second to the first: {spread(ratios)}")
    for index, program in enumerate(programs):
        further = [(four - one) / (MOST - 1) for one, four in zip(times[1, index], times[MOST, index])]
        print(f"each further collector, {program}: {spread(further)} ns per connection")


if __name__ == "__main__":
    main()
