// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/map_reader.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "nat_log/ruleset_maps.hpp"
#include "support/nat_log_flows.hpp"
#include "support/no_threads.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using State = MapsNow::State;

/// A ruleset with a number, which is also the number of its entries.
struct FakeRuleset {
  std::atomic<std::uint32_t> generation{1};
  std::atomic<int> readings{0};
  std::atomic<int> changes_while_read{0};
  std::atomic<bool> fails{false};
  std::atomic<bool> slow{false};

  MapReader::Ruleset ask() {
    return {[this] { return generation.load(); },
            [this] {
              ++readings;
              while (slow) std::this_thread::sleep_for(1ms);
              if (fails) throw RulesetError("no");
              UsedMap map{"a", {}};
              for (std::uint32_t i = 0; i < generation; ++i) {
                const auto port = static_cast<std::uint16_t>(i);
                map.entries.push_back(test::map_entry("100.64.0.2", "203.0.113.7", port, port));
              }
              StaticMaps maps({map});
              if (changes_while_read > 0) {
                --changes_while_read;
                ++generation;
              }
              return maps;
            }};
  }
};

/// Looks until the state is another one, ten seconds at most.
MapsNow look_past(MapReader& reader, State state) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  MapsNow now = reader.look();
  while (now.state == state && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
    now = reader.look();
  }
  return now;
}

TEST(MapReader, TheFirstLookWaitsAndOthersDoNot) {
  FakeRuleset ruleset;
  MapReader reader(ruleset.ask());
  const MapsNow first = reader.look();
  ASSERT_EQ(first.state, State::kCurrent);
  EXPECT_EQ(first.reading.maps->entries().size(), 1U);
  EXPECT_EQ(reader.look().reading.maps, first.reading.maps);
  EXPECT_EQ(ruleset.readings, 1);
  ruleset.slow = true;
  ruleset.generation = 2;
  EXPECT_EQ(look_past(reader, State::kCurrent).state, State::kReading);
  EXPECT_EQ(reader.look().state, State::kReading);
  ruleset.slow = false;
  const MapsNow second = look_past(reader, State::kReading);
  ASSERT_EQ(second.state, State::kCurrent);
  EXPECT_EQ(second.reading.maps->entries().size(), 2U);
  EXPECT_EQ(ruleset.readings, 2);
}

TEST(MapReader, WhatChangedWhileItWasReadIsReadAgain) {
  FakeRuleset ruleset;
  ruleset.changes_while_read = 2;
  MapReader reader(ruleset.ask());
  const MapsNow found = look_past(reader, State::kReading);
  ASSERT_EQ(found.state, State::kCurrent);
  EXPECT_EQ(found.reading.maps->entries().size(), 3U);
  EXPECT_EQ(ruleset.readings, 3);
}

TEST(MapReader, SaysWhyItCannotRead) {
  FakeRuleset ruleset;
  ruleset.fails = true;
  MapReader reader(ruleset.ask());
  const MapsNow found = reader.look();
  EXPECT_EQ(found.state, State::kUnreadable);
  EXPECT_EQ(found.why, "no");
  ruleset.fails = false;
  reader.look();
  EXPECT_EQ(ruleset.readings, 1) << "it tries again at once";
}

TEST(MapReader, PausesAfterALongReading) {
  FakeRuleset ruleset;
  MonoTime steady{};
  std::mutex mutex;
  const auto clock = [&] {
    const std::lock_guard lock(mutex);
    steady += 1s;  // each reading takes seconds
    return Instant{TimePoint{}, steady};
  };
  MapReader reader(ruleset.ask(), clock);
  ASSERT_EQ(reader.look().state, State::kCurrent);
  ruleset.generation = 2;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(reader.look().state, State::kReading);
  EXPECT_EQ(ruleset.readings, 1);
  for (int i = 0; i < 30; ++i) reader.look();
  EXPECT_EQ(look_past(reader, State::kReading).state, State::kCurrent);
  EXPECT_EQ(ruleset.readings, 2);
}

TEST(MapReader, AChangeBeforeTheNumberWasAskedForIsBeforeTheReading) {
  FakeRuleset ruleset;
  std::atomic<int> changes{0};
  std::atomic<int> hour{0};
  MapReader::Ruleset ask = ruleset.ask();
  ask.generation = [&, number = ask.generation] {
    // The second one asks is the thread, and at once before it the ruleset changes.
    if (++changes == 2) hour = 1;
    return number();
  };
  const auto clock = [&] { return Instant{TimePoint{} + std::chrono::hours(hour), MonoTime{}}; };
  MapReader reader(ask, clock);
  const MapsNow found = reader.look();
  ASSERT_EQ(found.state, State::kCurrent);
  EXPECT_EQ(found.reading.since, moment_of(TimePoint{} + 1h));
}

TEST(MapReader, WithoutAThreadItCannotReadAndTriesAgain) {
  FakeRuleset ruleset;
  MonoTime steady{};
  MapReader reader(ruleset.ask(), [&] { return Instant{TimePoint{}, steady}; });
  MapsNow found;
  {
    const test::NoThreads none;
    EXPECT_NO_THROW(found = reader.look());
  }
  EXPECT_EQ(found.state, State::kUnreadable);
  EXPECT_NE(found.why, "");
  EXPECT_EQ(reader.look().state, State::kUnreadable) << "it tries again at once";
  steady += std::chrono::seconds(MapReader::kPause);
  reader.look();
  EXPECT_EQ(look_past(reader, State::kUnreadable).state, State::kCurrent);
}

}  // namespace
}  // namespace ctflow::nat
