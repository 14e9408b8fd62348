// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/talker_rates.hpp"

#include <gtest/gtest.h>

namespace ctflow::page {
namespace {

using namespace std::chrono_literals;

NamespaceUsage counted(std::uint64_t first, std::uint64_t second,
                       std::chrono::milliseconds every = 0s) {
  NamespaceUsage usage;
  usage.reported_every = every;
  usage.usage.emplace();
  usage.usage->by = AccountingKey::kHost;
  usage.usage->series = {{"a", "", "out", first, 0, 1, 1, 1},
                         {"b", "tv", "in", 0, second, 1, 1, 1},
                         {"b", "tv", "local", 1'000'000 * second, 0, 1, 1, 1}};
  return usage;
}

TEST(TalkerRates, AreBitsASecondOfTheInternet) {
  TalkerRates rates;
  const MonoTime start{100s};
  rates.add(counted(0, 1000), start);
  EXPECT_EQ(rates.talkers(5).seconds, 0);
  rates.add(counted(5000, 2000), start + 10s);
  const Talkers now = rates.talkers(5);
  EXPECT_EQ(now.seconds, 10);
  ASSERT_EQ(now.rows.size(), 2U);
  EXPECT_EQ(now.rows[0].name, "a");
  EXPECT_EQ(now.rows[0].down, 4000);
  EXPECT_EQ(now.rows[1].name, "tv");
  EXPECT_EQ(now.rows[1].up, 800);
  EXPECT_EQ(now.total.down, 4000);
}

TEST(TalkerRates, CutToTheGreatest) {
  TalkerRates rates;
  rates.add(counted(0, 0), MonoTime{100s});
  rates.add(counted(5000, 2000), MonoTime{110s});
  const Talkers now = rates.talkers(1);
  EXPECT_EQ(now.rows.size(), 1U);
  EXPECT_EQ(now.others, 1U);
  EXPECT_EQ(now.total.up, 1600);
}

TEST(TalkerRates, BeginAgainWhereCountsFellOrNobodyLookedForLong) {
  TalkerRates rates;
  rates.add(counted(5000, 0), MonoTime{100s});
  rates.add(counted(4999, 0), MonoTime{110s});
  EXPECT_EQ(rates.talkers(5).seconds, 0) << "counted by another process";
  rates.add(counted(6000, 0), MonoTime{1000s});
  EXPECT_EQ(rates.talkers(5).seconds, 0) << "not the mean of a quarter of an hour";
  NamespaceUsage none;
  rates.add(none, MonoTime{1010s});
  rates.add(counted(6000, 0), MonoTime{1020s});
  EXPECT_EQ(rates.talkers(5).seconds, 0);
}

TEST(TalkerRates, SpanTheTimeBetweenReports) {
  TalkerRates rates;
  for (int second = 0; second <= 600; second += 10) {
    rates.add(counted(static_cast<std::uint64_t>(second) * 1000, 0, 60s),
              MonoTime{100s + std::chrono::seconds(second)});
  }
  const Talkers now = rates.talkers(5);
  EXPECT_GE(now.seconds, 60);
  EXPECT_LE(now.seconds, 80);
  EXPECT_EQ(now.rows[0].down, 8000);
}

TEST(TalkerRates, AreNotOfTwoRequestsAtOnce) {
  TalkerRates rates;
  rates.add(counted(0, 0), MonoTime{100s});
  rates.add(counted(5000, 0), MonoTime{100s + 5ms});
  EXPECT_EQ(rates.talkers(5).seconds, 0);
}

}  // namespace
}  // namespace ctflow::page
