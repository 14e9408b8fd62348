# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a scenario in a lab of its own and gathers what everybody saw."""

import contextlib
import heapq
import itertools
import random
import subprocess
import time

import collectors
import ctflowd
from lab import COLLECTOR, Lab, wait_until
from witness import conversations, disturbances, model, observers

_PORT = 4739
_LONGEST = 60.0  # seconds of a timetable: after that something hangs


class Timetable:
    """Runs generators side by side; what they yield is how many seconds they wait."""

    def __init__(self):
        self._due = []
        self._numbers = itertools.count()

    def add(self, delay, generator):
        heapq.heappush(self._due, (time.monotonic() + delay, next(self._numbers), generator))

    def run(self):
        deadline = time.monotonic() + _LONGEST
        while self._due:
            when, _, generator = heapq.heappop(self._due)
            time.sleep(max(0.0, when - time.monotonic()))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{generator} still ran after {_LONGEST} s")
            with contextlib.suppress(StopIteration):
                self.add(next(generator), generator)


class Play:
    def __init__(self, scenario, programs, directory):
        self.scenario = scenario
        self.rng = random.Random(f"play {scenario.seed}")
        self.directory = directory
        self.state_file = f"{directory}/state"
        self.observation = {"stopped": [], "kept": None}
        self._ctflowd, self._witness = programs

    def run(self):
        """The Observation. Raises observers.Void if an observer missed something."""
        with contextlib.ExitStack() as stack:
            self._set_up(stack)
            timetable = Timetable()
            for number in range(1, 1 + self.scenario.conversations):
                delay = self.rng.uniform(0, self.scenario.seconds)
                timetable.add(delay, conversations.conversation(self.lab, self.scenario, self.rng,
                                                                number))
            if self.scenario.storm:
                timetable.add(0.0, conversations.storm(self.lab, self.scenario.storm, self.rng))
            for kind in (self.scenario.kind, self.scenario.besides):
                if kind in disturbances.BY_CLASS:
                    timetable.add(0.0, disturbances.BY_CLASS[kind](self))
            timetable.add(self.rng.uniform(0, self.scenario.seconds), self._dumps())
            timetable.run()
            self._end_connections()
            return self._gather()

    def delete(self, namespace, *what):
        """conntrack -D, which fails where nothing fits."""
        subprocess.run(namespace.command("conntrack", *(("-D", *what) if what else ("-F",))),
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _set_up(self, stack):
        scenario = self.scenario
        self.lab = Lab()
        stack.callback(self.lab.close)
        self.tracking = [self.lab.router]
        self._set_timeouts(self.lab.router)
        if scenario.namespaces:
            self._track_in_server()
        conversations.prepare(self.lab, scenario)
        several = scenario.namespaces or scenario.split
        address = "127.0.0.1" if several else COLLECTOR
        self._nfcapd = collectors.Nfcapd(self.lab.collector, _PORT, self.directory, address)
        stack.callback(self._nfcapd.kill)
        self._captures = [observers.Capture(self.lab.router, ("lan", "wan"),
                                            observers.ROUTER_ADDRESSES)]
        if scenario.namespaces:
            self._captures.append(observers.Capture(self.lab.server, ("eth0",), None))
        for capture in self._captures:
            stack.callback(capture.stop)
        self._witnesses = []
        for namespace in self.tracking:
            self._witnesses.append(observers.Witness(self._witness, namespace, self.directory))
            stack.callback(self._witnesses[-1].kill)
        if scenario.kind == "slow_listener":
            slow = observers.SlowListener(self.lab.router, self.rng.uniform(0.005, 0.02))
            stack.callback(slow.stop)
        home = self.lab.collector if several else self.lab.router
        self.daemon = disturbances.Daemon(self._ctflowd, home, self.directory,
                                          self._configuration(address))
        stack.callback(self.daemon.kill)
        self._do(self.daemon.start())

    def _set_timeouts(self, namespace):
        for name, seconds in self.scenario.timeouts.items():
            with contextlib.suppress(FileNotFoundError):
                namespace.set(f"net/netfilter/nf_conntrack_{name}", seconds)

    def _track_in_server(self):
        server = self.lab.server
        server.run("nft", "-f", "-", input="add table inet own\n"
                   "add chain inet own track { type filter hook input priority filter; }\n"
                   "add rule inet own track ct state established accept\n")
        for name in ("acct", "timestamp", "events"):
            server.set(f"net/netfilter/nf_conntrack_{name}", 1)
        self._set_timeouts(server)
        self.tracking.append(server)

    def _configuration(self, address):
        scenario = self.scenario
        source = dict(scenario.source)
        if scenario.kind in ("restart", "kill"):
            source["state_file"] = self.state_file
        collector = ctflowd.Collector("one", _PORT, scenario.protocol, address,
                                      {"zones": True} if scenario.zones else {})
        text = ctflowd.configuration([collector], source=source)
        if scenario.namespaces:
            text += "namespaces: [{name: router}, {name: server}]\n"
        elif scenario.split:
            text += ("namespaces: [{name: one, file: /run/netns/router, zones: [0]}, "
                     "{name: other, file: /run/netns/router, zones: [7, 9]}]\n")
        return text

    @staticmethod
    def _do(generator):
        for seconds in generator:
            time.sleep(seconds)

    def _dumps(self):
        """Whole tables at some moments: counters must not fall, and what expired is removed."""
        for _ in range(3):
            for witness in self._witnesses:
                witness.dump()
            yield self.rng.uniform(0.5, 2.0)

    def _end_connections(self):
        for namespace in self.tracking:
            if not self.scenario.idle:
                self.delete(namespace)

            def empty(namespace=namespace):
                for family in ("ipv4", "ipv6"):
                    namespace.run("conntrack", "-L", "-f", family)
                return int(namespace.read("/proc/sys/net/netfilter/nf_conntrack_count")) == 0
            wait_until(empty, f"the connection table of {namespace.name} to become empty", 60)

    def _gather(self):
        self._do(self.daemon.stop())
        self._nfcapd.stop()
        for capture in self._captures:
            capture.stop()
        packets = [packet for capture in self._captures for packet in capture.packets()]
        with open(f"{self.directory}/packets", "w", encoding="ascii") as file:
            file.writelines(f"{packet.time:.6f} {packet.namespace} {packet.key} {packet.octets} "
                            f"{packet.tcp}\n" for packet in packets)
        connections = [one for witness in self._witnesses for one in witness.stop(
            self.scenario.kind == "zeroing")]
        return model.Observation(
            self.scenario, connections, packets, self._nfcapd.records(), self.daemon.runs(),
            self._nfcapd.complaints(), time.time() - time.clock_gettime(time.CLOCK_BOOTTIME),
            time.time(), **self.observation)
