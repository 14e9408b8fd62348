# SPDX-License-Identifier: GPL-2.0-or-later
"""Just enough of nfnetlink_queue to hold packets and let them go."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Iterator

from ctnl import NETLINK_NETFILTER, attributes
from lab import Lab


class Queue:
    def __init__(self, number: int) -> None:
        self.number = number
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        # CONFIG: bind; CONFIG: copy the meta data only
        self.request(2, 1, struct.pack("!BBH", 1, 0, 0))
        self.request(2, 2, struct.pack("!IB", 0, 1))

    def request(self, kind: int, attribute: int, value: bytes) -> None:
        length = 4 + len(value)
        body = struct.pack("!BBH", 0, 0, self.number)
        body += struct.pack("=HH", length, attribute) + value
        body += bytes(-len(body) % 4)
        self.socket.send(struct.pack("=IHHII", 16 + len(body),
                                     3 << 8 | kind, 1, 0, 0) + body)

    def take(self, count: int) -> list[int]:
        """The ids of the next packets, which stay where they are."""
        ids: list[int] = []
        while len(ids) < count:
            if not select.select([self.socket], [], [], 2)[0]:
                raise TimeoutError(f"{len(ids)} of {count} packets queued")
            data = self.socket.recv(1 << 16)
            if struct.unpack_from("=H", data, 4)[0] & 0xff == 0:
                for attribute, value in attributes(data[20:]):
                    if attribute == 1:
                        ids.append(struct.unpack_from("!I", value)[0])
        return ids

    def accept(self, packet: int) -> None:
        self.request(1, 2, struct.pack("!II", 1, packet))

    def drop(self, packet: int) -> None:
        self.request(1, 2, struct.pack("!II", 0, packet))

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def first_packets_wait(lab: Lab) -> Iterator[Queue]:
    """What belongs to no established connection waits in the queue."""
    queue = Queue(7)
    lab.rules("""table inet q { chain f {
        type filter hook forward priority 1
        ct state new queue num 7;
    }; }""")
    try:
        yield queue
    finally:
        lab.rules("")
        queue.close()
