#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The judges of witness_test.py find what is wrong, and nothing else."""

import argparse
import dataclasses
import json
import os
import struct
import sys
import unittest

from collectors import Record
from witness import bounds, conservation, mutations, observers, scenario, times
from witness.model import (ACTIVE_TIMEOUT_REASON, ESTABLISHED, TCP, TIME_WAIT, UDP, Connection, Observation,
                           Packet, Run, Side)

BOOT = 1_000_000.0
BEGAN = BOOT + 100.0
CLIENT, SERVER, ROUTER = "10.10.0.2", "203.0.113.2", "203.0.113.1"


def connection(port=53, start=BEGAN + 10.0, packets=(3, 2), life=2.0, **changes):
    """A masqueraded one; it ended by its timeout, two seconds after its last packet."""
    return Connection(**{**dict(
        namespace="router", identity=port, protocol=UDP,
        original=Side(CLIENT, SERVER, 1000 + port, port, packets[0], 100 * packets[0]),
        reply=Side(SERVER, ROUTER, port, 1000 + port, packets[1], 200 * packets[1]),
        icmp=None, icmp_id=None, zones=(0, 0), start=start, stop=start + life + 2.0, left=None,
        asked=False, state=None, status=0, event_time=start + life + 2.5), **changes})


def packets_of(one, life=2.0):
    """Spread evenly over its life; the initiator's first and last frame it."""
    for side, key, octets in zip((one.original, one.reply), one.packet_keys(), (100, 200)):
        for number in range(side.packets):
            share = number / max(1, side.packets - 1) if side is one.original else 0.5
            yield Packet(one.namespace, key, one.start - 0.001 + share * life, octets)


def records_of(one, life=2.0, **changes):
    for key, (packets, octets) in zip(one.keys(False), one.counters()):
        if packets:
            yield dataclasses.replace(
                Record(key[0], *key[1:5], packets, octets, first=one.start, end_reason=1,
                       last=one.start - 0.001 + life, received=one.event_time + 0.1), **changes)


def observation(connections, records=None, **changes):
    """With the ledger that fits."""
    if records is None:
        records = [record for one in connections for record in records_of(one)]
    collector = {"records": len(records), "packets": sum(one.packets for one in records),
                 "octets": sum(one.octets for one in records)}
    run = Run(BEGAN - 0.1, BEGAN, BEGAN + 100.0, BEGAN + 100.1, False, {"ended": len(connections), "lost_overrun": 0}, collector)
    packets = [packet for one in connections for packet in packets_of(one)]
    return Observation(**{**dict(
        scenario=scenario.scenario(1, "plain"), connections=connections, records=records,
        packets=packets, runs=[run], complaints={"sequence": 0, "bad": 0}, boot=BOOT,
        finished=BEGAN + 120.0), **changes})


