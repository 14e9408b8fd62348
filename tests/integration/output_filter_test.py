#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Filters of collectors and groups: what each collector gets, and that its ledger has the rest."""

import collections
import pathlib
import re
import signal
import threading
import time

import case
import collectors
import ctflowd
import traffic
from lab import COLLECTOR, SERVER4, SERVER6, wait_until

ALL, MARKED, REST = 4739, 4740, 4741
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "config/examples"


class OutputFilter(case.LabTest):
    def start_program(self, *configured, groups=""):
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                       config=ctflowd.configuration(configured) + groups)
        self.addCleanup(self.program.kill)
        return self.program.wait_for("started")

    def nfcapd(self, port):
        nfcapd = collectors.Nfcapd(self.lab.collector, port, self.directory)
        self.addCleanup(nfcapd.kill)
        return nfcapd

    def reload(self, text):
        with open(f"{self.program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        before = self.program.log.count("reloaded")
        self.program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.program.log.count("reloaded") > before, "reloaded")

    def by_rule(self, collector):
        """What the totals say that each rule left out."""
        found = re.findall(rf"filtered_totals collector={collector} rule=(\S+) flows=(\d+) "
                           r"packets=(\d+) octets=(\d+)", self.program.log)
        return {rule: tuple(int(number) for number in numbers) for rule, *numbers in found}

    def assert_ledger(self, name, got, offered=None):
        """What was sent and filtered is what was offered; rules have the sum of what is filtered."""
        ledger = self.program.collector_totals()[name]
        self.assertEqual((ledger["packets"], ledger["octets"]), case.sums(got))
        self.assertEqual(ledger["offered"], ledger["flows"] + ledger["filtered"])
        self.assertEqual(ledger["offered"], offered or self.program.totals()["exported"])
        rules = self.by_rule(name).values()
        self.assertEqual((ledger["filtered"], ledger["filtered_packets"], ledger["filtered_octets"]),
                         tuple(sum(column) for column in zip(*rules)) if rules else (0, 0, 0))
        return ledger

    def test_disjoint_filters_add_up_to_the_kernels_counters(self):
        """By mark: what one collector gets, and the other does not."""
        self.make_lab().rules("track", "udp dport 5001 ct mark set 0x17",
                              "tcp dport 80 ct mark set 0x10")
        every, marked, rest = (self.nfcapd(port) for port in (ALL, MARKED, REST))
        self.start_program(
            ctflowd.Collector("every", ALL, "ipfix"),
            ctflowd.Collector("marked", MARKED, "ipfix",
                              settings={"filter": "[{action: include, marks: [16/240]}]"}),
            ctflowd.Collector("rest", REST, "netflow9", settings={
                "filter": "[{action: exclude, name: marked, marks: [16/240]}]"}))
        path = self.lab.client, self.lab.server
        for port in (5001, 5002, 5003):
            traffic.udp(*path, SERVER4, port, (100, 200), (50,))
        traffic.udp(*path, SERVER6, 5001, (100,), (50,))
        traffic.tcp(*path, SERVER4, 80, 1000, 2000)
        traffic.tcp(*path, SERVER4, 81, 3000, 500)
        self.lab.wait_for_idle()
        self.program.stop()
        for one in (every, marked, rest):
            one.stop()
        records = {one: one.records() for one in (every, marked, rest)}
        ports = {one: {min(r.source_port, r.destination_port) for r in records[one]}
                 for one in records}
        self.assertEqual(ports[marked], {5001, 80})
        self.assertEqual(ports[rest], {5002, 5003, 81})
        both = [sum(pair) for pair in zip(case.sums(records[marked]), case.sums(records[rest]))]
        self.assertEqual(tuple(both), case.sums(records[every]))
        ledgers = [self.assert_ledger(name, records[one])
                   for name, one in (("every", every), ("marked", marked), ("rest", rest))]
        self.assertEqual(ledgers[0]["filtered"], 0)
        self.assertEqual((ledgers[1]["filtered"], ledgers[2]["filtered"]), (3, 3))
        self.assertEqual(ledgers[1]["filtered_octets"], ledgers[2]["octets"])
        self.assertEqual(set(self.by_rule("marked")), {"unmatched"})
        self.assertEqual(set(self.by_rule("rest")), {"marked"})
        for one in (every, marked, rest):
            self.assertEqual(one.complaints(), {"sequence": 0, "bad": 0})

    def test_the_example_by_mark(self):
        """config/examples/filter-by-mark.yaml and .nft, with the addresses of the lab."""
        self.make_lab()
        rules = (EXAMPLES / "filter-by-mark.nft").read_text(encoding="utf-8")
        rules = rules.replace("10.20.0.0/16", self.client_address())
        self.lab.router.run("nft", "-f", "-", input=rules)
        text = (EXAMPLES / "filter-by-mark.yaml").read_text(encoding="utf-8")
        text = re.sub(r"(?<=address: )192\.0\.2\.\d+", COLLECTOR, text)
        for port in (MARKED, REST):  # the first has its own
            text = re.sub(r"(?s)(.*)port: 4739", rf"\g<1>port: {port}", text)
        customer, archive, published = (self.nfcapd(port) for port in (ALL, MARKED, REST))
        self.program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                       config="source: {measure: off}\n" + text)
        self.addCleanup(self.program.kill)
        self.program.wait_for("started")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 6001, (100,), (50,))
        traffic.udp(self.lab.client, self.lab.server, SERVER6, 6002, (100,), (50,))
        self.lab.wait_for_idle()
        self.program.stop()
        for one in (customer, archive, published):
            one.stop()
        ports = [{min(r.source_port, r.destination_port) for r in one.records()}
                 for one in (customer, archive, published)]
        self.assertEqual(ports, [{6001}, {6002}, set()])
        for name, one in (("customer", customer), ("archive", archive), ("published", published)):
            self.assert_ledger(name, one.records())

    def test_a_filter_that_nothing_matches(self):
        self.make_lab()
        nfcapd = self.nfcapd(ALL)
        self.start_program(ctflowd.Collector("none", ALL, "ipfix", settings={
            "filter": "[{action: include, protocols: [gre], zones: [77]}]"}))
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,))
        self.lab.wait_for_idle()
        self.program.stop()
        nfcapd.stop()
        self.assertEqual(nfcapd.records(), [])
        ledger = self.assert_ledger("none", [])
        self.assertEqual((ledger["filtered_packets"], ledger["filtered_octets"]),
                         (sum(sent.packets), sum(sent.octets)))

    def test_interfaces_by_name_and_a_group(self):
        """Both collectors of a group have its filter."""
        self.make_lab()
        route = self.lab.router.run("ip", "-o", "route", "get", SERVER4)
        egress = re.search(r"dev (\S+)", route)[1]
        both = [self.nfcapd(port) for port in (ALL, MARKED)]
        self.start_program(
            ctflowd.Collector("one", ALL, "ipfix"), ctflowd.Collector("two", MARKED, "ipfix"),
            groups="groups: [{name: pair, mode: balance, collectors: [one, two], filter: ["
                   "{action: exclude, destination_ports: [53]}, "
                   f"{{action: include, egress_interfaces: [{egress}]}}]}}]\n")
        path = self.lab.client, self.lab.server
        for port in (53, *range(6000, 6020)):
            traffic.udp(*path, SERVER4, port, (100,), (50,))
        # The other way round: it leaves by another interface.
        traffic.udp(self.lab.router, self.lab.client, self.client_address(), 7000, (10,), (20,))
        self.lab.wait_for_idle()
        self.program.stop()
        for one in both:
            one.stop()
        records = [one.records() for one in both]
        ports = {r.destination_port for part in records for r in part if r.destination_port >= 53}
        self.assertEqual(ports & {53, 7000}, set())
        self.assertEqual(ports & set(range(6000, 6020)), set(range(6000, 6020)))
        totals = self.program.collector_totals()
        self.assertEqual(sum(one["offered"] for one in totals.values()),
                         self.program.totals()["exported"])
        rules = collections.Counter()
        for name in ("one", "two"):
            rules.update({rule: counts[0] for rule, counts in self.by_rule(name).items()})
        self.assertEqual(rules["1"], 1)
        self.assertGreaterEqual(rules["unmatched"], 1)

    def client_address(self):
        found = self.lab.client.run("ip", "-4", "-o", "addr", "show", "scope", "global")
        return re.search(r"inet ([0-9.]+)", found)[1]

    def test_reloads_under_load_lose_nothing(self):
        """Two filters swap their halves with every reload; sessions and ledgers go on."""
        self.make_lab()
        every, even, odd = (self.nfcapd(port) for port in (ALL, MARKED, REST))

        def text(number):
            low, high = "1000-2999", "3000-65535"
            if number % 2:
                low, high = high, low
            return ctflowd.configuration([
                ctflowd.Collector("every", ALL, "ipfix"),
                ctflowd.Collector("even", MARKED, "ipfix", settings={
                    "filter": f"[{{action: include, destination_ports: ['{low}']}}]"}),
                ctflowd.Collector("odd", REST, "netflow9", settings={
                    "filter": f"[{{action: include, destination_ports: ['{high}']}}]"})])
        self.start_program(ctflowd.Collector("every", ALL, "ipfix"))
        self.reload(text(0))
        stopping = threading.Event()
        expected = collections.Counter()

        def load():
            port = 1000
            while not stopping.is_set():
                for _ in range(10):
                    port = port + 37 if port < 5000 else 1001
                    sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (50,))
                    expected["packets"] += sum(sent.packets)
                    expected["octets"] += sum(sent.octets)
                self.lab.router.run("conntrack", "-D", "-p", "udp")
        loader = threading.Thread(target=load)
        loader.start()
        reloads, until = 0, time.monotonic() + 5
        while time.monotonic() < until:
            reloads += 1
            self.reload(text(reloads))
        stopping.set()
        loader.join()
        self.lab.wait_for_idle()
        self.program.stop()
        for one in (every, even, odd):
            one.stop()
        records = {one: one.records() for one in (every, even, odd)}
        print(f"{reloads} reloads during {expected['packets']} packets", flush=True)
        self.assertGreater(reloads, 10)
        wanted = expected["packets"], expected["octets"]
        self.assertEqual(case.sums(records[every]), wanted)
        both = [sum(pair) for pair in zip(case.sums(records[even]), case.sums(records[odd]))]
        self.assertEqual(tuple(both), wanted)
        for name, one in (("even", even), ("odd", odd)):
            ledger = self.program.collector_totals()[name]
            self.assert_ledger(name, records[one], ledger["offered"])
            self.assertEqual(ledger["packets"] + ledger["filtered_packets"], wanted[0])
            self.assertEqual(ledger["octets"] + ledger["filtered_octets"], wanted[1])
            self.assertEqual(one.complaints(), {"sequence": 0, "bad": 0}, "one session")


if __name__ == "__main__":
    case.main()
