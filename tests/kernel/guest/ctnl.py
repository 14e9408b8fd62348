# SPDX-License-Identifier: GPL-2.0-or-later
"""A small ctnetlink client: listen to events, dump, decode.

Written against the kernel's headers and kernel-patches/nf_conntrack_flow.h,
independent of the daemon's decoder, so that the two can disagree.
"""

from __future__ import annotations

import dataclasses
import select
import socket
import struct
import time
from collections.abc import Iterator

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_CREATE = 0x1, 0x300, 0x400
MSG_NEW, MSG_GET, MSG_DELETE, MSG_GET_CTRZERO = 0, 1, 2, 3
GROUP_NEW, GROUP_UPDATE, GROUP_DESTROY, GROUP_FLOW = 1, 2, 3, 32
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1

REASONS = [None, "timeout", "tcp-close", "tcp-reset", "netlink", "early-drop",
           "tcp-reopen", "other"]
IIF_CHANGED, OIF_CHANGED, DSCP_CHANGED, ECN_CHANGED = 1, 2, 4, 8
# number -> (name, payload size)
DIRECTION = {
    1: ("first", 8), 2: ("last", 8), 3: ("iif", 4), 4: ("oif", 4),
    5: ("tcp_flags", 2), 6: ("tos", 1), 7: ("ttl_min", 1), 8: ("ttl_max", 1),
    9: ("len_min", 4), 10: ("len_max", 4), 11: ("packets", 8),
    12: ("octets", 8), 13: ("flags", 4), 14: ("icmp_errors", 4),
}


@dataclasses.dataclass
class Direction:
    """One direction of CTA_FLOW; None: the attribute was absent."""
    first: int | None = None
    last: int | None = None
    iif: int | None = None
    oif: int | None = None
    tcp_flags: int | None = None
    tos: int | None = None
    ttl_min: int | None = None
    ttl_max: int | None = None
    len_min: int | None = None
    len_max: int | None = None
    packets: int | None = None
    octets: int | None = None
    flags: int = 0
    icmp_errors: int = 0


@dataclasses.dataclass
class Flow:
    version: int = 0
    orig: Direction | None = None
    reply: Direction | None = None
    reason: str | None = None


@dataclasses.dataclass
class Tuple:
    src: str = ""
    dst: str = ""
    proto: int = 0
    sport: int = 0
    dport: int = 0
    zone: int = 0


@dataclasses.dataclass
class Message:
    kind: int                       # MSG_NEW or MSG_DELETE
    nlflags: int
    received: float                 # time.time()
    size: int
    portid: int
    orig: Tuple = dataclasses.field(default_factory=Tuple)
    reply: Tuple = dataclasses.field(default_factory=Tuple)
    id: int = 0
    status: int = 0
    zone: int = 0
    mark: int = 0
    tcp_state: int | None = None
    packets: list[int | None] = dataclasses.field(
        default_factory=lambda: [None, None])
    octets: list[int | None] = dataclasses.field(
        default_factory=lambda: [None, None])
    start: int | None = None
    stop: int | None = None
    flow: Flow | None = None

    @property
    def is_report(self) -> bool:
        return self.kind == MSG_NEW and not self.nlflags & NLM_F_CREATE


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4 or length > len(data):
            raise ValueError(f"attribute of {length} octets in {len(data)}")
        yield kind & 0x3fff, data[4:length]
        data = data[(length + 3) & ~3:]


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def decode_tuple(data: bytes) -> Tuple:
    result = Tuple()
    for kind, value in attributes(data):
        if kind == 1:
            for sub, address in attributes(value):
                family = socket.AF_INET if sub < 3 else socket.AF_INET6
                text = socket.inet_ntop(family, address)
                if sub in (1, 3):
                    result.src = text
                else:
                    result.dst = text
        elif kind == 2:
            for sub, field in attributes(value):
                if sub == 1:
                    result.proto = field[0]
                elif sub == 2:
                    result.sport = number(field)
                elif sub == 3:
                    result.dport = number(field)
                elif sub in (4, 7):     # ICMP id
                    result.sport = number(field)
        elif kind == 3:
            result.zone = number(value)
    return result


