# SPDX-License-Identifier: GPL-2.0-or-later
"""Who used how much by the packets alone: dumpcap at the router's interfaces, in a network whose
addresses, translations and marks are all written down here. conntrack is not asked.

    client .2, third .3 ---- lan  10.10.0.0/24  2001:db8:1::/64   \\         / wan  203.0.113.0/24 ---- server
    second .2 -------------- lan2 10.20.0.0/24  fd00:20::/64 (NAT66) router    wan2 198.51.100.0/24 -- peer
"""

import collections
import dataclasses
import functools
import ipaddress
import json
import re
import signal
import socket
import struct
import subprocess

from lab import (CLIENT4, CLIENT6, LAN4, LAN6, ROUTER, SERVER4, SERVER6, WAN4, WAN6, Lab, Namespace,
                 wait_until)

THIRD4, SECOND4, SECOND6, PEER4 = "10.10.0.3", "10.20.0.2", "fd00:20::2", "198.51.100.2"
LAN2_4, LAN2_6, WAN2_4 = "10.20.0.1", "fd00:20::1", "198.51.100.1"
OWN4, OWN6 = "203.0.113.9", "2001:db8:2::9"  # of the router's own traffic; that of others gets WAN4, WAN6
ROUTER_ADDRESSES = {LAN4, LAN6, LAN2_4, LAN2_6, WAN4, WAN6, WAN2_4, OWN4, OWN6, ROUTER}
INTERFACES = {"lan": ("10.10.0.0/24", "2001:db8:1::/64"), "lan2": ("10.20.0.0/24", "fd00:20::/64"),
              "wan": ("203.0.113.0/24", "2001:db8:2::/64"), "wan2": ("198.51.100.0/24",)}
INSIDE = INTERFACES["lan"] + INTERFACES["lan2"]
NETWORKS = {"office": INTERFACES["lan"], "plant": INTERFACES["lan2"], "uplink": INTERFACES["wan"],
            "servers": ("203.0.113.2/32",)}
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
# What asks for a public address and port asks for this host.
PUBLIC = {(TCP, WAN4, 8080): (CLIENT4, 80), (TCP, WAN4, 8081): (SECOND4, 80),
          (UDP, WAN4, 5353): (SECOND4, 53)}
SERVICES = {(UDP, 53): "dns", (TCP, 80): "http", (TCP, 443): "https"}
MARKS = {(UDP, 53): 0x35, (TCP, 80): 0x50}
THROUGH_ZONE = 7

_ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
_ETHERNET, _IPV4, _IPV6 = 14, 0x0800, 0x86DD
_RING = 64  # MiB for each interface
_QUEUE = ("-N", "1000000", "-C", "500000000")  # packets and octets between its threads


class Void(Exception):
    """The capture missed packets: the run proves nothing."""


