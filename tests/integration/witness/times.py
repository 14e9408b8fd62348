# SPDX-License-Identifier: GPL-2.0-or-later
"""Start and end of each record against the packets on the wire."""

import bisect
import collections

from witness import bounds, model

_CLOCK = 0.02  # between the kernel's stamp of a connection and that of its first packet
_MESSAGE = 0.4  # a message waits so long at most, on a busy machine
_AT_ONCE = 0.05
# The packet that uses a port again is dropped when the end of its last connection cannot be delivered
# (nf_ct_kill() in nf_conntrack_tcp_packet()): the next connection begins with the repeated SYN.
_REPEATED_SYN = 1.2
# A scan reads the table in parts, at most this far apart. The kernel writes each part when the one before is
# read, so that a report may show a state that has passed (src/conntrack/table/table_dump.cpp).
_PART = 1.0
_ROUNDED = 0.0015  # times are exported in whole milliseconds


def check(observation):
    """Sentences of what is wrong; none if all is well."""
    problems = list(_plausible(observation))
    connections, strays = _by_connection(observation)
    problems += [f"times: {_shown(record)} lies within no connection" for record in strays]
    for connection in connections:
        problems += connection.check()
    return problems


def judged(observation):
    """Records whose times are compared with packets that are known one by one, as lists: both of
    one connection are in one."""
    for connection in _by_connection(observation)[0]:
        if connection.exact():
            yield connection.records


def _by_connection(observation):
    """Connections with their records, and records that belong to none."""
    counted = model.by_key(observation)
    parts, strays = collections.defaultdict(list), []
    for record in observation.records:
        found = _connection_of(record, counted.get(model.key_of(record), ()))
        if found:
            parts[found[0]].append((record, found[1]))
        else:
            strays.append(record)
    packets = _packets(observation)
    return [_Connection(observation, connection, records, packets)
            for connection, records in parts.items()], strays


def _shown(record):
    return f"{model.shown(model.key_of(record))} {record.first:.3f} to {record.last:.3f}"


def _plausible(observation):
    for record in observation.records:
        if not observation.boot <= record.first <= record.last + _ROUNDED:
            yield f"times: {_shown(record)}: start is not between boot and end"
        if record.last > record.received + _ROUNDED:
            yield f"times: {_shown(record)}: end is after the export, {record.received:.3f}"
        # Zeroed between two readings, counters may reach the same number of packets again.
        if record.packets == 0 and not (observation.zeroed() and record.octets):
            yield f"times: {_shown(record)}: a flow of no packets"


def _connection_of(record, candidates):
    """The connection and the side of this record: the latest one that began before. One that began
    within the tolerance behind it comes second: its ports may have been used again at once."""
    fitting = [(connection, side) for connection, side in candidates
               if connection.start - _CLOCK <= record.first + _ROUNDED
               and record.last <= connection.event_time + _ROUNDED]
    return max(fitting, default=None,
               key=lambda pair: (pair[0].start <= record.first + _ROUNDED, pair[0].start))


def _packets(observation):
    """Times of the packets by connection and side."""
    lives = collections.defaultdict(list)
    for connection in observation.connections:
        for side, key in enumerate(connection.packet_keys()):
            lives[connection.namespace, key].append((connection.start, side, connection))
    for life in lives.values():
        life.sort(key=lambda one: one[:2])
    table = collections.defaultdict(list)
    for packet in observation.packets:
        life = lives.get((packet.namespace, packet.key))
        if life:
            at = bisect.bisect([start for start, *_ in life], packet.time + _CLOCK)
            _, side, connection = life[max(at - 1, 0)]
            table[connection, side].append(packet.time)
    return table


