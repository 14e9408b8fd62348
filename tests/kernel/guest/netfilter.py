# SPDX-License-Identifier: GPL-2.0-or-later
"""The third origin: eBPF programs at netfilter's hooks.

tests/bpf/measure --netfilter prints the ends that ctnetlink tells of, as they
came, and what the programs measured of each; a dump of the table likewise.
"""

from __future__ import annotations

import pathlib
import tempfile

import ctnl
import ebpf

HEADER = 16     # struct nlmsghdr

# Groups of tests, or single ones, that these programs cannot pass, and why.
REASON = "there is no hook at the end: the daemon estimates the reason"
RECORDS = "there are no records in a ring buffer"
LEFT_OUT = {
    "flowtable": "a packet that a flowtable forwards passes no hook",
    "reports": "the programs do not report, the daemon does by scans",
    "reasons: timeout": REASON,
    "reasons: tcp close": REASON,
    "reasons: tcp reset": REASON,
    "reasons: rst as the only answer": REASON,
    "reasons: delete and flush": REASON,
    "reasons: early drop": REASON,
    "reasons: other": REASON,
    "reasons: living entries have none": REASON,
    "tc": "its table of flows is an offload, and what it commits is not new",
    "smp: both send on one connection": "it counts reports",
    "smp: packets race with a small table": REASON,
    "ebpf: reports that can wait leave room for ends": RECORDS,
    "ebpf: a storm is told or counted": RECORDS,
    "ebpf: namespaces come and go": "a program has one namespace, its own",
}


class End(ebpf.Line):
    """One DESTROY event of ctnetlink, and what was measured."""

    def decode(self) -> ctnl.Message:
        data = bytes.fromhex(self.record["message"])
        message = ctnl.decode(int.from_bytes(data[4:6], "little") & 0xff,
                              int.from_bytes(data[6:8], "little"),
                              int.from_bytes(data[12:16], "little"),
                              data[HEADER:])
        message.received = self.received
        measured = self.record["measured"]
        if measured:
            message.flow = ebpf.decode_flow(measured, message.orig.proto)
        return message


class Tool(ebpf.Tool):
    line = End


class Measuring(ebpf.Measuring):
    name = "netfilter"
    knows_reasons = False
    left_out = LEFT_OUT

    def start(self, *options: str) -> ebpf.Tool:
        """Of the options that tests/bpf/measure has without --netfilter, only
        the size means anything."""
        mine = ["--netfilter"]
        if "--size" in options:
            settings = pathlib.Path(tempfile.mkdtemp())
            (settings / "nf_conntrack_max").write_text(
                options[options.index("--size") + 1])
            mine += ["--settings", str(settings)]
        return Tool(self.program, *mine)

    def active_timeout(self, seconds: int) -> None:
        """Nothing here reports by itself."""

    def dump(self, kind: int) -> list[ctnl.Message]:
        messages = ctnl.dump(kind)
        if self.tool is None:
            return messages
        measured = {one["id"]: one["measured"]
                    for one in self.tool.ask("dump")["dump"]}
        for message in messages:
            if message.id in measured:
                message.flow = ebpf.decode_flow(measured[message.id],
                                                message.orig.proto)
        return messages
