// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/prefix_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

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

/// The same with a table so large that its middle lengths are found by index.
class Sparse {
 public:
  explicit Sparse(std::uint32_t seed) : random_(seed) {}

  std::uint32_t word() { return static_cast<std::uint32_t>(random_()); }
  unsigned number(unsigned bound) { return word() % (bound + 1); }
  /// Mostly 19 to 24, which one level of nodes has; the others are all lengths.
  unsigned length() { return number(3) != 0 ? 19 + number(5) : number(128); }
  PrefixKey address() {
    return {std::uint64_t{word()} << 32 | word(), std::uint64_t{word()} << 32 | word()};
  }

 private:
  std::mt19937 random_;
};

class Witness {
 public:
  using Prefix = std::tuple<unsigned, std::uint64_t, std::uint64_t>;

  static Prefix prefix(const PrefixKey& key, unsigned length) {
    // Not by PrefixKey::first(): bit by bit.
    PrefixKey cut;
    for (unsigned i = 0; i < length; ++i) {
      const std::uint64_t one = std::uint64_t{1} << (63 - i % 64);
      (i < 64 ? cut.high : cut.low) |= (i < 64 ? key.high : key.low) & one;
    }
    return {length, cut.high, cut.low};
  }
  [[nodiscard]] PrefixTable::Match longest(const PrefixKey& key) const {
    for (unsigned length = 129; length-- > 0;) {
      const auto found = values.find(prefix(key, length));
      if (found != values.end()) return {found->second, static_cast<std::uint8_t>(length), true};
    }
    return {};
  }

  std::map<Prefix, PrefixTable::Value> values;
};

TEST(PrefixTable, AgreesWithAMapWhenItIsLarge) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Sparse random(seed);
  PrefixTable table;
  Witness witness;
  std::vector<std::pair<PrefixKey, unsigned>> known;
  const auto ask = [&](const PrefixKey& address) {
    if (random.number(3) != 0) return;  // asking the witness takes long
    table.prefetch(address);
    table.prefetch_next(address);
    expect_equal(table.longest(address), witness.longest(address), address);
  };
  const auto insert = [&](PrefixTable::Value value) {
    PrefixKey key = random.address();
    const unsigned length = random.length();
    // Next to another one now and then, so that nodes have more values than stand in them.
    if (!known.empty() && random.number(2) == 0) {
      key = known[random.number(static_cast<unsigned>(known.size()) - 1)].first;
      key.high ^= std::uint64_t{random.number(63)} << 40;
    }
    table.insert(key, length, value);
    witness.values[Witness::prefix(key, length)] = value;
    known.emplace_back(key, length);
    ask(key);
  };
  const auto erase = [&] {
    const auto chosen = known.begin() + random.number(static_cast<unsigned>(known.size()) - 1);
    const auto [key, length] = *chosen;
    *chosen = known.back();
    known.pop_back();
    const bool was = witness.values.erase(Witness::prefix(key, length)) == 1;
    ASSERT_EQ(table.erase(key, length), was);
    ASSERT_EQ(table.find(key, length), nullptr);
    ask(key);
  };
  constexpr PrefixTable::Value kMany = 40'000;
  for (PrefixTable::Value i = 0; i < kMany && !HasFatalFailure(); ++i) insert(i);
  for (PrefixTable::Value i = 0; i < kMany && !HasFatalFailure(); ++i) {
    if (random.number(1) == 0) {
      insert(kMany + i);
    } else {
      erase();
    }
  }
  ASSERT_FALSE(HasFatalFailure());
  std::map<Witness::Prefix, PrefixTable::Value> visited;
  table.for_each_prefix([&](const PrefixKey& key, unsigned length, PrefixTable::Value value) {
    EXPECT_TRUE(visited.emplace(std::tuple{length, key.high, key.low}, value).second);
  });
  EXPECT_EQ(visited, witness.values);
  while (!known.empty() && !HasFatalFailure()) erase();
  EXPECT_EQ(table.size(), 0U);
}

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
