#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Long-lived connections: reported while they live, and not an octet more or less than they had."""

import collections
import contextlib
import random
import signal
import socket
import time

import case
import traffic
from lab import CLIENT4, SERVER4, wait_until

ACTIVE_TIMEOUT = 5  # the shortest that can be configured
LIFE = 3 * ACTIVE_TIMEOUT + 1.5
SLACK = 0.8  # of a loaded machine
ESTIMATE = 1.1  # a stock kernel tells what is left of a timeout in whole seconds
UDP, TCP = 17, 6


class Conversation:
    """Datagrams between client and server, there and back, for as long as wanted."""

    def __init__(self, lab, port, answered=True):
        self._server = lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._server.bind((SERVER4, port))
        self._client = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._client.bind((CLIENT4, port))
        self._client.connect((SERVER4, port))
        self._answered = answered
        self.sent = [0, 0]  # packets there and back
        self.last = None  # when the last was sent
        for sock in (self._client, self._server):
            sock.settimeout(10)

    def exchange(self, size=100):
        self._client.send(bytes(size))
        _, peer = self._server.recvfrom(2000)
        self.sent[0] += 1
        if self._answered:
            self._server.sendto(bytes(size), peer)
            self._client.recv(2000)
            self.sent[1] += 1
        self.last = time.time()

    def close(self):
        self._client.close()
        self._server.close()


def by_direction(records):
    """Records of each direction of each connection, in the order of their times."""
    table = collections.defaultdict(list)
    for record in sorted(records, key=lambda r: (r.first, r.last)):
        table[record.protocol, record.source, record.source_port, record.destination,
              record.destination_port].append(record)
    return table


def totals(table):
    return {key: (sum(r.packets for r in records), sum(r.octets for r in records))
            for key, records in table.items()}


def kernel_totals(connections):
    """The kernel's final counters, by the same keys as by_direction()."""
    table = collections.defaultdict(lambda: (0, 0))
    for connection in connections:
        there, back = connection.original, connection.reply
        key = (connection.protocol, there.source, there.source_port, there.destination,
               there.destination_port)
        for direction, counted in ((key, there), ((key[0], *key[3:], *key[1:3]), back)):
            if counted.packets:
                packets, octets = table[direction]
                table[direction] = (packets + counted.packets, octets + counted.octets)
    return dict(table)


