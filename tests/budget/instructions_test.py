#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts by callgrind the instructions that ctflowd needs for each connection of a made file, and fails
where they are more than tests/budget/figures.json allows.

In a replay what is counted begins and ends with EventReader::on_datagram(): neither the start of the program nor the
reading of the file is in it, so that two runs of one program differ by less than one in ten thousand.
Nothing that the count depends on comes from this host: the octets are made, interfaces are not looked up
there, and the run is shorter than any interval of the configuration; templates, which are repeated once a second,
cost 0.2 instructions of each connection for each second that it takes. Their look-up is counted by itself,
with the routes of a small router: tests/budget/routed_flows.cpp.
"""

import argparse
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import threading

import made_events

CONNECTIONS = 25_000
PLACE = os.path.dirname(os.path.abspath(__file__))
COUNTED = "ctflow::EventReader::on_datagram*"
COUNTED_OF_ROUTES = "ctflow::RoutedInterfaces::enrich(*"
ALLOWED = 0.03
ALLOWED_ELSEWHERE = 0.25


class Sink:
    """Takes datagrams and forgets them, so that nothing answers that the port is closed."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        while True:
            self.socket.recv(65535)

    def collector(self, name):
        return {"name": name, "address": "127.0.0.1", "port": self.socket.getsockname()[1], "protocol": "ipfix"}


def count_in(functions, command):
    """Instructions of the functions for each connection, and what the command printed."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--toggle-collect={functions}", "--callgrind-out-file=/dev/null", *command],
        capture_output=True, text=True, check=False, timeout=300, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    output = run.stdout + run.stderr
    collected = re.search(r"Collected : (\d+)", output)
    if run.returncode != 0 or collected is None:
        sys.exit(f"the run under callgrind failed with status {run.returncode}:\n{output}")
    return int(collected.group(1)) / CONNECTIONS, output


def count_routed(program, ends):
    counted, output = count_in(COUNTED_OF_ROUTES, [program, ends, str(CONNECTIONS)])
    if f"from_routes={2 * CONNECTIONS}\n" not in output:
        sys.exit(f"expected two interfaces by routes for each connection:\n{output}")
    return counted


def count(program, directory, events, collectors):
    """Instructions for each connection."""
    config = os.path.join(directory, "ctflowd.yaml")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"collectors": [Sink().collector(f"c{i}") for i in range(collectors)]}, file)
    counted, output = count_in(COUNTED, [program, "replay", "-c", config, events])
    # A count says nothing unless all was exported.
    sent = re.findall(r" offered=(\d+) .* flows=(\d+) records=(\d+) ", output)
    expected = (str(CONNECTIONS), str(CONNECTIONS), str(2 * CONNECTIONS))
    if sent != [expected] * collectors:
        sys.exit(f"expected {collectors} collectors with {expected} offered, sent, records; got {sent}:\n{output}")
    return counted


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ctflowd", required=True)
    parser.add_argument("--routed-flows", required=True, help="the program of tests/budget")
    parser.add_argument("--compiler", default="", help="CMake's id and the major version, as in: GNU 12")
    arguments = parser.parse_args()
    with open(os.path.join(PLACE, "figures.json"), encoding="utf-8") as file:
        figures = json.load(file)
    same = (arguments.compiler, platform.machine()) == (figures["compiler"], figures["processor"])
    allowed = ALLOWED if same else ALLOWED_ELSEWHERE
    with tempfile.TemporaryDirectory() as directory:
        events = os.path.join(directory, "events.pcap")
        made_events.write(events, CONNECTIONS)
        one = count(arguments.ctflowd, directory, events, 1)
        four = count(arguments.ctflowd, directory, events, 4)
    counts = {"one_collector": one, "each_further_collector": (four - one) / 3,
              "routed_repeated_ends": count_routed(arguments.routed_flows, "repeated"),
              "routed_new_ends": count_routed(arguments.routed_flows, "new")}
    above = []
    print(f"instructions for each connection ({arguments.compiler or 'compiler unknown'}, {platform.machine()}; "
          f"figures: {figures['compiler']}, {figures['processor']}; {100 * allowed:.0f} % more is allowed)")
    for name, counted in counts.items():
        change = counted / figures[name] - 1
        print(f"  {name}: {counted:.1f}, figure {figures[name]}, {100 * change:+.2f} %")
        if change > allowed:
            above.append(name)
    if above:
        sys.exit(f"more instructions than the figures allow: {', '.join(above)}. Find what they are for "
                 "(callgrind_annotate), or say in the commit why they are worth it and change "
                 "tests/budget/figures.json")


if __name__ == "__main__":
    main()
