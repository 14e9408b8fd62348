#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One ctflowd for the connection tables of several network namespaces."""

import case
import collectors
import ctflowd
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
        text = ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix", address="127.0.0.1")],
                                     source={"active_timeout": "5s"})
        text += "namespaces:\n  - {name: router, observation_domain: 11}\n" \
                "  - {name: server, file: /run/netns/server}\n"
        program = self.start_program(text)
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
        text = ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix", address="127.0.0.1")])
        text += "namespaces:\n" \
                "  - {name: red, file: /run/netns/router, zones: [1]}\n" \
                "  - {name: blue, file: /run/netns/router, zones: [2, 3]}\n"
        program = self.start_program(text)
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
            self.assertRegex(program.log, rf"stopped namespace={name} .* ended=3 filtered=2 ")

    def test_reload_reaches_all_of_them(self):
        self.make_lab()
        self.track_in_server()
        nfcapd = collectors.Nfcapd(self.lab.collector, 4740, self.directory, address="127.0.0.1")
        self.addCleanup(nfcapd.kill)
        namespaces = "namespaces: [{name: router}, {name: server}]\n"
        program = self.start_program(ctflowd.configuration(
            [ctflowd.Collector("old", 4739, "ipfix", address="127.0.0.1")]) + namespaces)
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration(
                [ctflowd.Collector("new", 4740, "ipfix", address="127.0.0.1")]) + namespaces)
        program.process.send_signal(1)
        program.wait_for("reloaded")
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200, 300))
        self.lab.wait_for_idle()
        self.wait_for_idle_server()
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), (2 * sum(sent.packets), 2 * sum(sent.octets)))

    def test_one_that_is_not_there(self):
        self.make_lab()
        text = ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix")])
        program = self.start_program(text + "namespaces: [{name: nowhere}]\n", None)
        self.assertEqual(program.wait(), 1)
        self.assertIn("/run/netns/nowhere", program.log)
        self.assertIn("No such file", program.log)


if __name__ == "__main__":
    case.main()
