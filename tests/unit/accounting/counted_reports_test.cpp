// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/counted_reports.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

const TimePoint kBegan = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + 20h;

class CountedReportsTest : public testing::Test {
 protected:
  [[nodiscard]] CountedReports open() const { return CountedReports(prefix_); }

  /// Of a connection that began at kBegan: what came between `from` and `to` octets.
  static Flow report(std::uint64_t from, std::uint64_t to) {
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    flow.event = FlowEvent::kReported;
    flow.earlier = {{from / 100, from}, {}, kBegan};
    flow.original_counters = {(to - from) / 100, to - from};
    flow.start = kBegan + std::chrono::seconds(from);
    flow.end = kBegan + std::chrono::seconds(to);
    return flow;
  }

  test::TemporaryDirectory directory_;
  std::string prefix_ = directory_.path("accounting.sqlite");
};

TEST_F(CountedReportsTest, TakesOffWhatAnEarlierProcessCounted) {
  open().note(report(0, 1000));
  CountedReports counted = open();
  const auto rest = counted.without_counted(report(0, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters, (Counters{5, 500}));
  EXPECT_EQ(rest->earlier.original_counters, (Counters{10, 1000}));
  EXPECT_EQ(rest->start, kBegan + 1000s);
  EXPECT_EQ(rest->end, kBegan + 1500s);
  EXPECT_FALSE(counted.without_counted(report(1500, 1800))) << "what comes then is new";
}

TEST_F(CountedReportsTest, TakesOffOnlyWhatTheStateFileDidNotHave) {
  open().note(report(0, 1000));
  const auto rest = open().without_counted(report(600, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters.octets, 500U);
  const auto nothing = open().without_counted(report(600, 1000));
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->original_counters, Counters{});
}

TEST_F(CountedReportsTest, LeavesASuccessorWithTheSameAddressesAndPortsAlone) {
  open().note(report(0, 1000));
  Flow other = report(0, 2000);
  other.earlier = {};
  other.start = kBegan + 1001s;
  EXPECT_FALSE(open().without_counted(other));
}

TEST_F(CountedReportsTest, CountsAllWhereCountersFell) {
  open().note(report(0, 1000));
  EXPECT_FALSE(open().without_counted(report(0, 900)));
}

TEST_F(CountedReportsTest, KnowsTheLastReportAlsoBeforeSomeCheckpoints) {
  {
    CountedReports counted = open();
    counted.note(report(0, 1000));
    counted.checkpoint();
    counted.note(report(1000, 1200));
    counted.checkpoint();
  }
  const auto rest = open().without_counted(report(0, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters.octets, 300U);
}

TEST_F(CountedReportsTest, ForgetsWhatTheStateFileMustHave) {
  {
    CountedReports counted = open();
    counted.note(report(0, 1000));
    for (int i = 0; i < 4; ++i) counted.checkpoint();
  }
  EXPECT_FALSE(open().without_counted(report(0, 1500)));
}

TEST_F(CountedReportsTest, KnowsWhatWasNotReportedBetweenTwoKills) {
  open().note(report(0, 1000));
  CountedReports between = open();
  for (int i = 0; i < 3; ++i) between.checkpoint();
  ASSERT_TRUE(open().without_counted(report(0, 1500)));
}

TEST_F(CountedReportsTest, GoesOnBehindAPartOfARecord) {
  open().note(report(0, 1000));
  const std::string file = prefix_ + "-counted-0";
  const auto size = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, size + size / 2);
  open().note(report(1000, 1100));
  EXPECT_EQ(std::filesystem::file_size(file), 2 * size);
  const auto rest = open().without_counted(report(0, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters.octets, 400U);
}

TEST_F(CountedReportsTest, NeedsNoFile) {
  CountedReports counted("/nonexistent/accounting");
  counted.note(report(0, 1000));
  counted.checkpoint();
  EXPECT_FALSE(counted.without_counted(report(0, 1500)));
}

}  // namespace
}  // namespace ctflow::accounting
