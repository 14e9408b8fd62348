#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""eBPF programs at the netfilter hooks of this kernel: what is exported against what was on the wire."""

import contextlib
import multiprocessing
import os
import signal
import socket
import struct
import time

import case
import ctflowd
import datagrams
import ipfix
import isolation
import traffic
from lab import CLIENT4, COLLECTOR, SERVER4, SERVER6, WAN4, wait_until
from wire import Flood, Wire

PORT = 4739
OTHER4 = "203.0.113.3"
TCP, UDP, ICMP = 6, 17, 1
FIN, SYN, PSH, ACK, ECE, CWR = 1, 2, 8, 16, 64, 128
OCTETS, PACKETS, PROTOCOL, TOS, FLAGS = 1, 2, 4, 5, 6
SOURCE_PORT, SOURCE4, INGRESS, DESTINATION_PORT, DESTINATION4, EGRESS = 7, 8, 10, 11, 12, 14
SOURCE6, TTL_MIN, TTL_MAX, REASON, START, END = 27, 52, 53, 136, 152, 153
ELEMENTS = ("[sourceIPv4Address, destinationIPv4Address, sourceIPv6Address, destinationIPv6Address, "
            "octetDeltaCount, packetDeltaCount, protocolIdentifier, sourceTransportPort, "
            "destinationTransportPort, ingressInterface, egressInterface, tcpControlBits, "
            "ipClassOfService, minimumTTL, maximumTTL, flowStartMilliseconds, flowEndMilliseconds, "
            "flowEndReason]")
TICK = 0.011  # of any kernel, and the last digit
TABLE = "table inet test { chain input { type filter hook input priority 0; %s }; }\n"


def value(record, element):
    return ipfix.number(record, element) if element in record else 0


def carry(source, sink, size):
    """In one go, so that the kernel makes super packets of it."""
    source.sendall(bytes(size))
    while size:
        size -= len(sink.recv(65536))


def segment(source_port, destination_port, flags):
    """TCP, from the client to the server."""
    header = struct.pack("!HHIIBBHHH", source_port, destination_port, 1000, 0, 5 << 4, flags, 1000, 0, 0)
    pseudo = socket.inet_aton(CLIENT4) + socket.inet_aton(SERVER4) + struct.pack("!HH", TCP, len(header))
    return header[:16] + traffic.checksum(pseudo + header) + header[18:]


def fragments(identifier, content, size):
    """IPv4 packets that have so many octets of `content` each."""
    for offset in range(0, len(content), size):
        part = content[offset:offset + size]
        more = 0x2000 if offset + size < len(content) else 0
        yield struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), identifier, more | offset // 8, 64,
                          TCP, 0, socket.inet_aton(CLIENT4), socket.inet_aton(SERVER4)) + part


def counted(records):
    return (sum(value(one, PACKETS) for one in records), sum(value(one, OCTETS) for one in records))


