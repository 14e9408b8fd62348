#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Octets that a connection takes in each output: ctflowd replays made events (tests/budget/made_events.py:
answered IPv4 connections, not translated, one flow report each) to collectors on this host, to files and to a
connection log; to a PostgreSQL server of its own and to librdkafka's mock cluster, where these are installed and
built (as root). Counted is what arrives, for datagrams also with the headers of IPv4, UDP and Ethernet; of PostgreSQL
the tables with their indexes and beside them the write-ahead log; of Kafka what TCP carries to the brokers, without
compression. A run counts only if every output was sent all connections.

usage: tests/bench/volume.py CTFLOWD [CONNECTIONS]
"""

import json
import os
import pathlib
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
for folder in ("budget", "integration"):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", folder))

import made_events  # pylint: disable=wrong-import-position
import postgres  # pylint: disable=wrong-import-position

DATAGRAMS = {"IPFIX": {"protocol": "ipfix"}, "IPFIX, biflow": {"protocol": "ipfix", "profile": "biflow"},
             "NetFlow v9": {"protocol": "netflow9"}}
HEADERS = 14 + 20 + 8
BUFFER = "1GiB"  # a replay is faster than any server
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


class Brokers(threading.Thread):
    """librdkafka's mock cluster, and the octets that TCP carries to it over the loopback interface."""

    IPV4, STATISTICS = 0x0800, (263, 6)  # ETH_P_IP; SOL_PACKET, PACKET_STATISTICS
    TOPIC = "connections"

    def __init__(self, program):
        super().__init__()
        self.process = subprocess.Popen([program, self.TOPIC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addresses = self.process.stdout.readline().strip().split(",")
        self.ports = {int(address.rpartition(":")[2]) for address in self.addresses}
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self.IPV4))
        self.tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.tap.bind(("lo", self.IPV4))
        self.octets = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            while select.select([self.tap], [], [], 0.2)[0]:
                self.octets += self.payload(self.tap.recv(128))

    def payload(self, packet):
        begin = (packet[0] & 0xF) * 4
        if packet[9] != socket.IPPROTO_TCP or int.from_bytes(packet[begin + 2:begin + 4], "big") not in self.ports:
            return 0
        return int.from_bytes(packet[2:4], "big") - begin - (packet[begin + 12] >> 4) * 4

    def stop(self):
        self.over.set()
        self.join()
        missed = struct.unpack("=II", self.tap.getsockopt(*self.STATISTICS, 8))[1]
        self.tap.close()
        self.process.stdin.close()
        self.process.wait()
        if missed:
            sys.exit(f"Kafka: {missed} packets were not seen")


class Database:
    """A PostgreSQL server, and what is in it."""

    SIZES = ("SELECT sum(pg_relation_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits "
             "WHERE inhparent = 'connections'::regclass")

    def __init__(self, directory):
        os.mkdir(directory)
        self.server = postgres.Server(directory)
        self.begin = self.position()

    def position(self):
        return self.server.ask("SELECT pg_current_wal_lsn()")[0][0]

    def stop(self, connections):
        """Rows of the table, its indexes and the log."""
        rows = self.server.number("SELECT count(*) FROM connections")
        table, indexes = map(int, self.server.ask(self.SIZES)[0])
        log = self.server.number(f"SELECT pg_current_wal_lsn() - '{self.begin}'")
        self.server.stop()
        if rows != connections:
            sys.exit(f"PostgreSQL has {rows} rows")
        yield "PostgreSQL, rows", table, None
        yield "PostgreSQL, indexes", indexes, None
        yield "PostgreSQL, its log", log, None


def measure_servers(program, directory, connections):
    """Rows of the outputs that need programs of others. One after the other: each takes CPU time from ctflowd."""
    cluster = os.path.join(os.path.dirname(program), "tests/integration/kafka_cluster")
    if os.geteuid() != 0 or not os.path.exists(cluster):
        print(f"Kafka: not measured, which needs root and {cluster}")
    else:
        brokers = Brokers(cluster)
        brokers.start()
        replay(program, directory, connections, {"log_connections": [
            {"name": "topic", "to": "kafka", "brokers": brokers.addresses, "topic": Brokers.TOPIC, "buffer": BUFFER}]})
        brokers.stop()
        yield "Kafka", brokers.octets, None
    if os.geteuid() != 0 or not shutil.which("psql"):
        print("PostgreSQL: not measured, which needs root, a server and psql")
    else:
        database = Database(f"{directory}/database")
        replay(program, directory, connections, {"log_connections": [
            {"name": "rows", "to": "postgresql", "buffer": BUFFER,
             "postgresql": {"connection": database.server.connection, "retention": "3650d"}}]})
        yield from database.stop(connections)


def replay(program, directory, connections, config):
    """Each output's number of messages by its name."""
    with open(f"{directory}/ctflowd.yaml", "w", encoding="utf-8") as file:
        json.dump(config, file)
    run = subprocess.run([program, "replay", "-c", f"{directory}/ctflowd.yaml", f"{directory}/events.pcap"],
                         capture_output=True, text=True, check=False)
    totals = re.findall(r" (?:collector|output)_totals (?:collector|output)=(\S+) .* messages=(\d+) flows=(\d+) ", run.stderr)
    expected = sum(len(outputs_of_a_kind) for outputs_of_a_kind in config.values())
    if run.returncode != 0 or len(totals) != expected or any(int(one[2]) != connections for one in totals):
        sys.exit(f"not all was sent:\n{run.stderr}")
    return {name: int(messages) for name, messages, _ in totals}


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
    try:
        sent = replay(program, directory, connections, outputs(directory, sinks))
    finally:
        for sink in sinks.values():
            sink.over.set()
            sink.join()
    for number, (name, sink) in enumerate(sinks.items()):
        if sink.datagrams != sent[f"c{number}"]:
            sys.exit(f"{name}: {sink.datagrams} of {sent[f'c{number}']} datagrams arrived")
        yield name, sink.octets, sink.octets + HEADERS * sink.datagrams
    files = pathlib.Path(directory).glob("*.ipfix")
    yield "IPFIX Files", sum(file.stat().st_size for file in files), None
    yield "connection log", os.path.getsize(f"{directory}/log.json"), None
    yield from measure_servers(program, directory, connections)


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
