#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connection logs: a line for every report and end, to the octet what the kernel counted."""

import contextlib
import datetime
import os
import signal
import socket
import subprocess
import time

import case
import connection_lines
import ctflowd
import kernel
import traffic
from connection_lines import by_connection, community_id, sums
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, WAN4, WAN6, wait_until

ICMP, TCP, UDP, GRE, ICMPV6, SCTP = 1, 6, 17, 47, 58, 132


class LogTest(case.LabTest):
    def setUp(self):
        self.schema = connection_lines.validator()
        self.make_lab()

    def path(self, name="log.json"):
        return f"{self.directory}/{name}"

    def run_with(self, *entries, sources=(), extra=""):
        """A ctflowd with these logs and no collector."""
        lines = ["log_connections:"] + [f"  - {{{entry}, flush_after: 50ms}}" for entry in entries]
        lines += ["source:", *(f"  {one}" for one in ("measure: off", *sources))]
        daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                 config="\n".join(lines) + "\n" + extra).wait_for("started")
        self.addCleanup(daemon.kill)
        return daemon

    def totals(self, daemon):
        lines = [line for line in daemon.log.splitlines() if "output_totals" in line]
        return {part.split("=")[0]: int(part.split("=")[1]) for part in lines[-1].split()
                if "=" in part and part.split("=")[1].isdigit()}

    def validate(self, lines):
        for line in lines:
            self.assertEqual([error.message for error in self.schema.iter_errors(line)], [], line)

    def many(self, count, port=9):
        """`count` connections of one datagram each."""
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for target in range(port, port + count):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(b"x" * 10, (SERVER4, target))

    def flush(self):
        """Ends all connections at once."""
        self.lab.router.run("conntrack", "-F")


class Unstamped(LogTest):
    def test_an_end_with_nothing_new_has_a_start(self):
        self.lab.router.set("net/netfilter/nf_conntrack_timestamp", 0)
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 120)
        before = time.time()
        daemon = self.run_with(f"name: one, to: file, path: {self.path()}", sources=("active_timeout: 5s",))
        self.many(1)
        wait_until(lambda: connection_lines.read(self.path()), "an update")
        self.flush()
        wait_until(lambda: len(connection_lines.read(self.path())) > 1, "the end")
        daemon.stop()
        lines = connection_lines.read(self.path())
        self.validate(lines)
        self.assertEqual([line["event"] for line in lines], ["update", "end"])
        for line in lines:
            start = datetime.datetime.fromisoformat(line["start"].replace("Z", "+00:00")).timestamp()
            self.assertGreater(start, before - 1, line)


