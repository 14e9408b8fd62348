# SPDX-License-Identifier: GPL-2.0-or-later
"""What a forwarded packet costs. Arguments: <packets> <samples> <mode>...

Modes: stock (the kernel has no switch), off, on; more than one alternate.
The router tracks, counts, time-stamps, has a listener, filters and NATs.
"""

from __future__ import annotations

import sys

import ctnl
import pktgen
from lab import Lab, lab_main, run, sysctl


def cost(lab: Lab) -> None:
    packets, samples, modes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    lab.reset()
    run("ip link add sink type dummy; ip link set sink up; "
        "ip addr add 10.0.9.1/24 dev sink; "
        "ip neigh replace 10.0.9.9 lladdr 02:00:00:00:00:99 dev sink")
    lab.rules("""table inet cost {
        chain f { type filter hook forward priority 0; ct state established,new accept; }
        chain n { type nat hook postrouting priority 100; oifname sink masquerade; }
    }""")
    sysctl("nf_conntrack_udp_timeout", 600)
    listener = ctnl.Listener(1, 3)
    pktgen.setup([{"count": packets, "dst": "10.0.9.9", "pkt_size": 92,
                   "udp_src_min": 9, "udp_src_max": 9}])
    if modes == ["warm"]:
        modes = []
    for _ in range(samples):
        for mode in modes:
            if mode != "stock":
                lab.measure(mode == "on")
                lab.active_timeout(60)
            run("conntrack -F", check=False)
            pktgen.start().wait()
            print(f"COST {mode} {pktgen.rate():.1f}", flush=True)
    listener.close()
    print("RESULT 0 0 0")


if __name__ == "__main__":
    lab_main(cost)
