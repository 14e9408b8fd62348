# SPDX-License-Identifier: GPL-2.0-or-later
"""What a seed stands for. The class of a scenario follows from the seed, so that any row of seeds
has all classes; everything else is chance."""

import dataclasses
import random

# What happens besides the traffic.
CLASSES = (
    "plain",  # nothing
    "nat",  # masquerading of both families
    "dnat",
    "zones",
    "deletions",  # conntrack -D, while packets go on
    "reports",  # connections that live longer than the active timeout
    "reload",  # SIGHUP
    "namespaces",  # two, each with a connection table
    "restart",  # SIGTERM and a start with the state file
    "kill",  # SIGKILL and such a start
    "overrun",  # a receive buffer that is too small
    "reliable",  # the same with reliable delivery
    "slow_listener",  # somebody else asked for reliable delivery, and is slow
    "zeroing",  # conntrack -L -z
)
# What ctflowd does not do right yet.
PENDING = {}
LONG = ("reports", "restart", "kill", "reload", "zeroing")

# Short, and different from each other: an estimate by the wrong one shows. Seconds.
_TIMEOUTS = {
    "udp_timeout": (2, 3), "udp_timeout_stream": (3, 5), "icmp_timeout": (2, 3),
    "icmpv6_timeout": (2, 3), "gre_timeout": (2, 3), "gre_timeout_stream": (3, 4),
    "generic_timeout": (2, 4), "udplite_timeout": (2, 3), "udplite_timeout_stream": (3, 4),
    "tcp_timeout_established": (6, 9), "tcp_timeout_syn_sent": (4, 5),
    "tcp_timeout_syn_recv": (4, 5), "tcp_timeout_fin_wait": (3, 4),
    "tcp_timeout_close_wait": (3, 4), "tcp_timeout_last_ack": (2, 3),
    "tcp_timeout_time_wait": (2, 3), "tcp_timeout_close": (2, 3), "tcp_timeout_max_retrans": (4, 5),
    "tcp_timeout_unacknowledged": (4, 5), "sctp_timeout_closed": (2, 3),
    "sctp_timeout_cookie_wait": (2, 3), "sctp_timeout_cookie_echoed": (2, 3),
    "sctp_timeout_established": (4, 6), "dccp_timeout_request": (2, 3),
}


@dataclasses.dataclass
class Scenario:
    seed: int
    kind: str
    protocol: str  # ipfix or netflow9
    nat44: bool
    nat66: bool
    dnat: bool
    zones: bool
    split: bool  # two `namespaces:` of one namespace, by zones
    active_timeout: int  # seconds
    timeouts: dict
    conversations: int
    seconds: float  # in which they begin
    patience: float  # the longest pause between two packets of one
    storm: int  # connections of one packet besides
    idle: bool  # all connections expire; otherwise those that remain are deleted
    source: dict  # settings of ctflowd
    besides: str  # a second class of disturbance, at the same time; or None

    def __str__(self):
        return " ".join(f"{name}={value}" for name, value in vars(self).items()
                        if name != "timeouts")

    @property
    def namespaces(self):
        return self.kind == "namespaces"

    @property
    def listeners(self):
        """How many sockets of ctflowd hear of each end."""
        return 2 if self.split else 1


def kind_of(seed):
    return CLASSES[seed % len(CLASSES)]


def scenario(seed, kind=None):
    rng = random.Random(seed)
    kind = kind or kind_of(seed)
    long = kind in LONG
    # With two namespaces each connection is seen twice; masquerading makes the two differ.
    translated = kind in ("nat", "namespaces")
    stormy = kind in ("overrun", "reliable", "slow_listener")
    active = 5 if long or rng.random() < 0.5 else 60
    source = {"active_timeout": f"{active}s"}
    if kind == "overrun" or kind == "reliable":
        source |= {"receive_buffer": "64KiB", "receive_buffer_limit": "64KiB"}
    if kind == "reliable":
        source |= {"delivery": "reliable"}
    return Scenario(
        seed, kind, rng.choice(("ipfix", "netflow9")),
        translated or rng.random() < 0.3, translated or rng.random() < 0.3,
        kind == "dnat" or rng.random() < 0.2, kind == "zones" or rng.random() < 0.1,
        kind == "zones" and rng.random() < 0.4, active,
        {name: rng.randint(*span) for name, span in _TIMEOUTS.items()},
        rng.randint(30, 50), 7.0 if long else 3.5, 2.5 if long else 0.9,
        rng.randint(300, 600) if stormy else 0,
        rng.random() < 0.6, source,
        rng.choice(("deletions", "reload")) if rng.random() < 0.3 else None)
