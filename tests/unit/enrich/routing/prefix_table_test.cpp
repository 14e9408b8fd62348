// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/prefix_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ctflow {
namespace {

/// Whether the first `length` bits are equal, bit by bit.
bool covers(const PrefixKey& prefix, unsigned length, const PrefixKey& address) {
  for (unsigned i = 0; i < length; ++i) {
    const auto bit = [i](const PrefixKey& key) {
      return i < 64 ? key.high >> (63 - i) & 1 : key.low >> (127 - i) & 1;
    };
    if (bit(prefix) != bit(address)) return false;
  }
  return true;
}

/// What a table must do, done by looking at everything.
class Naive {
 public:
  void insert(const PrefixKey& key, unsigned length, PrefixTable::Value value) {
    entries_[{length, key.high, key.low}] = value;
  }
  bool erase(const PrefixKey& key, unsigned length) {
    return entries_.erase({length, key.high, key.low}) == 1;
  }
  template <typename Accept>
  [[nodiscard]] PrefixTable::Match longest(const PrefixKey& key, Accept accept) const {
    PrefixTable::Match best;
    for (const auto& [prefix, value] : entries_) {
      const auto& [length, high, low] = prefix;
      if (!covers({high, low}, length, key) || !accept(value)) continue;
      if (!best.found || length > best.length) {
        best = {value, static_cast<std::uint8_t>(length), true};
      }
    }
    return best;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::map<std::tuple<unsigned, std::uint64_t, std::uint64_t>, PrefixTable::Value> entries_;
};

void expect_equal(const PrefixTable::Match& got, const PrefixTable::Match& expected,
                  const PrefixKey& key) {
  ASSERT_EQ(got.found, expected.found) << std::hex << key.high << ' ' << key.low;
  if (!expected.found) return;
  ASSERT_EQ(got.length, expected.length) << std::hex << key.high << ' ' << key.low;
  ASSERT_EQ(got.value, expected.value) << std::hex << key.high << ' ' << key.low;
}

PrefixKey key4(std::uint32_t address) { return {std::uint64_t{address} << 32, 0}; }

/// Prefixes that are near each other, so that they nest, share nodes and fill arrays.
class Dense {
 public:
  Dense(std::uint32_t seed, unsigned width) : random_(seed), width_(width) {}

  unsigned number(unsigned bound) {
    return std::uniform_int_distribution<unsigned>(0, bound)(random_);
  }
  unsigned length() { return number(width_); }
  PrefixKey address() {
    // Few choices in each quarter of the address.
    const auto word = [this] {
      std::uint64_t value = 0;
      for (int i = 0; i < 8; ++i)
        value = value << 8 | (number(3) == 0 ? number(255) : number(1) * 0x80);
      return value;
    };
    return PrefixKey{word(), word()}.first(width_);
  }

