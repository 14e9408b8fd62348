# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet and a connection cost with eBPF, in instructions.

The emulator runs with -icount shift=0: a nanosecond of the guest is an
instruction, so that the time that tasks have run is exact, and idling, by
which runs differ, is in none of them. Connections are made and removed in two
numbers, and what more of them cost is divided by how many more they were.
"""

from __future__ import annotations

import glob
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import ctnl
import ebpf
import pktgen
from lab import SERVER, Failure, Lab, lab_main, run, sysctl

PACKETS = 4000
CONNECTIONS = (2000, 12000)
ROUNDS = 3
EXAMPLE = pathlib.Path(__file__).parents[3] / "config" / "examples" / \
    "interfaces-by-mark.nft"
Work = Callable[[int], None]


def ran(pid: str = "[0-9]*") -> int:
    """Nanoseconds that these tasks have run, or all but the idle one."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            total += int(pathlib.Path(path).read_text().split()[0])
        except (OSError, IndexError):
            pass        # it has ended
    return total


def per_one(work: Work, sizes: tuple[int, int], *pids: str) -> list[float]:
    """What one of `work` costs, in all tasks and in each of these.

    Of some rounds the least: what else the kernel does comes on top.
    """
    least = []
    for size in sizes:
        rounds = []
        for _ in range(ROUNDS):
            time.sleep(2)
            before = [ran(), *map(ran, pids)]
            work(size)
            rounds.append([after - now for after, now in
                           zip([ran(), *map(ran, pids)], before)])
        least.append([min(column) for column in zip(*rounds)])
    return [(many - few) / (sizes[1] - sizes[0])
            for few, many in zip(*least)]


# --- packets

def sink(lab: Lab) -> None:
    """Where forwarded packets end: nothing of their path is of the receiver."""
    run("ip link add sink type dummy; ip link set sink up; "
        "ip addr add 10.0.9.1/24 dev sink; "
        "ip neigh replace 10.0.9.9 lladdr 02:00:00:00:00:99 dev sink")
    lab.rules("""table inet cost {
        chain f { type filter hook forward priority 0; ct state established,new accept; }
        chain n { type nat hook postrouting priority 100; oifname sink masquerade; }
    }""")


def forward(target: str, count: int) -> float:
    """Instructions for a packet, with those that make it."""
    pktgen.setup([{"count": count, "dst": target, "pkt_size": 92,
                   "udp_src_min": 9, "udp_src_max": 9}])
    pktgen.start().wait()
    return pktgen.rate()


@contextmanager
def marks() -> Iterator[None]:
    """The rules that save the interfaces where nothing can measure."""
    text = EXAMPLE.read_text()
    for name, here in (("lan", "r1"), ("wan", "r2"), ("wan2", "sink")):
        text = text.replace(f'"{name}"', f'"{here}"')
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    try:
        yield
    finally:
        run("nft delete table inet ctflowd_interfaces")


def packet_costs(lab: Lab, program: str) -> None:
    run("ip netns add elsewhere")
    modes: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "nothing attached": nullcontext,
        "attached, not watched": lambda: measuring(
            program, "--netns", "/run/netns/elsewhere"),
        "measured": lambda: measuring(program, "--interval", "60"),
        "not measured, interfaces by mark": marks,
    }
    major, minor = map(int, os.uname().release.split(".")[:2])
    if os.environ.get("CTFLOWD") and (major, minor) >= (6, 4):
        modes["measured by netfilter programs"] = lambda: daemon(
            "netfilter", "")
    for kind, target in (("unanswered", "10.0.9.9"), ("answered", SERVER)):
        stock = 0.0
        for mode, enter in modes.items():
            with enter():
                cost = packet_cost(lab, kind == "answered", target)
            stock = stock or cost
            print(f"COST packet of an {kind} connection, {mode}: {cost:.0f} "
                  f"({cost / stock:.4f})", flush=True)


def packet_cost(lab: Lab, answered: bool, target: str) -> float:
    run("conntrack -F", check=False)
    forward(target, 10)
    if answered:
        lab.udp(9, reply=True)
        lab.settle()
    time.sleep(5)
    return min(forward(target, PACKETS) for _ in range(ROUNDS))


