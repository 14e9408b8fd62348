// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/reported_connections.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

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

TEST(DerivedId, IsOfTupleZoneAndStartAlone) {
  for (const bool stamped : {true, false}) {
    Flow created = flow(1, {}, {}, 0);
    created.present.start = stamped;
    Flow dumped = flow(1, {3, 300}, {2, 200}, 5);
    dumped.present.start = stamped;
    dumped.id = 4711;  // its CTA_ID
    const std::uint32_t id = derived_id(created);
    EXPECT_NE(id, 0U);
    EXPECT_EQ(derived_id(dumped), id);
    Flow successor = created;
    successor.start += seconds(1);
    EXPECT_EQ(derived_id(successor) == id, !stamped);  // without a stamp there is no telling
    Flow elsewhere = created;
    elsewhere.original.zone = 7;
    EXPECT_NE(derived_id(elsewhere), id);
    Flow other = created;
    other.original.destination_port = 53;
    EXPECT_NE(derived_id(other), id);
  }
}

TEST(ReportedConnections, LeavesAConnectionWithoutReportsWhole) {
  ReportedConnections live(10, kBegan);
  Flow ended = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.original_counters, (Counters{3, 300}));
  EXPECT_EQ(ended.start, kStart);
}

TEST(ReportedConnections, TellsWhatIsNewSinceTheLastReport) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(report(live, first), Outcome::kNews);
  EXPECT_EQ(first.original_counters, (Counters{3, 300}));
  EXPECT_EQ(first.start, kStart);
  Flow second = flow(1, {10, 1000}, {2, 200}, 9);
  EXPECT_EQ(report(live, second), Outcome::kNews);
  EXPECT_EQ(second.original_counters, (Counters{7, 700}));
  EXPECT_EQ(second.reply_counters, (Counters{0, 0}));
  EXPECT_EQ(second.start, kStart + seconds(5));
  Flow ended = flow(1, {10, 1000}, {3, 260}, 12);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.original_counters, (Counters{0, 0}));
  EXPECT_EQ(ended.reply_counters, (Counters{1, 60}));
  EXPECT_EQ(live.size(), 0U);
}

TEST(ReportedConnections, TellsWhatEarlierReportsHad) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {2, 200}, 5);
  report(live, first);
  EXPECT_EQ(first.earlier, (EarlierReports{{}, {}, kStart}));
  Flow ended = flow(1, {10, 1000}, {2, 200}, 9);
  finish(live, ended);
  EXPECT_EQ(ended.earlier, (EarlierReports{{3, 300}, {2, 200}, kStart}));
  Flow only = flow(2, {1, 1}, {}, 1);
  finish(live, only);
  EXPECT_EQ(only.earlier, EarlierReports{});
}

TEST(ReportedConnections, TellsNothingWhereNothingIsNew) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {2, 200}, 5);
  report(live, first);
  Flow again = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(report(live, again), Outcome::kNothing);
  Flow ended = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(finish(live, ended), Outcome::kNothing);
  EXPECT_EQ(live.size(), 0U);
}

TEST(ReportedConnections, WithoutAStampAConnectionOfWhichNothingIsNewBeganBeforeItsReport) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {2, 200}, 5);
  first.start = first.end;  // as correct_times() has it
  report(live, first);
  Flow ended = flow(1, {3, 300}, {2, 200}, 9);
  ended.start = TimePoint{};
  EXPECT_EQ(finish(live, ended), Outcome::kNothing);
  EXPECT_EQ(ended.start, kStart + seconds(5));
}

TEST(ReportedConnections, BeyondTheLimitAConnectionWaitsForItsEnd) {
  ReportedConnections live(1, kBegan);
  Flow one = flow(1, {1, 1}, {}, 1);
  Flow two = flow(2, {1, 1}, {}, 1);
  EXPECT_EQ(report(live, one), Outcome::kNews);
  EXPECT_EQ(report(live, two), Outcome::kFull);
  Flow ended = flow(2, {5, 50}, {}, 9);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.original_counters, (Counters{5, 50}));
}

TEST(ReportedConnections, RememberNothingWhenTheLimitIsZero) {
  ReportedConnections live(0, kBegan);
  Flow one = flow(1, {1, 1}, {}, 1);
  EXPECT_EQ(report(live, one), Outcome::kFull);
}