class Measured(case.LabTest):
    def setUp(self):
        self.make_lab()

    def run_ctflowd(self, port=PORT, namespace=None, collector=None, **source):
        """The program and its collector. It must have attached."""
        receiver = datagrams.Collector(collector or self.lab.collector, port, COLLECTOR)
        self.addCleanup(receiver.stop)
        text = ctflowd.configuration(
            [ctflowd.Collector("wire", port, "ipfix", settings={"elements": ELEMENTS})],
            source={"measure": "netfilter", "state_file": "off", **source})
        program = ctflowd.Ctflowd(case.program, namespace or self.lab.router, self.directory, "run",
                                  config=text).wait_for("started")
        self.addCleanup(program.kill)
        self.assertIn("origin=netfilter measuring=on", program.log)
        return program, receiver

    def finish(self, program, receiver, idle=True):
        if idle:
            self.lab.wait_for_idle()
        program.stop()
        sent = program.collector_totals()["wire"]["records"]
        wait_until(lambda: len(receiver.records()) >= sent, "all records", 5)
        return receiver.records()

    def wires(self):
        wires = Wire(self.lab.server), Wire(self.lab.client)
        for wire in wires:
            self.addCleanup(wire.close)
        return wires

    def let_hosts_send_super_packets(self):
        """The router gets them and makes segments when it sends."""
        for host in (self.lab.client, self.lab.server):
            host.run("ethtool", "-K", "eth0", "tso", "on", "gso", "on")

    def both(self, records, version, protocol, port):
        """Records of the initiator and of the responder of connections to a port."""
        family = SOURCE4 if version == 4 else SOURCE6
        of = [one for one in records if family in one and value(one, PROTOCOL) == protocol
              and any(one[family])]
        return ([one for one in of if value(one, DESTINATION_PORT) == port],
                [one for one in of if value(one, SOURCE_PORT) == port])

    def connections(self):
        return int(self.lab.router.read("/proc/sys/net/netfilter/nf_conntrack_count"))

    def index(self, device):
        with self.lab.router.inside():
            return socket.if_nametoindex(device)

    def test_forwarded_traffic_is_counted_as_on_the_wire(self):
        self.lab.rules("source_nat", 'oifname "wan" ip saddr 10.10.0.0/24 masquerade')
        self.let_hosts_send_super_packets()
        there, back = self.wires()
        program, receiver = self.run_ctflowd()
        path = self.lab.client, self.lab.server
        traffic.tcp(*path, SERVER4, 80, 1_000_000, 500_000)
        traffic.tcp(*path, SERVER6, 81, 600_000, 300_000)
        traffic.udp(*path, SERVER4, 53, (100, 1200), (300,))
        traffic.udp(*path, SERVER6, 54, (100,), (300, 20))
        traffic.echo(self.lab.client, SERVER4, (56, 100))
        records = self.finish(program, receiver)
        self.assertEqual(program.totals()["end_from_packets"], 5)
        for version, protocol, port in ((4, TCP, 80), (6, TCP, 81), (4, UDP, 53), (6, UDP, 54)):
            with self.subTest(port=port):
                for side, wire, devices in zip(self.both(records, version, protocol, port),
                                               (there, back), (("lan", "wan"), ("wan", "lan"))):
                    self.assertEqual(counted(side), wire.sum(version, protocol, port))
                    self.assertEqual([(value(one, INGRESS), value(one, EGRESS)) for one in side],
                                     [tuple(self.index(device) for device in devices)])
                    self.assertEqual([(value(one, TTL_MIN), value(one, TTL_MAX)) for one in side],
                                     [(64, 64)])
                    flags = FIN | SYN | PSH | ACK if protocol == TCP else 0
                    self.assertEqual([value(one, FLAGS) for one in side], [flags])
        # Aggregated they were fewer for conntrack.
        self.assertGreater(there.sum(4, TCP, 80)[0], 600)
        echo = [one for one in records if value(one, PROTOCOL) == ICMP]
        self.assertEqual(counted(echo), (4, 2 * (2 * 28 + 156)))

    def test_times_are_those_of_the_packets(self):
        there, back = self.wires()
        program, receiver = self.run_ctflowd()
        path = self.lab.client, self.lab.server
        traffic.udp(*path, SERVER4, 53, (100,), (300,), source=(CLIENT4, 5353))
        time.sleep(0.6)
        traffic.udp(*path, SERVER4, 53, (100,), (), source=(CLIENT4, 5353))
        records = self.finish(program, receiver)
        moments = sorted(there.moments(53) + back.moments(53))
        delay = TICK + 0.1  # a busy machine hands a packet on later than the capture has it
        for one in records:
            self.assertAlmostEqual(value(one, START) / 1000, moments[0], delta=delay)
            self.assertAlmostEqual(value(one, END) / 1000, moments[-1], delta=delay)

    def test_syns_that_are_sent_again_count(self):
        self.lab.server.run("nft", "-f", "-", input=TABLE % "tcp dport 82 drop;")
        there, _ = self.wires()
        program, receiver = self.run_ctflowd()
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
            sock.settimeout(3.5)
            with self.assertRaises(TimeoutError):
                sock.connect((SERVER4, 82))
        self.lab.router.run("conntrack", "-D", "-p", "tcp")
        records = self.finish(program, receiver)
        self.assertGreaterEqual(there.sum(4, TCP, 82)[0], 3)
        self.assertEqual(counted(records), there.sum(4, TCP, 82))
        self.assertEqual([value(one, FLAGS) for one in records], [SYN])

    def test_a_segment_whose_header_came_in_fragments_has_its_flags(self):
        self.lab.server.run("nft", "-f", "-", input=TABLE % "tcp dport 82 drop;")
        program, receiver = self.run_ctflowd()
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_RAW,
                                                       socket.IPPROTO_RAW)) as sock:
            # Not what a segment before may have left there.
            flags = {port: SYN | (ECE | CWR) * (port % 2) for port in range(5000, 5010)}
            for port, bits in flags.items():
                for one in fragments(port, segment(port, 82, bits), 8):
                    sock.sendto(one, (SERVER4, 0))
        wait_until(lambda: self.connections() == 10, "the connections")
        self.lab.router.run("conntrack", "-D", "-p", "tcp")
        records = self.finish(program, receiver)
        self.assertEqual(counted(records), (10, 400))
        self.assertEqual({value(one, SOURCE_PORT): value(one, FLAGS) for one in records}, flags)

    def test_icmp_errors_count_for_the_connection(self):
        """Also those that quote what a source NAT has rewritten."""
        there, back = self.wires()
        program, receiver = self.run_ctflowd()
        for port, nat in ((99, False), (98, True)):
            if nat:
                self.lab.rules("source_nat", 'oifname "wan" ip saddr 10.10.0.0/24 masquerade')
            with contextlib.closing(self.lab.client.socket(socket.AF_INET,
                                                           socket.SOCK_DGRAM)) as sock:
                sock.connect((SERVER4, port))
                sock.send(bytes(10))
                wait_until(lambda: back.sum(4, ICMP)[0] == 1 + nat, "the ICMP error")
        octets = back.sum(4, ICMP)[1] // 2
        records = self.finish(program, receiver)
        for port in (99, 98):
            with self.subTest(port=port):
                forward, reply = self.both(records, 4, UDP, port)
                self.assertEqual(counted(forward), there.sum(4, UDP, port))
                self.assertEqual(counted(reply), (1, octets))

    def test_traffic_class_and_hop_limits(self):
        """That of the first packet, and the extremes of all."""
        program, receiver = self.run_ctflowd()
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here, \
             contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there:
            there.bind((SERVER4, 53))
            there.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x28)
            here.connect((SERVER4, 53))
            for tos, ttl in ((0xb8, 35), (0, 33), (0x20, 37), (0xb8, 36)):
                here.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
                here.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
                here.send(bytes(10))
                peer = there.recvfrom(100)[1]
            there.sendto(bytes(10), peer)
            here.recv(100)
        records = self.finish(program, receiver)
        self.assertEqual([[(value(one, TOS), value(one, TTL_MIN), value(one, TTL_MAX)) for one in side]
                          for side in self.both(records, 4, UDP, 53)],
                         [[(0xb8, 33, 37)], [(0x28, 64, 64)]])

    def test_a_packet_on_the_loopback_interface_counts_once(self):
        """It passes the hooks twice: where it is sent, and where it is received."""
        program, receiver = self.run_ctflowd()
        traffic.udp(self.lab.router, self.lab.router, "127.0.0.1", 53, (100, 200), (300,))
        sides = self.both(self.finish(program, receiver), 4, UDP, 53)
        self.assertEqual([counted(side) for side in sides], [(2, 356), (1, 328)])
        self.assertEqual([(value(one, INGRESS), value(one, EGRESS)) for one in sum(sides, [])],
                         [(0, self.index("lo"))] * 2)

    def test_replies_leave_by_the_interface_that_requests_left_by(self):
        """The kernel gives a reply the memory of the packet before, of the same connection, often."""
        program, receiver = self.run_ctflowd()
        processors = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, processors)
        os.sched_setaffinity(0, {min(processors)})
        ports = range(1000, 1300)
        for port in ports:
            traffic.udp(self.lab.router, self.lab.router, "127.0.0.1", port, (100, 100), (100,))
        records = self.finish(program, receiver)
        lo = self.index("lo")
        for port in ports:
            sides = self.both(records, 4, UDP, port)
            self.assertEqual([value(one, EGRESS) for one in sum(sides, [])], [lo, lo], port)

    def test_attached_and_detached_under_traffic(self):
        """What begins while the programs run is measured from its first packet on."""
        path = self.lab.client, self.lab.server
        with Flood(self.lab.client, (SERVER4, 1000)):
            for turn in range(3):
                program, receiver = self.run_ctflowd(PORT + turn)
                ports = range(100 + 10 * turn, 105 + 10 * turn)
                for port in ports:
                    traffic.udp(*path, SERVER4, port, (1, 2, 3), (9,))
                    self.lab.router.run("conntrack", "-D", "-p", "udp", "--dport", str(port))
                records = self.finish(program, receiver, idle=False)
                sums = [tuple(map(counted, self.both(records, 4, UDP, port))) for port in ports]
                self.assertEqual(sums, 5 * [((3, 90), (1, 37))])
                self.assertEqual(program.totals()["end_from_packets"], 5)

    def test_what_the_ruleset_drops_needs_no_room(self):
        program, receiver = self.run_ctflowd()
        self.lab.router.run("nft", "-f", "-", input="table inet drops { chain forward { type filter "
                            "hook forward priority 0; udp dport 1-1000 drop; }; }\n")
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for port in range(1, 1001):
                sock.sendto(bytes(10), (SERVER4, port))
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 1053, (100,), (300,))
        records = self.finish(program, receiver)
        self.assertEqual(counted(records), (2, 100 + 300 + 2 * 28))
        self.assertEqual(program.totals()["end_from_packets"], 1)

    def test_interfaces_are_those_of_the_first_packets(self):
        """The route is another one when the connection ends."""
        program, receiver = self.run_ctflowd()
        wan, lan = self.index("wan"), self.index("lan")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (300,))
        self.lab.router.run("ip", "route", "add", f"{SERVER4}/32", "via", COLLECTOR)
        records = self.finish(program, receiver)
        self.assertEqual({(value(one, INGRESS), value(one, EGRESS)) for one in records},
                         {(lan, wan), (wan, lan)})

    def test_zones(self):
        self.lab.rules("raw_prerouting", 'iifname "lan" ct zone set 5', 'iifname "wan" ct zone set 5')
        program, receiver = self.run_ctflowd()
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (300,))
        records = self.finish(program, receiver)
        self.assertEqual(counted(records), (2, 456))
        self.assertEqual(program.totals()["end_from_packets"], 1)

    def reuse(self, program, receiver):
        """The same tuple four times before the first end is read."""
        for timeout in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{timeout}", 60)
        program.process.send_signal(signal.SIGSTOP)
        sizes = ((10,), (20, 30), (40, 50, 60), (70, 80, 90, 100))
        for one in sizes:
            traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, one, (5,),
                        source=(CLIENT4, 5353))
            self.lab.router.run("conntrack", "-D", "-p", "udp")
        program.process.send_signal(signal.SIGCONT)
        records = self.finish(program, receiver)
        forward, reply = self.both(records, 4, UDP, 53)
        self.assertEqual(sorted((value(one, PACKETS), value(one, OCTETS)) for one in forward),
                         sorted((len(one), sum(one) + 28 * len(one)) for one in sizes))
        self.assertEqual(sorted(value(one, PACKETS) for one in reply), [1, 1, 1, 1])
        self.assertEqual(program.totals()["end_from_packets"], 4)
        starts = sorted((value(one, START), value(one, END)) for one in forward)
        for before, after in zip(starts, starts[1:]):
            self.assertLessEqual(before[1], after[0])

    def test_a_tuple_is_used_again_at_once(self):
        self.reuse(*self.run_ctflowd())

    def test_a_tuple_is_used_again_at_once_without_timestamps(self):
        self.lab.router.set("net/netfilter/nf_conntrack_timestamp", 0)
        self.reuse(*self.run_ctflowd())

    def clashes(self):
        """How often the kernel made two connections of one, and dropped one again."""
        head, *processors = (line.split() for line in self.lab.router.run(
            "cat", "/proc/net/stat/nf_conntrack").splitlines())
        return sum(int(one[head.index("clashres")], 16) for one in processors)

    def open_by_two_processors(self, address, rounds, each, pause):
        """{port: how many connections and packets were exported}. Each processor sends `each` packets in
        a round; `pause`: seconds before all connections of the round are removed, and then."""
        ports = range(10000, 10500)
        cpus = sorted(os.sched_getaffinity(0))[:2]
        if len(cpus) < 2:
            self.skipTest("one processor")
        self.lab.server.run("nft", "-f", "-", input=TABLE % "udp dport 10000-10499 drop;")
        program, receiver = self.run_ctflowd()
        sock = self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind((CLIENT4, 5353))

        def send(cpu, barrier):
            os.sched_setaffinity(0, {cpu})
            for _ in range(rounds):
                barrier.wait()
                for port in ports:
                    for _ in range(each):
                        sock.sendto(b"x", (address, port))
                barrier.wait()

        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(3)
        senders = [context.Process(target=send, args=(cpu, barrier), daemon=True) for cpu in cpus]
        for sender in senders:
            sender.start()
        for number in range(rounds):
            barrier.wait(60)
            barrier.wait(60)
            before, after = pause(number)
            time.sleep(before)
            self.lab.router.run("conntrack", "-F")
            time.sleep(after)
        for sender in senders:
            sender.join()
        print("clashes:", self.clashes())
        found = {}
        for one in self.finish(program, receiver, idle=False):
            port = value(one, DESTINATION_PORT)
            if port in ports:
                connections, packets = found.get(port, (0, 0))
                found[port] = (connections + 1, packets + value(one, PACKETS))
        self.assertEqual(found.keys(), set(ports))
        return found

    def test_two_processors_open_the_same_connections(self):
        rounds, each = 6, 2
        # With and without ends that have not been read when the next ones begin.
        found = self.open_by_two_processors(SERVER4, rounds, each, lambda number: (0, number % 2 * 0.5))
        self.assertGreater(self.clashes(), 0)
        wrong = {port: all for port, all in found.items() if all != (rounds, 2 * each * rounds)}
        self.assertEqual(wrong, {})

    def test_two_processors_open_connections_that_are_translated_differently(self):
        """The kernel keeps both: each packet is of one of them."""
        self.lab.server.run("ip", "addr", "add", OTHER4 + "/24", "dev", "eth0")
        self.lab.rules("destination_nat", "udp dport 10000-10499 dnat ip to numgen inc mod 2 "
                       f"map {{ 0 : {SERVER4}, 1 : {OTHER4} }}")
        rounds, each = 6, 3
        found = self.open_by_two_processors(WAN4, rounds, each,
                                            lambda number: (number % 2 * 1.5, 0.5))
        self.assertGreater(sum(all[0] for all in found.values()), rounds * len(found))
        wrong = {port: all for port, all in found.items() if all[1] != 2 * each * rounds}
        self.assertEqual(wrong, {})

    def test_interim_reports_add_up_to_the_wire(self):
        self.let_hosts_send_super_packets()
        there, back = self.wires()
        program, receiver = self.run_ctflowd(active_timeout="5s")
        with traffic.tcp_connection(self.lab.client, self.lab.server, SERVER4, 80) as sockets:
            for _ in range(11):
                carry(*sockets, 100_000)
                time.sleep(1)
        records = self.finish(program, receiver)
        forward, reply = self.both(records, 4, TCP, 80)
        self.assertGreater(len(forward), 2)
        self.assertEqual(counted(forward), there.sum(4, TCP, 80))
        self.assertEqual(counted(reply), back.sum(4, TCP, 80))
        self.assertEqual(program.totals().get("counters_fell", 0), 0)

    def test_two_at_once_and_one_that_is_killed(self):
        there, _ = self.wires()
        first = self.run_ctflowd()
        second = self.run_ctflowd(PORT + 1)
        path = self.lab.client, self.lab.server
        traffic.udp(*path, SERVER4, 53, (100, 200), (300,))
        self.lab.wait_for_idle()
        end = time.monotonic() + 10
        while not first[1].records() and time.monotonic() < end:
            time.sleep(0.05)
        first[0].process.kill()
        first[0].process.wait()
        traffic.udp(*path, SERVER4, 54, (100,) * 3, (300,))
        records = self.finish(*second)
        for receiver in (first[1], second[1]):
            forward, _ = self.both(receiver.records(), 4, UDP, 53)
            self.assertEqual(counted(forward), there.sum(4, UDP, 53))
        self.assertEqual(counted(self.both(records, 4, UDP, 54)[0]), (3, 384))
        self.assertEqual(second[0].totals()["end_from_packets"], 2)

    def test_killed_and_started_again(self):
        """What began before is exported as by a stock kernel, what begins from now on is measured."""
        program, receiver = self.run_ctflowd()
        path = self.lab.client, self.lab.server
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there, \
             contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
            there.bind((SERVER4, 53))
            here.connect((SERVER4, 53))
            here.send(bytes(100))
            there.recv(1000)
            program.process.kill()
            program.process.wait()
            program, receiver = self.run_ctflowd(PORT + 1)
            here.send(bytes(100))
            there.recv(1000)
        traffic.udp(*path, SERVER4, 54, (100,), (300,))
        records = self.finish(program, receiver)
        self.assertEqual(counted(self.both(records, 4, UDP, 53)[0]), (2, 256))
        self.assertEqual(counted(self.both(records, 4, UDP, 54)[0]), (1, 128))
        self.assertEqual(program.totals()["end_from_packets"], 1)

    def test_restarted_with_a_state_file(self):
        """The second one goes on by conntrack's counters: of what GRO made of the packets they are fewer."""
        self.let_hosts_send_super_packets()
        there, back = self.wires()
        settings = {"active_timeout": "5s", "state_file": f"{self.directory}/state"}
        program, first = self.run_ctflowd(**settings)
        with traffic.tcp_connection(self.lab.client, self.lab.server, SERVER4, 80) as sockets:
            for _ in range(12):
                carry(*sockets, 400_000)
                time.sleep(0.5)
            program.stop()
            self.assertIn("state_saved connections=1", program.log)
            self.assertGreater(counted(self.both(first.records(), 4, TCP, 80)[0])[0], 1000)
            program, second = self.run_ctflowd(PORT + 1, **settings)
            self.assertIn("state_restored connections=1", program.log)
            for _ in range(60):
                carry(*sockets, 100)
                time.sleep(0.1)
        self.finish(program, second)
        records = first.records() + second.records()
        for side, wire in zip(self.both(records, 4, TCP, 80), (there, back)):
            self.assertEqual(counted(side), wire.sum(4, TCP, 80))

    def test_namespaces_come_and_go(self):
        """Programs do not keep a namespace alive, nor outlive it."""
        for _ in range(5):
            lab = self.lab
            program, receiver = self.run_ctflowd()
            traffic.udp(lab.client, lab.server, SERVER4, 53, (100,), (300,))
            records = self.finish(program, receiver)
            self.assertEqual(counted(records), (2, 456))
            self.assertEqual(program.totals()["end_from_packets"], 1)
            self.doCleanups()
            self.make_lab()


if __name__ == "__main__":
    if not isolation.privileged():
        isolation.skip("loading eBPF programs needs root of the host")
    case.main()
