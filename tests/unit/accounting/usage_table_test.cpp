// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/usage_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

Key key_of(std::uint32_t mark) {
  Key key;
  key.mark = mark;
  return key;
}

Amounts octets(std::uint64_t count) { return {count, 0, 0, 0, 0}; }

const Minute kNoon{std::chrono::hours(12)};

Amounts sum_of(const UsageTable& table) {
  Amounts sum;
  for (const Cell& cell : table.cells()) sum += cell.amounts;
  for (const auto& [place, amounts] : table.others()) sum += amounts;
  return sum;
}

TEST(UsageTable, AddsToTheCellOfKeyMinuteAndDirection) {
  UsageTable table(100);
  table.add(key_of(1), kNoon, Direction::kIn, octets(1));
  table.add(key_of(1), kNoon, Direction::kIn, octets(2));
  table.add(key_of(1), kNoon, Direction::kOut, octets(4));
  table.add(key_of(1), kNoon + 1min, Direction::kIn, octets(8));
  table.add(key_of(2), kNoon, Direction::kIn, octets(16));
  ASSERT_EQ(table.cells().size(), 4U);
  EXPECT_EQ(table.cells()[0].amounts, octets(3));
  EXPECT_EQ(table.cells()[1].amounts, octets(4));
  EXPECT_EQ(table.cells()[2].amounts, octets(8));
  EXPECT_EQ(table.cells()[3].amounts, octets(16));
  EXPECT_TRUE(table.others().empty());
}

TEST(UsageTable, AddsTheSmallestToOtherWhenItIsFull) {
  UsageTable table(16);
  for (std::uint32_t i = 1; i <= 16; ++i) table.add(key_of(i), kNoon, Direction::kIn, octets(i));
  EXPECT_EQ(table.merged(), 0U);
  table.add(key_of(100), kNoon, Direction::kOut, octets(7));
  EXPECT_EQ(table.merged(), 2U);
  EXPECT_EQ(table.cells().size(), 15U);
  ASSERT_EQ(table.others().size(), 1U);
  EXPECT_EQ(table.others().begin()->second, octets(1 + 2));
  EXPECT_EQ(sum_of(table), octets(16 * 17 / 2 + 7));
}

TEST(UsageTable, NeverLosesAnOctetNorGrowsBeyondItsBound) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const std::size_t most : {1U, 2U, 7U, 100U, 3000U}) {
    UsageTable table(most);
    Amounts sum;
    for (int i = 0; i < 20'000; ++i) {
      const Amounts one{random() % 1000, random() % 10, random() % 3, random() % 5, random() % 2};
      table.add(key_of(static_cast<std::uint32_t>(random() % 5000)),
                kNoon + std::chrono::minutes(random() % 3),
                static_cast<Direction>(random() % kDirections), one);
      sum += one;
      ASSERT_LE(table.cells().size(), most);
    }
    EXPECT_EQ(sum_of(table), sum);
    table.clear();
    EXPECT_EQ(sum_of(table), Amounts{});
    table.add(key_of(1), kNoon, Direction::kIn, octets(1));
    EXPECT_EQ(sum_of(table), octets(1));
  }
}

TEST(UsageTable, KeepsTheKeysWithTheMost) {
  UsageTable table(200);
  // A tenth of the octets is of 20 keys, the rest of a million that come once.
  std::mt19937 random(1);
  std::map<std::uint32_t, std::uint64_t> sent;
  std::uint64_t all = 0;
  for (std::uint32_t i = 0; i < 1'100'000; ++i) {
    if (i % 10 == 0) {
      sent[i / 10 % 20] += 100;
      all += 100;
      table.add(key_of(i / 10 % 20), kNoon, Direction::kIn, octets(100));
    } else {
      const std::uint64_t count = random() % 100;
      all += count;
      table.add(key_of(1000 + i), kNoon, Direction::kIn, octets(count));
    }
  }
  EXPECT_EQ(sum_of(table), octets(all));
  for (const auto& [mark, count] : sent) {
    const auto cell =
        std::find_if(table.cells().begin(), table.cells().end(),
                     [key = key_of(mark)](const Cell& one) { return one.key == key; });
    ASSERT_NE(cell, table.cells().end()) << mark;
    EXPECT_GT(cell->amounts.octets(), count * 9 / 10);
  }
}

}  // namespace
}  // namespace ctflow::accounting
