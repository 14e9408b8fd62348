// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/quota_sums.hpp"

#include <gtest/gtest.h>

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

TEST(QuotaSums, HaveNetworksAndDevicesByPeriod) {
  constexpr std::uint64_t kMac = 0x02005e005301;
  constexpr std::size_t kOffice = 0;
  constexpr std::size_t kTv = 1;
  AccountingConfig config;
  config.time_zone = "UTC";
  config.networks = {{"free", {}}, {"office", {}, 1'000'000}};
  config.devices = {{"free", {kMac + 1}}, {"tv", {kMac, kMac + 2}, 5'000'000}};
  const Quotas quotas(config);
  ASSERT_EQ(quotas.size(), 2U);
  const Minute late = std::chrono::sys_days(std::chrono::year(2026) / 11 / 30) + 23h + 59min;
  const Interval period = quotas.period_of(late);
  const Interval next = quotas.period_of(late + 1min);
  QuotaSums sums;
  Key key;
  key.device = kMac;
  key.network = 1;
  quotas.add(key, late, Direction::kIn, {10, 20, 1, 1, 1}, sums);
  key.network = 2;
  quotas.add(key, late, Direction::kOut, {100, 200, 1, 1, 1}, sums);
  for (const Direction other : {Direction::kLocal, Direction::kThrough, Direction::kSelf}) {
    quotas.add(key, late, other, {1, 2, 1, 1, 1}, sums);
  }
  key.device = kMac + 1;
  quotas.add(key, late + 1min, Direction::kOut, {5, 0, 1, 1, 1}, sums);
  EXPECT_EQ(sums.of(period, kOffice), 300U);
  EXPECT_EQ(sums.of(period, kTv), 330U);
  EXPECT_EQ(sums.of(next, kOffice), 5U);
  EXPECT_EQ(sums.of(next, kTv), 0U);
  sums.clear();
  EXPECT_EQ(sums.of(period, kTv), 0U);
}

TEST(QuotaSums, AreNoneWithoutAQuota) {
  const Quotas quotas(AccountingConfig{});
  EXPECT_EQ(quotas.size(), 0U);
  QuotaSums sums;
  quotas.add(Key{}, Minute{}, Direction::kIn, {1, 1, 1, 1, 1}, sums);
  EXPECT_EQ(sums.of(quotas.period_of(Minute{}), 0), 0U);
}

}  // namespace
}  // namespace ctflow::accounting
