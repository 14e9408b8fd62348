# SPDX-License-Identifier: GPL-2.0-or-later
"""The switch, namespaces, and connections out of the ordinary."""

import socket
import time

import ctnl
import packets
from lab import (CLIENT, SERVER, Failure, Lab, because, destroyed, equal,
                 namespace, near, of_port, run, sysctl)
from nfqueue import first_packets_wait
from origin import only_patch
from packets import ACK, PSH, SYN

ATTACHING = 300     # seconds that an emulator on a busy machine may take for it


@only_patch("sysctls")
def test_defaults(lab: Lab) -> None:
    run("ip netns add fresh")
    try:
        values = run("ip netns exec fresh sysctl -n "
                     "net.netfilter.nf_conntrack_flow "
                     "net.netfilter.nf_conntrack_flow_active_timeout")
        equal("defaults", values.split(), ["0", "60"])
    finally:
        run("ip netns del fresh")


@only_patch("its sysctl, and attributes of ctnetlink")
def test_off_means_nothing_at_all(lab: Lab) -> None:
    lab.measure(False)
    port = lab.port()
    with lab.listen(1, 2, 3, ctnl.GROUP_FLOW) as listener:
        lab.handshake(port)
        equal("dump", lab.find(port).flow, None)
        lab.fins(port)
        lab.settle()
        run("conntrack -F")
        events = listener.drain()
    equal("events", len([m for m in events if of_port(port)(m)]) > 3, True)
    equal("attributes", [m.flow for m in events if m.flow], [])


def test_off_takes_it_from_the_living_for_good(lab: Lab) -> None:
    sysctl("nf_conntrack_udp_timeout", ATTACHING)
    old = lab.port()
    lab.udp(old)
    equal("before", lab.flow(old).orig.packets, 1)
    lab.measure(False)
    equal("off", lab.find(old).flow, None)
    lab.udp(old)
    lab.measure(True)
    lab.udp(old)
    equal("on again", lab.find(old).flow, None)
    equal("counted as ever", lab.find(old).packets[0], 3)
    new = lab.port()
    lab.udp(new)
    equal("new", lab.flow(new).orig.packets, 1)


def test_off_while_the_first_packet_waits(lab: Lab) -> None:
    """Not in the table when measuring ends, and gone for good all the same."""
    sysctl("nf_conntrack_udp_timeout", ATTACHING)
    with first_packets_wait(lab) as queue:
        port = lab.port()
        lab.udp(port)
        lab.measure(False)
        time.sleep(1.2)         # until the kernel has patched its code back
        queue.accept(queue.take(1)[0])
        lab.udp(port)           # not measured
        queue.accept(queue.take(1)[0])
        lab.settle()
        lab.measure(True)
        equal("on again", lab.find(port).flow, None)


@only_patch("a switch for each namespace")
def test_off_while_the_first_packet_waits_and_others_measure(lab: Lab) -> None:
    run("ip netns add n1; ip netns exec n1 "
        "sysctl -q net.netfilter.nf_conntrack_flow=1")
    try:
        with first_packets_wait(lab) as queue:
            port = lab.port()
            lab.udp(port)
            packet = queue.take(1)[0]
            lab.measure(False)
            queue.accept(packet)
            equal("off", lab.find(port).flow, None)
            equal("counted as ever", lab.find(port).packets[0], 1)
    finally:
        run("ip netns del n1")


@only_patch("sysctls")
def test_values_out_of_range_are_refused(lab: Lab) -> None:
    for name, value in (("nf_conntrack_flow", 2), ("nf_conntrack_flow", -1),
                        ("nf_conntrack_flow", "x"),
                        ("nf_conntrack_flow_active_timeout", -1),
                        ("nf_conntrack_flow_active_timeout", 1 << 31)):
        try:
            sysctl(name, value)
        except OSError:
            continue
        raise Failure(f"{name} accepts {value}")
    equal("still", sysctl("nf_conntrack_flow"), "1")
    lab.active_timeout(17)
    equal("timeout", sysctl("nf_conntrack_flow_active_timeout"), "17")


@only_patch("a switch for each namespace")
def test_namespaces_are_independent(lab: Lab) -> None:
    """Turned on and dismantled while on: the rest must not notice."""
    lab.measure(False)
    for _ in range(3):
        run("""set -e
        ip netns add n1
        ip netns exec n1 sysctl -q net.netfilter.nf_conntrack_flow=1
        ip netns exec n1 sysctl -q \
           net.netfilter.nf_conntrack_flow_active_timeout=1
        """)
        port = lab.port()
        lab.udp(port)
        equal("here", lab.find(port).flow, None)
        equal("setting here", sysctl("nf_conntrack_flow"), "0")
        run("ip netns del n1")
        time.sleep(0.3)
    lab.measure(True)
    port = lab.port()
    lab.udp(port)
    equal("here again", lab.flow(port).orig.packets, 1)


