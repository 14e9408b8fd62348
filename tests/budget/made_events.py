# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of DESTROY events as `ctflowd record` writes one, the same octets every time: answered IPv4
connections without translation, one in three of TCP, in the order of attributes in which
ctnetlink_conntrack_event() (Linux 6.1) writes them."""

import struct

NESTED = 0x8000
START = 1_700_000_000 * 10**9  # nanoseconds since 1970
TCP, UDP = 6, 17
# enum ctattr_type and those within it, include/uapi/linux/netfilter/nfnetlink_conntrack.h
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO = 1, 2, 3, 4
COUNTERS_ORIG, COUNTERS_REPLY, ID, TIMESTAMP = 9, 10, 12, 20


def attribute(kind, payload):
    padding = bytes(-len(payload) % 4)
    return struct.pack("=HH", len(payload) + 4, kind) + payload + padding


def nest(kind, *children):
    return attribute(kind | NESTED, b"".join(children))


def tuple_of(kind, protocol, source, destination):
    ends = nest(1, attribute(1, struct.pack("!I", source[0])), attribute(2, struct.pack("!I", destination[0])))
    ports = nest(2, attribute(1, bytes([protocol])), attribute(2, struct.pack("!H", source[1])),
                 attribute(3, struct.pack("!H", destination[1])))
    return nest(kind, ends, ports)


def counters(kind, packets, octets):
    return nest(kind, attribute(1, struct.pack("!Q", packets)), attribute(2, struct.pack("!Q", octets)))


def event(number):
    """One datagram. No two numbers below 2^24 give the same connection."""
    protocol = TCP if number % 3 == 0 else UDP
    client = (0x0A00_0000 + number, 1024 + number * 7919 % 60000)
    server = (0xC633_6400 + number % 200, 443)
    packets = 2 + number % 50
    # The last packet two seconds after the first, then the timeout of TIME_WAIT or of a UDP stream.
    start = START + number * 20_000
    stop = start + 122 * 10**9
    state = nest(PROTOINFO, nest(1, attribute(1, bytes([7])))) if protocol == TCP else b""
    body = b"".join((
        tuple_of(TUPLE_ORIG, protocol, client, server),
        tuple_of(TUPLE_REPLY, protocol, server, client),
        attribute(ID, struct.pack("!I", (number * 2654435761) & 0xFFFF_FFFF)),
        attribute(STATUS, struct.pack("!I", 0x20E)),  # SEEN_REPLY, ASSURED, CONFIRMED, DYING
        counters(COUNTERS_ORIG, packets, packets * 80),
        counters(COUNTERS_REPLY, packets + 1, packets * 900),
        nest(TIMESTAMP, attribute(1, struct.pack("!Q", start)), attribute(2, struct.pack("!Q", stop))),
        state))
    header = struct.pack("=IHHII", 20 + len(body), 0x0102, 0, 0, 0)
    return header + bytes([2, 0, 0, 0]) + body, stop


def write(file_name, count):
    """A capture of link type NETLINK with times in nanoseconds."""
    cooked = struct.pack("!HH10xH", 4, 824, 12)  # kernel to user; ARPHRD_NETLINK; NETLINK_NETFILTER
    with open(file_name, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2_3C4D, 2, 4, 0, 0, 65535, 253))
        for number in range(count):
            datagram, time = event(number)
            length = len(cooked) + len(datagram)
            file.write(struct.pack("=IIII", time // 10**9, time % 10**9, length, length) + cooked + datagram)
