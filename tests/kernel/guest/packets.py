# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds packets octet by octet, so that the tests know what they sent."""

from __future__ import annotations

import socket
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(src: str, dst: str, proto: int, payload: bytes) -> bytes:
    if ":" in src:
        return (socket.inet_pton(socket.AF_INET6, src)
                + socket.inet_pton(socket.AF_INET6, dst)
                + struct.pack("!II", len(payload), proto) + payload)
    return (socket.inet_aton(src) + socket.inet_aton(dst)
            + struct.pack("!BBH", 0, proto, len(payload)) + payload)


def ip(src: str, dst: str, proto: int, payload: bytes, tos: int = 0,
       ttl: int = 64) -> bytes:
    """An IPv4 or IPv6 packet, without options or extension headers."""
    if ":" in src:
        return (struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), proto,
                            ttl)
                + socket.inet_pton(socket.AF_INET6, src)
                + socket.inet_pton(socket.AF_INET6, dst) + payload)
    header = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), 0, 0x4000,
                         ttl, proto, 0)
    header += socket.inet_aton(src) + socket.inet_aton(dst)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] \
        + payload


def udp(src: str, dst: str, sport: int, dport: int, size: int = 0,
        tos: int = 0, ttl: int = 64) -> bytes:
    """A UDP packet with size octets of payload."""
    data = struct.pack("!HHHH", sport, dport, 8 + size, 0) + bytes(size)
    total = checksum(pseudo(src, dst, 17, data)) or 0xffff
    data = data[:6] + struct.pack("!H", total) + data[8:]
    return ip(src, dst, 17, data, tos, ttl)


def tcp(src: str, dst: str, sport: int, dport: int, flags: int, seq: int = 0,
        ack: int = 0, size: int = 0, tos: int = 0, ttl: int = 64,
        window: int = 65535, data: bytes = b"") -> bytes:
    segment = struct.pack("!HHIIHHHH", sport, dport, seq & 0xffffffff,
                          ack & 0xffffffff, 5 << 12 | flags, window, 0, 0)
    segment += data or bytes(size)
    total = checksum(pseudo(src, dst, 6, segment))
    segment = segment[:16] + struct.pack("!H", total) + segment[18:]
    return ip(src, dst, 6, segment, tos, ttl)


def echo(src: str, dst: str, ident: int, reply: bool = False) -> bytes:
    data = struct.pack("!BBHHH", 0 if reply else 8, 0, 0, ident, 1)
    return ip(src, dst, 1, data[:2] + struct.pack("!H", checksum(data))
              + data[4:])


def unreachable(src: str, dst: str, quoted: bytes, code: int = 3,
                ttl: int = 64, tos: int = 0) -> bytes:
    """ICMP or ICMPv6 destination unreachable about a packet."""
    if ":" in src:
        data = struct.pack("!BBHI", 1, 4, 0, 0) + quoted[:1000]
        total = checksum(pseudo(src, dst, 58, data))
        return ip(src, dst, 58, data[:2] + struct.pack("!H", total) + data[4:],
                  tos, ttl)
    data = struct.pack("!BBHI", 3, code, 0, 0) + quoted[:28]
    data = data[:2] + struct.pack("!H", checksum(data)) + data[4:]
    return ip(src, dst, 1, data, tos, ttl)