@only_patch("a switch for each namespace")
def test_namespace_with_live_connections_goes_away(lab: Lab) -> None:
    run("""set -e
    ip netns add n1
    ip -n n1 link set lo up
    ip netns exec n1 sysctl -q net.netfilter.nf_conntrack_flow=1
    ip netns exec n1 nft 'add table ip t'
    ip netns exec n1 nft 'add chain ip t o { type filter hook output priority 0; }'
    ip netns exec n1 nft 'add rule ip t o ct state new counter'
    """)
    with namespace("n1"):
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port in range(2000, 2050):
            here.sendto(b"x", ("127.0.0.1", port))
        flows = [m.flow for m in lab.dump()]
    here.close()
    equal("entries", len(flows), 50)
    equal("measured", all(flow and flow.orig.packets for flow in flows), True)
    run("ip netns del n1")
    time.sleep(0.5)
    port = lab.port()
    lab.udp(port)
    equal("here", lab.flow(port).orig.packets, 1)


@only_patch("attributes of ctnetlink")
def test_where_the_attribute_is(lab: Lab) -> None:
    port = lab.port()
    with lab.listen(1, 2, 3) as listener:
        lab.handshake(port)
        lab.tcp(port, ACK, True, seq=5001, ack=1001)
        lab.settle()
        run("conntrack -F")
        events = [m for m in listener.drain() if of_port(port)(m)]
    for event in events:
        if event.nlflags & ctnl.NLM_F_CREATE:
            equal("NEW", event.flow, None)
        elif not event.flow:
            raise Failure("UPDATE or DESTROY without CTA_FLOW")
    equal("updates", len(events) > 2, True)
    print("        DESTROY of IPv4 TCP: "
          f"{events[-1].size} octets", flush=True)


def test_stock_tools_do_not_mind(lab: Lab) -> None:
    port = lab.port()
    lab.udp(port)
    lab.settle()
    equal("list", f"sport={port}" in run("conntrack -L 2>/dev/null"), True)
    equal("xml", f"<sport>{port}</sport>" in run(
        "conntrack -L -o xml 2>/dev/null"), True)
    equal("proc", f"sport={port} " in open("/proc/net/nf_conntrack").read(),
          True)


def test_stock_counters_are_the_same_on_and_off(lab: Lab) -> None:
    seen = []
    for on in (False, True):
        lab.measure(on)
        port = lab.port()
        lab.tcp(port, SYN, seq=1000)
        lab.handshake(port)
        lab.tcp(port, ACK | PSH, seq=1001, ack=5001, size=77)
        lab.tcp(port, SYN, seq=900000)
        lab.fins(port)
        message = lab.find(port)
        seen.append((message.packets, message.octets, message.tcp_state,
                     message.status))
    equal("on as off", seen[1], seen[0])


def test_zones_keep_equal_tuples_apart(lab: Lab) -> None:
    lab.rules("""table inet z { chain p {
        type filter hook prerouting priority raw
        iifname r1 ip dscp 8 ct zone set 5;
    }; }""")
    port = lab.port()
    lab.udp(port, size=10)
    lab.udp(port, size=20, tos=8 << 2)
    lab.settle()
    found = {m.zone: m.flow.orig for m in lab.dump() if of_port(port)(m)}
    equal("zones", sorted(found), [0, 5])
    equal("zone 0", (found[0].octets, found[0].tos), (38, 0))
    equal("zone 5", (found[5].octets, found[5].tos), (48, 32))


def test_expected_connections(lab: Lab) -> None:
    lab.rules("""table inet h {
        ct helper ftp { type "ftp" protocol tcp; }
        chain p {
            type filter hook prerouting priority 0
            tcp dport 80 ct helper set "ftp"
        }
    }""")
    control, data = lab.port(), 2000 + lab.port() % 1000
    lab.handshake(control)
    seq = 5001
    for text in ("220 ready", "227 Entering Passive Mode "
                 f"(10,0,2,100,{data >> 8},{data & 255})"):
        line = (text + "\r\n").encode()
        lab.tcp(control, ACK | PSH, True, seq=seq, ack=1001, data=line)
        seq += len(line)
    lab.settle()
    child = lab.port()
    lab.c.send(packets.tcp(CLIENT, SERVER, child, data, SYN, 77))
    lab.s.send(packets.tcp(SERVER, CLIENT, data, child, SYN | ACK, 99, 78))
    message = lab.find(child)
    if not message.status & 1:
        raise Failure("the data connection was not expected")
    equal("wire", (message.flow.orig.packets, message.flow.reply.packets),
          (1, 1))
    equal("flags", message.flow.orig.tcp_flags, SYN)
    equal("oif known", message.flow.orig.oif is not None, True)
    equal("control", lab.flow(control).reply.octets, 120 + seq - 5001)


