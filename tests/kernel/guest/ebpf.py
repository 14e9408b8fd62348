# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/bpf/measure prints, as ctnetlink messages with a ctnl.Flow.

Its lines are JSON with the names of bpf/measurement.h. Times there are of
CLOCK_MONOTONIC, here they are since 1970 as those of CTA_FLOW are.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import ctnl
from origin import Listening

ENDED, REPORTED, CREATED = 1, 2, 3
HAS_MEASURED, HAS_COUNTERS, HAS_START = 1, 2, 4
TCP, ICMP = 6, (1, 58)
ATTACH_SECONDS = 180        # an emulator verifies slowly
# From CLOCK_MONOTONIC to time since 1970: once, so that equal times stay equal.
OFFSET = time.time_ns() - time.monotonic_ns()
Record = dict[str, Any]


def decode_direction(data: Record, protocol: int) -> ctnl.Direction | None:
    if not data["packets"]:
        return None
    result = ctnl.Direction(packets=data["packets"], octets=data["octets"],
                            icmp_errors=data["icmp_errors"],
                            flags=data["changed"])
    if not data["first"]:       # ICMP errors only
        return result
    result.first = data["first"] + OFFSET
    result.last = data["last"] + OFFSET
    result.iif = data["iif"] if data["has_iif"] else None
    result.oif = data["oif"] if data["has_oif"] else None
    result.tcp_flags = data["tcp_flags"] if protocol == TCP else None
    result.tos = data["tos"]
    result.ttl_min, result.ttl_max = data["ttl_min"], data["ttl_max"]
    result.len_min, result.len_max = data["length_min"], data["length_max"]
    return result


def decode_flow(measured: Record, protocol: int) -> ctnl.Flow:
    orig, reply = (decode_direction(one, protocol)
                   for one in measured["direction"])
    return ctnl.Flow(version=1, orig=orig, reply=reply)


def decode_tuple(data: Record, zone: int) -> ctnl.Tuple:
    """As ctnl has it: an ICMP identifier is a source port, without type."""
    port = 0 if data["protocol"] in ICMP else data["destination_port"]
    return ctnl.Tuple(data["source"], data["destination"], data["protocol"],
                      data["source_port"], port, zone)


def decode(record: Record, size: int, received: float) -> ctnl.Message:
    ended = record["event"] == ENDED
    created = record["event"] == CREATED
    message = ctnl.Message(
        ctnl.MSG_DELETE if ended else ctnl.MSG_NEW,
        ctnl.NLM_F_CREATE if created else 0, received, size,
        record["port_id"])
    # ctnetlink says it of the connection, or of the one tuple that it is for.
    zone, directions = record["zone"], record["zone_direction"]
    message.orig, message.reply = (
        decode_tuple(record["tuple"][way],
                     zone if directions == 1 << way else 0)
        for way in (0, 1))
    message.zone = zone if directions == 3 else 0
    message.id = record["connection"]
    message.status = record["status"]
    message.mark = record["mark"]
    if message.orig.proto == TCP:
        message.tcp_state = record["state"]
    if record["present"] & HAS_COUNTERS:
        message.packets = list(record["conntrack_packets"])
        message.octets = list(record["conntrack_octets"])
    if record["present"] & HAS_START:
        message.start = record["start"]
        # As nf_ct_delete() does, which comes later.
        message.stop = record["time"] + min(record["timeout"], 0) + OFFSET
    if record["present"] & HAS_MEASURED and not created:
        message.flow = decode_flow(record["measured"], message.orig.proto)
        if ended:
            message.flow.reason = ctnl.REASONS[record["reason"]]
    return message


class Line:
    """A record, decoded when somebody wants it: an emulator is slow."""

    def __init__(self, record: Record, size: int) -> None:
        self.record, self.size = record, size
        self.event: int = record["event"]
        self.received = time.time()

    @functools.cached_property
    def message(self) -> ctnl.Message:
        return self.decode()

    def decode(self) -> ctnl.Message:
        return decode(self.record, self.size, self.received)


