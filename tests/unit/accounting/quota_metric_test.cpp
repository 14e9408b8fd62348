// SPDX-License-Identifier: GPL-2.0-or-later
// How much of quotas is used, as /metrics say it: what the database has and what waits for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <thread>

#include "accounting/accounting.hpp"
#include "accounting/quota.hpp"
#include "support/accounting_flows.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

class QuotaMetricTest : public testing::Test {
 protected:
  QuotaMetricTest() {
    config_.database = directory_.path("accounting.sqlite");
    config_.time_zone = "UTC";
    config_.aggregates = {{"networks", {AccountingKey::kNetwork}}};
    const test::TextAddress address = test::text_address("10.0.0.0");
    config_.networks = {{"free", {{address.family, test::text_address("10.0.1.0").address, 24}}},
                        {"office", {{address.family, address.address, 24}}, 1'000'000}};
  }

  std::unique_ptr<Accounting> make() {
    return std::make_unique<Accounting>(
        config_, [] { return test::sample_surroundings(); }, context_, [this] { return now_; });
  }

  void offer(Accounting& accounting, std::uint64_t octets, std::chrono::nanoseconds lasted = 0s,
             const std::string& to = "198.51.100.1", const std::string& from = "10.0.0.5") const {
    Flow flow = test::report_between(from, to);
    flow.end = now_.wall;
    flow.start = now_.wall - lasted;
    flow.original_counters = {1, octets / 4};
    flow.reply_counters = {1, octets - octets / 4};
    accounting.offer(flow, now_);
  }

  void pass(std::chrono::nanoseconds time) {
    now_.wall += time;
    now_.steady += time;
  }

  /// Lets seconds of the steady clock pass until `condition` holds, ten real ones at most.
  template <typename Condition>
  void tick_until(Accounting& accounting, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      now_.steady += 1s;
      accounting.tick();
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(condition());
  }

  /// Another transaction.
  void commit(Accounting& accounting) {
    offer(accounting, 1, 0s, "10.0.0.6");  // local: in no quota
    tick_until(accounting, [&] { return accounting.status(now_).counters.waiting.flows == 0; });
  }

  std::optional<std::uint64_t> used(const Accounting& accounting) const {
    const std::vector<QuotaStatus> quotas =
        std::get<AccountingStatus>(accounting.status(now_).details).quotas;
    EXPECT_EQ(quotas.size(), 1U);
    EXPECT_EQ(quotas[0].by, AccountingKey::kNetwork);
    EXPECT_EQ(quotas[0].name, "office");
    EXPECT_EQ(quotas[0].quota, 1'000'000U);
    return quotas[0].used;
  }

  /// What `ctflowd report --over-quota` says.
  std::uint64_t reported() const {
    accounting::Question question;
    question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
    question.from =
        accounting::calendar_of(config_).interval_of(accounting::Level::kPeriod, question.now).from;
    question.until = question.now + 1min;
    question.directions = {accounting::Direction::kIn, accounting::Direction::kOut};
    return accounting::ask_quotas(accounting::open_for_reading(config_.database), config_, question)
        .uses[0]
        .amounts.octets();
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  std::shared_ptr<OutputContext> context_ = std::make_shared<OutputContext>();
  Instant now_{sys_days(year(2026) / 11 / 30) + 23h + 50min, MonoTime(1h)};
};

TEST_F(QuotaMetricTest, SaysNothingBeforeTheDatabaseWasRead) {
  const auto accounting = make();
  offer(*accounting, 1000);
  EXPECT_EQ(used(*accounting), std::nullopt);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 1000U);
}

TEST_F(QuotaMetricTest, HasWhatWaitsAndWhatIsWritten) {
  const auto accounting = make();
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 0U);
  offer(*accounting, 1000);
  offer(*accounting, 30, 0s, "10.0.0.6");                   // local
  offer(*accounting, 500, 0s, "198.51.100.1", "10.0.1.5");  // of the other network
  EXPECT_EQ(used(*accounting), 1000U) << "at once";
  EXPECT_EQ(reported(), 0U);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 1000U) << "once";
  EXPECT_EQ(reported(), 1000U);
  offer(*accounting, 7);
  EXPECT_EQ(used(*accounting), 1007U);
}

TEST_F(QuotaMetricTest, IsRightAfterARestart) {
  {
    const auto before = make();
    offer(*before, 1000);
    before->stop();
  }
  const auto after = make();
  commit(*after);
  EXPECT_EQ(used(*after), 1000U);
  offer(*after, 5);
  EXPECT_EQ(used(*after), 1005U);
}

