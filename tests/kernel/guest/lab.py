# SPDX-License-Identifier: GPL-2.0-or-later
"""The network inside the guest, and what tests need to use it.

    netns c  c0 ---- r1  guest  r2 ---- s0  netns s
    10.0.1.2            (router)            10.0.2.2
    10.0.1.100 and 10.0.2.100 (fd01::100, fd02::100) belong to nobody: packets
    for them reach c0 or s0, where no stack answers. Tests that build packets
    by hand use these, so that nothing is sent but what they send.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator

import ctnl
import origin
import packets
from origin import SYSCTL, Listening, patched

CLIENT, SERVER = "10.0.1.100", "10.0.2.100"
CLIENT6, SERVER6 = "fd01::100", "fd02::100"
HOST_CLIENT, HOST_SERVER = "10.0.1.2", "10.0.2.2"
MAC = {name: f"02:00:00:00:00:{number:02x}" for number, name in
       enumerate(("c0", "r1", "s0", "r2", "t0", "r3"), 1)}
EMULATED = "ctflowd_modules=" in open("/proc/cmdline", encoding="ascii").read()
# CONFIG_HZ=100 in the guest, and a little; what an emulator needs to get from
# one process to the next.
TICK = 0.05 if EMULATED else 0.011

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Not what it should be."""


class Skip(Exception):
    """The guest cannot do what the test needs."""


