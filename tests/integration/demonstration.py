#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows ctflowd at work in the lab: connections of known size beside the flows that nfdump read.

scripts/quickstart runs this. The exit status is 1 if they differ.
"""

import argparse
import dataclasses
import os
import sys

import case
import collectors
import ctflowd
import isolation
import lab
import traffic

PORT = 4739
NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
FORMAT = "fmt:%ts|%td|%pr|%sap|->|%dap|%nsap|->|%ndap|%pkt|%byt"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctflowd", required=True, help="the program to show")
    options = parser.parse_args()
    isolation.enter()
    isolation.require("nfcapd", "nfdump")
    try:
        sys.exit(0 if show(os.path.abspath(options.ctflowd)) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def show(program):
    network = lab.Lab()
    network.rules("source_nat", 'ip saddr 10.10.0.0/24 oifname "wan" masquerade')
    print(f"client {lab.CLIENT4}  --  NAT router {lab.WAN4}  --  server {lab.SERVER4}\n"
          f"client {lab.CLIENT6}  --  router  --  server {lab.SERVER6}\n")

    nfcapd = collectors.Nfcapd(network.collector, PORT, "/run")
    exporter = ctflowd.Ctflowd(program, network.router, "/run", "run", config=ctflowd.configuration(
        [ctflowd.Collector("quickstart", PORT, "ipfix")])).wait_for("started")
    sent = make_connections(network.client, network.server)
    print(f"{len(sent)} connections made; waiting for the router to forget them "
          f"({lab.IDLE_TIMEOUT} s after their last packet here, minutes on a real router) ...\n")
    network.wait_for_idle()
    exporter.stop()
    nfcapd.stop()

    records = nfcapd.records()
    agree = print_comparison(sent, records)
    print("\nThe same records as nfdump prints them, addresses after NAT on the right:\n")
    print_flows(nfcapd.nfdump("-N", "-6", "-O", "tstart", "-o", FORMAT))
    return agree


def print_flows(text):
    """nfdump leaves room for the longest IPv6 addresses; this does not."""
    rows = [[column.strip() for column in line.split("|")] for line in text.splitlines()]
    for row in rows:
        row[2] = NAMES.get(int(row[2]), row[2])
        if row[6].startswith("0.0.0.0"):
            row[6:9] = "", "", ""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


@dataclasses.dataclass
class Made:
    server: str
    port: int
    sent: traffic.Sent


def make_connections(client, server):
    path = client, server
    v4, v6 = lab.SERVER4, lab.SERVER6
    return [
        Made(v4, 80, traffic.tcp(*path, v4, 80, 20_000, 1_000_000)),
        Made(v4, 53, traffic.udp(*path, v4, 53, (40,), (120,))),
        Made(v4, 0, traffic.echo(client, v4, (56, 56, 56))),
        Made(v6, 443, traffic.tcp(*path, v6, 443, 500_000, 3_000)),
        Made(v6, 514, traffic.udp(*path, v6, 514, (200,) * 5)),
        Made(v6, 0, traffic.echo(client, v6, (56, 56, 56))),
    ]


def print_comparison(sent, records):
    """One line for each direction; True if what was exported is what was sent."""
    line = "{:<7} {:>16} {} {:<19} {:>8} {:>10}   {:>8} {:>10}  {}"
    print(line.format("", "client", " ", "server", "sent", "octets", "exported", "octets", ""))
    agree = True
    for made in sent:
        for side in range(2):
            packets, octets = exported(made, side, records)
            payload, size = made.sent.payload[side], made.sent.octets[side]
            if payload is None:
                right = (packets, octets) == (made.sent.packets[side], size)
                shown = made.sent.packets[side], size
            else:  # the kernel chose how many packets
                family = traffic.family_of(made.server)
                headers = [traffic.IP_HEADER[family] + tcp for tcp in traffic.TCP_HEADERS]
                right = headers[0] * packets <= octets - payload <= headers[1] * packets
                shown = "payload", payload
            agree = agree and right
            name = lab.CLIENT6 if ":" in made.server else lab.CLIENT4
            print(line.format(NAMES[made.sent.protocol], name, "<-" if side else "->",
                              f"{made.server}" + (f" {made.port}" if made.port else ""), *shown,
                              packets, octets, "ok" if right else "DIFFERENT"))
    total = case.sums(records)
    print(f"\n{len(records)} records, {total[0]} packets, {total[1]} octets exported.")
    return agree


def exported(made, side, records):
    """Packets and octets of one direction. TCP octets include headers."""
    ends = (lambda r: (r.destination, r.destination_port)), (lambda r: (r.source, r.source_port))
    return case.sums([record for record in records if record.protocol == made.sent.protocol
                      and ends[side](record) == (made.server, made.port)])


if __name__ == "__main__":
    main()