TEST_F(QuotaMetricTest, BeginsAnewWithThePeriod) {
  const auto accounting = make();
  offer(*accounting, 1000);
  commit(*accounting);
  pass(9min);
  offer(*accounting, 200);  // waits, and is of the period before
  EXPECT_EQ(used(*accounting), 1200U);
  pass(1min);
  EXPECT_EQ(used(*accounting), 0U) << "before anything is written";
  pass(30s);
  offer(*accounting, 4000, 60s);
  EXPECT_EQ(used(*accounting), 2000U) << "half of it came before midnight";
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 2000U);
  EXPECT_EQ(reported(), 2000U);
}

TEST_F(QuotaMetricTest, GoesOnWhileTheDatabaseIsLocked) {
  const auto accounting = make();
  offer(*accounting, 1000);
  commit(*accounting);
  Database blocker(config_.database, Database::Access::kWrite);
  blocker.execute("BEGIN IMMEDIATE");
  offer(*accounting, 200);
  now_.steady += 2min;
  accounting->tick();  // the writer has it now
  offer(*accounting, 30);
  tick_until(*accounting, [&] {
    return std::get<AccountingStatus>(accounting->status(now_).details).failures > 0;
  });
  EXPECT_EQ(used(*accounting), 1230U);
  blocker.execute("ROLLBACK");
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 1230U);
  EXPECT_EQ(reported(), 1230U);
}

TEST_F(QuotaMetricTest, SaysNothingOfADatabaseThatIsNone) {
  std::ofstream(config_.database) << std::string(5000, 'x');
  const auto accounting = make();
  offer(*accounting, 1000);
  tick_until(*accounting, [&] {
    return std::get<AccountingStatus>(accounting->status(now_).details).failures > 0;
  });
  EXPECT_EQ(used(*accounting), std::nullopt);
}

TEST_F(QuotaMetricTest, SaysNothingOfWhatCanBeWrittenButNotRead) {
  const auto accounting = make();
  offer(*accounting, 1000);
  commit(*accounting);
  Database other(config_.database, Database::Access::kWrite);
  other.execute("ALTER TABLE gap RENAME TO hole");  // only reports read it
  offer(*accounting, 200);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), std::nullopt);
  other.execute("ALTER TABLE hole RENAME TO gap");
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 1200U);
}

TEST_F(QuotaMetricTest, SaysNothingWhileTheClockIsNotSet) {
  const TimePoint set = now_.wall;
  now_.wall = TimePoint(1h);
  const auto accounting = make();
  offer(*accounting, 1000);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), std::nullopt);
  now_.wall = set;
  EXPECT_EQ(used(*accounting), std::nullopt);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), reported());
}

TEST_F(QuotaMetricTest, KnowsThePeriodBeforeAgainWithTheNextTransaction) {
  const auto accounting = make();
  offer(*accounting, 1000);
  commit(*accounting);
  pass(1h);
  offer(*accounting, 20);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 20U);
  now_.wall -= 1h;
  EXPECT_EQ(used(*accounting), std::nullopt);
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 1000U);
}

TEST_F(QuotaMetricTest, SaysWhatAReportSaysWhereKeysFoundNoRoom) {
  config_.aggregates = {{"all", {AccountingKey::kHost, AccountingKey::kNetwork}, 1}};
  const auto accounting = make();
  offer(*accounting, 1000);
  offer(*accounting, 200, 0s, "198.51.100.1", "10.0.0.7");
  commit(*accounting);
  EXPECT_EQ(reported(), 1000U);
  EXPECT_EQ(used(*accounting), 1000U);
}

TEST_F(QuotaMetricTest, HasTheNetworksThatAFileHasUnderTheSameName) {
  const test::TextAddress address = test::text_address("10.0.2.0");
  config_.networks_in_file = {{"other-office", {{address.family, address.address, 25}}},
                              {"office", {{address.family, address.address, 24}}}};
  const auto accounting = make();
  commit(*accounting);
  offer(*accounting, 500, 0s, "198.51.100.1", "10.0.2.200");
  EXPECT_EQ(used(*accounting), 500U) << "what waits";
  commit(*accounting);
  EXPECT_EQ(used(*accounting), 500U);
  EXPECT_EQ(reported(), 500U);
}

}  // namespace
}  // namespace ctflow
