#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes databases of networks in MaxMind's format, version 2.0 (maxmind.github.io/MaxMind-DB): small ones, for tests.

Run without arguments it writes those of tests/data/mmdb again."""

import ipaddress
import pathlib
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"
TEXT, DOUBLE, UINT16, UINT32, MAP, UINT64 = 2, 3, 5, 6, 7, 9


class Uint64(int):
    """A number that is written as 64 bits, whatever its value."""


class Uint16(int):
    pass


def control(kind, size):
    """The octets before a value: its type and its size."""
    if size < 29:
        low, more = size, b""
    elif size < 285:
        low, more = 29, bytes([size - 29])
    else:
        low, more = 30, struct.pack(">H", size - 285)
    if kind <= 7:
        return bytes([kind << 5 | low]) + more
    return bytes([low, kind - 7]) + more


def encoded(value):
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(encoded(key) + encoded(one) for key, one in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(encoded(one) for one in value)
    if isinstance(value, str):
        octets = value.encode()
        return control(TEXT, len(octets)) + octets
    kind = UINT64 if isinstance(value, Uint64) else UINT16 if isinstance(value, Uint16) else UINT32
    octets = value.to_bytes(8, "big").lstrip(b"\0")
    return control(kind, len(octets)) + octets


class Tree:
    """A binary tree of prefixes: a node is [left, right], each a node, an entry or None."""

    def __init__(self, bits):
        self.bits = bits
        self.root = [None, None]

    def add(self, network, entry):
        network = ipaddress.ip_network(network)
        number, length = int(network.network_address), network.prefixlen
        if network.version == 4 and self.bits == 128:
            length += 96  # IPv4 has its place at ::/96
        node = self.root
        for depth in range(length - 1):
            side = number >> (self.bits - 1 - depth) & 1
            if not isinstance(node[side], list):
                node[side] = [node[side], node[side]]  # what a shorter prefix says holds within it
            node = node[side]
        node[number >> (self.bits - length) & 1] = entry

    def nodes(self):
        found = [self.root]
        for node in found:
            found += [one for one in node if isinstance(one, list)]
        return found


def record_pair(left, right, size):
    if size == 24:
        return left.to_bytes(3, "big") + right.to_bytes(3, "big")
    if size == 28:
        middle = (left >> 24) << 4 | right >> 24
        return (left & 0xffffff).to_bytes(3, "big") + bytes([middle]) + (right & 0xffffff).to_bytes(3, "big")
    return struct.pack(">II", left, right)


def database(networks, kind="GeoLite2-ASN", version=6, record_size=28, built=1_700_000_000):
    """The octets of a file. `networks`: prefixes and what the database says of each, shorter prefixes first."""
    tree = Tree(128 if version == 6 else 32)
    data, places = b"", {}
    for network, value in networks.items():
        octets = encoded(value)
        if octets not in places:
            places[octets] = len(data)
            data += octets
        tree.add(network, places[octets])
    nodes = tree.nodes()
    numbers = {id(node): number for number, node in enumerate(nodes)}

    def record(one):
        if one is None:
            return len(nodes)
        return numbers[id(one)] if isinstance(one, list) else len(nodes) + 16 + one
    metadata = {"node_count": len(nodes), "record_size": Uint16(record_size), "ip_version": Uint16(version),
                "database_type": kind, "languages": ["en"], "binary_format_major_version": Uint16(2),
                "binary_format_minor_version": Uint16(0), "build_epoch": Uint64(built),
                "description": {"en": "made for a test"}}
    search = b"".join(record_pair(record(left), record(right), record_size) for left, right in nodes)
    return search + bytes(16) + data + MARKER + encoded(metadata)


def node_count(octets):
    """What the metadata of a file says, as written by database()."""
    at = octets.rindex(b"node_count") + len(b"node_count")
    size = octets[at] & 0x1f
    return int.from_bytes(octets[at + 1:at + 1 + size], "big")


def as_entry(number):
    return {"autonomous_system_number": number, "autonomous_system_organization": f"Organization {number}"}


# Documentation networks (RFC 5737, 3849) and AS numbers (RFC 5398).
AS_NETWORKS = {
    "192.0.2.0/24": as_entry(64496),
    "198.51.100.0/24": as_entry(64497),
    "198.51.100.128/25": as_entry(4_200_000_001),  # of 32 bits, within a longer prefix
    "2001:db8::/32": as_entry(65550),
    "2001:db8:1::/48": as_entry(65551),
}

FILES = {
    "as": database(AS_NETWORKS),
    "as-newer": database({**AS_NETWORKS, "192.0.2.0/24": as_entry(64500)}, built=1_800_000_000),
    "as-ipv4-only": database({network: value for network, value in AS_NETWORKS.items() if ":" not in network},
                             version=4, record_size=24),
    "as-text": database({"192.0.2.0/24": {"asn": "AS64496", "name": "One"},
                         "198.51.100.0/24": {"asn": "64497"},
                         "203.0.113.0/24": {"asn": "AS4294967296"},
                         "2001:db8::/32": {"asn": "no number"}}, kind="ipinfo asn", record_size=32),
    "as-64-bits": database({"192.0.2.0/24": {"traits": {"autonomous_system_number": Uint64(64496)}},
                            "198.51.100.0/24": {"traits": {"autonomous_system_number": Uint64(2 ** 32 + 5)}},
                            "203.0.113.0/24": {"traits": {}}}, kind="GeoIP2-Enterprise"),
    "country": database({"192.0.2.0/24": {"country": {"iso_code": "DE"}},
                         "198.51.100.0/24": {"continent": {"code": "EU"}},
                         "2001:db8::/32": {"country": {"iso_code": "NZ"}}}, kind="GeoLite2-Country"),
    "country-codes": database({"192.0.2.0/24": {"country": "DE"},
                               "198.51.100.0/24": {"country": "New Zealand", "country_code": "NZ"},
                               "203.0.113.0/24": {"country": "de"}}, kind="ipinfo country"),
    "empty": database({}),
}


def main():
    folder = pathlib.Path(__file__).parent.parent / "data" / "mmdb"
    folder.mkdir(parents=True, exist_ok=True)
    for name, octets in FILES.items():
        (folder / f"{name}.mmdb").write_bytes(octets)


if __name__ == "__main__":
    main()
