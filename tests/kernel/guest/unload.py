# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the patched modules out of a kernel, with connections of all kinds in
them, and puts them in again. A cache that is not empty by then has the kernel
complain, which the run looks for.
"""

from __future__ import annotations

import pathlib
import sys
import time

import packets
from lab import CLIENT, SERVER, Failure, Lab, equal, lab_main, run, sysctl

MODULE = "nf_conntrack"


def loaded() -> dict[str, int]:
    """Modules, and how many use each."""
    lines = pathlib.Path("/proc/modules").read_text().splitlines()
    return {line.split()[0]: int(line.split()[2]) for line in lines}


def unload() -> None:
    deadline = time.monotonic() + 120
    while MODULE in (modules := loaded()):
        for name, users in modules.items():
            if not users and name.startswith(("nf", "xt_", "act_ct", "ip_set")):
                run(f"rmmod {name}", check=False)
        if time.monotonic() > deadline:
            raise Failure(f"cannot be unloaded: {modules}")


def traffic(lab: Lab) -> None:
    """Entries that stay, that were never in the table, and that wait."""
    lab.rules("""table inet x {
        chain f {
            type filter hook forward priority 0
            udp dport 90 drop
            udp dport 91 reject
            udp dport 92 queue num 7
        }
        chain n { type nat hook postrouting priority 100; oifname r2 masquerade; }
    }""")
    for port in range(10000, 10500):
        for service in (53, 90, 91, 92):
            lab.c.send(packets.udp(CLIENT, SERVER, port, service, 100))
        lab.udp(port, reply=True)
    lab.settle()


def cycle(lab: Lab) -> None:
    if MODULE not in loaded():
        print("RESULT 0 0 1")
        return
    lab.reset()
    lab.measure(True)
    traffic(lab)
    equal("many", int(sysctl("nf_conntrack_count")) >= 500, True)
    run("nft flush ruleset")
    unload()
    print("ok unloaded with connections")
    run(f"/run/modprobe {MODULE} flow=1")
    for name in ("nf_conntrack_netlink", "nf_flow_table_inet"):
        run(f"/run/modprobe {name}")
    equal("measures", sysctl("nf_conntrack_flow"), "1")
    traffic(lab)
    run("conntrack -F")
    run("nft flush ruleset")
    unload()
    print("ok loaded and unloaded again")
    print("RESULT 2 0 0")
    sys.stdout.flush()


if __name__ == "__main__":
    lab_main(cycle)
