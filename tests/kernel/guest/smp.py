# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processors on the same connections: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import ctnl
import main
import pktgen
from lab import TICK, Lab, between, equal, of_port, patched, run
from nfqueue import first_packets_wait

ORIGINS = ("netfilter",)    # the others have a machine of two processors for it
COUNT = 20_000
TAIL = 15  # seconds to wait for the report of what came last


def totals(lab: Lab, ports: range) -> tuple[int, int, int, int]:
    """Wire and stock packets, wire and stock octets of these ports."""
    result = [0, 0, 0, 0]
    for message in lab.dump():
        if message.orig.sport in ports and message.flow:
            result[0] += message.flow.orig.packets
            result[1] += message.packets[0]
            result[2] += message.flow.orig.octets
            result[3] += message.octets[0]
    return tuple(result)


def test_both_send_on_one_connection(lab: Lab) -> None:
    lab.active_timeout(1)
    port = 9
    settings = {"count": COUNT, "udp_src_min": port, "udp_src_max": port}
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        pktgen.setup([{**settings, "pkt_size": 92, "tos": "20"},
                      {**settings, "pkt_size": 192, "tos": "40"}])
        begin = time.monotonic()
        generator = pktgen.start()
        while generator.poll() is None:
            listener.read(0.1)
        seconds = time.monotonic() - begin
        reports = []
        # One active timeout and one pause of the sweep, of a slow processor.
        while time.monotonic() < begin + seconds + TAIL and not (
                reports and reports[-1].flow.orig.packets == 2 * COUNT):
            reports += [m for m in listener.drain(1) if of_port(port)(m)]
        tail = time.monotonic() - begin - seconds
    message = lab.find(port)
    flow = message.flow.orig
    octets = COUNT * (92 - 14) + COUNT * (192 - 14)
    equal("wire", (flow.packets, flow.octets), (2 * COUNT, octets))
    equal("stock", (message.packets[0], message.octets[0]),
          (2 * COUNT, octets))
    equal("len", (flow.len_min, flow.len_max), (78, 178))
    equal("tos", (flow.tos in (0x20, 0x40), flow.flags),
          (True, ctnl.DSCP_CHANGED))
    seen = [m.flow.orig.packets for m in reports]
    equal("never back", seen, sorted(seen))
    equal("none twice", len(seen), len(set(seen)))
    equal("the tail", seen[-1], 2 * COUNT)
    between("reports", len(reports), 1, seconds + 3)
    print(f"        {len(reports)} reports in {seconds:.1f} s, the last one "
          f"{tail:.1f} s later", flush=True)


def test_both_open_the_same_connections(lab: Lab) -> None:
    """Where both are at the same port at the same time the kernel makes two
    connections and drops one. The ends of the round before may not have been
    read by then."""
    ports = range(10000, 10300)
    settings = {"count": len(ports) * 2, "udp_src_min": ports.start,
                "udp_src_max": ports.stop, "pkt_size": 60}
    before = clashes()
    for number in range(30):
        slow = {**settings, "delay": number % 6 * 10_000}
        pktgen.setup([settings, slow] if number % 2 else [slow, settings])
        pktgen.start().wait()
        wire, stock, octets, stock_octets = totals(lab, ports)
        if wire != stock:
            print(f"        round {number}, clashes resolved: "
                  f"{clashes() - before}", flush=True)
        equal("wire", wire, 4 * len(ports))
        equal("as stock", (wire, octets), (stock, stock_octets))
        run("conntrack -F")
    print(f"        clashes resolved: {clashes() - before}", flush=True)


def test_no_packet_is_in_the_future(lab: Lab) -> None:
    """The processor that counts the kernel's ticks is often stopped: here the
    emulator lets the busy ones run by turns, elsewhere a hypervisor does."""
    port = lab.port()
    busy = [subprocess.Popen(["taskset", "-c", str(cpu), sys.executable,
                              "-c", "while True: pass"])
            for cpu in range(os.cpu_count() or 1)]
    ahead = []
    try:
        for _ in range(60):
            lab.udp(port)
            sent = time.time_ns()
            ahead.append((lab.flow(port).orig.last - sent) / 1e6)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    # One packet or another waits until others have run.
    equal("ahead by more than 20 ms", sum(one > 20 for one in ahead) < 4, True)


def test_first_packets_wait_for_another_processor(lab: Lab) -> None:
    """Times and hop limits are those of when they came, though the verdict
    comes later, from where another packet may have been dropped."""
    seed = random.randrange(1 << 32)
    print(f"        seed {seed}", flush=True)
    choose = random.Random(seed)
    processors = sorted(os.sched_getaffinity(0))
    try:
        with first_packets_wait(lab) as queue:
            for _ in range(60):
                port, ttl = lab.port(), choose.randrange(2, 250)
                os.sched_setaffinity(0, {choose.choice(processors)})
                begin = time.time()
                lab.udp(port, ttl=ttl)
                packet = queue.take(1)[0]
                came = time.time()
                time.sleep(6 * TICK)
                os.sched_setaffinity(0, {choose.choice(processors)})
                if choose.random() < 0.3:
                    queue.drop(packet)
                    continue
                queue.accept(packet)
                flow = lab.flow(port).orig
                between("first", flow.first / 1e9, begin - 2 * TICK,
                        came + 2 * TICK)
                equal("ttl", (flow.ttl_min, flow.ttl_max), (ttl, ttl))
    finally:
        os.sched_setaffinity(0, processors)


def clashes() -> int:
    with open("/proc/net/stat/nf_conntrack", encoding="ascii") as file:
        head = file.readline().split()
        column = head.index("clashres")
        return sum(int(line.split()[column], 16) for line in file)


def test_packets_race_with_a_small_table(lab: Lab) -> None:
    with open("/proc/sys/net/netfilter/nf_conntrack_max", "w",
              encoding="ascii") as file:
        file.write("500")
    settings = {"count": COUNT, "udp_src_min": 1000, "udp_src_max": 60000,
                "flag": "UDPSRC_RND", "pkt_size": 100}
    with lab.listen(ctnl.GROUP_DESTROY, buffer=64 << 20) as listener:
        pktgen.setup([settings, settings])
        pktgen.start().wait()
        reasons = {m.flow.reason for m in listener.drain(2) if m.flow}
    between("early drop", "early-drop" in reasons, True, True)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    assert patched() or os.environ.get("CTFLOWD_MEASURE")
    print(f"        {os.cpu_count()} processors", flush=True)
    sys.exit(main.run_module(sys.modules[__name__], "smp"))