def decode_direction(data: bytes) -> Direction:
    result = Direction()
    seen = set()
    for kind, value in attributes(data):
        if kind == 15:
            continue
        if kind not in DIRECTION:
            raise ValueError(f"unknown attribute {kind} in a direction")
        name, size = DIRECTION[kind]
        if len(value) != size:
            raise ValueError(f"{name} has {len(value)} octets, not {size}")
        if name in seen:
            raise ValueError(f"{name} twice")
        seen.add(name)
        setattr(result, name, number(value))
    return result


def decode_flow(data: bytes) -> Flow:
    flow = Flow()
    for kind, value in attributes(data):
        if kind == 1:
            flow.version = number(value)
        elif kind == 2:
            flow.orig = decode_direction(value)
        elif kind == 3:
            flow.reply = decode_direction(value)
        elif kind == 4:
            flow.reason = REASONS[number(value)]
        elif kind != 5:
            raise ValueError(f"unknown attribute {kind} in CTA_FLOW")
    if flow.version != 1:
        raise ValueError(f"CTA_FLOW has version {flow.version}")
    return flow


def decode(kind: int, nlflags: int, portid: int, data: bytes) -> Message:
    message = Message(kind, nlflags, time.time(), len(data) + 16, portid)
    for attribute, value in attributes(data[4:]):
        if attribute == 1:
            message.orig = decode_tuple(value)
        elif attribute == 2:
            message.reply = decode_tuple(value)
        elif attribute == 3:
            message.status = number(value)
        elif attribute == 4:
            for layer, info in attributes(value):
                if layer == 1:
                    for sub, field in attributes(info):
                        if sub == 1:
                            message.tcp_state = field[0]
        elif attribute == 8:
            message.mark = number(value)
        elif attribute in (9, 10):
            for sub, field in attributes(value):
                if sub == 1:
                    message.packets[attribute - 9] = number(field)
                elif sub == 2:
                    message.octets[attribute - 9] = number(field)
        elif attribute == 12:
            message.id = number(value)
        elif attribute == 18:
            message.zone = number(value)
        elif attribute == 20:
            for sub, field in attributes(value):
                if sub == 1:
                    message.start = number(field)
                elif sub == 2:
                    message.stop = number(field)
        elif attribute == 256:
            if message.flow is not None:
                raise ValueError("CTA_FLOW twice")
            message.flow = decode_flow(value)
    return message


class Listener:
    """Events of the current network namespace."""

    def __init__(self, *groups: int, buffer: int = 8 << 20) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_NETFILTER)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, buffer)  # RCVBUFFORCE
        self.socket.bind((0, 0))
        for group in groups:
            self.socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self.pending: list[Message] = []

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, timeout: float) -> bool:
        if not select.select([self.socket], [], [], timeout)[0]:
            return False
        data = self.socket.recv(1 << 17)
        while len(data) >= 16:
            length, kind, nlflags, _, portid = struct.unpack_from("=IHHII",
                                                                  data)
            if kind >> 8 == 1:
                self.pending.append(
                    decode(kind & 0xff, nlflags, portid, data[16:length]))
            data = data[(length + 3) & ~3:]
        return True

    def wait(self, match, timeout: float = 10.0) -> Message:
        """The first message that matches; those before it are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            while self.pending:
                message = self.pending.pop(0)
                if match(message):
                    return message
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise TimeoutError("no such ctnetlink event")

    def rest(self, quiet: float = 0.3, limit: float = 20) -> list[Message]:
        """All there is, until nothing more has come for a while."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and self.read(quiet):
            pass
        messages, self.pending = self.pending, []
        return messages

    def drain(self, seconds: float = 0.2) -> list[Message]:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self.read(left):
            pass
        messages, self.pending = self.pending, []
        return messages


def dump(kind: int = MSG_GET, family: int = 0) -> list[Message]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        sock.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | kind,
                              NLM_F_REQUEST | NLM_F_DUMP, 1, 0, family, 0, 0))
        messages = []
        while True:
            data = sock.recv(1 << 17)
            while len(data) >= 16:
                length, msgtype, nlflags, _, portid = struct.unpack_from(
                    "=IHHII", data)
                if msgtype == 3:
                    return messages
                if msgtype == 2:
                    raise OSError(-struct.unpack_from("=i", data, 16)[0],
                                  "ctnetlink dump")
                messages.append(decode(msgtype & 0xff, nlflags, portid,
                                       data[16:length]))
                data = data[(length + 3) & ~3:]
