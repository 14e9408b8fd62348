#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The doctor finds what is wrong with a real kernel, and what it advises mends it."""

import json
import shlex
import subprocess

import case
import collectors
import ctflowd
import traffic
from lab import COLLECTOR, SERVER4, SERVER6

# So small that nobody needs a privilege for it.
SOURCE = {"receive_buffer": "64KiB", "receive_buffer_limit": "64KiB"}


class Doctor(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.nfcapd = collectors.Nfcapd(self.lab.collector, 4739, self.directory)
        self.addCleanup(self.nfcapd.kill)
        self.configure()

    def configure(self, source=None, **settings):
        self.config = f"{self.directory}/doctor.yaml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(ctflowd.configuration(
                [ctflowd.Collector("main", 4739, "ipfix", settings=settings)],
                source={**SOURCE, **(source or {})}))

    def run_doctor(self, *prefix):
        """Exit status and what it says."""
        result = subprocess.run(
            self.lab.router.command(*prefix, case.program, "doctor", "--json", "-c", self.config),
            text=True, check=False, stdout=subprocess.PIPE, timeout=60)
        return result.returncode, json.loads(result.stdout)

    def found(self, *prefix):
        """The findings by name, with the exit status that belongs to them."""
        code, told = self.run_doctor(*prefix)
        names = {one["name"]: one for one in told["findings"]}
        self.assertEqual(code, 1 if names else 2 if told["unchecked"] else 0, told)
        for one in told["findings"] + told["notes"]:
            self.assertTrue(one["impact"] and one["fix"], one)
        return names

    def mend(self, finding):
        """Runs the command that is advised."""
        self.lab.router.run(*shlex.split(finding["fix"]))

    def test_nothing_to_mend(self):
        code, told = self.run_doctor()
        self.assertEqual((code, told["findings"], told["unchecked"]), (0, [], []), told)

    def test_each_setting(self):
        for key, value, name in (("acct", 0, "accounting_off"), ("timestamp", 0, "timestamps_off"),
                                 ("events", 0, "events_off"), ("events", 2, "events_on_demand")):
            with self.subTest(name):
                self.lab.router.set(f"net/netfilter/nf_conntrack_{key}", value)
                found = self.found()
                self.assertEqual(list(found), [name])
                self.mend(found[name])
                self.assertEqual(self.found(), {})

    def test_no_rule_that_tracks(self):
        self.lab.router.run("nft", "flush", "ruleset")
        self.lab.router.run("nft", "table inet other { chain c { type filter hook prerouting "
                                   "priority 0; tcp dport 22 accept; }; }")
        found = self.found()
        self.assertEqual(list(found), ["not_tracking"])
        self.mend(found["not_tracking"])
        self.assertEqual(self.found(), {})

    def test_each_kind_of_rule_tracks(self):
        for rule in ("chain c { type nat hook postrouting priority srcnat; masquerade; };",
                     "chain c { type nat hook prerouting priority dstnat; dnat ip to 192.0.2.1; };",
                     "chain c { type filter hook input priority 0; ct mark 1 drop; };"):
            with self.subTest(rule):
                self.lab.router.run("nft", "flush", "ruleset")
                # Where the kernel does not list its hooks, entries count as evidence.
                self.lab.router.run("conntrack", "-F")
                self.assertEqual(list(self.found()), ["not_tracking"])
                self.lab.router.run("nft", f"table inet t {{ {rule} }}")
                self.assertEqual(self.found(), {})

    def test_flowtable(self):
        try:
            self.lab.router.run("nft", "table inet f { flowtable fast { hook ingress priority 0; "
                                       "devices = { lan }; }; }")
        except RuntimeError as error:
            self.skipTest(f"this kernel has no flowtables: {error}")
        found = self.found()
        self.assertEqual(list(found), ["flowtable_uncounted"])
        self.assertIn("inet f fast", found["flowtable_uncounted"]["impact"])
        self.mend(found["flowtable_uncounted"])
        self.assertEqual(self.found(), {})

    def test_flowtable_of_hardware(self):
        # Without devices: those of this network have no hardware.
        try:
            self.lab.router.run("nft", "table inet f { flowtable hard { hook ingress priority 0; "
                                       "flags offload; }; }")
        except RuntimeError as error:
            self.skipTest(f"this kernel has no flowtables: {error}")
        found = self.found()
        self.assertEqual(list(found), ["flowtable_uncounted"])
        self.assertIn("hardware", found["flowtable_uncounted"]["impact"])
        self.mend(found["flowtable_uncounted"])
        _, told = self.run_doctor()
        self.assertIn("inet f hard", {one["name"]: one["impact"] for one in
                                      told["notes"] + told["findings"]}["hardware_offload"])

    def test_timeouts(self):
        self.configure(source={"active_timeout": "off"})
        self.lab.router.set("net/netfilter/nf_conntrack_tcp_timeout_established", 432000)
        self.assertEqual(list(self.found()), ["timeouts_late"])
        self.configure()
        self.assertEqual(self.found(), {})

    def test_mtu(self):
        self.lab.router.run("ip", "link", "set", "export", "mtu", "1400")
        found = self.found()
        self.assertEqual(list(found), ["message_larger_than_mtu"])
        self.assertIn("1372 or less", found["message_larger_than_mtu"]["fix"])
        self.configure(max_message_size=1372)
        self.assertEqual(self.found(), {})

    def test_collector(self):
        self.nfcapd.stop()
        self.assertEqual(list(self.found()), ["collector_refused"])
        self.lab.router.run("ip", "route", "add", "unreachable", COLLECTOR)
        self.assertEqual(list(self.found()), ["collector_unreachable"])

    def test_capability(self):
        found = self.found("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
        self.assertIn("capability_missing", found)

    def test_merged_packets_are_a_note(self):
        self.lab.router.run("ethtool", "-K", "wan", "gro", "on")
        code, told = self.run_doctor()
        self.assertEqual(code, 0, told)
        notes = {one["name"]: one["impact"] for one in told["notes"]}
        if "patched kernel: times" in told["facts"]["kernel"]:
            self.assertNotIn("packets_merged", notes)
        else:
            self.assertIn("wan", notes["packets_merged"])

    def test_fragments_are_a_note(self):
        def noted():
            code, told = self.run_doctor()
            self.assertEqual(code, 0, told)
            return [one["impact"] for one in told["notes"] if one["name"] == "packets_reassembled"]
        before = traffic.udp(self.lab.client, self.lab.server, SERVER4, 2049, (1000,))
        self.assertEqual(noted(), [])
        for address, family in ((SERVER4, "IPv4"), (SERVER6, "IPv6")):
            traffic.udp(self.lab.client, self.lab.server, address, 2050, (8192,) * 10)
            with self.subTest(family):
                means = next(one for one in noted() if f"fragments of {family}" in one)
                self.assertGreaterEqual(int(means.split()[0]), 60)
        self.assertEqual(before.packets[0], 1)

    def test_configuration_that_cannot_be_read(self):
        self.config = f"{self.directory}/absent.yaml"
        result = subprocess.run([case.program, "doctor", "-c", self.config], text=True, check=False,
                                stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.returncode, 2)
        self.assertIn("absent.yaml", result.stderr)

    def test_the_daemon_says_the_same_at_start(self):
        self.lab.router.run("nft", "flush", "ruleset")
        self.lab.router.set("net/netfilter/nf_conntrack_acct", 0)
        with open(self.config, encoding="utf-8") as file:
            daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                     config=file.read())
        self.addCleanup(daemon.kill)
        daemon.wait_for("started")
        for name in self.found():
            self.assertRegex(daemon.log, rf"warning {name} impact=.* fix=")
        self.assertIn("not_tracking", daemon.log)
        daemon.stop()


if __name__ == "__main__":
    case.main()