TEST(ReportedConnections, NeverSayThatUncountedConnectionsWereReported) {
  ReportedConnections live(10, kBegan);
  Flow uncounted = flow(1, {}, {}, 1);
  uncounted.present.counters = false;
  EXPECT_EQ(report(live, uncounted), Outcome::kNothing);
  EXPECT_EQ(finish(live, uncounted), Outcome::kNews) << "to be counted as lost";
  EXPECT_EQ(live.size(), 0U);
}

TEST(ReportedConnections, AReusedIdentityStartsAgain) {
  ReportedConnections live(10, kBegan);
  Flow old = flow(1, {100, 10'000}, {100, 10'000}, 5);
  report(live, old);
  Flow successor = flow(1, {2, 200}, {1, 100}, 1);
  EXPECT_EQ(report(live, successor), Outcome::kNews);
  EXPECT_EQ(successor.original_counters, (Counters{2, 200}));
  Flow third = flow(1, {1, 100}, {1, 100}, 1);
  EXPECT_EQ(finish(live, third), Outcome::kNews);
  EXPECT_EQ(third.original_counters, (Counters{1, 100}));
}

TEST(ReportedConnections, RecordsOfOneConnectionNeverOverlap) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {}, 5);
  report(live, first);
  Flow late = flow(1, {4, 400}, {}, 4);  // by its timeout it ended before what was reported
  late.event_time = kStart + seconds(9);
  EXPECT_EQ(finish(live, late), Outcome::kNews);
  EXPECT_EQ(late.start, first.end);
  EXPECT_EQ(late.end, first.end);
  Flow again = flow(1, {3, 300}, {}, 5);
  report(live, again);
  Flow set_back = flow(1, {4, 400}, {}, 3);
  set_back.event_time = kStart + seconds(3);
  finish(live, set_back);
  EXPECT_EQ(set_back.end, set_back.event_time) << "never after the event";
  EXPECT_LE(set_back.start, set_back.end);
}

TEST(ReportedConnections, BoundTheLastPacketByWhenTheKernelWroteAnEntry) {
  ReportedConnections live(10, kBegan);
  const auto visit = [&](std::uint64_t packets, int earliest, int latest) {
    live.visit(ConnectionIdentity(flow(1, {packets, 1}, {}, 0)), Written{at(earliest), at(latest)});
  };
  Flow first = flow(1, {3, 1}, {}, 2);
  report(live, first, 5);
  visit(3, 10, 14);
  visit(5, 20, 24);
  const auto bounds = live.last_packet(ConnectionIdentity(flow(1, {5, 1}, {}, 0)), at(40));
  ASSERT_TRUE(bounds);
  EXPECT_GE(bounds->earliest, kStart + seconds(9)) << "it was not in what was written from 10 s on";
  EXPECT_LE(bounds->earliest, kStart + seconds(10));
  EXPECT_GE(bounds->latest, kStart + seconds(24)) << "it was in what was written until 24 s";
  EXPECT_LE(bounds->latest, kStart + seconds(25));
}

TEST(ReportedConnections, BoundTheLastPacketByTheirVisits) {
  ReportedConnections live(10, kBegan);
  const auto bounds_at = [&](std::uint64_t packets, int age) {
    return live.last_packet(ConnectionIdentity(flow(1, {packets, 1}, {}, 0)), at(age));
  };
  const auto visit = [&](std::uint64_t packets, int age) {
    live.visit(ConnectionIdentity(flow(1, {packets, 1}, {}, 0)), at(age));
  };
  EXPECT_EQ(bounds_at(3, 5), std::nullopt);
  Flow first = flow(1, {3, 1}, {}, 2);
  report(live, first, 5);
  ASSERT_TRUE(bounds_at(3, 9));
  EXPECT_EQ(bounds_at(3, 9)->earliest, TimePoint::min()) << "the report may have been too late";
  EXPECT_LE(bounds_at(3, 9)->latest, kStart + seconds(6));
  EXPECT_EQ(bounds_at(4, 9), (Bounds{kStart + seconds(5), kStart + seconds(9)}));
  visit(4, 20);
  visit(4, 30);
  EXPECT_GE(bounds_at(4, 40)->earliest, kStart + seconds(4));
  EXPECT_LE(bounds_at(4, 40)->latest, kStart + seconds(21));
  EXPECT_EQ(bounds_at(5, 40), (Bounds{kStart + seconds(30), kStart + seconds(40)}));
}