class EveryKind(LogTest):
    def check(self, connections, lines):
        """Each end of the kernel is one line, with its numbers."""
        self.validate(lines)
        ends = [line for line in lines if line["event"] == "end"]
        self.assertEqual(len(ends), len(connections))
        for connection in connections:
            there, back = connection.original, connection.reply
            found = [line for line in ends if line["protocol"] == connection.protocol
                     and line["initiator"]["address"] == there.source
                     and line["responder"]["address"] == there.destination
                     and line["initiator"].get("port", 0) == (
                         there.source_port if connection.protocol in (TCP, UDP, SCTP) else 0)]
            self.assertEqual(len(found), 1, connection)
            self.check_line(found[0], connection)

    def check_line(self, line, connection):
        there, back = connection.original, connection.reply
        for side, counted in (("initiator", there), ("responder", back)):
            self.assertEqual(line[side]["packets"]["total"], counted.packets)
            self.assertEqual(line[side]["octets"]["total"], counted.octets)
            self.assertEqual(line[side]["octets"]["delta"], counted.octets)
        ports = there.icmp or (there.source_port, there.destination_port)
        self.assertEqual(line["community_id"],
                         community_id(connection.protocol, there.source, there.destination, ports))
        self.assertEqual("nat" in line["initiator"], there.source != back.destination)
        self.assertEqual("nat" in line["responder"], there.destination != back.source)
        if there.source != back.destination:
            self.assertEqual(line["initiator"]["nat"]["address"], back.destination)
        if there.destination != back.source:
            self.assertEqual(line["responder"]["nat"]["address"], back.source)
            self.assertEqual(line["responder"]["nat"].get("port"),
                             back.source_port if connection.protocol in (TCP, UDP) else None)
        if connection.translated:
            outside = back.icmp or (back.source_port, back.destination_port)
            self.assertEqual(line["nat_community_id"], community_id(
                connection.protocol, back.source, back.destination, outside))
        if there.icmp:
            self.assertEqual((line["icmp"]["type"], line["icmp"]["code"]), there.icmp)

    def test_every_kind_of_connection_is_a_line_that_is_true(self):
        self.lab.rules("source_nat", 'oifname "wan" masquerade')
        self.lab.rules("destination_nat",
                       f"ip daddr {WAN4} tcp dport 8080 dnat ip to {CLIENT4}:80",
                       f"ip6 daddr {WAN6} udp dport 5353 dnat ip6 to [{CLIENT6}]:53")
        self.lab.rules("track", "tcp dport 80 ct mark set 4275878552")
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}")
        out, back = (self.lab.client, self.lab.server), (self.lab.server, self.lab.client)
        traffic.tcp(*out, SERVER4, 80, 50_000, 100)
        traffic.udp(*out, SERVER4, 53, (100,), (200,))
        traffic.echo(self.lab.client, SERVER4, (56, 100))
        traffic.gre(*out, SERVER4)
        traffic.sctp(*out, SERVER4)
        traffic.tcp(*out, SERVER6, 80, 1000, 3000)
        traffic.udp(*out, SERVER6, 53, (100, 300), (200,))
        traffic.echo(self.lab.client, SERVER6, (56,))
        traffic.tcp(*back, WAN4, 8080, 3000, 40_000, listen=(CLIENT4, 80))
        traffic.udp(*back, WAN6, 5353, (10, 20), (300,), listen=(CLIENT6, 53))
        self.lab.wait_for_idle()
        daemon.stop()
        connections = listener.stop()
        lines = connection_lines.read(self.path())
        self.assertEqual(len(connections), 10)
        self.check(connections, lines)
        self.assertEqual({line["protocol"] for line in lines}, {ICMP, TCP, UDP, GRE, ICMPV6, SCTP})
        outgoing = [line for line in lines if line["initiator"]["address"] in (CLIENT4, CLIENT6)]
        for line in outgoing:
            self.assertEqual(line["initiator"]["ingress"]["name"], "lan")
            self.assertEqual(line["initiator"]["egress"]["name"], "wan")
            self.assertEqual(line["responder"]["ingress"]["name"], "wan")
        self.assertIn(4275878552, {line["mark"] for line in lines})
        ledger = self.totals(daemon)
        self.assertEqual(ledger["records"], len(lines))
        self.assertEqual((ledger["packets"], ledger["octets"]), sums(lines))
        self.assertEqual(ledger["message_octets"], os.stat(self.path()).st_size)

    def test_a_connection_without_counters_has_an_end(self):
        self.lab.router.set("net/netfilter/nf_conntrack_acct", 0)
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,))
        self.lab.wait_for_idle()
        daemon.stop()
        lines = connection_lines.read(self.path())
        self.validate(lines)
        self.assertEqual([line["event"] for line in lines], ["end"])
        self.assertNotIn("octets", lines[0]["initiator"])

    def test_interim_reports_add_up_and_every_connection_has_an_end(self):
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout_stream", 9)
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 9)
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}",
                               sources=("active_timeout: 5s",))
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there, \
             contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
            there.bind((SERVER4, 53))
            here.connect((SERVER4, 53))
            end = time.monotonic() + 11
            while time.monotonic() < end:
                here.send(bytes(100))
                _, peer = there.recvfrom(200)
                there.sendto(bytes(50), peer)
                time.sleep(0.1)
        # It is idle for longer than the active timeout: interim reports have everything.
        self.lab.wait_for_idle()
        daemon.stop()
        (connection,) = listener.stop()
        lines = connection_lines.read(self.path())
        self.validate(lines)
        (of_one,) = by_connection(lines).values()
        self.assertGreaterEqual(len(of_one), 3)
        self.assertEqual([line["event"] for line in of_one], ["update"] * (len(of_one) - 1) + ["end"])
        self.assertEqual(sums(of_one), (connection.original.packets + connection.reply.packets,
                                        connection.original.octets + connection.reply.octets))
        last = of_one[-1]
        self.assertEqual(last["initiator"]["octets"]["total"], connection.original.octets)
        self.assertEqual(last["responder"]["packets"]["total"], connection.reply.packets)
        self.assertEqual(last["initiator"]["octets"]["delta"], 0)
        for before, after in zip(of_one, of_one[1:]):
            self.assertLessEqual(before["end"], after["delta_start"])
            self.assertGreaterEqual(after["initiator"]["octets"]["total"],
                                    before["initiator"]["octets"]["total"])


