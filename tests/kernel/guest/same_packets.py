# SPDX-License-Identifier: GPL-2.0-or-later
"""The same packets for every origin; prints what each connection became.

Interfaces by name, times relative to the first packet, or to when the last one
was sent, so that two kernels can be compared line by line
(lib/same_packets.py).
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import struct
import time

import ctnl
import packets
from lab import (CLIENT, CLIENT6, SERVER, SERVER6, Lab, destroyed, lab_main,
                 namespace, run, sysctl)
from packets import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

STEP = 0.2      # seconds between packets whose times are compared


def web(lab: Lab, port: int) -> None:
    lab.tcp(port, SYN | ECE | CWR, seq=1000, tos=0x10)
    time.sleep(STEP)
    lab.tcp(port, SYN | ECE | CWR, seq=1000, tos=0x10)      # again
    time.sleep(STEP)
    lab.tcp(port, SYN | ACK | ECE, True, seq=5000, ack=1001, ttl=57)
    lab.tcp(port, ACK, seq=1001, ack=5001)
    lab.tcp(port, ACK | PSH | URG, seq=1001, ack=5001, size=333, tos=0x12)
    lab.tcp(port, ACK, True, seq=5001, ack=1334, tos=3)
    lab.tcp(port, ACK | PSH, seq=1, ack=5001, size=10)      # outside
    time.sleep(STEP)
    lab.tcp(port, FIN | ACK, seq=1334, ack=5001)
    lab.tcp(port, FIN | ACK, True, seq=5001, ack=1335)
    lab.tcp(port, ACK, seq=1335, ack=5002, ttl=63)


def refused(lab: Lab, port: int) -> None:
    lab.tcp(port, SYN, seq=1000, ttl=63)
    lab.tcp(port, RST | ACK, True, seq=0, ack=1001, ttl=50)


def reset(lab: Lab, port: int) -> None:
    lab.handshake(port)
    lab.tcp(port, RST | ACK, True, seq=5001, ack=1001)


def datagrams(lab: Lab, port: int, six: bool) -> None:
    for number, size in enumerate((500, 0, 1400, 100)):
        lab.udp(port, size=size, six=six, tos=0xb8 + number, ttl=64 - number)
        time.sleep(STEP / 2)
    lab.udp(port, reply=True, size=7, six=six, tos=0x28, ttl=255)


def udp(lab: Lab, port: int) -> None:
    datagrams(lab, port, False)


def udp6(lab: Lab, port: int) -> None:
    datagrams(lab, port, True)


def errors(lab: Lab, port: int) -> None:
    sent = lab.udp(port)
    for _ in range(2):
        lab.s.send(packets.unreachable(SERVER, CLIENT, sent))
    answer = lab.udp(port, reply=True, size=10)
    lab.c.send(packets.unreachable(CLIENT, SERVER, answer))


def errors6(lab: Lab, port: int) -> None:
    sent = lab.udp(port, six=True)
    lab.s.send(packets.unreachable(SERVER6, CLIENT6, sent))
    lab.udp(port, six=True, ttl=1)      # expires here


def segments(lab: Lab, port: int) -> None:
    with namespace("c"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(17, 103, struct.pack("=i", 1000))     # UDP_SEGMENT
    sender.bind(("10.0.1.2", port))
    sender.sendto(bytes(20_300), (SERVER, 53))
    sender.close()


def here(lab: Lab, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind(("10.0.1.1", port))
        mine.sendto(b"question", (CLIENT, 5353))
        lab.c.send(packets.udp(CLIENT, "10.0.1.1", 5353, port, 10))
        mine.settimeout(2)
        mine.recvfrom(100)


def loopback(_: Lab, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind(("127.0.0.1", port))
        mine.sendto(b"x", ("127.0.0.1", port))
        mine.recvfrom(10)       # or there is nobody, and an ICMP error


def masqueraded(lab: Lab, port: int) -> None:
    lab.rules("table ip nat { chain p { type nat hook postrouting priority "
              "100; oifname r2 masquerade; }; }")
    lab.c.send(packets.udp(CLIENT, SERVER, port, 53, 100))
    lab.s.send(packets.udp(SERVER, "10.0.2.1", 53, port, 50))
    lab.settle()


def offloaded(lab: Lab, port: int) -> dict[str, int]:
    """When the last packet of each way was sent: an emulator takes its time
    for the ten before it."""
    lab.rules("""table inet ft {
        flowtable f { hook ingress priority 0; devices = { r1, r2 }; }
        chain forward {
            type filter hook forward priority 0
            ct state established flow add @f
        }
    }""")
    lab.udp(port)
    lab.udp(port, reply=True)
    lab.settle()
    sent = {}
    for number in range(10):
        sent["orig"] = time.time_ns()
        lab.udp(port, size=200 + number, ttl=60 + number, tos=0x20)
    time.sleep(STEP)
    packet = packets.udp(SERVER, CLIENT, 53, port, 1)
    sent["reply"] = time.time_ns()
    lab.s.send(packet, padding=17)
    lab.settle()
    return sent


CASES = (web, refused, reset, udp, udp6, errors, errors6, segments, here,
         loopback, masqueraded, offloaded)


def plain(direction: ctnl.Direction | None, begin: int,
          sent: int) -> dict[str, object] | None:
    if direction is None:
        return None
    result: dict[str, object] = dataclasses.asdict(direction)
    if direction.first is not None and direction.last is not None:
        result["first"] = round((direction.first - begin) / 1e9, 3)
        result["last"] = round((direction.last - sent) / 1e9, 3)
    names = {None: None, 0: "here", **dict(socket.if_nameindex())}
    result["iif"], result["oif"] = names[direction.iif], names[direction.oif]
    return result


def body(lab: Lab) -> None:
    sysctl("/proc/sys/net/ipv6/icmp/ratelimit", 0)
    for case in CASES:
        lab.reset()
        port = lab.port()
        with lab.listen(ctnl.GROUP_DESTROY) as listener:
            sent = case(lab, port) or {}
            lab.settle()
            run("conntrack -F")
            end = listener.wait(destroyed(port))
        assert end.flow and end.flow.orig and end.flow.orig.first
        begin = end.flow.orig.first
        print("SIDE", json.dumps({
            "case": case.__name__, "reason": end.flow.reason,
            "orig": plain(end.flow.orig, begin, sent.get("orig", begin)),
            "reply": plain(end.flow.reply, begin, sent.get("reply", begin))}),
            flush=True)
    print("RESULT 0 0 0", flush=True)


if __name__ == "__main__":
    print(f"        {os.cpu_count()} processors", flush=True)
    lab_main(body)
