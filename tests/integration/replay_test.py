#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`ctflowd record` and `ctflowd replay`: a recording gives the records that live export gave."""

import glob
import os
import random
import stat

import byte_order
import case
import collectors
import ctflowd
import every_kind
import ipfix
import traffic
from lab import SERVER4, SERVER6


def timed(record):
    return *case.comparable(record), record.first, record.last


class Replay(case.LabTest):
    def test_same_records_as_live(self):
        self.make_lab().rules("source_nat", 'oifname "wan" masquerade')
        recording = f"{self.directory}/events.pcap"
        recorder = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "record",
                                   recording).wait_for("recording")
        self.addCleanup(recorder.kill)
        session = self.start()
        path = self.lab.client, self.lab.server
        sent = [traffic.tcp(*path, SERVER4, 80, 20_000, 1000),
                traffic.udp(*path, SERVER6, 53, (100,), (200,)),
                traffic.echo(self.lab.client, SERVER4)]
        live = session.finish()
        self.check(live, *sent)
        recorder.stop()
        self.assertEqual(recorder.totals("recorded")["overruns"], 0)
        frames = collectors.tshark(recording, (), "netlink")
        self.assertGreaterEqual(len(frames), 1)
        self.assertEqual(collectors.tshark(recording, (), "_ws.malformed"), [])

        nfcapd = {protocol: collectors.Nfcapd(self.lab.collector, port, self.directory)
                  for protocol, port in ((case.IPFIX, 4739), (case.NETFLOW9, 9995))}
        # As on another machine, by a user without privileges.
        player = ctflowd.Ctflowd("setpriv", self.lab.router, self.directory, "--bounding-set=-all",
                                 "--inh-caps=-all", case.program, "replay", recording,
                                 config=session.configuration)
        self.addCleanup(player.kill)
        self.assertEqual(player.wait(), 0, player.log)
        for protocol, collector in nfcapd.items():
            with self.subTest(protocol=protocol):
                collector.stop()
                self.assertEqual(sorted(map(timed, collector.records())),
                                 sorted(map(timed, live.records[protocol])))
                self.assertEqual(collector.complaints(), {"sequence": 0, "bad": 0})

    def record(self):
        """A recording of a few connections, translated or not."""
        self.make_lab().rules("source_nat", 'oifname "wan" masquerade')
        recording = f"{self.directory}/events.pcap"
        recorder = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "record",
                                   recording).wait_for("recording")
        self.addCleanup(recorder.kill)
        path = self.lab.client, self.lab.server
        traffic.tcp(*path, SERVER4, 80, 20_000, 1000)
        traffic.udp(*path, SERVER6, 53, (100,), (200,))
        traffic.echo(self.lab.client, SERVER4)
        self.lab.wait_for_idle()
        recorder.stop()
        self.assertEqual(stat.S_IMODE(os.stat(recording).st_mode), 0o600)
        with open(recording, "rb") as file:
            return file.read()

    def replay(self, name, data, settings="", sections=""):
        """Exit status, log, and the data records that were exported, octet for octet. `settings` are
        further ones of the collector, `sections` of the configuration."""
        directory = f"{self.directory}/{name}"
        os.mkdir(directory)
        with open(f"{directory}/events.pcap", "wb") as file:
            file.write(data)
        config = (f"collectors: [{{name: main, protocol: ipfix, transport: file, "
                  f"file: {{directory: {directory}}}{settings}}}]\n{sections}")
        player = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "replay",
                                 f"{directory}/events.pcap", config=config)
        self.addCleanup(player.kill)
        status = player.wait()
        records = []
        for path in sorted(glob.glob(f"{directory}/*.ipfix")):
            with open(path, "rb") as file:
                records += ipfix.read(file.read()).records
        return status, player.log, records

    def test_recording_of_the_other_byte_order(self):
        data = self.record()
        status, log, here = self.replay("here", data)
        self.assertEqual(status, 0, log)
        self.assertGreaterEqual(len(here), 6)
        turned = byte_order.foreign(data)
        self.assertNotEqual(turned, data)
        status, log, there = self.replay("there", turned)
        self.assertEqual(status, 0, log)
        self.assertEqual(there, here)
        self.assertIn(" malformed=0 ", log)

    def test_every_kind_of_either_byte_order(self):
        self.make_lab()
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        found = {}
        for name, order in (("little", "<"), ("big", ">")):
            status, log, found[name] = self.replay(name, every_kind.Machine(order, seed).recording(2000))
            self.assertEqual(status, 0, log)
            self.assertNotIn(" malformed=0 ", log)  # some are
        self.assertGreater(len(found["little"]), 1500)
        self.assertEqual(found["big"], found["little"])

    def test_recording_of_a_later_year(self):
        data = self.record()
        _, _, now = self.replay("now", data)
        status, log, then = self.replay("then", byte_order.later(data, 20 * 365 * 86_400))
        self.assertEqual(status, 0, log)
        self.assertEqual(len(then), len(now))

    def test_nothing_exported_is_a_failure(self):
        data = self.record()
        status, log, records = self.replay("malformed", byte_order.malformed(data))
        self.assertEqual((status, records), (1, []), log)
        self.assertIn("nothing_exported", log)
        status, log, records = self.replay("family", byte_order.of_another_family(data))
        self.assertEqual((status, records), (1, []), log)
        self.assertIn("NETLINK_NETFILTER", log)
        status, log, _ = self.replay("empty", data[:24])
        self.assertEqual(status, 0, log)

    def test_nothing_exported_has_the_filter_as_its_reason(self):
        data = self.record()
        rule = "{action: include, networks: [100.64.0.0/10]}"
        status, log, records = self.replay("collector", data, f", filter: [{rule}]")
        self.assertEqual((status, records), (1, []), log)
        self.assertIn('impact="the filters of the collectors left the flow reports out"', log)
        status, log, records = self.replay(
            "source", data, sections="source: {filter: {include: [{networks: [100.64.0.0/10]}]}}\n")
        self.assertEqual((status, records), (1, []), log)
        self.assertIn('impact="source.filter left the connections out"', log)

    def test_record_follows_no_link(self):
        self.make_lab()
        victim = f"{self.directory}/victim"
        with open(victim, "w", encoding="ascii") as file:
            file.write("precious")
        os.symlink(victim, f"{self.directory}/link")
        recorder = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "record",
                                   f"{self.directory}/link")
        self.addCleanup(recorder.kill)
        self.assertEqual(recorder.wait(), 1)
        self.assertIn("symbolic link", recorder.log)
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")


if __name__ == "__main__":
    case.main()
