# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that take the fast path of a software flowtable."""

import time

import ctnl
import packets
from lab import (CLIENT, CLIENT6, SERVER, SERVER6, TICK, Failure, Lab, Sniffer,
                 between, equal, ifindex, near, of_port)
from packets import ACK, PSH

OFFLOADED = 1 << 14


def table(lab: Lab, counter: bool) -> None:
    lab.rules("""table inet ft {
        flowtable f {
            hook ingress priority 0
            devices = { r1, r2 }
            %s
        }
        chain forward {
            type filter hook forward priority 0
            ct state established flow add @f
        }
    }""" % ("counter" if counter else ""))


def start(lab: Lab, six: bool = False) -> int:
    port = lab.port()
    lab.udp(port, six=six)
    lab.udp(port, reply=True, six=six)
    lab.settle()
    equal("offloaded", lab.find(port).status & OFFLOADED, OFFLOADED)
    return port


def fast_path(lab: Lab, counter: bool) -> None:
    table(lab, counter)
    for six, header in ((False, 28), (True, 48)):
        port = start(lab, six)
        for number in range(10):
            lab.udp(port, size=200 + number, six=six, ttl=60 + number,
                    tos=0x20)
        time.sleep(0.1)
        sent = time.time()
        lab.udp(port, reply=True, size=33, six=six, ttl=9)
        message = lab.find(port)
        flow = message.flow
        octets = 11 * header + 100 + sum(range(200, 210))
        equal("orig", (flow.orig.packets, flow.orig.octets), (11, octets))
        equal("reply", (flow.reply.packets, flow.reply.octets),
              (2, 2 * header + 133))
        equal("stock", message.packets[0], 11 if counter else 1)
        equal("ttl", (flow.orig.ttl_min, flow.orig.ttl_max,
                      flow.reply.ttl_min), (60, 69, 9))
        equal("len", (flow.orig.len_min, flow.orig.len_max),
              (header + 100, header + 209))
        equal("tos", (flow.orig.tos, flow.orig.flags),
              (0, ctnl.DSCP_CHANGED))
        equal("interfaces", (flow.orig.iif, flow.orig.oif, flow.reply.iif,
                             flow.reply.oif),
              (ifindex("r1"), ifindex("r2"), ifindex("r2"), ifindex("r1")))
        near("last", flow.reply.last / 1e9, sent, 2 * TICK)
        between("orig last", flow.orig.last / 1e9, sent - 0.3, sent - 0.05)


def test_without_counter(lab: Lab) -> None:
    fast_path(lab, False)


def test_with_counter(lab: Lab) -> None:
    fast_path(lab, True)


def padded(lab: Lab, port: int, six: bool = False, reply: bool = False) -> int:
    """A short packet in a frame that is longer than it."""
    client, server = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
    if reply:
        packet = packets.udp(server, client, 53, port, 1)
        lab.s.send(packet, padding=17)
    else:
        packet = packets.udp(client, server, port, 53, 1)
        lab.c.send(packet, padding=17)
    return len(packet)


def short_frames(lab: Lab, counter: bool) -> None:
    table(lab, counter)
    for six in (False, True):
        port = start(lab, six)
        header = 48 if six else 28
        for _ in range(10):
            padded(lab, port, six)
            padded(lab, port, six, reply=True)
        message = lab.find(port)
        flow = message.flow
        for direction in (flow.orig, flow.reply):
            equal("wire", (direction.packets, direction.octets),
                  (11, 11 * header + 110))
            equal("len", (direction.len_min, direction.len_max),
                  (header + 1, header + 100))
        equal("stock", message.packets[0], 11 if counter else 1)
        if counter and message.octets[0] <= flow.orig.octets:
            raise Failure("no padding has arrived: this proves nothing")


def test_padding_without_counter(lab: Lab) -> None:
    short_frames(lab, False)


def test_padding_with_counter(lab: Lab) -> None:
    short_frames(lab, True)


def test_padding_of_bare_acknowledgments(lab: Lab) -> None:
    """40 octets without options, where a frame has 46 at least."""
    table(lab, True)
    port = lab.port()
    lab.handshake(port)
    lab.tcp(port, ACK, True, seq=5001, ack=1001)
    equal("offloaded", lab.find(port).status & OFFLOADED, OFFLOADED)
    for _ in range(5):
        lab.c.send(packets.tcp(CLIENT, SERVER, port, 80, ACK, 1001, 5001),
                   padding=6)
    flow = lab.flow(port)
    equal("wire", (flow.orig.packets, flow.orig.octets), (7, 280))
    equal("len", (flow.orig.len_min, flow.orig.len_max), (40, 40))


def test_reports_of_padded_packets(lab: Lab) -> None:
    """Sent while the packet is on its way: it is in there as a whole."""
    table(lab, True)
    lab.active_timeout(1)
    port = start(lab)
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        for _ in range(22):
            length = padded(lab, port)
            time.sleep(0.1)
        reports = [m.flow.orig for m in listener.drain(0.1)
                   if of_port(port)(m)]
    between("reports", len(reports), 2, 3)
    for report in reports:
        equal("octets", report.octets,
              128 + (report.packets - 1) * length)


def test_tcp_flags_in_the_fast_path(lab: Lab) -> None:
    table(lab, False)
    port = lab.port()
    lab.handshake(port)
    lab.tcp(port, ACK, True, seq=5001, ack=1001)
    equal("offloaded", lab.find(port).status & OFFLOADED, OFFLOADED)
    lab.tcp(port, ACK | PSH | 0x20, seq=1001, ack=5001, size=10)
    equal("flags", lab.flow(port).orig.tcp_flags, 0x3a)
    lab.tcp(port, 0x11, seq=1011, ack=5001)         # leaves the fast path
    flow = lab.flow(port)
    equal("flags", flow.orig.tcp_flags, 0x3b)
    equal("packets", flow.orig.packets, 4)
    equal("octets", flow.orig.octets, 4 * 40 + 10)


def test_bulk_without_counter(lab: Lab) -> None:
    table(lab, False)
    lab.offload(None, "r2", "tso off gso off sg off")
    try:
        sniffer = Sniffer("s", "s0")
        port = lab.transfer(3_000_000)
        truth = sniffer.totals(port)
        message = lab.find(port)
        print(f"        wire {truth[False]} {truth[True]}, stock "
              f"{message.packets} {message.octets}", flush=True)
        between("stock", message.packets[0], 1, 100)
        equal("orig", (message.flow.orig.packets, message.flow.orig.octets),
              truth[False])
        equal("reply", (message.flow.reply.packets,
                        message.flow.reply.octets), truth[True])
    finally:
        lab.offload(None, "r2", "sg on tso on gso on")


def test_reports_from_the_fast_path(lab: Lab) -> None:
    table(lab, False)
    lab.active_timeout(1)
    port = start(lab)
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        for _ in range(25):
            lab.udp(port)
            time.sleep(0.1)
        reports = [m for m in listener.drain(3) if of_port(port)(m)]
    between("reports", len(reports), 3, 4)
    equal("the tail", reports[-1].flow.orig.packets, 26)
