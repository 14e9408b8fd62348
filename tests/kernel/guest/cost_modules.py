# SPDX-License-Identifier: GPL-2.0-or-later
"""What the patch costs for a packet and for a connection, in instructions,
and for a connection in memory. As cost_bpf.py, with the switch of the patch;
where the kernel has none, that is stock.
"""

from __future__ import annotations

import pathlib
import time

import ctnl
from cost_bpf import (CONNECTIONS, PACKETS, ROUNDS, flush, forward, make, ran,
                      sink)
from lab import SERVER, Lab, lab_main, run, sysctl
from origin import patched


def packet_costs(lab: Lab, mode: str) -> None:
    for kind, target in (("unanswered", "10.0.9.9"), ("answered", SERVER)):
        run("conntrack -F", check=False)
        forward(target, 10)
        if kind == "answered":
            lab.udp(9, reply=True)
            lab.settle()
        time.sleep(3)
        cost = [forward(target, PACKETS) for _ in range(ROUNDS)]
        print(f"COST {mode}: packet of an {kind} connection: "
              f"{min(cost):.1f} (up to {max(cost):.1f})", flush=True)


def memory() -> dict[str, int]:
    """Octets of the slabs of each cache."""
    taken = {}
    for line in pathlib.Path("/proc/slabinfo").read_text().splitlines():
        words = line.split()
        if ":" in words and words[0] != "#":
            taken[words[0]] = int(words[5]) * 4096 * int(words[14])
    return taken


def forget(listener: ctnl.Listener) -> None:
    """Reads what has come, and does not look at it."""
    listener.socket.setblocking(False)
    try:
        while listener.socket.recv(1 << 17):
            pass
    except BlockingIOError:
        pass


def connection_costs(mode: str, heard: bool) -> None:
    listener = ctnl.Listener(1, 3, buffer=256 << 20) if heard else None
    who = "with a listener" if heard else "nobody listens"
    run("conntrack -F", check=False)
    make(100)
    flush()
    least = []
    for size in CONNECTIONS:
        rounds = []
        for _ in range(ROUNDS):
            time.sleep(2)
            if listener:
                forget(listener)
            empty, before = memory(), ran()
            make(size)
            made, full = ran(), memory()
            flush()
            time.sleep(1)
            rounds.append((made - before, ran() - made))
        least.append([min(column) for column in zip(*rounds)])
    more = CONNECTIONS[1] - CONNECTIONS[0]
    creation, removal = [(many - few) / more for few, many in zip(*least)]
    print(f"COST {mode}: connection, {who}: {creation + removal:.0f}, "
          f"{creation:.0f} to make, {removal:.0f} to remove", flush=True)
    print(f"COST {mode}: octets of slabs for each of {size} connections, {who}: "
          + ", ".join(f"{name} {(octets - empty.get(name, 0)) / size:+.1f}"
                      for name, octets in full.items()
                      if octets - empty.get(name, 0) > 4 * size), flush=True)
    if listener:
        listener.close()


def cost(lab: Lab) -> None:
    lab.reset()
    sink(lab)
    for name in ("udp_timeout", "udp_timeout_stream"):
        sysctl(f"nf_conntrack_{name}", 600)
    for name in ("acct", "timestamp"):
        sysctl(f"nf_conntrack_{name}", 1)
    sysctl("/proc/sys/net/core/netdev_max_backlog", 100_000)
    for mode in ("off", "on") if patched() else ("stock",):
        lab.measure(mode == "on")
        time.sleep(3)
        listener = ctnl.Listener(1, 3)
        packet_costs(lab, mode)
        listener.close()
        for heard in (False, True):
            connection_costs(mode, heard)
    print("RESULT 0 0 0")


if __name__ == "__main__":
    lab_main(cost)
