// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/accounts.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "accounting/spread.hpp"
#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

constexpr Minute kMidday{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 12h};

/// What is in the only table, by minute.
std::map<Minute, Amounts> entered(const Batch& batch) {
  std::map<Minute, Amounts> result;
  for (const Cell& cell : batch.tables.at(0).cells()) result[cell.minute] += cell.amounts;
  return result;
}

AccountingConfig by_host() {
  AccountingConfig config;
  config.aggregates.emplace_back().name = "hosts";
  config.aggregates.back().by = {AccountingKey::kHost};
  config.retention.minutes = 3min;
  return config;
}

TEST(Accounts, EntersAReportInTheMinutesThatItIsOfAtEveryEdge) {
  const AccountingConfig config = by_host();
  const Accounts accounts(config);
  const auto surroundings = test::sample_surroundings();
  const auto edges = {-1ns, 0ns, 1ns};
  const auto minutes = {-4min, -3min, -2min, -1min, 0min, 1min};
  std::size_t in_one = 0;
  std::size_t late = 0;
  for (const auto from_minute : minutes) {
    for (const auto until_minute : minutes) {
      for (const auto from_edge : edges) {
        for (const auto until_edge : edges) {
          for (const auto now_edge : edges) {
            Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
            flow.start = kMidday + from_minute + from_edge;
            flow.end = kMidday + until_minute + until_edge;
            flow.original_counters = {1001, 1'000'003};
            const TimePoint now = kMidday + now_edge;
            Batch batch(config);
            const Classified seen = test::add_report(accounts, flow, *surroundings, now, batch);
            batch.settle();
            std::map<Minute, Amounts> expected;
            const bool is_late =
                spread(seen.amounts, flow.start, std::min(flow.end, now),
                       std::chrono::floor<std::chrono::minutes>(now) - 3min,
                       [&](Minute minute, const Amounts& part) { expected[minute] += part; });
            ASSERT_EQ(entered(batch), expected)
                << from_minute.count() << ' ' << from_edge.count() << " until "
                << until_minute.count() << ' ' << until_edge.count() << " at " << now_edge.count();
            ASSERT_EQ(batch.missing.size(), is_late ? 1U : 0U);
            if (expected.size() == 1) ++in_one;
            if (is_late) ++late;
          }
        }
      }
    }
  }
  EXPECT_GT(in_one, 0U);
  EXPECT_GT(late, 0U);
}

/// By rows that are found by a look in each table, without those that are remembered.
/// docs/accounting.md has these numbers.
TEST(Accounts, HasRoomForKeysTimesTheMinutesOfTheirReports) {
  AccountingConfig config = by_host();
  config.retention.minutes = 24h * 3;
  const auto merged_with = [&](int hosts, std::chrono::minutes time) {
    const Accounts accounts(config);
    const auto surroundings = test::sample_surroundings();
    Batch batch(config);
    for (int i = 0; i < hosts; ++i) {
      const std::string host =
          "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
      Flow flow = test::report_between(host, "198.51.100.1");
      flow.start = kMidday - time;
      flow.end = kMidday;
      flow.original_counters = {1001, 1'000'003};
      test::add_report(accounts, flow, *surroundings, kMidday, batch);
    }
    batch.settle();
    return batch.merged();
  };
  EXPECT_EQ(merged_with(333, 60min), 0U);
  EXPECT_GT(merged_with(334, 60min), 0U);
  EXPECT_EQ(merged_with(33, 10h), 0U);
  EXPECT_GT(merged_with(34, 10h), 0U);
  config.commit_interval = 15min;
  EXPECT_EQ(merged_with(266, 10h), 0U);
  EXPECT_GT(merged_with(267, 10h), 0U);
}

TEST(Accounts, EntersInRowsThatItRemembersWhatALookInEachTableWouldEnter) {
  AccountingConfig config = by_host();
  config.aggregates.front().max_keys = 20;  // the smallest merge, and others move
  for (const AccountingKey one : {AccountingKey::kService, AccountingKey::kMark}) {
    config.aggregates.emplace_back().name = "more";
    config.aggregates.back().by = {one};
  }
  config.commit_interval = 1min;
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  const Accounts accounts(config);
  const auto surroundings = test::sample_surroundings();
  Batch batch(config);
  for (int round = 0; round < 3; ++round) {  // as the two batches take turns
    const Batch empty(config);
    std::vector<UsageTable> expected = empty.tables;
    for (int i = 0; i < 20'000; ++i) {
      // Few hosts often, many seldom.
      const unsigned host = random() % 4 == 0 ? 20 + random() % 200 : 5 + random() % 10;
      Flow flow = test::report_between("10.0.0." + std::to_string(host), "198.51.100.1",
                                       random() % 2 == 0 ? 443 : 53);
      if (random() % 3 == 0) flow.reply.source = test::text_address("10.1.0.9").address;
      flow.mark = random() % 3;
      flow.start = flow.end = kMidday - 1ns * (random() % 90) * 1'000'000'000;
      if (random() % 8 == 0) flow.start -= 1min;
      flow.original_counters = {1, 1 + random() % 2000};
      const Classified seen =
          test::add_report(accounts, flow, *surroundings, kMidday + 1min, batch);
      for (std::size_t table = 0; table < expected.size(); ++table) {
        const Key key = accounts.selection(table).of(seen.key);
        spread(seen.amounts, flow.start, flow.end, kMidday - 2min,
               [&](Minute minute, const Amounts& part) {
                 expected[table].add(key, minute, seen.direction, part);
               });
      }
    }
    batch.settle();
    for (std::size_t table = 0; table < expected.size(); ++table) {
      const auto& cells = batch.tables[table].cells();
      ASSERT_EQ(cells.size(), expected[table].cells().size());
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const Cell& other = expected[table].cells()[i];
        ASSERT_TRUE(cells[i].key == other.key && cells[i].minute == other.minute &&
                    cells[i].direction == other.direction);
        ASSERT_EQ(cells[i].amounts, other.amounts);
        ASSERT_EQ(cells[i].weight, other.weight);
      }
      ASSERT_EQ(batch.tables[table].others(), expected[table].others());
    }
    ASSERT_GT(batch.merged(), 0U);
    batch.clear();
  }
}

TEST(Accounts, FindsRecentPlacesAsTheSurroundingsSay) {
  auto surroundings = test::sample_surroundings();
  auto recent = std::make_unique<RecentPlaces>();
  std::uint64_t random = 1;  // a fixed order: more addresses than there is room for
  for (int i = 0; i < 100'000; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    IpAddress address;
    const bool ipv6 = (random >> 40) % 2 == 0;
    constexpr std::array<std::uint8_t, 4> kFirst{10, 203, 0xfd, 0};
    address.octets[0] = kFirst.at((random >> 42) % kFirst.size());
    const std::size_t last = ipv6 ? 15 : 3;
    address.octets[last] = static_cast<std::uint8_t>(random >> 48);
    address.octets[last - 1] = static_cast<std::uint8_t>((random >> 56) % 32);
    const auto family = ipv6 ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
    ASSERT_EQ(recent->of(*surroundings, family, address), surroundings->place_of(family, address));
  }
  const IpAddress outside = test::text_address("192.0.2.1").address;
  EXPECT_EQ(recent->of(*surroundings, AddressFamily::kIpv4, outside), Place::kOutside);
  Surroundings others;
  others.add_inside({AddressFamily::kIpv4, outside, 24});
  recent->forget();
  EXPECT_EQ(recent->of(others, AddressFamily::kIpv4, outside), Place::kInside);
}

}  // namespace
}  // namespace ctflow::accounting
