#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`threads: namespaces`: several namespaces at once, each by a thread of its own. What the kernel
counted in each of them is told to the octet, whatever comes in between. CTFLOWD_THREADS=one runs the
same with one thread. Also run with the build of ThreadSanitizer."""

import contextlib
import glob
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import case
import collectors
import connection_lines
import ctflowd
import isolation
import lab
from lab import wait_until

THREADS = ctflowd.THREADS or "namespaces"
# A part of it where the buffer of a socket cannot be made larger, and where everything is slow.
SLOW = "CTFLOWD_BURST" in os.environ
BURST = int(os.environ.get("CTFLOWD_BURST", 2000 if isolation.privileged() else 300))
STOP_LIMIT = 20.0 if SLOW else ctflowd.STOP_LIMIT
NOBODY = 65534
ROUNDS = 5
SIZE = 40
ACTIVE_TIMEOUT = 5  # the shortest that can be configured


class Own(lab.Namespace):
    """A namespace with a connection table for what it tells itself; connections end by end_all()."""

    def __init__(self, name):
        super().__init__(name)
        self.run("nft", "-f", "-", input="add table inet own\n"
                 "add chain inet own out { type filter hook output priority filter; }\n"
                 "add rule inet own out ct state established accept\n")
        for setting, value in (("acct", 1), ("timestamp", 1), ("events", 1), ("udp_timeout", 300),
                               ("udp_timeout_stream", 300)):
            self.set(f"net/netfilter/nf_conntrack_{setting}", value)
        self.receiver = self.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", 9))
        self.counted = [0, 0]  # by the kernel, packets and octets of what has ended

    def talk(self, ports, datagrams=1):
        """A connection from each of these ports, or more of it."""
        for port in ports:
            with contextlib.closing(self.socket_from(port)) as sock:
                for _ in range(datagrams):
                    sock.sendto(bytes(SIZE), ("127.0.0.1", 9))

    def socket_from(self, port):
        sock = self.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        return sock

    def end_all(self):
        """All connections, of which the kernel's own counters are read before."""
        for packets, octets in re.findall(r"packets=(\d+) bytes=(\d+)", self.run("conntrack", "-L")):
            self.counted[0] += int(packets)
            self.counted[1] += int(octets)
        self.run("conntrack", "-F")

    def remove(self):
        self.receiver.close()
        subprocess.run(["ip", "netns", "delete", self.name], check=False, stderr=subprocess.DEVNULL)


