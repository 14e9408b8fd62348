# SPDX-License-Identifier: GPL-2.0-or-later
"""What can happen to programs that are attached to a kernel in use."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
import threading
import time

import ctnl
import ebpf
import pktgen
from lab import (SERVER, Failure, Lab, because, between, destroyed, equal, ifindex,
                 namespace, run, sysctl)

ORIGINS = ("ebpf", "netfilter")
BPF, PROG_GET_NEXT_ID = 321, 11
STORM = int(os.environ.get("CTFLOWD_STORM") or 200_000)
BACKLOG = "/proc/sys/net/core/netdev_max_backlog"


def tool(lab: Lab, *options: str) -> ebpf.Tool:
    assert isinstance(lab.origin, ebpf.Measuring)
    return lab.origin.start(*options)


def programs() -> set[int]:
    """The ids of all programs that this kernel has loaded."""
    libc = ctypes.CDLL(None, use_errno=True)
    ids: set[int] = set()
    last = 0
    while True:
        attribute = ctypes.create_string_buffer(
            struct.pack("=III", last, 0, 0), 12)
        if libc.syscall(BPF, PROG_GET_NEXT_ID, attribute, 12):
            return ids
        last = struct.unpack_from("=I", attribute, 4)[0]
        ids.add(last)


class Traffic:
    """Packets of one old connection, all the time."""

    def __init__(self, lab: Lab, port: int) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.send, args=(lab, port))

    def send(self, lab: Lab, port: int) -> None:
        while not self.stop.is_set():
            for _ in range(5):
                lab.udp(port, size=700)
            time.sleep(0.02)        # the only processor has to attach, too

    def __enter__(self) -> Traffic:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def test_attached_and_detached_under_traffic(lab: Lab) -> None:
    lab.measure(False)
    old = lab.port()
    lab.udp(old)
    with Traffic(lab, old):
        for _ in range(3):
            lab.measure(True)
            ports = [lab.port() for _ in range(10)]
            for port in ports:
                for size in (1, 2, 3):
                    lab.udp(port, size=size)
                lab.udp(port, size=9, reply=True)
            lab.settle()
            flows = {m.orig.sport: m.flow for m in lab.dump()}
            equal("older than the programs", flows[old], None)
            for port in ports:
                flow = flows[port]
                if flow is None or not flow.orig or not flow.reply:
                    raise Failure(f"port {port} is not measured")
                equal("wire", (flow.orig.packets, flow.orig.octets,
                               flow.reply.packets, flow.reply.octets),
                      (3, 3 * 28 + 6, 1, 37))
            lab.measure(False)
            lab.udp(ports[0])
    lab.measure(True)
    equal("of an earlier run", lab.find(ports[0]).flow, None)


def test_killed_leaves_nothing_attached(lab: Lab) -> None:
    lab.measure(False)
    before = programs()
    with Traffic(lab, lab.port()):
        measuring = tool(lab)
        attached = programs() - before
        between("programs", len(attached), 4, 100)
        measuring.stop(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while programs() - before and time.monotonic() < deadline:
            time.sleep(0.2)
        equal("left behind", programs() - before, set())
    lab.measure(True)
    port = lab.port()
    lab.udp(port)
    equal("works", lab.flow(port).orig.packets, 1)


def test_a_full_map_never_gives_wrong_numbers(lab: Lab) -> None:
    lab.measure(False)
    run("conntrack -F")
    measuring = tool(lab, "--size", "100")
    ports = [lab.port() for _ in range(250)]
    try:
        for _ in range(2):
            for port in ports:
                lab.udp(port, size=port % 50)
        lab.settle()
        lost = measuring.lost()
        run("conntrack -F")
        ended = wait_for_ends(measuring, ports)
        # There is room again.
        port = lab.port()
        lab.udp(port)
        lab.settle()
        run("conntrack -F")
        again = wait_for_ends(measuring, [port])[port]
    finally:
        measuring.stop()
    measured = {port: m.flow for port, m in ended.items() if m.flow}
    between("measured", len(measured), 50, 100)
    equal("counted as not measured", lost[3] >= 250 - len(measured), True)
    for port, flow in measured.items():
        equal("wire", (flow.orig.packets, flow.orig.octets),
              (2, 2 * (28 + port % 50)))
    for port, message in ended.items():
        equal("of conntrack", message.packets[0], 2)
    equal("again", again.flow and again.flow.orig.packets, 1)


def test_reports_that_can_wait_leave_room_for_ends(lab: Lab) -> None:
    """A sweep may find more to report than the ring holds."""
    lab.measure(False)
    run("conntrack -F")
    # For 186 records of 352 octets.
    measuring = tool(lab, "--no-created", "--ring", str(1 << 16))
    ports = [lab.port() for _ in range(250)]
    try:
        for port in ports:
            lab.udp(port)
        lab.settle()
        measuring.tell("hold")
        measuring.tell("living")
        equal("lost before", measuring.lost()[:2], [0, 0])
        for port in ports[:30]:
            run(f"conntrack -D -p udp --sport {port}")
        equal("lost", measuring.lost()[:2], [0, 0])
        measuring.tell("read")
        wait_for_ends(measuring, ports[:30])
        between("reported", len(measuring.reports()), 80, 110)
    finally:
        measuring.stop()


def wait_for_ends(measuring: ebpf.Tool,
                  ports: list[int]) -> dict[int, ctnl.Message]:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        ended = {m.orig.sport: m for m in measuring.ends()
                 if m.orig.sport in ports}
        if len(ended) == len(ports):
            return ended
        time.sleep(0.3)
    raise Failure(f"{len(ended)} of {len(ports)} ends told")


def test_two_at_once(lab: Lab) -> None:
    second = tool(lab)
    try:
        port = lab.port()
        with lab.listen(ctnl.GROUP_DESTROY) as listener:
            lab.handshake(port)
            lab.fins(port)
            lab.settle()
            run("conntrack -F")
            first = listener.wait(destroyed(port)).flow
        other = wait_for_ends(second, [port])[port].flow
        if first is None or other is None:
            raise Failure("not measured by both")
        for mine, theirs in ((first.orig, other.orig),
                             (first.reply, other.reply)):
            # Each has derived the clock for itself, to a tick.
            for one in (mine, theirs):
                one.first = one.last = None
            equal("the same", mine, theirs)
    finally:
        second.stop()
    lab.udp(lab.port())
    port = lab.port()
    lab.udp(port)
    equal("the other one goes on", lab.flow(port).orig.packets, 1)


def make_namespace(name: str) -> None:
    run(f"""set -e
    ip netns add {name}
    ip -n {name} link set lo up
    ip netns exec {name} sysctl -q net.netfilter.nf_conntrack_acct=1
    ip netns exec {name} nft -f -
    """, feed="""table ip t { chain o {
        type filter hook output priority 0
        ct state new counter
    }; }""")


def connect_inside(name: str, count: int) -> None:
    """This many connections of the namespace to itself."""
    with namespace(name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
            for port in range(2000, 2000 + count):
                here.sendto(b"x", ("127.0.0.1", port))


def ends_inside(measuring: ebpf.Tool) -> list[ctnl.Message]:
    return [m for m in measuring.ends() if 2000 <= m.orig.dport < 2100]


def test_namespaces_come_and_go(lab: Lab) -> None:
    lab.measure(False)
    names = [f"n{number}" for number in range(3)]
    for name in names:
        make_namespace(name)
    measuring = tool(lab, "--netns", "/proc/self/ns/net",
                     *[f"/run/netns/{name}" for name in names])
    try:
        for number, name in enumerate(names, 1):
            connect_inside(name, 20)
            time.sleep(0.3)
            run(f"ip netns del {name}")
            deadline = time.monotonic() + 20
            while len(ends_inside(measuring)) < 20 * number:
                if time.monotonic() > deadline:
                    raise Failure(f"{len(ends_inside(measuring))} ends, of "
                                  f"{number} namespaces with 20 connections")
                time.sleep(0.2)
        ends = ends_inside(measuring)
        equal("ends", len(ends), 60)
        for message in ends:
            if message.flow is None or message.flow.orig is None:
                raise Failure("not measured")
            equal("wire", (message.flow.orig.packets,
                           message.flow.orig.octets), (1, 29))
            because(lab, message, "other")
        port = lab.port()
        lab.udp(port)
        lab.settle()
        run("conntrack -F")
        equal("here", wait_for_ends(measuring, [port])[port].packets[0], 1)
    finally:
        measuring.stop()


def test_other_namespaces_are_not_measured(lab: Lab) -> None:
    lab.measure(False)
    measuring = tool(lab)
    try:
        make_namespace("n9")
        connect_inside("n9", 20)
        run("ip netns del n9")
        port = lab.port()
        lab.udp(port)
        lab.settle()
        run("conntrack -F")
        wait_for_ends(measuring, [port])
        time.sleep(2)
        equal("records of others", ends_inside(measuring), [])
    finally:
        measuring.stop()


def skipped_runs() -> int:
    """How often the kernel skipped the program that counts packets."""
    return sum(one.get("recursion_misses", 0)
               for one in json.loads(run("bpftool -j prog show"))
               if one.get("name", "").startswith("tracked"))


def test_packets_that_interrupt_the_program_are_counted(lab: Lab) -> None:
    """A host that sends is interrupted, by a timer, by what it forwards.

    Both connections begin before: one whose first packet interrupts may be
    left out as not measured, which the storm below counts.
    """
    assert isinstance(lab.origin, ebpf.Measuring)
    run("tc -n c qdisc add dev c0 root netem delay 2ms limit 10000")
    forwarded, own = lab.port(), lab.port()
    sent = 0
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("", own))
            sender.connect((SERVER, 9))
            lab.udp(forwarded)
            lab.settle()
            sender.send(b"x")
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline:
                for _ in range(4):
                    lab.udp(forwarded)
                for _ in range(100):
                    sender.send(b"x")
                sent += 1
        time.sleep(0.5)
        flow, mine = lab.flow(forwarded), lab.flow(own)
        missed = lab.origin.running().ask("losses").get("missed_runs", 0)
        print(f"        {104 * sent} packets, the program was skipped for "
              f"{skipped_runs()}, not counted: {missed}", flush=True)
        equal("all", flow.orig.packets + mine.orig.packets + missed,
              104 * sent + 2)
        equal("octets", flow.orig.octets, flow.orig.packets * 128)
        equal("ttl", (flow.orig.ttl_min, flow.orig.ttl_max), (64, 64))
        equal("interfaces", (flow.orig.iif, flow.orig.oif, flow.orig.flags),
              (ifindex("r1"), ifindex("r2"), 0))
    finally:
        run("tc -n c qdisc del dev c0 root")


def test_a_storm_is_told_or_counted(lab: Lab) -> None:
    """Conservation: records and losses are what has ended."""
    lab.measure(False)
    backlog = sysctl(BACKLOG)
    sysctl("nf_conntrack_buckets", 65536)
    sysctl("nf_conntrack_max", STORM + STORM // 4)
    sysctl("nf_conntrack_udp_timeout", 600)
    sysctl(BACKLOG, STORM)          # or veth drops what it has no time for
    try:
        equal("lost", storm(lab, STORM, "--ring", str(1 << 25)), 0)
        storm(lab, STORM // 5, "--ring", str(1 << 18))
    finally:
        sysctl("nf_conntrack_max", 65536)
        sysctl(BACKLOG, backlog)


def storm(lab: Lab, count: int, *options: str) -> int:
    """Makes and removes that many connections; returns how many got lost."""
    # A sweep looks at all of them, and this machine has one processor.
    measuring = tool(lab, "--quiet", "--no-created", "--sweep", "8", *options)
    begin = time.monotonic()
    # Both go round together: no pair twice before 23 * 50000 packets.
    pktgen.setup([{"count": count, "udp_src_min": 10000,
                   "udp_src_max": 60000, "src_max": "10.0.1.122",
                   "pkt_size": 60}])
    pktgen.start().wait()
    lab.settle()
    made = int(sysctl("nf_conntrack_count"))
    filled = time.monotonic()
    run("conntrack -F")
    flushed = time.monotonic()
    told = -1
    while told != measuring.ask("losses")["records"]:
        told = measuring.ask("losses")["records"]
        time.sleep(1)
    lost = measuring.lost()
    measuring.stop()
    print(f"        {made} connections made in {filled - begin:.1f} s, removed"
          f" in {flushed - filled:.1f} s: {told} told, {lost[0]} lost",
          flush=True)
    between("made", made, count * 0.9, count + 10)
    equal("told and lost", told + lost[0], made)
    equal("not measured", lost[3], 0)
    return lost[0]
