# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers of connection logs, and what must hold of any line."""

import base64
import collections
import contextlib
import hashlib
import ipaddress
import json
import os
import pathlib
import socket
import struct
import threading

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs/connection-log.schema.json"
_PORTS = (6, 17, 132)  # TCP, UDP, SCTP
_ANSWERS = {1: {8: 0, 0: 8}, 58: {128: 129, 129: 128}}


def validator():
    import jsonschema  # pylint: disable=import-outside-toplevel
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def parse(text):
    """The lines of a whole file; the last must be complete."""
    if text and not text.endswith("\n"):
        raise AssertionError(f"torn: {text[-200:]!r}")
    return [json.loads(line) for line in text.splitlines()]


def read(path):
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def community_id(protocol, source, destination, ports):
    """By the specification, in a second implementation. `ports`: for ICMP type and code."""
    one, other = (ipaddress.ip_address(address).packed for address in (source, destination))
    pair = ports
    if protocol in _ANSWERS:
        pair = (ports[0], _ANSWERS[protocol][ports[0]])
    if (one, pair[0]) > (other, pair[1]):
        one, other, pair = other, one, pair[::-1]
    data = struct.pack("!H", 0) + one + other + bytes((protocol, 0))
    if protocol in _PORTS or protocol in _ANSWERS:
        data += struct.pack("!HH", *pair)
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def by_connection(lines):
    """Lines of each connection, in their order."""
    table = collections.defaultdict(list)
    for line in lines:
        table[line["flow_id"], line["start"]].append(line)
    return table


def sums(lines):
    """Packets and octets of the deltas, of both sides together."""
    counts = [side.get(what, {"delta": 0})["delta"] for line in lines
              for side in (line["initiator"], line["responder"]) for what in ("packets", "octets")]
    return sum(map(int, counts[0::2])), sum(map(int, counts[1::2]))


class Reader:
    """A program that reads lines at a socket. It can go away, and come back."""

    def __init__(self, family, address, namespace=None):
        self._family, self._address, self._namespace = family, address, namespace
        self.received = []  # what each connection brought, in order
        self._stop = None
        self.listen()

    def listen(self):
        if self._family == socket.AF_UNIX:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._address)
        make = self._namespace.socket if self._namespace else socket.socket
        self._listener = make(self._family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        self._listener.listen()
        self._listener.settimeout(0.05)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(self._listener, self._stop), daemon=True)
        self._thread.start()

    def _serve(self, listener, stop):
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            data = bytearray()
            self.received.append(data)
            connection.settimeout(0.05)
            with contextlib.closing(connection):
                while not stop.is_set():
                    try:
                        piece = connection.recv(65536)
                    except TimeoutError:
                        continue
                    except ConnectionError:
                        break
                    if not piece:
                        break
                    data += piece

    def go_away(self):
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def lines(self):
        """All lines that arrived whole, those that came twice included."""
        return [json.loads(line) for data in self.received for line in bytes(data).split(b"\n")[:-1]]
