# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that tc's action ct has tracked when the stack's conntrack sees
them, which leaves them as they are: each is counted once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import packets as p
from lab import Failure, Lab, Skip, equal, ifindex, run

ORIGINS = ("ebpf", "netfilter")
OFFLOAD = 1 << 14           # IPS_OFFLOAD


@contextlib.contextmanager
def tracking(action: str) -> Iterator[None]:
    """By both interfaces of the router, of what they receive."""
    try:
        for device in ("r1", "r2"):
            run(f"tc qdisc add dev {device} clsact")
            try:
                run(f"tc filter add dev {device} ingress protocol ip "
                    f"matchall {action}")
            except Failure as error:
                raise Skip(f"no action ct: {error}") from error
        yield
    finally:
        for device in ("r1", "r2"):
            run(f"tc qdisc del dev {device} clsact", check=False)


def matched(device: str) -> int:
    """Packets that went through the action."""
    shown = run(f"tc -s filter show dev {device} ingress")
    return int(shown.split("Sent ", 1)[1].split()[2])


def check_counts(lab: Lab, port: int, orig: tuple[int, int],
                 reply: tuple[int, int]) -> None:
    flow = lab.flow(port)
    equal("original", (flow.orig.packets, flow.orig.octets), orig)
    equal("reply", (flow.reply.packets, flow.reply.octets), reply)
    equal("interfaces", (flow.orig.iif, flow.orig.oif, flow.reply.iif,
                         flow.reply.oif),
          (ifindex("r1"), ifindex("r2"), ifindex("r2"), ifindex("r1")))
    equal("changes", (flow.orig.flags, flow.reply.flags), (0, 0))


def check_udp(lab: Lab) -> None:
    port = lab.port()
    for size in (10, 20, 30):
        lab.udp(port, size)
    for size in (40, 50):
        lab.udp(port, size, reply=True)
    lab.udp(port, 60)
    check_counts(lab, port, (4, 4 * 28 + 120), (2, 2 * 28 + 90))


def check_tcp(lab: Lab, by_tc: bool) -> None:
    """Once it is established, the action finds it in a table of its own, and
    conntrack sees its packets in the stack alone."""
    port = lab.port()
    lab.handshake(port)
    for number in range(20):
        lab.tcp(port, p.ACK, seq=1001, ack=5001)
        if number < 7:
            lab.tcp(port, p.ACK, True, seq=5001, ack=1001)
    lab.settle()
    equal("in the table of tc", bool(lab.find(port).status & OFFLOAD), by_tc)
    lab.fins(port)
    check_counts(lab, port, (24, 24 * 40), (9, 9 * 40))


def check(lab: Lab, action: str) -> None:
    with tracking(action):
        before = matched("r1"), matched("r2")
        check_udp(lab)
        check_tcp(lab, True)
        equal("tracked by tc", (matched("r1") - before[0],
                                matched("r2") - before[1]), (28, 11))
    # And the stack alone again, with entries of its own.
    run("conntrack -F")
    check_udp(lab)
    check_tcp(lab, False)


def test_each_packet_counts_once(lab: Lab) -> None:
    check(lab, "action ct")


def test_confirmed_before_the_stack(lab: Lab) -> None:
    check(lab, "action ct commit")


def test_zone_of_tc(lab: Lab) -> None:
    check(lab, "action ct commit zone 5")
