// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/read_usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#ifdef CTFLOWD_SQLITE

#include "support/accounting_flows.hpp"

namespace ctflow::page {
namespace {

using namespace std::chrono_literals;

/// Clocks of this zone are put back on 2026-10-25 at 03:00, 01:00 UTC.
constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
const TimePoint kMorning = std::chrono::sys_days(std::chrono::year(2026) / 10 / 25) + 9h;

class ReadUsageTest : public testing::Test {
 protected:
  ReadUsageTest() {
    config_.database = directory_.path("accounting.sqlite");
    config_.time_zone = kBerlin;
    AggregateConfig hosts;
    hosts.name = "hosts";
    hosts.by = {AccountingKey::kHost};
    config_.aggregates = {hosts};
  }

  /// One process that ran from the first of these times on, with a report at each.
  void write(const std::vector<TimePoint>& times, const std::string& host = "10.0.0.5") {
    const auto accounts = std::make_shared<accounting::Accounts>(config_);
    accounting::Session session;
    session.started = times.front();
    accounting::Store store(config_, accounts, std::move(session));
    for (const TimePoint time : times) {
      accounting::Job job;
      job.batch = std::make_unique<accounting::Batch>(config_);
      Flow flow = test::report_between(host, "198.51.100.1");
      flow.start = flow.end = time;
      flow.original_counters = {1, 100};
      flow.reply_counters = {1, 900};
      test::add_report(*accounts, flow, *test::sample_surroundings(), time, *job.batch);
      const auto minute = std::chrono::floor<std::chrono::minutes>(time);
      for (const char* const one : left_out_) {
        job.batch->causes[minute].insert({accounting::kLeftOut, one});
      }
      job.now = {time, MonoTime(1h)};
      store.write(job);
    }
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  std::vector<const char*> left_out_;  ///< settings that are in force
};

TEST_F(ReadUsageTest, SaysThatNothingIsWrittenYet) {
  const UsageValues values = read_usage(config_, "", kMorning);
  EXPECT_FALSE(values.written);
  EXPECT_EQ(values.error, "");
  config_.database = directory_.path("");
  EXPECT_NE(read_usage(config_, "", kMorning).error, "");
}

TEST_F(ReadUsageTest, HasTheDayAndThePeriodOfTheZone) {
  write({kMorning - 24h, kMorning});
  const UsageValues values = read_usage(config_, "", kMorning);
  ASSERT_EQ(values.error, "");
  ASSERT_EQ(values.tables.size(), 2U);
  const UseTable& today = values.tables[0];
  EXPECT_EQ(today.by, "host");
  EXPECT_EQ(today.since, "2026-10-25 00:00");
  EXPECT_EQ(today.total.down_octets, 900U);
  EXPECT_EQ(today.total.up_octets, 100U);
  EXPECT_EQ(values.tables[1].since, "2026-10-01 00:00");
  EXPECT_EQ(values.tables[1].total.down_octets, 1800U);
  EXPECT_NE(values.tables[1].missing, "");
  EXPECT_TRUE(values.tables[1].began) << "accounting began within the period";
}

TEST_F(ReadUsageTest, HasAnHourTwiceWhereClocksAreSetBack) {
  write({kMorning - 24h, kMorning});
  const UsageValues values = read_usage(config_, "", kMorning);
  ASSERT_EQ(values.course.size(), 24U);
  EXPECT_EQ(values.course.front().label, "12:00");
  EXPECT_EQ(values.course.back().label, "10:00");
  int twice = 0;
  for (const CourseHour& hour : values.course) twice += hour.label == "02:00" ? 1 : 0;
  EXPECT_EQ(twice, 2);
  EXPECT_EQ(values.course.back().down_octets, 900U);
}

TEST_F(ReadUsageTest, HasAGapWhereCtflowdDidNotRun) {
  write({kMorning - 24h, kMorning - 20h});
  write({kMorning - 2h, kMorning});
  const UsageValues values = read_usage(config_, "", kMorning);
  ASSERT_EQ(values.course.size(), 24U);
  EXPECT_TRUE(values.course[1].counted);
  EXPECT_FALSE(values.course[10].counted);
  EXPECT_TRUE(values.course[22].counted);
  EXPECT_THAT(values.tables[0].missing, testing::HasSubstr("did not run"));
  EXPECT_FALSE(values.tables[0].began);
}

TEST_F(ReadUsageTest, SaysWhatSettingsLeaveOutInTheWordsOfAReport) {
  left_out_ = {"zones", "source.filter"};
  write({kMorning - 24h});
  left_out_.clear();
  write({kMorning - 24h, kMorning});
  const UsageValues values = read_usage(config_, "", kMorning);
  ASSERT_EQ(values.tables.size(), 2U);
  EXPECT_EQ(values.tables[0].left_out, "") << "not today";
  EXPECT_EQ(values.tables[1].left_out, "not counted: what is left out by source.filter, zones");
  EXPECT_THAT(values.tables[1].missing, testing::Not(testing::HasSubstr("left out")));
}

TEST_F(ReadUsageTest, CutsTablesAndKeepsTheirSums) {
  for (int i = 2; i <= 16; ++i) write({kMorning}, "10.0.0." + std::to_string(i));
  const UsageValues values = read_usage(config_, "", kMorning);
  ASSERT_FALSE(values.tables.empty());
  const UseTable& today = values.tables[0];
  EXPECT_EQ(today.rows.size(), kTopRows);
  ASSERT_EQ(today.rest.size(), 1U);
  EXPECT_EQ(today.rest[0].name, "other (5)");
  EXPECT_EQ(today.rest[0].down_octets, 4500U);
  EXPECT_EQ(today.total.down_octets, 13'500U);
}

TEST_F(ReadUsageTest, LeavesOutAnAggregateThatIsNotWrittenYet) {
  write({kMorning});
  AggregateConfig networks;
  networks.name = "networks";
  networks.by = {AccountingKey::kNetwork};
  config_.aggregates.push_back(networks);
  const UsageValues before = read_usage(config_, "", kMorning);
  EXPECT_EQ(before.error, "");
  EXPECT_EQ(before.tables.size(), 2U);
  write({kMorning});
  const UsageValues after = read_usage(config_, "", kMorning);
  EXPECT_EQ(after.error, "");
  ASSERT_EQ(after.tables.size(), 4U);
  EXPECT_EQ(after.tables[2].by, "network");
}

}  // namespace
}  // namespace ctflow::page

#endif
