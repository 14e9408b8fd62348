# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel itself says of the connections that ended, by conntrack(8) beside ctflowd."""

import dataclasses
import re
import subprocess
import time

from lab import wait_until

_EVENT = re.compile(r"\[DESTROY\] (ipv4|ipv6)\s+\d+ (\S+)\s+(\d+)(.*)")
_NETLINK_NETFILTER = 12
_DESTROY_GROUP = 1 << 2  # NFNLGRP_CONNTRACK_DESTROY


@dataclasses.dataclass(frozen=True)
class Direction:
    source: str
    destination: str
    source_port: int
    destination_port: int
    icmp: tuple  # type and code, or None
    zone: int
    packets: int
    octets: int


@dataclasses.dataclass(frozen=True)
class Connection:
    protocol: int
    original: Direction
    reply: Direction
    timed: bool  # the kernel told how long it lived

    @property
    def translated(self):
        there, back = self.original, self.reply
        return ((there.source, there.destination) != (back.destination, back.source)
                or (there.icmp is None and (there.source_port, there.destination_port)
                    != (back.destination_port, back.source_port)))


class Listener:
    """conntrack -E, beside the program under test.

    Version 1.4.7 does not apply --buffer-size to its event socket, which holds some 170 events.
    """

    def __init__(self, router, directory):
        self._router = router
        self._path = f"{directory}/conntrack.log"
        before = self._listeners()
        with open(self._path, "wb") as output:
            self._process = subprocess.Popen(
                router.command("conntrack", "-E", "-e", "DESTROY", "-o", "extended,timestamp"),
                stdout=output, stderr=subprocess.STDOUT)
        wait_until(lambda: self._listeners() > before, "conntrack -E to listen")

    def _sockets(self):
        """Lines of /proc/net/netlink for what listens to ends of connections."""
        lines = [line.split() for line in self._router.read("/proc/net/netlink").splitlines()[1:]]
        return [line for line in lines
                if int(line[1]) == _NETLINK_NETFILTER and int(line[3], 16) & _DESTROY_GROUP]

    def _listeners(self):
        return len(self._sockets())

    def stop(self):
        """All connections that ended since the start."""
        wait_until(lambda: all(line[4] == "0" for line in self._sockets()), "the events to be read")
        time.sleep(0.1)  # what it has read is printed
        self._process.terminate()
        self._process.wait()
        with open(self._path, encoding="ascii") as file:
            text = file.read()
        if "ENOBUFS" in text or "No buffer space" in text:
            raise RuntimeError(f"conntrack -E lost events: {text[-500:]}")
        return [parse(line) for line in text.splitlines() if "[DESTROY]" in line]

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def parse(line):
    match = _EVENT.search(line)
    protocol, rest = int(match[3]), match[4]
    directions = [dict(re.findall(r"([\w-]+)=(\S+)", part))
                  for part in re.split(r"(?=\bsrc=)", rest)[1:]]
    if len(directions) != 2:
        raise ValueError(f"not two directions: {line}")
    both = int(directions[1].get("zone", 0))
    return Connection(protocol,
                      _direction(directions[0], int(directions[0].get("zone-orig", both))),
                      _direction(directions[1], int(directions[1].get("zone-reply", both))),
                      "delta-time" in directions[1])


def _direction(fields, zone):
    icmp = (int(fields["type"]), int(fields["code"])) if "type" in fields else None
    return Direction(fields["src"], fields["dst"],
                     int(fields.get("sport", fields.get("srckey", "0")), 0),
                     int(fields.get("dport", fields.get("dstkey", "0")), 0), icmp, zone,
                     int(fields.get("packets", 0)), int(fields.get("bytes", 0)))
