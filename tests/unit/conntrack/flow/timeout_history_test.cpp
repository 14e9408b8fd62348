// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/timeout_history.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr TimePoint kBegan{seconds(1'700'000'000)};

constexpr TimePoint at(int second) { return kBegan + seconds(second); }

TimeoutsRead with_udp(int timeout) {
  TimeoutsRead read;
  read.values.udp = seconds(timeout);
  return read;
}

TimeoutsRead failed(const TimeoutHistory& history) {
  return {history.current(),
          TimeoutsRead::Failure{"file", std::make_error_code(std::errc::too_many_files_open)}};
}

TEST(TimeoutHistory, AssumesTheDefaultsUntilSomethingIsRead) {
  TimeoutHistory history;
  ASSERT_EQ(history.periods().size(), 1U);
  EXPECT_EQ(history.current(), Timeouts{});
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kAssumed);
  history.observe(with_udp(75), at(0));
  ASSERT_EQ(history.periods().size(), 1U) << "the defaults were never in force";
  EXPECT_EQ(history.current().udp, seconds(75));
  EXPECT_EQ(history.periods()[0].in_force, (Bounds{TimePoint::min(), TimePoint::max()}));
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kRead);
}

TEST(TimeoutHistory, KeepsWhatWasInForceBeforeAChange) {
  TimeoutHistory history;
  history.observe(with_udp(75), at(0));
  history.observe(with_udp(75), at(2));
  history.observe(with_udp(20), at(4));
  history.observe(with_udp(20), at(6));
  ASSERT_EQ(history.periods().size(), 2U);
  EXPECT_EQ(history.periods()[0].timeouts.udp, seconds(75));
  EXPECT_EQ(history.periods()[0].in_force, (Bounds{TimePoint::min(), at(4)}));
  EXPECT_EQ(history.periods()[1].timeouts.udp, seconds(20));
  EXPECT_EQ(history.periods()[1].in_force, (Bounds{at(2), TimePoint::max()})) << "since, at most";
}

TEST(TimeoutHistory, DoesNotForgetWhatCannotBeReadAnyMore) {
  TimeoutHistory history;
  history.observe(with_udp(75), at(0));
  history.observe(failed(history), at(2));
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kKept);
  EXPECT_EQ(history.current().udp, seconds(75));
  ASSERT_EQ(history.periods().size(), 1U);
  history.observe(with_udp(20), at(60));
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kRead);
  ASSERT_EQ(history.periods().size(), 2U);
  EXPECT_EQ(history.periods()[1].in_force.earliest, at(0)) << "changed while nobody could look";
}

TEST(TimeoutHistory, SaysWhetherItWasEverRead) {
  TimeoutHistory history;
  history.observe(failed(history), at(0));
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kNeverRead);
  history.observe(failed(history), at(2));
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kNeverRead);
  history.observe(with_udp(20), at(4));
  EXPECT_EQ(history.knowledge(), TimeoutKnowledge::kRead);
  ASSERT_EQ(history.periods().size(), 1U);
  EXPECT_EQ(history.current().udp, seconds(20));
}

TEST(TimeoutHistory, MovesWithAClockThatIsSet) {
  TimeoutHistory history;
  history.observe(with_udp(75), at(0));
  history.observe(with_udp(20), at(2));
  history.shift(hours(1));
  EXPECT_EQ(history.periods()[0].in_force, (Bounds{TimePoint::min(), at(2) + hours(1)}));
  EXPECT_EQ(history.periods()[1].in_force, (Bounds{at(0) + hours(1), TimePoint::max()}));
  history.observe(with_udp(30), at(4) + hours(1));
  EXPECT_EQ(history.periods()[2].in_force.earliest, at(2) + hours(1));
}

TEST(TimeoutHistory, NeverSaysThatAChangeCameAfterItWasRead) {
  TimeoutHistory history;
  history.observe(with_udp(75), at(10));
  history.observe(with_udp(20), at(9));  // set back by less than what counts as a step
  EXPECT_EQ(history.periods()[1].in_force.earliest, at(9));
}

TEST(TimeoutHistory, RemembersTheLatestChangesOfAnAdministratorWhoCannotDecide) {
  TimeoutHistory history;
  for (int i = 0; i < 100; ++i) history.observe(with_udp(1 + i), at(2 * i));
  EXPECT_EQ(history.periods().size(), 32U);
  EXPECT_EQ(history.current().udp, seconds(100));
  EXPECT_EQ(history.periods()[0].in_force, (Bounds{at(2 * 67), at(2 * 69)}))
      << "nothing is claimed of the time before";
}

}  // namespace
}  // namespace ctflow
