# SPDX-License-Identifier: GPL-2.0-or-later
"""Bridges and multicast: where a packet may pass the stack's hooks twice."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import packets
from lab import (CLIENT, CLIENT6, MAC, SERVER, SERVER6, Lab, equal, ifindex,
                 run, sysctl)

ORIGINS = ("ebpf", "netfilter")
BRIDGE_HOOKS = "/proc/sys/net/bridge/bridge-nf-call-ip"
GROUP = "239.1.2.3"


@contextlib.contextmanager
def bridge(lab: Lab, *ports: str) -> Iterator[None]:
    """Of these links of the router, with the addresses of the first."""
    run(f"set -e; ip link add br0 address {MAC[ports[0]]} type bridge; "
        + "".join(f"ip link set {port} master br0; " for port in ports)
        + "ip link set br0 up")
    try:
        yield
    finally:
        run("ip link del br0")
        lab.neighbours()


def call_hooks(on: bool) -> None:
    """Packets from port to port pass the hooks of IP (br_netfilter)."""
    for kind in ("tables", "6tables"):
        sysctl(BRIDGE_HOOKS + kind, int(on))


def check_routed(lab: Lab) -> None:
    for six, header in ((False, 28), (True, 48)):
        host = CLIENT6 if six else CLIENT
        run(f"ip route add {host} dev br0; ip neigh replace {host} "
            f"lladdr {MAC['c0']} dev br0 nud permanent")
        port = lab.port()
        for size in (10, 20):
            lab.udp(port, size, six=six)
        lab.udp(port, 30, six=six, reply=True)
        flow = lab.flow(port)
        equal("wire", (flow.orig.packets, flow.orig.octets,
                       flow.reply.packets, flow.reply.octets),
              (2, 2 * header + 30, 1, header + 30))
        equal("interfaces", (flow.orig.iif, flow.orig.oif, flow.reply.iif,
                             flow.reply.oif),
              (ifindex("br0"), ifindex("r2"), ifindex("r2"), ifindex("br0")))
        equal("changes", (flow.orig.flags, flow.reply.flags), (0, 0))
        equal("ttl", (flow.orig.ttl_min, flow.orig.ttl_max), (64, 64))


def test_routed_from_a_bridge(lab: Lab) -> None:
    """Once with the hooks of IP for what the bridge forwards, once without."""
    for hooks in (False, True):
        call_hooks(hooks)
        try:
            with bridge(lab, "r1"):
                check_routed(lab)
        finally:
            call_hooks(False)


def test_bridged_packets_count_once(lab: Lab) -> None:
    call_hooks(True)
    try:
        with bridge(lab, "r1", "r2"):
            for six, header in ((False, 28), (True, 48)):
                client, server = (CLIENT6, SERVER6) if six \
                    else (CLIENT, SERVER)
                port = lab.port()
                frame = bytes.fromhex((MAC["s0"] + MAC["c0"]).replace(":", ""))
                kind = b"\x86\xdd" if six else b"\x08\x00"
                for size in (10, 20):
                    lab.c.socket.send(frame + kind + packets.udp(
                        client, server, port, 53, size))
                frame = frame[6:] + frame[:6]
                lab.s.socket.send(frame + kind + packets.udp(
                    server, client, 53, port, 30))
                flow = lab.flow(port)
                equal("wire", (flow.orig.packets, flow.orig.octets,
                               flow.reply.packets, flow.reply.octets),
                      (2, 2 * header + 30, 1, header + 30))
                equal("ttl", (flow.orig.ttl_min, flow.orig.ttl_max), (64, 64))
                equal("the same ways", (flow.orig.flags, flow.reply.flags),
                      (0, 0))
    finally:
        call_hooks(False)


def join(here: socket.socket, device: str) -> None:
    here.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("=4s4si", socket.inet_aton(GROUP), bytes(4),
                                ifindex(device)))


def test_multicast_to_this_host(lab: Lab) -> None:
    port = lab.port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind((GROUP, port))
        join(here, "r1")
        here.settimeout(2)
        frame = bytes.fromhex("01005e010203" + MAC["c0"].replace(":", ""))
        for _ in range(2):
            lab.c.socket.send(frame + b"\x08\x00" + packets.udp(
                CLIENT, GROUP, 5353, port, 10))
            here.recvfrom(100)
    flow = lab.flow(port)
    equal("wire", (flow.orig.packets, flow.orig.octets), (2, 76))
    equal("interfaces", (flow.orig.iif, flow.orig.oif, flow.orig.flags),
          (ifindex("r1"), 0, 0))


def test_multicast_that_comes_back(lab: Lab) -> None:
    """This host sends to a group that it is a member of."""
    port = lab.port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("", port))
        join(here, "r2")
        here.settimeout(2)
        here.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                        socket.inet_aton("10.0.2.1"))
        for _ in range(3):
            here.sendto(bytes(10), (GROUP, port))
            here.recvfrom(100)
    flow = lab.flow(port)
    equal("wire", (flow.orig.packets, flow.orig.octets), (3, 114))
    equal("interfaces", (flow.orig.iif, flow.orig.oif, flow.orig.flags),
          (0, ifindex("r2"), 0))
