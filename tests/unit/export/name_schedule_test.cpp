// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/name_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kPerMessage = 30;
constexpr milliseconds kInterval{300'000};

class NameScheduleTest : public testing::Test {
 protected:
  void add_names(std::uint32_t from, std::uint32_t count) {
    for (std::uint32_t i = from; i < from + count; ++i) names_.set(i, "ppp" + std::to_string(i));
  }

  /// What a message of `room` names gets now.
  std::vector<std::uint32_t> message(std::size_t room = kPerMessage) {
    std::vector<std::uint32_t> indices;
    schedule_.fill(now_, [&](std::uint32_t index, const std::string&) {
      if (indices.size() == room) return false;
      indices.push_back(index);
      return true;
    });
    return indices;
  }

  /// Goes to the time of each message until there is none; these are the messages' sizes.
  std::vector<std::size_t> run_until_idle() {
    std::vector<std::size_t> sizes;
    while (schedule_.next() != MonoTime::max() && sizes.size() < 1000) {
      now_ = std::max(now_, schedule_.next());
      sizes.push_back(message().size());
    }
    return sizes;
  }

  InterfaceNames names_;
  NameSchedule schedule_{names_};
  MonoTime now_{seconds(1000)};
};

TEST_F(NameScheduleTest, HasNothingToDoWithoutNames) {
  EXPECT_EQ(schedule_.next(), MonoTime::max());
  schedule_.restart(now_);
  EXPECT_EQ(schedule_.next(), MonoTime::max());
  EXPECT_TRUE(message().empty());
}

TEST_F(NameScheduleTest, SendsThreeThousandAtTheStartWithinSecondsButInNoBurst) {
  add_names(1, 3000);
  schedule_.restart(now_);
  const auto began = now_;
  const auto sizes = run_until_idle();
  EXPECT_EQ(sizes.size(), 100U);
  for (const std::size_t size : sizes) EXPECT_EQ(size, kPerMessage);
  EXPECT_EQ(now_ - began, 99 * NameSchedule::kPause);
}

TEST_F(NameScheduleTest, SpreadsARepetitionOverHalfItsInterval) {
  add_names(1, 3000);
  schedule_.restart(now_);
  run_until_idle();
  const auto began = now_;
  schedule_.repeat(now_, kInterval);
  std::vector<std::uint32_t> all;
  while (schedule_.next() != MonoTime::max()) {
    now_ = schedule_.next();
    const auto some = message();
    all.insert(all.end(), some.begin(), some.end());
    EXPECT_TRUE(message().empty()) << "not two messages at one time";
  }
  ASSERT_EQ(all.size(), 3000U);
  for (std::uint32_t i = 0; i < 3000; ++i) EXPECT_EQ(all[i], i + 1);
  EXPECT_GT(now_ - began, kInterval / 3);
  EXPECT_LE(now_ - began, kInterval / 2);
}

TEST_F(NameScheduleTest, RepeatsAFewNamesAtOnce) {
  add_names(1, 5);
  schedule_.restart(now_);
  run_until_idle();
  schedule_.repeat(now_, kInterval);
  EXPECT_EQ(message().size(), 5U);
  EXPECT_EQ(schedule_.next(), MonoTime::max());
}

TEST_F(NameScheduleTest, NeverHurriesHoweverShortTheInterval) {
  add_names(1, 3000);
  schedule_.restart(now_);
  run_until_idle();
  schedule_.repeat(now_, seconds(1));
  message();
  EXPECT_EQ(schedule_.next(), now_ + NameSchedule::kPause);
  now_ = schedule_.next();
  schedule_.repeat(now_, seconds(1));  // the next one would begin before this one is over
  EXPECT_EQ(message().front(), 31U);
}

TEST_F(NameScheduleTest, LetsNewNamesOvertakeARepetitionAndGoesOnBehindThem) {
  add_names(1, 3000);
  schedule_.restart(now_);
  run_until_idle();
  now_ += seconds(10);
  schedule_.repeat(now_, kInterval);
  EXPECT_EQ(message().back(), 30U);
  now_ += milliseconds(10);
  names_.set(7, "renamed");  // of those that were repeated already
  names_.set(9000, "new");
  EXPECT_LE(schedule_.next(), now_) << "the last round of new names is long over";
  EXPECT_EQ(message(), (std::vector<std::uint32_t>{7, 9000}));
  now_ = schedule_.next();
  EXPECT_EQ(message().front(), 31U);
}

TEST_F(NameScheduleTest, MissesNoNameThatChangesWhileOthersAreSent) {
  add_names(1, 100);
  schedule_.restart(now_);
  EXPECT_EQ(message().size(), kPerMessage);
  names_.set(3, "renamed");  // it was sent under its old name
  names_.remove(50);
  names_.set(99, "renamed too");
  std::vector<std::uint32_t> rest;
  while (schedule_.next() != MonoTime::max()) {
    now_ = schedule_.next();
    const auto some = message();
    rest.insert(rest.end(), some.begin(), some.end());
  }
  EXPECT_EQ(std::count(rest.begin(), rest.end(), 3U), 1);
  EXPECT_EQ(std::count(rest.begin(), rest.end(), 99U), 1);
  EXPECT_EQ(std::count(rest.begin(), rest.end(), 50U), 0);
  EXPECT_EQ(rest.size(), 70U - 1U + 1U);
}

TEST_F(NameScheduleTest, GathersNewNamesForASecond) {
  add_names(1, 3);
  schedule_.restart(now_);
  run_until_idle();
  names_.set(10, "one");
  EXPECT_EQ(schedule_.next(), now_ + NameSchedule::kGather);
  now_ += milliseconds(900);
  names_.set(11, "two");
  EXPECT_TRUE(message().empty());
  now_ += milliseconds(100);
  EXPECT_EQ(message(), (std::vector<std::uint32_t>{10, 11}));
}

TEST_F(NameScheduleTest, BeginsAgainForANewSessionInTheMiddle) {
  add_names(1, 100);
  schedule_.restart(now_);
  message();
  schedule_.restart(now_ + seconds(5));
  EXPECT_TRUE(message().empty());
  EXPECT_EQ(schedule_.next(), now_ + seconds(5));
  now_ += seconds(5);
  EXPECT_EQ(message().front(), 1U);
}

TEST_F(NameScheduleTest, WaitsForRoomInAFullMessage) {
  add_names(1, 3);
  schedule_.restart(now_);
  EXPECT_TRUE(message(0).empty());
  EXPECT_EQ(schedule_.next(), now_ + NameSchedule::kPause);
  now_ = schedule_.next();
  EXPECT_EQ(message().size(), 3U);
}

}  // namespace
}  // namespace ctflow
