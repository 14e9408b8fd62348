# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets and octets as they were on the wire; stock counters untouched."""

import socket
import struct

import ctnl
import packets
from lab import (CLIENT, CLIENT6, HOST_SERVER, SERVER, SERVER6, Failure, Lab,
                 Sniffer, equal, ifindex, namespace, run, sysctl)
from packets import ACK, PSH, RST, SYN


def wire(direction: ctnl.Direction | None) -> tuple[int, int]:
    return (direction.packets, direction.octets) if direction else (0, 0)


def stock(message: ctnl.Message, reply: bool = False) -> tuple:
    return message.packets[reply], message.octets[reply]


def test_single_packets_agree_with_the_stock_counters(lab: Lab) -> None:
    for six, header in ((False, 28), (True, 48)):
        port = lab.port()
        for size in (0, 1, 1000):
            lab.udp(port, size=size, six=six)
        lab.udp(port, size=5, reply=True, six=six)
        message = lab.find(port)
        equal("wire", wire(message.flow.orig), (3, 3 * header + 1001))
        equal("stock", stock(message), (3, 3 * header + 1001))
        equal("wire reply", wire(message.flow.reply), (1, header + 5))
        equal("stock reply", stock(message, True), (1, header + 5))


def test_syn_retransmissions(lab: Lab) -> None:
    port = lab.port()
    for _ in range(4):
        lab.tcp(port, SYN, seq=1000)
    message = lab.find(port)
    equal("wire", wire(message.flow.orig), (4, 160))
    equal("stock", stock(message), (1, 40))


def test_ignored_segments(lab: Lab) -> None:
    port = lab.port()
    lab.handshake(port)
    before = lab.find(port)
    lab.tcp(port, SYN, seq=900000)                          # ignored
    lab.tcp(port, ACK, True, seq=5001, ack=1001)            # accepted
    message = lab.find(port)
    equal("stock before", stock(before), (2, 80))
    equal("stock", stock(message), (2, 80))
    equal("wire", wire(message.flow.orig), (3, 120))
    equal("wire reply", wire(message.flow.reply), stock(message, True))


def test_segment_outside_the_window_that_is_let_pass(lab: Lab) -> None:
    # An acknowledgment of data never sent is invalid, an old one is ignored
    # or accepted depending on the kernel: the sum has to be right anyway.
    port = lab.port()
    lab.handshake(port)
    lab.tcp(port, ACK | PSH, seq=1001, ack=5001, size=100)
    lab.tcp(port, ACK, True, seq=5001, ack=1101)
    lab.rules("table ip t { chain f { type filter hook forward priority 1;"
              " ct state established counter; }; }")
    lab.tcp(port, ACK | PSH, seq=1001, ack=5001, size=100)  # retransmission
    lab.tcp(port, ACK, True, seq=4000, ack=1101)            # old
    lab.settle()
    counted = run("nft list chain ip t f").split("packets ")[1].split()
    message = lab.find(port)
    equal("packets", message.flow.orig.packets + message.flow.reply.packets,
          5 + int(counted[0]))


def test_icmp_errors_count_for_the_direction_they_travel(lab: Lab) -> None:
    for six in (False, True):
        client, server = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
        port = lab.port()
        sent = lab.udp(port, six=six)
        error = packets.unreachable(server, client, sent)
        lab.s.send(error)
        lab.s.send(error)
        message = lab.find(port)
        equal("orig", wire(message.flow.orig), (1, len(sent)))
        equal("reply", wire(message.flow.reply), (2, 2 * len(error)))
        equal("errors", message.flow.reply.icmp_errors, 2)
        equal("no packet of its own", (message.flow.reply.first,
                                       message.flow.reply.ttl_min),
              (None, None))
        equal("stock", stock(message, True), (0, 0))

        answer = lab.udp(port, reply=True, size=10, six=six)
        error = packets.unreachable(client, server, answer)
        lab.c.send(error)
        flow = lab.flow(port)
        equal("orig", wire(flow.orig), (2, len(sent) + len(error)))
        equal("orig errors", flow.orig.icmp_errors, 1)
        equal("orig len", flow.orig.len_max, len(sent))
        equal("reply errors", flow.reply.icmp_errors, 2)
        equal("reply packets", flow.reply.packets, 3)
        equal("flags", flow.orig.flags | flow.reply.flags, 0)


def test_icmp_errors_that_this_host_sends(lab: Lab) -> None:
    sysctl("/proc/sys/net/ipv6/icmp/ratelimit", 0)
    for six, header in ((False, 28), (True, 48)):
        port = lab.port()
        lab.udp(port, six=six)
        answer = lab.udp(port, six=six, reply=True)
        expires = lab.udp(port, six=six, ttl=1)
        flow = lab.flow(port)
        equal("orig", wire(flow.orig), (2, 2 * len(expires)))
        equal("reply", wire(flow.reply),
              (2, len(answer) + header + len(expires)))
        equal("errors", (flow.orig.icmp_errors, flow.reply.icmp_errors),
              (0, 1))
        equal("ttl", (flow.reply.ttl_min, flow.reply.ttl_max), (64, 64))
        equal("flags", flow.orig.flags | flow.reply.flags, 0)


