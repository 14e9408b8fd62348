// SPDX-License-Identifier: GPL-2.0-or-later
// Connections whose counters fell, or that never counted anything.
#include <gtest/gtest.h>

#include "conntrack/reported/reported_connections.hpp"
#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using Outcome = ReportedConnections::Outcome;

constexpr TimePoint kStart{seconds(1'700'000'000)};

/// Connection number `id` with these totals, `age` seconds old.
Flow flow(std::uint32_t id, const Counters& original_counters, const Counters& reply_counters,
          int age) {
  Flow flow;
  flow.id = id;
  flow.original.source_port = static_cast<std::uint16_t>(id);
  flow.original_counters = original_counters;
  flow.reply_counters = reply_counters;
  flow.present.counters = true;
  flow.start = kStart;
  flow.end = kStart + seconds(age);
  return flow;
}

constexpr MonoTime kBegan{seconds(5000)};

Instant at(int age) { return {kStart + seconds(age), kBegan + seconds(age)}; }

Outcome report(ReportedConnections& live, Flow& flow, int age = 0) {
  return live.report(ConnectionIdentity(flow), flow, at(age));
}

Outcome finish(ReportedConnections& live, Flow& flow) {
  return live.finish(ConnectionIdentity(flow), flow);
}

TEST(LiveConnectionsFalls, SayThatAConnectionEndedWithoutAPacket) {
  ReportedConnections live(10, kBegan);
  Flow entry = flow(1, {}, {}, 5);
  EXPECT_EQ(report(live, entry), Outcome::kNothing);
  EXPECT_EQ(live.size(), 0U) << "there is nothing to remember";
  EXPECT_EQ(finish(live, entry), Outcome::kEmpty);
}

TEST(LiveConnectionsFalls, AnEntryThatWasInjectedAndThenUsedIsAnOrdinaryOne) {
  ReportedConnections live(10, kBegan);
  Flow entry = flow(1, {}, {}, 5);
  report(live, entry);
  Flow used = flow(1, {}, {3, 300}, 9);
  EXPECT_EQ(report(live, used), Outcome::kNews);
  EXPECT_EQ(used.reply_counters, (Counters{3, 300}));
  EXPECT_EQ(live.take_falls().connections, 0U);
}

TEST(LiveConnectionsFalls, CountersThatFellAreCountedAndWhatCameSinceIsNew) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {100, 10'000}, {50, 5'000}, 5);
  report(live, first);
  Flow second = flow(1, {20, 2'000}, {60, 6'000}, 9);  // one direction has more than before
  EXPECT_EQ(report(live, second, 9), Outcome::kNews);
  EXPECT_EQ(second.original_counters, (Counters{20, 2'000}));
  EXPECT_EQ(second.reply_counters, (Counters{60, 6'000}));
  Flow third = flow(1, {25, 2'500}, {60, 6'000}, 12);
  EXPECT_EQ(finish(live, third), Outcome::kNews);
  EXPECT_EQ(third.original_counters, (Counters{5, 500}));
  EXPECT_EQ(live.take_falls().connections, 1U);
}

TEST(LiveConnectionsFalls, AnEndThatFellToNothingTellsNothingNew) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {100, 10'000}, {50, 5'000}, 5);
  report(live, first);
  Flow ended = flow(1, {}, {}, 9);
  EXPECT_EQ(finish(live, ended), Outcome::kNothing);
  EXPECT_EQ(live.take_falls().connections, 1U);
  EXPECT_EQ(live.take_falls().connections, 0U) << "they were taken";
}

/// The counters are above what was reported, and below what a scan saw.
TEST(LiveConnectionsFalls, AFallBetweenTwoReportsIsSeenByPasses) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {10, 1'000}, {}, 5);
  report(live, first, 5);
  Flow grown = flow(1, {1'000, 100'000}, {}, 34);
  EXPECT_EQ(live.visit(ConnectionIdentity(grown), at(34)), ReportedConnections::Visit::kEarly);
  Flow fallen = flow(1, {500, 50'000}, {}, 62);
  EXPECT_EQ(live.visit(ConnectionIdentity(fallen), at(62)), ReportedConnections::Visit::kDue);
  EXPECT_EQ(report(live, fallen, 62), Outcome::kNews);
  EXPECT_EQ(fallen.original_counters, (Counters{500, 50'000})) << "not 490: the 10 are of before";
  const Falls falls = live.take_falls();
  EXPECT_EQ(falls.connections, 1U);
  EXPECT_EQ(falls.packets, 990U) << "seen, and never reported";
}

TEST(LiveConnectionsFalls, AnEndBelowWhatAPassSawIsAFall) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {10, 1'000}, {}, 5);
  report(live, first, 5);
  Flow grown = flow(1, {1'000, 100'000}, {}, 34);
  live.visit(ConnectionIdentity(grown), at(34));
  Flow ended = flow(1, {500, 50'000}, {}, 40);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.original_counters, (Counters{500, 50'000}));
  EXPECT_EQ(live.take_falls().packets, 990U);
}

/// A part of the table may wait to be read while a report of the connection overtakes it.
TEST(LiveConnectionsFalls, AnEntryWrittenBeforeTheLastReportIsNoFall) {
  ReportedConnections live(10, kBegan);
  Flow reported = flow(1, {100, 10'000}, {}, 5);
  report(live, reported, 5);
  Flow older = flow(1, {90, 9'000}, {}, 4);
  live.visit(ConnectionIdentity(older), at(4));
  EXPECT_EQ(live.take_falls().connections, 0U);
  Flow ended = flow(1, {101, 10'100}, {}, 9);
  finish(live, ended);
  EXPECT_EQ(ended.original_counters, (Counters{1, 100}));
}

TEST(LiveConnectionsFalls, MorePacketsThanOctetsCanHoldMeansThatTheyFell) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {100, 150'000}, {}, 5);
  report(live, first, 5);
  Flow second = flow(1, {1'000, 150'100}, {}, 9);  // since a reset: 1000 packets of 150 octets
  report(live, second, 9);
  EXPECT_EQ(second.original_counters, (Counters{1'000, 150'100}));
  EXPECT_EQ(live.take_falls().connections, 1U);
}

/// Packets are counted while the kernel writes: octets of a few may be missing, or come later.
TEST(LiveConnectionsFalls, AFewPacketsWithoutOctetsAreNoFall) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {100, 150'000}, {}, 5);
  report(live, first, 5);
  Flow second = flow(1, {103, 150'000}, {}, 9);
  report(live, second, 9);
  EXPECT_EQ(second.original_counters, (Counters{3, 0}));
  Flow offloaded = flow(1, {100'000, 150'001}, {}, 12);
  offloaded.status = status::kOffloaded;  // counted in portions
  report(live, offloaded, 12);
  EXPECT_EQ(offloaded.original_counters.packets, 99'897U);
  EXPECT_EQ(live.take_falls().connections, 0U);
}

TEST(LiveConnectionsFalls, CountersBeyond32BitsAreNoFall) {
  ReportedConnections live(10, kBegan);
  std::uint64_t packets = 10;
  Flow first = flow(1, {packets, packets * 100}, {}, 1);
  report(live, first, 1);
  for (int age = 30; age < 300; age += 30) {
    packets += 3'000'000'000;  // more than 2^31, less than 2^32
    Flow next = flow(1, {packets, packets * 100}, {}, age);
    if (live.visit(ConnectionIdentity(next), at(age)) != ReportedConnections::Visit::kDue) continue;
    report(live, next, age);
    EXPECT_EQ(next.original_counters.packets % 3'000'000'000, 0U);
  }
  EXPECT_EQ(live.take_falls().connections, 0U);
}

TEST(LiveConnectionsFalls, CountersOfAPatchedKernelCannotBeReset) {
  ReportedConnections live(10, kBegan);
  const auto measured = [](std::uint64_t packets, std::uint64_t conntrack) {
    Flow one = flow(1, {conntrack, conntrack * 100}, {}, 5);
    one.extras.original.wire = {packets, packets * 100};
    one.extras.original.has_wire = true;
    one.present.start = true;
    return one;
  };
  const auto report_wire = [&](Flow one, int age) {
    const ConnectionIdentity identity(one);
    live.visit(identity, at(age));
    one.original_counters = one.extras.original.wire;
    one.reply_counters = one.extras.reply.wire;
    return live.report(identity, one, at(age)) == Outcome::kNews ? one.original_counters.packets
                                                                 : 0;
  };
  EXPECT_EQ(report_wire(measured(100, 90), 5), 100U);
  EXPECT_EQ(report_wire(measured(120, 0), 30), 20U) << "the others were set to zero";
  EXPECT_EQ(report_wire(measured(110, 5), 31), 0U) << "a report that was overtaken";
  EXPECT_EQ(report_wire(measured(130, 7), 60), 10U);
  EXPECT_EQ(live.take_falls().connections, 0U);
}

TEST(LiveConnectionsFalls, CountersThatConntrackContinuesCanBeReset) {
  ReportedConnections live(10, kBegan);
  constexpr std::uint64_t kBeside = 50;  // packets that conntrack does not count
  const auto report_offloaded = [&](std::uint64_t conntrack, int age) {
    Flow one = flow(1, {conntrack, conntrack * 100}, {}, age);
    DirectionExtras& extras = one.extras.original;
    extras.beside = {kBeside, kBeside * 60};
    extras.wire = {kBeside + conntrack, kBeside * 60 + conntrack * 100};
    extras.has_wire = extras.continued = true;
    one.status = status::kOffloaded;
    one.present.start = true;
    const ConnectionIdentity identity(one);
    live.visit(identity, at(age));
    const std::optional<Bounds> bounds = live.last_packet(identity, at(age));
    one.original_counters = extras.wire;
    one.end = at(age).wall;
    EXPECT_TRUE(!bounds || bounds->earliest <= at(age).wall);
    if (live.report(identity, one, at(age)) == Outcome::kNothing) one.original_counters = {};
    return one;
  };
  EXPECT_EQ(report_offloaded(1000, 30).original_counters, (Counters{1050, 103'000}));
  const Flow fallen = report_offloaded(7, 60);
  EXPECT_EQ(fallen.original_counters, (Counters{7, 700})) << "all that was counted since";
  EXPECT_EQ(fallen.earlier, (EarlierReports{{}, {}, kStart}));
  const Falls falls = live.take_falls();
  EXPECT_EQ(falls.connections, 1U);
  const Flow next = report_offloaded(10, 90);
  EXPECT_EQ(next.original_counters, (Counters{3, 300}));
  EXPECT_EQ(next.earlier.original_counters, (Counters{57, 3'700}));
  EXPECT_EQ(live.take_falls().connections, 0U);
}

TEST(LiveConnectionsFalls, NothingIsKnownOfTheLastPacketWhereOnlyWhatConntrackContinuesIsLeft) {
  ReportedConnections live(10, kBegan);
  const auto offloaded = [](std::uint64_t conntrack) {
    Flow one = flow(1, {conntrack, conntrack * 100}, {}, 5);
    DirectionExtras& extras = one.extras.original;
    extras.beside = {50, 3000};
    extras.wire = {50 + conntrack, 3000 + conntrack * 100};
    extras.has_wire = extras.continued = true;
    one.present.start = true;
    return one;
  };
  Flow first = offloaded(1000);
  const ConnectionIdentity identity(first);
  first.original_counters = first.extras.original.wire;
  live.report(identity, first, at(30));
  live.visit(identity, at(60));
  const std::optional<Bounds> bounds = live.last_packet(ConnectionIdentity(offloaded(0)), at(90));
  ASSERT_TRUE(bounds);
  EXPECT_LT(bounds->earliest, at(60).wall) << "it may have come before the last visit";
}

}  // namespace
}  // namespace ctflow
