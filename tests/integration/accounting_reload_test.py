#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ctflowd reloaded while it counts, and killed then: no octet is lost, and none is counted twice."""

import contextlib
import os
import signal
import socket

import accounting_case
import case
import traffic
from lab import CLIENT4, SERVER4, SERVER6, wait_until
from packet_truth import SECOND6, summed

LIVES = 3
RUNTIME = "/run/ctflowd"
AGGREGATES = {"connections": ("host", "service", "direction"), "devices": ("device", "direction")}
OTHER = {"hosts": ("host", "direction")}


class AccountingReload(accounting_case.AccountingCase):
    """Without a state file every connection is reported again after a kill, with all that it had."""

    def configuration(self, accounting=True, aggregates=None):
        source = {"existing": "export", "state_file": "off", "active_timeout": "5s"}
        return super().configuration(source, {} if accounting else {"accounting": None},
                                     aggregates=accounting_case.yaml(aggregates or AGGREGATES))

    def setUp(self):
        super().setUp()
        os.makedirs(RUNTIME, exist_ok=True)
        self.packets = 0
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.lab.router.set(f"net/netfilter/nf_conntrack_{name}", 600)

    def begin(self):
        program = self.run_program(self.configuration())
        self.assertNotRegex(program.log, "accounting_not_written|accounting_reports_unavailable")
        return program

    def reload(self, program, text, times=1):
        """As often at once; it may take several signals for one."""
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        before = program.log.count(" reloaded")
        for _ in range(times):
            program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: program.log.count(" reloaded") > before, "the reload")

    def conversation(self, initiator, responder, source, destination):
        """A function that says something and waits for the answer."""
        there = traffic._bound(responder, socket.SOCK_DGRAM, *destination)
        here = traffic._bound(initiator, socket.SOCK_DGRAM, *source)
        here.connect(destination)
        self.addCleanup(here.close)
        self.addCleanup(there.close)

        def exchange():
            for size in self.sizes():
                here.send(bytes(size))
                _, peer = there.recvfrom(2000)
                there.sendto(bytes(size // 2), peer)
                here.recv(2000)
                self.packets += 2
        return exchange

    def counted_packets(self):
        with contextlib.suppress(Exception):
            return self.rows("SELECT sum(down_packets + up_packets) FROM periods WHERE aggregate = "
                             "'connections' AND kind IN ('key', 'uncounted')")[0][0]
        return None

    def say(self, *conversations):
        """And wait until it is counted: nothing is, once too often, while accounting is removed."""
        for exchange in conversations:
            exchange()
        wait_until(lambda: (self.counted_packets() or 0) >= self.packets, "all to be counted", 20)

    def life(self, program, *conversations):
        self.say(*conversations)
        for number in range(6):
            changed = {**AGGREGATES, **(OTHER if number % 2 == 0 else {})}
            self.reload(program, self.configuration(aggregates=changed), times=1 + number % 3)
            if number == 1 and self.random.random() < 0.5:
                self.say(*conversations)
        self.reload(program, self.configuration(accounting=False))
        self.reload(program, self.configuration())

    def test_killed_after_reloads(self):
        client, second, _, server, _ = self.lab.hosts()
        conversations = [self.conversation(client, server, (CLIENT4, 5001), (SERVER4, 6001)),
                         self.conversation(second, server, (SECOND6, 5003), (SERVER6, 6003))]
        program = self.begin()
        for number in range(LIVES):
            self.life(program, *conversations)
            if number % 2:
                self.say(*conversations)
            program.process.send_signal(signal.SIGKILL)
            program.wait()
            program = self.begin()
        self.say(*conversations)
        self.lab.router.run("conntrack", "-F")
        used = self.finish(program)
        for level in ("days", "periods"):
            self.assertEqual(self.ever("connections", level, ("direction",), "'key', 'uncounted'"),
                             summed(used, ("direction",)), level)
        self.assertEqual(self.rows("SELECT sum(connections) FROM periods WHERE aggregate = 'connections'"),
                         [(len(conversations),)])

    def test_counters_set_to_zero_before_a_reload(self):
        client, _, _, server, _ = self.lab.hosts()
        exchange = self.conversation(client, server, (CLIENT4, 5001), (SERVER4, 6001))
        program = self.begin()
        self.say(exchange)
        self.lab.router.run("conntrack", "-L", "-z")
        self.reload(program, self.configuration(aggregates={**AGGREGATES, **OTHER}))
        wait_until(lambda: "counters_fell" in program.log, "a scan that finds it", 20)
        self.say(*[exchange] * 8)
        self.assertEqual(self.counted_packets(), self.packets)


if __name__ == "__main__":
    case.main()
