# SPDX-License-Identifier: GPL-2.0-or-later
"""How far the end of a record may be off: the table of docs/protocol.md, section "Times"."""

import dataclasses

from witness import model
from witness.conversations import DEAF, MUTE, SILENT

# Between the kernel's clock, its ticks, and the moment a packet is captured, on a busy machine.
TICK = 0.1


@dataclasses.dataclass(frozen=True)
class Bound:
    early: float  # seconds that `end` may lie before the last packet
    late: float  # … and behind it
    row: str  # of the table "connection ended by"


BOUNDS = {
    "expired": Bound(TICK, TICK, "timeout"),
    "removed": Bound(1.0 + TICK, TICK, "deletion before the timeout"),
    "report": Bound(1.0 + TICK, TICK, "it lives (a report)"),
    # The timeouts differ by that (scenario.py).
    "retransmitting": Bound(5.0, 5.0, "TCP with data unanswered, or retransmitting"),
}
# An idle TCP connection is taken for one with data unanswered where its life is shorter than the
# difference of the timeouts.
TCP_IS_VAGUE = True
START = TICK  # the kernel stamps a connection when its first packet has passed


def vague(connection):
    """TCP that retransmits: which packet set which timeout is not known."""
    if TCP_IS_VAGUE:
        return connection.protocol == model.TCP
    ports = (connection.original.destination_port, connection.reply.source_port)
    return connection.protocol == model.TCP and any(
        port in span for port in ports for span in (SILENT, DEAF, MUTE))


def case_of(connection, report):
    """The row for a record. `report`: it was made while the connection lived."""
    if vague(connection):
        return "retransmitting"
    if report:
        return "report"
    return "removed" if connection.asked or connection.left else "expired"
