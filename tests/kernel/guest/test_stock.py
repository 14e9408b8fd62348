# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel without the series does: the baseline, and no surprises."""

import time

import ctnl
from lab import (SYSCTL, Failure, Lab, between, destroyed, equal, of_port,
                 run, sysctl)
from packets import SYN

ORIGINS = ("stock", "ebpf", "netfilter")


def test_there_is_no_switch(lab: Lab) -> None:
    for name in ("nf_conntrack_flow", "nf_conntrack_flow_active_timeout"):
        try:
            open(SYSCTL + name).close()
        except FileNotFoundError:
            continue
        raise Failure(f"{name} exists")


def test_no_message_has_the_attribute(lab: Lab) -> None:
    port = lab.port()
    with ctnl.Listener(1, 2, 3, ctnl.GROUP_FLOW) as listener:
        lab.handshake(port)
        lab.settle()
        equal("dump", [m.flow for m in ctnl.dump() if of_port(port)(m)],
              [None])
        lab.fins(port)
        lab.settle()
        run("conntrack -F")
        events = [m for m in listener.drain() if of_port(port)(m)]
    equal("events", len(events) > 3, True)
    equal("attributes", [m.flow for m in events if m.flow], [])
    print(f"        DESTROY of IPv4 TCP: {events[-1].size} octets",
          flush=True)


def test_group_32_is_silent(lab: Lab) -> None:
    with ctnl.Listener(ctnl.GROUP_FLOW) as listener:
        port = lab.port()
        for _ in range(5):
            lab.udp(port)
            time.sleep(0.1)
        equal("messages", listener.drain(), [])


def test_syn_retransmissions_are_not_counted(lab: Lab) -> None:
    port = lab.port()
    for _ in range(4):
        lab.tcp(port, SYN, seq=1000)
    message = lab.find(port)
    equal("stock", (message.packets[0], message.octets[0]), (1, 40))


def test_stop_is_the_expiry(lab: Lab) -> None:
    sysctl("nf_conntrack_udp_timeout", 1)
    port = lab.port()
    with ctnl.Listener(ctnl.GROUP_DESTROY) as listener:
        sent = time.time()
        lab.udp(port)
        time.sleep(1.2)
        run("conntrack -L")
        event = listener.wait(destroyed(port), 70)
    between("stop", event.stop / 1e9, sent + 0.9, sent + 1.2)
