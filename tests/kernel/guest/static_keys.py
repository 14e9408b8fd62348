# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processors: one patches the code that the other one runs.

Static keys are switched as fast as it goes while packets pass them. Not only
the switch of the series: also a key of the kernel itself, so that one can tell
a fault of the series from a fault of the emulator.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Callable

import ctnl
import main
import pktgen
from lab import Failure, Lab, equal, run

SECONDS = 10
SO_TIMESTAMP = 29


def send_for_ever() -> int:
    """A child process that sends to itself; every packet passes the keys."""
    child = os.fork()
    if child:
        return child
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        while True:
            sock.send(b"x")
            sock.recv(1)


def flip(what: str, switch_on: Callable[[], object],
         switch_off: Callable[[], object]) -> None:
    child = send_for_ever()
    flips = 0
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        switch_on()
        switch_off()
        flips += 2
    ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, 9)
        os.waitpid(child, 0)
    print(f"        {what}: {flips} times in {SECONDS} s", flush=True)
    oops = [line for line in run("dmesg").splitlines()
            if "int3:" in line or "RIP:" in line]
    if ended or oops:
        raise Failure(f"sender ended: {bool(ended)} {status}; {oops[:4]}")


def test_a_key_of_the_kernel(lab: Lab) -> None:
    """netstamp_needed_key: does anybody want time stamps of packets?"""
    socks: list[socket.socket] = []

    def switch_on() -> None:
        socks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        socks[0].setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)

    flip("netstamp_needed_key", switch_on, lambda: socks.pop().close())


def test_the_key_of_the_series(lab: Lab) -> None:
    path = "/proc/sys/net/netfilter/nf_conntrack_flow"
    run("conntrack -F")
    with open(path, "w", encoding="ascii") as file:
        def write(value: str) -> None:
            file.seek(0)
            file.write(value)
            file.flush()

        write("0")
        flip("nf_ct_flow_needed", lambda: write("1"), lambda: write("0"))


def test_everything_is_changed_while_packets_flow(lab: Lab) -> None:
    settings = {"count": 0, "udp_src_min": 20000, "udp_src_max": 20200,
                "flag": "UDPSRC_RND", "pkt_size": 100}
    pktgen.setup([settings, settings])
    generator = pktgen.start()
    listener = ctnl.Listener(1, 2, 3, ctnl.GROUP_FLOW)
    step = 0
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        lab.measure(bool(step % 4))
        lab.active_timeout(step % 3)
        ctnl.dump(ctnl.MSG_GET_CTRZERO if step % 2 else ctnl.MSG_GET)
        if step % 5 == 0:
            run("conntrack -F")
        if step % 7 == 0:
            run("ip netns add x; ip netns exec x sysctl -q "
                "net.netfilter.nf_conntrack_flow=1; ip netns del x")
        listener.drain(0.01)
        step += 1
    pktgen.stop()
    generator.wait()
    listener.close()
    print(f"        {step} rounds", flush=True)
    lab.reset()
    port = lab.port()
    lab.udp(port)
    equal("works", lab.flow(port).orig.packets, 1)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    sys.exit(main.run_module(sys.modules[__name__], "static keys"))