class Asker(threading.Thread):
    """Asks for pages of the status, always."""

    def __init__(self):
        super().__init__(daemon=True)
        self._ending = threading.Event()
        self.answers = 0
        self.wrong = []

    def run(self):
        while not self._ending.is_set():
            for page in ("status", "metrics"):
                try:
                    answer = self.ask(page)
                except OSError as error:
                    answer = str(error).encode()
                if answer.startswith(b"HTTP/1.1 200 "):
                    self.answers += 1
                elif not self._ending.is_set():
                    self.wrong.append(answer[:200])
            time.sleep(0.01)

    @staticmethod
    def ask(page):
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
            sock.settimeout(10)
            sock.connect("/run/ctflowd/status.sock")
            sock.sendall(f"GET /{page} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while part := sock.recv(65536):
                answer += part
            return answer

    def stop(self):
        self._ending.set()
        self.join()


class InThreads(case.LabTest):
    def setUp(self):
        self.directory = f"/run/test-{time.monotonic_ns()}"
        os.mkdir(self.directory)
        os.makedirs("/run/ctflowd", exist_ok=True)
        self.home = lab.Namespace("home")  # of ctflowd and the collectors
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", "home"], check=False)

    def make(self, name):
        one = Own(name)
        self.addCleanup(one.remove)
        return one

    def text(self, names, number=0, **source):
        return ctflowd.configuration(
            [ctflowd.Collector("steady", 4739, "ipfix", address="127.0.0.1"),
             ctflowd.Collector("changing", 4740, "ipfix", address="127.0.0.1",
                               settings={"flush_after": f"{20 + number % 7}ms"})],
            "[" + ", ".join(f"{{name: {name}}}" for name in names) + "]", source=source) + \
            f"log_connections: [{{name: lines, to: file, path: {self.directory}/lines}}]\n" + \
            ("" if ctflowd.THREADS else f"threads: {THREADS}\n")

    def start_program(self, text, user=""):
        program = ctflowd.Ctflowd(case.program, self.home, self.directory, "run",
                                  config=user + text)
        self.addCleanup(program.kill)
        program.wait_for("started")
        return program

    def reload(self, program, text):
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        before = program.log.count(" reloaded ")
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: program.log.count(" reloaded ") > before, "the reload")

    def assert_told(self, program, namespaces):
        """What the kernel counted is in the log of each namespace, and in the ledgers."""
        totals = program.collector_totals()
        for one in namespaces:
            with self.subTest(namespace=one.name):
                lines = connection_lines.read(f"{self.directory}/lines.{one.name}")
                self.assertEqual(list(connection_lines.sums(lines)), one.counted)
                self.assertEqual({line["namespace"] for line in lines}, {one.name})
                ledger = totals[f"steady@{one.name}"]
                self.assertEqual([ledger["packets"], ledger["octets"]], one.counted)
        self.assertNotIn("overrun", program.log.replace("overruns=0", "").replace(
            "lost_overrun=0", ""))

    def assert_threads(self, program, namespaces):
        expected = sorted(f"ns:{one.name}" for one in namespaces) if THREADS == "namespaces" else []

        def names():
            found = []
            for comm in glob.glob(f"/proc/{program.process.pid}/task/*/comm"):
                with contextlib.suppress(OSError), open(comm, encoding="ascii") as file:
                    found.append(file.read().strip())
            return sorted(name for name in found if name.startswith("ns:"))
        # A thread that begins has the name of the one that makes it, for a moment.
        wait_until(lambda: names() == expected, f"the threads {expected}")

    @contextlib.contextmanager
    def flood(self, namespaces):
        """Bursts of connections in each of them, ROUNDS at least."""
        enough = threading.Event()

        def rounds(one):
            number = 0
            while number < ROUNDS or not enough.is_set():
                first = 20_000 + number % ROUNDS * BURST
                one.talk(range(first, first + BURST), 1 + number % 3)
                one.end_all()
                number += 1
                time.sleep(0.3 if SLOW else 0)  # ctflowd is to come to other things
        threads = [threading.Thread(target=rounds, args=(one,)) for one in namespaces]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            enough.set()
            for thread in threads:
                thread.join()

    def export_while(self, names):
        """Traffic in all of them; the status is asked and the configuration read again meanwhile."""
        namespaces = [self.make(name) for name in names]
        nfcapd = collectors.Nfcapd(self.home, 4739, self.directory, address="127.0.0.1")
        self.addCleanup(nfcapd.kill)
        program = self.start_program(self.text(names))
        self.assert_threads(program, namespaces)
        asker = Asker()
        asker.start()
        reloads = 0
        with self.flood(namespaces):
            while reloads < 10 or asker.answers < 20:
                reloads += 1
                self.reload(program, self.text(names, reloads))
        asker.stop()
        program.stop(STOP_LIMIT)
        nfcapd.stop()
        print(f"{reloads} reloads, {asker.answers} answers", flush=True)
        self.assertEqual(asker.wrong, [])
        self.assert_told(program, namespaces)
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(list(case.sums(nfcapd.records())),
                         [sum(one.counted[i] for one in namespaces) for i in range(2)])

    def test_two(self):
        self.export_while(["n0", "n1"])

    def test_four(self):
        self.export_while(["n0", "n1", "n2", "n3"])

    def test_one_comes_and_goes_beside_one_that_is_busy(self):
        busy = self.make("busy")
        guest = self.make("guest")
        program = self.start_program(self.text(["busy", "guest"]))
        asker = Asker()
        asker.start()
        with self.flood([busy]):
            for times in range(6):
                guest.talk(range(2000, 2100), 2)
                guest.counted[0] += 200
                guest.counted[1] += 200 * (20 + 8 + SIZE)
                guest.remove()  # what lives is told
                wait_until(lambda n=times: program.log.count("namespace_closed") > n,
                           "it to be closed")
                if times % 2:
                    self.reload(program, self.text(["busy", "guest"], times))
                counted = guest.counted
                guest = self.make("guest")
                guest.counted = counted
                wait_until(lambda n=times: program.log.count("namespace_opened") > n,
                           "it to be opened")
        guest.talk(range(3000, 3100))
        guest.end_all()
        asker.stop()
        program.stop(STOP_LIMIT)
        self.assertEqual(asker.wrong, [])
        for one in (busy, guest):
            lines = connection_lines.read(f"{self.directory}/lines.{one.name}")
            self.assertEqual(list(connection_lines.sums(lines)), one.counted)

    def test_stops_while_all_are_busy(self):
        """What the kernel had sent before the signal is told, and soon."""
        namespaces = [self.make(name) for name in ("n0", "n1", "n2")]
        program = self.start_program(self.text([one.name for one in namespaces]))
        for one in namespaces:
            one.talk(range(20_000, 20_000 + 3 * BURST))
        ends = [threading.Thread(target=one.end_all) for one in namespaces]
        for end in ends:
            end.start()
        for end in ends:
            end.join()
        program.stop(STOP_LIMIT)
        self.assert_told(program, namespaces)

    def test_restarts(self):
        """What lives goes on living, and no octet of it is told twice or not at all."""
        namespaces = [self.make(name) for name in ("n0", "n1")]
        text = self.text([one.name for one in namespaces], active_timeout=f"{ACTIVE_TIMEOUT}s",
                         state_file=f"{self.directory}/state")
        first = self.start_program(text)
        for one in namespaces:
            one.talk(range(5000, 5050), 3)
        wait_until(lambda: all(len(self.lines(one)) >= 50 for one in namespaces),
                   "what lives to be reported")
        first.stop(STOP_LIMIT)
        self.assertEqual(first.log.count("state_saved connections=50"), 2)
        for one in namespaces:
            one.talk(range(5000, 5050), 1)  # nobody listens
        second = self.start_program(text)
        self.assertEqual(second.log.count("state_restored connections=50"), 2)
        for one in namespaces:
            one.talk(range(5000, 5050), 2)
            one.end_all()
        second.stop(STOP_LIMIT)
        for one in namespaces:
            self.assertEqual(list(connection_lines.sums(self.lines(one))), one.counted)
            self.assertEqual(one.counted[0], 50 * 6)

    def lines(self, one):
        path = f"{self.directory}/lines.{one.name}"
        return connection_lines.read(path) if os.path.exists(path) else []

    @unittest.skipUnless(isolation.privileged(), "only root can become another user")
    def test_no_thread_keeps_a_privilege(self):
        namespaces = [self.make(name) for name in ("n0", "n1")]
        os.chmod(self.directory, 0o755)
        text = ctflowd.configuration([ctflowd.Collector("steady", 4739, "ipfix",
                                                        address="127.0.0.1")], "[{name: n0}, {name: n1}]")
        program = self.start_program(text + ("" if ctflowd.THREADS else f"threads: {THREADS}\n"),
                                     "user: nobody\n")
        self.assert_threads(program, namespaces)
        tasks = f"/proc/{program.process.pid}/task"
        rights = set()
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/status", encoding="ascii") as file:
                rights.add(tuple(re.findall(r"^(?:Uid|Cap\w+|NoNewPrivs):.*$", file.read(), re.M)))
        self.assertEqual(len(rights), 1)
        self.assertIn(f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}", rights.pop())
        program.stop(STOP_LIMIT)


if __name__ == "__main__":
    case.main()
