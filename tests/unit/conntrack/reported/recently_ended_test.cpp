// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/recently_ended.hpp"

#include <gtest/gtest.h>

#include "support/rounds.hpp"

namespace ctflow {
namespace {

TEST(RecentlyEnded, HasWhatWasAddedSinceThePartWasWritten) {
  RecentlyEnded ended;
  ended.begin();
  EXPECT_FALSE(ended.may_contain(5));
  ended.add(5);
  ended.add(5 + 8192);  // the same home
  EXPECT_TRUE(ended.may_contain(5));
  EXPECT_TRUE(ended.may_contain(5 + 8192));
  EXPECT_FALSE(ended.may_contain(5 + 2 * 8192));
  ended.begin();
  EXPECT_FALSE(ended.may_contain(5));
  ended.add(6);
  EXPECT_FALSE(ended.may_contain(5));
  EXPECT_TRUE(ended.may_contain(6));
}

TEST(RecentlyEnded, KeepsNothingWhileNoPartWaits) {
  RecentlyEnded ended(1);
  ended.add(5);
  ended.add(6);
  EXPECT_FALSE(ended.may_contain(5));
  ended.begin();
  ended.add(5);
  ended.end();
  ended.add(6);
  ended.add(7);
  EXPECT_FALSE(ended.may_contain(5));
  EXPECT_FALSE(ended.may_contain(8)) << "not full";
}

TEST(RecentlyEnded, GrowsWithAStormOfEnds) {
  constexpr auto kStorm = static_cast<std::uint64_t>(test::rounds(300'000));
  RecentlyEnded ended;
  for (int part = 0; part < 2; ++part) {
    ended.begin();
    for (std::uint64_t key = 0; key < kStorm; ++key) ended.add(key * 8192);
    for (std::uint64_t key = 0; key < kStorm; ++key) ASSERT_TRUE(ended.may_contain(key * 8192));
    EXPECT_FALSE(ended.may_contain(1));
    EXPECT_FALSE(ended.may_contain(kStorm * 8192));
  }
}

TEST(RecentlyEnded, SaysMaybeToEverythingWhenItOverflowed) {
  RecentlyEnded ended(4096);
  ended.begin();
  for (std::uint64_t key = 0; key < 4096; ++key) ended.add(key);
  EXPECT_FALSE(ended.may_contain(10'000));
  ended.add(4096);
  EXPECT_TRUE(ended.may_contain(10'000));
  ended.begin();
  EXPECT_FALSE(ended.may_contain(10'000));
}

}  // namespace
}  // namespace ctflow