class TruthLab(Lab):
    """The lab with a second inside network, a third host in the first one and a second uplink."""

    def __init__(self):
        super().__init__()
        self.second, self.third, self.peer = map(Namespace, ("second", "third", "peer"))
        self.link(self.second, "lan2", (LAN2_4, 24), (SECOND4, 24), (LAN2_6, 64), (SECOND6, 64))
        self.link(self.peer, "wan2", (WAN2_4, 24), (PEER4, 24))
        self._share_lan()
        self.router.run("ip", "addr", "add", f"{OWN4}/24", "dev", "wan")
        self.router.run("ip", "addr", "add", f"{OWN6}/64", "dev", "wan")
        for host, router4, router6 in ((self.client, LAN4, LAN6), (self.second, LAN2_4, LAN2_6),
                                       (self.third, LAN4, None), (self.peer, WAN2_4, None)):
            host.run("ip", "route", "replace", "default", "via", router4)
            if router6:
                host.run("ip", "-6", "route", "replace", "default", "via", router6)
        self._translate()
        # A conversation that a slow machine holds up stays one.
        for name in ("udp_timeout", "udp_timeout_stream", "icmp_timeout", "icmpv6_timeout"):
            self.router.set(f"net/netfilter/nf_conntrack_{name}", 4)

    def _share_lan(self):
        self.client.run("ip", "link", "add", "shared", "link", "eth0", "type", "macvlan", "mode",
                        "bridge")
        self.client.run("ip", "link", "set", "shared", "netns", self.third.name)
        self.third.run("ip", "link", "set", "shared", "name", "eth0")
        for feature in ("gso", "tso", "gro", "tx-udp-segmentation"):
            subprocess.run(self.third.command("ethtool", "-K", "eth0", feature, "off"), check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.third.run("ip", "addr", "add", f"{THIRD4}/24", "dev", "eth0")
        self.third.run("ip", "link", "set", "eth0", "up")

    def _translate(self):
        words = {TCP: "tcp", UDP: "udp"}
        self.rules("destination_nat", *(
            f"ip daddr {address} {words[protocol]} dport {port} dnat ip to {host}:{inside}"
            for (protocol, address, port), (host, inside) in PUBLIC.items()))
        self.rules("source_nat",
                   f"ip saddr {{ 10.10.0.0/24, 10.20.0.0/24 }} oifname wan snat ip to {WAN4}",
                   f"ip6 saddr fd00:20::/64 oifname wan snat ip6 to {WAN6}",
                   "ip saddr 10.10.0.0/24 ip daddr 10.10.0.0/24 oifname lan masquerade")
        self.rules("raw_prerouting", *(f"ip {side} {PEER4} ct zone set {THROUGH_ZONE}"
                                       for side in ("saddr", "daddr")))
        self.rules("track", *(f"{words[protocol]} dport {port} ct mark set {mark}"
                              for (protocol, port), mark in MARKS.items()))

    def hosts(self):
        """Namespaces of all but the router and the collector."""
        return self.client, self.second, self.third, self.server, self.peer

    def close(self):
        super().close()
        for namespace in (self.second, self.third, self.peer):
            subprocess.run(["ip", "netns", "delete", namespace.name], check=False)


class Capture:
    """dumpcap at all interfaces of the router but that towards the collector."""

    def __init__(self, lab, directory):
        self.path = f"{directory}/truth.pcapng"
        self._log = f"{directory}/dumpcap.log"
        self.macs = {one["ifname"]: bytes.fromhex(one["address"].replace(":", ""))
                     for one in json.loads(lab.router.run("ip", "-j", "link"))}
        interfaces = [word for name in INTERFACES for word in ("-i", name, "-s", "128", "-B", str(_RING))]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(lab.router.command("dumpcap", *interfaces, *_QUEUE, "-w", self.path),
                                             stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: "File:" in self._said() or self._process.poll() is not None,
                   "dumpcap to listen")
        if self._process.poll() is not None:
            raise RuntimeError(f"dumpcap did not start: {self._said()}")

    def _said(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """All frames in the order of their times. To be called when nothing is under way."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        counts = re.findall(r"interface '(\w+)': (\d+)/(\d+)", self._said())
        if len(counts) != len(INTERFACES) or any(int(dropped) for *_, dropped in counts):
            raise Void(f"dumpcap says: {self._said()}")
        return sorted(self._frames(), key=lambda frame: frame.time)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _frames(self):
        for name, time, data in pcapng(self.path):
            incoming = data[6:12] != self.macs[name]
            frame = parse(data)
            if frame:
                yield Frame(time, name, incoming, data[6:12] if incoming else data[:6], *frame)


def pcapng(path):
    """Interface, time in seconds and octets of each packet."""
    with open(path, "rb") as file:
        data = file.read()
    interfaces, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        body = data[at + 8:at + length - 4]
        if kind == 1:
            options = dict(_options(body[8:]))
            resolution = options.get(9, b"\x06")[0]
            interfaces.append((options[2].decode(), 10.0 ** -resolution))
        elif kind == 6:
            number, high, low, taken = struct.unpack_from("<IIII", body)
            name, unit = interfaces[number]
            yield name, (high << 32 | low) * unit, body[20:20 + taken]
        at += length


def _options(data):
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            return
        yield code, data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


@dataclasses.dataclass(frozen=True)
class Frame:
    time: float
    interface: str
    incoming: bool  # to the router
    mac: bytes  # of the other station
    protocol: int
    source: tuple  # address and port; of an echo its identifier
    destination: tuple
    octets: int  # of layer 3


def parse(data):
    """Protocol, source, destination and octets of TCP, UDP and echoes; None of anything else."""
    ethertype = struct.unpack_from("!H", data, 12)[0]
    head = data[_ETHERNET:]
    if ethertype == _IPV4:
        length, protocol, octets = (head[0] & 15) * 4, head[9], struct.unpack_from("!H", head, 2)[0]
        addresses = [socket.inet_ntop(socket.AF_INET, head[at:at + 4]) for at in (12, 16)]
    elif ethertype == _IPV6:
        length, protocol, octets = 40, head[6], 40 + struct.unpack_from("!H", head, 4)[0]
        addresses = [socket.inet_ntop(socket.AF_INET6, head[at:at + 16]) for at in (8, 24)]
    else:
        return None
    if protocol in (TCP, UDP):
        ports = struct.unpack_from("!HH", head, length)
    elif protocol in _ECHO and head[length] in _ECHO[protocol]:
        ports = struct.unpack_from("!H", head, length + 4) * 2
    else:
        return None
    return protocol, (addresses[0], ports[0]), (addresses[1], ports[1]), octets


@dataclasses.dataclass
class Conversation:
    """Packets of two ends as seen at one interface, the nearer one behind it."""
    interface: str
    protocol: int
    near: tuple
    far: tuple
    began_near: bool
    first: float
    sent: list = dataclasses.field(default_factory=lambda: [0, 0])  # octets, packets of the nearer one
    received: list = dataclasses.field(default_factory=lambda: [0, 0])


@dataclasses.dataclass
class Usage:
    """A connection as accounting has to count it."""
    first: float
    keys: dict
    amounts: tuple  # down and up octets, down and up packets, connections


def conversations(frames):
    table = {}
    for frame in frames:
        near, far = ((frame.source, frame.destination) if frame.incoming
                     else (frame.destination, frame.source))
        key = frame.interface, frame.protocol, near, far
        one = table.get(key)
        if one is None:
            one = table[key] = Conversation(*key, frame.incoming, frame.time)
        amounts = one.sent if frame.incoming else one.received
        amounts[0] += frame.octets
        amounts[1] += 1
    return list(table.values())


def usages(frames):
    """What is to be counted of these packets, each connection once."""
    macs = {}
    for frame in frames:
        if frame.incoming and _home(frame.source[0]) == frame.interface:
            if macs.setdefault(frame.source[0], frame.mac) != frame.mac:
                raise ValueError(f"{frame.source[0]} is of two devices")
    return [usage for usage in (_usage(one, macs) for one in conversations(frames)) if usage]


def _usage(one, macs):
    """None: it is counted at another interface, where it began."""
    if one.began_near:
        initiator, asked = one.near, one.far
        responder = PUBLIC.get((one.protocol, *asked), asked)
        forward, backward = one.sent, one.received
    elif one.far[0] in (OWN4, OWN6):
        initiator, responder = one.far, one.near
        forward, backward = one.received, one.sent
    else:
        return None
    direction = direction_of(initiator[0], responder[0])
    answers = not inside(initiator[0]) and initiator[0] not in ROUTER_ADDRESSES and direction != "through"
    host, other = (responder, initiator) if answers else (initiator, responder)
    up, down = (backward, forward) if answers else (forward, backward)
    service = one.protocol, responder[1]
    keys = {"direction": direction, "host": exploded(host[0]), "protocol": one.protocol,
            "device": macs[host[0]].hex(":") if host[0] in macs else exploded(host[0]),
            "network": named(host[0]), "remote_network": named(other[0]),
            "interface": _home(host[0]), "remote_interface": _home(other[0]),
            "zone": THROUGH_ZONE if direction == "through" else 0, "mark": MARKS.get(service, 0),
            "service": SERVICES.get(service, "other") if one.protocol in (TCP, UDP) else "other"}
    return Usage(one.first, keys, (down[0], up[0], down[1], up[1], 1))


def direction_of(initiator, responder):
    if initiator in ROUTER_ADDRESSES or responder in ROUTER_ADDRESSES:
        return "self"
    return {(True, False): "out", (False, True): "in", (True, True): "local",
            (False, False): "through"}[inside(initiator), inside(responder)]


@functools.cache
def _within(address, networks):
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(one) for one in networks)


def inside(address):
    return _within(address, INSIDE)


def _home(address):
    """The interface behind which it is."""
    if address in ROUTER_ADDRESSES:
        return "unknown"
    return next(name for name, networks in INTERFACES.items() if _within(address, networks))


def named(address):
    """By the longest prefix."""
    found = [(ipaddress.ip_network(network).prefixlen, name) for name, networks in NETWORKS.items()
             for network in networks if _within(address, (network,))]
    return max(found, default=(0, "other"))[1]


@functools.cache
def exploded(address):
    return ipaddress.ip_address(address).exploded


def summed(all_usages, keys, times=lambda first: None):
    """Amounts by time and keys."""
    sums = collections.defaultdict(lambda: (0,) * 5)
    for one in all_usages:
        key = times(one.first), *(one.keys[name] for name in keys)
        sums[key] = tuple(map(sum, zip(sums[key], one.amounts)))
    return dict(sums)
