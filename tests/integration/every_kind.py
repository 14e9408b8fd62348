# SPDX-License-Identifier: GPL-2.0-or-later
"""A recording with every kind of connection and event that ctflowd reads, as a machine of either byte order
would have made it: headers in the machine's order, values in the network's. Nothing is turned afterwards, so
that tests/integration/byte_order.py, which does that, can be compared with this."""

import random
import struct

# include/uapi/linux/netfilter/nfnetlink_conntrack.h and kernel-patches/nf_conntrack_flow.h
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO, TIMEOUT, MARK = 1, 2, 3, 4, 7, 8
COUNTERS_ORIG, COUNTERS_REPLY, ID, ZONE, TIMESTAMP, LABELS, FLOW = 9, 10, 12, 18, 20, 22, 256
TUPLE_IP, TUPLE_PROTO, TUPLE_ZONE = 1, 2, 3
CREATED, UPDATED, DESTROYED = 0x0100, 0x0100, 0x0102
CREATE_FLAGS = 0x600  # NLM_F_CREATE | NLM_F_EXCL
TCP, UDP, ICMP, ICMPV6, GRE, SCTP, DCCP, UDPLITE = 6, 17, 1, 58, 47, 132, 33, 136
START = 1_700_000_000 * 10**9
ECHOES = {ICMP: (8, 0), ICMPV6: (128, 129)}


