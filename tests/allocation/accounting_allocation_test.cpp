// SPDX-License-Identifier: GPL-2.0-or-later
// Every flow report is added to the tables of accounting: that must not allocate.
#include <gtest/gtest.h>

#include "accounting/accounts.hpp"
#include "accounting/live_counts.hpp"
#include "allocations.hpp"
#include "support/accounting_flows.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

/// A report of each of `hosts` hosts, over two minutes.
void add_reports(const accounting::Accounts& accounts, const accounting::Surroundings& surroundings,
                 accounting::Batch& batch, int hosts) {
  const TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 12h;
  Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
  flow.start = now - 90s;
  flow.end = now;
  flow.original_counters = {10, 1000};
  for (int i = 0; i < hosts; ++i) {
    flow.original.source.octets[2] = static_cast<std::uint8_t>(i / 256);
    flow.original.source.octets[3] = static_cast<std::uint8_t>(i % 256);
    test::add_report(accounts, flow, surroundings, now, batch);
  }
}

TEST(AccountingAllocation, IsNotDoneForAnyFlowReport) {
  AccountingConfig config;
  AggregateConfig all;
  all.name = "all";
  all.by = {AccountingKey::kHost,    AccountingKey::kDevice,        AccountingKey::kNetwork,
            AccountingKey::kService, AccountingKey::kRemoteNetwork, AccountingKey::kAsn,
            AccountingKey::kCountry};
  all.max_keys = 100;
  config.aggregates = {all};
  const accounting::Accounts accounts(config);
  const auto surroundings = test::sample_surroundings();
  accounting::Batch batch(config);
  add_reports(accounts, *surroundings, batch, 1000);  // the tables reach their size
  const std::size_t before = test::allocations();
  add_reports(accounts, *surroundings, batch, 1000);  // known keys, and keys that find no room
  EXPECT_EQ(test::allocations(), before);
  batch.clear();
  const std::size_t cleared = test::allocations();
  add_reports(accounts, *surroundings, batch, 50);
  EXPECT_EQ(test::allocations(), cleared) << "a table keeps its memory";
}

TEST(AccountingAllocation, IsNotDoneForCountersOfNowOnceTheirKeysAreKnown) {
  const accounting::Accounts accounts{AccountingConfig()};
  const auto surroundings = test::sample_surroundings();
  accounting::RecentPlaces places;
  Neighbours neighbours;
  constexpr std::uint64_t kFirst = 0x02005e000000;
  constexpr std::size_t kLimit = 50;
  accounting::LiveCounts counts(AccountingKey::kDevice, kLimit);
  Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
  flow.original_counters = {10, 1000};
  for (std::uint8_t i = 0; i < 200; ++i) {
    flow.original.source.octets[3] = i;
    neighbours.apply({AddressFamily::kIpv4, flow.original.source, 2, kFirst + i}, TimePoint());
  }
  const auto count_all = [&] {
    for (std::uint8_t i = 0; i < 200; ++i) {
      flow.original.source.octets[3] = i;
      counts.add(accounting::classify(flow, places.of(*surroundings, flow), accounts.names(),
                                      neighbours, counts.selection()),
                 accounts.names(), nullptr);
    }
  };
  count_all();
  EXPECT_EQ(counts.keys(), kLimit);
  const std::size_t before = test::allocations();
  count_all();  // known keys, and keys that find no room
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace ctflow
