// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/timeline.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using Names = Timeline<std::uint32_t, int>;

int at(const Names& names, RoutingTime time, std::uint32_t key = 1) {
  const int* value = names.at(key, time);
  return value == nullptr ? -1 : *value;
}

TEST(Timeline, KnowsWhatWasBefore) {
  Names names;
  EXPECT_TRUE(names.set(1, 10, kAlways));
  EXPECT_FALSE(names.set(1, 10, 50));
  EXPECT_TRUE(names.set(1, 20, 100));
  EXPECT_TRUE(names.erase(1, 200));
  EXPECT_FALSE(names.erase(1, 250));
  EXPECT_EQ(names.size(), 0U);
  EXPECT_TRUE(names.set(1, 30, 300));
  EXPECT_EQ(at(names, 99), 10);
  EXPECT_EQ(at(names, 100), 20);
  EXPECT_EQ(at(names, 200), -1);
  EXPECT_EQ(at(names, 300), 30);
  EXPECT_EQ(at(names, kNow), 30);
  EXPECT_EQ(at(names, 99, 2), -1);
}

TEST(Timeline, TakesTheLastOfChangesAtOneTime) {
  Names names;
  names.set(1, 10, kAlways);
  names.set(1, 20, 100);
  names.set(1, 30, 100);
  EXPECT_EQ(at(names, 99), 10);
  EXPECT_EQ(at(names, 100), 30);
}

TEST(Timeline, ForgetsInTime) {
  Names names;
  names.set(1, 10, kAlways);
  names.erase(1, 100);
  EXPECT_TRUE(names.has(1));
  names.set(2, 20, 100 + kRemembered);
  EXPECT_FALSE(names.has(1));
  EXPECT_EQ(names.forgotten(), 0U);
}

TEST(Timeline, KeepsAFewOfOneThatChangesAThousandTimes) {
  Names names;
  constexpr int kTimes = 1000;
  for (int i = 1; i <= kTimes; ++i) names.set(1, i, i);
  EXPECT_EQ(at(names, kTimes - 10), kTimes - 10);
  EXPECT_TRUE(names.forgot(1, 10));
  EXPECT_FALSE(names.forgot(1, kTimes - 10));
  EXPECT_EQ(names.forgotten(), kTimes - Names::kVersions);
}

TEST(Timeline, TakesOverWhatAnOlderOneRemembers) {
  Names older;
  older.set(1, 10, kAlways);
  older.set(1, 11, 100);
  older.set(2, 20, kAlways);
  Names names;
  names.set(1, 11, kAlways);
  names.set(3, 30, kAlways);
  names.inherit(older, 200);
  EXPECT_EQ(at(names, 99), 10);
  EXPECT_EQ(at(names, kNow), 11);
  EXPECT_EQ(at(names, 199, 2), 20);
  EXPECT_EQ(at(names, 200, 2), -1);
  EXPECT_EQ(at(names, 99, 3), 30);
  EXPECT_EQ(names.size(), 2U);
}

}  // namespace
}  // namespace ctflow
