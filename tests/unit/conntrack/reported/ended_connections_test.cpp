// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/ended_connections.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <utility>

#include "support/seed.hpp"

namespace ctflow {
namespace {

void look(EndedConnections& ended, bool proven = true) {
  ended.begin_look();
  ended.end_look(proven);
}

TEST(EndedConnections, KnowAnEndAgain) {
  EndedConnections ended;
  EXPECT_TRUE(ended.add(5));
  EXPECT_TRUE(ended.add(6));
  EXPECT_FALSE(ended.add(5));
  EXPECT_EQ(ended.size(), 2U);
}

TEST(EndedConnections, ForgetAfterTwoLooksThatDidNotMeetIt) {
  EndedConnections ended;
  ended.add(5);
  look(ended);
  EXPECT_TRUE(ended.contains(5)) << "it may have ended a moment before the look";
  look(ended);
  EXPECT_FALSE(ended.contains(5));
  EXPECT_EQ(ended.forgotten(), 0U);
}

TEST(EndedConnections, KeepWhatIsStillToBeDelivered) {
  EndedConnections ended;
  ended.add(5);
  ended.add(6);
  for (int i = 0; i < 10; ++i) {
    ended.begin_look();
    ended.keep(5);
    ended.keep(7);  // never read: it is to be exported when it comes
    ended.end_look(true);
  }
  EXPECT_TRUE(ended.contains(5));
  EXPECT_FALSE(ended.contains(6));
  EXPECT_FALSE(ended.contains(7));
  look(ended);
  look(ended);
  EXPECT_EQ(ended.size(), 0U);
}

TEST(EndedConnections, ALookThatProvesNothingChangesNothing) {
  EndedConnections ended;
  ended.add(5);
  look(ended);
  for (int i = 0; i < 10; ++i) look(ended, false);
  ended.add(6);
  EXPECT_TRUE(ended.contains(5));
  EXPECT_TRUE(ended.contains(6));
  look(ended);
  EXPECT_FALSE(ended.contains(5));
  EXPECT_TRUE(ended.contains(6)) << "it was read later";
}

TEST(EndedConnections, WhatIsReadDuringALookOutlivesIt) {
  EndedConnections ended;
  ended.begin_look();
  ended.add(5);
  ended.end_look(true);
  look(ended);
  EXPECT_TRUE(ended.contains(5));
}

TEST(EndedConnections, AreLimitedAndCountWhatTheyForget) {
  EndedConnections ended(100);
  for (std::uint64_t key = 2; key < 1002; ++key) EXPECT_TRUE(ended.add(key));
  EXPECT_LE(ended.size(), 300U);
  EXPECT_EQ(ended.forgotten() + ended.size(), 1000U);
  EXPECT_TRUE(ended.contains(1001)) << "the last ones are kept";
  EXPECT_FALSE(ended.contains(2));
}

TEST(EndedConnections, SayThatTheyFillUntilALookBegins) {
  EndedConnections ended(8);
  for (std::uint64_t key = 1; key <= 3; ++key) ended.add(key);
  EXPECT_FALSE(ended.fills());
  ended.add(4);
  EXPECT_TRUE(ended.fills());
  ended.begin_look();
  EXPECT_FALSE(ended.fills()) << "these wait for it now, and there is room for others";
  for (std::uint64_t key = 5; key <= 8; ++key) ended.add(key);
  EXPECT_TRUE(ended.fills());
}

/// Generations that move in the middle of a look were not there when it began.
TEST(EndedConnections, AFloodDuringALookMakesItProveNothing) {
  EndedConnections ended(100);
  ended.begin_look();
  for (std::uint64_t key = 2; key < 152; ++key) ended.add(key);
  ended.end_look(true);
  look(ended);
  for (std::uint64_t key = 2; key < 152; ++key) EXPECT_TRUE(ended.contains(key)) << key;
}

TEST(EndedConnections, GiveAllOfThem) {
  EndedConnections ended;
  for (std::uint64_t key = 2; key < 5; ++key) {
    ended.add(key);
    ended.begin_look();
    ended.end_look(key == 2);
  }
  std::uint64_t sum = 0;
  ended.for_each([&](std::uint64_t key) { sum += key; });
  EXPECT_EQ(sum, 2U + 3U + 4U);
}

/// The same as sets: those of a generation move to the next one.
struct Generations {
  std::size_t limit;
  std::set<std::uint64_t> fresh{}, waiting{}, settled{}, kept{};
  bool undisturbed = true;

