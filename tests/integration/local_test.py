#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that begin or end at the router itself."""

import case
import traffic
from lab import LAN4, LAN6, SERVER4, SERVER6, WAN4


class Local(case.LabTest):
    def test_from_the_router(self):
        session = self.start()
        path = self.lab.router, self.lab.server
        sent = [traffic.tcp(*path, SERVER4, 80, 1000, 70_000),
                traffic.udp(*path, SERVER6, 53, (100,), (200,)),
                traffic.echo(self.lab.router, SERVER4)]
        self.check(session.finish(), *sent)

    def test_to_the_router(self):
        session = self.start()
        path = self.lab.client, self.lab.router
        sent = [traffic.tcp(*path, LAN6, 22, 70_000, 1000),
                traffic.udp(*path, LAN4, 53, (100,), (200,)),
                traffic.echo(self.lab.server, WAN4)]
        self.check(session.finish(), *sent)

    def test_within_the_router(self):
        session = self.start()
        path = self.lab.router, self.lab.router
        sent = [traffic.tcp(*path, "127.0.0.1", 80, 1000, 2000),
                traffic.udp(*path, "::1", 53, (100,), (200,))]
        self.check(session.finish(), *sent)


if __name__ == "__main__":
    case.main()