class ActiveTimeout(case.LabTest):
    def start_reporting(self, **source):
        return self.start(sections={"source": {"active_timeout": f"{ACTIVE_TIMEOUT}s", **source}})

    def conversation(self, port, **options):
        one = Conversation(self.lab, port, **options)
        self.addCleanup(one.close)
        return one

    def assert_ledger(self, result):
        ledger = result.totals
        self.assertEqual(ledger["ended"] + ledger["entries"],
                         ledger["exported"] + ledger["already_reported"]
                         + ledger["entries_skipped"] + ledger["existing_skipped"]
                         + ledger["lost_no_counters"])

    def assert_conserved(self, result):
        """What was exported of each direction is what the kernel counted."""
        self.assert_ledger(result)
        expected = kernel_totals(result.connections)
        for protocol, records in result.records.items():
            with self.subTest(protocol=protocol):
                self.assertEqual(totals(by_direction(records)), expected)
                self.assertEqual(result.nfcapd[protocol], {"sequence": 0, "bad": 0})
                self.assertEqual(result.nfacctd[protocol], [])

    def test_living_connections_are_reported(self):
        self.make_lab()
        session = self.start_reporting()
        talk, listen = self.conversation(1001), self.conversation(1002, answered=False)
        began = time.time()
        with traffic.tcp_connection(self.lab.client, self.lab.server, SERVER4, 8000) as (here, there):
            while time.time() < began + LIFE:
                talk.exchange()
                listen.exchange(200)
                here.sendall(bytes(300))
                there.recv(300, socket.MSG_WAITALL)
                time.sleep(0.05)
        result = session.finish()
        self.assert_conserved(result)
        for protocol, records in result.records.items():
            for direction, parts in by_direction(records).items():
                with self.subTest(protocol=protocol, direction=direction):
                    self.assert_parts(parts, protocol, began)
        self.assertEqual(result.totals["reconciled"], 0)

    def assert_parts(self, parts, protocol, began):
        self.assertGreaterEqual(len(parts), 3)
        self.assertLess(abs(parts[0].first - began), SLACK)
        if protocol == case.IPFIX:  # nfdump 1.7.1 does not read the reason from NetFlow v9
            self.assertEqual({part.end_reason for part in parts[:-1]}, {2})
            self.assertIn(parts[-1].end_reason, {1, 2, 3})
        for part, following in zip(parts, parts[1:]):
            self.assertLess(abs(following.first - part.last), 0.002)
        for part in parts:
            self.assertLess(part.last - part.first, ACTIVE_TIMEOUT + SLACK)
        self.assertLess(abs(parts[-1].last - (began + LIFE)), ESTIMATE + SLACK)

    def test_churn(self):
        """Connections come, talk, fall silent, are deleted and come again, while ctflowd is held up
        now and then so that events and parts of the table wait."""
        chance = random.Random(1)
        self.make_lab()
        session = self.start_reporting()
        talks = {port: self.conversation(port, answered=port % 3 > 0)
                 for port in range(3000, 3040)}
        end = time.time() + 3 * ACTIVE_TIMEOUT
        held_until = None
        while time.time() < end:
            for _ in range(10):
                talks[chance.choice(list(talks))].exchange(chance.randrange(1000))
            # Some are busy, some speak so seldom that their entry expires.
            talks[3000 + chance.randrange(5)].exchange()
            if chance.random() < 0.2:
                port = chance.choice(list(talks))
                with contextlib.suppress(RuntimeError):  # it may not be there
                    self.lab.router.run("conntrack", "-D", "-p", "udp", "--orig-port-src", port)
            now = time.time()
            if held_until is None and chance.random() < 0.05:
                session.ctflowd.process.send_signal(signal.SIGSTOP)
                held_until = now + chance.random()
            elif held_until is not None and now > held_until:
                session.ctflowd.process.send_signal(signal.SIGCONT)
                held_until = None
            time.sleep(0.02)
        session.ctflowd.process.send_signal(signal.SIGCONT)
        result = session.finish()
        self.assert_conserved(result)
        self.assertGreater(len(result.connections), 100)
        self.assertGreater(result.totals["exported"], result.totals["ended"] + 20)
        self.assertEqual(result.totals["reconciled"], 0)

    def test_short_connections_are_told_once(self):
        self.make_lab()
        session = self.start_reporting()
        end = time.time() + 2 * ACTIVE_TIMEOUT
        port = 2000
        while time.time() < end:
            self.conversation(port).exchange()
            port += 1
            time.sleep(0.2)
        result = session.finish()
        self.assert_conserved(result)
        for records in result.records.values():
            self.assertEqual({len(parts) for parts in by_direction(records).values()}, {1})

    def talk_before_the_start(self):
        self.make_lab()
        talk = self.conversation(1001)
        for _ in range(10):
            talk.exchange()
        return talk

    def test_existing_connections_are_exported(self):
        talk = self.talk_before_the_start()
        session = self.start_reporting()
        for _ in range(7):
            talk.exchange()
            time.sleep(0.1)
        result = session.finish()
        self.assert_conserved(result)
        self.assertEqual(result.totals["existing_adopted"], 0)

    def test_existing_connections_are_skipped(self):
        talk = self.talk_before_the_start()
        session = self.start_reporting(existing="skip")
        new = self.conversation(1002)
        for _ in range(7):
            talk.exchange()
            new.exchange()
            time.sleep(0.1)
        result = session.finish()
        self.assert_ledger(result)
        self.assertEqual(result.totals["existing_adopted"], 1)
        for records in result.records.values():
            got = totals(by_direction(records))
            self.assertEqual({packets for packets, _ in got.values()}, {7})
            self.assertEqual(len(got), 4)

    def test_connections_without_events_are_found(self):
        self.make_lab()
        # As with 2 and nobody listening; but the kernel also counts listeners of other namespaces.
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        # It must still be there when the collectors have been started.
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 8)
        talk = self.conversation(1001)
        talk.exchange()  # the kernel will not tell its end
        self.lab.router.set("net/netfilter/nf_conntrack_events", 2)
        session = self.start(watch=False, sections={"source": {"active_timeout": f"{ACTIVE_TIMEOUT}s"}})
        end = time.time() + ACTIVE_TIMEOUT
        while time.time() < end:
            talk.exchange()
            time.sleep(0.1)
        wait_until(lambda: "connections_vanished" in session.ctflowd.log,
                   "the passes to find that it is gone", 8 * ACTIVE_TIMEOUT)
        result = session.finish()
        self.assertEqual(result.totals["reconciled"], 1)
        self.assertEqual(result.totals["ended"], 0)
        for records in result.records.values():
            got = totals(by_direction(records))
            # The last pass that met it saw nearly all: half an active timeout is the bound, and
            # the entry stays for its own timeout, in which a pass may come.
            for packets, _ in got.values():
                self.assertLessEqual(packets, talk.sent[0])
                self.assertGreater(packets, talk.sent[0] / 3)

    def test_what_began_while_events_were_off_is_reported_in_every_scan(self):
        """Its end comes without an event, also when they are on again."""
        self.make_lab()
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 60)
        session = self.start_reporting()
        talks = [self.conversation(1001)]
        talks[0].exchange()
        time.sleep(3)  # so long may events have been off when that is seen
        self.lab.router.set("net/netfilter/nf_conntrack_events", 0)
        session.ctflowd.wait_for("events_stopped")
        talks.append(self.conversation(1002))
        talks[1].exchange()
        self.lab.router.set("net/netfilter/nf_conntrack_events", 1)
        session.ctflowd.wait_for("events_resumed")
        end = time.time() + 4 * ACTIVE_TIMEOUT
        while time.time() < end:
            for talk in talks:
                talk.exchange()
            time.sleep(0.05)
        time.sleep(ACTIVE_TIMEOUT)  # two scans see all of it
        self.lab.router.run("conntrack", "-F")
        wait_until(lambda: "connections_vanished" in session.ctflowd.log,
                   "the passes to find that it is gone", 8 * ACTIVE_TIMEOUT)
        result = session.finish()
        self.assertEqual([connection.original.source_port for connection in result.connections], [1001])
        for records in result.records.values():
            table = by_direction(record for record in records if record.source == CLIENT4)
            parts = {key[2]: of for key, of in table.items()}
            for talk, port in zip(talks, (1001, 1002)):
                self.assertEqual(sum(part.packets for part in parts[port]), talk.sent[0])
            self.assertGreater(len(parts[1002]), len(parts[1001]) + 1)

    def test_what_lives_is_reported_at_the_stop(self):
        self.make_lab()
        session = self.start_reporting(report_at_stop=True)
        talk = self.conversation(1001)
        for _ in range(5):
            talk.exchange()
        result = session.finish(idle=False)
        self.assert_ledger(result)
        for protocol, records in result.records.items():
            self.assertEqual([r.packets for r in records], [5, 5])
            if protocol == case.IPFIX:
                self.assertEqual({r.end_reason for r in records}, {4})

    def test_off(self):
        self.make_lab()
        session = self.start(sections={"source": {"active_timeout": "off"}})
        talk = self.conversation(1001)
        end = time.time() + ACTIVE_TIMEOUT + 1
        while time.time() < end:
            talk.exchange()
            time.sleep(0.2)
        result = session.finish()
        self.assert_conserved(result)
        self.assertEqual(result.totals["entries"], 0)
        for records in result.records.values():
            self.assertEqual(len(records), 2)


if __name__ == "__main__":
    case.main()
