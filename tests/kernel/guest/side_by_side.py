# SPDX-License-Identifier: GPL-2.0-or-later
"""The same traffic whatever the kernel; prints what ctnetlink says of it.

SIDE <scenario> <truth> <stock attributes> <CTA_FLOW or ->, tab separated
"""

import time

import ctnl
import packets
from lab import CLIENT, SERVER, Lab, Sniffer, destroyed, lab_main, run, sysctl
from packets import SYN


def say(scenario: str, truth: object, stock: object, flow: object) -> None:
    print(f"SIDE {scenario}\t{truth}\t{stock}\t{flow}", flush=True)


def counters(scenario: str, message: ctnl.Message, way: bool,
             packets_sent: int, octets_sent: int) -> None:
    flow = None
    if message.flow:
        direction = message.flow.reply if way else message.flow.orig
        flow = direction and f"{direction.packets} / {direction.octets}"
    say(scenario, f"{packets_sent} / {octets_sent}",
        f"{message.packets[way]} / {message.octets[way]}", flow or "-")


def main(lab: Lab) -> None:
    lab.reset()
    lab.offload(None, "r2", "tso off gso off sg off")
    sniffer = Sniffer("s", "s0")
    port = lab.transfer(5_000_000)
    truth = sniffer.totals(port)
    counters("5 MB TCP with TSO", lab.find(port), False, *truth[False])

    lab.reset()
    lab.rules("""table inet ft {
        flowtable f {
            hook ingress priority 0
            devices = { r1, r2 }
        }
        chain forward {
            type filter hook forward priority 0
            ct state established flow add @f
        }
    }""")
    sniffer = Sniffer("s", "s0")
    port = lab.transfer(3_000_000)
    truth = sniffer.totals(port)
    counters("3 MB in a flowtable", lab.find(port), False, *truth[False])

    lab.reset()
    port = lab.port()
    for _ in range(3):
        lab.tcp(port, SYN, seq=1000)
    counters("3 SYN unanswered", lab.find(port), False, 3, 120)

    port = lab.port()
    error = packets.unreachable(SERVER, CLIENT, lab.udp(port))
    lab.s.send(error)
    counters("ICMP error", lab.find(port), True, 1, len(error))

    sysctl("nf_conntrack_udp_timeout", 2)
    port = lab.port()
    with ctnl.Listener(ctnl.GROUP_DESTROY) as listener:
        begin = time.time()
        lab.udp(port)
        time.sleep(0.5)
        lab.udp(port)
        time.sleep(2.2)
        run("conntrack -L", check=False)
        event = listener.wait(destroyed(port), 70)
    flow = "-"
    if event.flow:
        flow = f"{event.flow.orig.last / 1e9 - begin:.1f} s"
    say("end of a UDP flow", "0.5 s", f"{event.stop / 1e9 - begin:.1f} s",
        flow)
    print("RESULT 0 0 0")


if __name__ == "__main__":
    lab_main(main)
