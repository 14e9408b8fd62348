# SPDX-License-Identifier: GPL-2.0-or-later
"""Why an entry was destroyed."""

import time

import ctnl
from lab import Lab, because, destroyed, equal, run, sysctl
from packets import ACK, RST, SYN


def test_timeout(lab: Lab) -> None:
    sysctl("nf_conntrack_udp_timeout", 1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        lab.udp(port)
        time.sleep(1.2)
        lab.expire()
        equal("reason", listener.wait(destroyed(port)).flow.reason, "timeout")


def test_tcp_close(lab: Lab) -> None:
    sysctl("nf_conntrack_tcp_timeout_time_wait", 1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        lab.handshake(port)
        lab.fins(port)
        time.sleep(1.2)
        lab.expire()
        equal("reason", listener.wait(destroyed(port)).flow.reason,
              "tcp-close")


def test_tcp_reset(lab: Lab) -> None:
    sysctl("nf_conntrack_tcp_timeout_close", 1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        lab.handshake(port)
        lab.tcp(port, RST | ACK, True, seq=5001, ack=1001)
        time.sleep(1.2)
        lab.expire()
        equal("reason", listener.wait(destroyed(port)).flow.reason,
              "tcp-reset")


def test_rst_as_the_only_answer(lab: Lab) -> None:
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        lab.tcp(port, SYN, seq=1000)
        lab.tcp(port, RST | ACK, True, seq=0, ack=1001)
        equal("reason", listener.wait(destroyed(port)).flow.reason,
              "tcp-reset")


def test_delete_and_flush(lab: Lab) -> None:
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        port = lab.port()
        lab.udp(port)
        lab.settle()
        run(f"conntrack -D -p udp --sport {port}")
        equal("delete", listener.wait(destroyed(port)).flow.reason, "netlink")
        port = lab.port()
        lab.udp(port)
        lab.settle()
        run("conntrack -F")
        equal("flush", listener.wait(destroyed(port)).flow.reason, "netlink")


def test_early_drop(lab: Lab) -> None:
    buckets = sysctl("nf_conntrack_buckets")
    sysctl("nf_conntrack_buckets", 512)
    sysctl("nf_conntrack_max", 300)
    try:
        with lab.listen(ctnl.GROUP_DESTROY) as listener:
            for port in range(30000, 30900):
                lab.udp(port)
            reasons = [m.flow.reason for m in listener.rest()]
        equal("reasons", set(reasons), {"early-drop"})
    finally:
        sysctl("nf_conntrack_max", 65536)
        sysctl("nf_conntrack_buckets", buckets)


def test_reopened(lab: Lab) -> None:
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        lab.handshake(port)
        lab.fins(port)
        lab.tcp(port, SYN, seq=90000)
        event = listener.wait(destroyed(port))
    because(lab, event, "tcp-reopen")
    equal("packets of the old one", event.flow.orig.packets, 4)
    flow = lab.flow(port)
    equal("packets of the new one", flow.orig.packets, 1)
    equal("flags of the new one", flow.orig.tcp_flags, SYN)


def test_reopened_in_the_memory_of_one_that_was_killed(lab: Lab) -> None:
    """The kernel gives a new entry what was freed last."""
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        for _ in range(5):
            port = lab.port()
            lab.tcp(port, SYN, seq=1000)
            lab.tcp(port, RST | ACK, True, seq=0, ack=1001)
            event = listener.wait(destroyed(port))
            because(lab, event, "tcp-reset", "killed")
            if not lab.origin.knows_reasons:
                equal("packets of the killed", (event.flow.orig.packets,
                                                event.flow.reply.packets),
                      (1, 1))
            port = lab.port()
            lab.handshake(port)
            lab.fins(port)
            lab.tcp(port, SYN, seq=90000)
            event = listener.wait(destroyed(port))
            because(lab, event, "tcp-reopen", "reopened")
            equal("packets of the old one", (event.flow.orig.packets,
                                             event.flow.reply.packets), (4, 2))
            equal("packets of the new one", lab.flow(port).orig.packets, 1)


def test_other(lab: Lab) -> None:
    lab.rules("table ip nat { chain p { type nat hook postrouting priority "
              "100; oifname r2 masquerade; }; }")
    port = lab.port()
    lab.udp(port)
    lab.settle()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        run("ip addr del 10.0.2.1/24 dev r2")
        try:
            equal("reason", listener.wait(destroyed(port)).flow.reason,
                  "other")
        finally:
            run("ip addr add 10.0.2.1/24 dev r2")
            lab.neighbours()


def test_living_entries_have_none(lab: Lab) -> None:
    port = lab.port()
    lab.udp(port)
    equal("reason", lab.flow(port).reason, None)
