# SPDX-License-Identifier: GPL-2.0-or-later
"""Who else looks: libnetfilter_conntrack at the events, a packet socket at the wire."""

import collections
import contextlib
import dataclasses
import json
import select
import socket
import struct
import subprocess
import threading

from lab import LAN4, LAN6, WAN4, WAN6, wait_until
from witness.model import ICMP, ICMPV6, TCP, WITH_PORTS, Connection, Packet, Side

_ETH_P_ALL, _ETH_P_IP, _ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
_SO_TIMESTAMPNS = 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_PACKET_OUTGOING = 4
_SNAP = 128  # octets of each packet: more than the headers that are looked at
_NANO = 1e-9
ROUTER_ADDRESSES = (LAN4, LAN6, WAN4, WAN6)


class Void(Exception):
    """An observer missed something: the run proves nothing and is to be repeated."""


class Witness:
    """ct_witness in a namespace."""

    def __init__(self, program, namespace, directory):
        self.namespace = namespace.name
        self.path = f"{directory}/witness-{namespace.name}.jsonl"
        self._log = f"{directory}/witness-{namespace.name}.log"
        with open(self.path, "wb") as output, open(self._log, "wb") as log:
            self._process = subprocess.Popen(namespace.command(program), stdin=subprocess.PIPE,
                                             stdout=output, stderr=log)
        wait_until(lambda: self._events("listening") or self._process.poll() is not None,
                   "the witness to listen")
        if self._process.poll() is not None:
            raise RuntimeError(f"the witness did not start: {self._said()}")

    def _events(self, *kinds):
        with open(self.path, encoding="ascii") as file:
            lines = file.read().split("\n")[:-1]  # the last one may be half written
        return [event for event in map(json.loads, lines) if event["event"] in kinds]

    def _said(self):
        with open(self._log, encoding="utf-8") as file:
            return file.read()

    def dump(self):
        """Lets it write the whole table; does not wait."""
        self._process.stdin.write(b"dump\n")
        self._process.stdin.flush()

    def stop(self, zeroed=False):
        """Every connection that ended. `zeroed`: counters may fall."""
        self._process.stdin.close()
        status = self._process.wait(30)
        if status != 0:
            raise RuntimeError(f"the witness ended with {status}: {self._said()}")
        if self._events("end")[0]["overruns"]:
            raise Void(f"the witness of {self.namespace} missed events")
        if not zeroed:
            self._check_dumps()
        return connections(self.namespace, self._events("new", "update", "destroy"))

    def _check_dumps(self):
        """Counters only ever grow, from a dump to the next and to the end: else it misread."""
        known = {}
        for event in self._events("entry", "destroy"):
            counted = [event[side].get("packets", 0) for side in ("orig", "reply")]
            identity = (event["id"], event.get("start"))
            before = known.setdefault(identity, counted)
            if event["event"] == "destroy" and any(a > b for a, b in zip(before, counted)):
                raise _Fell(f"counters of {event} fell from {before}")
            known[identity] = [max(pair) for pair in zip(before, counted)]

    def kill(self):
        self._process.kill()
        self._process.wait()


class _Fell(AssertionError):
    """Counters fell: somebody zeroed them, or the witness misread."""


def connections(namespace, events):
    """One Connection of each that ended; events that the kernel repeated are one."""
    table = {}
    states = collections.defaultdict(list)
    for event in events:
        entry = (event["id"], *(event["orig"].get(name) for name in ("src", "dst", "sport", "dport")))
        if "tcp_state" in event:
            states[entry].append((event["time"] * _NANO, event["tcp_state"]))
        if event["event"] != "destroy":
            continue
        one = dataclasses.replace(_connection(namespace, event), states=tuple(states.pop(entry, ())))
        identity = (one.identity, one.original.source, one.original.source_port,
                    one.original.destination, one.original.destination_port, one.zones, one.start)
        before = table.get(identity)
        if before is not None:  # who asked and what was left is in the first one alone
            one = dataclasses.replace(before, original=one.original, reply=one.reply,
                                      copies=before.copies + 1)
        table[identity] = one
    return list(table.values())


def _connection(namespace, event):
    both = event.get("zone", 0)
    sides = [Side(side["src"], side["dst"], side.get("sport", 0), side.get("dport", 0),
                  side.get("packets", 0), side.get("octets", 0))
             for side in (event["orig"], event["reply"])]
    icmp = ((event["icmp_type"], event["icmp_code"])
            if event["proto"] in (ICMP, ICMPV6) else None)
    return Connection(
        namespace, event["id"], event["proto"], *sides, icmp, event.get("icmp_id"),
        (event["orig"].get("zone", both), event["reply"].get("zone", both)),
        event.get("start", 0) * _NANO, event.get("stop", 0) * _NANO, event.get("left") or None,
        event["asked_by"] != 0, event.get("tcp_state"), event["status"], event["time"] * _NANO)


