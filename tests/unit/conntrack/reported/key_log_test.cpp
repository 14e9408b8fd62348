// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/key_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "support/seed.hpp"

namespace ctflow {
namespace {

using Added = KeyLog::Added;

TEST(KeyLog, KnowsAKeyAgain) {
  KeyLog log;
  EXPECT_EQ(log.find(5), KeyLog::kNone);
  EXPECT_EQ(log.add(5), Added::kNew);
  EXPECT_EQ(log.add(6), Added::kNew);
  EXPECT_EQ(log.add(5), Added::kThereAlready);
  EXPECT_EQ(log.size(), 2U);
  EXPECT_EQ(log.find(6), 1U);
}

TEST(KeyLog, TellsKeysApartThatHaveTheSamePlaceAndTheSameBitsInIt) {
  constexpr std::uint64_t kSame = std::uint64_t{7} << 53 | 3;
  constexpr std::uint64_t kInNeither = std::uint64_t{1} << 40;
  KeyLog log;
  for (std::uint64_t i = 0; i < 100; ++i)
    ASSERT_EQ(log.add(kSame + i * kInNeither), Added::kNew) << i;
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(log.find(kSame + i * kInNeither), i);
  EXPECT_EQ(log.find(kSame + 100 * kInNeither), KeyLog::kNone);
}

TEST(KeyLog, NoKeyIsAFreePlace) {
  KeyLog log;
  for (const std::uint64_t key : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    EXPECT_EQ(log.find(key), KeyLog::kNone);
    EXPECT_EQ(log.add(key), Added::kNew);
    EXPECT_EQ(log.add(key), Added::kThereAlready);
  }
}

TEST(KeyLog, TakesNoMoreThanItHasPositionsFor) {
  KeyLog log;
  for (std::uint64_t key = 0; key < KeyLog::kLimit; ++key) ASSERT_EQ(log.add(key), Added::kNew);
  EXPECT_EQ(log.add(KeyLog::kLimit), Added::kNoRoom);
  EXPECT_EQ(log.add(KeyLog::kLimit - 1), Added::kThereAlready);
  EXPECT_EQ(log.find(KeyLog::kLimit - 1), KeyLog::kLimit - 1);
  log.drop_first(1);
  EXPECT_EQ(log.add(KeyLog::kLimit), Added::kNew);
  EXPECT_EQ(log.find(0), KeyLog::kNone);
}

TEST(KeyLog, FindsAllWhileItGrowsAndWhenItShrinks) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> keys(300'000);
  std::generate(keys.begin(), keys.end(), [&] { return random(); });
  KeyLog log;
  for (const std::uint64_t key : keys) ASSERT_EQ(log.add(key), Added::kNew);
  for (const std::size_t left : {300'000U, 150'000U, 10'000U, 9'999U, 20U, 10U, 5U, 0U}) {
    log.drop_first(log.size() - left);
    ASSERT_EQ(log.size(), left);
    for (std::size_t i = 0; i < keys.size(); i += left < 1000 ? 100 : 1) {
      const std::size_t gone = keys.size() - left;
      ASSERT_EQ(log.find(keys[i]), i < gone ? KeyLog::kNone : i - gone) << left << " " << i;
    }
  }
}

/// Against a vector, with keys of three kinds: any, those whose places have the same bits, and
/// those of few places.
TEST(KeyLog, IsAVectorWithoutRepeatsWhateverIsDoneToIt) {
  const unsigned seed = test::any_seed();
  SCOPED_TRACE("CTFLOWD_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    KeyLog log;
    std::vector<std::uint64_t> model;
    const auto kind = random() % 3;
    const std::uint64_t range = std::uint64_t{1} << (4 + random() % 12);
    const auto any = [&] {
      const std::uint64_t number = random() % range;
      if (kind == 0) return (number + 2) * 0x9e37'79b9'7f4a'7c15U;
      return kind == 1 ? number + 2 : (number << 32 | 5);
    };
    for (int step = 0; step < 3000; ++step) {
      const auto what = random() % 100;
      const std::uint64_t key = any();
      const auto found = std::find(model.begin(), model.end(), key);
      if (what < 70) {
        ASSERT_EQ(log.add(key), found == model.end() ? Added::kNew : Added::kThereAlready);
        if (found == model.end()) model.push_back(key);
      } else if (what < 94) {
        const auto position = static_cast<std::size_t>(found - model.begin());
        ASSERT_EQ(log.find(key), found == model.end() ? KeyLog::kNone : position);
      } else if (what < 99 && !model.empty()) {
        const std::size_t one = random() % model.size();
        const std::size_t other = random() % model.size();
        log.swap(one, other);
        std::swap(model[one], model[other]);
      } else if (random() % 4 == 0) {
        const std::size_t count = random() % (model.size() + 1);
        log.drop_first(count);
        model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
      }
    }
    ASSERT_EQ(log.size(), model.size());
    for (std::size_t i = 0; i < model.size(); ++i) ASSERT_EQ(log[i], model[i]);
  }
}

}  // namespace
}  // namespace ctflow
