#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection that the kernel did not count is counted as lost, not exported as empty."""

import case
import traffic
from lab import SERVER4


class Accounting(case.LabTest):
    def test_off(self):
        self.make_lab(accounting=False)
        session = self.start()
        for port in (53, 54, 55):
            traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (100,))
        result = session.finish()
        self.assertEqual(len(result.connections), 3)
        self.assertEqual(result.records, {case.IPFIX: [], case.NETFLOW9: []})
        self.assertEqual((result.totals["ended"], result.totals["exported"],
                          result.totals["lost_no_counters"]), (3, 0, 3))

    def test_on(self):
        session = self.start()
        sent = traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        result = session.finish()
        self.check(result, sent)
        self.assertEqual(result.totals["lost_no_counters"], 0)


if __name__ == "__main__":
    case.main()