  [[nodiscard]] bool holds(std::uint64_t key) const {
    return settled.count(key) + kept.count(key) + waiting.count(key) + fresh.count(key) > 0;
  }
  bool add(std::uint64_t key) {
    if (holds(key)) return false;
    if (fresh.size() == limit) {
      age();
      waiting = std::exchange(fresh, {});
      undisturbed = false;
    }
    return fresh.insert(key).second;
  }
  void begin_look() {
    undisturbed = true;
    if (waiting.empty()) waiting.swap(fresh);
  }
  void keep(std::uint64_t key) {
    if (settled.erase(key) > 0) kept.insert(key);
  }
  void end_look(bool proven) {
    if (proven && undisturbed) age();
  }
  void age() {
    settled = std::exchange(waiting, {});
    settled.merge(kept);
    kept.clear();
  }
  [[nodiscard]] std::size_t size() const {
    return fresh.size() + waiting.size() + settled.size() + kept.size();
  }
};

TEST(EndedConnections, AreRememberedUntilALookProvesThatTheyWillNotComeAgain) {
  const unsigned seed = test::any_seed();
  SCOPED_TRACE("CTFLOWD_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const std::size_t limit : {5U, 50U, 500U, 100'000U}) {
    EndedConnections ended(limit);
    Generations model{limit};
    bool looking = false;
    for (int step = 0; step < 50'000; ++step) {
      const auto what = random() % 1000;
      // Each key comes again sooner or later.
      const std::uint64_t key = (random() % (limit * 5) + 2) * 0x9e37'79b9'7f4a'7c15U;
      if (what < 900) {
        ASSERT_EQ(ended.add(key), model.add(key)) << limit << " " << step;
      } else if (what < 980) {
        ended.keep(key);
        model.keep(key);
      } else if (!looking) {
        ended.begin_look();
        model.begin_look();
        looking = true;
      } else {
        const bool proven = random() % 3 > 0;
        ended.end_look(proven);
        model.end_look(proven);
        looking = false;
      }
      ASSERT_EQ(ended.contains(key), model.holds(key)) << limit << " " << step;
      ASSERT_EQ(ended.size(), model.size()) << limit << " " << step;
    }
  }
}

TEST(EndedConnections, WhatALookHasMetSurvivesAFlood) {
  EndedConnections ended(4);
  ended.add(100);
  look(ended);
  ended.begin_look();
  ended.keep(100);
  for (std::uint64_t key = 200; key < 205; ++key) ended.add(key);
  EXPECT_FALSE(ended.add(100)) << "the kernel sends it again";
}

TEST(BegunConnections, KnowABeginningAgainUntilTheEnd) {
  BegunConnections begun;
  EXPECT_TRUE(begun.add(5));
  EXPECT_FALSE(begun.add(5));
  begun.remove(5);
  begun.remove(5);
  EXPECT_TRUE(begun.add(5));
}

TEST(BegunConnections, AreLimited) {
  BegunConnections begun(100);
  for (std::uint64_t key = 2; key < 10'002; ++key) EXPECT_TRUE(begun.add(key));
  EXPECT_LE(begun.size(), 200U);
  EXPECT_FALSE(begun.add(10'001)) << "the last ones are kept";
  EXPECT_FALSE(begun.add(9'902));
  begun.remove(9'902);
  EXPECT_TRUE(begun.add(9'902));
}

}  // namespace
}  // namespace ctflow
