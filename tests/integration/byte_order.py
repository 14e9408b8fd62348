# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes of a recording what a machine of the other byte order would have recorded, and of its times
what a later year would have given."""

import struct
import sys

_HERE, _THERE = ("<", ">") if sys.byteorder == "little" else (">", "<")
_CONNTRACK = 1  # NFNL_SUBSYS_CTNETLINK
_NESTED = 0x8000
_COOKED = 16  # octets in front of each datagram


def _turned(layout, data, offset):
    return struct.pack(_THERE + layout, *struct.unpack_from(_HERE + layout, data, offset))


def _attributes(data):
    result = b""
    offset = 0
    while len(data) - offset >= 4:
        length, kind = struct.unpack_from(_HERE + "HH", data, offset)
        payload = data[offset + 4:offset + length]
        result += _turned("HH", data, offset)
        result += _attributes(payload) if kind & _NESTED else payload
        padding = -length % 4
        result += data[offset + length:offset + length + padding]
        offset += length + padding
    return result + data[offset:]


def _datagram(data):
    result = b""
    offset = 0
    while len(data) - offset >= 16:
        length, kind = struct.unpack_from(_HERE + "IH", data, offset)
        padded = length + -length % 4
        result += _turned("IHHII", data, offset)
        body = data[offset + 16:offset + padded]
        result += body[:4] + _attributes(body[4:]) if kind >> 8 == _CONNTRACK else body
        offset += padded
    return result


def packets(data):
    """Seconds, fraction and content of each packet of a pcap file of this machine."""
    offset = 24
    while offset < len(data):
        seconds, fraction, captured, _ = struct.unpack_from(_HERE + "IIII", data, offset)
        yield seconds, fraction, data[offset + 16:offset + 16 + captured]
        offset += 16 + captured


def foreign(data):
    result = _turned("IHHiIII", data, 0)
    for seconds, fraction, packet in packets(data):
        result += struct.pack(_THERE + "IIII", seconds, fraction, len(packet), len(packet))
        result += packet[:_COOKED] + _datagram(packet[_COOKED:])
    return result


def later(data, seconds):
    """The same recording, made so much later; the kernel's own times stay."""
    result = data[:24]
    for second, fraction, packet in packets(data):
        result += struct.pack(_HERE + "IIII", second + seconds, fraction, len(packet), len(packet))
        result += packet
    return result


def of_another_family(data):
    """As if every datagram were of NETLINK_ROUTE."""
    result = data[:24]
    for second, fraction, packet in packets(data):
        result += struct.pack(_HERE + "IIII", second, fraction, len(packet), len(packet))
        result += packet[:_COOKED - 1] + b"\0" + packet[_COOKED:]
    return result


def malformed(data):
    """Every connection without its last octets."""
    result = data[:24]
    for second, fraction, packet in packets(data):
        packet = packet[:_COOKED + 24]
        result += struct.pack(_HERE + "IIII", second, fraction, len(packet), len(packet))
        result += packet
    return result