@contextmanager
def measuring(program: str, *options: str) -> Iterator[None]:
    tool = ebpf.Tool(program, "--no-created", *options)
    try:
        yield
    finally:
        tool.stop()


# --- connections

CONFIG = """\
source:
  measure: {}
  active_timeout: 60s
  receive_buffer: 64MiB
collectors:
  - name: nobody
    address: 127.0.0.1
    port: 4739
    protocol: ipfix
status:
  socket: off
"""
# Of these zones there are none: everything is read and decoded, and left out.
LEFT_OUT = """\
namespaces: [{name: here, file: /proc/self/ns/net, zones: [9]}]
"""


@contextmanager
def daemon(measure: str, more: str) -> Iterator[str]:
    """ctflowd with that source.measure, and its process id."""
    config = pathlib.Path("/tmp/cost.yaml")
    config.write_text(CONFIG.format(measure) + more)
    log = pathlib.Path("/tmp/cost.log")
    with open(log, "wb") as output:
        process = subprocess.Popen(     # pylint: disable=consider-using-with
            [os.environ["CTFLOWD"], "run", "-c", str(config)],
            stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 300
        while " origin=" not in (text := log.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure("ctflowd: " + text)
            time.sleep(0.5)
        if measure != "off" and f"origin={measure}" not in text:
            raise Failure("ctflowd: " + text)
        time.sleep(5)
        yield str(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    text = log.read_text()
    for word in text.split():
        if word.startswith(("lost_", "ended=")):
            name, _, value = word.partition("=")
            if name == "ended" or value not in ("0", ""):
                print(f"COST     {word}", flush=True)


def flush() -> None:
    """Removes all entries; the kernel does it in this process."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       ctnl.NETLINK_NETFILTER) as kernel:
        kernel.bind((0, 0))
        kernel.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | ctnl.MSG_DELETE,
                                ctnl.NLM_F_REQUEST | 4, 1, 0, 0, 0, 0))
        kernel.recv(4096)       # ACK


def make(count: int) -> None:
    """Makes that many connections, one packet each."""
    pktgen.setup([{"count": count, "dst": "10.0.9.9", "pkt_size": 60,
                   "udp_src_min": 10000, "udp_src_max": 10000 + count}])
    pktgen.start().wait()
    time.sleep(1)
    made = int(sysctl("nf_conntrack_count"))
    if made < count:
        raise Failure(f"{made} of {count} connections made")


def connections(count: int) -> None:
    """Makes that many, and removes them."""
    make(count)
    flush()
    time.sleep(5)               # the daemon sends what it has read


def connection_costs(lab: Lab) -> None:
    lab.rules("""table inet cost {
        chain f { type filter hook forward priority 0; ct state established,new accept; }
    }""")
    sysctl("/proc/sys/net/core/netdev_max_backlog", 100_000)
    sysctl("nf_conntrack_udp_timeout", 600)
    run("conntrack -F", check=False)
    connections(100)
    (stock, removal) = per_one(connections, CONNECTIONS, "self")
    print(f"COST connection, nobody listens: {stock:.0f}, {removal:.0f} of that "
          "to remove it", flush=True)
    for what, more in (("exported", ""), ("read and left out", LEFT_OUT)):
        told = {}
        for measure in ("off", "fentry"):
            with daemon(measure, more) as pid:
                connections(100)
                cost, inside, removed = per_one(connections, CONNECTIONS, pid,
                                                "self")
            told[measure] = inside + removed - removal
            print(f"COST connection, {what}, measure: {measure}: {cost:.0f}, "
                  f"{cost - stock:.0f} more: {inside:.0f} in ctflowd, "
                  f"{removed - removal:.0f} to tell of its end", flush=True)
        print(f"COST {what}: ctflowd and telling of the end, records to events:"
              f" {told['fentry'] / told['off']:.3f}", flush=True)


def cost(lab: Lab) -> None:
    lab.reset()
    program = os.environ["CTFLOWD_MEASURE"]
    lab.measure(False)
    sink(lab)
    sysctl("nf_conntrack_udp_timeout", 600)
    sysctl("nf_conntrack_udp_timeout_stream", 600)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 4739))     # and never reads
        packet_costs(lab, program)
        if os.environ.get("CTFLOWD"):
            connection_costs(lab)
    print("RESULT 0 0 0")


if __name__ == "__main__":
    lab_main(cost)
