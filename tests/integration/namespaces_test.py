#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One ctflowd for the connection tables of several network namespaces."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import case
import collectors
import ctflowd
import lab
import traffic
from lab import CLIENT4, SERVER4, wait_until


class Namespaces(case.LabTest):
    def start_program(self, text, event="started"):
        program = ctflowd.Ctflowd(case.program, self.lab.collector, self.directory, "run",
                                  config=text)
        self.addCleanup(program.kill)
        return program.wait_for(event) if event else program

    def track_in_server(self):
        """The server keeps a connection table, too."""
        self.lab.server.run("nft", "-f", "-", input="add table inet own\n"
                            "add chain inet own track { type filter hook input priority filter; }\n"
                            "add rule inet own track ct state established accept\n")
        for name, value in (("acct", 1), ("timestamp", 1), ("events", 1), ("udp_timeout", 2),
                            ("udp_timeout_stream", 2)):
            self.lab.server.set(f"net/netfilter/nf_conntrack_{name}", value)

    def wait_for_idle_server(self):
        def empty():
            self.lab.server.run("conntrack", "-L")
            return int(self.lab.server.read("/proc/sys/net/netfilter/nf_conntrack_count")) == 0
        wait_until(empty, "the server's connections to end")

    def test_each_in_its_own_domain(self):
        self.make_lab()
        self.track_in_server()
        self.lab.rules("source_nat", f"ip saddr {CLIENT4} masquerade")
        capture = collectors.Capture(self.lab.collector, self.directory)
        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory, address="127.0.0.1")
        self.addCleanup(nfcapd.kill)
        program = self.start_program(ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", address="127.0.0.1")],
            "[{name: router, observation_domain: 11}, {name: server, file: /run/netns/server}]",
            source={"active_timeout": "5s"}))
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        self.lab.wait_for_idle()
        self.wait_for_idle_server()
        program.stop()
        nfcapd.stop()
        capture.stop()
        records = nfcapd.records()
        self.assertEqual(nfcapd.complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(case.sums(records), (2 * sum(sent.packets), 2 * sum(sent.octets)))
        # The router saw the client's own address, the server only the translated one.
        before = [r for r in records if CLIENT4 in (r.source, r.destination)]
        self.assertEqual(case.sums(before), (sum(sent.packets), sum(sent.octets)))
        totals = program.collector_totals()
        self.assertEqual(set(totals), {"one@router", "one@server"})
        self.assertEqual([one["flows"] for one in totals.values()], [1, 1])
        self.assertRegex(program.log, r"stopped namespace=router .* exported=1 ")
        self.assertRegex(program.log, r"stopped namespace=server .* exported=1 ")
        # Interfaces are those of each namespace.
        self.assertRegex(program.log, r"interface_totals namespace=router from_kernel=0 "
                                      r"from_routes=2 ")

    def test_one_domain_for_each_zone(self):
        """As VRFs that share a connection table and have a zone each."""
        self.make_lab()
        self.lab.rules("raw_prerouting", "udp dport 1001 ct zone set 1",
                       "udp sport 1001 ct zone set 1", "udp dport 1002 ct zone set 2",
                       "udp sport 1002 ct zone set 2")
        capture = collectors.Capture(self.lab.collector, self.directory)
        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory, address="127.0.0.1")
        self.addCleanup(nfcapd.kill)
        program = self.start_program(ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", address="127.0.0.1")],
            "[{name: red, file: /run/netns/router, zones: [1]}, "
            "{name: blue, file: /run/netns/router, zones: [2, 3]}]"))
        sent = [traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (200,))
                for port in (1001, 1002, 1003)]
        self.lab.wait_for_idle()
        program.stop()
        nfcapd.stop()
        capture.stop()
        self.assertEqual(case.sums(nfcapd.records()), (sum(map(sum, (s.packets for s in sent[:2]))),
                                                       sum(map(sum, (s.octets for s in sent[:2])))))
        self.assertEqual({name: one["flows"] for name, one in program.collector_totals().items()},
                         {"one@red": 1, "one@blue": 1})
        for name in ("red", "blue"):
            self.assertRegex(program.log, rf"stopped namespace={name} .* ended=3 .*filtered=2 ")

    def test_reload_reaches_all_of_them(self):
        self.make_lab()
        self.track_in_server()
        nfcapd = collectors.Nfcapd(self.lab.collector, 4740, self.directory, address="127.0.0.1")
        self.addCleanup(nfcapd.kill)
        namespaces = "[{name: router}, {name: server}]"
        program = self.start_program(ctflowd.configuration(
            [ctflowd.Collector("old", 4739, "ipfix", address="127.0.0.1")], namespaces))
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration(
                [ctflowd.Collector("new", 4740, "ipfix", address="127.0.0.1")], namespaces))
        program.process.send_signal(1)
        program.wait_for("reloaded")
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        self.lab.wait_for_idle()
        self.wait_for_idle_server()
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), (2 * sum(sent.packets), 2 * sum(sent.octets)))

    # Namespaces that come and go.

    def make_red(self, number):
        """The namespace `red`, with a connection table that is exported and a link to the router,
        whose end there is called vred{number}."""
        red = lab.Namespace("red")
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", "red"], check=False,
                        stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "add", f"vred{number}", "netns", "router", "type", "veth",
                        "peer", "name", "eth0", "netns", "red"], check=True)
        self.lab.router.run("ip", "link", "set", f"vred{number}", "up")
        self.lab.router.run("ip", "addr", "replace", "10.99.0.1/24", "dev", f"vred{number}")
        red.run("ip", "link", "set", "eth0", "up")
        red.run("ip", "addr", "add", "10.99.0.2/24", "dev", "eth0")
        red.run("ip", "route", "add", "default", "via", "10.99.0.1")
        red.run("nft", "-f", "-", input="add table inet own\n"
                "add chain inet own track { type filter hook input priority filter; }\n"
                "add rule inet own track ct state established accept\n"
                "add chain inet own out { type filter hook output priority filter; }\n"
                "add rule inet own out ct state established accept\n")
        for name, value in (("acct", 1), ("timestamp", 1), ("events", 1), ("udp_timeout", 2),
                            ("udp_timeout_stream", 2)):
            red.set(f"net/netfilter/nf_conntrack_{name}", value)
        return red

    def talk(self, red, port):
        """A connection from red to the server, until it has ended; what was sent."""
        sent = traffic.udp(red, self.lab.server, SERVER4, port, (100,), (200, 300))

        def empty():
            red.run("conntrack", "-L")
            return int(red.read("/proc/sys/net/netfilter/nf_conntrack_count")) == 0
        wait_until(empty, "red's connections to end")
        return sent

    def interfaces(self):
        return self.lab.router.run("ip", "-o", "link")

    def problems(self, program):
        """What `status` finds wrong with namespaces."""
        answer = self.lab.collector.command(case.program, "status", "--json")
        output = subprocess.run(answer, text=True, capture_output=True, check=False)
        self.assertIn(output.returncode, (0, 1), output.stderr)
        self.assertIsNone(program.process.poll())
        return [(one["name"], one["subject"]) for one in json.loads(output.stdout)["problems"]
                if one["name"] == "namespace_missing"]

    def start_with_red(self, *others):
        nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory, address="127.0.0.1")
        self.addCleanup(nfcapd.kill)
        names = ", ".join(f"{{name: {name}}}" for name in ("red", *others))
        return nfcapd, self.start_program(ctflowd.configuration(
            [ctflowd.Collector("one", 4739, "ipfix", address="127.0.0.1")], f"[{names}]",
            source={"active_timeout": "60s"}))

    def records_to(self, nfcapd, port):
        return [r for r in nfcapd.records() if port in (r.source_port, r.destination_port)]

    def test_made_again_under_its_name(self):
        self.make_lab()
        red = self.make_red(1)
        nfcapd, program = self.start_with_red("router")
        first = self.talk(red, 701)
        with contextlib.closing(red.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.connect((SERVER4, 702))
            sock.send(bytes(500))
        time.sleep(0.2)
        subprocess.run(["ip", "netns", "delete", "red"], check=True)
        program.wait_for("namespace_closed")
        # Nothing of ours keeps it: the kernel destroys it, and with it both ends of the link.
        wait_until(lambda: "vred1" not in self.interfaces(), "the namespace to be destroyed")
        self.assertEqual(self.problems(program), [("namespace_missing", "red")])
        red = self.make_red(2)
        program.wait_for("namespace_opened")
        # An answer may be that of 50 ms ago.
        wait_until(lambda: not self.problems(program), "status to find nothing missing")
        again = self.talk(red, 703)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("reloaded")
        reloaded = self.talk(red, 704)
        self.lab.wait_for_idle()
        program.stop()
        nfcapd.stop()
        for port, sent in ((701, first), (703, again), (704, reloaded)):
            records = self.records_to(nfcapd, port)  # told by red and by the router
            self.assertEqual(case.sums(records), (2 * sum(sent.packets), 2 * sum(sent.octets)))
        # What lived when the name went is exported as far as it had come.
        self.assertEqual(case.sums(self.records_to(nfcapd, 702)), (2, 2 * 528))
        self.assertEqual(nfcapd.complaints()["bad"], 0)

    def test_not_there_at_the_start(self):
        self.make_lab()
        nfcapd, program = self.start_with_red("router")
        self.assertEqual(self.problems(program), [("namespace_missing", "red")])
        self.assertIn("namespace_missing namespace=red", program.log)
        doctor = subprocess.run(self.lab.collector.command(
            case.program, "doctor", "-c", f"{program.name}.yaml"), text=True, capture_output=True,
            check=False)
        self.assertIn("namespace_unreachable red:", doctor.stdout)
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("reloaded")
        red = self.make_red(1)
        program.wait_for("namespace_opened")
        sent = self.talk(red, 701)
        self.lab.wait_for_idle()
        program.stop()
        nfcapd.stop()
        self.assertEqual(len(self.records_to(nfcapd, 53)), 2)
        self.assertEqual(case.sums(self.records_to(nfcapd, 701)),
                         (2 * sum(sent.packets), 2 * sum(sent.octets)))

    def test_comes_and_goes_many_times(self):
        """… also while a reload is under way; and nothing is left of any of them."""
        self.make_lab()
        self.make_red(0)
        nfcapd, program = self.start_with_red()
        descriptors = f"/proc/{program.process.pid}/fd"
        before = len(os.listdir(descriptors))
        for number in range(1, 9):
            subprocess.run(["ip", "netns", "delete", "red"], check=True)
            if number % 2:
                program.process.send_signal(signal.SIGHUP)
            if number % 3:
                wait_until(lambda n=number: f"vred{n - 1}" not in self.interfaces(),
                           "the namespace to be destroyed")
            red = self.make_red(number)
            wait_until(lambda n=number: program.log.count("namespace_opened") >= n,
                       "the namespace to be opened")
        sent = self.talk(red, 701)
        wait_until(lambda: len(os.listdir(descriptors)) <= before, "no descriptor to be left over")
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(self.records_to(nfcapd, 701)),
                         (sum(sent.packets), sum(sent.octets)))

    def test_one_namespace_by_two_names(self):
        self.make_lab()
        text = ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix")],
                                     "[{name: router}, {name: again, file: /run/netns/router}]")
        for command in ("check", "run"):
            program = ctflowd.Ctflowd(case.program, self.lab.collector, self.directory, command,
                                      config=text)
            self.addCleanup(program.kill)
            self.assertEqual(program.wait(), 2)
            self.assertIn("router and again are the same network namespace", program.log)

    def test_second_name_of_a_namespace_that_comes_later(self):
        self.make_lab()
        red = self.make_red(1)
        nfcapd, program = self.start_with_red("alias")
        open("/run/netns/alias", "w", encoding="ascii").close()
        self.addCleanup(subprocess.run, ["umount", "/run/netns/alias"], check=False)
        subprocess.run(["mount", "--bind", "/run/netns/red", "/run/netns/alias"], check=True)
        wait_until(lambda: "same network namespace as red" in program.log, "the alias to be refused")
        sent = self.talk(red, 701)
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(self.records_to(nfcapd, 701)),
                         (sum(sent.packets), sum(sent.octets)))


if __name__ == "__main__":
    case.main()
