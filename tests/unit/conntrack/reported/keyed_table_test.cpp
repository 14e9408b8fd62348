// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/keyed_table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <unordered_map>
#include <vector>

#include "conntrack/reported/reported_map.hpp"

namespace ctflow {
namespace {

ReportedConnection& put(ReportedMap& table, std::uint64_t key) {
  ReportedConnection* entry = table.insert(key);
  EXPECT_NE(entry, nullptr);
  entry->original_counters.packets = key;
  return *entry;
}

TEST(ReportedMap, FindsWhatWasInserted) {
  ReportedMap table;
  EXPECT_EQ(table.find(7), nullptr);
  put(table, 7);
  ASSERT_NE(table.find(7), nullptr);
  EXPECT_EQ(table.find(7)->original_counters.packets, 7U);
  EXPECT_EQ(table.find(8), nullptr);
  table.erase(*table.find(7));
  EXPECT_EQ(table.find(7), nullptr);
  EXPECT_EQ(table.size(), 0U);
}

TEST(ReportedMap, KeepsChainsTogetherThatShareAHome) {
  ReportedMap table;
  for (const std::uint64_t key : {62U, 126U, 63U, 190U, 127U, 64U}) put(table, key);
  table.erase(*table.find(126));
  for (const std::uint64_t key : {62U, 63U, 190U, 127U, 64U}) {
    ASSERT_NE(table.find(key), nullptr) << key;
  }
  EXPECT_EQ(table.find(126), nullptr);
}

TEST(ReportedMap, NewEntriesAreEmptyWhateverWasThereBefore) {
  ReportedMap table;
  put(table, 5).visits = 9;
  table.erase(*table.find(5));
  EXPECT_EQ(put(table, 5).visits, 0U);
}

/// Against a container of the library, through many doublings.
TEST(ReportedMap, AgreesWithAMapOverRandomCalls) {
  std::mt19937_64 random(1);
  ReportedMap table;
  std::unordered_map<std::uint64_t, std::uint64_t> model;
  const std::uint64_t keys = 20'000;
  for (int step = 0; step < 400'000; ++step) {
    // Few distinct low bits, so that chains are long.
    const std::uint64_t key = ReportedMap::kFirstKey + (random() % keys) * 3;
    ReportedConnection* entry = table.find(key);
    ASSERT_EQ(entry != nullptr, model.contains(key)) << "step " << step;
    if (entry == nullptr) {
      if (random() % 2 == 0) {
        put(table, key).reply_counters.octets = static_cast<std::uint64_t>(step);
      } else {
        ReportedConnection* const fresh = table.insert(key);
        ASSERT_NE(fresh, nullptr);
        ASSERT_EQ(table.find(key), fresh);
        ASSERT_EQ(fresh->window, ReportedConnection::kUnknownWindow);
        fresh->reply_counters.octets = static_cast<std::uint64_t>(step);
      }
      model[key] = static_cast<std::uint64_t>(step);
    } else {
      ASSERT_EQ(entry->reply_counters.octets, model[key]);
      entry = table.find(key);
      ASSERT_NE(entry, nullptr);
      ASSERT_EQ(entry->reply_counters.octets, model[key]);
      // First it mostly grows, then it mostly shrinks.
      if (random() % 4 < (step < 200'000 ? 1U : 3U)) {
        table.erase(*entry);
        model.erase(key);
      }
    }
    ASSERT_EQ(table.size(), model.size());
  }
}

// The memory of what has moved to a larger table is given back, also in the middle of a chain.
TEST(ReportedMap, FindsWhatHasNotMovedYetOfOneChain) {
  ReportedMap table;
  const auto key = [](std::uint64_t number) { return number << 32 | ReportedMap::kFirstKey; };
  const std::uint64_t before = 3072;  // three quarters of 4096
  for (std::uint64_t i = 0; i < before; ++i) put(table, key(i));
  const std::size_t small = table.memory();
  for (std::uint64_t i = 0; i < 300; ++i) {
    put(table, key(before + i));
    const std::uint64_t later = before - 1 - i;  // moves after these
    ASSERT_NE(table.find(key(later)), nullptr) << later;
    ASSERT_EQ(table.find(key(later))->original_counters.packets, key(later));
  }
  ASSERT_GT(table.memory(), 4 * small) << "it has grown, and not moved all";
  for (std::uint64_t i = 0; i < before + 300; ++i) ASSERT_NE(table.find(key(i)), nullptr) << i;
  EXPECT_EQ(table.find(key(before + 300)), nullptr);
}

TEST(ReportedMap, IsNeverMoreThanThreeQuartersFull) {
  ReportedMap table;
  for (std::uint64_t key = 2; key < 10'000; ++key) {
    put(table, key);
    ASSERT_LE(table.size() * 4, table.memory() / sizeof(ReportedConnection) * 3);
  }
}

TEST(ReportedMap, SweepsAwayWhatIsStaleAndNothingElse) {
  for (const std::size_t budget : {1U, 7U, 1000U, 100'000U}) {
    ReportedMap table;
    std::mt19937_64 random(budget);
    std::set<std::uint64_t> keys;
    while (keys.size() < 3000) keys.insert(ReportedMap::kFirstKey + random());
    for (const std::uint64_t key : keys) put(table, key).visits = key % 2;
    std::size_t position = 0;
    for (int calls = 0; position != ReportedMap::kSwept; ++calls) {
      ASSERT_LT(calls, 100'000);
      position = table.sweep(position, budget,
                             [](const ReportedConnection& entry) { return entry.visits == 1; });
    }
    for (const std::uint64_t key : keys) {
      ASSERT_EQ(table.find(key) == nullptr, key % 2 == 1) << "budget " << budget;
    }
  }
}

TEST(ReportedMap, SweepsAlsoWhatADoublingHasNotMovedYet) {
  ReportedMap table;
  std::uint64_t key = 2;
  while (table.memory() < std::size_t{3} * 4096) put(table, key++);  // the old table is still there
  std::size_t position = 0;
  while (position != ReportedMap::kSwept) {
    position = table.sweep(position, 16, [](const ReportedConnection&) { return true; });
  }
  EXPECT_EQ(table.size(), 0U);
}

// The state file is written from what a sweep sees, in turns between which connections end.
TEST(ReportedMap, SweepsWhatStaysWhateverGoesAndComesMeanwhile) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    ReportedMap table;
    std::set<std::uint64_t> there;
    const auto any = [&] {
      return *std::next(there.begin(), static_cast<std::ptrdiff_t>(random() % there.size()));
    };
    while (there.size() < 300) {
      const std::uint64_t key = ReportedMap::kFirstKey + random() % 1'000'000;
      if (there.insert(key).second) put(table, key);
    }
    std::set<std::uint64_t> seen;
    std::size_t position = 0;
    while (position != ReportedMap::kSwept) {
      position = table.sweep(position, 16, [&](const ReportedConnection& entry) {
        seen.insert(entry.key);
        return false;
      });
      for (int i = 0; i < 4; ++i) {
        const std::uint64_t key = any();
        there.erase(key);
        table.erase(*table.find(key));
      }
      // Outside of what is looked for. Sometimes the table grows by it.
      for (std::uint64_t i = 0; i < seed % 7; ++i) {
        const std::uint64_t key = 2'000'000 + random() % 1'000'000;
        if (table.find(key) == nullptr) put(table, key);
      }
    }
    for (const std::uint64_t key : there) ASSERT_EQ(seen.count(key), 1U) << key;
  }
}

TEST(ReportedMap, IsEmptyAndUsableAfterItWasCleared) {
  ReportedMap table;
  for (const std::uint64_t count : {10U, 10'000U, 100'000U, 7U}) {
    for (std::uint64_t key = 2; key < 2 + count; ++key) put(table, key);
    table.clear();
    EXPECT_EQ(table.size(), 0U);
    for (std::uint64_t key = 2; key < 2 + count; ++key) ASSERT_EQ(table.find(key), nullptr) << key;
  }
}

TEST(ReportedMap, IsClearedInTheMiddleOfGrowing) {
  ReportedMap table;
  for (std::uint64_t key = 2; key < 2 + 50; ++key) put(table, key);  // has grown just now
  ASSERT_GT(table.memory(), std::size_t{4} * 4096);                  // the old table is there
  table.clear();
  for (std::uint64_t key = 2; key < 2 + 50; ++key) ASSERT_EQ(table.find(key), nullptr) << key;
  put(table, 50);
  std::size_t count = 0;
  table.for_each([&](const ReportedConnection&) { ++count; });
  EXPECT_EQ(count, 1U);
}

TEST(ReportedMap, GivesMemoryBackWhenItIsLittleUsed) {
  ReportedMap table;
  const std::size_t smallest = table.memory();
  for (std::uint64_t key = 2; key < 100'000; ++key) put(table, key);
  const std::size_t largest = table.memory();
  for (int i = 0; i < 30; ++i) {
    table.clear();
    put(table, 2);
  }
  EXPECT_GT(largest, 100 * smallest);
  EXPECT_EQ(table.memory(), smallest);
}

}  // namespace
}  // namespace ctflow