def run(command: str, *, check: bool = True, feed: str | None = None) -> str:
    result = subprocess.run(command, shell=True, text=True, input=feed,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and result.returncode:
        raise Failure(f"{command}: {result.stdout.strip()}")
    return result.stdout


def sysctl(name: str, value: object = None) -> str:
    path = name if name.startswith("/") else SYSCTL + name
    with open(path, "r+" if value is not None else "r") as file:
        if value is not None:
            file.write(str(value))
            return ""
        return file.read().strip()


@contextlib.contextmanager
def namespace(name: str) -> Iterator[None]:
    """Sockets opened inside belong to the namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if _libc.setns(there, 0):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        if _libc.setns(home, 0):
            raise OSError(ctypes.get_errno(), "setns back")
        os.close(home)
        os.close(there)


def ifindex(name: str) -> int:
    return socket.if_nametoindex(name)


class Sniffer:
    """What passes one end of a link, packet by packet: the truth."""

    def __init__(self, ns: str, device: str) -> None:
        with namespace(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                        0)
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)
            self.socket.bind((device, 3))       # ETH_P_ALL

    def totals(self, port: int) -> dict[bool, tuple[int, int]]:
        """Packets and octets to (False) and from (True) the server."""
        counts = {False: [0, 0], True: [0, 0]}
        self.socket.setblocking(False)
        while True:
            try:
                packet = self.socket.recv(200, socket.MSG_TRUNC)
            except BlockingIOError:
                break
            if packet[0] >> 4 == 4:
                proto, header = packet[9], (packet[0] & 15) * 4
                length = int.from_bytes(packet[2:4], "big")
            elif packet[0] >> 4 == 6:
                proto, header = packet[6], 40
                length = 40 + int.from_bytes(packet[4:6], "big")
            else:
                continue
            sport, dport = struct.unpack_from("!HH", packet, header)
            if proto not in (6, 17) or port not in (sport, dport):
                continue
            if length > 1500:
                raise Failure(f"aggregated packet of {length} on the wire")
            counts[sport == port][0] += 1
            counts[sport == port][1] += length
        self.socket.close()
        return {way: (n, octets) for way, (n, octets) in counts.items()}


class Wire:
    """Sends IP packets into one end of a link, as if from that host."""

    def __init__(self, ns: str, device: str, peer: str) -> None:
        self.header = bytes.fromhex((MAC[peer] + MAC[device]).replace(":", ""))
        self.sent = 0
        with namespace(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind((device, 0))

    def send(self, packet: bytes, padding: int = 0) -> None:
        kind = 0x86dd if packet[0] >> 4 == 6 else 0x0800
        self.socket.send(self.header + struct.pack("!H", kind) + packet
                         + b"\x55" * padding)
        self.sent += 1
        if self.sent % 100 == 0:
            time.sleep(0.002)       # the receiver's queue is limited


class Lab:
    def __init__(self) -> None:
        self.build()
        self.c = Wire("c", "c0", "r1")
        self.s = Wire("s", "s0", "r2")
        self.next_port = 20000
        self.origin = origin.chosen()

    # --- construction

    def build(self) -> None:
        run("ip link set lo up")
        for ns, inner, outer, net in (("c", "c0", "r1", 1),
                                      ("s", "s0", "r2", 2)):
            run(f"""set -e
            ip netns add {ns}
            ip link add {outer} address {MAC[outer]} type veth \
               peer name {inner} address {MAC[inner]} netns {ns}
            ip addr add 10.0.{net}.1/24 dev {outer}
            ip addr add fd0{net}::1/64 dev {outer} nodad
            ip link set {outer} up
            ip -n {ns} addr add 10.0.{net}.2/24 dev {inner}
            ip -n {ns} addr add fd0{net}::2/64 dev {inner} nodad
            ip -n {ns} link set {inner} up
            ip -n {ns} link set lo up
            ip -n {ns} route add default via 10.0.{net}.1
            ip -n {ns} -6 route add default via fd0{net}::1
            """)
            for address in (f"10.0.{net}.1", f"fd0{net}::1"):
                run(f"ip -n {ns} neigh replace {address} "
                    f"lladdr {MAC[outer]} dev {inner} nud permanent")
        self.neighbours()
        sysctl("/proc/sys/net/ipv4/ip_forward", 1)
        sysctl("/proc/sys/net/ipv6/conf/all/forwarding", 1)
        sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", 0)
        sysctl("/proc/sys/net/ipv4/conf/default/rp_filter", 0)
        sysctl("/proc/sys/net/ipv4/icmp_ratelimit", 0)
        self.rules("")

    def neighbours(self) -> None:
        """Those of the router, which forgets them with its addresses.

        Otherwise it would report the hosts that do not answer as unreachable.
        """
        for net, outer, inner in ((1, "r1", "c0"), (2, "r2", "s0")):
            for host in ("2", "100"):
                for address in (f"10.0.{net}.{host}", f"fd0{net}::{host}"):
                    run(f"ip neigh replace {address} lladdr {MAC[inner]} "
                        f"dev {outer} nud permanent")

    def rules(self, extra: str) -> None:
        """The router's rules: tracking on, and what the test wants."""
        run("nft -f -", feed="""flush ruleset
        table inet lab {
            chain input {
                type filter hook input priority 0
                ct state invalid counter
            }
            chain forward {
                type filter hook forward priority 0
                ct state invalid counter
            }
            chain output {
                type filter hook output priority 0
                ct state invalid counter
            }
        }""")
        if extra:
            run("nft -f -", feed=extra)

    def reset(self) -> None:
        """The state in which every test begins."""
        for name, value in (("acct", 1), ("timestamp", 1), ("events", 1),
                            ("udp_timeout", 30), ("udp_timeout_stream", 120),
                            ("tcp_timeout_time_wait", 120),
                            ("tcp_timeout_close", 10), ("tcp_loose", 1),
                            ("tcp_be_liberal", 0), ("icmp_timeout", 30),
                            ("max", 65536)):
            sysctl("nf_conntrack_" + name, value)
        self.rules("")
        run("conntrack -F", check=False)
        self.active_timeout(0)
        self.measure(True)
        self.next_port += 100

    # --- settings

    def measure(self, on: bool) -> None:
        self.origin.measure(on)

    def active_timeout(self, seconds: int) -> None:
        self.origin.active_timeout(seconds)

    def port(self) -> int:
        self.next_port += 1
        return self.next_port

    # --- traffic with known contents

    def udp(self, port: int, size: int = 100, reply: bool = False,
            six: bool = False, **fields: int) -> bytes:
        """One UDP packet between the two hosts that do not answer."""
        client, server = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
        if reply:
            packet = packets.udp(server, client, 53, port, size, **fields)
            self.s.send(packet)
        else:
            packet = packets.udp(client, server, port, 53, size, **fields)
            self.c.send(packet)
        return packet

    def tcp(self, port: int, flags: int, reply: bool = False, seq: int = 0,
            ack: int = 0, **fields: int) -> bytes:
        if reply:
            packet = packets.tcp(SERVER, CLIENT, 80, port, flags, seq, ack,
                                 **fields)
            self.s.send(packet)
        else:
            packet = packets.tcp(CLIENT, SERVER, port, 80, flags, seq, ack,
                                 **fields)
            self.c.send(packet)
        return packet

    def handshake(self, port: int) -> None:
        p = packets
        self.tcp(port, p.SYN, seq=1000)
        self.tcp(port, p.SYN | p.ACK, True, seq=5000, ack=1001)
        self.tcp(port, p.ACK, seq=1001, ack=5001)

    def fins(self, port: int) -> None:
        p = packets
        self.tcp(port, p.FIN | p.ACK, seq=1001, ack=5001)
        self.tcp(port, p.FIN | p.ACK, True, seq=5001, ack=1002)
        self.tcp(port, p.ACK, seq=1002, ack=5002)

    # --- traffic of real stacks

    def offload(self, ns: str | None, device: str, setting: str) -> None:
        run(f"{f'ip netns exec {ns} ' if ns else ''}"
            f"ethtool -K {device} {setting}")

    def transfer(self, octets: int, six: bool = False) -> int:
        """One TCP connection from netns c to netns s; returns its port."""
        port = self.port()
        family = socket.AF_INET6 if six else socket.AF_INET
        with namespace("s"):
            listening = socket.socket(family, socket.SOCK_STREAM)
        listening.bind(("fd02::2" if six else HOST_SERVER, port))
        listening.listen()
        with namespace("c"):
            sender = socket.socket(family, socket.SOCK_STREAM)
        sender.settimeout(10)
        sender.connect(("fd02::2" if six else HOST_SERVER, port))
        receiver, _ = listening.accept()
        listening.close()
        sender.setblocking(False)
        receiver.setblocking(False)
        left, unread, block = octets, octets, bytes(1 << 16)
        while unread:
            readable, writable, _ = select.select(
                [receiver], [sender] if left else [], [], 10)
            if not readable and not writable:
                raise Failure("the transfer stalls")
            if writable:
                left -= sender.send(block[:min(left, len(block))])
            if readable:
                unread -= len(receiver.recv(1 << 18))
        sender.close()
        time.sleep(0.1)
        receiver.close()
        time.sleep(0.2)
        return port

    # --- looking

    def listen(self, *groups: int, buffer: int = 8 << 20) -> Listening:
        """Ends, reports: groups of ctnetlink, whatever the origin."""
        return self.origin.listen(*groups, buffer=buffer)

    def dump(self, kind: int = ctnl.MSG_GET) -> list[ctnl.Message]:
        return self.origin.dump(kind)

    def find(self, port: int, kind: int = ctnl.MSG_GET) -> ctnl.Message:
        """The connection with this client port, from a dump."""
        self.settle()
        for message in self.dump(kind):
            if port in (message.orig.sport, message.orig.dport):
                return message
        raise Failure(f"no connection with port {port}")

    def flow(self, port: int) -> ctnl.Flow:
        flow = self.find(port).flow
        if flow is None:
            raise Failure("nothing measured")
        return flow

    def settle(self) -> None:
        """Until the guest's only CPU has handled what was sent."""
        time.sleep(0.15 if EMULATED else 0.03)

    def expire(self) -> None:
        """Let the kernel look for expired entries now."""
        if patched():
            self.measure(True)          # any write starts a sweep
        else:
            run("conntrack -L")         # removes what it finds expired


@contextlib.contextmanager
def third_link() -> Iterator[Wire]:
    """netns t  t0 ---- r3, 10.0.3.0/24 and fd03::/64; yields the end t0."""
    run(f"""set -e
    ip netns add t
    ip link add r3 address {MAC['r3']} type veth peer name t0 \
       address {MAC['t0']} netns t
    ip addr add 10.0.3.1/24 dev r3
    ip addr add fd03::1/64 dev r3 nodad
    ip link set r3 up
    ip -n t link set t0 up
    ip neigh replace 10.0.3.2 lladdr {MAC['t0']} dev r3 nud permanent
    ip neigh replace fd03::2 lladdr {MAC['t0']} dev r3 nud permanent
    """)
    try:
        yield Wire("t", "t0", "r3")
    finally:
        run("ip link del r3; ip netns del t", check=False)


def of_port(port: int) -> Callable[[ctnl.Message], bool]:
    return lambda m: port in (m.orig.sport, m.orig.dport)


def destroyed(port: int) -> Callable[[ctnl.Message], bool]:
    return lambda m: m.kind == ctnl.MSG_DELETE and of_port(port)(m)


def reported(port: int) -> Callable[[ctnl.Message], bool]:
    return lambda m: m.is_report and of_port(port)(m)


def because(lab: Lab, event: ctnl.Message, reason: str,
            what: str = "reason") -> None:
    """Why it ended, where the origin knows that."""
    if lab.origin.knows_reasons:
        equal(what, event.flow.reason, reason)


def equal(what: str, got: object, want: object) -> None:
    if got != want:
        raise Failure(f"{what}: got {got}, want {want}")


def near(what: str, got: float | None, want: float, slack: float) -> None:
    if got is None or abs(got - want) > slack:
        raise Failure(f"{what}: got {got}, want {want} +- {slack}")


def between(what: str, got: float | None, low: float, high: float) -> None:
    if got is None or not low <= got <= high:
        raise Failure(f"{what}: got {got}, want {low} to {high}")


def lab_main(body: Callable[[Lab], None]) -> None:
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    body(Lab())
