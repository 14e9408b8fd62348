// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/live_counts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

class LiveCountsTest : public testing::Test {
 protected:
  /// Octets up of a report of `host`.
  void count(LiveCounts& counts, const std::string& host, std::uint64_t octets,
             Direction direction = Direction::kOut, std::uint64_t mac = 0) {
    Classified report;
    const test::TextAddress address = test::text_address(host);
    report.direction = direction;
    report.key.host = address.address;
    report.key.family = static_cast<std::uint16_t>(address.family);
    report.key.device = mac;
    report.key.interface = interface_;
    report.amounts.up_octets = octets;
    report.amounts.connections = 1;
    counts.add(report, names_, &interfaces_);
  }

  static std::map<std::string, std::uint64_t> octets_of(const LiveCounts& counts) {
    std::map<std::string, std::uint64_t> all;
    for (const UsageSeries& one : counts.usage(nullptr).series) {
      all[one.key + " " + one.direction] += one.up_octets;
    }
    return all;
  }

  AccountingConfig config_;
  Names names_{config_};
  InterfaceNames interfaces_;
  std::uint32_t interface_ = 0;
};

TEST_F(LiveCountsTest, CountByKeyAndDirection) {
  LiveCounts counts(AccountingKey::kHost, 10);
  count(counts, "10.0.0.5", 100);
  count(counts, "10.0.0.5", 20);
  count(counts, "10.0.0.5", 3, Direction::kLocal);
  count(counts, "fd00::5", 7);
  EXPECT_THAT(octets_of(counts), testing::ElementsAre(testing::Pair("10.0.0.5 local", 3),
                                                      testing::Pair("10.0.0.5 out", 120),
                                                      testing::Pair("fd00::5 out", 7)));
}

TEST_F(LiveCountsTest, AddUpWhatFindsNoRoomAndNeverTakeARowAway) {
  constexpr std::size_t kLimit = 5;
  LiveCounts counts(AccountingKey::kHost, kLimit);
  std::map<std::string, std::uint64_t> before;
  for (int i = 0; i < 1000; ++i) {
    count(counts, "10.0." + std::to_string(i % 7) + "." + std::to_string(i % 200), 10);
    const auto now = octets_of(counts);
    EXPECT_LE(now.size(), kLimit + 1);
    std::uint64_t sum = 0;
    for (const auto& [key, octets] : now) {
      sum += octets;
      EXPECT_GE(octets, before[key]) << key;
    }
    EXPECT_EQ(sum, (static_cast<std::uint64_t>(i) + 1) * 10);
    before = now;
  }
  EXPECT_EQ(counts.keys(), kLimit);
  EXPECT_GT(before["other out"], 0U);
}

TEST_F(LiveCountsTest, HaveDevicesWithTheirNames) {
  LiveCounts counts(AccountingKey::kDevice, 10);
  count(counts, "10.0.0.5", 100, Direction::kOut, 0x02005e005301);
  count(counts, "fd00::5", 10, Direction::kOut, 0x02005e005301);
  count(counts, "10.0.0.6", 1);
  const DeviceNames names{{mac_octets(0x02005e005301), "tv"}};
  const Usage usage = counts.usage(&names);
  ASSERT_EQ(usage.series.size(), 2U);
  EXPECT_EQ(usage.by, AccountingKey::kDevice);
  EXPECT_EQ(usage.series[0].key, "02:00:5e:00:53:01");
  EXPECT_EQ(usage.series[0].name, "tv");
  EXPECT_EQ(usage.series[0].up_octets, 110U);
  EXPECT_EQ(usage.series[0].connections, 2U);
  EXPECT_EQ(usage.series[1].key, "10.0.0.6");
  EXPECT_EQ(usage.series[1].name, "");
}

TEST_F(LiveCountsTest, TakeAnInterfaceThatWasMadeAgainForTheSame) {
  LiveCounts counts(AccountingKey::kInterface, 10);
  interfaces_.set(2, "lan");
  interface_ = 2;
  count(counts, "10.0.0.5", 100);
  interfaces_.remove(2);
  interfaces_.set(9, "lan");
  interface_ = 9;
  count(counts, "10.0.0.5", 1);
  EXPECT_THAT(octets_of(counts), testing::ElementsAre(testing::Pair("lan out", 101)));
}

TEST_F(LiveCountsTest, TakeItForTheSameAlsoWhereNoOtherFindsRoom) {
  LiveCounts counts(AccountingKey::kInterface, 1);
  for (const std::uint32_t index : {2U, 9U, 10U, 11U, 12U}) {
    interfaces_.set(index, "ppp0");
    interface_ = index;
    count(counts, "10.0.0.5", 100);
    interfaces_.remove(index);
    interfaces_.set(index + 100, "lan" + std::to_string(index));
    interface_ = index + 100;
    count(counts, "10.0.0.6", 1);
  }
  EXPECT_THAT(octets_of(counts),
              testing::ElementsAre(testing::Pair("other out", 5), testing::Pair("ppp0 out", 500)));
}

TEST_F(LiveCountsTest, ByDirectionHaveARowOfEach) {
  LiveCounts counts(AccountingKey::kDirection, 10);
  count(counts, "10.0.0.5", 100);
  count(counts, "10.0.0.5", 10, Direction::kSelf);
  EXPECT_THAT(octets_of(counts),
              testing::ElementsAre(testing::Pair("out out", 100), testing::Pair("self self", 10)));
}

}  // namespace
}  // namespace ctflow::accounting
