// SPDX-License-Identifier: GPL-2.0-or-later
// A report is complete only where all of its time was counted, and is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accounting/prune.hpp"
#include "accounting/report.hpp"
#include "accounting/report_text.hpp"
#include "accounting/store.hpp"
#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;
using testing::HasSubstr;

class CompleteReportTest : public testing::Test {
 protected:
  CompleteReportTest() {
    config_.database = directory_.path("accounting.sqlite");
    AggregateConfig hosts;
    hosts.name = "hosts";
    hosts.by = {AccountingKey::kHost};
    config_.aggregates = {hosts};
    start();
  }

  /// Another process, or a reload of this one.
  void start(bool reload = false) {
    accounts_ = std::make_shared<Accounts>(config_);
    Session session;
    session.started = now_.wall;
    session.continues = reload;
    store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
  }

  void count() {
    Job job;
    job.batch = std::make_unique<Batch>(config_);
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    flow.start = flow.end = now_.wall;
    flow.original_counters = {1, 100};
    test::add_report(*accounts_, flow, *test::sample_surroundings(), now_.wall, *job.batch);
    job.now = now_;
    store_->write(job);
  }

  void pass(std::chrono::seconds time) {
    now_.wall += time;
    now_.steady += time;
  }

  void keep_for(std::chrono::days time, std::chrono::days periods) {
    AccountingRetention keep;
    keep.minutes = time;
    keep.hours = keep.days = time;
    keep.periods = periods;
    prune_rows(open_for_writing(config_.database), keep, now_.wall, UnusedKeys::kRemove);
  }
  void remove_minutes() {
    prune_rows(open_for_writing(config_.database), {}, now_.wall, UnusedKeys::kRemove);
  }

  Report ask(Minute from) {
    Question question;
    question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
    question.from = from;
    question.until = question.now + 1min;
    return accounting::ask(open_for_reading(config_.database), question);
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  std::shared_ptr<const Accounts> accounts_;
  std::unique_ptr<Store> store_;
  Minute ten_ = sys_days(year(2026) / 11 / 23) + 10h;
  Instant now_{ten_ + 40s, MonoTime(1h)};
};

TEST_F(CompleteReportTest, LacksTheMinuteInWhichAccountingBegan) {
  count();
  pass(3min);
  count();
  const Report report = ask(ten_);
  EXPECT_FALSE(report.complete());
  EXPECT_THAT(completeness_text(report), HasSubstr("1 min (before accounting began)"));
  EXPECT_EQ(report.total.connections, 2U) << "what was counted in it is there";
  EXPECT_TRUE(ask(ten_ + 1min).complete());
}

TEST_F(CompleteReportTest, HasAllOfAMinuteWithWhichAccountingBegan) {
  now_.wall = ten_;
  start();
  count();
  EXPECT_TRUE(ask(ten_).complete());
}

TEST_F(CompleteReportTest, LacksTheMinuteInWhichAnAggregateWasAdded) {
  count();
  pass(5min);  // 10:05:40
  AggregateConfig services;
  services.name = "services";
  services.by = {AccountingKey::kService};
  config_.aggregates.push_back(services);
  start(true);
  count();
  pass(2min);
  count();
  Question question;
  question.by = "service";
  question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  question.until = question.now + 1min;
  question.from = ten_ + 5min;
  const auto database = open_for_reading(config_.database);
  EXPECT_FALSE(accounting::ask(database, question).complete());
}

TEST_F(CompleteReportTest, LacksWhatIsOlderThanEveryRetention) {
  count();
  pass(100 * 24h);
  count();
  keep_for(std::chrono::days(1), std::chrono::days(30));
  const Report report = ask(ten_ + 1min);
  EXPECT_EQ(report.total.connections, 1U);
  EXPECT_THAT(completeness_text(report), HasSubstr("(older than the retention)"));
  EXPECT_TRUE(ask(std::chrono::floor<std::chrono::minutes>(now_.wall) - 24h * 30).complete());
}

TEST_F(CompleteReportTest, LacksTheRestOfAPeriodThatIsKeptAsAWholeOnly) {
  count();  // in November
  pass(60 * 24h);
  keep_for(std::chrono::days(1), std::chrono::days(365));
  Question question;
  question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  question.from = ten_ + 1min;
  question.until = ten_ + 24h;  // as of another setting of periods
  const auto report = accounting::ask(open_for_reading(config_.database), question);
  EXPECT_EQ(report.total.connections, 0U);
  EXPECT_THAT(completeness_text(report), HasSubstr("(older than the retention)"));
}

TEST_F(CompleteReportTest, KnowsWhenItDidNotRunInAPeriodThatIsNotAllOlderThanTheRetention) {
  count();
  pass(2h);
  start();  // the gap
  count();
  pass(5 * 24h);
  count();  // in the same month
  keep_for(std::chrono::days(1), std::chrono::days(1));
  const Report report = ask(ten_ + 1min);
  EXPECT_EQ(report.total.connections, 3U) << "the period is kept whole";
  EXPECT_THAT(completeness_text(report), HasSubstr("(ctflowd did not run)"));
}

TEST_F(CompleteReportTest, IsCompleteWhereNothingWasCountedInWhatIsKept) {
  count();
  pass(10 * 24h);
  count();
  remove_minutes();
  const Report report = ask(ten_ + 2h);
  EXPECT_EQ(report.total.connections, 1U);
  EXPECT_EQ(completeness_text(report), "complete");
}

TEST_F(CompleteReportTest, LacksTheMinuteInWhichTheClockWasSet) {
  now_.wall = TimePoint(1h);
  start();
  count();
  now_.wall = ten_ + 40s;
  count();
  pass(1min);
  count();
  EXPECT_FALSE(ask(ten_).complete());
  EXPECT_TRUE(ask(ten_ + 1min).complete());
}

}  // namespace
}  // namespace ctflow::accounting
