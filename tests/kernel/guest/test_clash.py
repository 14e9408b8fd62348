# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that open a connection together, and overtake each other.

Held in a queue, each gets an entry of its own; only one of these is kept.
"""

import time

import ctnl
import packets
from lab import (CLIENT, SERVER, TICK, Lab, equal, ifindex, near, sysctl,
                 third_link)
from nfqueue import first_packets_wait


def test_both_are_counted(lab: Lab) -> None:
    with first_packets_wait(lab) as queue:
        port = lab.port()
        lab.udp(port, size=10, tos=0x20, ttl=40)
        lab.udp(port, size=500, tos=0x40, ttl=90)
        for packet in queue.take(2):
            queue.accept(packet)
        flow = lab.flow(port)
    equal("wire", (flow.orig.packets, flow.orig.octets), (2, 566))
    equal("len", (flow.orig.len_min, flow.orig.len_max), (38, 528))
    equal("ttl", (flow.orig.ttl_min, flow.orig.ttl_max), (40, 90))
    equal("tos", (flow.orig.tos, flow.orig.flags),
          (0x20, ctnl.DSCP_CHANGED))


def test_the_first_packet_arrives_last(lab: Lab) -> None:
    """FIRST is that of the packet that waited, and LAST does not go back."""
    for six, header in ((False, 28), (True, 48)):
        with first_packets_wait(lab) as queue:
            port = lab.port()
            begin = time.time()
            lab.udp(port, six=six, size=10, tos=0x20, ttl=40)
            waits = queue.take(1)[0]
            time.sleep(0.6)
            lab.udp(port, six=six, size=500, tos=0x40, ttl=90)
            queue.accept(queue.take(1)[0])
            near("overtaken", lab.flow(port).orig.first / 1e9, begin + 0.6,
                 0.2)
            time.sleep(0.6)
            end = time.time()
            lab.udp(port, six=six, size=30, ttl=50)
            queue.accept(queue.take(1)[0])
            before = lab.flow(port).orig
            queue.accept(waits)
            after = lab.flow(port).orig
        near("first", after.first / 1e9, begin, 2 * TICK)
        near("last before", before.last / 1e9, end, 2 * TICK)
        near("last", after.last / 1e9, end, 2 * TICK)
        equal("wire", (after.packets, after.octets), (3, 3 * header + 540))
        equal("ttl", (after.ttl_min, after.ttl_max), (40, 90))
        equal("tos", (after.tos, after.flags), (0x20, ctnl.DSCP_CHANGED))


def test_interfaces_are_those_of_the_first_packet(lab: Lab) -> None:
    with third_link() as third, first_packets_wait(lab) as queue:
        port = lab.port()
        lab.udp(port, size=10)
        waits = queue.take(1)[0]
        time.sleep(0.1)
        third.send(packets.udp(CLIENT, SERVER, port, 53, 10))
        queue.accept(queue.take(1)[0])
        equal("overtaken", lab.flow(port).orig.iif, ifindex("r3"))
        queue.accept(waits)
        flow = lab.flow(port)
        equal("iif", (flow.orig.iif, flow.orig.flags),
              (ifindex("r1"), ctnl.IIF_CHANGED))


def check_both_ends(lab: Lab, six: bool) -> None:
    header = 48 if six else 28
    for order in ((0, 1), (1, 0)):
        with first_packets_wait(lab) as queue:
            port = lab.port()
            sent = []
            for reply in (False, True):
                sent.append(time.time())
                lab.udp(port, six=six, reply=reply, size=500 if reply else 10,
                        tos=0x40 if reply else 0x20, ttl=90 if reply else 40)
                time.sleep(0.3)
            waiting = queue.take(2)
            for number in order:
                queue.accept(waiting[number])
            message = lab.find(port)
            flow = message.flow
        equal("who was first to get there", message.orig.sport == port,
              order[0] == 0)
        client, server = flow.orig, flow.reply
        if order[0]:
            client, server = server, client
        equal("wire", (client.packets, client.octets, server.packets,
                       server.octets), (1, header + 10, 1, header + 500))
        equal("len", (client.len_max, server.len_min),
              (header + 10, header + 500))
        equal("hop", (client.tos, client.ttl_max, server.tos,
                      server.ttl_min), (0x20, 40, 0x40, 90))
        equal("flags", (client.flags, server.flags), (0, 0))
        equal("interfaces", (client.iif, client.oif, server.iif, server.oif),
              (ifindex("r1"), ifindex("r2"), ifindex("r2"), ifindex("r1")))
        for direction, at in zip((client, server), sent):
            near("first", direction.first / 1e9, at, 2 * TICK)
            near("last", direction.last / 1e9, at, 2 * TICK)

        # From here on it is a connection like others.
        lab.udp(port, six=six, size=1)
        lab.udp(port, six=six, size=2, reply=True)
        flow = lab.flow(port)
        equal("later", sorted((d.packets, d.octets)
                              for d in (flow.orig, flow.reply)),
              [(2, 2 * header + 11), (2, 2 * header + 502)])


def test_both_ends_send_first(lab: Lab) -> None:
    """RTP, IKE, WireGuard, NTP: same pair of ports, nobody waits."""
    for six in (False, True):
        check_both_ends(lab, six)


def test_both_ends_send_first_without_accounting(lab: Lab) -> None:
    sysctl("nf_conntrack_acct", 0)
    check_both_ends(lab, False)
