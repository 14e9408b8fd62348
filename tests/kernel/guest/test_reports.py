# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports on group 32: active timeout, silent tail, closed TCP."""

import time

import ctnl
from lab import (EMULATED, SERVER, TICK, Lab, between, destroyed, equal, near,
                 of_port, reported, run, sysctl)
from origin import only_patch
from packets import ACK, PSH, RST, SYN


def test_active_timeout(lab: Lab) -> None:
    lab.active_timeout(1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        begin = time.time()
        for _ in range(35):
            lab.udp(port)
            deadline = time.monotonic() + 0.1
            while (left := deadline - time.monotonic()) > 0:
                listener.read(left)     # notes when the report arrived
        seconds = time.time() - begin       # 3.5 and what the machine adds
        reports = [m for m in listener.drain(0.1) if of_port(port)(m)]
    between("reports", len(reports), 3, seconds)
    slack = 0.25 + seconds - 3.5
    for number, report in enumerate(reports, 1):
        near("time of the report", report.received - begin, number,
             0.12 * number + slack)
        equal("totals", (report.packets[0], report.octets[0]),
              (report.flow.orig.packets, report.flow.orig.octets))
        near("last", report.flow.orig.last / 1e9, report.received,
             0.1 + slack)
        equal("is a report", report.is_report, True)
    growing = [m.packets[0] for m in reports]
    equal("growing", growing, sorted(set(growing)))


def test_the_tail_of_a_connection_that_falls_silent(lab: Lab) -> None:
    lab.active_timeout(1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        begin = time.time()
        for _ in range(5):
            lab.udp(port)
        report = listener.wait(reported(port), 5)
        between("delay", report.received - begin, 0.95, 2.5)
        equal("packets", report.packets[0], 5)
        near("last", report.flow.orig.last / 1e9, begin, 0.1)
        # Nothing new: nothing to say.
        equal("more", [m for m in listener.drain(3.5) if of_port(port)(m)],
              [])
        # The next packet is more than the timeout later: at once.
        begin = time.time()
        lab.udp(port)
        report = listener.wait(reported(port), 1)
        near("at once", report.received, begin, 0.1)
        equal("packets", report.packets[0], 6)
        # One more, then silence: again the sweep.
        lab.udp(port)
        equal("packets", listener.wait(reported(port), 5).packets[0], 7)


def test_tail_of_the_reply_direction(lab: Lab) -> None:
    lab.active_timeout(1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        lab.udp(port)
        equal("first", listener.wait(reported(port), 5).packets, [1, 0])
        lab.udp(port, reply=True)
        lab.udp(port, reply=True)
        totals = [m.packets[1] for m in listener.drain(3.5)
                  if of_port(port)(m)]
        equal("last", totals[-1], 2)


@only_patch("sysctls")
def test_writing_the_timeout_starts_a_sweep(lab: Lab) -> None:
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        lab.udp(port)
        time.sleep(1.2)
        lab.active_timeout(1)
        begin = time.time()
        report = listener.wait(reported(port), 3)
        near("at once", report.received, begin, 0.3)


def test_closed_tcp_is_reported_at_once(lab: Lab) -> None:
    lab.active_timeout(100)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        lab.handshake(port)
        lab.tcp(port, ACK | PSH, seq=1001, ack=5001, size=100)
        equal("too early", listener.drain(0.2), [])
        begin = time.time()
        p = 1101
        lab.tcp(port, 0x11, seq=p, ack=5001)
        lab.tcp(port, 0x11, True, seq=5001, ack=p + 1)
        lab.tcp(port, ACK, seq=p + 1, ack=5002)
        report = listener.wait(reported(port), 1)
    near("at once", report.received, begin, 0.2)
    equal("state", report.tcp_state, 7)             # TIME_WAIT
    equal("orig", (report.flow.orig.packets, report.flow.orig.octets),
          (5, 300))
    equal("reply", (report.flow.reply.packets, report.flow.reply.octets),
          (2, 80))
    equal("flags", (report.flow.orig.tcp_flags, report.flow.reply.tcp_flags),
          (0x1b, 0x13))


def test_reset_tcp_is_reported_at_once(lab: Lab) -> None:
    lab.active_timeout(100)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        lab.handshake(port)
        lab.tcp(port, RST | ACK, True, seq=5001, ack=1001)
        report = listener.wait(reported(port), 1)
    equal("state", report.tcp_state, 8)             # CLOSE
    equal("reply flags", report.flow.reply.tcp_flags, SYN | ACK | RST)
    equal("reply packets", report.flow.reply.packets, 2)


def test_rejected_with_reset(lab: Lab) -> None:
    lab.active_timeout(100)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        lab.handshake(port)
        lab.rules("table ip t { chain f { type filter hook forward priority "
                  "1; tcp dport 80 reject with tcp reset; }; }")
        lab.tcp(port, ACK | PSH, seq=1001, ack=5001, size=10)
        report = listener.wait(reported(port), 1)
    equal("state", report.tcp_state, 8)
    equal("orig", (report.flow.orig.packets, report.flow.orig.octets,
                   report.flow.orig.tcp_flags), (3, 130, SYN | ACK | PSH))
    equal("reply", (report.flow.reply.packets, report.flow.reply.octets,
                    report.flow.reply.tcp_flags), (2, 80, SYN | ACK | RST))


@only_patch("groups of ctnetlink")
def test_a_listener_of_this_group_alone(lab: Lab) -> None:
    """nf_conntrack_events=2: somebody listens, that is enough."""
    sysctl("nf_conntrack_events", 2)
    lab.active_timeout(1)
    before, port, after = lab.port(), lab.port(), lab.port()
    lab.udp(before)
    lab.settle()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        for _ in range(15):
            lab.udp(before)
            lab.udp(port)
            time.sleep(0.1)
        equal("packets", listener.wait(reported(port), 3).packets[0] > 1, True)
        equal("older than the listener",
              [m for m in listener.drain(1.5) if of_port(before)(m)], [])
    # The listener has gone.
    lab.udp(after)
    lab.settle()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        time.sleep(1.2)
        lab.udp(after)
        equal("reports", [m for m in listener.drain(1.5)
                          if of_port(after)(m)], [])


def test_zero_means_no_reports(lab: Lab) -> None:
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        lab.handshake(port)
        lab.fins(port)
        time.sleep(1.1)
        lab.tcp(port, ACK, seq=1002, ack=5002)
        lab.expire()
        equal("reports", listener.drain(0.5), [])


@only_patch("groups of ctnetlink")
def test_other_groups_hear_nothing_of_reports(lab: Lab) -> None:
    lab.active_timeout(1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW) as reports, \
            lab.listen(ctnl.GROUP_NEW, ctnl.GROUP_UPDATE) as others:
        for _ in range(15):
            lab.udp(port)
            time.sleep(0.1)
        reports.wait(reported(port), 5)
        seen = [m.nlflags & ctnl.NLM_F_CREATE for m in others.drain()
                if of_port(port)(m)]
    equal("only the NEW event", seen, [ctnl.NLM_F_CREATE])


def test_reports_and_destroy_add_up(lab: Lab) -> None:
    """Conservation: the last total is that of the DESTROY event."""
    lab.active_timeout(1)
    ports = [lab.port() for _ in range(20)]
    with lab.listen(ctnl.GROUP_FLOW, ctnl.GROUP_DESTROY,
                       ) as listener:
        sent = dict.fromkeys(ports, 0)
        began = time.monotonic()
        for step in range(30):
            for number, port in enumerate(ports):
                if step % (number % 5 + 1) == 0:
                    lab.udp(port, size=number)
                    sent[port] += 1
            time.sleep(0.1)
        seconds = int(time.monotonic() - began)  # 3, or more where the guest is slow
        lab.settle()
        run("conntrack -F")
        events = listener.rest()
    for number, port in enumerate(ports):
        mine = [m for m in events if of_port(port)(m)]
        totals = [m.flow.orig.packets for m in mine]
        equal("never back", totals, sorted(totals))
        equal("kind of the last", mine[-1].kind, ctnl.MSG_DELETE)
        equal("total", totals[-1], sent[port])
        equal("octets", mine[-1].flow.orig.octets,
              sent[port] * (28 + number))
        between("reports", len(mine), 2, 2 + seconds)


def test_many_idle_connections_are_all_swept(lab: Lab) -> None:
    lab.active_timeout(2)
    first = 40000
    with lab.listen(ctnl.GROUP_FLOW) as listener:
        for port in range(first, first + 1500):
            lab.udp(port)
        deadline = time.monotonic() + (60 if EMULATED else 3)
        events = listener.drain(3)
        while len(events) < 1500 and time.monotonic() < deadline:
            events += listener.drain(1)
        events += listener.drain(3)     # none twice
    ports = [m.orig.sport for m in events if m.is_report]
    equal("reports", len(ports), 1500)
    equal("each once", sorted(ports), list(range(first, first + 1500)))


def test_destroy_follows_with_the_same_last(lab: Lab) -> None:
    lab.active_timeout(1)
    sysctl("nf_conntrack_udp_timeout", 3)
    port = lab.port()
    with lab.listen(ctnl.GROUP_FLOW, ctnl.GROUP_DESTROY) as listener:
        sent = time.time()
        lab.udp(port)
        report = listener.wait(reported(port), 5)
        time.sleep(max(0, sent + 3.2 - time.time()))
        lab.expire()
        event = listener.wait(destroyed(port), 8)
    near("report", report.flow.orig.last / 1e9, sent, 2 * TICK)
    near("destroy", event.flow.orig.last / 1e9, sent, 2 * TICK)
    equal("server", event.orig.dst, SERVER)