TEST(ReportedConnections, BeginWhereTheLastReportEndedAlsoAfterAnEarlierEstimate) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {}, 50);
  first.event_time = kStart + seconds(60);
  ASSERT_EQ(report(live, first, 60), Outcome::kNews);
  Flow second = flow(1, {5, 500}, {}, 40);
  second.event_time = kStart + seconds(65);
  ASSERT_EQ(report(live, second, 65), Outcome::kNews);
  EXPECT_EQ(second.end, kStart + seconds(50));
  Flow third = flow(1, {7, 700}, {}, 70);
  third.event_time = kStart + seconds(80);
  ASSERT_EQ(report(live, third, 80), Outcome::kNews);
  EXPECT_EQ(third.start, second.end) << "not before";
  EXPECT_EQ(third.end, kStart + seconds(70));
}

TEST(ReportedConnections, DoNotTakeZeroedCountersForPackets) {
  ReportedConnections live(10, kBegan);
  Flow first = flow(1, {3, 1}, {}, 2);
  report(live, first, 5);
  const ConnectionIdentity zero(flow(1, {}, {}, 0));
  EXPECT_EQ(live.last_packet(zero, at(30)), (Bounds{kStart + seconds(2), kStart + seconds(30)}))
      << "the last packet may have come before the last visit";
  live.visit(zero, at(30));
  EXPECT_LE(live.last_packet(zero, at(60))->earliest, kStart + seconds(2));
  EXPECT_LE(live.last_packet(zero, at(60))->latest, kStart + seconds(31));
  const ConnectionIdentity one(flow(1, {1, 1}, {}, 0));
  EXPECT_EQ(live.last_packet(one, at(60)), (Bounds{kStart + seconds(30), kStart + seconds(60)}));
}

TEST(ReportedConnections, DoNotKnowWhenPacketsCameBeforeARestart) {
  Flow connection = flow(1, {9, 900}, {}, 0);
  ReportedConnection stored;
  stored.key = ConnectionIdentity(connection).key;
  stored.original_counters = {3, 300};
  stored.reported_until = kStart + seconds(50);
  ReportedConnections live(10, kBegan);
  live.restore(stored, at(100));
  EXPECT_EQ(live.last_packet(ConnectionIdentity(connection), at(110)),
            (Bounds{kStart + seconds(50), kStart + seconds(110)}))
      << "not since the restart";
  live.visit(ConnectionIdentity(connection), at(120));
  EXPECT_EQ(live.last_packet(ConnectionIdentity(connection), at(140))->earliest,
            kStart + seconds(50));
  EXPECT_LE(live.last_packet(ConnectionIdentity(connection), at(140))->latest,
            kStart + seconds(121));
  Flow more = flow(1, {10, 1000}, {}, 0);
  EXPECT_EQ(live.last_packet(ConnectionIdentity(more), at(140)),
            (Bounds{kStart + seconds(120), kStart + seconds(140)}));
}

TEST(ReportedConnections, RestoreMoreThanTheLimit) {
  ReportedConnections live(1, kBegan);
  for (std::uint32_t id = 1; id <= 100; ++id) {
    ReportedConnection stored;
    stored.key = ConnectionIdentity(flow(id, {}, {}, 0)).key;
    stored.original_counters = {5, 500};
    EXPECT_TRUE(live.restore(stored, at(0)));
  }
  EXPECT_EQ(live.size(), 100U);
  for (std::uint32_t id = 1; id <= 100; ++id) {
    Flow ended = flow(id, {7, 700}, {}, 9);
    EXPECT_EQ(finish(live, ended), Outcome::kNews);
    EXPECT_EQ(ended.original_counters, (Counters{2, 200}));
  }
  EXPECT_EQ(live.size(), 0U);
}

TEST(ReportedConnections, ForgetWhatTwoPassesDidNotMeetUnlessItsEndIsStillToCome) {
  ReportedConnections live(10, kBegan);
  for (const std::uint32_t id : {1U, 2U}) {
    Flow one = flow(id, {1, 100}, {}, 1);
    report(live, one, 1);
  }
  std::uint64_t vanished = 0;
  const auto sweep = [&](std::optional<std::uint8_t> scan) {
    live.forget_vanished(0, 1 << 20, scan, vanished, [](const ReportedConnection&) {});
    return live.size();
  };
  live.begin_scan(true);
  live.keep(ConnectionIdentity(flow(2, {1, 100}, {}, 1)));
  EXPECT_EQ(sweep(live.scan()), 2U) << "one scan is not enough";
  const std::uint8_t first = live.scan();
  live.begin_scan(true);
  EXPECT_EQ(sweep(first), 2U) << "the second has only begun";
  live.keep(ConnectionIdentity(flow(2, {1, 100}, {}, 1)));
  EXPECT_EQ(sweep(std::nullopt), 2U) << "it is not known what waits for delivery";
  EXPECT_EQ(sweep(live.scan()), 1U);
  EXPECT_EQ(vanished, 1U);
  EXPECT_TRUE(live.contains(ConnectionIdentity(flow(2, {1, 100}, {}, 1))));
}

