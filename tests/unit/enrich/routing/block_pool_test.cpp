// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/block_pool.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ctflow {
namespace {

using Pool = BlockPool<std::uint32_t, 126>;

TEST(BlockPool, KeepsEveryBlockApartThroughInsertsAndErasures) {
  std::mt19937 random(1);
  const auto number = [&random](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound)(random);
  };
  struct Block {
    std::uint32_t offset = 0;
    std::vector<std::uint32_t> expected;
  };
  Pool pool;
  std::vector<Block> blocks(50);
  for (std::uint32_t step = 0; step < 50'000; ++step) {
    Block& block = blocks[number(blocks.size() - 1)];
    const auto count = static_cast<std::uint32_t>(block.expected.size());
    const bool grow = count == 0 || (count < 126 && number(step / 10'000 % 2 == 0 ? 2 : 5) < 2);
    if (grow) {
      const auto position = static_cast<std::uint32_t>(number(count));
      block.offset = pool.insert(block.offset, count, position);
      *pool.at(block.offset + position) = step;
      block.expected.insert(block.expected.begin() + position, step);
    } else {
      const auto position = static_cast<std::uint32_t>(number(count - 1));
      block.offset = pool.erase(block.offset, count, position);
      block.expected.erase(block.expected.begin() + position);
    }
    for (std::uint32_t i = 0; i < block.expected.size(); ++i) {
      ASSERT_EQ(*pool.at(block.offset + i), block.expected[i]);
    }
  }
  for (const Block& block : blocks) {
    for (std::uint32_t i = 0; i < block.expected.size(); ++i) {
      ASSERT_EQ(*pool.at(block.offset + i), block.expected[i]);
    }
  }
}

TEST(BlockPool, UsesWhatWasReleased) {
  Pool pool;
  const std::uint32_t first = pool.allocate(7);
  const std::uint32_t second = pool.allocate(7);
  EXPECT_NE(first, second);
  pool.release(first, 7);
  EXPECT_EQ(pool.allocate(7), first);
}

TEST(BlockPool, LeavesAtMostAQuarterOfABlockUnused) {
  for (std::uint32_t count = 1; count <= 126; ++count) {
    Pool pool;
    pool.allocate(count);
    const std::uint32_t next = pool.allocate(1);
    EXPECT_GE(next, count);
    EXPECT_LE(next, count + count / 4);
  }
}

}  // namespace
}  // namespace ctflow
