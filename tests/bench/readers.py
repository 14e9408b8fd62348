# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/bench/run compares: each starts in the router's namespace, and says at its end how many
connections it has reported."""

import contextlib
import math
import os
import re
import resource
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import ctflowd
import ipfix
from lab import CLIENT4, COLLECTOR, wait_until

PACKETS = 2  # the element packetDeltaCount
SECOND_CLIENT4 = "10.10.0.3"


def nanoseconds(process_id):
    """What the threads of a process were on a CPU, user and system."""
    used = 0
    for thread in os.listdir(f"/proc/{process_id}/task"):
        with contextlib.suppress(FileNotFoundError), \
                open(f"/proc/{process_id}/task/{thread}/schedstat", encoding="ascii") as file:
            used += int(file.read().split()[0])
    return used


def children():
    """What processes that were waited for have used, user and system, in nanoseconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e9


def resident(process_id):
    """KiB."""
    with open(f"/proc/{process_id}/status", encoding="ascii") as file:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", file.read(), re.M).group(1))


class Unavailable(Exception):
    """This machine cannot run the reader."""


class Sink(threading.Thread):
    """A collector that takes messages of IPFIX. It looks for them now and then, so that no exporter has to wake it."""
    keeping = False  # messages, to be read afterwards
    pause = 0.01  # seconds between two looks

    def __init__(self, namespace, port):
        super().__init__(daemon=True)
        self.port = port
        self.socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind((COLLECTOR, port))
        self.socket.setblocking(False)
        self.last, self.kept = b"", []
        self.messages = self.octets = 0
        self.ending = False
        self.start()

    def run(self):
        while True:
            try:
                message = self.socket.recv(65536)
            except BlockingIOError:
                if self.ending:
                    return
                time.sleep(self.pause)
                continue
            self.messages += 1
            self.octets += len(message)
            self.last = message
            if self.keeping:
                self.kept.append(message)

    def end(self):
        self.ending = True
        self.join()
        self.socket.close()

    def sequence(self):
        """The sequence number of the last message."""
        self.end()
        return struct.unpack_from("!I", self.last, 8)[0] if self.last else 0

    def packets(self):
        """Of all flow records in what was kept."""
        session = ipfix.read(b"".join(self.kept))
        if session.missing:
            raise RuntimeError(f"{session.missing} records did not arrive")
        return sum(ipfix.number(record, PACKETS) for record in session.records)


class Reader:
    """One of them, running."""
    name = None
    keeps = 0  # so many connections may never leave it
    reads_events = False  # of all connections that end
    disk = None  # where databases are; with the other files without it

    def __init__(self, lab, directory):
        self.lab, self.directory = lab, directory
        self.process = None

    def stop(self):
        """Ends it; how many connections it has reported, and how many it says it lost."""
        raise NotImplementedError

    def used(self):
        """Nanoseconds on a CPU."""
        return nanoseconds(self.process.pid) if self.process else 0

    def resident(self):
        return resident(self.process.pid)

    def signal(self, number):
        self.process.send_signal(number)

    def database(self):
        return f"{self.disk or self.directory}/{type(self).__name__}-{time.monotonic_ns()}.sqlite"

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def spawn(self, *command):
        """In the router's namespace."""
        self.process = subprocess.Popen(self.lab.router.command(*command), text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)


