# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of exactly known size."""

import contextlib
import dataclasses
import random
import select
import socket
import struct

IP_HEADER = {socket.AF_INET: 20, socket.AF_INET6: 40}
UDP_HEADER = 8
ICMP_HEADER = 8
TCP_HEADERS = (20, 60)  # shortest and longest

GRE, SCTP, UDPLITE = 47, 132, 136
ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0),
        socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}


@dataclasses.dataclass
class Sent:
    """What left each side. For TCP the kernel chooses packets: then only payload is known."""
    protocol: int
    packets: tuple = (None, None)  # of the initiator, of the responder
    octets: tuple = (None, None)  # layer 3
    payload: tuple = (None, None)  # TCP only


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _bound(namespace, kind, address, port, protocol=0):
    sock = namespace.socket(family_of(address), kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.settimeout(10)
    return sock


def udp(initiator, responder, address, port, sizes=(100,), replies=(), listen=None, source=None,
        protocol=socket.IPPROTO_UDP):
    """Datagrams of `sizes` octets of payload, then `replies` back.

    `listen`: address and port of the responder if translation makes them differ from where the
    initiator sends to. `source`: local address and port of the initiator. `protocol`: UDP or
    UDPLITE.
    """
    with contextlib.closing(_bound(responder, socket.SOCK_DGRAM, *(listen or (address, port)),
                                   protocol)) as there, \
         contextlib.closing(initiator.socket(family_of(address), socket.SOCK_DGRAM,
                                             protocol)) as here:
        here.settimeout(10)
        if source:
            here.bind(source)
        here.connect((address, port))
        peer = None
        for size in sizes:
            here.send(bytes(size))
            _, peer = there.recvfrom(65535)
        for size in replies:
            there.sendto(bytes(size), peer)
            here.recv(65535)
    head = IP_HEADER[family_of(address)] + UDP_HEADER
    return Sent(protocol, (len(sizes), len(replies)),
                (sum(sizes) + head * len(sizes), sum(replies) + head * len(replies)))


@contextlib.contextmanager
def tcp_connection(initiator, responder, address, port, listen=None):
    """Both ends of one, of which the responder's is closed first. `listen`: as for udp()."""
    with contextlib.closing(_bound(responder, socket.SOCK_STREAM,
                                   *(listen or (address, port)))) as listener, \
         contextlib.closing(initiator.socket(family_of(address), socket.SOCK_STREAM)) as here:
        listener.listen()
        here.settimeout(10)
        here.connect((address, port))
        with contextlib.closing(listener.accept()[0]) as there:
            yield here, there


def tcp(initiator, responder, address, port, sent=1000, answered=1000, listen=None):
    """A connection that carries `sent` octets there and `answered` back, closed by both sides."""
    with tcp_connection(initiator, responder, address, port, listen) as (here, there):
        _pump(here, there, sent)
        _pump(there, here, answered)
        here.shutdown(socket.SHUT_WR)
        there.recv(1)  # b"": the end of the stream
    return Sent(socket.IPPROTO_TCP, payload=(sent, answered))


def _pump(source, sink, size):
    source.setblocking(False)
    sink.setblocking(False)
    outstanding, unread = size, size
    while unread:
        readable, writable, _ = select.select([sink], [source] if outstanding else [], [], 10)
        if not readable and not writable:
            raise TimeoutError(f"{unread} of {size} octets did not arrive")
        if writable:
            outstanding -= source.send(bytes(min(outstanding, 16384)))
        if readable:
            unread -= len(sink.recv(65536))
    source.settimeout(10)
    sink.settimeout(10)


def echo(initiator, address, sizes=(56,)):
    """Echo requests with `sizes` octets of payload, all of one conversation."""
    family = family_of(address)
    protocol, request, reply = ECHO[family]
    identifier = random.randrange(1, 65536)
    with contextlib.closing(initiator.socket(family, socket.SOCK_RAW, protocol)) as sock:
        sock.settimeout(10)
        sock.connect((address, 0))
        for number, size in enumerate(sizes):
            message = struct.pack("!BBHHH", request, 0, 0, identifier, number) + bytes(size)
            if family == socket.AF_INET:  # for ICMPv6 the kernel fills in the checksum
                message = message[:2] + checksum(message) + message[4:]
            sock.send(message)
            while True:
                answer = sock.recv(65535)
                if family == socket.AF_INET:
                    answer = answer[20:]
                if answer[0] == reply and answer[4:8] == message[4:8]:
                    break
    octets = sum(sizes) + (IP_HEADER[family] + ICMP_HEADER) * len(sizes)
    return Sent(protocol, (len(sizes), len(sizes)), (octets, octets))


def raw(initiator, responder, address, protocol, packets):
    """IP packets of any protocol: (from_initiator, content) in turn. Each must arrive."""
    family = family_of(address)
    head = IP_HEADER[family]
    counts, octets = [0, 0], [0, 0]
    with contextlib.closing(initiator.socket(family, socket.SOCK_RAW, protocol)) as here, \
         contextlib.closing(responder.socket(family, socket.SOCK_RAW, protocol)) as there:
        here.settimeout(10)
        there.settimeout(10)
        here.connect((address, 0))
        peer = None
        for forward, content in packets:
            if forward:
                here.send(content)
                _, peer = there.recvfrom(65535)
            else:
                there.sendto(content, peer)
                here.recv(65535)
            counts[not forward] += 1
            octets[not forward] += head + len(content)
    return Sent(protocol, tuple(counts), tuple(octets))


def gre(initiator, responder, address):
    """Version 0 without key, two packets there and one back (RFC 2784)."""
    header = struct.pack("!HH", 0, 0x0800)
    return raw(initiator, responder, address, GRE,
               [(True, header + bytes(100)), (False, header + bytes(50)),
                (True, header + bytes(200))])


def sctp(initiator, responder, address, ports=(6000, 6001)):
    """An association set up in four packets and aborted."""
    return raw(initiator, responder, address, SCTP, sctp_packets(ports))


def sctp_packets(ports):
    """An association set up in four packets and aborted (RFC 9260), as raw() wants packets."""
    here, there = 0x11111111, 0x22222222  # Initiate Tags

    def packet(from_port, to_port, tag, kind, content):
        chunk = struct.pack("!BBH", kind, 0, 4 + len(content)) + content
        head = struct.pack("!HHI", from_port, to_port, tag)
        return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk

    def init(tag):
        return struct.pack("!IIHHI", tag, 65536, 1, 1, 1)
    forward, backward = ports, tuple(reversed(ports))
    cookie = bytes(64)
    return [
        (True, packet(*forward, 0, 1, init(here))),
        (False, packet(*backward, here, 2, init(there)
                       + struct.pack("!HH", 7, 4 + len(cookie)) + cookie)),
        (True, packet(*forward, there, 10, cookie)),
        (False, packet(*backward, here, 11, b"")),
        (True, packet(*forward, there, 6, b"")),
    ]


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def crc32c(data):
    """The checksum of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
