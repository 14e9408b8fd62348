// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/spread.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

const TimePoint kNoon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 12h;
const Minute kLongAgo = std::chrono::floor<std::chrono::minutes>(kNoon) - 48h;

std::map<Minute, Amounts> spread_to_map(const Amounts& total, TimePoint from, TimePoint to,
                                        Minute oldest, bool* late = nullptr) {
  std::map<Minute, Amounts> parts;
  const bool any = spread(total, from, to, oldest,
                          [&](Minute minute, const Amounts& part) { parts[minute] += part; });
  if (late != nullptr) *late = any;
  return parts;
}

Minute minute(std::chrono::minutes after_noon) {
  return std::chrono::floor<std::chrono::minutes>(kNoon) + after_noon;
}

TEST(Spread, GivesOneMinuteEverything) {
  const Amounts total{100, 50, 3, 2, 1};
  EXPECT_EQ(spread_to_map(total, kNoon + 5s, kNoon + 59s, kLongAgo),
            (std::map<Minute, Amounts>{{minute(0min), total}}));
}

TEST(Spread, GivesMinutesByTheirPartAndTheLastTheRest) {
  // 30 s, 60 s and 10 s of 100 s.
  const auto parts = spread_to_map({1001, 10, 7, 0, 1}, kNoon + 30s, kNoon + 130s, kLongAgo);
  EXPECT_EQ(parts, (std::map<Minute, Amounts>{{minute(0min), {300, 3, 2, 0, 1}},
                                              {minute(1min), {600, 6, 4, 0, 0}},
                                              {minute(2min), {101, 1, 1, 0, 0}}}));
}

TEST(Spread, CountsTheEndOfAMinuteToIt) {
  const auto parts = spread_to_map({100, 0, 0, 0, 0}, kNoon, kNoon + 2min, kLongAgo);
  EXPECT_EQ(parts, (std::map<Minute, Amounts>{{minute(0min), {50, 0, 0, 0, 0}},
                                              {minute(1min), {50, 0, 0, 0, 0}}}));
}

TEST(Spread, EntersAMomentInItsMinute) {
  const Amounts total{1, 2, 3, 4, 1};
  EXPECT_EQ(spread_to_map(total, kNoon, kNoon, kLongAgo).at(minute(0min)), total);
  EXPECT_EQ(spread_to_map(total, kNoon + 90s, kNoon, kLongAgo).at(minute(0min)), total)
      << "a beginning after the end";
}

TEST(Spread, EntersWhatIsTooOldInTheOldestMinute) {
  bool late = false;
  const auto parts =
      spread_to_map({600, 0, 0, 0, 1}, kNoon - 8min, kNoon + 2min, minute(0min), &late);
  EXPECT_TRUE(late);
  EXPECT_EQ(parts, (std::map<Minute, Amounts>{{minute(0min), {540, 0, 0, 0, 1}},
                                              {minute(1min), {60, 0, 0, 0, 0}}}));
  const auto all =
      spread_to_map({600, 0, 0, 0, 1}, kNoon - 8min, kNoon - 6min, minute(0min), &late);
  EXPECT_TRUE(late);
  EXPECT_EQ(all, (std::map<Minute, Amounts>{{minute(0min), {600, 0, 0, 0, 1}}}));
  spread_to_map({1, 0, 0, 0, 1}, kNoon, kNoon + 1s, minute(0min), &late);
  EXPECT_FALSE(late);
}

TEST(Spread, NeverLosesAnOctet) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    // Numbers of all sizes, up to what would overflow 64 bits when multiplied.
    const auto any = [&] { return random() >> (random() % 64); };
    const Amounts total{any(), any(), any(), any(), random() % 2};
    const TimePoint from = kNoon - std::chrono::nanoseconds(any() % 10'000'000'000'000);
    const TimePoint to = from + std::chrono::nanoseconds(any() % 10'000'000'000'000);
    Amounts sum;
    for (const auto& [at, part] : spread_to_map(total, from, to, minute(-60min))) {
      sum += part;
      EXPECT_GE(at, minute(-60min));
      EXPECT_LE(at, std::max(minute(-60min), std::chrono::floor<std::chrono::minutes>(to)));
      EXPECT_LE(part.down_octets, total.down_octets);
      EXPECT_LE(part.up_packets, total.up_packets);
    }
    ASSERT_EQ(sum, total);
  }
}

}  // namespace
}  // namespace ctflow::accounting
