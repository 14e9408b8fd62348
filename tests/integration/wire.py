# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets beside ctflowd: what arrives at a host, and a stream that never ends."""

import collections
import contextlib
import socket
import struct
import threading
import time

TCP, UDP = 6, 17
OUTGOING = 4  # PACKET_OUTGOING
SO_RCVBUFFORCE = 33


class Wire:
    """Packets that arrive at a host: after the router has made segments of what it forwards."""

    def __init__(self, host):
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self._socket.bind(("eth0", 0x0003))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.settimeout(0.1)
        self._stopping = False
        self.sums = collections.defaultdict(lambda: [0, 0])  # (protocol, ports) -> packets, octets
        self.times = collections.defaultdict(list)
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self):
        buffer = bytearray(256)
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                _, peer = self._socket.recvfrom_into(buffer, 256, socket.MSG_TRUNC)
                if peer[2] != OUTGOING:
                    self._add(time.time(), buffer)

    def _add(self, now, packet):
        if packet[0] >> 4 == 4:
            protocol, head = packet[9], 4 * (packet[0] & 15)
            length = struct.unpack_from("!H", packet, 2)[0]
        elif packet[0] >> 4 == 6:
            protocol, head = packet[6], 40
            length = 40 + struct.unpack_from("!H", packet, 4)[0]
        else:
            return
        ports = struct.unpack_from("!HH", packet, head) if protocol in (TCP, UDP) else (0, 0)
        entry = self.sums[(packet[0] >> 4, protocol, *ports)]
        entry[0] += 1
        entry[1] += length
        self.times[(packet[0] >> 4, protocol, *ports)].append(now)

    def sum(self, version, protocol, port=None):
        """Of all packets to or from a port."""
        found = [tuple(value) for key, value in self.sums.items()
                 if key[:2] == (version, protocol) and (port is None or port in key[2:])]
        return (sum(value[0] for value in found), sum(value[1] for value in found))

    def moments(self, port):
        return sorted(one for key, value in self.times.items() if port in key[2:] for one in value)

    def close(self):
        self._stopping = True
        self._thread.join()
        self._socket.close()


class Flood:
    """Datagrams of one connection, all the time, for nobody."""

    def __init__(self, host, address):
        self._socket = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._address = address
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        while not self._stopping.wait(0.001):
            self._socket.sendto(bytes(700), self._address)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()
        self._socket.close()