class DrainOnly(Reader):
    """Takes the events out of the kernel and does nothing with them."""
    name = "drain only"
    reads_events = True
    program = None

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        self.spawn(self.program, "2", str(32 << 20))
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("drain_only does not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        told = dict(re.findall(r"(\w+)=(\d+)", self.process.communicate()[0]))
        return int(told["ends"]), None  # how many an overrun costs the kernel does not say


class SplitReaders(Reader):
    """One or more that share the events of a namespace by socket filters (split_readers.cpp)."""
    program = None
    readers, by = 1, "none"
    buffer = 128 << 20  # of all together

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        self.spawn(self.program, str(self.readers), self.by, "2", str(self.buffer))
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("split_readers does not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        told = {key: int(value) for key, value in
                re.findall(r"(\w+)=(\d+)", self.process.communicate()[0])}
        if told["again"]:
            raise RuntimeError(f"{self.name}: {told['again']} events came to more than one reader")
        fair = told["ends"] / self.readers
        by_chance = 6 * math.sqrt(fair * (1 - 1 / self.readers))
        if told["most"] - told["fewest"] > max(0.1 * fair, by_chance):
            raise RuntimeError(f"{self.name}: shares of {told['fewest']} to {told['most']} events")
        return told["ends"], None


def split(readers, by, buffer=SplitReaders.buffer):
    name = "one reader, no filter" if by == "none" else f"{readers} by {by}"
    return type("SplitReaders", (SplitReaders,),
                {"name": name, "readers": readers, "by": by, "buffer": buffer})


class Nobody(Reader):
    """The kernel by itself."""
    name = "nobody"

    def stop(self):
        return None, None


class ListenerElsewhere(DrainOnly):
    """It gets nothing, but as soon as one namespace has a listener the kernel makes events of the connections of all."""
    name = "a listener elsewhere"
    reads_events = False

    def spawn(self, *command):
        super().spawn("unshare", "-n", *command)


class Ctflowd(Reader):
    """With default settings, and one collector or more of IPFIX over UDP."""
    name = "ctflowd"
    reads_events = True
    program = None
    collectors = 1
    source = "measure: off"
    settings = ""

    def __init__(self, lab, directory, port=4739, source=None):
        super().__init__(lab, directory)
        ports = range(port, port + self.collectors)
        self.sinks = [Sink(lab.collector, port) for port in ports]
        config = "collectors:\n" + "".join(
            f"  - {{name: c{port}, address: {COLLECTOR}, port: {port}, protocol: ipfix}}\n"
            for port in ports)
        config += f"source: {{{source or self.source}}}\n" + self.settings.format(database=self.database())
        self.daemon = ctflowd.Ctflowd(self.program, lab.router, directory, "run", config=config)
        self.process = self.daemon.process
        self.daemon.wait_for("started")

    def stop(self):
        self.daemon.stop(limit=20)
        sent = self.daemon.collector_totals()
        for sink in self.sinks:
            sink.end()
            messages = sent[f"c{sink.port}"]["messages"]
            if sink.messages != messages:
                raise RuntimeError(f"{self.name}: of {messages} messages {sink.messages} arrived")
        totals = self.daemon.totals()
        return totals["exported"], totals["lost_overrun"]


class CtflowdToFour(Ctflowd):
    name = "ctflowd, 4 collectors"
    collectors = 4


class CtflowdNetfilter(Ctflowd):
    """Where eBPF programs at the netfilter hooks measure each packet."""
    name = "ctflowd, netfilter programs"
    source = "measure: netfilter"

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        if "origin=netfilter" not in self.daemon.log:
            self.kill()
            raise Unavailable(re.search(r"measuring_unavailable.*|$", self.daemon.log)[0])


class CtflowdWithoutScans(Ctflowd):
    """Reports connections at their ends only."""
    name = "ctflowd, no active timeout"
    source = "measure: off, active_timeout: off"


class CtflowdLargeBuffer(Ctflowd):
    """Has room for all events while it does not run."""
    source = "measure: off, receive_buffer: 512MiB, receive_buffer_limit: 512MiB"


class CtflowdConstant(CtflowdLargeBuffer):
    """The same, and does not look for routes."""
    name = "ctflowd, interfaces constant"
    settings = "interfaces: {{lookup: constant}}\n"


class TwoCtflowd(Reader):
    """Each has one of two clients, for which the kernel filters its events."""
    name = "2 ctflowd, by source.filter"

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        self.halves = []
        for port, client in ((4739, CLIENT4), (4740, SECOND_CLIENT4)):
            self.halves.append(Ctflowd(lab, directory, port, f"{CtflowdLargeBuffer.source}, state_file: off, "
                                       f"filter: {{include: [{{sources: [{client}]}}]}}"))

    def used(self):
        return sum(half.used() for half in self.halves)

    def resident(self):
        return sum(half.resident() for half in self.halves)

    def signal(self, number):
        for half in self.halves:
            half.signal(number)

    def stop(self):
        return map(sum, zip(*(half.stop() for half in self.halves)))

    def kill(self):
        for half in self.halves:
            half.kill()


def accounting(*keys):
    """With default settings, and an aggregate by each of these keys: a transaction in a second."""
    aggregates = ", ".join(f"{{{{name: {key}, by: [{key}]}}}}" for key in keys)
    return type("CtflowdAccounting", (Ctflowd,), {
        "name": f"ctflowd, accounting by {', '.join(keys)}",
        "settings": f"accounting: {{{{database: {{database}}, commit_interval: 1s, aggregates: [{aggregates}]}}}}\n"})


class Ulogd(Reader):
    """ulogd2's flow-based input to its IPFIX output, for ended connections."""
    name = "ulogd2 IPFIX"
    keeps = 13  # a message that is not full at its end is not sent
    plugins = "/usr/lib/x86_64-linux-gnu/ulogd"
    output = "IPFIX"

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        self.sink = self.file = None
        file_name = f"{directory}/ulogd-{time.monotonic_ns()}.conf"
        with open(file_name, "w", encoding="ascii") as file:
            file.write(f"""[global]
logfile="{directory}/ulogd.log"
loglevel=5
plugin="{self.plugins}/ulogd_inpflow_NFCT.so"
plugin="{self.plugins}/ulogd_output_{self.output}.so"
stack=ct1:NFCT,out1:{self.output}
[ct1]
event_mask=4
hash_enable=0
netlink_socket_buffer_size={32 << 20}
netlink_socket_buffer_maxsize={64 << 20}
[out1]
{self.output_settings()}""")
        self.spawn("ulogd", "-c", file_name)
        time.sleep(1)
        if self.process.poll() is not None:
            raise RuntimeError(f"ulogd does not start: {self.process.communicate()[0]}")

    def output_settings(self):
        self.sink = Sink(self.lab.collector, 4739)
        return f"""oid=1
host="{COLLECTOR}"
port=4739
proto="udp"
send_template="once"
"""

    def stop(self):
        self.process.terminate()
        self.process.communicate()
        # It counts the records of the message, too (RFC 7011: those before), and begins with -1.
        return self.sink.sequence() + 1, None


class UlogdSqlite(Ulogd):
    """ulogd2's flow-based input to its SQLite output: a row for each ended connection, by the table of
    its documentation (sqlite3.table)."""
    name = "ulogd2 SQLite"
    keeps = 0
    output = "SQLITE3"
    numbers = ("flow_start_sec", "flow_start_usec", "flow_end_sec", "flow_end_usec", "orig_ip_saddr", "orig_ip_daddr",
               "orig_l4_sport", "orig_l4_dport", "orig_ip_protocol", "icmp_type", "icmp_code", "orig_raw_pktlen",
               "orig_raw_pktcount", "reply_raw_pktlen", "reply_raw_pktcount", "ct_mark")

    def output_settings(self):
        self.file = self.database()
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            database.execute(f"CREATE TABLE ulog_ct ({', '.join(f'{one} INT' for one in self.numbers)})")
        return f'db="{self.file}"\ntable="ulog_ct"\n'

    def stop(self):
        self.process.terminate()
        self.process.communicate()
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            return database.execute("SELECT count(*) FROM ulog_ct").fetchone()[0], None


def wait_until_read(lab):
    """Until no event waits in the kernel for any reader."""
    def waiting():
        lines = lab.router.read("/proc/net/netlink").splitlines()[1:]
        return sum(int(line.split()[4]) for line in lines if line.split()[1] == "12")
    wait_until(lambda: waiting() == 0, "the events to be read", 120)
