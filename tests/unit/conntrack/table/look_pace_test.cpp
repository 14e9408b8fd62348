// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/look_pace.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonoTime kNow{seconds(5000)};

TEST(LookPaceTest, TheFirstLookIsDueAtOnce) { EXPECT_TRUE(LookPace().due(kNow)); }

TEST(LookPaceTest, RestsAsLongAsALookTook) {
  LookPace pace;
  pace.begin(kNow);
  pace.end(kNow + milliseconds(1300));
  EXPECT_FALSE(pace.due(kNow + milliseconds(2599)));
  EXPECT_TRUE(pace.due(kNow + milliseconds(2600)));
}

TEST(LookPaceTest, ALookThatDidNotEndDoesNotCount) {
  LookPace pace;
  pace.begin(kNow);
  pace.begin(kNow + seconds(3));
  pace.end(kNow + seconds(4));
  EXPECT_FALSE(pace.due(kNow + milliseconds(4999)));
  EXPECT_TRUE(pace.due(kNow + seconds(5)));
}

TEST(LookPaceTest, APauseOfTheHostPutsOffLooksForAMinute) {
  LookPace pace;
  pace.begin(kNow);
  pace.end(kNow + hours(9));
  EXPECT_FALSE(pace.due(kNow + hours(9) + milliseconds(59999)));
  EXPECT_TRUE(pace.due(kNow + hours(9) + seconds(60)));
}

}  // namespace
}  // namespace ctflow