class Outputs(LogTest):
    def test_lines_go_to_standard_output(self):
        config = self.path("stdout.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("log_connections: [{name: out, to: stdout, flush_after: 50ms}]\n")
        daemon = subprocess.Popen(self.lab.router.command(case.program, "run", "-c", config),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(daemon.kill)
        # Its log goes to stderr, and no line of it to standard output.
        while b" started" not in daemon.stderr.readline():
            pass
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,))
        self.lab.wait_for_idle()
        daemon.terminate()
        out, _ = daemon.communicate(timeout=10)
        self.assertEqual(daemon.returncode, 0)
        lines = connection_lines.parse(out.decode())
        self.validate(lines)
        self.assertEqual(len(lines), 1)

    def check_reader(self, reader, entry):
        """It goes away while connections end, and comes back: every line arrives."""
        daemon = self.run_with(entry)
        ended = 0
        for round_number in range(3):
            self.many(50, 1000 + 100 * round_number)
            self.flush()
            ended += 50
            wait_until(lambda wanted=ended: len({line["flow_id"] for line in reader.lines()}) >= wanted
                       or len(reader.lines()) >= wanted, f"{ended} lines")
            reader.go_away()
            self.many(50, 2000 + 100 * round_number)
            self.flush()
            ended += 50
            time.sleep(0.3)
            reader.listen()
        ports = lambda: {line["responder"]["port"] for line in reader.lines()}
        wait_until(lambda: len(ports()) == ended, f"all {ended} connections to arrive, not {len(ports())}", 30)
        daemon.stop()
        reader.go_away()
        lines = reader.lines()
        self.validate(lines)
        ledger = self.totals(daemon)
        self.assertEqual(ledger["offered"], ended)
        self.assertEqual(ledger["records"], ended)
        self.assertEqual(ledger["lost_messages"], 0)
        self.assertGreaterEqual(ledger["transport_sessions"], 4)

    def test_a_unix_reader_goes_away_and_comes_back(self):
        path = self.path("reader.sock")
        self.check_reader(connection_lines.Reader(socket.AF_UNIX, path),
                          f"name: local, to: unix, path: {path}")

    def test_a_tcp_reader_goes_away_and_comes_back(self):
        self.lab.rules("raw_output", "tcp dport 5170 notrack")
        reader = connection_lines.Reader(socket.AF_INET, ("127.0.0.1", 5170), self.lab.router)
        self.check_reader(reader, "name: local, to: tcp, address: 127.0.0.1, port: 5170")

    def test_a_tcp_log_does_not_log_itself(self):
        reader = connection_lines.Reader(socket.AF_INET, (SERVER4, 5170), self.lab.server)
        daemon = self.run_with(f"name: local, to: tcp, address: {SERVER4}, port: 5170")
        self.addCleanup(reader.go_away)
        wait_until(lambda: reader.received, "a connection")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,))
        self.flush()
        wait_until(reader.lines, "a line")
        time.sleep(0.3)
        self.assertEqual([line["responder"]["port"] for line in reader.lines()], [53])
        daemon.stop()

    def test_lines_wait_on_disk_over_a_restart(self):
        path, spool = self.path("reader.sock"), self.path("spool")
        os.mkdir(spool)
        entry = f"name: local, to: unix, path: {path}, spool: {{directory: {spool}}}"
        daemon = self.run_with(entry)
        self.many(20)
        self.flush()
        time.sleep(0.3)
        daemon.stop()
        reader = connection_lines.Reader(socket.AF_UNIX, path)
        daemon = self.run_with(entry)
        wait_until(lambda: len(reader.lines()) == 20, "the lines of the ctflowd before")
        self.validate(reader.lines())
        daemon.stop()
        reader.go_away()


class Namespaces(LogTest):
    def test_each_has_a_file_of_its_own(self):
        daemon = self.run_with(f"name: local, to: file, path: {self.path()}",
                               extra="namespaces: [{name: router, observation_domain: 77}]\n")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,))
        self.lab.wait_for_idle()
        daemon.stop()
        lines = connection_lines.read(self.path("log.json.router"))
        self.validate(lines)
        self.assertEqual([(line["namespace"], line["domain"]) for line in lines], [("router", 77)])
        self.assertFalse(os.path.exists(self.path()))


if __name__ == "__main__":
    case.main()
