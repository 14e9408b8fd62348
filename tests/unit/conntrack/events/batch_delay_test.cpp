// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/batch_delay.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::milliseconds;

constexpr QueueState kQueue{0, std::size_t{32} << 20, 0};

/// The delay after a second of drains at this rate.
milliseconds after(BatchDelay& delay, std::size_t events_per_second, MonoTime& now) {
  const MonoTime end = now + std::chrono::seconds(1);
  delay.drained(0, now);
  while (now < end) {
    const milliseconds pause = std::max(delay.next(kQueue), milliseconds(1));
    now += pause;
    delay.drained(events_per_second * static_cast<std::size_t>(pause.count()) / 1000, now);
  }
  return delay.next(kQueue);
}

class BatchDelayTest : public testing::Test {
 protected:
  MonoTime now_{std::chrono::seconds(1000)};
};

TEST_F(BatchDelayTest, IsLongWhileFewEventsCome) {
  BatchDelay delay(milliseconds(2));
  EXPECT_EQ(delay.next(kQueue), milliseconds(20));
  EXPECT_EQ(after(delay, 1000, now_), milliseconds(20));
}

TEST_F(BatchDelayTest, IsWhatEnoughEventsTakeToCome) {
  BatchDelay delay(milliseconds(2));
  EXPECT_NEAR(static_cast<double>(after(delay, 64'000, now_).count()), 8, 1);
}

TEST_F(BatchDelayTest, IsTheShortestWhileManyCome) {
  BatchDelay delay(milliseconds(2));
  EXPECT_EQ(after(delay, 300'000, now_), milliseconds(2));
}

TEST_F(BatchDelayTest, FollowsAHigherRateAtOnceAndALowerOneSoon) {
  BatchDelay delay(milliseconds(2));
  after(delay, 1000, now_);
  now_ += milliseconds(20);
  delay.drained(5000, now_);
  EXPECT_EQ(delay.next(kQueue), milliseconds(2));
  EXPECT_EQ(after(delay, 1000, now_), milliseconds(20));
}

TEST_F(BatchDelayTest, IsTheShortestWhereTheQueueFills) {
  BatchDelay delay(milliseconds(2));
  EXPECT_EQ(delay.next({std::size_t{4} << 20, std::size_t{32} << 20, 0}), milliseconds(2));
}

TEST_F(BatchDelayTest, LeavesASmallQueueTheRoomForAStorm) {
  BatchDelay delay(milliseconds(2));
  EXPECT_EQ(delay.next({0, std::size_t{64} << 10, 0}), milliseconds(2));
  EXPECT_LT(delay.next({0, std::size_t{16} << 20, 0}), milliseconds(20));
}

TEST_F(BatchDelayTest, IsWhatWasAskedForWhereThatIsLongerOrNone) {
  EXPECT_EQ(BatchDelay(milliseconds(100)).next(kQueue), milliseconds(100));
  EXPECT_EQ(BatchDelay(milliseconds(0)).next(kQueue), milliseconds(0));
}

}  // namespace
}  // namespace ctflow