/// What is remembered has not ended, however many others have.
TEST(ReportedConnections, MeetWhatTheyRememberWhenTooManyEndsWereRead) {
  ReportedConnections live(10, kBegan, 3);
  const auto stamped = [](std::uint32_t id, std::uint64_t packets, int age) {
    Flow one = flow(id, {packets, 100 * packets}, {}, age);
    one.present.start = true;
    return one;
  };
  Flow one = stamped(1, 5, 1);
  ASSERT_EQ(report(live, one, 1), Outcome::kNews);
  std::uint64_t vanished = 0;
  for (int scan = 1; scan <= 4; ++scan) {
    live.begin_scan(true);
    live.on_part_requested();
    for (std::uint32_t id = 100; id < 200; ++id) {
      Flow scanned = stamped(id, 1, scan);
      finish(live, scanned);
    }
    const ConnectionIdentity identity(stamped(1, 5, 30 * scan));
    EXPECT_NE(live.visit(identity, {at(30 * scan), at(30 * scan)}),
              ReportedConnections::Visit::kGone);
    EXPECT_EQ(live.visit(ConnectionIdentity(stamped(300, 1, 1)), {at(30 * scan), at(30 * scan)}),
              ReportedConnections::Visit::kGone)
        << "whether it ended is not known";
    live.on_scan_end();
    live.forget_vanished(0, 1 << 20, live.scan(), vanished, [](const ReportedConnection&) {});
  }
  EXPECT_EQ(vanished, 0U);
  Flow ended = stamped(1, 7, 200);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.original_counters, (Counters{2, 200}));
}

TEST(ReportedConnections, KeepTheirPromiseOnMemory) {
  constexpr std::uint32_t kConnections = 1'000'000;
  ReportedConnections live(kConnections, kBegan);
  for (std::uint32_t id = 1; id <= kConnections; ++id) {
    Flow one = flow(id, {1, 1}, {}, 1);
    ASSERT_EQ(report(live, one), Outcome::kNews);
  }
  EXPECT_EQ(live.size(), kConnections);
  EXPECT_LE(live.memory(), std::size_t{kConnections} * 64 * 8 / 3);
}

/// Conservation: whatever happens, the exported parts add up to the final totals.
TEST(ReportedConnections, DeltasAddUpToTheTotalsOverRandomLives) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::uint64_t count) { return random() % count; };
    ReportedConnections live(200, kBegan);  // fewer than live at once, so that some find no room
    struct Life {
      Counters original_counters, reply_counters, exported_original, exported_reply;
      int age = 0;
    };
    std::map<std::uint32_t, Life> lives;
    const auto book = [](Life& life, const Flow& part) {
      life.exported_original.packets += part.original_counters.packets;
      life.exported_original.octets += part.original_counters.octets;
      life.exported_reply.packets += part.reply_counters.packets;
      life.exported_reply.octets += part.reply_counters.octets;
    };
    for (int step = 0; step < 200'000; ++step) {
      const auto id = static_cast<std::uint32_t>(pick(400));  // ids are used again and again
      Life& life = lives[id];
      life.original_counters.packets += pick(5);
      life.original_counters.octets += pick(5000);
      life.reply_counters.packets += pick(3);
      life.reply_counters.octets += pick(9000);
      ++life.age;
      Flow now = flow(id, life.original_counters, life.reply_counters, life.age);
      if (pick(10) != 0) {
        if (report(live, now) == Outcome::kNews) book(life, now);
        continue;
      }
      if (finish(live, now) == Outcome::kNews) book(life, now);
      ASSERT_EQ(life.exported_original, life.original_counters) << "step " << step;
      ASSERT_EQ(life.exported_reply, life.reply_counters) << "step " << step;
      lives.erase(id);
    }
  }
}

}  // namespace
}  // namespace ctflow
