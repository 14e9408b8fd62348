# SPDX-License-Identifier: GPL-2.0-or-later
"""A collector of IPFIX over UDP that forgives nothing: every record must be readable when it comes, and
every message must continue the sequence of its sender."""

import collections
import socket
import struct
import threading

import ipfix


class Collector:
    """Listens in a namespace until stop(); `senders`: an ipfix.Session by address and port."""

    def __init__(self, namespace, port, address, family=socket.AF_INET):
        self.senders = {}
        self.gaps = []
        self.unreadable = 0  # messages without their templates
        self.longest = 0
        self._expected = {}
        self._socket = namespace.socket(family, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((address, port))
        self._socket.settimeout(0.1)
        self._ending = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while not self._ending:
            try:
                data, peer = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            self._take(data, peer[:2])

    def _take(self, data, peer):
        version, length, _, sequence, _ = struct.unpack_from("!HHIII", data)
        if version != 10 or length != len(data):
            raise ValueError(data.hex())
        self.longest = max(self.longest, length)
        session = self.senders.setdefault(peer, ipfix.Session())
        if self._expected.setdefault(peer, sequence) != sequence:
            self.gaps.append((peer, self._expected[peer], sequence))
        before = len(session.records) + session.options
        try:
            ipfix.add_sets(session, data[16:])
        except KeyError:
            self.unreadable += 1
        self._expected[peer] = sequence + len(session.records) + session.options - before
        session.messages += 1

    def records(self):
        return [record for session in list(self.senders.values()) for record in session.records]

    def flows(self, *elements):
        """How often each flow was received, by these elements."""
        return collections.Counter(tuple(record.get(element) for element in elements)
                                   for record in self.records())

    def stop(self):
        self._ending = True
        self._thread.join()
        self._socket.close()
