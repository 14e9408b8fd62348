// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/silence.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::seconds;

TEST(SilenceTest, IsOneTimeFromTheFirstToTheLast) {
  const auto at = [](int second) { return TimePoint(seconds(second)); };
  Silence silence;
  EXPECT_FALSE(silence.contains(at(10)));
  silence.begin(at(10));
  EXPECT_FALSE(silence.contains(at(9)));
  EXPECT_TRUE(silence.contains(at(1000)));
  silence.end(at(20));
  EXPECT_TRUE(silence.contains(at(20)));
  EXPECT_FALSE(silence.contains(at(21)));
  silence.begin(at(30));
  silence.end(at(40));
  silence.shift(seconds(5));
  EXPECT_TRUE(silence.contains(at(45)));
  EXPECT_TRUE(silence.contains(at(15)));
  EXPECT_FALSE(silence.contains(at(14)));
  silence.begin(TimePoint::min());
  silence.shift(seconds(-5));
  EXPECT_TRUE(silence.contains(TimePoint::min()));
}

}  // namespace
}  // namespace ctflow