def test_resets_that_this_host_sends(lab: Lab) -> None:
    """The ruleset rejects a segment in the name of the other end."""
    for six in (False, True):
        lab.rules("")
        client, server = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
        port = lab.port()
        sniffer = Sniffer("c", "c0")
        lab.c.send(packets.tcp(client, server, port, 80, SYN, 1000))
        lab.s.send(packets.tcp(server, client, 80, port, SYN | ACK, 5000,
                               1001, ttl=9))
        lab.c.send(packets.tcp(client, server, port, 80, ACK, 1001, 5001))
        lab.settle()
        lab.rules("table inet t { chain f { type filter hook forward priority"
                  " 1; tcp dport 80 reject with tcp reset; }; }")
        lab.c.send(packets.tcp(client, server, port, 80, ACK | PSH, 1001,
                               5001, size=10))
        flow = lab.flow(port)
        truth = sniffer.totals(port)
        equal("orig", wire(flow.orig), truth[True])
        equal("reply", wire(flow.reply), truth[False])
        equal("packets", (flow.orig.packets, flow.reply.packets), (3, 2))
        equal("TCP flags", (flow.orig.tcp_flags, flow.reply.tcp_flags),
              (SYN | ACK | PSH, SYN | ACK | RST))
        equal("from here", (flow.reply.flags, flow.reply.ttl_max),
              (ctnl.IIF_CHANGED, 64))
        equal("oif", flow.reply.oif, ifindex("r1"))


def bulk(lab: Lab, six: bool, sniffer: Sniffer, octets: int) -> None:
    port = lab.transfer(octets, six)
    truth = sniffer.totals(port)
    message = lab.find(port)
    print(f"        wire {truth[False]} {truth[True]}, stock "
          f"{stock(message)} {stock(message, True)}", flush=True)
    equal("wire", wire(message.flow.orig), truth[False])
    equal("wire reply", wire(message.flow.reply), truth[True])
    if message.packets[0] >= truth[False][0]:
        raise Failure("nothing was aggregated: this proves nothing")
    equal("longest", message.flow.orig.len_max, 1500)


def test_tso(lab: Lab) -> None:
    """Super-packets through the router, segments on the last link."""
    lab.offload(None, "r2", "tso off gso off sg off")
    try:
        for six in (False, True):
            bulk(lab, six, Sniffer("s", "s0"), 5_000_000)
    finally:
        lab.offload(None, "r2", "sg on tso on gso on")


def test_gro(lab: Lab) -> None:
    """Segments on the first link, put together by the router."""
    lab.offload("c", "c0", "tso off gso off sg off")
    lab.offload(None, "r1", "gro on")
    lab.offload(None, "r2", "tso off gso off sg off")
    try:
        for six in (False, True):
            bulk(lab, six, Sniffer("s", "s0"), 2_000_000)
    finally:
        lab.offload("c", "c0", "sg on tso on gso on")
        lab.offload(None, "r1", "gro off")
        lab.offload(None, "r2", "sg on tso on gso on")


def test_without_aggregation_both_agree(lab: Lab) -> None:
    lab.offload("c", "c0", "tso off gso off sg off")
    try:
        sniffer = Sniffer("s", "s0")
        port = lab.transfer(1_000_000)
        truth = sniffer.totals(port)
        message = lab.find(port)
        equal("wire", wire(message.flow.orig), truth[False])
        equal("stock", stock(message), truth[False])
    finally:
        lab.offload("c", "c0", "sg on tso on gso on")


def test_udp_segmentation(lab: Lab) -> None:
    port = lab.port()
    with namespace("c"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(17, 103, struct.pack("=i", 1000))     # UDP_SEGMENT
    sender.bind(("10.0.1.2", port))
    sender.sendto(bytes(20_300), (SERVER, 53))
    sender.close()
    message = lab.find(port)
    equal("wire", wire(message.flow.orig), (21, 20_300 + 21 * 28))
    equal("stock", stock(message), (1, 20_328))
    equal("lengths", (message.flow.orig.len_min, message.flow.orig.len_max),
          (328, 1028))


def test_zeroing_the_stock_counters_does_not_go_back(lab: Lab) -> None:
    port = lab.port()
    lab.tcp(port, SYN, seq=1000)
    lab.tcp(port, SYN, seq=1000)
    lab.find(port, ctnl.MSG_GET_CTRZERO)
    equal("stock", stock(lab.find(port)), (0, 0))
    equal("wire", wire(lab.flow(port).orig), (2, 80))
    lab.tcp(port, SYN | ACK, True, seq=5000, ack=1001)
    lab.tcp(port, ACK, seq=1001, ack=5001)
    message = lab.find(port)
    equal("stock", stock(message), (1, 40))
    equal("wire", wire(message.flow.orig), (3, 120))


def test_without_accounting(lab: Lab) -> None:
    sysctl("nf_conntrack_acct", 0)
    port = lab.port()
    lab.tcp(port, SYN, seq=1000)
    lab.tcp(port, SYN, seq=1000)
    lab.tcp(port, SYN | ACK, True, seq=5000, ack=1001)
    lab.tcp(port, ACK, seq=1001, ack=5001)
    message = lab.find(port)
    equal("stock", stock(message), (None, None))
    equal("wire", wire(message.flow.orig), (3, 120))
    equal("wire reply", wire(message.flow.reply), (1, 40))


def test_fragments_count_once(lab: Lab) -> None:
    """Documented: conntrack sees the datagram, not its fragments."""
    port = lab.port()
    with namespace("c"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("10.0.1.2", port))
    sender.sendto(bytes(4000), (HOST_SERVER, 53))
    sender.close()
    message = lab.find(port)
    equal("wire", wire(message.flow.orig), (1, 4028))
    equal("stock", stock(message), (1, 4028))
