#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of a flow against a capture of the router's packets, where a stock kernel makes it hard:
docs/protocol.md promises a bound for each case."""

import contextlib
import os
import socket
import struct
import sys
import threading
import time

import case
import collectors
import ctflowd
import traffic
from lab import CLIENT4, SERVER4, wait_until

PROTOCOLS = {"ipfix": 4739, "netflow9": 9995}
TICK = 0.01
HALF_SECOND = 0.5 + TICK  # of a timeout that the kernel tells in whole seconds
LOAD = 0.2  # of this machine
ACTIVE_TIMEOUT = 5
PASSES = ACTIVE_TIMEOUT * 19 / 40  # between two passes over the table

TCP, UDP, ICMP = 6, 17, 1
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Wire:
    """IPv4 packets between client and server, as they pass the router's interface to the client,
    with the kernel's own timestamps."""

    def __init__(self, router):
        self._socket = router.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self._socket.bind(("lan", 0x0003))
        self._socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self._socket.settimeout(0.1)
        self._stopping = False
        self.packets = []  # time, protocol, source port, destination port, TCP flags, content
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self):
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                content, extra, _, _ = self._socket.recvmsg(65535, 256)
                stamp = next(data for level, kind, data in extra
                             if level == socket.SOL_SOCKET and kind == 35)
                seconds, nanoseconds = struct.unpack("qq", stamp[:16])
                self._add(seconds + nanoseconds / 1e9, content)

    def _add(self, when, content):
        if len(content) < 28 or content[0] >> 4 != 4:
            return
        protocol, head = content[9], 4 * (content[0] & 15)
        ports = struct.unpack_from("!HH", content, head) if protocol in (TCP, UDP) else (0, 0)
        flags = content[head + 13] if protocol == TCP else 0
        self.packets.append((when, protocol, *ports, flags, content[head:]))

    def of(self, protocol, port=0, flags=0):
        """Times and contents of packets of a connection to `port`, or from it."""
        return [(when, content) for when, number, source, destination, found, content
                in list(self.packets) if number == protocol and port in (0, source, destination)
                and (found & flags) == flags]

    def last(self, protocol, port=0, flags=0):
        time.sleep(0.2)
        return max(when for when, _ in self.of(protocol, port, flags))

    def close(self):
        self._stopping = True
        self._thread.join()
        self._socket.close()


