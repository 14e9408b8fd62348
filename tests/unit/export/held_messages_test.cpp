// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/held_messages.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

constexpr std::size_t kLimit = 4;

std::vector<std::byte> message(std::size_t length, unsigned value) {
  return std::vector<std::byte>(length, static_cast<std::byte>(value));
}

TEST(HeldMessages, ContinuesARunByMessagesOfOneLengthAndAShorterLast) {
  HeldMessages held;
  EXPECT_TRUE(held.continues(100, kLimit));
  held.add(message(100, 1), {});
  EXPECT_FALSE(held.complete(kLimit));
  EXPECT_FALSE(held.continues(101, kLimit)) << "longer than the first";
  EXPECT_TRUE(held.continues(100, kLimit));
  EXPECT_TRUE(held.continues(60, kLimit));
  held.add(message(60, 2), {});
  EXPECT_TRUE(held.complete(kLimit)) << "only the last may be shorter";
  EXPECT_FALSE(held.continues(60, kLimit));
}

TEST(HeldMessages, EndsARunAtTheLimits) {
  HeldMessages held;
  for (std::size_t i = 0; i < kLimit; ++i) held.add(message(10, 1), {});
  EXPECT_TRUE(held.complete(kLimit));
  EXPECT_FALSE(held.continues(10, kLimit));

  HeldMessages large;
  large.add(message(40'000, 1), {});
  EXPECT_TRUE(large.continues(kMaximumMessageSize - 40'000, kLimit));
  EXPECT_FALSE(large.continues(kMaximumMessageSize - 40'000 + 1, kLimit));
}

TEST(HeldMessages, KeepsWhatStandsBehindTheDropped) {
  HeldMessages held;
  MessageContent content;
  for (unsigned i = 1; i <= 3; ++i) {
    content.flows = i;
    held.add(message(10 * i, i), content);
  }
  EXPECT_EQ(held.bytes(2).size(), 30U);
  held.drop(2);
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held.first(), 30U);
  EXPECT_EQ(held.length_of(0), 30U);
  EXPECT_EQ(held.content(0).flows, 3U);
  EXPECT_EQ(held.message(0).front(), std::byte{3});
  held.drop(1);
  EXPECT_EQ(held.size(), 0U);
}

}  // namespace
}  // namespace ctflow
