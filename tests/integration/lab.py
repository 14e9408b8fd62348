# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: client - NAT router - server, IPv4 and IPv6, in network namespaces.

             10.10.0.0/24            203.0.113.0/24
    client .2 ---------- .1 router .1 ------------ .2 server
             2001:db8:1::/64   |     2001:db8:2::/64
                               | 192.0.2.0/24
                           .2 collector

The router's conntrack is the one that is exported. The path to the collectors is not tracked:
otherwise each exported message would become a connection that is exported in turn.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import time

CLIENT4, CLIENT6 = "10.10.0.2", "2001:db8:1::2"
SERVER4, SERVER6 = "203.0.113.2", "2001:db8:2::2"
LAN4, LAN6 = "10.10.0.1", "2001:db8:1::1"  # the router's address towards the client
WAN4, WAN6 = "203.0.113.1", "2001:db8:2::1"  # the router's address towards the server
ROUTER, COLLECTOR = "192.0.2.1", "192.0.2.2"
COLLECTOR_PORTS = range(4000, 5000)

IDLE_TIMEOUT = 2  # seconds after which an idle or closed connection of the lab ends

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# Where rules go in: base chains of the table `inet lab`, made when first used.
_HOOKS = {
    "raw_prerouting": "type filter hook prerouting priority raw",
    "raw_output": "type filter hook output priority raw",
    "track": "type filter hook prerouting priority filter",
    "destination_nat": "type nat hook prerouting priority dstnat",
    "source_nat": "type nat hook postrouting priority srcnat",
}

# A connection that ended stays in the table for its timeout. Those that a lab waits for are short;
# the others are long enough that a slow machine does not split a conversation.
_TIMEOUTS = {
    "udp_timeout": IDLE_TIMEOUT,
    "udp_timeout_stream": IDLE_TIMEOUT,
    "icmp_timeout": IDLE_TIMEOUT,
    "icmpv6_timeout": IDLE_TIMEOUT,
    "gre_timeout": IDLE_TIMEOUT,
    "gre_timeout_stream": IDLE_TIMEOUT,
    "generic_timeout": IDLE_TIMEOUT,
    "tcp_timeout_time_wait": IDLE_TIMEOUT,
    "tcp_timeout_close": IDLE_TIMEOUT,
    "sctp_timeout_closed": IDLE_TIMEOUT,
    "udplite_timeout": IDLE_TIMEOUT,  # not in every kernel
    "udplite_timeout_stream": IDLE_TIMEOUT,
}


class Namespace:
    """One network namespace. Sockets opened `inside()` stay in it."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *arguments):
        return ["nsenter", f"--net={self.path}", *map(str, arguments)]

    def run(self, *arguments, **options):
        """Output of a command run here; it must succeed."""
        result = subprocess.run(self.command(*arguments), check=False, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        if result.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, arguments))}: {result.stderr}")
        return result.stdout

    @contextlib.contextmanager
    def inside(self):
        """Moves the calling thread into this namespace for a while."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            _set_namespace(there)
            yield self
        finally:
            _set_namespace(home)
            os.close(there)
            os.close(home)

    def socket(self, family, kind, protocol=0):
        with self.inside():
            return socket.socket(family, kind, protocol)

    def read(self, path):
        """A file of /proc as this namespace sees it."""
        with self.inside(), open(path.replace("/proc/net", "/proc/thread-self/net"),
                                 encoding="ascii") as file:
            return file.read()

    def set(self, sysctl, value):
        with self.inside(), open(f"/proc/sys/{sysctl}", "w", encoding="ascii") as file:
            file.write(str(value))


def _set_namespace(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def wait_until(condition, what, seconds=20):
    """Polls until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


class Lab:
    def __init__(self, accounting=True, timestamps=True):
        self.client = Namespace("client")
        self.router = Namespace("router")
        self.server = Namespace("server")
        self.collector = Namespace("collector")
        self._configure_router(accounting, timestamps)
        self.link(self.client, "lan", (LAN4, 24), (CLIENT4, 24), (LAN6, 64), (CLIENT6, 64))
        self.link(self.server, "wan", (WAN4, 24), (SERVER4, 24), (WAN6, 64), (SERVER6, 64))
        self.link(self.collector, "export", (ROUTER, 24), (COLLECTOR, 24))
        for host, router4, router6 in ((self.client, LAN4, LAN6), (self.server, WAN4, WAN6)):
            host.run("ip", "route", "add", "default", "via", router4)
            host.run("ip", "-6", "route", "add", "default", "via", router6)
        self.rules("raw_output", f"ip daddr {COLLECTOR} notrack")
        self.rules("raw_prerouting", f"ip saddr {COLLECTOR} notrack")

    def _configure_router(self, accounting, timestamps):
        self.router.set("net/ipv4/ip_forward", 1)
        self.router.set("net/ipv6/conf/all/forwarding", 1)
        # A rule that asks for a state makes the kernel track, and brings the sysctls.
        self.rules("track", "ct state established accept")
        self.router.set("net/netfilter/nf_conntrack_acct", int(accounting))
        self.router.set("net/netfilter/nf_conntrack_timestamp", int(timestamps))
        self.router.set("net/netfilter/nf_conntrack_events", 1)
        for name, seconds in _TIMEOUTS.items():
            with contextlib.suppress(FileNotFoundError):
                self.router.set(f"net/netfilter/nf_conntrack_{name}", seconds)

    def link(self, host, device, *pairs, peer="eth0"):
        """A veth pair: `device` in the router, `peer` in the host; pairs of their addresses."""
        subprocess.run(["ip", "link", "add", device, "netns", "router", "type", "veth",
                        "peer", "name", peer, "netns", host.name], check=True)
        for namespace, name in ((self.router, device), (host, peer)):
            # Super-packets would be counted as one packet: kernel counters and wire would differ.
            for feature in ("gso", "tso", "gro", "tx-udp-segmentation"):
                _quietly(namespace.command("ethtool", "-K", name, feature, "off"))
            # Addresses are usable at once, without duplicate detection; no router solicitations.
            namespace.set(f"net/ipv6/conf/{name}/accept_dad", 0)
            namespace.set(f"net/ipv6/conf/{name}/router_solicitations", 0)
        for i in range(0, len(pairs), 2):
            for namespace, name, (address, length) in ((self.router, device, pairs[i]),
                                                       (host, peer, pairs[i + 1])):
                namespace.run("ip", "addr", "add", f"{address}/{length}", "dev", name)
        self.router.run("ip", "link", "set", device, "up")
        host.run("ip", "link", "set", peer, "up")

    def rules(self, hook, *rules):
        """Adds nft rules to the router, at one of _HOOKS."""
        lines = ["add table inet lab", f"add chain inet lab {hook} {{ {_HOOKS[hook]}; }}"]
        lines += [f"add rule inet lab {hook} {rule}" for rule in rules]
        self.router.run("nft", "-f", "-", input="\n".join(lines) + "\n")

    def wait_for_idle(self, seconds=30):
        """Until every connection of the router has ended.

        Listing the table makes the kernel remove what has expired, which it would otherwise do
        within a minute.
        """
        def empty():
            for family in ("ipv4", "ipv6"):
                self.router.run("conntrack", "-L", "-f", family)
            return int(self.router.read("/proc/sys/net/netfilter/nf_conntrack_count")) == 0
        wait_until(empty, "the connection table to become empty", seconds)

    def close(self):
        for namespace in (self.client, self.router, self.server, self.collector):
            subprocess.run(["ip", "netns", "delete", namespace.name], check=False)


def _quietly(command):
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
