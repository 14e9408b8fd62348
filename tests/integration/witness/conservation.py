# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets and octets: what was exported of each directed tuple is what the kernel counted. Less or
more is a problem, unless the ledger or what was done to ctflowd explains exactly that."""

import collections

from witness import model

_MARGIN = 0.3  # seconds between what happens and when it is noted, on a busy machine
_FLUSH = 0.1  # flush_after of tests: what a killed ctflowd may still have had in its message
_NOTHING = (0, 0)
_SOME = 5  # incomplete tuples: of fewer, ctflowd may not have seen any before


def check(observation):
    """Sentences of what is wrong; none if all is well."""
    problems = list(_observers(observation))
    problems += _zeroed(observation) if observation.zeroed() else _tuples(observation)
    problems += _duplicates(observation)
    problems += _collected(observation)
    problems += _ledger(observation)
    return problems


def _add(one, other):
    return one[0] + other[0], one[1] + other[1]


def _less(one, other):
    return one[0] < other[0] or one[1] < other[1]


def _wire(observation):
    """Packets and octets of each directed tuple of each namespace."""
    wire = collections.defaultdict(lambda: _NOTHING)
    for packet in observation.packets:
        wire[packet.namespace, packet.key] = _add(wire[packet.namespace, packet.key],
                                                  (1, packet.octets))
    return wire


def _exported(observation):
    exported = collections.defaultdict(lambda: _NOTHING)
    for record in observation.records:
        key = model.key_of(record)
        exported[key] = _add(exported[key], (record.packets, record.octets))
    return exported


def _observers(observation):
    """Kernel and wire agree where conntrack counts every packet; else an observer is wrong."""
    if observation.zeroed():
        return
    wire = _wire(observation)
    counted = collections.defaultdict(lambda: _NOTHING)
    for one in observation.connections:
        for key, counters in zip(one.packet_keys(), one.counters()):
            if one.protocol in (model.UDP, model.ICMP, model.ICMPV6):
                counted[one.namespace, key] = _add(counted[one.namespace, key], counters)
    for (namespace, key), counters in counted.items():
        if counters != wire[namespace, key]:
            yield (f"observers: {namespace} {key}: the kernel counted {counters}, the wire had "
                   f"{wire[namespace, key]} (packets, octets)")


def _tuples(observation):
    exported = _exported(observation)
    counted = model.by_key(observation)
    allowed = Allowed(observation)
    for key in sorted({*exported, *counted}, key=repr):
        if key not in counted:
            yield f"octets: {model.shown(key)}: exported {exported[key]}, the kernel had none such"
            continue
        total, least, most = _NOTHING, _NOTHING, _NOTHING
        for connection, side in counted[key]:
            counters = connection.counters()[side]
            total = _add(total, counters)
            if not allowed.lost(connection):
                least = _add(least, counters)
            most = _add(most, allowed.repeated(connection, key) or _NOTHING)
        most = _add(most, total)
        if _less(exported[key], least) or _less(most, exported[key]):
            yield (f"octets: {model.shown(key)}: exported {exported[key]}, counted {total} "
                   f"(packets, octets)" + ("" if least == most == total else f", allowed {least} to {most}"))
    yield from allowed.lost_overrun(counted, exported)


def _zeroed(observation):
    """Not more than the wire had; and where some of it is missing, that is in the ledger."""
    wire, exported = _wire(observation), _exported(observation)
    incomplete = 0
    for key, parts in model.by_key(observation).items():
        total = _NOTHING
        for packets in {(one.namespace, tuple(one.packet_keys())[side]) for one, side in parts}:
            total = _add(total, wire[packets])
        if parts[0][0].protocol in (model.UDP, model.ICMP, model.ICMPV6):
            incomplete += _less(exported[key], total)
            if _less(total, exported[key]):
                yield (f"octets: {model.shown(key)}: exported {exported[key]}, the wire had {total} "
                       f"(packets, octets)")
    known = sum(run.source.get(name, 0) for run in observation.runs
                for name in ("counters_fell", "ended_empty"))
    if incomplete >= _SOME and not known:
        yield (f"ledger: counters were zeroed and {incomplete} tuples are incomplete, but "
               f"counters_fell and ended_empty are 0")


class Allowed:
    """What may be missing or be exported again, of which connections."""

    def __init__(self, observation):
        self._observation = observation
        runs = observation.runs
        self._lost = sum(run.source.get("lost_overrun", 0) for run in runs)
        # There is no listener from the end of one ctflowd to the start of the next.
        self._absent = [(one.ended - (_FLUSH + _MARGIN if one.killed else _MARGIN),
                         other.began + _MARGIN) for one, other in zip(runs, runs[1:])]
        self._killed = [run.ended for run in runs if run.killed]

    def any_lost(self):
        return self._lost > 0

    def lost(self, connection):
        """Its end came when there was no listener, or it may be one of those in lost_overrun."""
        return self._lost > 0 or any(since <= connection.event_time <= until
                                     for since, until in self._absent)

    def repeated(self, connection, key):
        """After SIGKILL what was reported since the state was kept is exported again, once."""
        if not any(connection.start <= when <= connection.event_time + _MARGIN for when in self._killed):
            return None
        kept = self._observation.kept or 0.0
        again = _NOTHING
        for record in self._observation.records:
            if (model.key_of(record) == key and record.last <= max(self._killed)
                    and record.received > kept - 2 * _MARGIN):
                again = _add(again, (record.packets, record.octets))
        return again

    def lost_overrun(self, counted, exported):
        """No more connections are incomplete than the ledger says were lost."""
        if not self._lost:
            return
        incomplete = set()
        for key, parts in counted.items():
            total = _NOTHING
            for connection, side in parts:
                total = _add(total, connection.counters()[side])
            if _less(exported[key], total):
                incomplete.add(min((connection for connection, _ in parts),
                                   key=lambda one: (one.identity, one.start)))
        if len(incomplete) > self._lost:
            yield (f"ledger: {len(incomplete)} connections are not exported whole, but "
                   f"lost_overrun={self._lost}")


def _duplicates(observation):
    """The same record again, more often than there were connections with this tuple."""
    if any(run.killed for run in observation.runs):
        return  # what is exported again is judged by its octets
    seen = collections.Counter((model.key_of(record), record.first, record.last, record.packets,
                                record.octets) for record in observation.records)
    counted = model.by_key(observation)
    for (key, *_), times in seen.items():
        if times > max(1, len(counted.get(key, ()))):
            yield f"duplicate: {model.shown(key)}: the same record {times} times"


def _collected(observation):
    """What ctflowd says it sent is what the collector has."""
    runs = observation.runs
    if len(runs) == 1 and observation.complaints != {"sequence": 0, "bad": 0}:
        yield f"ledger: nfcapd complains: {observation.complaints}"
    if any(run.killed for run in runs):
        return
    sent = tuple(sum(run.collector.get(name, 0) for run in runs)
                 for name in ("records", "packets", "octets"))
    got = (len(observation.records), sum(record.packets for record in observation.records),
           sum(record.octets for record in observation.records))
    if sent != got:
        yield f"ledger: collector_totals says {sent}, nfcapd has {got} (records, packets, octets)"


def _ledger(observation):
    """Each end that the kernel reported was read, or is in lost_overrun."""
    for run in observation.runs:
        if run.killed:
            continue
        surely = [one for one in observation.connections
                  if run.began <= one.event_time <= run.ended - _MARGIN]
        perhaps = [one for one in observation.connections
                   if run.launched <= one.event_time <= run.gone + _MARGIN]
        repeated = run.source.get("repeated", 0)
        # Each of several listeners hears of all.
        listeners = observation.scenario.listeners
        least, most = listeners * len(surely), listeners * len(perhaps)
        if run.source.get("lost_overrun"):
            # An event that the kernel sent again may have been lost before, and counted for that.
            most = listeners * sum(one.copies for one in perhaps)
        known = run.source.get("ended", 0) + run.source.get("lost_overrun", 0) - repeated
        if not least <= known <= most:
            yield (f"ledger: ended={run.source.get('ended')} repeated={repeated} "
                   f"lost_overrun={run.source.get('lost_overrun')}, but the kernel reported "
                   f"{least} to {most} ends")