def test_marks_labels_helper_fit_together(lab: Lab) -> None:
    """Every extension at once: that of the measurement makes way for others."""
    lab.rules("""table inet h {
        ct helper ftp { type "ftp" protocol tcp; }
        ct timeout t { protocol tcp; l3proto ip; policy = { established: 99 }; }
        chain p {
            type filter hook prerouting priority 0
            tcp dport 80 ct helper set "ftp"
            tcp dport 80 ct timeout set "t"
            tcp dport 80 ct mark set 7 ct label set 3
        }
        chain n {
            type nat hook postrouting priority 100
            oifname r2 masquerade
        }
    }""")
    port = lab.port()
    lab.tcp(port, SYN, seq=1000, tos=0x48)
    lab.s.send(packets.tcp(SERVER, "10.0.2.1", 80, port, SYN | ACK, 5000,
                           1001))
    lab.tcp(port, ACK, seq=1001, ack=5001, tos=0x48)
    message = lab.find(port)
    equal("mark", message.mark, 7)
    equal("orig", (message.flow.orig.packets, message.flow.orig.tos,
                   message.packets[0]), (2, 0x48, 2))
    equal("reply", (message.flow.reply.packets, message.packets[1]), (1, 1))


def test_many_connections_come_and_go(lab: Lab) -> None:
    sysctl("nf_conntrack_udp_timeout", 600)     # none ends by itself meanwhile
    with lab.listen(ctnl.GROUP_DESTROY, buffer=64 << 20) as listener:
        for port in range(10000, 14000):
            lab.udp(port, size=port % 100)
        lab.settle()
        run("conntrack -F")
        events = {m.orig.sport: m for m in listener.rest()}
    for port in range(10000, 14000):
        equal("octets", events[port].flow.orig.octets, 28 + port % 100)
        because(lab, events[port], "netlink")


@only_patch("the kernel repeats ctnetlink events")
def test_destroy_that_has_to_be_sent_again(lab: Lab) -> None:
    """A reliable listener that does not read: the kernel keeps the event."""
    port = lab.port()
    with lab.listen(ctnl.GROUP_DESTROY, buffer=4096) as listener:
        listener.socket.setsockopt(ctnl.SOL_NETLINK, 4, 1)  # BROADCAST_ERROR
        listener.socket.setsockopt(ctnl.SOL_NETLINK, 5, 1)  # NO_ENOBUFS
        ports = range(port, port + 50)
        for number in ports:
            lab.udp(number, size=33)
        lab.settle()
        run("conntrack -F")
        time.sleep(0.5)
        seen = {}
        for number in ports:
            while number not in seen:
                message = listener.wait(lambda m: m.kind == ctnl.MSG_DELETE)
                seen[message.orig.sport] = message
    equal("octets", {m.flow.orig.octets for m in seen.values()}, {61})
    equal("reasons", {m.flow.reason for m in seen.values()}, {"netlink"})
    equal("all", sorted(seen), list(ports))


def test_events_off_still_measures(lab: Lab) -> None:
    sysctl("nf_conntrack_events", 0)
    lab.active_timeout(1)
    port = lab.port()
    lab.udp(port)
    time.sleep(1.2)
    lab.udp(port)
    equal("packets", lab.flow(port).orig.packets, 2)


@only_patch("sysctls")
def test_settings_while_packets_flow(lab: Lab) -> None:
    for step in range(40):
        lab.measure(bool(step % 2))
        lab.active_timeout(step % 3)
        for port in range(50000, 50020):
            lab.udp(port)
    lab.measure(True)
    with lab.listen(ctnl.GROUP_DESTROY) as listener:
        port = lab.port()
        begin = time.time()
        lab.udp(port)
        lab.settle()
        run("conntrack -F")
        event = listener.wait(destroyed(port))
    near("last", event.flow.orig.last / 1e9, begin, 0.1)
