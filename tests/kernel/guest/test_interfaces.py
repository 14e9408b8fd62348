# SPDX-License-Identifier: GPL-2.0-or-later
"""Ingress and egress interface of each direction."""

import socket

import ctnl
import packets
from lab import (CLIENT, CLIENT6, HOST_CLIENT, SERVER, SERVER6, Lab, equal,
                 ifindex, namespace, run, third_link)


def check(direction: ctnl.Direction, iif: str | None, oif: str | None,
          flags: int = 0) -> None:
    equal("iif", direction.iif, ifindex(iif) if iif else 0)
    equal("oif", direction.oif, ifindex(oif) if oif else 0)
    equal("flags", direction.flags, flags)


def test_forwarded(lab: Lab) -> None:
    for six in (False, True):
        port = lab.port()
        lab.udp(port, six=six)
        lab.udp(port, six=six, reply=True)
        flow = lab.flow(port)
        check(flow.orig, "r1", "r2")
        check(flow.reply, "r2", "r1")


def test_local_in_and_out(lab: Lab) -> None:
    port = lab.port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("0.0.0.0", port))
        here.settimeout(2)
        lab.c.send(packets.udp(CLIENT, "10.0.1.1", 5353, port, 10))
        _, peer = here.recvfrom(100)
        here.sendto(b"answer", peer)
    flow = lab.flow(port)
    check(flow.orig, "r1", None)
    check(flow.reply, None, "r1")

    port = lab.port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("10.0.1.1", port))
        here.sendto(b"question", (CLIENT, 5353))
        lab.c.send(packets.udp(CLIENT, "10.0.1.1", 5353, port, 10))
        here.settimeout(2)
        here.recvfrom(100)
    flow = lab.flow(port)
    check(flow.orig, None, "r1")
    check(flow.reply, "r1", None)


def test_loopback(lab: Lab) -> None:
    port = lab.port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", port))
        here.sendto(b"x", ("127.0.0.1", port))
    check(lab.flow(port).orig, None, "lo")


def test_no_egress_when_dropped(lab: Lab) -> None:
    lab.rules("table ip t { chain f { type filter hook forward priority 1;"
              " udp dport 53 drop; }; }")
    port = lab.port()
    with lab.listen(ctnl.GROUP_NEW, ctnl.GROUP_DESTROY) as listener:
        lab.udp(port)
        # Never confirmed: no entry, no event.
        equal("events", [m for m in listener.drain() if m.orig.sport == port],
              [])
    lab.rules("")
    lab.udp(port)
    lab.rules("table ip t { chain f { type filter hook forward priority 1;"
              " udp sport 53 drop; }; }")
    lab.udp(port, reply=True)
    flow = lab.flow(port)
    check(flow.orig, "r1", "r2")
    equal("reply iif", flow.reply.iif, ifindex("r2"))
    equal("reply oif", flow.reply.oif, None)


def test_changed_route_and_changed_ingress(lab: Lab) -> None:
    with third_link() as third:
        port = lab.port()
        lab.udp(port)
        check(lab.flow(port).orig, "r1", "r2")
        run(f"ip route add {SERVER}/32 via 10.0.3.2 dev r3")
        lab.udp(port)
        check(lab.flow(port).orig, "r1", "r2", ctnl.OIF_CHANGED)
        third.send(packets.udp(CLIENT, SERVER, port, 53, 10))
        check(lab.flow(port).orig, "r1", "r2",
              ctnl.OIF_CHANGED | ctnl.IIF_CHANGED)
        equal("packets", lab.flow(port).orig.packets, 3)


