# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods from the kernel's packet generator in netns c."""

from __future__ import annotations

import subprocess

from lab import CLIENT, MAC, SERVER, Failure, run

PROC = "/proc/net/pktgen"


def setup(threads: list[dict[str, object]]) -> None:
    """One dictionary of pktgen settings per processor."""
    script = [f"echo reset > {PROC}/pgctrl"]
    for cpu, settings in enumerate(threads):
        device = f"c0@{cpu}"
        script += [f"echo rem_device_all > {PROC}/kpktgend_{cpu}",
                   f"echo add_device {device} > {PROC}/kpktgend_{cpu}"]
        for key, value in {"delay": 0, "clone_skb": 0, "dst_mac": MAC["r1"],
                           "src_min": CLIENT, "src_max": CLIENT,
                           "dst": SERVER, "udp_dst_min": 53,
                           "udp_dst_max": 53, **settings}.items():
            script.append(f"echo '{key} {value}' > {PROC}/{device}")
    run("ip netns exec c sh -e -c \"" + "\n".join(script) + "\"")


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["ip", "netns", "exec", "c", "sh", "-c",
                             f"echo start > {PROC}/pgctrl"])


def stop() -> None:
    run(f"ip netns exec c sh -c 'echo stop > {PROC}/pgctrl'")


def rate(cpu: int = 0) -> float:
    """Nanoseconds per packet of the last run."""
    text = run(f"ip netns exec c cat {PROC}/c0@{cpu}")
    for word in text.split():
        if word.endswith("pps"):
            return 1e9 / int(word[:-3])
    raise Failure(f"no rate in: {text}")
