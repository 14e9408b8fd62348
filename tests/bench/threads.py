#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long ctflowd takes for the ends of all connections of several network namespaces, with one thread
and with one for each namespace, in turn. ctflowd is stopped (SIGSTOP) while the kernel queues the events,
so that the time is its own alone. One collector, over UDP; no interim reports. In each run what was
exported must be what was sent.

usage: [chrt -r 1] tests/bench/threads.py CTFLOWD [ROUNDS [CONNECTIONS [NAMESPACES]]]

chrt(1) keeps other programs from the cores.
"""

import contextlib
import os
import signal
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))

# pylint: disable=wrong-import-position
import ctflowd
import isolation
from lab import Namespace, wait_until
from storm import used

_NETLINK_NETFILTER = 12


class Told(Namespace):
    """A namespace whose connections are over loopback, each to an address of its own."""

    def __init__(self, name):
        super().__init__(name)
        self.run("nft", "-f", "-", input="add table inet own\n"
                 "add chain inet own out { type filter hook output priority filter; }\n"
                 "add rule inet own out ct state established accept\n")
        for setting, value in (("acct", 1), ("timestamp", 1), ("events", 1), ("udp_timeout", 300)):
            self.set(f"net/netfilter/nf_conntrack_{setting}", value)
        self.receiver = self.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("0.0.0.0", 9))

    def fill(self, count):
        with contextlib.closing(self.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for i in range(1, count + 1):
                sock.sendto(bytes(40), (f"127.{i >> 16}.{i >> 8 & 255}.{i & 255}", 9))
        entries = int(self.read("/proc/sys/net/netfilter/nf_conntrack_count"))
        if entries != count:
            raise RuntimeError(f"{self.name}: {entries} connections instead of {count}")

    def close(self):
        self.receiver.close()
        os.system(f"ip netns delete {self.name}")


def waiting(file):
    """Octets that wait in sockets of netfilter; `file`: /proc/net/netlink."""
    file.seek(0)
    lines = [line.split() for line in file.read().splitlines()[1:]]
    return sum(int(line[4]) for line in lines if int(line[1]) == _NETLINK_NETFILTER)


def measure(program, threads, names, count, directory):
    """Seconds until all is read, and CPU seconds."""
    with contextlib.ExitStack() as stack:
        home = Namespace("home")
        stack.callback(os.system, "ip netns delete home")
        sink = stack.enter_context(contextlib.closing(home.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        sink.bind(("127.0.0.1", 4739))
        namespaces = [stack.enter_context(contextlib.closing(Told(name))) for name in names]
        files = []
        for one in namespaces:
            with one.inside():
                files.append(stack.enter_context(
                    open("/proc/thread-self/net/netlink", encoding="ascii")))
        text = ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", address="127.0.0.1")],
            "[" + ", ".join(f"{{name: {name}}}" for name in names) + "]",
            source={"active_timeout": "off"}) + f"threads: {threads}\n"
        daemon = ctflowd.Ctflowd(program, home, directory, "run", config=text)
        stack.callback(daemon.kill)
        daemon.wait_for("started")
        for one in namespaces:
            one.fill(count)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        for one in namespaces:
            one.run("conntrack", "-F")
        time.sleep(0.5)
        before, began = used(daemon.process.pid), time.monotonic()
        os.kill(daemon.process.pid, signal.SIGCONT)
        wait_until(lambda: not any(map(waiting, files)), "the events to be read", 120)
        seconds, cpu = time.monotonic() - began, used(daemon.process.pid) - before
        daemon.stop(10)
        for name, totals in daemon.collector_totals().items():
            if totals["flows"] != count:
                raise RuntimeError(f"{name}: {totals['flows']} of {count} are exported")
        return seconds, cpu / 1e9


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    rounds, count, many = (int(sys.argv[i]) if len(sys.argv) > i else default
                           for i, default in ((2, 5), (3, 80_000), (4, 2)))
    isolation.enter()
    os.mkdir("/run/bench")
    names = [f"n{i}" for i in range(many)]
    ratios, rates = [], {"one": [], "namespaces": []}
    for _ in range(rounds):
        times = {}
        for threads in ("one", "namespaces"):
            times[threads], cpu = measure(program, threads, names, count, "/run/bench")
            rates[threads].append(many * count / times[threads])
            print(f"threads: {threads}: {times[threads]:.3f} s, CPU {cpu:.3f} s, "
                  f"{rates[threads][-1]:,.0f}/s", flush=True)
        ratios.append(times["one"] / times["namespaces"])
    for name, values in (*rates.items(), ("ratio", ratios)):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name}: {low:,.2f}, {middle:,.2f}, {high:,.2f}")


if __name__ == "__main__":
    main()
