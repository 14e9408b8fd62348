// SPDX-License-Identifier: GPL-2.0-or-later
// An aggregate that was not in the settings for some time has no rows of it, and a report says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accounting/report.hpp"
#include "accounting/report_text.hpp"
#include "accounting/store.hpp"
#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

class UnusedAggregateTest : public testing::Test {
 protected:
  UnusedAggregateTest() {
    config_.database = directory_.path("accounting.sqlite");
    set({{"hosts", {AccountingKey::kHost}}, {"totals", {AccountingKey::kDirection}}});
  }

  void set(const std::vector<std::pair<std::string, std::vector<AccountingKey>>>& aggregates) {
    config_.aggregates.clear();
    for (const auto& [name, keys] : aggregates) {
      AggregateConfig one;
      one.name = name;
      one.by = keys;
      config_.aggregates.push_back(one);
    }
  }

  /// A reload, or another process, counts for five minutes.
  void count() {
    const auto accounts = std::make_shared<Accounts>(config_);
    Session session;
    session.started = now_.wall;
    session.continues = true;
    Store store(config_, accounts, std::move(session));
    for (int minute = 0; minute < 5; ++minute) {
      Job job;
      job.batch = std::make_unique<Batch>(config_);
      Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
      flow.start = flow.end = now_.wall;
      flow.original_counters = {1, 100};
      test::add_report(*accounts, flow, *test::sample_surroundings(), now_.wall, *job.batch);
      job.now = now_;
      store.write(job);
      now_.wall += 1min;
      now_.steady += 1min;
    }
  }

  Report ask(const std::string& by, std::chrono::minutes since) {
    Question question;
    question.by = by;
    question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
    question.from = question.now - since;
    question.until = question.now + 1min;
    return accounting::ask(open_for_reading(config_.database), question);
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23), MonoTime(1h)};
};

TEST_F(UnusedAggregateTest, IsMissingWhileItsKeysAreOthers) {
  count();
  set({{"hosts", {AccountingKey::kHost, AccountingKey::kProtocol}},
       {"totals", {AccountingKey::kDirection}}});
  count();
  set({{"hosts", {AccountingKey::kHost}}, {"totals", {AccountingKey::kDirection}}});
  count();
  const Report hosts = ask("host", 15min);
  EXPECT_EQ(hosts.total.connections, 10U);
  EXPECT_FALSE(hosts.complete());
  ASSERT_EQ(hosts.gaps.size(), 1U);
  EXPECT_EQ(hosts.gaps[0].reason, "not_counted");
  EXPECT_EQ(hosts.gaps[0].until - hosts.gaps[0].from, 6min) << "whole minutes";
  EXPECT_EQ(completeness_text(hosts),
            "missing: 6 min (this was not among the aggregates of the settings)");
  const Report totals = ask("direction", 15min);
  EXPECT_EQ(totals.total.connections, 15U);
  EXPECT_TRUE(totals.complete());
  EXPECT_TRUE(ask("host", 4min).complete());
}

TEST_F(UnusedAggregateTest, IsNotAskedWhereOneThatIsOlderHasTheKey) {
  set({{"all", {AccountingKey::kHost, AccountingKey::kProtocol}}});
  count();
  set({{"all", {AccountingKey::kHost, AccountingKey::kProtocol}},
       {"hosts", {AccountingKey::kHost}}});
  count();
  const Report all = ask("host", 10min);
  EXPECT_EQ(all.aggregate, "all");
  EXPECT_EQ(all.total.connections, 10U);
  EXPECT_TRUE(all.complete());
  const Report newer = ask("host", 5min);
  EXPECT_EQ(newer.aggregate, "hosts");
  EXPECT_EQ(newer.total.connections, 5U);
  EXPECT_TRUE(newer.complete());
}

/// … and what a report of a time that is over says of what is in memory yet.
TEST_F(UnusedAggregateTest, ATimeThatIsOverIsCompleteWhenItIsWritten) {
  config_.commit_interval = 15min;
  count();
  Question question;
  question.by = "host";
  question.from = std::chrono::floor<std::chrono::minutes>(now_.wall) - 5min;
  question.until = question.from + 4min;  // the minute of the last transaction begins then
  question.now = question.until + 5min;
  const auto ask_now = [&] {
    return accounting::ask(open_for_reading(config_.database), question);
  };
  EXPECT_TRUE(ask_now().complete());
  question.until += 1min;
  Report report = ask_now();
  ASSERT_EQ(report.gaps.size(), 1U);
  EXPECT_EQ(report.gaps[0].reason, "nothing_written");
  EXPECT_EQ(report.gaps[0].until - report.gaps[0].from, 1min);
  question.until = question.now + 1min;  // it goes on
  report = ask_now();
  EXPECT_TRUE(report.complete());
  const Calendar utc(TimeZone::find("UTC").value(), {});
  EXPECT_THAT(report_table(report, utc, {}),
              testing::HasSubstr("\nwritten until 2026-11-23 00:04: what was counted later is not "
                                 "in it yet\n"));
}

TEST_F(UnusedAggregateTest, IsMissingWhileItIsNotThere) {
  count();
  set({{"totals", {AccountingKey::kDirection}}});
  count();
  const Report hosts = ask("host", 10min);
  EXPECT_EQ(hosts.total.connections, 5U);
  ASSERT_EQ(hosts.gaps.size(), 1U);
  EXPECT_EQ(hosts.gaps[0].reason, "not_counted");
  EXPECT_EQ(hosts.gaps[0].until - hosts.gaps[0].from, 6min) << "to the end of this one";
  count();  // the same settings
  EXPECT_EQ(ask("host", 15min).gaps.at(0).until - ask("host", 15min).gaps.at(0).from, 11min);
  EXPECT_THAT(ask("direction", 15min).gaps, IsEmpty());
}

}  // namespace
}  // namespace ctflow::accounting
