// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/clock_steps.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kToday{seconds(1'700'000'000)};

class ClockStepsTest : public testing::Test {
 protected:
  ClockStepsTest() { steps_.observe(); }

  /// Lets time pass, and the clock be set at its end.
  ClockSteps::Elapsed pass(ClockSteps::Elapsed time, ClockSteps::Elapsed step = {}) {
    boot_ += time;
    wall_ += time + step;
    return steps_.observe();
  }
  [[nodiscard]] TimePoint correct(TimePoint stamp) const { return steps_.correct(stamp, wall_); }

  ClockSteps::Elapsed boot_ = seconds(100);
  TimePoint wall_ = kToday;
  ClockSteps steps_{[this] { return ClockSteps::Reading{wall_, boot_}; }};
};

TEST_F(ClockStepsTest, LeavesTimesAloneWhileNobodySetsTheClock) {
  EXPECT_EQ(pass(seconds(10)).count(), 0);
  EXPECT_EQ(pass(hours(24), milliseconds(400)).count(), 0) << "slewed";
  EXPECT_EQ(correct(kToday), kToday);
  EXPECT_EQ(correct(kToday - hours(10'000)), kToday - hours(10'000));
}

TEST_F(ClockStepsTest, MovesWhatWasStampedBeforeAClockWasPutForward) {
  EXPECT_EQ(pass(seconds(10), hours(480'000)), hours(480'000));
  EXPECT_EQ(correct(kToday + seconds(3)), kToday + seconds(3) + hours(480'000));
  pass(seconds(5));
  EXPECT_EQ(correct(wall_ - seconds(2)), wall_ - seconds(2));
}

TEST_F(ClockStepsTest, MovesWhatWasStampedBeforeAClockWasPutBack) {
  pass(seconds(10));
  const TimePoint stamp = wall_;
  EXPECT_EQ(pass(seconds(1), -hours(1)), -hours(1));
  EXPECT_EQ(correct(stamp), stamp - hours(1));
  EXPECT_EQ(correct(wall_), wall_);
}

TEST_F(ClockStepsTest, GoesBackThroughSeveralSteps) {
  const TimePoint first = wall_;
  pass(seconds(10), hours(100));
  const TimePoint second = wall_;
  pass(seconds(10), -hours(3));
  const TimePoint third = wall_;
  pass(seconds(10));
  EXPECT_EQ(correct(first), first + hours(97));
  EXPECT_EQ(correct(second), second - hours(3));
  EXPECT_EQ(correct(third), third);
}

TEST_F(ClockStepsTest, AStampJustAfterTheLookIsOfTheSameClock) {
  pass(seconds(10), hours(100));
  EXPECT_EQ(correct(wall_ + milliseconds(1)), wall_ + milliseconds(1));
}

TEST_F(ClockStepsTest, AddsUpTheSteps) {
  EXPECT_EQ(steps_.total().count(), 0);
  pass(seconds(10), hours(100));
  pass(seconds(10));
  pass(seconds(10), -hours(3));
  EXPECT_EQ(steps_.total(), hours(97));
}

TEST_F(ClockStepsTest, RemembersABoundedNumberOfSteps) {
  for (int i = 0; i < 100; ++i) pass(seconds(10), hours(1));
  EXPECT_EQ(correct(wall_ - seconds(1)), wall_ - seconds(1));
}

TEST(ClockSteps, TheClockOfTheHostIsNotSetMeanwhile) {
  ClockSteps steps;
  steps.observe();
  EXPECT_EQ(steps.observe().count(), 0);
}

TEST_F(ClockStepsTest, KnowsWhenTheMachineBootedByTheClockOfToday) {
  EXPECT_EQ(steps_.boot_time(), kToday - seconds(100));
  pass(seconds(10), hours(480'000));
  EXPECT_EQ(steps_.boot_time(), wall_ - seconds(110));
  pass(hours(24));  // suspended, for instance: both clocks count that
  EXPECT_EQ(steps_.boot_time(), wall_ - seconds(110) - hours(24));
  EXPECT_EQ(ClockSteps().boot_time(), std::nullopt) << "nobody has looked";
}

TEST(ClockSteps, ReadTheUptimeOfThisMachine) {
  const auto first = ClockSteps::machine_clocks()();
  EXPECT_GT(first.boot, seconds(0));
  const auto second = ClockSteps::machine_clocks()();
  EXPECT_LE(first.boot, second.boot);
  EXPECT_LT(std::chrono::abs((second.wall - first.wall) - (second.boot - first.boot)),
            milliseconds(100))
      << "of one moment";
}

}  // namespace
}  // namespace ctflow