class EndTimes(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.wire = Wire(self.lab.router)
        self.addCleanup(self.wire.close)
        self.nfcapd = {name: collectors.Nfcapd(self.lab.collector, port, self.directory)
                       for name, port in PROTOCOLS.items()}
        for one in self.nfcapd.values():
            self.addCleanup(one.kill)

    def start_program(self, **source):
        text = ctflowd.configuration(
            [ctflowd.Collector(name, port, name, settings={"sampling_options": False})
             for name, port in PROTOCOLS.items()],
            source={"active_timeout": f"{ACTIVE_TIMEOUT}s", **source})
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def set_timeout(self, name, seconds):
        self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", seconds)

    def delete(self, protocol):
        self.lab.router.run("conntrack", "-D", "-p", protocol)

    def change_timeout(self, protocol, source_port, port, seconds):
        """As `conntrack -U --timeout` does, whose 1.4.7 sends more than every kernel allows."""
        def attribute(kind, content):
            return struct.pack("HH", len(content) + 4, kind) + content + bytes(-len(content) % 4)
        addresses = attribute(1, socket.inet_aton(CLIENT4)) + attribute(2, socket.inet_aton(SERVER4))
        ports = (attribute(1, bytes([protocol])) + attribute(2, struct.pack("!H", source_port))
                 + attribute(3, struct.pack("!H", port)))
        nested = 0x8000
        body = (struct.pack("BBH", socket.AF_INET, 0, 0)
                + attribute(1 | nested, attribute(1 | nested, addresses)
                            + attribute(2 | nested, ports))  # CTA_TUPLE_ORIG
                + attribute(7, struct.pack("!I", seconds)))  # CTA_TIMEOUT
        request_and_answer = 1 | 4  # NLM_F_REQUEST, NLM_F_ACK
        with contextlib.closing(self.lab.router.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                                       12)) as sock:  # NETLINK_NETFILTER
            sock.settimeout(10)
            sock.send(struct.pack("IHHII", 16 + len(body), 1 << 8, request_and_answer, 1, 0) + body)
            error, = struct.unpack_from("i", sock.recv(4096), 16)
        self.assertEqual(error, 0, os.strerror(-error))

    def finish(self, program):
        """The records of both protocols, in the order of their ends, once all is over."""
        program.stop()
        result = {}
        for name, one in self.nfcapd.items():
            one.stop()
            result[name] = sorted(one.records(), key=lambda r: (r.last, r.first))
        return result

    def assert_end(self, program, truth, bound):
        """The connection's last record ends at `truth`, and none overlaps another."""
        result = self.finish(program)
        for name, records in result.items():
            with self.subTest(protocol=name):
                self.assertTrue(records)
                error = max(record.last for record in records) - truth
                print(f" {name}={error:+.3f}s", end="", file=sys.stderr)
                self.assertLess(abs(error), bound + LOAD)
                for source in {record.source for record in records}:
                    mine = [record for record in records if record.source == source]
                    for one, two in zip(mine, mine[1:]):
                        self.assertLessEqual(one.last, two.first + 0.0011, "records overlap")
        return result

    @contextlib.contextmanager
    def tcp(self, port=80):
        """A connection whose packets all come within a second, and then none."""
        with traffic.tcp_connection(self.lab.client, self.lab.server, SERVER4, port) as (here, there):
            here.sendall(b"GET / HTTP/1.1\r\n\r\n")
            there.recv(100)
            there.sendall(bytes(1000))
            here.recv(1000, socket.MSG_WAITALL)
            time.sleep(0.1)  # a delayed acknowledgement
            yield here, there

    @contextlib.contextmanager
    def udp(self, port=53):
        """A function that sends a packet there and, if told so, one back."""
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here, \
             contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there:
            here.bind((CLIENT4, port + 1000))
            there.bind((SERVER4, port))

            def send(answer=False):
                here.sendto(b"x", (SERVER4, port))
                _, peer = there.recvfrom(10)
                if answer:
                    there.sendto(b"x", peer)
                    here.recv(10)
            yield send

    def test_keep_alive_connection_reported(self):
        program = self.start_program()
        with self.tcp():
            truth = self.wire.last(TCP, 80)
            time.sleep(2 * ACTIVE_TIMEOUT)
            self.assert_end(program, truth, HALF_SECOND)

    def test_keep_alive_connection_deleted(self):
        program = self.start_program()
        with self.tcp():
            truth = self.wire.last(TCP, 80)
            time.sleep(2.4)
            self.delete("tcp")
            time.sleep(0.5)
            self.assert_end(program, truth, HALF_SECOND)

    def test_reset_out_of_sequence(self):
        # The server does not get it, and sends no challenge that would set the timeout anew.
        self.lab.router.run("nft", "-f", "-", input="""
            add table inet drops
            add chain inet drops through { type filter hook forward priority 0; }
            add rule inet drops through iifname lan tcp flags & rst == rst drop
        """)
        program = self.start_program()
        with self.tcp():
            segment = self.wire.of(TCP, 80, ACK)[-1][1]
            if struct.unpack_from("!H", segment)[0] == 80:  # from the server: turn it round
                source, target, sequence, acknowledged = struct.unpack_from("!HHII", segment)
                sequence, acknowledged = acknowledged, sequence
                source, target = target, source
            else:
                source, target, sequence, acknowledged = struct.unpack_from("!HHII", segment)
            # The last segment seen acknowledges everything, so that any later number is not exact.
            self.send_segment(source, target, sequence + 100, acknowledged, RST | ACK)
            truth = self.wire.last(TCP, 80, RST)
            table = self.lab.router.run("conntrack", "-L", "-p", "tcp")
            self.assertIn("ESTABLISHED", table)
            self.lab.wait_for_idle()
            result = self.assert_end(program, truth, TICK)
            self.assertGreater(max(r.last - r.first for r in result["ipfix"]), 0.05)

    def send_segment(self, source, target, sequence, acknowledged, flags):
        head = struct.pack("!HHIIBBHHH", source, target, sequence & 0xffffffff,
                           acknowledged & 0xffffffff, 5 << 4, flags, 8192, 0, 0)
        pseudo = socket.inet_aton(CLIENT4) + socket.inet_aton(SERVER4) + struct.pack("!BBH", 0, TCP,
                                                                                   len(head))
        total = traffic.checksum(pseudo + head)
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_RAW,
                                                       TCP)) as sock:
            sock.sendto(head[:16] + total + head[18:], (SERVER4, 0))

    def test_udp_and_icmp(self):
        program = self.start_program()
        with self.udp() as send:
            for _ in range(3):
                send()
                time.sleep(0.2)
            truth = self.wire.last(UDP, 53)
            traffic.echo(self.lab.client, SERVER4, (10, 10))
            echo = self.wire.last(ICMP)
            self.lab.wait_for_idle()
            result = self.finish(program)
        for name, records in result.items():
            with self.subTest(protocol=name):
                ends = {record.protocol: record.last for record in records}
                self.assertLess(abs(ends[UDP] - truth), TICK + LOAD)
                self.assertLess(abs(ends[ICMP] - echo), TICK + LOAD)

    def test_half_open_ends_with_the_first_syn(self):
        """The kernel neither counts nor notices the SYNs that are repeated."""
        self.set_timeout("tcp_timeout_syn_sent", 4)
        self.lab.server.run("ip", "route", "add", "blackhole", f"{CLIENT4}/32")
        program = self.start_program()
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
            sock.settimeout(3.5)
            with contextlib.suppress(OSError):
                sock.connect((SERVER4, 81))
        syns = [when for when, _ in self.wire.of(TCP, 81, SYN)]
        self.assertGreaterEqual(len(syns), 2, "no SYN was repeated")
        self.lab.wait_for_idle()
        self.assert_end(program, syns[0], TICK)

    def test_repeated_syn_ack_is_not_the_end(self):
        """A SYN from nobody: the server repeats its SYN+ACK, which the kernel ignores."""
        self.set_timeout("tcp_timeout_syn_recv", 4)
        self.lab.rules("raw_prerouting", "iifname lan tcp flags & rst == rst drop")
        program = self.start_program()
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_STREAM)) as wait:
            wait.bind((SERVER4, 82))
            wait.listen()
            self.send_segment(4082, 82, 1000, 0, SYN)
            wait_until(lambda: len(self.wire.of(TCP, 82, SYN | ACK)) > 1, "a repeated SYN+ACK")
            answers = [when for when, _ in self.wire.of(TCP, 82, SYN | ACK)]
            self.lab.wait_for_idle()
            self.assert_end(program, answers[0], TICK)

    def test_timeout_that_was_changed(self):
        self.set_timeout("udp_timeout", 7)
        program = self.start_program()
        with self.udp(53) as before, self.udp(54) as after:
            before()
            time.sleep(0.3)
            before()
            time.sleep(0.5)
            self.set_timeout("udp_timeout", 2)
            after()
            time.sleep(0.3)
            after()
            time.sleep(0.2)
            truth = {port: max(when for when, _ in self.wire.of(UDP, port)) for port in (53, 54)}
            self.lab.wait_for_idle()
            result = self.finish(program)
        for name, records in result.items():
            for record in records:
                port = min(record.source_port, record.destination_port)
                with self.subTest(protocol=name, port=port):
                    error = record.last - truth[port]
                    print(f" {name}:{port}={error:+.3f}s", end="", file=sys.stderr)
                    self.assertLess(abs(error), TICK + LOAD)

    def test_timeout_set_by_hand(self):
        """`conntrack -U --timeout` is no packet. What passes over the table saw bounds the end."""
        program = self.start_program()
        with self.udp() as send:
            for _ in range(int(ACTIVE_TIMEOUT * 2 / 0.25)):
                send()
                time.sleep(0.25)
            truth = self.wire.last(UDP, 53)
            self.change_timeout(UDP, 1053, 53, 600)
            time.sleep(2 * ACTIVE_TIMEOUT)
            self.delete("udp")
            time.sleep(0.5)
            self.assert_end(program, truth, PASSES)
        self.assertGreater(program.totals()["end_unexplained"], 0)

    def test_timeout_policy(self):
        """nft's `ct timeout`: what passes over the table saw bounds the end here as well."""
        self.lab.router.run("nft", "-f", "-", input="""
            add table inet policies
            add ct timeout inet policies slow { protocol udp; l3proto ip; policy = { unreplied : 40, replied : 40 }; }
            add chain inet policies before { type filter hook prerouting priority -150; }
            add rule inet policies before udp dport 53 ct timeout set "slow"
        """)
        program = self.start_program()
        with self.udp() as send:
            for _ in range(int(ACTIVE_TIMEOUT * 2 / 0.25)):
                send()
                time.sleep(0.25)
            truth = self.wire.last(UDP, 53)
            self.assertRegex(self.lab.router.run("conntrack", "-L", "-p", "udp"),
                             r"udp +17 3\d ")
            time.sleep(2 * ACTIVE_TIMEOUT)
            self.delete("udp")
            time.sleep(0.5)
            self.assert_end(program, truth, PASSES)

    def test_packets_before_a_restart(self):
        state = f"{self.directory}/state"
        self.set_timeout("udp_timeout", 60)
        program = self.start_program(state_file=state)
        with self.udp() as send:
            send()
            wait_until(lambda: self.wire.packets, "a packet")
            time.sleep(2 * ACTIVE_TIMEOUT)  # so that it is reported
            program.stop()
            self.assertIn("state_saved connections=1", program.log)
            send()
            truth = self.wire.last(UDP, 53)
            time.sleep(4)
            program = self.start_program(state_file=state)
            self.assertIn("state_restored connections=1", program.log)
            time.sleep(2 * ACTIVE_TIMEOUT)
            self.assert_end(program, truth, HALF_SECOND)

    def test_settings_that_cannot_be_read(self):
        """Where /proc/sys is hidden nothing is claimed about conntrack, and status says so."""
        hidden = f"{self.directory}/empty"
        os.mkdir(hidden)
        text = ctflowd.configuration(
            [ctflowd.Collector(name, port, name, settings={"sampling_options": False})
             for name, port in PROTOCOLS.items()],
            status={"socket": f"{self.directory}/status"})
        wrapper = f"{self.directory}/hide"
        with open(wrapper, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nmount --bind {hidden} /proc/sys && exec "$@"\n')
        os.chmod(wrapper, 0o755)
        program = ctflowd.Ctflowd("unshare", self.lab.router, self.directory, "--mount", wrapper,
                                  case.program, "run", config=text)
        self.addCleanup(program.kill)
        program.wait_for("started")
        self.assertIn("settings_unreadable", program.log)
        self.assertNotIn("conntrack_missing", program.log)
        self.assertEqual(program.log.count("timeouts_unreadable"), 1)
        with self.udp() as send:
            send()
            truth = self.wire.last(UDP, 53)
            self.lab.wait_for_idle()
            command = f"{case.program} status --json --socket {self.directory}/status"
            status = self.lab.router.run("sh", "-c", f"{command} || true")
            self.assertIn("timeouts_unreadable", status)
            self.assert_end(program, truth, TICK)  # its only packet began it


if __name__ == "__main__":
    case.main()
