# SPDX-License-Identifier: GPL-2.0-or-later
"""First and last packet of each direction."""

import time

import ctnl
from lab import TICK, Lab, between, destroyed, equal, near, run, sysctl
from origin import only_patch

NS = 1e9


def test_each_direction_has_its_own_times(lab: Lab) -> None:
    port = lab.port()
    sent = []
    for reply in (False, False, True, True, False):
        sent.append((reply, time.time()))
        lab.udp(port, reply=reply)
        time.sleep(0.15)
    flow = lab.flow(port)
    for reply, direction in ((False, flow.orig), (True, flow.reply)):
        times = [at for way, at in sent if way is reply]
        near("first", direction.first / NS, times[0], 2 * TICK)
        near("last", direction.last / NS, times[-1], 2 * TICK)


def test_times_do_not_move_while_idle(lab: Lab) -> None:
    port = lab.port()
    lab.udp(port)
    lab.settle()
    before = lab.flow(port).orig
    time.sleep(1.2)
    after = lab.flow(port).orig
    equal("first", after.first, before.first)
    near("last", after.last / NS, before.last / NS, TICK)


def test_destroy_tells_the_last_packet_not_the_expiry(lab: Lab) -> None:
    sysctl("nf_conntrack_udp_timeout", 1)
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        sent = time.time()
        lab.udp(port)
        time.sleep(1.3)
        lab.udp(lab.port())             # finds and removes expired entries
        run("conntrack -L", check=False)
        event = listener.wait(destroyed(port), 70)
    near("last", event.flow.orig.last / NS, sent, 2 * TICK)
    between("stop", event.stop / NS, sent + 0.9, sent + 1.2)


def test_syn_retransmission_counts_as_last(lab: Lab) -> None:
    port = lab.port()
    for _ in range(3):
        sent = time.time()
        lab.tcp(port, 2, seq=1000)
        time.sleep(0.2)
    near("last", lab.flow(port).orig.last / NS, sent, 2 * TICK)


def test_last_is_never_before_first(lab: Lab) -> None:
    ports = [lab.port() for _ in range(50)]
    for port in ports:
        lab.udp(port)
        lab.udp(port, reply=True)
    lab.settle()
    for message in lab.dump():
        if message.orig.sport in ports:
            for direction in (message.flow.orig, message.flow.reply):
                between("last", direction.last, direction.first,
                        direction.first + 3 * TICK * NS)
            between("first reply", message.flow.reply.first,
                    message.flow.orig.first - TICK * NS,
                    message.flow.orig.first + NS)


@only_patch("FIRST is the creation of the entry there; eBPF has the first packet")
def test_created_by_ctnetlink(lab: Lab) -> None:
    port = lab.port()
    created = time.time()
    run(f"conntrack -I -p udp -s 10.0.1.100 -d 10.0.2.100 --sport {port} "
        "--dport 53 -t 100")
    created_by = time.time()
    flow = lab.flow(port)
    equal("original direction", flow.orig, None)
    time.sleep(0.3)
    sent = time.time()
    lab.udp(port)
    lab.udp(port, reply=True)
    flow = lab.flow(port)
    between("first", flow.orig.first, (created - 2 * TICK) * NS,
            (created_by + 2 * TICK) * NS)
    near("last", flow.orig.last / NS, sent, 2 * TICK)
    near("first reply", flow.reply.first / NS, sent, 2 * TICK)
