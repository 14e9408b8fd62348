#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever comes in between, in whatever order: overruns while the table is read, reloads, collectors
that break off or do not answer, clients of the status page that leave, a stop at any moment. ctflowd
ends well, and its ledger is true. The order is random; the seed is printed, and CTFLOWD_SEED gives it
again. Also run with the build of the sanitizers, which see what merely went well here."""

import contextlib
import os
import random
import selectors
import signal
import socket
import threading
import time

import case
import ctflowd
from lab import COLLECTOR, ROUTER, SERVER4, wait_until

ROUNDS = int(os.environ.get("CTFLOWD_STRESS", "12"))
CONNECTIONS = 1500  # per round; what a buffer of 64 KiB holds is a fraction of it
SEED = os.environ.get("CTFLOWD_SEED") or str(random.SystemRandom().randrange(1 << 32))


class MoodyCollector(threading.Thread):
    """Accepts connections and resets some of them at random, or does not accept for a while."""

    def __init__(self, namespace, port, seed):
        super().__init__(daemon=True)
        self._random = random.Random(seed)
        self._listener = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((COLLECTOR, port))
        self._listener.listen()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._ending = threading.Event()
        self.connections = 0

    def run(self):
        while not self._ending.is_set():
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    self.connections += 1
                    self._selector.register(connection, selectors.EVENT_READ)
                elif self._random.random() < 0.05:
                    self._reset(key.fileobj)
                else:
                    self._read(key.fileobj)

    def _read(self, connection):
        try:
            if connection.recv(65536):
                return
        except OSError:
            pass
        self._reset(connection)

    def _reset(self, connection):
        self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    def stop(self):
        self._ending.set()
        self.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()


class Stress(case.LabTest):
    def setUp(self):
        print(f"CTFLOWD_SEED={SEED}", flush=True)
        self.random = random.Random(f"{SEED} {self.id()}")
        self.filled = 0
        self.make_lab()
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 300)
        # Only the connections that are counted below are tracked.
        self.lab.rules("raw_output", 'oifname "lo" notrack', "ip daddr 192.0.2.0/24 notrack")
        self.lab.rules("raw_prerouting", 'iifname "lo" notrack')
        sink = self.lab.collector.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sink.close)
        sink.bind((COLLECTOR, 4739))  # nobody reads it, and nothing answers with ICMP
        self.moody = MoodyCollector(self.lab.collector, 4740, f"{SEED} collector")
        self.moody.start()
        self.addCleanup(self.moody.stop)

    def configuration(self, with_moody=False):
        """One of many, which have the first collector in common."""
        one = ctflowd.Collector
        moody = one("moody", 4740, "ipfix", settings={
            "transport": "tcp", "flush_after": self.random.choice(("50ms", "100ms"))})
        others = [moody,
                  one("closed", 4741, "ipfix", settings={"transport": "tcp"}),
                  one("unreachable", 4742, "netflow9", address="192.0.2.99"),
                  one("named", 4743, "ipfix", address="localhost"),
                  one("named-stream", 4744, "ipfix", address="localhost",
                      settings={"transport": "tcp"}),
                  one("names", 4739, "netflow9", settings={"interface_names": True})]
        chosen = self.random.sample(others, self.random.randint(1, len(others)))
        if with_moody and moody not in chosen:
            chosen.append(moody)
        return ctflowd.configuration(
            [one("first", 4739, "ipfix"), *chosen],
            source={"receive_buffer": "64KiB", "receive_buffer_limit": "64KiB",
                    "active_timeout": "5s",
                    "report_at_stop": self.report_at_stop},
            status={"socket": f"{self.directory}/status.sock", "listen": f"{ROUTER}:8080"})

    def start_program(self):
        self.report_at_stop = self.random.random() < 0.5
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=self.configuration(with_moody=True))
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def fill(self):
        """Connections of one datagram each, none of which ends by itself."""
        with contextlib.closing(self.lab.client.socket(socket.AF_INET,
                                                       socket.SOCK_DGRAM)) as sock:
            for port in range(1, 1 + CONNECTIONS):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(bytes(40), (SERVER4, port))
        wait_until(lambda: self.entries() == CONNECTIONS, f"{CONNECTIONS} connections", 60)

        self.filled += CONNECTIONS

    def flush(self):
        self.lab.router.run("conntrack", "-F")

    def entries(self):
        return int(self.lab.router.read("/proc/sys/net/netfilter/nf_conntrack_count"))

    def pause(self, longest):
        time.sleep(self.random.random() * longest)

    # What may come in between.

    def reload(self):
        with open(f"{self.program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(self.configuration())
        for _ in range(self.random.randint(1, 3)):
            self.program.process.send_signal(signal.SIGHUP)
            self.pause(0.05)

    def reload_a_mistake(self):
        with open(f"{self.program.name}.yaml", "w", encoding="utf-8") as file:
            file.write("collectors: []\n")
        self.program.process.send_signal(signal.SIGHUP)
        self.pause(0.05)

    def ask(self):
        """A few clients, most of which leave before they have the answer."""
        with contextlib.ExitStack() as stack:
            for _ in range(self.random.randint(1, 20)):
                sock = stack.enter_context(contextlib.closing(
                    self.lab.router.socket(socket.AF_INET, socket.SOCK_STREAM)))
                sock.settimeout(5)
                with contextlib.suppress(OSError):
                    sock.connect((ROUTER, 8080))
                    sock.send(f"GET /status HTTP/1.1\r\nHost: {ROUTER}\r\n\r\n".encode()[:self.random.randint(0, 60)])
                    if self.random.random() < 0.2:
                        sock.recv(100)

    def change_routes(self):
        for number in range(self.random.randint(1, 30)):
            verb = self.random.choice(("add", "replace"))
            with contextlib.suppress(RuntimeError):
                self.lab.router.run("ip", "route", verb, f"198.51.100.{number}/32", "dev", "wan")

    def sleep_stopped(self):
        """Everything is due at once afterwards."""
        os.kill(self.program.process.pid, signal.SIGSTOP)
        self.pause(1)
        os.kill(self.program.process.pid, signal.SIGCONT)

    def burst(self):
        """Overruns one after the other, while the table is read because of the first."""
        until = time.monotonic() + 2 * self.random.random()
        while time.monotonic() < until:
            self.fill()
            self.flush()

    def run_rounds(self):
        acts = (self.reload, self.reload_a_mistake, self.ask, self.change_routes,
                self.sleep_stopped, lambda: self.pause(2))
        for number in range(ROUNDS):
            self.fill()
            for act in self.random.sample(acts, self.random.randint(1, 3)):
                act()
            if self.random.random() < 0.3:
                os.kill(self.program.process.pid, signal.SIGSTOP)
            self.flush()
            self.pause(0.1)
            os.kill(self.program.process.pid, signal.SIGCONT)
            self.burst()
            self.assertIsNone(self.program.process.poll(),
                              f"ended in round {number}:\n{self.program.log}")

    def test_ends_well_and_accounts_for_all(self):
        self.program = self.start_program()
        self.run_rounds()
        wait_until(lambda: self.entries() == 0, "the table to be empty", 60)
        self.pause(1)
        self.program.process.terminate()
        self.assertEqual(self.program.process.wait(30), 0, self.program.log)
        self.assertNotIn("Sanitizer", self.program.log)
        self.assertNotIn("runtime error", self.program.log)
        totals = self.program.totals()
        self.assertEqual(totals["ended"] + totals["lost_overrun"], self.filled)
        self.assertGreater(totals["lost_overrun"], 0)  # else nothing was proved
        self.assertGreater(self.moody.connections, 0)

    def test_stops_at_any_moment(self):
        """With whatever is under way."""
        for _ in range(max(2, ROUNDS // 3)):
            self.program = self.start_program()
            self.fill()
            self.pause(3)
            if self.random.random() < 0.5:
                self.reload()
            self.flush()
            self.pause(0.2)
            self.program.process.terminate()
            self.assertEqual(self.program.process.wait(30), 0, self.program.log)
            self.assertNotIn("Sanitizer", self.program.log)
            self.assertNotIn("runtime error", self.program.log)


if __name__ == "__main__":
    case.main()
