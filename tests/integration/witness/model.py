# SPDX-License-Identifier: GPL-2.0-or-later
"""What was seen of one seed, by whom."""

import collections
import dataclasses

ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 33, 58, 132, 136
WITH_PORTS = (TCP, UDP, DCCP, SCTP, UDPLITE)
ESTABLISHED, FIN_WAIT, CLOSE_WAIT, TIME_WAIT = 3, 4, 5, 7  # states of TCP (enum tcp_conntrack)
ECHO_REPLY = {(8, 0): (0, 0), (128, 0): (129, 0)}
ACTIVE_TIMEOUT_REASON = 2  # flowEndReason of a report


@dataclasses.dataclass(frozen=True)
class Side:
    """One direction of a connection, as its packets look where they come in."""
    source: str
    destination: str
    source_port: int
    destination_port: int
    packets: int
    octets: int


@dataclasses.dataclass(frozen=True)
class Connection:
    """One connection by its DESTROY event, as libnetfilter_conntrack decoded it. Times are seconds
    since 1970."""
    namespace: str
    identity: int  # CTA_ID
    protocol: int
    original: Side
    reply: Side
    icmp: tuple  # type and code of the initiator, or None
    icmp_id: int
    zones: tuple  # of the initiator, of the responder
    start: float
    stop: float
    left: int  # whole seconds that remained of the timeout; None if none
    asked: bool  # somebody asked the kernel to delete it
    state: int  # TCP; None for other protocols
    status: int
    event_time: float  # when the event was read
    copies: int = 1  # how often the kernel sent the event
    states: tuple = ()  # of TCP: (time, state) of each change

    def states_within(self, earliest, latest):
        """Those in which it was between these times."""
        before = [state for when, state in self.states if when <= earliest][-1:]
        within = [state for when, state in self.states if earliest < when <= latest]
        return {*before, *within} or {self.state}

    def keys(self, zones):
        """The directed tuples of its two records; `zones`: they are exported."""
        there = self.original
        ports = ((there.source_port, there.destination_port) if self.protocol in WITH_PORTS
                 else (0, 0))
        marks = self.zones if zones else None
        yield (self.protocol, there.source, there.destination, *ports, self.icmp, marks)
        yield (self.protocol, there.destination, there.source, *reversed(ports),
               ECHO_REPLY.get(self.icmp), marks and tuple(reversed(marks)))

    def counters(self):
        """Packets and octets there and back."""
        return ((self.original.packets, self.original.octets),
                (self.reply.packets, self.reply.octets))

    def packet_keys(self):
        """What Packet.key is of its packets, there and back."""
        for side, kind in ((self.original, self.icmp), (self.reply, ECHO_REPLY.get(self.icmp))):
            if self.icmp:
                yield (self.protocol, side.source, side.destination, self.icmp_id, kind[0])
            elif self.protocol in WITH_PORTS:
                yield (self.protocol, side.source, side.destination, side.source_port,
                       side.destination_port)
            else:
                yield (self.protocol, side.source, side.destination, 0, 0)


@dataclasses.dataclass(frozen=True)
class Packet:
    namespace: str
    key: tuple  # protocol, addresses, ports (ICMP: identifier and type)
    time: float
    octets: int  # layer 3
    tcp: tuple = None  # flags, sequence and acknowledgement number


@dataclasses.dataclass
class Run:
    """One life of ctflowd."""
    launched: float
    began: float  # it listened since some moment between these two
    ended: float  # SIGTERM or SIGKILL
    gone: float  # it listened until some moment between these two
    killed: bool
    source: dict  # counters of the source and the pipeline, of all namespaces; empty if killed
    collector: dict  # counters of the collector, likewise


@dataclasses.dataclass
class Observation:
    scenario: object
    connections: list
    packets: list
    records: list  # collectors.Record
    runs: list
    complaints: dict  # of nfcapd
    boot: float
    finished: float
    stopped: list = dataclasses.field(default_factory=list)  # (from, to): SIGSTOP
    kept: float = None  # the last time that the state file changed before a SIGKILL

    def zeroed(self):
        return self.scenario.kind == "zeroing"


def key_of(record):
    return (record.protocol, record.source, record.destination, record.source_port,
            record.destination_port, record.icmp, record.zones)


def shown(key):
    protocol, source, destination, source_port, destination_port, icmp, zones = key
    text = f"protocol {protocol} [{source}]:{source_port} -> [{destination}]:{destination_port}"
    if icmp:
        text += f" icmp {icmp[0]}/{icmp[1]}"
    return text + (f" zones {zones[0]}/{zones[1]}" if zones else "")


def by_key(observation):
    """Connections by the directed tuples of their records, as (connection, side)."""
    table = collections.defaultdict(list)
    for connection in observation.connections:
        for side, key in enumerate(connection.keys(observation.scenario.zones)):
            table[key].append((connection, side))
    return table
