// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/last_packet.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kBegan{seconds(1'700'000'000)};
constexpr Bounds kAlways{TimePoint::min(), TimePoint::max()};

constexpr TimePoint at(double second) {
  return kBegan + milliseconds(static_cast<std::int64_t>(second * 1000));
}

/// From the start to `now`, with an expiry in whole seconds or, `exactly`, known to the tick.
LastPacketSearch looked_at(double now, double left, bool exactly = false) {
  const TimePoint expiry = at(now + left);
  return {{kBegan, at(now)}, Bounds{expiry, exactly ? expiry : expiry + seconds(1)}};
}

TEST(LastPacketSearch, CountsTheTimeoutBackFromAnExpiryThatIsKnownToTheTick) {
  LastPacketSearch search = looked_at(42, 0, true);
  search.consider(seconds(30), kAlways);
  const LastPacket found = search.result();
  EXPECT_EQ(found.time, at(12));
  EXPECT_EQ(found.error, LastPacketSearch::kTick);
  EXPECT_TRUE(found.explained);
  EXPECT_FALSE(found.ambiguous);
}

TEST(LastPacketSearch, TakesTheMiddleOfTheSecondThatWasRoundedDown) {
  LastPacketSearch search = looked_at(42, 20);
  search.consider(seconds(30), kAlways);
  EXPECT_EQ(search.result().time, at(32.5));
  EXPECT_EQ(search.result().error, milliseconds(500) + LastPacketSearch::kTick);
}

TEST(LastPacketSearch, CutsTheSecondAtWhatIsKnown) {
  // All packets within 0.2 s of the start, looked at a minute later: the second begins before it.
  LastPacketSearch search = looked_at(60, 431'939);
  search.consider(seconds(432'000), kAlways);
  search.consider(seconds(300), kAlways);
  EXPECT_EQ(search.result().time, kBegan);
  EXPECT_TRUE(search.result().explained);
  EXPECT_FALSE(search.result().ambiguous) << "300 s cannot have 431 939 s left";
  LastPacketSearch later = looked_at(60.4, 431'939);
  later.consider(seconds(432'000), kAlways);
  EXPECT_EQ(later.result().time, at(0.2));
  EXPECT_EQ(later.result().error, milliseconds(200) + LastPacketSearch::kTick);
}

TEST(LastPacketSearch, ExcludesATimeoutThatIsShorterThanWhatIsLeft) {
  LastPacketSearch search = looked_at(100, 280);
  search.consider(seconds(10), kAlways);
  search.consider(seconds(300), kAlways);
  EXPECT_EQ(search.result().time, at(80.5));
  EXPECT_FALSE(search.result().ambiguous);
}

TEST(LastPacketSearch, ExcludesATimeoutThatReachesBackBeforeTheStart) {
  LastPacketSearch search = looked_at(100, 0, true);
  search.consider(seconds(432'000), kAlways);
  search.consider(seconds(300), kAlways);
  search.consider(seconds(10), kAlways);
  EXPECT_EQ(search.result().time, at(90));
  EXPECT_FALSE(search.result().ambiguous);
}

TEST(LastPacketSearch, SaysHowFarTheAlternativesAreApart) {
  LastPacketSearch search = looked_at(1000, 0, true);
  search.consider(seconds(300), kAlways);
  search.consider(seconds(10), kAlways);
  const LastPacket found = search.result();
  EXPECT_EQ(found.time, at(700)) << "the likeliest comes first";
  EXPECT_TRUE(found.ambiguous);
  EXPECT_EQ(found.error, seconds(290) + LastPacketSearch::kTick);
}

TEST(LastPacketSearch, TakesATimeoutOnlyForTimesWhenItWasInForce) {
  // 75 s until a change to 20 s, which was seen between 30 and 32 s.
  const Bounds before{TimePoint::min(), at(32)};
  const Bounds after{at(30), TimePoint::max()};
  const auto end = [&](double expiry) {
    LastPacketSearch search = looked_at(expiry, 0, true);
    search.consider(seconds(75), before);
    search.consider(seconds(20), after);
    return search.result();
  };
  EXPECT_EQ(end(80).time, at(5)) << "or 60, but nothing excludes that";
  EXPECT_TRUE(end(80).ambiguous);
  EXPECT_GE(end(80).error, seconds(55));
  EXPECT_EQ(end(60).time, at(40)) << "75 s would reach back before the start";
  EXPECT_FALSE(end(60).ambiguous);
  EXPECT_EQ(end(120).time, at(100)) << "45 would be behind the change";
  EXPECT_FALSE(end(120).ambiguous);
}

TEST(LastPacketSearch, KnowsWhenTheOnlyPacketCame) {
  LastPacketSearch search = looked_at(100, 0, true);
  search.only_packet(kBegan);
  search.consider(seconds(20), kAlways);
  search.consider(seconds(100), kAlways);
  EXPECT_EQ(search.result().time, kBegan);
  EXPECT_EQ(search.result().error, LastPacketSearch::kTick);
  EXPECT_FALSE(search.result().ambiguous);
  LastPacketSearch contradicted = looked_at(100, 0, true);
  contradicted.only_packet(kBegan);
  contradicted.consider(seconds(20), kAlways);
  EXPECT_EQ(contradicted.result().time, at(80)) << "the counters were zeroed";
}

TEST(LastPacketSearch, MovesToWhatIsKnownWhereNoTimeoutFits) {
  const auto end = [](double left, std::initializer_list<int> timeouts) {
    LastPacketSearch search = looked_at(100, left, true);
    for (const int timeout : timeouts) search.consider(seconds(timeout), kAlways);
    EXPECT_FALSE(search.result().explained);
    return search.result();
  };
  EXPECT_EQ(end(0, {120}).time, kBegan) << "a policy with a shorter one";
  EXPECT_EQ(end(0, {120}).error, seconds(100) + LastPacketSearch::kTick);
  EXPECT_EQ(end(500, {120}).time, at(100)) << "a policy with a longer one";
  EXPECT_EQ(end(500, {120}).error, seconds(100) + LastPacketSearch::kTick);
  EXPECT_EQ(end(500, {10, 432'000}).time, at(50)) << "one in between";
  EXPECT_EQ(end(500, {10, 432'000}).error, seconds(50) + LastPacketSearch::kTick);
  EXPECT_EQ(end(500, {}).time, at(100)) << "none is known";
}

TEST(LastPacketSearch, TakesTheLatestWhereTheExpiryIsUnknown) {
  LastPacketSearch search({kBegan, at(7)}, std::nullopt);
  search.consider(seconds(1), kAlways);
  EXPECT_EQ(search.result().time, at(7));
  EXPECT_EQ(search.result().error, seconds(7) + LastPacketSearch::kTick);
}

TEST(LastPacketSearch, ForgivesWhatALoadedMachineMakesOfTicks) {
  LastPacketSearch search = looked_at(29.96, 0, true);
  search.consider(seconds(30), kAlways);
  EXPECT_TRUE(search.result().explained);
  EXPECT_EQ(search.result().time, kBegan);
  LastPacketSearch too_much = looked_at(29.9, 0, true);
  too_much.consider(seconds(30), kAlways);
  EXPECT_FALSE(too_much.result().explained);
}

}  // namespace
}  // namespace ctflow
