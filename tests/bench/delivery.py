#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What reliable delivery costs the kernel: the time in which it ends all connections of a table while
ctflowd listens, by delivery and receive buffer, beside the time when nobody listens.

usage: tests/bench/delivery.py CTFLOWD [CONNECTIONS [ROUNDS]]
"""

import contextlib
import os
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))

# pylint: disable=wrong-import-position
import ctflowd
import isolation
from lab import SERVER4, Lab, wait_until

PORTS = 30_000  # connections from one source port
KINDS = {
    "nobody listens": None,
    "best-effort, 64 MiB": {"receive_buffer": "64MiB"},
    "reliable, 64 MiB": {"receive_buffer": "64MiB", "delivery": "reliable"},
    "best-effort, 64 KiB": {"receive_buffer": "64KiB", "receive_buffer_limit": "64KiB"},
    "reliable, 64 KiB": {"receive_buffer": "64KiB", "receive_buffer_limit": "64KiB",
                         "delivery": "reliable"},
}


def entries(lab):
    return int(lab.router.read("/proc/sys/net/netfilter/nf_conntrack_count"))


def fill(lab, count):
    with contextlib.ExitStack() as stack:
        for start in range(0, count, PORTS):
            sock = stack.enter_context(contextlib.closing(
                lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            for port in range(1, 1 + min(PORTS, count - start)):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(bytes(40), (SERVER4, port))
    wait_until(lambda: entries(lab) == count, f"{count} connections")


def measure(program, settings, count, directory):
    """Seconds until the table is empty, and the events that were lost or sent again."""
    with contextlib.closing(Lab()) as lab:
        lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        daemon = None
        if settings is not None:
            sink = ctflowd.Collector("sink", 4739, "ipfix")
            daemon = ctflowd.Ctflowd(program, lab.router, directory, "run",
                                     config=ctflowd.configuration([sink], source=settings))
            daemon.wait_for("started")
        try:
            fill(lab, count)
            began = time.monotonic()
            lab.router.run("conntrack", "-F")
            wait_until(lambda: entries(lab) == 0, "an empty table", 120)
            seconds = time.monotonic() - began
            if daemon is None:
                return seconds, 0, 0
            daemon.stop()
            totals = daemon.totals()
            return seconds, totals["lost_overrun"], totals["retried"]
        finally:
            if daemon is not None:
                daemon.kill()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    isolation.enter()
    directory = f"/run/bench-{time.monotonic_ns()}"
    os.mkdir(directory)
    results = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind, settings in KINDS.items():
            results[kind].append(measure(program, settings, count, directory))
    base = results["nobody listens"]
    print(f"{count} connections ended at once, {rounds} rounds, each kind in turn\n"
          f"{'':22}{'connections/s':>14}{'time x nobody (min median max)':>34}{'lost':>8}{'retried':>9}")
    for kind, runs in results.items():
        ratios = sorted(run[0] / alone[0] for run, alone in zip(runs, base))
        rate = count / statistics.median(run[0] for run in runs)
        print(f"{kind:22}{rate:14.0f}{ratios[0]:14.2f}{statistics.median(ratios):10.2f}"
              f"{ratios[-1]:10.2f}{statistics.median(r[1] for r in runs):8.0f}"
              f"{statistics.median(r[2] for r in runs):9.0f}")


if __name__ == "__main__":
    main()