class Tool:
    """One run of tests/bpf/measure; others read its lines as they come."""

    line = Line

    def __init__(self, program: str, *options: str) -> None:
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [program, *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.changed = threading.Condition()
        self.lines: list[Line] = []
        self.answers: list[Record] = []
        self.living: dict[int, Record] = {}
        self.losses: list[int] = []
        self.attached = self.done = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        with self.changed:
            self.changed.wait_for(lambda: self.attached or self.done,
                                  ATTACH_SECONDS)
        atexit.register(self.process.kill)
        if not self.attached:
            self.process.kill()
            raise OSError(f"{program} {' '.join(options)}: "
                          + (self.process.stderr.read()
                             if self.process.stderr else ""))

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            record = json.loads(line)
            with self.changed:
                self.take(record, len(line))
                self.changed.notify_all()
        with self.changed:
            self.done = True
            self.changed.notify_all()

    def take(self, record: Record, size: int) -> None:
        if "attached" in record:
            self.attached = True
        elif "dump" in record:
            self.answers.append(record)
        elif "losses" in record:
            self.losses = record["losses"]
            self.answers.append(record)
        else:
            if record["event"] == ENDED:
                self.living.pop(record.get("connection"), None)
            else:
                self.living[record["connection"]] = record
            self.lines.append(self.line(record, size))

    def ends(self) -> list[ctnl.Message]:
        """Of all connections that have ended so far."""
        return self.messages(ENDED)

    def reports(self) -> list[ctnl.Message]:
        """Of connections that went on."""
        return self.messages(REPORTED)

    def messages(self, event: int) -> list[ctnl.Message]:
        with self.changed:
            lines = [one for one in self.lines if one.event == event]
        return [one.message for one in lines]

    def tell(self, command: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command: str) -> Record:
        with self.changed:
            self.answers.clear()
        self.tell(command)
        with self.changed:
            if not self.changed.wait_for(lambda: self.answers or self.done,
                                         60) or not self.answers:
                raise TimeoutError(f"no answer to {command}")
            return self.answers.pop()

    def lost(self) -> list[int]:
        """Ended, reported, created, unmeasured."""
        self.ask("losses")
        return self.losses

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        status = self.process.wait(30)
        self.reader.join(10)
        return status


class Listener:
    """The records of a tool from now on, and ctnetlink's NEW and UPDATE."""

    def __init__(self, tool: Tool, *groups: int, buffer: int) -> None:
        self.tool = tool
        self.events = set()
        if ctnl.GROUP_DESTROY in groups:
            self.events.add(ENDED)
        if ctnl.GROUP_FLOW in groups:
            self.events.add(REPORTED)
        own = [g for g in groups if g in (ctnl.GROUP_NEW, ctnl.GROUP_UPDATE)]
        self.kernel = ctnl.Listener(*own, buffer=buffer) if own else None
        self.place = len(tool.lines)
        self.pending: list[ctnl.Message] = []

    def close(self) -> None:
        if self.kernel:
            self.kernel.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fetch(self) -> bool:
        """False: nothing has come, not even what nobody listens for."""
        lines = self.tool.lines[self.place:]
        self.place += len(lines)
        self.pending += [one.message for one in lines
                         if one.event in self.events]
        came = bool(lines)
        if self.kernel:
            while self.kernel.read(0):
                came = True
            self.pending += self.kernel.pending
            self.kernel.pending = []
        return came

    def read(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while True:
            if self.fetch():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self.tool.changed:
                if len(self.tool.lines) == self.place:
                    self.tool.changed.wait(min(left, 0.1))

    def wait(self, match: Callable[[ctnl.Message], bool],
             timeout: float = 10.0) -> ctnl.Message:
        deadline = time.monotonic() + timeout
        while True:
            while self.pending:
                message = self.pending.pop(0)
                if match(message):
                    return message
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise TimeoutError("no such record")

    def rest(self, quiet: float = 0.3,
             limit: float = 20) -> list[ctnl.Message]:
        """Printing and reading thousands of lines takes an emulator long."""
        deadline = time.monotonic() + 10 * limit
        while time.monotonic() < deadline and self.read(10 * quiet):
            pass
        messages, self.pending = self.pending, []
        return messages

    def drain(self, seconds: float = 0.2) -> list[ctnl.Message]:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self.read(left):
            pass
        messages, self.pending = self.pending, []
        return messages


def own_namespace() -> int:
    return os.stat("/proc/self/ns/net").st_ino


class Measuring:
    """The origin: a tool that is started again when a setting changes."""

    name = "ebpf"
    knows_reasons = True
    left_out: dict[str, str] = {}

    def __init__(self, program: str) -> None:
        self.program = program
        self.interval = 0
        self.tool: Tool | None = self.start()

    def start(self, *options: str) -> Tool:
        return Tool(self.program, "--interval", str(self.interval), *options)

    def running(self) -> Tool:
        if self.tool is None:
            raise OSError("nothing measures")
        return self.tool

    def listen(self, *groups: int, buffer: int) -> Listening:
        return Listener(self.running(), *groups, buffer=buffer)

    def measure(self, on: bool) -> None:
        if not on and self.tool:
            self.tool.stop()
            self.tool = None
        elif on and not self.tool:
            self.tool = self.start()

    def active_timeout(self, seconds: int) -> None:
        if seconds != self.interval:
            self.interval = seconds
            if self.tool:
                self.measure(False)
                self.measure(True)

    def dump(self, kind: int) -> list[ctnl.Message]:
        """ctnetlink's table, with what the map has of each connection."""
        messages = ctnl.dump(kind)
        if self.tool is None:
            return messages
        measured = {one["connection"]: one["measured"]
                    for one in self.tool.ask("dump")["dump"]}
        here = own_namespace()
        with self.tool.changed:
            flows = {}
            for connection, record in self.tool.living.items():
                if connection in measured and record["netns"] == here:
                    created = decode(record, 0, 0)
                    flows[str((created.orig, created.zone))] = decode_flow(
                        measured[connection], created.orig.proto)
        for message in messages:
            message.flow = flows.get(str((message.orig, message.zone)))
        return messages