 private:
  std::mt19937 random_;
  unsigned width_;
};

class PrefixTableProperty : public testing::TestWithParam<unsigned> {};

TEST_P(PrefixTableProperty, AgreesWithALinearSearchThroughInsertsAndRemovals) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Dense random(seed, GetParam());
    PrefixTable table;
    Naive naive;
    std::vector<std::pair<PrefixKey, unsigned>> known;
    const auto odd = [](PrefixTable::Value value) { return value % 2 == 1; };
    for (unsigned step = 0; step < 600; ++step) {
      const bool removing = (step / 150) % 2 == 1 ? random.number(9) < 8 : random.number(9) < 2;
      if (removing && !known.empty()) {
        const auto chosen = known.begin() + random.number(static_cast<unsigned>(known.size()) - 1);
        ASSERT_EQ(table.erase(chosen->first, chosen->second),
                  naive.erase(chosen->first, chosen->second));
        known.erase(chosen);
      } else {
        const unsigned length = random.length();
        const PrefixKey prefix = random.address().first(length);
        table.insert(prefix, length, step);
        naive.insert(prefix, length, step);
        known.emplace_back(prefix, length);
      }
      ASSERT_EQ(table.size(), naive.size());
      for (int i = 0; i < 5; ++i) {
        const PrefixKey address = random.address();
        expect_equal(table.longest(address), naive.longest(address, [](auto) { return true; }),
                     address);
        expect_equal(table.longest(address, odd), naive.longest(address, odd), address);
        if (HasFatalFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, PrefixTableProperty, testing::Values(12U, 32U, 128U));

TEST(PrefixTable, FindsTheDefaultWhenNothingElseFits) {
  PrefixTable table;
  EXPECT_FALSE(table.longest(key4(1)).found);
  table.insert({}, 0, 7);
  table.insert(key4(0x0a000000), 8, 8);
  EXPECT_EQ(table.longest(key4(0x0b000000)).value, 7U);
  EXPECT_EQ(table.longest(key4(0x0b000000)).length, 0U);
  EXPECT_EQ(table.longest(key4(0x0affffff)).value, 8U);
  EXPECT_TRUE(table.erase({}, 0));
  EXPECT_FALSE(table.erase({}, 0));
  EXPECT_FALSE(table.longest(key4(0x0b000000)).found);
}

TEST(PrefixTable, TellsEveryLengthApart) {
  for (const unsigned width : {32U, 128U}) {
    PrefixTable table;
    const PrefixKey ones = PrefixKey{~std::uint64_t{0}, ~std::uint64_t{0}}.first(width);
    for (unsigned length = 0; length <= width; ++length)
      table.insert(ones.first(length), length, length);
    EXPECT_EQ(table.size(), width + 1);
    for (unsigned length = width; length > 0; --length) {
      EXPECT_EQ(table.longest(ones).length, length);
      EXPECT_EQ(table.longest(ones).value, length);
      EXPECT_TRUE(table.erase(ones, length)) << "bits behind the length do not matter";
    }
    EXPECT_EQ(table.longest(ones).length, 0U);
  }
}

TEST(PrefixTable, ReplacesTheValueOfAKnownPrefix) {
  PrefixTable table;
  table.insert(key4(0x0a000000), 13, 1);
  table.insert(key4(0x0a000000), 13, 2);
  EXPECT_EQ(table.size(), 1U);
  ASSERT_NE(table.find(key4(0x0a000000), 13), nullptr);
  EXPECT_EQ(*table.find(key4(0x0a000000), 13), 2U);
  *table.find(key4(0x0a000000), 13) = 3;
  EXPECT_EQ(table.longest(key4(0x0a000001)).value, 3U);
  EXPECT_EQ(table.find(key4(0x0a000000), 12), nullptr);
  EXPECT_EQ(table.find(key4(0x0a000000), 25), nullptr);
  EXPECT_EQ(table.find({}, 0), nullptr);
}

TEST(PrefixTable, GoesBackToShorterPrefixesUntilOneIsTaken) {
  PrefixTable table;
  table.insert({}, 0, 100);
  for (unsigned length = 1; length <= 32; ++length) table.insert(key4(0x0a0b0c0d), length, length);
  for (unsigned limit = 0; limit <= 32; ++limit) {
    const auto match = table.longest(key4(0x0a0b0c0d),
                                     [limit](PrefixTable::Value value) { return value < limit; });
    EXPECT_EQ(match.found, limit > 1);
    if (match.found) {
      EXPECT_EQ(match.length, limit - 1);
    }
  }
}

TEST(PrefixTable, GivesRoomBackToLaterPrefixes) {
  PrefixTable table;
  const auto fill = [&table] {
    for (std::uint32_t i = 0; i < 5000; ++i) table.insert(key4(i * 2654435761U), 24, i);
  };
  const auto clear = [&table] {
    for (std::uint32_t i = 0; i < 5000; ++i) table.erase(key4(i * 2654435761U), 24);
  };
  fill();
  clear();
  EXPECT_EQ(table.size(), 0U);
  fill();
  clear();
  const std::size_t memory = table.memory();
  for (int i = 0; i < 20; ++i) {
    fill();
    clear();
  }
  EXPECT_EQ(table.memory(), memory);
}

TEST(PrefixTable, VisitsEveryPrefixOnce) {
  PrefixTable table;
  table.insert({}, 0, 0);
  for (std::uint32_t i = 1; i < 1000; ++i) table.insert(key4(i << 12), 8 + i % 25, i);
  std::size_t visited = 0;
  table.for_each([&](PrefixTable::Value) { ++visited; });
  EXPECT_EQ(visited, table.size());
}

TEST(PrefixKey, HoldsTheAddressFromTheLeft) {
  IpAddress address;
  address.octets = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3};
  const PrefixKey key = PrefixKey::of(address);
  EXPECT_EQ(key, (PrefixKey{0x20010db800000001, 0x0200000000000003}));
  EXPECT_EQ(key.first(32), (PrefixKey{0x20010db800000000, 0}));
  EXPECT_EQ(key.first(0), PrefixKey{});
  EXPECT_EQ(key.first(72), (PrefixKey{0x20010db800000001, 0x0200000000000000}));
  EXPECT_EQ(key.first(128), key);
}

}  // namespace
}  // namespace ctflow
