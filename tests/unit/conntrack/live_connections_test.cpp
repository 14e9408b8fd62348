// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/live_connections.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ctflow {
namespace {

using std::chrono::seconds;
using Outcome = LiveConnections::Outcome;

constexpr TimePoint kStart{seconds(1'700'000'000)};

/// Connection number `id` with these totals, `age` seconds old.
Flow flow(std::uint32_t id, const Counters& forward, const Counters& backward, int age) {
  Flow flow;
  flow.id = id;
  flow.original.source_port = static_cast<std::uint16_t>(id);
  flow.forward = forward;
  flow.backward = backward;
  flow.present.counters = true;
  flow.start = kStart;
  flow.end = kStart + seconds(age);
  return flow;
}

constexpr LiveConnections::Steady kBegan{seconds(5000)};

Instant at(int age) { return {kStart + seconds(age), kBegan + seconds(age)}; }

Outcome report(LiveConnections& live, Flow& flow, int age = 0) {
  return live.report(Sighting(flow), flow, at(age));
}

Outcome finish(LiveConnections& live, Flow& flow) { return live.finish(Sighting(flow), flow); }

TEST(LiveConnections, LeavesAConnectionWithoutReportsWhole) {
  LiveConnections live(10, kBegan);
  Flow ended = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.forward, (Counters{3, 300}));
  EXPECT_EQ(ended.start, kStart);
}

TEST(LiveConnections, TellsWhatIsNewSinceTheLastReport) {
  LiveConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(report(live, first), Outcome::kNews);
  EXPECT_EQ(first.forward, (Counters{3, 300}));
  EXPECT_EQ(first.start, kStart);
  Flow second = flow(1, {10, 1000}, {2, 200}, 9);
  EXPECT_EQ(report(live, second), Outcome::kNews);
  EXPECT_EQ(second.forward, (Counters{7, 700}));
  EXPECT_EQ(second.backward, (Counters{0, 0}));
  EXPECT_EQ(second.start, kStart + seconds(5));
  Flow ended = flow(1, {10, 1000}, {3, 260}, 12);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.forward, (Counters{0, 0}));
  EXPECT_EQ(ended.backward, (Counters{1, 60}));
  EXPECT_EQ(live.size(), 0U);
}

TEST(LiveConnections, TellsNothingWhereNothingIsNew) {
  LiveConnections live(10, kBegan);
  Flow first = flow(1, {3, 300}, {2, 200}, 5);
  report(live, first);
  Flow again = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(report(live, again), Outcome::kNothing);
  Flow ended = flow(1, {3, 300}, {2, 200}, 5);
  EXPECT_EQ(finish(live, ended), Outcome::kNothing);
  EXPECT_EQ(live.size(), 0U);
}

TEST(LiveConnections, BeyondTheLimitAConnectionWaitsForItsEnd) {
  LiveConnections live(1, kBegan);
  Flow one = flow(1, {1, 1}, {}, 1);
  Flow two = flow(2, {1, 1}, {}, 1);
  EXPECT_EQ(report(live, one), Outcome::kNews);
  EXPECT_EQ(report(live, two), Outcome::kFull);
  Flow ended = flow(2, {5, 50}, {}, 9);
  EXPECT_EQ(finish(live, ended), Outcome::kNews);
  EXPECT_EQ(ended.forward, (Counters{5, 50}));
}

TEST(LiveConnections, RememberNothingWhenTheLimitIsZero) {
  LiveConnections live(0, kBegan);
  Flow one = flow(1, {1, 1}, {}, 1);
  EXPECT_EQ(report(live, one), Outcome::kFull);
}

TEST(LiveConnections, NeverSayThatUncountedConnectionsWereReported) {
  LiveConnections live(10, kBegan);
  Flow uncounted = flow(1, {}, {}, 1);
  uncounted.present.counters = false;
  EXPECT_EQ(report(live, uncounted), Outcome::kNothing);
  EXPECT_EQ(finish(live, uncounted), Outcome::kNews) << "to be counted as lost";
  EXPECT_EQ(live.size(), 0U);
}

TEST(LiveConnections, AReusedIdentityStartsAgain) {
  LiveConnections live(10, kBegan);
  Flow old = flow(1, {100, 10'000}, {100, 10'000}, 5);
  report(live, old);
  Flow successor = flow(1, {2, 200}, {1, 100}, 1);
  EXPECT_EQ(report(live, successor), Outcome::kNews);
  EXPECT_EQ(successor.forward, (Counters{2, 200}));
  Flow third = flow(1, {1, 100}, {1, 100}, 1);
  EXPECT_EQ(finish(live, third), Outcome::kNews);
  EXPECT_EQ(third.forward, (Counters{1, 100}));
}

TEST(LiveConnections, KeepTheirPromiseOnMemory) {
  constexpr std::uint32_t kConnections = 1'000'000;
  LiveConnections live(kConnections, kBegan);
  for (std::uint32_t id = 1; id <= kConnections; ++id) {
    Flow one = flow(id, {1, 1}, {}, 1);
    ASSERT_EQ(report(live, one), Outcome::kNews);
  }
  EXPECT_EQ(live.size(), kConnections);
  EXPECT_LE(live.memory(), std::size_t{kConnections} * 64 * 8 / 3);
}

/// Conservation: whatever happens, the exported parts add up to the final totals.
TEST(LiveConnections, DeltasAddUpToTheTotalsOverRandomLives) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::uint64_t count) { return random() % count; };
    LiveConnections live(200, kBegan);  // fewer than live at once, so that some find no room
    struct Life {
      Counters forward, backward, exported_forward, exported_backward;
      int age = 0;
    };
    std::map<std::uint32_t, Life> lives;
    const auto book = [](Life& life, const Flow& part) {
      life.exported_forward.packets += part.forward.packets;
      life.exported_forward.octets += part.forward.octets;
      life.exported_backward.packets += part.backward.packets;
      life.exported_backward.octets += part.backward.octets;
    };
    for (int step = 0; step < 200'000; ++step) {
      const auto id = static_cast<std::uint32_t>(pick(400));  // ids are used again and again
      Life& life = lives[id];
      life.forward.packets += pick(5);
      life.forward.octets += pick(5000);
      life.backward.packets += pick(3);
      life.backward.octets += pick(9000);
      ++life.age;
      Flow now = flow(id, life.forward, life.backward, life.age);
      if (pick(10) != 0) {
        if (report(live, now) == Outcome::kNews) book(life, now);
        continue;
      }
      if (finish(live, now) == Outcome::kNews) book(life, now);
      ASSERT_EQ(life.exported_forward, life.forward) << "step " << step;
      ASSERT_EQ(life.exported_backward, life.backward) << "step " << step;
      lives.erase(id);
    }
  }
}

}  // namespace
}  // namespace ctflow
