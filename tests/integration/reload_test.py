#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGHUP: what changed is taken up, what did not goes on, and nothing is lost on the way."""

import collections
import os
import signal
import threading
import time

import case
import collectors
import ctflowd
import isolation
import traffic
from lab import SERVER4, wait_until


class Reload(case.LabTest):
    def start_program(self, *configured, **sections):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=ctflowd.configuration(configured, **sections))
        self.addCleanup(program.kill)
        return program.wait_for("started")

    def nfcapd(self, port):
        nfcapd = collectors.Nfcapd(self.lab.collector, port, self.directory)
        self.addCleanup(nfcapd.kill)
        return nfcapd

    def reload(self, program, text, event="reloaded"):
        """Puts `text` into the configuration file and waits until the program logged `event`."""
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        before = program.log.count(event)
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: program.log.count(event) > before, event)

    def talk(self, *ports):
        """One connection to each port; what was sent."""
        sent = [traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (200, 300))
                for port in ports]
        self.lab.wait_for_idle()
        return sum(sum(one.packets) for one in sent), sum(sum(one.octets) for one in sent)

    def test_collectors_come_and_go(self):
        self.make_lab()
        kept, removed, added = (self.nfcapd(port) for port in (4739, 4740, 4741))
        stays = ctflowd.Collector("stays", 4739, "ipfix")
        leaves = ctflowd.Collector("leaves", 4740, "ipfix", settings={"flush_after": "60s"})
        comes = ctflowd.Collector("comes", 4741, "netflow9")
        late = {"batch_delay": "100ms"}  # the first connection's end is not read yet at the reload
        program = self.start_program(stays, leaves, source=late)
        first = self.talk(53)
        self.reload(program, ctflowd.configuration([stays, comes], source=late))
        second = self.talk(54)
        program.stop()
        for one in (kept, removed, added):
            one.stop()
        both = first[0] + second[0], first[1] + second[1]
        self.assertEqual(case.sums(kept.records()), both)
        self.assertEqual(case.sums(removed.records()), first)  # what waited was sent
        self.assertEqual(case.sums(added.records()), second)
        for one in (kept, removed, added):
            self.assertEqual(one.complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(set(program.collector_totals()), {"stays", "leaves", "comes"})

    def test_a_mistake_keeps_what_runs(self):
        self.make_lab()
        nfcapd = self.nfcapd(4739)
        collector = ctflowd.Collector("one", 4739, "ipfix")
        program = self.start_program(collector)
        pipe = os.path.join(self.directory, "ca.pem")
        os.mkfifo(pipe)  # without a writer reading it would not end
        secured = ctflowd.Collector("two", 4740, "ipfix", settings={"transport": "tls", "tls": {"ca_file": pipe}})
        for text in ("collectors: []\n", "", "collectors: [{name: x}]\n", "\0", "- - -",
                     ctflowd.configuration([collector, secured]),
                     ctflowd.configuration([collector], source={"batch_delay": "1h"})):
            self.reload(program, text, "reload_failed")
        os.unlink(f"{program.name}.yaml")
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "cannot be read" in program.log, "an unreadable file to be told")
        sent = self.talk(53)
        program.stop()
        nfcapd.stop()
        self.assertEqual(case.sums(nfcapd.records()), sent)
        self.assertNotIn("reloaded", program.log)

    def test_what_needs_a_restart_is_told(self):
        self.make_lab()
        collector = ctflowd.Collector("one", 4739, "ipfix")
        program = self.start_program(collector)
        self.reload(program, ctflowd.configuration(
            [collector], source={"batch_delay": "7ms", "delivery": "reliable"}))
        self.assertRegex(program.log, r"reload_incomplete settings=source\.delivery,source\.batch_delay ")
        program.stop()

    def test_what_it_loses_is_logged(self):
        """Of a collector that is down and has no spool on disk: its new session counts from 0."""
        self.make_lab()

        def text(**settings):
            return ctflowd.configuration([ctflowd.Collector(
                "down", 4739, "ipfix", settings={"transport": "tcp", **settings})])
        program = self.start_program(ctflowd.Collector(
            "down", 4739, "ipfix", settings={"transport": "tcp"}))
        self.talk(53)
        self.reload(program, text(flush_after="50ms"))
        program.wait_for("collector_totals")
        self.assertRegex(program.log, r"warning reload_lost collector=down(@here)? flows=1 packets=3 ")
        self.reload(program, text(flush_after="60ms"))
        wait_until(lambda: program.log.count(" collector_totals ") == 2, "the second to end")
        self.assertEqual(program.log.count(" reload_lost "), 1)
        program.stop()

    def test_what_waits_in_a_directory_of_before_is_logged(self):
        self.make_lab()
        before, after = (os.path.join(self.directory, name) for name in ("before", "after"))
        os.mkdir(before)
        os.mkdir(after)

        def down(directory):
            return ctflowd.Collector("down", 4739, "ipfix", settings={
                "transport": "tcp", "spool": {"directory": directory}})
        program = self.start_program(down(before))
        self.talk(53)
        wait_until(lambda: any(name.endswith(".spool") for name in os.listdir(before)), "the spool")
        self.reload(program, ctflowd.configuration([down(after)]))
        wait_until(lambda: " spool_without_collector " in program.log, "the warning")
        self.assertRegex(program.log, rf"spool_without_collector .* in {before} waits? for down")
        program.stop()

    def test_log_level(self):
        self.make_lab()
        collector = ctflowd.Collector("one", 4739, "ipfix")
        program = self.start_program(collector)
        self.reload(program, ctflowd.configuration([collector], source={"batch_delay": "7ms"},
                                                   log={"level": "warning"}), "reload_incomplete")
        time.sleep(0.2)
        program.process.terminate()
        self.assertEqual(program.wait(), 0)
        self.assertNotIn("stopped", program.log)

    def test_reloads_under_load_lose_nothing(self):
        """A collector changes with every reload, another one never does."""
        self.make_lab()
        steady, changing = self.nfcapd(4739), self.nfcapd(4740)
        unchanged = ctflowd.Collector("unchanged", 4739, "ipfix", settings={"flush_after": "50ms"})

        def text(number):
            return ctflowd.configuration([unchanged, ctflowd.Collector(
                "changed", 4740, "ipfix", settings={"flush_after": f"{20 + number % 7}ms",
                                                    "sampling_options": False})])
        program = self.start_program(unchanged)
        self.reload(program, text(0))
        stopping, reloads = threading.Event(), 0
        expected = collections.Counter()

        def load():
            port = 1000
            while not stopping.is_set():
                for _ in range(10):
                    port += 1
                    sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (50,))
                    expected["packets"] += sum(sent.packets)
                    expected["octets"] += sum(sent.octets)
                self.lab.router.run("conntrack", "-D", "-p", "udp")
        loader = threading.Thread(target=load)
        loader.start()
        until = time.monotonic() + (8 if isolation.privileged() else 4)
        while time.monotonic() < until:
            reloads += 1
            self.reload(program, text(reloads))
        stopping.set()
        loader.join()
        self.lab.wait_for_idle()
        program.stop()
        for one in (steady, changing):
            one.stop()
        print(f"{reloads} reloads during {expected['packets']} connections", flush=True)
        self.assertGreater(reloads, 20)
        for one in (steady, changing):
            self.assertEqual(case.sums(one.records()), (expected["packets"], expected["octets"]))
        self.assertEqual(steady.complaints(), {"sequence": 0, "bad": 0})
        self.assertEqual(program.totals()["overruns"], 0)


if __name__ == "__main__":
    case.main()