class Capture:
    """Packets of some interfaces of a namespace, with the kernel's times: those that come in, and
    those that leave from one of these addresses; None: from any."""

    def __init__(self, namespace, interfaces, addresses):
        self.namespace = namespace.name
        self._addresses = addresses
        self._frames = []
        self._dropped = 0
        self._sockets = []
        for interface in interfaces:
            sock = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            for option in (socket.SO_RCVBUF, 33):  # 33: SO_RCVBUFFORCE, for the host's root
                with contextlib.suppress(PermissionError):
                    sock.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            sock.bind((interface, _ETH_P_ALL))
            self._sockets.append(sock)
        self._stopping = False
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self):
        while True:
            readable = select.select(self._sockets, [], [], 0.05)[0]
            if not readable and self._stopping:
                return
            for sock in readable:
                frame, ancillary, _, address = sock.recvmsg(_SNAP, 64)
                self._frames.append((address[1], address[2] == _PACKET_OUTGOING, frame, ancillary))

    def stop(self):
        self._stopping = True
        self._thread.join()
        for sock in self._sockets:
            self._dropped += struct.unpack(
                "II", sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1]
            sock.close()
        self._sockets = []

    def packets(self):
        """In the order of their times, after stop()."""
        if self._dropped:
            raise Void(f"the capture of {self.namespace} missed {self._dropped} packets")
        packets = []
        for ethertype, outgoing, frame, ancillary in self._frames:
            parsed = parse(ethertype, frame)
            if parsed and not (outgoing and self._addresses is not None
                               and parsed[0][1] not in self._addresses):
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
                key, octets, tcp = parsed
                packets.append(Packet(self.namespace, key, seconds + nanoseconds * _NANO, octets,
                                      tcp))
        return sorted(packets, key=lambda packet: packet.time)


def parse(ethertype, data):
    """Packet.key, octets and TCP's fields of an IP packet; None of anything else, of later fragments
    and of ICMP that is not echo."""
    if ethertype == _ETH_P_IP:
        head = (data[0] & 0x0F) * 4
        protocol, octets = data[9], struct.unpack_from("!H", data, 2)[0]
        if struct.unpack_from("!H", data, 6)[0] & 0x1FFF:
            return None
        source, destination = (socket.inet_ntop(socket.AF_INET, data[at:at + 4]) for at in (12, 16))
    elif ethertype == _ETH_P_IPV6:
        head, protocol, octets = 40, data[6], 40 + struct.unpack_from("!H", data, 4)[0]
        source, destination = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16])
                               for at in (8, 24))
    else:
        return None
    first = second = 0
    tcp = None
    if protocol in (ICMP, ICMPV6):
        if data[head] not in ((0, 8) if protocol == ICMP else (128, 129)):
            return None
        first, second = struct.unpack_from("!H", data, head + 4)[0], data[head]
    elif protocol in WITH_PORTS:
        first, second = struct.unpack_from("!HH", data, head)
        if protocol == TCP:
            sequence, acknowledged, _, flags = struct.unpack_from("!IIBB", data, head + 4)
            tcp = flags, sequence, acknowledged
    return (protocol, source, destination, first, second), octets, tcp


class SlowListener:
    """Asks the kernel for reliable delivery of ends, and is slow: the kernel then sends each event
    that does not fit into its small buffer again, to every listener."""
    _SOL_NETLINK, _ADD_MEMBERSHIP, _BROADCAST_ERROR, _DESTROY = 270, 1, 4, 3

    def __init__(self, namespace, pause):
        self._pause = pause
        self._socket = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        self._socket.setsockopt(self._SOL_NETLINK, self._BROADCAST_ERROR, 1)
        self._socket.bind((0, 0))
        self._socket.setsockopt(self._SOL_NETLINK, self._ADD_MEMBERSHIP, self._DESTROY)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while not self._stopping.wait(self._pause):
            if select.select([self._socket], [], [], 0)[0]:
                with contextlib.suppress(OSError):  # ENOBUFS
                    self._socket.recv(65535)

    def stop(self):
        self._stopping.set()
        self._thread.join()
        self._socket.close()
