# SPDX-License-Identifier: GPL-2.0-or-later
"""Observations that are wrong in one point. A checker that does not find it proves nothing, so this
is tried with every seed that passes."""

import dataclasses
import random

from witness import bounds, conservation, model, times

_CLEARLY = 0.6  # seconds beyond a bound


def undetected(observation):
    """Sentences of what was not found."""
    rng = random.Random(f"mutations {observation.scenario.seed}")
    for name, mutate, found_by in _MUTATIONS:
        changed = mutate(observation, rng)
        if changed is None:
            continue
        problems = conservation.check(changed) + times.check(changed)
        if not any(problem.startswith(found_by) for problem in problems):
            yield f"mutation: {name} was not found, but: {problems}"


def _with(observation, records):
    return dataclasses.replace(observation, records=records)


def _replaced(observation, record, **changes):
    return _with(observation, [dataclasses.replace(one, **changes) if one is record else one
                               for one in observation.records])


def _counted(observation, rng):
    """A record whose octets are judged."""
    allowed = conservation.Allowed(observation)
    if observation.zeroed() or allowed.any_lost():
        return None
    table = model.by_key(observation)
    strict = [record for record in observation.records if not any(
        allowed.lost(connection) or allowed.repeated(connection, model.key_of(record))
        for connection, _ in table.get(model.key_of(record), ()))]
    return rng.choice(strict) if strict else None


def _dropped(observation, rng):
    record = _counted(observation, rng)
    return record and _with(observation, [one for one in observation.records if one is not record])


def _doubled(observation, rng):
    record = _counted(observation, rng)
    return record and _with(observation, [*observation.records, record])


def _one_octet_more(observation, rng):
    record = _counted(observation, rng)
    return record and _replaced(observation, record, octets=record.octets + 1)


def _one_packet_less(observation, rng):
    record = _counted(observation, rng)
    return record and _replaced(observation, record, packets=record.packets - 1)


def _dropped_silently(observation, rng):
    """Neither exported nor in the ledger, whatever else is."""
    if any(run.killed for run in observation.runs) or not observation.records:
        return None
    record = rng.choice(observation.records)
    return _with(observation, [one for one in observation.records if one is not record])


def _end_missed(observation, rng):
    """An end more than the ledger knows of."""
    surely = [one for one in observation.connections if one.copies == 1 and any(
        not run.killed and run.began + 1 < one.event_time < run.ended - 1 for run in observation.runs)]
    if not surely or observation.scenario.kind in ("slow_listener", "reliable"):
        return None
    extra = dataclasses.replace(rng.choice(surely), identity=0)
    many = [extra] * (1 + len(observation.connections))
    return dataclasses.replace(observation, connections=observation.connections + many)


def _timed(observation, rng, fits=lambda record: True):
    """Both records of a report, or of an end, whose times are judged."""
    candidates = [records for records in times.judged(observation) if fits(records[0])]
    return rng.choice(candidates) if candidates else ()


def _moved(observation, records, start, end):
    """With other times; None if there are no such records."""
    changed = observation if records else None
    for record in records:
        changed = _replaced(changed, record, first=record.first + start, last=record.last + end,
                            received=max(record.received, record.last + end))
    return changed


def _beyond(observation, records):
    """Seconds by which it would be wrong in any case; late delivery makes ends early."""
    late = max((record.received - record.last for record in records), default=0.0)
    return (_CLEARLY + bounds.BOUNDS["report"].early
            + (late if observation.scenario.kind == "reliable" else 0.0))


def _ends_early(observation, rng):
    counted = model.by_key(observation)
    # Else it may move into the life that the tuple had before.
    records = _timed(observation, rng, lambda record: len(counted[model.key_of(record)]) == 1)
    shift = _beyond(observation, records)
    return _moved(observation, records, min([0.0, *(one.last - shift - one.first
                                                    for one in records)]), -shift)


def _ends_late(observation, rng):
    records = _timed(observation, rng)
    return _moved(observation, records, 0.0, _beyond(observation, records))


def _starts_late(observation, rng):
    records = _timed(observation, rng, lambda one: one.last - one.first > 2 * bounds.START)
    return _moved(observation, records, 2 * bounds.START, 0.0)


def _before_boot(observation, rng):
    record = rng.choice(observation.records)
    return _replaced(observation, record, first=observation.boot - 1.0)


def _after_export(observation, rng):
    record = rng.choice(observation.records)
    return _replaced(observation, record, last=record.received + 0.1)


_MUTATIONS = (
    ("a dropped record", _dropped, "octets:"),
    ("a record exported twice", _doubled, ("duplicate:", "octets:")),
    ("octets of a record exported twice", _doubled, "octets:"),
    ("one octet more", _one_octet_more, "octets:"),
    ("one packet less", _one_packet_less, "octets:"),
    ("a record lost on the way", _dropped_silently, "ledger:"),
    ("ends that the ledger lacks", _end_missed, "ledger:"),
    ("an end too early", _ends_early, "times:"),
    ("an end too late", _ends_late, "times:"),
    ("a start too late", _starts_late, ("times:", "overlap:")),
    ("a start before boot", _before_boot, "times:"),
    ("an end after the export", _after_export, "times:"),
)
