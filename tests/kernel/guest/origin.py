# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the tests read what was measured of a connection.

Three origins give the same fields in the same units, as ctnl.Message with a
ctnl.Flow: the patched kernel (CTA_FLOW of ctnetlink), eBPF at conntrack's
functions (ebpf.py), and eBPF at netfilter's hooks (netfilter.py). A test asks
the lab for listeners and dumps, and does not know which one it has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol, TypeVar

import ctnl

SYSCTL = "/proc/sys/net/netfilter/"
Test = TypeVar("Test", bound=Callable[..., None])


class Listening(Protocol):
    """What tests do with a listener; ctnl.Listener has all of it."""

    def close(self) -> None: ...
    def __enter__(self) -> Listening: ...
    def __exit__(self, *_: object) -> None: ...
    def read(self, timeout: float) -> bool: ...
    def wait(self, match: Callable[[ctnl.Message], bool],
             timeout: float = 10.0) -> ctnl.Message: ...
    def rest(self, quiet: float = 0.3,
             limit: float = 20) -> list[ctnl.Message]: ...
    def drain(self, seconds: float = 0.2) -> list[ctnl.Message]: ...


class Origin(Protocol):
    name: str
    knows_reasons: bool
    left_out: dict[str, str]        # titles or groups of tests, and why

    def listen(self, *groups: int, buffer: int) -> Listening: ...
    def dump(self, kind: int) -> list[ctnl.Message]: ...
    def measure(self, on: bool) -> None: ...
    def active_timeout(self, seconds: int) -> None: ...


def only_patch(reason: str) -> Callable[[Test], Test]:
    """Marks a test of what the patch alone has. The run prints the reason."""
    def mark(test: Test) -> Test:
        test.only_patch = reason    # type: ignore[attr-defined]
        return test
    return mark


def patched() -> bool:
    return os.path.exists(SYSCTL + "nf_conntrack_flow")


class Kernel:
    """ctnetlink alone: a stock kernel's messages have no CTA_FLOW."""

    knows_reasons = True
    left_out: dict[str, str] = {}

    def __init__(self) -> None:
        self.name = "patched" if patched() else "stock"

    def listen(self, *groups: int, buffer: int) -> Listening:
        return ctnl.Listener(*groups, buffer=buffer)

    def dump(self, kind: int) -> list[ctnl.Message]:
        return ctnl.dump(kind)

    def measure(self, on: bool) -> None:
        self.write("nf_conntrack_flow", int(on))

    def active_timeout(self, seconds: int) -> None:
        self.write("nf_conntrack_flow_active_timeout", seconds)

    def write(self, name: str, value: int) -> None:
        if self.name == "patched":
            with open(SYSCTL + name, "w", encoding="ascii") as file:
                file.write(str(value))


def chosen() -> Origin:
    """eBPF where the run names a program that measures by it."""
    program = os.environ.get("CTFLOWD_MEASURE")
    if not program:
        return Kernel()
    if os.environ.get("CTFLOWD_SOURCE_MEASURE") == "netfilter":
        import netfilter
        return netfilter.Measuring(program)
    import ebpf
    return ebpf.Measuring(program)