class _Connection:
    """The records of one connection."""

    def __init__(self, observation, connection, records, packets):
        self._observation = observation
        self._connection = connection
        self._packets = [packets[connection, side] for side in (0, 1)]
        self.records = [record for record, _ in records]
        self._groups = collections.defaultdict(list)  # both records of a report have its times
        for record, side in records:
            self._groups[record.first, record.last].append((record, side))
        self._disturbed = any(run.killed and connection.start <= run.ended <= connection.event_time
                              for run in observation.runs)

    def check(self):
        exported = [0, 0]  # packets
        before = None
        problems = []
        final = max(last for _, last in self._groups)
        for (first, last), group in sorted(self._groups.items()):
            record = group[0][0]
            if before is not None and first < before - _ROUNDED and not self._disturbed:
                problems.append(f"overlap: {_shown(record)} begins before the end of the record "
                                f"before, {before:.3f}")
            if not self.comparable():
                continue
            if before is None:
                problems += self._start(record)
            elif first > before + _ROUNDED:
                problems.append(f"times: {_shown(record)} begins behind the end of the record "
                                f"before, {before:.3f}, which it should continue")
            for one, side in group:
                exported[side] += one.packets
            problems += self._end(record, exported, last == final)
            before = last
        return problems

    def comparable(self):
        """Not if something was exported twice or not at all, which is judged by octets; nor if the wire
        had fewer packets than the kernel counted, because a packet was taken for another life."""
        return (not self._disturbed and not self._observation.zeroed()
                and all(len(times) >= side[0]
                        for times, side in zip(self._packets, self._connection.counters())))

    def exact(self):
        """Every packet is known, and both records have the times of all of them."""
        return (self.comparable() and len(self._groups) == 1 and self._connection.protocol != model.TCP
                and all(len(times) == side[0]
                        for times, side in zip(self._packets, self._connection.counters())))

    def _start(self, record):
        if self._packets[0]:
            error = record.first - self._packets[0][0]
            if abs(error) > bounds.START:
                yield (f"times: {_shown(record)}: start is {error:+.3f} s from the first packet, "
                       f"allowed {bounds.START}")

    def _end(self, record, exported, final):
        """`exported`: packets up to this record, of both sides; more than the kernel counted is judged
        by octets."""
        spans = [self._span(side, count) for side, count in enumerate(exported) if count]
        if not spans or not all(spans):
            return
        earliest, latest = max(span[0] for span in spans), max(span[1] for span in spans)
        error = record.last - min(max(record.last, earliest), latest)
        early, late = self._allowed(record, final)
        if self._observation.scenario.kind == "reliable":  # the kernel sends what is left late
            early += max(0.0, record.received - self._connection.stop)
        if not -early - _ROUNDED <= error <= late + _ROUNDED:
            yield (f"times: {_shown(record)}: end is {error:+.3f} s from the last packet, "
                   f"{latest:.3f}; allowed for {' or '.join(map(repr, self._cases(record, final)))} "
                   f"are -{early:.3f} to +{late:.3f}; "
                   f"state {self._connection.state}, left {self._connection.left}")

    def _allowed(self, record, final):
        """Seconds early and late: where it cannot be told which row applies, the wider of them."""
        pairs = [bounds.allowed(case, self._observation.scenario.timeouts)
                 for case in self._cases(record, final)]
        return tuple(map(max, zip(*pairs)))

    def _cases(self, record, final):
        """The rows of the table that may apply."""
        for report in self._reports(record, final):
            states = (self._connection.states_within(record.received - _PART - _MESSAGE,
                                                     record.received + _MESSAGE)
                      if report else {self._connection.state})
            yield bounds.case_of(self._connection, report, states, self._replaced())

    def _replaced(self):
        one = self._connection
        undelivered = self._observation.scenario.kind in ("slow_listener", "reliable")
        within = _REPEATED_SYN if undelivered else _AT_ONCE
        return one.protocol == model.TCP and any(
            0 <= other.start - one.stop < within and other.namespace == one.namespace
            # It may be the reply of one that was picked up in its middle.
            and next(other.packet_keys()) in one.packet_keys()
            for other in self._observation.connections)

    def _span(self, side, count):
        """Between which times the packet was that made the kernel's counter reach this."""
        times = self._packets[side]
        uncounted = len(times) - self._connection.counters()[side][0]
        if count > len(times):
            return None
        return times[count - 1], times[min(count - 1 + uncounted, len(times) - 1)]

    def _reports(self, record, final):
        """Whether it was made while the connection lived; both where that cannot be told. TCP that has
        closed is reported with the reason of its end, and nfdump does not read the reason from NetFlow
        v9: then the time decides, unless the end came before the message left."""
        if record.end_reason == model.ACTIVE_TIMEOUT_REASON or not final:
            return (True,)
        if record.received < self._connection.event_time:
            return (True,)
        if (record.received < self._connection.event_time + _MESSAGE
                and any(run.source.get("already_reported") for run in self._observation.runs)):
            return (True, False)
        return (False,)
