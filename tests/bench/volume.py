#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Octets that a connection takes in each output: ctflowd replays made events (tests/budget/made_events.py:
answered IPv4 connections, not translated, one flow report each) to collectors on this host, to files and to a
connection log. Counted is what arrives, and for datagrams also with the headers of IPv4, UDP and Ethernet. A
run counts only if every output was sent all connections.

usage: tests/bench/volume.py CTFLOWD [CONNECTIONS]
"""

import json
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "budget"))

import made_events  # pylint: disable=wrong-import-position

DATAGRAMS = {"IPFIX": {"protocol": "ipfix"}, "IPFIX, biflow": {"protocol": "ipfix", "profile": "biflow"},
             "NetFlow v9": {"protocol": "netflow9"}}
HEADERS = 14 + 20 + 8
SO_RCVBUFFORCE = 33  # not in every Python


class Sink(threading.Thread):
    """Counts the datagrams of one collector."""

    def __init__(self):
        super().__init__()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE if os.geteuid() == 0 else socket.SO_RCVBUF, 64 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.datagrams = self.octets = 0
        self.over = threading.Event()

    def run(self):
        while True:
            readable, _, _ = select.select([self.socket], [], [], 0.2)
            if readable:
                self.octets += len(self.socket.recv(65535))
                self.datagrams += 1
            elif self.over.is_set():
                return


def outputs(directory, sinks):
    collectors = [{"name": f"c{number}", "address": "127.0.0.1", "port": sinks[name].port, **settings}
                  for number, (name, settings) in enumerate(DATAGRAMS.items())]
    collectors.append({"name": "files", "protocol": "ipfix", "transport": "file",
                       "file": {"directory": directory, "interval": "24h"}})
    return {"collectors": collectors,
            "log_connections": [{"name": "log", "to": "file", "path": f"{directory}/log.json"}]}


def measure(program, directory, connections):
    """Rows of output, octets and, for datagrams, octets with headers."""
    sinks = {name: Sink() for name in DATAGRAMS}
    for sink in sinks.values():
        sink.start()
    made_events.write(f"{directory}/events.pcap", connections)
    with open(f"{directory}/ctflowd.yaml", "w", encoding="utf-8") as file:
        json.dump(outputs(directory, sinks), file)
    run = subprocess.run([program, "replay", "-c", f"{directory}/ctflowd.yaml", f"{directory}/events.pcap"],
                         capture_output=True, text=True, check=False)
    for sink in sinks.values():
        sink.over.set()
        sink.join()
    totals = re.findall(r" (?:collector|output)_totals (?:collector|output)=(\S+) .* messages=(\d+) flows=(\d+) ", run.stderr)
    if run.returncode != 0 or len(totals) != len(DATAGRAMS) + 2 or any(int(one[2]) != connections for one in totals):
        sys.exit(f"not all was sent:\n{run.stderr}")
    sent = {name: int(messages) for name, messages, _ in totals}
    for number, (name, sink) in enumerate(sinks.items()):
        if sink.datagrams != sent[f"c{number}"]:
            sys.exit(f"{name}: {sink.datagrams} of {sent[f'c{number}']} datagrams arrived")
        yield name, sink.octets, sink.octets + HEADERS * sink.datagrams
    files = pathlib.Path(directory).glob("*.ipfix")
    yield "IPFIX Files", sum(file.stat().st_size for file in files), None
    yield "connection log", os.path.getsize(f"{directory}/log.json"), None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with tempfile.TemporaryDirectory() as directory:
        print(f"octets for each of {connections} connections   with headers")
        for name, octets, with_headers in measure(os.path.abspath(sys.argv[1]), directory, connections):
            print(f"{name:20} {octets / connections:10.1f}" +
                  (f" {with_headers / connections:10.1f}" if with_headers else ""))


if __name__ == "__main__":
    main()
