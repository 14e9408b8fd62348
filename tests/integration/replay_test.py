#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`ctflowd record` and `ctflowd replay`: a recording gives the records that live export gave."""

import case
import collectors
import ctflowd
import traffic
from lab import SERVER4, SERVER6


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
                self.assertEqual(sorted(map(case.comparable, collector.records())),
                                 sorted(map(case.comparable, live.records[protocol])))
                self.assertEqual(collector.complaints(), {"sequence": 0, "bad": 0})


if __name__ == "__main__":
    case.main()
