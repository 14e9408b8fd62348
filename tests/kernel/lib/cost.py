# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns samples into ratios.

rate FILE                       lines "mode packets processor-seconds ns"
insn OUT STOCKMAP PATCHEDMAP    OUT.<mode>.<packets> from insn_plugin.c
Fails if measuring costs more than 1.05 of stock.
"""

from __future__ import annotations

import bisect
import collections
import re
import statistics
import sys

LIMIT = 1.05
FEW, MANY = 5000, 25000


def rate(path: str) -> int:
    """Processor time is that of the whole guest: many less few packets."""
    seconds: dict[tuple[str, int], list[float]] = collections.defaultdict(list)
    clock: dict[str, list[float]] = collections.defaultdict(list)
    with open(path, encoding="ascii") as file:
        for line in file:
            mode, packets, spent, nanoseconds = line.split()
            seconds[mode, int(packets)].append(float(spent))
            if int(packets) > 1_000_000:
                clock[mode].append(float(nanoseconds))
    sizes = sorted({packets for _, packets in seconds})
    if len(sizes) != 2 or set(clock) != {"stock", "off", "on"}:
        print("samples are missing")
        return 1
    few, many = sizes

    def cost(mode: str, pick) -> float:
        return (pick(seconds[mode, many]) - pick(seconds[mode, few])) \
            / (many - few) * 1e9

    for mode in ("stock", "off", "on"):
        print(f"{mode:6} {len(clock[mode])} boots; processor time ns/packet: "
              + ", ".join(
                  f"{name} {cost(mode, pick):.0f} "
                  f"(ratio {cost(mode, pick) / cost('stock', pick):.3f})"
                  for name, pick in (("min", min),
                                     ("median", statistics.median)))
              + f"; by the clock: min {min(clock[mode]):.0f} "
              f"(ratio {min(clock[mode]) / min(clock['stock']):.3f})")
    return 0


START_UP = re.compile(
    r"calibrate|timer_irq_works|setup_boot|blake2s|mix_pool|entropy|sched|"
    r"switch|idle|update_curr|task|entity|wakeup|wake_up|prepare_to_wait|"
    r"kthread|smpboot|rb_|rcu_qs|update_rq|update_min_vruntime|buddies|"
    r"preempt|memcpy|clear_page|filemap|xas_|softirq|hpet")


def symbols(path: str) -> tuple[list[int], list[str]]:
    table = []
    with open(path, encoding="ascii") as file:
        for line in file:
            address, kind, name = line.split()
            if kind in "tTwW":
                table.append((int(address, 16), name))
    table.sort()
    return [row[0] for row in table], [row[1] for row in table]


def profile(path: str, map_path: str) -> collections.Counter[str]:
    addresses, names = symbols(map_path)
    counts: collections.Counter[str] = collections.Counter()
    with open(path, encoding="ascii") as file:
        for line in file:
            text, instructions, executed = line.split()
            address = int(text, 16)
            if address < addresses[0]:
                continue                                    # user space
            place = bisect.bisect_right(addresses, address) - 1
            counts[names[place]] += int(instructions) * int(executed)
    return counts


def per_packet(out: str, mode: str, map_path: str) -> dict[str, float]:
    few = profile(f"{out}.{mode}.{FEW}", map_path)
    many = profile(f"{out}.{mode}.{MANY}", map_path)
    return {name: (many[name] - few[name]) / (MANY - FEW) for name in many}


def insn(out: str, stock_map: str, patched_map: str) -> int:
    costs = {mode: per_packet(out, mode, stock_map if mode == "stock"
                              else patched_map)
             for mode in ("stock", "off", "on")}
    # What runs once or more per packet. Start-up differs from boot to boot by
    # more than packets cost: clock calibration, waiting for entropy, idling.
    path = {name for cost in costs.values() for name, value in cost.items()
            if value > 0.9 and not START_UP.search(name)}
    totals = {mode: sum(cost.get(name, 0) for name in path)
              for mode, cost in costs.items()}
    tracking = {mode: sum(cost.get(name, 0) for name in path
                          if name.startswith(("nf_ct", "nf_conn", "__nf_c",
                                              "__nf_ct", "nf_confirm",
                                              "ipv4_con", "udp_", "ipv4_conf",
                                              "nf_flow", "__udp", "hash_con",
                                              "get_l4")))
                for mode, cost in costs.items()}
    for mode, total in totals.items():
        print(f"{mode:6} instructions/packet: whole path {total:.0f}, "
              f"connection tracking {tracking[mode]:.0f}; ratio to stock "
              f"{total / totals['stock']:.4f}")
    for other in ("off", "on"):
        changed = []
        for name in path:
            delta = costs[other].get(name, 0) - costs["stock"].get(name, 0)
            if abs(delta) >= 0.9:
                changed.append((delta, name))
        print(f"{other} - stock: " + ", ".join(
            f"{name} {delta:+.0f}" for delta, name in sorted(changed)[::-1]))
    return 0 if totals["on"] <= LIMIT * totals["stock"] else 1


if __name__ == "__main__":
    sys.exit({"rate": rate, "insn": insn}[sys.argv[1]](*sys.argv[2:]))
