# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads streams and files of IPFIX messages (RFC 7011) strictly: what a collector might forgive is
an error here."""

import dataclasses
import struct

TEMPLATES, OPTIONS_TEMPLATES = 2, 3
VARIABLE = 65535


@dataclasses.dataclass
class Session:
    messages: int = 0
    records: list = dataclasses.field(default_factory=list)  # {element: octets} of flows
    options: int = 0
    option_records: list = dataclasses.field(default_factory=list)  # the same of those
    templates: dict = dataclasses.field(default_factory=dict)  # id -> [(element, length)]
    option_templates: set = dataclasses.field(default_factory=set)
    repeated: int = 0  # templates that the session had already
    missing: int = 0  # Data Records that gaps in the sequence tell of
    left_over: int = 0  # octets of a message that is not whole


def read(data):
    """One Transport Session, from its first octet."""
    session = Session()
    expected = 0
    offset = 0
    while len(data) - offset >= 16:
        version, length, _, sequence, _ = struct.unpack_from("!HHIII", data, offset)
        if version != 10 or length < 16:
            raise ValueError(f"no message at {offset}: {data[offset:offset + 16].hex()}")
        if length > len(data) - offset:
            break
        if session.messages == 0 and sequence != 0:
            raise ValueError(f"the session begins with {sequence}")
        session.missing += (sequence - expected) % 2 ** 32
        before = len(session.records) + session.options
        add_sets(session, data[offset + 16:offset + length])
        expected = (sequence + len(session.records) + session.options - before) % 2 ** 32
        session.messages += 1
        offset += length
    session.left_over = len(data) - offset
    return session


def add_sets(session, data):
    offset = 0
    while offset < len(data):
        number, length = struct.unpack_from("!HH", data, offset)
        if length < 4 or length > len(data) - offset:
            raise ValueError(f"set of {length} octets")
        content = data[offset + 4:offset + length]
        if number in (TEMPLATES, OPTIONS_TEMPLATES):
            _templates(session, content, number == OPTIONS_TEMPLATES)
        else:
            _records(session, number, content)
        offset += length


def _templates(session, data, options):
    offset = 0
    while len(data) - offset >= 4:
        number, count = struct.unpack_from("!HH", data, offset)
        offset += 6 if options else 4
        fields = []
        for _ in range(count):
            element, length = struct.unpack_from("!HH", data, offset)
            offset += 8 if element & 0x8000 else 4
            fields.append((element, length))
        if number in session.templates and session.templates[number] != fields:
            raise ValueError(f"template {number} was redefined")
        session.repeated += number in session.templates
        session.templates[number] = fields
        if options:
            session.option_templates.add(number)


def _records(session, number, data):
    fields = session.templates[number]  # KeyError: the session lacks the template
    at = 0
    while at < len(data):
        record = {}
        for element, length in fields:
            if length == VARIABLE:  # RFC 7011, section 7
                length, at = data[at], at + 1
                if length == 255:
                    length, at = int.from_bytes(data[at:at + 2], "big"), at + 2
            record[element] = data[at:at + length]
            at += length
        if at > len(data):
            raise ValueError(f"{len(data)} octets end within a record of template {number}")
        if number in session.option_templates:
            session.options += 1
            session.option_records.append(record)
        else:
            session.records.append(record)


def number(record, element):
    return int.from_bytes(record[element], "big")
