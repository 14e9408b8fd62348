// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/clock_offsets.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using namespace std::chrono_literals;

const TimePoint kWall{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};
const MonoTime kSteady{1000s};

class ClockOffsetsTest : public testing::Test {
 protected:
  Instant take(std::chrono::nanoseconds after, std::chrono::nanoseconds set_by) {
    return offsets_.take([&] { return Instant{kWall + after + set_by, kSteady + after}; });
  }
  /// By how much the wall clock had been set then.
  std::chrono::nanoseconds set_at(std::chrono::nanoseconds after) const {
    return offsets_.shown_at(kSteady + after) - (kWall + after);
  }

  ClockOffsets offsets_;
};

TEST_F(ClockOffsetsTest, KnowsWhatTheClockShowedBeforeEachStep) {
  take(0s, 0s);
  take(10s, 0s);
  take(11s, 1h);
  take(20s, 1h);
  take(21s, -2h);
  EXPECT_EQ(set_at(-500s), 0s);
  EXPECT_EQ(set_at(9s), 0s);
  EXPECT_EQ(set_at(11s), 1h);
  EXPECT_EQ(set_at(19s), 1h);
  EXPECT_EQ(set_at(21s), -2h);
  EXPECT_EQ(set_at(99s), -2h);
}

TEST_F(ClockOffsetsTest, TakesTheEarlierWhereAStepWasNearerThanTheReadings) {
  take(10s, 0s);
  take(20s, 1h);
  EXPECT_EQ(set_at(15s), 0s);
  take(30s, 0s);
  EXPECT_EQ(set_at(25s), 0s);
}

TEST_F(ClockOffsetsTest, TakesAPauseBetweenTwoClocksForNoStep) {
  take(0s, 0s);
  for (const std::chrono::nanoseconds pause : {40ms, 3000ms}) {
    int pauses = 2;
    const Instant read = offsets_.take([&] {
      return Instant{kWall + 10s - (pauses-- > 0 ? pause : 0ns), kSteady + 10s};
    });
    EXPECT_EQ(read.wall, kWall + 10s);
    EXPECT_EQ(set_at(10s), 0s);
  }
  EXPECT_EQ(take(20s, -40ms).wall, kWall + 20s - 40ms) << "each time: it was set";
  EXPECT_EQ(set_at(9s), 0s);
}

// There are many of them, and they must not displace what is remembered of steps.
TEST_F(ClockOffsetsTest, TakesABetterReadingForNoStep) {
  take(0s, 0s);
  take(10s, 1h);
  for (int i = 1; i <= 100; ++i) {
    const auto better = std::chrono::nanoseconds(i);
    EXPECT_EQ(take(10s + i * 1s, 1h + better).wall, kWall + 10s + i * 1s + 1h + better);
  }
  EXPECT_EQ(set_at(0s), 0s);
}

TEST_F(ClockOffsetsTest, ForgetsTheOldestOfTooManySteps) {
  for (int i = 0; i <= 100; ++i) take(std::chrono::seconds(i), std::chrono::hours(i));
  EXPECT_EQ(set_at(90s), 90h);
  EXPECT_EQ(set_at(84s), 84h);
  EXPECT_EQ(set_at(-9s), 84h) << "the oldest that is remembered";
}

}  // namespace
}  // namespace ctflow