class Machine:
    """Writes netlink messages and a pcap file; `order` is "<" or ">"."""

    def __init__(self, order, seed):
        self._order = order
        self._random = random.Random(seed)

    def _attribute(self, kind, payload):
        return struct.pack(self._order + "HH", len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)

    def _nest(self, kind, *children):
        return self._attribute(kind | 0x8000, b"".join(children))

    def _numbers(self, kind, layout, *values):
        """A nest of network-order integers, numbered from 1. None: left out."""
        return self._nest(kind, *(self._attribute(i, struct.pack("!" + one, value))
                                  for i, (one, value) in enumerate(zip(layout, values), 1) if value is not None))

    def _address(self, octets):
        return self._random.randbytes(octets)

    def _tuple(self, kind, source, destination, protocol, ports, zone=None):
        ip = 1 if len(source) == 4 else 3
        ends = self._nest(TUPLE_IP, self._attribute(ip, source), self._attribute(ip + 1, destination))
        what = [self._attribute(1, bytes([protocol]))]
        if protocol in ECHOES:
            number, kind_of_echo = ports
            first = 4 if protocol == ICMP else 7
            what += [self._attribute(first, struct.pack("!H", number)),
                     self._attribute(first + 1, bytes([kind_of_echo])), self._attribute(first + 2, b"\0")]
        elif ports:
            what += [self._attribute(2 + i, struct.pack("!H", port)) for i, port in enumerate(ports)]
        zones = [] if zone is None else [self._attribute(TUPLE_ZONE, struct.pack("!H", zone))]
        return self._nest(kind, ends, self._nest(TUPLE_PROTO, *what), *zones)

    def _tuples(self, zones):
        pick = self._random
        protocol = pick.choice((TCP, TCP, TCP, UDP, UDP, UDP, ICMP, ICMPV6, GRE, SCTP, DCCP, UDPLITE, 89))
        octets = {ICMP: 4, ICMPV6: 16}.get(protocol) or pick.choice((4, 16))
        client, server = self._address(octets), self._address(octets)
        there, back = [client, server], [server, client]
        ports = (pick.randrange(65536), pick.randrange(65536)) if protocol not in (GRE, 89) else ()
        answer = ports[::-1]
        if protocol in ECHOES:
            number = pick.randrange(65536)
            ports, answer = ((number, one) for one in ECHOES[protocol])
        translation = pick.choice(("", "", "source", "destination", "both", "family"))
        if translation in ("source", "both"):
            back[1] = self._address(octets)
            if protocol in ECHOES:
                answer = pick.randrange(65536), answer[1]
            elif answer:
                answer = answer[0], pick.randrange(65536)
        if translation in ("destination", "both"):
            back[0] = self._address(octets)
        if translation == "family" and protocol in (TCP, UDP):  # NAT64, NAT46
            back = [self._address(20 - octets), self._address(20 - octets)]
        status = 0x188 | pick.choice((0, 2, 6)) | {"source": 0x90, "destination": 0x120, "both": 0x1b0}.get(
            translation, 0)
        first = self._tuple(TUPLE_ORIG, *there, protocol, ports, zones[0])
        second = self._tuple(TUPLE_REPLY, *back, protocol, answer, zones[1])
        return 2 if octets == 4 else 10, protocol, status, first + second

    def _counter(self):
        # Few beyond 32 bits: NetFlow v5 has as many records of them as it takes.
        return self._random.randrange(1 << self._random.choice((1, 8, 16, 16, 16, 31, 32, 34)))

    def _direction(self, kind, start, stop):
        pick = self._random
        return self._numbers(kind, "QQIIHBBBIIQQII", start, stop, pick.randrange(1, 1 << 20),
                             pick.choice((None, 0, 7)), pick.choice((None, pick.randrange(0x1000))),
                             pick.randrange(256), pick.randrange(128), 128 + pick.randrange(128),
                             20 + pick.randrange(100), pick.choice((1500, 9000, 65535, 70000)), self._counter(),
                             self._counter(), pick.choice((None, pick.randrange(16))),
                             pick.choice((None, pick.randrange(4))))

    def message(self, number):
        """One netlink message, and when it came (nanoseconds since 1970)."""
        pick = self._random
        start = START + number * 1_234_567_891
        stop = start + pick.choice((1, 999_999, 30_000_000_001, 122 * 10**9))
        zone = pick.choice((None, None, pick.randrange(65536)))
        sided = pick.choice(((None, None), (None, None), (pick.randrange(65536), None),
                             (None, pick.randrange(65536)))) if zone is None else (None, None)
        family, protocol, status, body = self._tuples(sided)
        body += self._attribute(ID, struct.pack("!I", pick.randrange(1 << 32)))
        kind, flags = pick.choice(((DESTROYED, 0),) * 6 + ((CREATED, CREATE_FLAGS), (UPDATED, 0)))
        ended = kind == DESTROYED
        body += self._attribute(STATUS, struct.pack("!I", status | (0x200 if ended else 0)))
        if not ended or pick.random() < .2:
            body += self._attribute(TIMEOUT, struct.pack("!I", pick.randrange(432000)))
        if pick.random() < .9 and flags == 0:
            body += self._numbers(COUNTERS_ORIG, "QQ", self._counter(), self._counter())
            body += self._numbers(COUNTERS_REPLY, "QQ", self._counter(), self._counter())
        if pick.random() < .9:
            body += self._numbers(TIMESTAMP, "QQ", start, stop if ended else None)
        if protocol == TCP and pick.random() < .9:
            body += self._nest(PROTOINFO, self._nest(1, self._attribute(1, bytes([pick.randrange(1, 11)]))))
        if pick.random() < .3:
            body += self._attribute(MARK, struct.pack("!I", pick.choice((1, 2, 0x01020304, 0xFFFFFFFE))))
        if zone is not None:
            body += self._attribute(ZONE, struct.pack("!H", zone))
        if pick.random() < .2:
            body += self._attribute(LABELS, pick.randbytes(16))
        if pick.random() < .4 and flags == 0:
            parts = [self._attribute(1, b"\1"), self._direction(2, start, stop)]
            if pick.random() < .7:
                parts.append(self._direction(3, start + 1, stop))
            if ended:
                parts.append(self._attribute(4, bytes([pick.randrange(9)])))
            body += self._nest(FLOW, *parts)
        if pick.random() < .03:  # an attribute that ends behind the message
            body += struct.pack(self._order + "HH", 64, MARK) + bytes(4)
        port = pick.choice((0, 0, pick.randrange(1 << 32)))
        header = struct.pack(self._order + "IHHII", 20 + len(body), kind, flags, pick.randrange(1 << 32), port)
        return header + bytes([family, 0]) + struct.pack("!H", pick.randrange(65536)) + body, max(start, stop)

    def recording(self, count):
        """`count` messages, some datagrams with several of them."""
        cooked = struct.pack("!HH10xH", 0, 824, 12)
        parts = [struct.pack(self._order + "IHHiIII", 0xA1B2_3C4D, 2, 4, 0, 0, 65535, 253)]
        number = 0
        while number < count:
            datagram, time = b"", 0
            for _ in range(self._random.choice((1, 1, 1, 2, 5))):
                message, at = self.message(number)
                datagram += message
                time = max(time, at)
                number += 1
            length = len(cooked) + len(datagram)
            parts += [struct.pack(self._order + "IIII", time // 10**9, time % 10**9, length, length), cooked,
                      datagram]
        return b"".join(parts)
