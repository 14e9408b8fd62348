// SPDX-License-Identifier: GPL-2.0-or-later
// The clock of the measuring programs, which is jiffies and a distance.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "clock.h"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kTick = milliseconds(4);
constexpr nanoseconds kBoot = seconds(300) + nanoseconds(1234567);  // jiffies begin below 0

class ProgramsClockTest : public testing::Test {
 protected:
  /// `late`: the time since when jiffies have not been counted, or were lost.
  void read(nanoseconds time, nanoseconds late = nanoseconds(0)) {
    const auto jiffies = static_cast<std::uint64_t>((time + kBoot - late) / kTick);
    ctflow_read_clock(&clock_, static_cast<std::uint64_t>(time.count()), jiffies,
                      static_cast<std::uint64_t>(kTick.count()));
  }
  /// By how much times are too late, or too early.
  nanoseconds error(nanoseconds late = nanoseconds(0)) const {
    const nanoseconds now = seconds(900);
    const auto jiffies = (now + kBoot - late) / kTick;
    return jiffies * kTick + nanoseconds(clock_.offset) - now;
  }
  void start() {
    for (int i = 0; i < 48; ++i) read(seconds(5) + i * kTick / 16);
  }

  ctflow_clock clock_{};
};

TEST_F(ProgramsClockTest, IsRightToATick) {
  start();
  EXPECT_LE(error(), kTick / 16);
  EXPECT_GE(error(), -kTick);
}

TEST_F(ProgramsClockTest, IsNotAheadAfterAReadingWhileTheTickIsLate) {
  start();
  const nanoseconds before = error();
  read(seconds(10), milliseconds(90));
  EXPECT_EQ(error(), before);
  for (int i = 0; i < 100; ++i) read(seconds(11 + i), milliseconds(i % 2 == 0 ? 90 : 3));
  EXPECT_EQ(error(), before);
}

TEST_F(ProgramsClockTest, FollowsWhereTicksGotLost) {
  start();
  constexpr nanoseconds kLost = milliseconds(400);
  for (int i = 0; i < 32; ++i) {
    const bool late = i % 5 == 0;
    read(seconds(10 + i), kLost + milliseconds(late ? 90 : 0));
  }
  EXPECT_LE(error(kLost), kTick);
  EXPECT_GE(error(kLost), -kTick);
}

}  // namespace
}  // namespace ctflow