def test_icmp_errors_that_go_elsewhere(lab: Lab) -> None:
    """About a reply to a ping, and behind an extension header."""
    with third_link():
        run(f"""set -e
        ip rule add tos 0x10 lookup 99
        ip -6 rule add tos 0x10 lookup 99
        ip route add {SERVER}/32 via 10.0.3.2 dev r3 table 99
        ip -6 route add {SERVER6}/128 via fd03::2 dev r3 table 99
        """)
        try:
            port = lab.port()
            lab.c.send(packets.echo(CLIENT, SERVER, port))
            answer = packets.echo(SERVER, CLIENT, port, reply=True)
            lab.s.send(answer)
            lab.c.send(packets.unreachable(CLIENT, SERVER, answer, tos=0x10))
            flow = lab.flow(port)
            equal("errors", flow.orig.icmp_errors, 1)
            check(flow.orig, "r1", "r2")

            port = lab.port()
            lab.udp(port, six=True)
            answer = lab.udp(port, six=True, reply=True)
            error = packets.unreachable(CLIENT6, SERVER6, answer, tos=0x10)
            padding = bytes([58, 0, 1, 4, 0, 0, 0, 0])  # destination options
            length = int.from_bytes(error[4:6], "big") + len(padding)
            lab.c.send(error[:4] + length.to_bytes(2, "big") + b"\x3c"
                       + error[7:40] + padding + error[40:])
            flow = lab.flow(port)
            equal("errors", flow.orig.icmp_errors, 1)
            check(flow.orig, "r1", "r2")
        finally:
            run("ip rule del tos 0x10 lookup 99; "
                "ip -6 rule del tos 0x10 lookup 99", check=False)


def test_vlan_is_the_vlan_device(lab: Lab) -> None:
    run("""set -e
    ip link add link r1 name r1.7 type vlan id 7
    ip addr add 10.0.7.1/24 dev r1.7
    ip link set r1.7 up""")
    try:
        port = lab.port()
        packet = packets.udp("10.0.7.9", SERVER, port, 53, 10)
        lab.c.socket.send(lab.c.header + b"\x81\x00\x00\x07\x08\x00" + packet)
        check(lab.flow(port).orig, "r1.7", "r2")
    finally:
        run("ip link del r1.7")


def test_vrf_is_the_port(lab: Lab) -> None:
    run("""set -e
    ip link add blue type vrf table 77
    ip link set blue up
    ip link set r1 master blue
    ip link set r2 master blue
    ip neigh replace 10.0.2.100 lladdr 02:00:00:00:00:03 dev r2 nud permanent
    ip neigh replace 10.0.1.100 lladdr 02:00:00:00:00:01 dev r1 nud permanent
    """)
    try:
        port = lab.port()
        lab.udp(port)
        lab.udp(port, reply=True)
        lab.settle()
        flow = lab.flow(port)
        equal("orig", (flow.orig.iif, flow.orig.oif),
              (ifindex("r1"), ifindex("r2")))
        equal("reply", (flow.reply.iif, flow.reply.oif),
              (ifindex("r2"), ifindex("r1")))
        equal("flags", flow.orig.flags | flow.reply.flags, 0)
        equal("packets", flow.orig.packets, 1)
    finally:
        run("ip link del blue")
        for net, device in ((1, "r1"), (2, "r2")):
            run(f"ip -6 addr add fd0{net}::1/64 dev {device} nodad",
                check=False)
        lab.neighbours()


def test_masquerade(lab: Lab) -> None:
    lab.rules("table ip nat { chain p { type nat hook postrouting priority "
              "100; oifname r2 masquerade; }; }")
    port = lab.port()
    packet = packets.udp(CLIENT, SERVER, port, 53, 100)
    lab.c.send(packet)
    lab.s.send(packets.udp(SERVER, "10.0.2.1", 53, port, 50))
    flow = lab.flow(port)
    check(flow.orig, "r1", "r2")
    check(flow.reply, "r2", "r1")
    equal("reply octets", flow.reply.octets, 78)


def test_host_sockets_across(lab: Lab) -> None:
    port = lab.port()
    with namespace("c"):
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind((HOST_CLIENT, port))
    here.sendto(b"x", (SERVER, 53))
    here.close()
    check(lab.flow(port).orig, "r1", "r2")
