# SPDX-License-Identifier: GPL-2.0-or-later
"""How far the end of a record may be off: the table of docs/protocol.md, section "Times"."""

import dataclasses

from witness import model

# One tick of the kernel, late ticks of a busy machine, and the clock of the capture.
TICK = 0.1
# Of an entry that has not expired the kernel gives the remaining timeout in whole seconds.
HALF_SECOND = 0.5 + TICK
# … and ctflowd's clock is that of its reading, which a busy machine puts off.
REPORT = HALF_SECOND + 0.2
START = TICK  # the kernel stamps a connection when its first packet has passed


@dataclasses.dataclass(frozen=True)
class Bound:
    early: float  # seconds that `end` may lie before the last packet
    late: float  # … and behind it
    row: str  # how the row of the table begins
    # Which of several timeouts the last packet had is not known: their difference more.
    ambiguous: bool = False


BOUNDS = {
    "expired": Bound(TICK, TICK, "expired: UDP, ICMP, GRE, SCTP, DCCP, others"),
    "closed": Bound(TICK, TICK, "TCP closed by both sides, or reset"),
    "open": Bound(TICK, TICK, "TCP expired in ESTABLISHED", True),
    "replaced": Bound(1.0 + TICK, TICK, "removed by the kernel itself within the last second"),
    "one packet": Bound(TICK, TICK, "one packet in all"),
    "removed": Bound(HALF_SECOND, HALF_SECOND, "removed early"),
    "removed open": Bound(HALF_SECOND, HALF_SECOND, "removed early", True),
    "report": Bound(REPORT, REPORT, "it lives (a report)"),
    "report open": Bound(REPORT, REPORT, "it lives (a report)", True),
}
# States of TCP in which a packet may have set another timeout than that of the state.
_OPEN = (model.ESTABLISHED, model.FIN_WAIT, model.CLOSE_WAIT)
_OPEN_TIMEOUTS = ("established", "unacknowledged", "max_retrans", "close", "fin_wait", "close_wait")


def case_of(connection, report, states, replaced):
    """The row for a record. `report`: it was made while the connection lived. `states`: of TCP,
    those in which it may have been at the last packet. `replaced`: another connection had the same
    tuple at once."""
    is_open = any(state in _OPEN for state in states)
    if report:
        return "report open" if is_open else "report"
    if connection.asked or connection.left:
        return "removed open" if is_open else "removed"
    if replaced and not is_open:
        return "replaced"
    if connection.original.packets + connection.reply.packets == 1:
        return "one packet"
    if connection.protocol != model.TCP:
        return "expired"
    return "open" if is_open else "closed"


def allowed(case, timeouts):
    """Seconds early and late. `timeouts`: the kernel's settings."""
    bound = BOUNDS[case]
    values = [timeouts[f"tcp_timeout_{name}"] for name in _OPEN_TIMEOUTS]
    spread = max(values) - min(values) if bound.ambiguous else 0.0
    return bound.early + spread, bound.late + spread
