// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/recently_ended.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(RecentlyEnded, KnowsWhatWasAddedSinceItWasCleared) {
  RecentlyEnded ended;
  EXPECT_FALSE(ended.may_contain(5));
  ended.add(5);
  ended.add(5 + 8192);  // the same home
  EXPECT_TRUE(ended.may_contain(5));
  EXPECT_TRUE(ended.may_contain(5 + 8192));
  EXPECT_FALSE(ended.may_contain(5 + 2 * 8192));
  ended.clear();
  EXPECT_FALSE(ended.may_contain(5));
  ended.add(6);
  EXPECT_FALSE(ended.may_contain(5));
  EXPECT_TRUE(ended.may_contain(6));
}

TEST(RecentlyEnded, SaysMaybeToEverythingWhenItOverflowed) {
  RecentlyEnded ended;
  for (std::uint64_t key = 0; key < 4096; ++key) ended.add(key);
  EXPECT_FALSE(ended.may_contain(10'000));
  ended.add(4096);
  EXPECT_TRUE(ended.may_contain(10'000));
  ended.clear();
  EXPECT_FALSE(ended.may_contain(10'000));
}

}  // namespace
}  // namespace ctflow
