// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/queue_watch.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

QueueState queue(std::size_t used, std::size_t limit, std::uint32_t dropped = 0) {
  return {used, limit, dropped};
}

TEST(QueueWatch, WantsTwiceTheRoomWhenMoreThanHalfIsUsed) {
  QueueWatch watch(8 * kMiB);
  EXPECT_EQ(watch.wanted(queue(kMiB / 2, kMiB)), 0U);
  EXPECT_EQ(watch.wanted(queue(kMiB / 2 + 1, kMiB)), 2 * kMiB);
}

TEST(QueueWatch, WantsMoreRoomAfterEventsWereDropped) {
  QueueWatch watch(8 * kMiB);
  EXPECT_EQ(watch.wanted(queue(0, kMiB, 1)), 2 * kMiB);
  EXPECT_EQ(watch.take_dropped(queue(0, kMiB, 1)), 1U);
  EXPECT_EQ(watch.wanted(queue(0, 2 * kMiB, 1)), 0U);
}

TEST(QueueWatch, StopsGrowingAtTheLimit) {
  QueueWatch watch(3 * kMiB);
  EXPECT_EQ(watch.wanted(queue(2 * kMiB, 2 * kMiB)), 3 * kMiB);
  EXPECT_EQ(watch.wanted(queue(3 * kMiB, 3 * kMiB)), 0U);
  EXPECT_EQ(watch.wanted(queue(5 * kMiB, 5 * kMiB)), 0U);  // began larger than the limit
}

TEST(QueueWatch, StopsGrowingWhereTheKernelGrantsNoMore) {
  QueueWatch watch(8 * kMiB);
  watch.limit_growth(kMiB);
  EXPECT_EQ(watch.wanted(queue(kMiB, kMiB)), 0U);
}

TEST(QueueWatch, CountsEachDropOnceEvenWhenTheKernelsCounterWraps) {
  QueueWatch watch(kMiB);
  EXPECT_EQ(watch.take_dropped(queue(0, kMiB, 0xffff'fff0)), 0xffff'fff0U);
  EXPECT_EQ(watch.take_dropped(queue(0, kMiB, 0xffff'fff0)), 0U);
  EXPECT_EQ(watch.take_dropped(queue(0, kMiB, 4)), 20U);
}

TEST(QueueWatch, RemembersTheMostThatWasUsed) {
  QueueWatch watch(kMiB);
  static_cast<void>(watch.wanted(queue(700, kMiB)));
  static_cast<void>(watch.wanted(queue(300, kMiB)));
  EXPECT_EQ(watch.most_used(), 700U);
}

}  // namespace
}  // namespace ctflow