class Checker(unittest.TestCase):
    def setUp(self):
        self.good = observation([connection(port) for port in (53, 54, 55)])
        self.good.scenario.zones = False

    def problems(self, changed):
        changed.scenario.zones = False
        return conservation.check(changed) + times.check(changed)

    def assert_found(self, changed, *kinds):
        """At least these; a wrong record may look wrong in more than one way."""
        problems = self.problems(changed)
        self.assertLessEqual(set(kinds), {problem.split(":")[0] for problem in problems}, problems)

    def replaced(self, *numbers, **changes):
        records = list(self.good.records)
        for number in numbers:
            records[number] = dataclasses.replace(records[number], **changes)
        return dataclasses.replace(self.good, records=records)

    def run_with(self, **source):
        run = self.good.runs[0]
        return dataclasses.replace(self.good, runs=[dataclasses.replace(
            run, source={**run.source, **source})])

    def test_all_well(self):
        self.assertEqual(self.problems(self.good), [])

    def test_every_mutation_is_found(self):
        for kind in ("plain", "restart", "reports"):
            self.good.scenario = scenario.scenario(1, kind)
            self.good.scenario.zones = False
            self.assertEqual(list(mutations.undetected(self.good)), [])

    def test_mutations_need_the_checks(self):
        """What the test before shows is not true by itself."""
        check, conservation.check = conservation.check, lambda _: []
        self.addCleanup(setattr, conservation, "check", check)
        self.assertNotEqual(list(mutations.undetected(self.good)), [])

    def test_dropped_record(self):
        self.assert_found(dataclasses.replace(self.good, records=self.good.records[1:]),
                          "octets", "ledger")

    def test_record_told_twice(self):
        self.assert_found(dataclasses.replace(
            self.good, records=[*self.good.records, self.good.records[0]]),
            "octets", "duplicate", "ledger")

    def test_record_told_twice_with_other_times(self):
        again = dataclasses.replace(self.good.records[0], last=self.good.records[0].last - 0.01)
        self.assert_found(dataclasses.replace(self.good, records=[*self.good.records, again]),
                          "octets")

    def test_octet_more(self):
        self.assert_found(self.replaced(2, octets=self.good.records[2].octets + 1),
                          "octets", "ledger")

    def test_octets_moved_to_another_tuple(self):
        one, other = self.good.records[0], self.good.records[2]
        records = [dataclasses.replace(one, octets=one.octets + 7), self.good.records[1],
                   dataclasses.replace(other, octets=other.octets - 7), *self.good.records[3:]]
        self.assert_found(dataclasses.replace(self.good, records=records), "octets")

    def test_foreign_record(self):
        self.assert_found(self.replaced(0, source="192.0.2.99"), "octets", "times")

    def test_record_of_octets_without_packets(self):
        """Only zeroed counters can do that."""
        for kind, octets, kinds in (("plain", 100, {"times"}), ("zeroing", 100, set()), ("zeroing", 0, {"times"})):
            one = connection(packets=(1, 0))
            changed = observation([one], list(records_of(one, packets=0, octets=octets)))
            changed.scenario = scenario.scenario(1, kind)
            self.assertEqual({problem.split(":")[0] for problem in times.check(changed)}, kinds, (kind, octets))

    def test_end_beyond_its_bound(self):
        bound = bounds.BOUNDS["expired"]
        last = self.good.records[0].last
        self.assert_found(self.replaced(0, 1, last=last + bound.late + 0.05), "times")
        self.assert_found(self.replaced(0, 1, last=last - bound.early - 0.05), "times")
        self.assertEqual(self.problems(self.replaced(0, 1, last=last + bound.late - 0.05)), [])
        self.assertEqual(self.problems(self.replaced(0, 1, last=last - bound.early + 0.05)), [])

    def test_bounds_are_those_of_the_documentation(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/protocol.md")
        with open(path, encoding="utf-8") as file:
            rows = [line[2:] for line in file if line.startswith("| ")]
        for case, bound in bounds.BOUNDS.items():
            with self.subTest(case=case):
                self.assertTrue([row for row in rows if row.startswith(bound.row)], bound.row)

    def test_deletion_may_be_estimated_earlier(self):
        ended = connection(asked=True)
        early = observation([ended], list(records_of(ended, life=1.5)))
        self.assertEqual(self.problems(early), [])
        expired = connection()
        self.assert_found(observation([expired], list(records_of(expired, life=1.5))), "times")

    def test_timeouts_of_open_tcp_are_ambiguous(self):
        """A second of doubt for a connection in ESTABLISHED, none for one in TIME_WAIT."""
        for state, kinds in ((ESTABLISHED, []), (TIME_WAIT, ["times"])):
            one = connection(protocol=TCP, state=state, states=((BEGAN, state),))
            with self.subTest(state=state):
                self.assert_found(observation([one], list(records_of(one, life=1.0))), *kinds)
                self.assertEqual(bool(kinds), bool(self.problems(
                    observation([one], list(records_of(one, life=1.0))))))

    def test_ports_used_again_in_the_last_second(self):
        for gap, kinds in ((0.001, []), (0.5, ["times"])):
            one = connection(protocol=TCP, state=TIME_WAIT, states=((BEGAN, TIME_WAIT),))
            other = dataclasses.replace(one, identity=2, start=one.stop + gap,
                                        stop=one.stop + 5.0, event_time=one.stop + 5.5)
            with self.subTest(gap=gap):
                problems = self.problems(observation(
                    [one, other], [*records_of(one, life=1.2), *records_of(other)],
                    packets=[*packets_of(one), *packets_of(other)]))
                self.assertEqual(sorted({problem.split(":")[0] for problem in problems}), kinds)

    def test_ports_of_a_connection_picked_up_from_the_other_side_used_again(self):
        for initiator, kinds in ((CLIENT, []), ("10.10.0.3", ["times"])):
            there, back = Side(SERVER, CLIENT, 80, 1080, 3, 300), Side(CLIENT, SERVER, 1080, 80, 2, 400)
            one = connection(protocol=TCP, state=TIME_WAIT, states=((BEGAN, TIME_WAIT),), original=there, reply=back)
            other = dataclasses.replace(
                one, identity=2, start=one.stop + 0.001, stop=one.stop + 5.0, event_time=one.stop + 5.5,
                original=dataclasses.replace(back, source=initiator),
                reply=dataclasses.replace(there, destination=initiator))
            with self.subTest(initiator=initiator):
                problems = times.check(observation(
                    [one, other], [*records_of(one, life=1.2), *records_of(other)],
                    packets=[*packets_of(one), *packets_of(other)]))
                self.assertEqual(sorted({problem.split(":")[0] for problem in problems}), kinds)

    def test_what_may_be_a_report_or_the_end_of_a_port_used_again(self):
        """Without a reason a record that left just after the end may be either: the wider bound holds,
        and no more than that."""
        for reused, error, kinds in ((True, 0.9, []), (False, 0.9, ["times"]), (True, 1.2, ["times"])):
            one = connection(protocol=TCP, state=TIME_WAIT, states=((BEGAN, TIME_WAIT),))
            other = dataclasses.replace(one, identity=2, start=one.stop + (0.001 if reused else 0.5),
                                        stop=one.stop + 5.0, event_time=one.stop + 5.5)
            left = records_of(one, life=2.0 - error, end_reason=None)
            seen = observation([one, other], [*left, *records_of(other, end_reason=None)],
                               packets=[*packets_of(one), *packets_of(other)])
            seen.runs[0].source["already_reported"] = 1
            with self.subTest(reused=reused, error=error):
                self.assertEqual(sorted({problem.split(":")[0] for problem in times.check(seen)}), kinds)

    def test_states_within_a_time(self):
        one = connection(protocol=TCP, state=TIME_WAIT, states=((BEGAN + 10.0, ESTABLISHED),
                                                                (BEGAN + 20.0, TIME_WAIT)))
        self.assertEqual(one.states_within(BEGAN + 14.0, BEGAN + 15.0), {ESTABLISHED})
        self.assertEqual(one.states_within(BEGAN + 19.8, BEGAN + 20.2), {ESTABLISHED, TIME_WAIT})
        self.assertEqual(one.states_within(BEGAN + 20.0, BEGAN + 30.0), {TIME_WAIT})

    def test_a_report_may_show_a_state_of_the_second_before(self):
        """The kernel wrote its part of the table before it was read; of ESTABLISHED the end is in doubt."""
        for age, kinds in ((1.2, []), (2.0, ["times"])):
            one = connection(protocol=TCP, state=TIME_WAIT, life=10.0, states=(
                (BEGAN + 10.0, ESTABLISHED), (BEGAN + 20.0, TIME_WAIT)))
            reported = records_of(one, life=8.0, end_reason=ACTIVE_TIMEOUT_REASON, received=BEGAN + 20.0 + age)
            with self.subTest(age=age):
                self.assert_found(observation([one], list(reported), packets=list(packets_of(one, 10.0))), *kinds)

    def test_start_off(self):
        self.assert_found(self.replaced(0, 1, first=self.good.records[1].first + 0.5), "times")

    def test_times_that_cannot_be(self):
        record = self.good.records[0]
        for changes in ({"first": BOOT - 1.0}, {"first": record.last + 0.1},
                        {"last": record.received + 0.1}, {"packets": 0}):
            with self.subTest(**changes):
                self.assert_found(self.replaced(0, **changes), "times")

    def reported(self, second_starts, first_ends=None):
        """A connection exported in two parts: five packets there, one a second, three of them first."""
        one = connection(packets=(5, 0), life=4.0)
        key = next(one.keys(False))
        last = one.start - 0.001 + 4.0
        half = one.start - 0.001 + 2.0
        packets = [Packet("router", next(one.packet_keys()), one.start - 0.001 + number, 100)
                   for number in range(5)]
        record = Record(key[0], *key[1:5], 3, 300, first=one.start, last=first_ends or half,
                        end_reason=2, received=one.start + 2.5)
        rest = dataclasses.replace(record, packets=2, octets=200, first=one.start + second_starts,
                                   last=last, end_reason=1, received=one.event_time + 0.1)
        return observation([one], [record, rest], packets=packets)

    def test_reports(self):
        self.assertEqual(self.problems(self.reported(2.0)), [])
        self.assert_found(self.reported(1.9), "overlap")
        self.assert_found(self.reported(2.1), "times")

    def test_report_is_compared_with_the_packets_it_counts(self):
        start = connection().start
        self.assert_found(self.reported(2.6, first_ends=start + 2.5), "times")

    def test_the_ledger_must_explain_what_was_lost(self):
        lost = dataclasses.replace(self.run_with(ended=2, lost_overrun=1),
                                   records=self.good.records[2:])
        lost.runs[0].collector.update(records=4, packets=10, octets=1400)
        self.assertEqual(self.problems(lost), [])
        lost.runs[0].source.update(ended=3, lost_overrun=0)
        self.assert_found(lost, "octets")
        worse = dataclasses.replace(lost, records=self.good.records[4:])
        worse.runs[0].source.update(ended=2, lost_overrun=1)
        worse.runs[0].collector.update(records=2, packets=5, octets=700)
        self.assert_found(worse, "ledger")

    def test_repeated_events(self):
        self.assertEqual(self.problems(self.run_with(ended=5, repeated=2)), [])
        self.assert_found(self.run_with(ended=5, repeated=1), "ledger")

    def test_zeroed_counters(self):
        """What is exported is not more than the wire had; less must be in the ledger."""
        ended = [connection(port) for port in range(50, 60)]
        zeroed = observation(ended, scenario=scenario.scenario(1, "zeroing"))
        self.assertEqual(self.problems(zeroed), [])
        less = dataclasses.replace(zeroed, records=[
            dataclasses.replace(record, packets=1, octets=100) for record in zeroed.records])
        less.runs[0].collector.update(packets=20, octets=2000)
        self.assert_found(less, "ledger")
        less.runs[0].source["counters_fell"] = 1
        self.assertEqual(self.problems(less), [])
        self.assert_found(dataclasses.replace(less, records=[dataclasses.replace(
            less.records[0], octets=10_000), *less.records[1:]]), "octets")

    def test_ends_that_were_not_read(self):
        self.assert_found(self.run_with(ended=2), "ledger")
        self.assert_found(self.run_with(ended=4), "ledger")

    def test_collector_complains(self):
        self.assert_found(dataclasses.replace(self.good, complaints={"sequence": 1, "bad": 0}),
                          "ledger")

    def test_observers_that_disagree(self):
        self.assert_found(dataclasses.replace(self.good, packets=self.good.packets[1:]),
                          "observers")

    def test_gap_of_a_restart_explains_only_what_ended_in_it(self):
        ends = [connection(53), connection(54, start=BEGAN + 46.0, life=2.0)]  # event at 50.5
        records = list(records_of(ends[0]))
        runs = [Run(BEGAN - 0.1, BEGAN, BEGAN + 50.2, BEGAN + 50.3, False, {"ended": 1},
                    {"records": 2, "packets": 5, "octets": 700}),
                Run(BEGAN + 50.6, BEGAN + 50.7, BEGAN + 100.0, BEGAN + 100.1, False, {"ended": 0}, {})]
        self.assertEqual(self.problems(observation(ends, records, runs=runs)), [])
        runs[1] = dataclasses.replace(runs[1], launched=BEGAN + 50.0, began=BEGAN + 50.1)
        runs[0] = dataclasses.replace(runs[0], ended=BEGAN + 49.8, gone=BEGAN + 49.9)
        self.assert_found(observation(ends, records, runs=runs), "octets", "ledger")


class Observers(unittest.TestCase):
    EVENT = {"event": "destroy", "proto": TCP, "id": 7, "status": 0, "left": 3, "tcp_state": 3,
             "start": 1_500_000_000, "stop": 2_500_000_000, "asked_by": 5, "time": 3_000_000_000,
             "orig": {"src": CLIENT, "dst": SERVER, "sport": 1, "dport": 2, "packets": 3,
                      "octets": 4}, "reply": {"src": SERVER, "dst": CLIENT, "sport": 2, "dport": 1}}

    def test_repeated_events_are_one_connection(self):
        again = {**self.EVENT, "asked_by": 0, "time": 4_000_000_000}
        del again["left"]
        other = {**self.EVENT, "start": 1_600_000_000}
        found = observers.connections("router", json.loads(json.dumps([self.EVENT, again, other])))
        self.assertEqual([(one.copies, one.asked, one.left, one.event_time) for one in found],
                         [(2, True, 3, 3.0), (1, True, 3, 3.0)])

    def test_packets(self):
        def ipv4(protocol, payload, fragment=0):
            return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, fragment, 64, protocol,
                               0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])) + payload
        ports = struct.pack("!HH", 1000, 53) + bytes(16)
        self.assertEqual(observers.parse(0x0800, ipv4(UDP, ports)),
                         ((UDP, "10.0.0.1", "10.0.0.2", 1000, 53), 40, None))
        self.assertEqual(observers.parse(0x0800, ipv4(1, struct.pack("!BBHHH", 8, 0, 0, 77, 1))),
                         ((1, "10.0.0.1", "10.0.0.2", 77, 8), 28, None))
        self.assertIsNone(observers.parse(0x0800, ipv4(1, struct.pack("!BBHHH", 3, 0, 0, 0, 0))))
        self.assertIsNone(observers.parse(0x0800, ipv4(UDP, ports, fragment=1)))
        self.assertIsNone(observers.parse(0x0806, bytes(28)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctflowd", help="not needed")
    unittest.main(argv=sys.argv[:1] + parser.parse_known_args()[1], verbosity=2)
