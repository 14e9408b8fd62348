# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP control bits, type of service, TTL, packet length."""

import ctnl
from lab import TICK, Lab, between, destroyed, equal
from packets import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG


def test_tcp_flags_of_a_whole_connection(lab: Lab) -> None:
    port = lab.port()
    lab.tcp(port, SYN | ECE | CWR | AE, seq=1000)
    equal("SYN only", lab.flow(port).orig.tcp_flags, SYN | ECE | CWR | AE)
    lab.tcp(port, SYN | ACK | ECE, True, seq=5000, ack=1001)
    equal("SYN ACK", lab.flow(port).reply.tcp_flags, SYN | ACK | ECE)
    lab.tcp(port, ACK, seq=1001, ack=5001)
    lab.tcp(port, ACK | PSH, seq=1001, ack=5001, size=10)
    lab.tcp(port, ACK | URG, True, seq=5001, ack=1011, size=10)
    lab.tcp(port, FIN | ACK, seq=1011, ack=5011)
    flow = lab.flow(port)
    equal("orig", flow.orig.tcp_flags,
          SYN | ECE | CWR | AE | ACK | PSH | FIN)
    equal("reply", flow.reply.tcp_flags, SYN | ACK | ECE | URG)


def test_reserved_bits(lab: Lab) -> None:
    port = lab.port()
    lab.tcp(port, SYN | 0xe00, seq=1000)
    equal("flags", lab.flow(port).orig.tcp_flags, SYN | 0xe00)


def test_flags_of_segments_that_are_let_pass_early(lab: Lab) -> None:
    port = lab.port()
    lab.tcp(port, SYN, seq=1000)
    lab.tcp(port, SYN | ECE | CWR, seq=1000)    # retransmission
    equal("retransmission", lab.flow(port).orig.tcp_flags, SYN | ECE | CWR)
    port = lab.port()
    lab.handshake(port)
    lab.tcp(port, SYN | URG, seq=900000)        # ignored in ESTABLISHED
    equal("ignored", lab.flow(port).orig.tcp_flags, SYN | ACK | URG)
    equal("state", lab.find(port).tcp_state, 3)


def test_flags_of_the_rst_that_kills(lab: Lab) -> None:
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        lab.tcp(port, SYN, seq=1000, ttl=63)
        lab.tcp(port, RST | ACK, True, seq=0, ack=1001, ttl=50)
        event = listener.wait(destroyed(port))
    equal("orig", event.flow.orig.tcp_flags, SYN)
    equal("reply", event.flow.reply.tcp_flags, RST | ACK)
    equal("reply ttl", event.flow.reply.ttl_min, 50)
    equal("reply wire", (event.flow.reply.packets, event.flow.reply.octets),
          (1, 40))


def test_not_tcp_has_no_flags(lab: Lab) -> None:
    port = lab.port()
    lab.udp(port)
    equal("flags", lab.flow(port).orig.tcp_flags, None)


def test_tos_is_that_of_the_first_packet(lab: Lab) -> None:
    for six in (False, True):
        port = lab.port()
        lab.udp(port, tos=0xb8, six=six)
        lab.udp(port, tos=0x28, reply=True, six=six)
        flow = lab.flow(port)
        equal("orig", (flow.orig.tos, flow.orig.flags), (0xb8, 0))
        equal("reply", (flow.reply.tos, flow.reply.flags), (0x28, 0))
        lab.udp(port, tos=0xb9, six=six)
        equal("ECN", lab.flow(port).orig.flags, ctnl.ECN_CHANGED)
        lab.udp(port, tos=0x10, six=six)
        flow = lab.flow(port)
        equal("DSCP", flow.orig.flags, ctnl.ECN_CHANGED | ctnl.DSCP_CHANGED)
        equal("first", flow.orig.tos, 0xb8)
        equal("reply untouched", flow.reply.flags, 0)


def test_zero_tos_is_told(lab: Lab) -> None:
    port = lab.port()
    lab.udp(port)
    equal("tos", lab.flow(port).orig.tos, 0)


def test_ttl_as_received(lab: Lab) -> None:
    for six in (False, True):
        port = lab.port()
        for ttl in (64, 33, 200, 64):
            lab.udp(port, ttl=ttl, six=six)
        lab.udp(port, ttl=255, reply=True, six=six)
        flow = lab.flow(port)
        equal("orig", (flow.orig.ttl_min, flow.orig.ttl_max), (33, 200))
        equal("reply", (flow.reply.ttl_min, flow.reply.ttl_max), (255, 255))


def test_length_includes_the_ip_header(lab: Lab) -> None:
    for six, header in ((False, 28), (True, 48)):
        port = lab.port()
        for size in (500, 0, 1400, 100):
            lab.udp(port, size=size, six=six)
        lab.udp(port, size=7, reply=True, six=six)
        flow = lab.flow(port)
        equal("orig", (flow.orig.len_min, flow.orig.len_max),
              (header, header + 1400))
        equal("reply", (flow.reply.len_min, flow.reply.len_max),
              (header + 7, header + 7))


def test_invalid_segments_are_not_of_the_connection(lab: Lab) -> None:
    port = lab.port()
    lab.handshake(port)
    before = lab.flow(port)
    lab.tcp(port, ACK | PSH, seq=900000000, ack=5001, size=999, ttl=9,
            tos=0xff)
    after = lab.flow(port)
    between("last", after.orig.last - before.orig.last,
            -TICK * 1e9, TICK * 1e9)
    after.orig.last = before.orig.last
    equal("flow", after.orig, before.orig)
