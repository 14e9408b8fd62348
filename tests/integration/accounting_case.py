# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of accounting against packets share: a lab, traffic of every kind by a seed that is
printed (the environment variable CTFLOWD_TRAFFIC_SEED repeats one), and the comparison."""

import contextlib
import itertools
import os
import random
import socket
import sqlite3
import subprocess
import threading
import time

import case
import ctflowd
import packet_truth
import traffic
from lab import CLIENT4, LAN4, SERVER4, SERVER6, WAN4
from packet_truth import INSIDE, NETWORKS, OWN4, OWN6, PEER4, SECOND4

KEYS = ("device", "host", "network", "remote_network", "interface", "remote_interface", "zone", "mark",
        "protocol", "service", "direction")
AGGREGATES = {**{key: (key,) for key in KEYS}, "who": ("device", "host", "network"),
              "where": ("interface", "remote_interface", "zone", "remote_network"),
              "what": ("host", "protocol", "service", "mark"), "everything": KEYS}
FEW = "few"  # one more, which has room for some of its keys only
MOST = 3
LEVELS = {"minutes": 60, "hours": 3600, "days": 86400}
AMOUNTS = "sum(down_octets), sum(up_octets), sum(down_packets), sum(up_packets), sum(connections)"
PRIVACY6 = [f"2001:db8:1::{one:x}:1" for one in range(0xa000, 0xa004)]
CHURNING = [f"10.10.0.{last}" for last in range(100, 120)]


def yaml(aggregates):
    return "[" + ", ".join(f"{{name: {name}, by: [{', '.join(by)}]}}" for name, by in aggregates.items()) + \
        f", {{name: {FEW}, by: [host, service], max_keys: {MOST}}}]"


class AccountingCase(case.LabTest):
    def setUp(self):
        seed = int(os.environ.get("CTFLOWD_TRAFFIC_SEED") or random.SystemRandom().randrange(2 ** 31))
        print(f"seed {seed}", flush=True)
        self.random = random.Random(seed)
        self.directory = f"/run/test-{time.monotonic_ns()}"
        os.mkdir(self.directory)
        self.database = f"{self.directory}/accounting.sqlite"
        self.ports = itertools.count(10_000)
        self.lab = packet_truth.TruthLab()
        self.addCleanup(self.lab.close)
        for address in PRIVACY6:
            self.lab.client.run("ip", "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
        for address in CHURNING:
            self.lab.client.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        self.capture = packet_truth.Capture(self.lab, self.directory)
        self.addCleanup(self.capture.kill)
        self._sweeping = threading.Event()
        sweeper = threading.Thread(target=self._sweep)
        sweeper.start()
        self.addCleanup(sweeper.join)
        self.addCleanup(self._sweeping.set)

    def _sweep(self):
        """Entries go when they have expired, and not when the kernel looks next."""
        while not self._sweeping.wait(0.25):
            for family in ("ipv4", "ipv6"):
                subprocess.run(self.lab.router.command("conntrack", "-L", "-f", family), check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def configuration(self, source=None, sections=None, **settings):
        """`sections`: None for one that is left out."""
        networks = ", ".join(f"{{name: {name}, networks: [{', '.join(repr(one) for one in networks)}]}}"
                             for name, networks in NETWORKS.items())
        accounting = {"aggregates": yaml(AGGREGATES), "database": self.database,
                      "commit_interval": "1s", "time_zone": "UTC", "networks": f"[{networks}]",
                      "inside": "[" + ", ".join(map(repr, INSIDE)) + "]",
                      "device_files": "[/nonexistent]", **settings}
        all_sections = {"accounting": accounting, "source": source or {}, **(sections or {})}
        return ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix")],
            **{name: section for name, section in all_sections.items() if section is not None})

    def run_program(self, configuration):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=configuration)
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def start_program(self, source=None, sections=None, **settings):
        return self.run_program(self.configuration(source, sections, **settings))

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True,
                                                timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def has_rows(self, sql):
        try:
            return bool(self.rows(sql))
        except sqlite3.OperationalError:  # it is being made
            return False

    def counted(self, aggregate, level, keys, kind="'key'"):
        """Amounts by the beginning of the interval and keys."""
        return self._sums(aggregate, level, ("CAST(strftime('%s', begin) AS INTEGER)", *keys), kind)

    def ever(self, aggregate, level, keys, kind="'key'"):
        """Amounts of all times, by nothing and keys: as packet_truth.summed() has them."""
        return self._sums(aggregate, level, ("NULL", *keys), kind)

    def _sums(self, aggregate, level, columns, kind):
        found = self.rows(f"""SELECT {', '.join(columns)}, {AMOUNTS} FROM {level} WHERE
            aggregate = '{aggregate}' AND kind IN ({kind}) GROUP BY {', '.join(columns)}""")
        return {row[:-5]: row[-5:] for row in found if any(row[-5:])}

    def quiet_minute_change(self):
        """No conversation is of two minutes: how accounting divides it no capture could say."""
        while not 2 < time.time() % 60 < 56:
            time.sleep(0.1)

    # Conversations of every kind. Their sizes are random.

    def sizes(self, most=5):
        return [self.random.randrange(1, 1400) for _ in range(self.random.randrange(1, most))]

    def udp(self, initiator, responder, address, port, **options):
        traffic.udp(initiator, responder, address, port, self.sizes(), self.sizes(), **options)

    def tcp(self, initiator, responder, address, port, listen=None):
        traffic.tcp(initiator, responder, address, port, self.random.randrange(1, 30_000),
                    self.random.randrange(1, 60_000), listen=listen)

    def kinds(self):
        client, second, third, server, peer = self.lab.hosts()
        router = self.lab.router
        inside = self.random.choice((client, second, third))
        port = self.random.choice((53, 8123))
        return {
            "nat44": lambda: self.udp(inside, server, SERVER4, port),
            "nat44_tcp": lambda: self.tcp(inside, server, SERVER4, 443),
            "ipv6": lambda: self.udp(client, server, SERVER6, port,
                                     source=(self.random.choice(PRIVACY6), 0)),
            "nat66": lambda: self.udp(second, server, SERVER6, port),
            "nat66_tcp": lambda: self.tcp(second, server, SERVER6, 443),
            "dnat": lambda: self.tcp(server, client, WAN4, 8080, listen=(CLIENT4, 80)),
            "dnat_udp": lambda: self.udp(server, second, WAN4, 5353, listen=(SECOND4, 53)),
            "hairpin_same_lan": lambda: self.tcp(third, client, WAN4, 8080, listen=(CLIENT4, 80)),
            "hairpin_other_lan": lambda: self.tcp(client, second, WAN4, 8081, listen=(SECOND4, 80)),
            "local": lambda: self.udp(second, client, CLIENT4, port),
            "through": lambda: self.udp(server, peer, PEER4, port),
            "through_tcp": lambda: self.tcp(peer, server, SERVER4, 443),
            "own": lambda: self.udp(router, server, SERVER4, 9000, source=(OWN4, 0)),
            "own_ipv6": lambda: self.udp(router, server, SERVER6, 9000, source=(OWN6, 0)),
            "to_router": lambda: self.udp(client, router, LAN4, 9000),
            "from_outside_to_router": lambda: self.udp(server, router, WAN4, 9000),
            "echo": lambda: traffic.echo(inside, SERVER4, self.sizes()),
            "echo_ipv6": lambda: traffic.echo(second, SERVER6, self.sizes()),
        }

    def mix(self, more):
        """One of each kind, and so many more."""
        names = list(self.kinds())
        chosen = names + [self.random.choice(names) for _ in range(more)]
        self.random.shuffle(chosen)
        for name in chosen:
            self.quiet_minute_change()
            self.kinds()[name]()

    def churn(self, count, pause=0.0):
        """Short connections of many hosts, each from a port of its own."""
        stopping = threading.Event()
        with contextlib.closing(self.lab.server.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there:
            there.bind((SERVER4, 8123))
            there.settimeout(0.1)

            def answer():
                while not stopping.is_set():
                    with contextlib.suppress(TimeoutError):
                        data, peer = there.recvfrom(2000)
                        there.sendto(data * 2, peer)
            server = threading.Thread(target=answer)
            server.start()
            try:
                with self.lab.client.inside():
                    for number in range(count):
                        self.quiet_minute_change()
                        self._ask((CHURNING[number % len(CHURNING)], next(self.ports)))
                        time.sleep(pause)
            finally:
                stopping.set()
                server.join()

    def _ask(self, source):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
            here.settimeout(10)
            here.bind(source)
            here.sendto(bytes(self.random.randrange(1, 700)), (SERVER4, 8123))
            here.recv(2000)

    def finish(self, program):
        """Nothing is under way any more: what the packets say."""
        self.lab.wait_for_idle()
        program.stop()
        return packet_truth.usages(self.capture.stop())

    def assert_sums(self, used):
        """Every row of every aggregate, whenever it was."""
        for level in (*LEVELS, "periods"):
            for aggregate, keys in AGGREGATES.items():
                keys = tuple(dict.fromkeys((*keys, "direction")))
                self.assertEqual(self.ever(aggregate, level, keys), packet_truth.summed(used, keys),
                                 (aggregate, level))
        self.assert_totals(used)

    def assert_true(self, used):
        """Every row of every aggregate, level and interval."""
        for level, seconds in LEVELS.items():
            def begin(first, seconds=seconds):
                return int(first // seconds * seconds)
            for aggregate, keys in AGGREGATES.items():
                keys = tuple(dict.fromkeys((*keys, "direction")))
                self.assertEqual(self.counted(aggregate, level, keys),
                                 packet_truth.summed(used, keys, begin), (aggregate, level))
            self.assertEqual(self.counted(FEW, level, ("direction",), "'key', 'other'"),
                             packet_truth.summed(used, ("direction",), begin), level)
            truth = packet_truth.summed(used, ("host", "service", "direction"), begin)
            for key, amounts in self.counted(FEW, level, ("host", "service", "direction")).items():
                for row, true in zip(amounts, truth[key]):
                    self.assertLessEqual(row, true, key)
        self.assert_totals(used)

    def assert_totals(self, used):
        total = packet_truth.summed(used, ())[None,]
        for aggregate in (*AGGREGATES, FEW):
            ever = self.rows(f"SELECT {AMOUNTS} FROM periods WHERE aggregate = '{aggregate}'")[0]
            self.assertEqual(ever, total, aggregate)
        run = subprocess.run([case.program, "accounting", "check", "--database", self.database, "-c",
                              "/none"], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def talk(self, initiator, responder, source, destination, listen=None):
        """A conversation that goes on until the test ends it by the function that is returned."""
        stopping = threading.Event()
        there = traffic._bound(responder, socket.SOCK_DGRAM, *(listen or destination))
        here = traffic._bound(initiator, socket.SOCK_DGRAM, *source)
        here.connect(destination)

        def exchange():
            while not stopping.wait(0.02):
                here.send(bytes(300))
                _, peer = there.recvfrom(2000)
                there.sendto(bytes(700), peer)
                here.recv(2000)
        thread = threading.Thread(target=exchange)
        thread.start()

        def end():
            stopping.set()
            thread.join()
            here.close()
            there.close()
        self.addCleanup(end)
        return end
