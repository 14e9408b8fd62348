// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/accounting.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "accounting/report.hpp"
#include "accounting/report_text.hpp"
#include "support/accounting_flows.hpp"
#include "support/logged_lines.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

class AccountingTest : public testing::Test {
 protected:
  AccountingTest() {
    setenv("RUNTIME_DIRECTORY", "/nonexistent", 1);
    config_.database = directory_.path("accounting.sqlite");
    config_.commit_interval = 100ms;
    AggregateConfig hosts;
    hosts.name = "hosts";
    hosts.by = {AccountingKey::kHost};
    config_.aggregates = {hosts};
    context_->answer_losses([this] { return losses_; });
    context_->answer_source([this] { return source_; });
  }

  ~AccountingTest() override { unsetenv("RUNTIME_DIRECTORY"); }
  AccountingTest(const AccountingTest&) = delete;
  AccountingTest& operator=(const AccountingTest&) = delete;
  AccountingTest(AccountingTest&&) = delete;
  AccountingTest& operator=(AccountingTest&&) = delete;

  std::unique_ptr<Accounting> make() {
    return std::make_unique<Accounting>(
        config_, [] { return test::sample_surroundings(); }, context_);
  }

  /// Runs it until `condition` holds, ten seconds at most.
  template <typename Condition>
  void run_until(Accounting& accounting, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(10ms);
      accounting.tick();
    }
    EXPECT_TRUE(condition());
  }

  static void offer(Accounting& accounting, std::uint64_t octets) {
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    const Instant now = system_now();
    flow.start = flow.end = now.wall;
    flow.original_counters = {1, octets};
    accounting.offer(flow, now);
  }

  std::int64_t octets_in_database() {
    return test::number_in(config_.database, "SELECT sum(up_octets) FROM usage WHERE level = 3");
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  UpstreamLosses losses_;
  SourceStatus source_;
  std::shared_ptr<OutputContext> context_ = std::make_shared<OutputContext>();
};

TEST_F(AccountingTest, SendsAFlowReportWhenItsTransactionIsCommitted) {
  const auto accounting = make();
  accounting->tick();
  offer(*accounting, 100);
  offer(*accounting, 200);
  EXPECT_EQ(accounting->status(system_now()).counters.waiting.flows, 2U);
  EXPECT_EQ(std::get<AccountingStatus>(accounting->status(system_now()).details).rows, 1U);
  run_until(*accounting, [&] { return accounting->status(system_now()).counters.flows == 2; });
  const ExporterCounters counters = accounting->status(system_now()).counters;
  EXPECT_EQ(counters.offered, 2U);
  EXPECT_EQ(counters.octets, 300U);
  EXPECT_EQ(counters.packets, 2U);
  EXPECT_EQ(counters.waiting.flows, 0U);
  EXPECT_EQ(counters.waiting.octets, 0U);
  EXPECT_EQ(octets_in_database(), 300);
}

TEST_F(AccountingTest, WritesWhatWaitsWhenItStops) {
  const auto accounting = make();
  accounting->tick();
  offer(*accounting, 100);
  accounting->stop();
  EXPECT_EQ(octets_in_database(), 100);
  EXPECT_EQ(accounting->status(system_now()).counters.flows, 1U);
  EXPECT_EQ(test::number_in(config_.database, "SELECT count(*) FROM session"), 0);
  bool another_runs = true;
  EXPECT_TRUE(accounting::left_sessions(config_.database, another_runs).empty());
}

/// As where something else threw: nothing stopped it.
TEST_F(AccountingTest, LosesNoOctetsWhereItIsDestroyedWithoutAStop) {
  config_.commit_interval = 1h;
  {
    const auto accounting = make();
    accounting->tick();  // the first transaction
    run_until(*accounting, [&] {
      return std::get<AccountingStatus>(accounting->status(system_now()).details).last_commit;
    });
    offer(*accounting, 100);
  }
  EXPECT_EQ(octets_in_database(), 0);
  make()->stop();
  EXPECT_EQ(octets_in_database(), 100);
  {
    const auto accounting = make();
    offer(*accounting, 20);  // not even started
  }
  make()->stop();
  EXPECT_EQ(octets_in_database(), 120);
}

TEST_F(AccountingTest, StopsBeforeItStarted) {
  const auto accounting = make();
  offer(*accounting, 100);
  accounting->stop();
  EXPECT_EQ(octets_in_database(), 100);
}

TEST_F(AccountingTest, TakesNoLossesOfBeforeForItsOwnWhenItStopsBeforeItStarted) {
  losses_.lost_events = 10;
  make()->stop();
  EXPECT_EQ(test::number_in(config_.database, "SELECT count(*) FROM interval"), 0);
}

TEST_F(AccountingTest, CountsRowsThatTheWriterHasAndNoMergedOneLess) {
  config_.aggregates[0].max_keys = 1;  // two cells wait: one of this minute, one of the next
  const std::string directory = directory_.path("file");
  std::ofstream(directory) << "x";
  config_.database = directory + "/accounting.sqlite";
  const auto accounting = make();
  run_until(*accounting, [&] { return accounting->status(system_now()).last_failure_age; });
  const Instant now = system_now();
  std::uint64_t merged = 0;
  for (const char* const host : {"10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"}) {
    Flow flow = test::report_between(host, "198.51.100.1");
    flow.start = flow.end = now.wall;
    flow.original_counters = {1, 100};
    accounting->offer(flow, now);
  }
  EXPECT_EQ(std::get<AccountingStatus>(accounting->status(now).details).rows, 3U)
      << "with one for the others";
  EXPECT_EQ(std::get<AccountingStatus>(accounting->status(now).details).merged, 2U);
  std::filesystem::remove(directory);
  run_until(*accounting, [&] {
    const AccountingStatus status =
        std::get<AccountingStatus>(accounting->status(system_now()).details);
    EXPECT_GE(status.merged, merged) << "a counter does not fall";
    merged = status.merged;
    return accounting->status(system_now()).counters.flows == 4;
  });
  EXPECT_EQ(std::get<AccountingStatus>(accounting->status(system_now()).details).rows, 0U);
}

TEST_F(AccountingTest, WaitsForADatabaseThatCannotBeWritten) {
  const std::string directory = directory_.path("file");
  std::ofstream(directory) << "x";
  config_.database = directory + "/accounting.sqlite";
  const auto accounting = make();
  run_until(*accounting, [&] { return accounting->status(system_now()).last_failure_age; });
  EXPECT_FALSE(accounting->status(system_now()).connected);
  EXPECT_THAT(accounting->status(system_now()).last_failure.reason,
              testing::HasSubstr(config_.database));
  offer(*accounting, 100);
  std::filesystem::remove(directory);
  run_until(*accounting, [&] { return accounting->status(system_now()).counters.flows == 1; });
  EXPECT_TRUE(accounting->status(system_now()).connected);
  EXPECT_EQ(octets_in_database(), 100);
}

TEST_F(AccountingTest, WaitsUntilADamagedDatabaseIsMovedAway) {
  std::ofstream(config_.database) << std::string(4096, 'x');
  const test::LoggedLines lines;
  const auto accounting = make();
  run_until(*accounting, [&] {
    return accounting->status(system_now()).last_failure.kind == FailureKind::kDamaged;
  });
  EXPECT_EQ(lines.count("ctflowd accounting check"), 1U);
  EXPECT_EQ(lines.count("make room"), 0U);
  offer(*accounting, 100);
  std::filesystem::rename(config_.database, directory_.path("damaged"));
  run_until(*accounting, [&] { return accounting->status(system_now()).counters.flows == 1; });
  EXPECT_EQ(octets_in_database(), 100);
}

TEST_F(AccountingTest, AdvisesAtTheStopWhatEndsTheFailure) {
  std::ofstream(config_.database) << std::string(4096, 'x');
  const test::LoggedLines lines;
  const auto accounting = make();
  offer(*accounting, 100);
  accounting->stop();                                    // before the failure was looked for
  EXPECT_EQ(lines.count("accounting_not_written"), 2U);  // the line, and where that refers to it
  EXPECT_EQ(lines.count("ctflowd accounting check; move the file away"), 1U);
  EXPECT_EQ(lines.count("what accounting_not_written says"), 1U);
  EXPECT_EQ(lines.count("room"), 0U);
}

TEST_F(AccountingTest, CountsAsLostWhatCannotBeWrittenAtTheStopAndTheNextStartEntersIt) {
  {
    const auto accounting = make();
    run_until(*accounting, [&] {
      return std::get<AccountingStatus>(accounting->status(system_now()).details).last_commit;
    });
    Database blocker(config_.database, Database::Access::kWrite);
    blocker.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'no'); "
        "END");
    offer(*accounting, 100);
    accounting->stop();
    const ExporterCounters counters = accounting->status(system_now()).counters;
    EXPECT_EQ(counters.lost_stopped.flows, 1U);
    EXPECT_EQ(counters.lost_stopped.octets, 100U);
    EXPECT_EQ(counters.waiting.flows, 0U);
    blocker.execute("DROP TRIGGER refuse");
  }
  const auto accounting = make();
  accounting->stop();
  EXPECT_EQ(octets_in_database(), 100);
  EXPECT_EQ(std::get<AccountingStatus>(accounting->status(system_now()).details).recovered, 100U);
}

TEST_F(AccountingTest, EntersWhatIsMissing) {
  losses_.lost_events = 10;
  const auto accounting = make();
  accounting->tick();  // what was lost before is not of its time
  losses_.lost_events = 13;
  losses_.no_counters = 2;
  losses_.counters_fell = 1;
  losses_.fallen_packets = 40;
  accounting->stop();
  const auto sum = [&](const std::string& column) {
    return test::number_in(config_.database,
                           "SELECT sum(" + column + ") FROM interval WHERE level = 2");
  };
  EXPECT_EQ(sum("lost_events"), 3);
  EXPECT_EQ(sum("no_counters"), 2);
  EXPECT_EQ(sum("counters_fell"), 1);
  EXPECT_EQ(sum("fallen_packets"), 40);
}

TEST_F(AccountingTest, NamesWhoMaySetCountersToZeroWhenTheyFell) {
  const auto accounting = make();
  accounting->tick();
  source_.resetters.programs = {"nlbwmon"};
  losses_.no_counters = 1;
  accounting->stop();
  const std::string causes = "SELECT count(*) FROM cause WHERE kind = 'counters_reset'";
  EXPECT_EQ(test::number_in(config_.database, causes), 0) << "none fell";
  const auto after = make();
  after->tick();
  losses_.counters_fell = 1;
  after->stop();
  EXPECT_EQ(test::number_in(config_.database, causes + " AND name = 'nlbwmon'"), 4)
      << "one of each level";
}

TEST_F(AccountingTest, NotesThatConnectionsVanishedInAllMinutesThatMayLackTheirTraffic) {
  losses_.reconciled = 5;
  losses_.reconciled_within = std::chrono::minutes(3);
  const auto accounting = make();
  accounting->tick();  // those of before are not of its time
  accounting->stop();
  const std::string count =
      "SELECT count(*) FROM cause WHERE kind = 'connections_vanished' AND level = ";
  EXPECT_EQ(test::number_in(config_.database, count + "0"), 0);
  const auto after = make();
  after->tick();
  losses_.reconciled = 6;
  after->stop();
  EXPECT_EQ(test::number_in(config_.database, count + "0"), 4);
  EXPECT_GE(test::number_in(config_.database, count + "2"), 1);
}

TEST_F(AccountingTest, NotesThatTheKernelSendsNoEvents) {
  bool off = false;
  context_->answer_events_off([&off] { return off; });
  const std::string count = "SELECT count(*) FROM cause WHERE kind = 'events_off' AND level = 3";
  const auto accounting = make();
  accounting->tick();
  accounting->stop();
  EXPECT_EQ(test::number_in(config_.database, count), 0);
  off = true;
  const auto after = make();
  after->tick();
  after->stop();
  EXPECT_EQ(test::number_in(config_.database, count), 1);
}

TEST_F(AccountingTest, NotesWhatForwardsPacketsUncounted) {
  source_.capabilities.flowtables = true;
  Capabilities measured;
  std::atomic<bool> asked = false;
  const auto accounting = std::make_unique<Accounting>(
      config_, [] { return test::sample_surroundings(); }, context_, system_now, nullptr,
      [&](const Capabilities& now) {
        if (!asked) measured = now;
        asked = true;
        return accounting::Causes{{accounting::kFlowtableUncounted, "inet f fast"}};
      });
  run_until(*accounting, [&] {
    return std::get<AccountingStatus>(accounting->status(system_now()).details).last_commit;
  });
  run_until(*accounting, [&] {
    return test::number_in(config_.database, "SELECT count(*) FROM cause WHERE level = 3") == 1;
  });
  accounting->stop();
  EXPECT_TRUE(measured.flowtables) << "from the first look on";
}

TEST_F(AccountingTest, NotesWhichSettingsKeepConnectionsFromIt) {
  Accounting accounting(config_, [] { return test::sample_surroundings(); }, context_, system_now,
                        nullptr, {}, {"source.filter", "zones of namespaces"});
  accounting.tick();
  offer(accounting, 100);
  run_until(accounting, [&] { return accounting.status(system_now()).counters.flows == 1; });
  accounting.stop();
  accounting::Question question;
  question.now = std::chrono::floor<std::chrono::minutes>(system_now().wall);
  question.from = question.now - 1min;
  question.until = question.now + 1min;
  const auto report = accounting::ask(accounting::open_for_reading(config_.database), question);
  EXPECT_THAT(report.left_out, testing::ElementsAre("source.filter", "zones of namespaces"));
  EXPECT_TRUE(report.causes.empty());
  EXPECT_EQ(accounting::left_out_text(report),
            "not counted: what is left out by source.filter, zones of namespaces");
}

TEST_F(AccountingTest, TakesForCountedWhatCannotBeRead) {
  std::atomic<bool> asked = false;
  const auto accounting = std::make_unique<Accounting>(
      config_, [] { return test::sample_surroundings(); }, context_, system_now, nullptr,
      [&](const Capabilities&) -> accounting::Causes {
        asked = true;
        throw std::system_error(EPERM, std::generic_category());
      });
  run_until(*accounting, [&] { return asked.load(); });
  accounting->stop();
  EXPECT_EQ(test::number_in(config_.database, "SELECT count(*) FROM cause"), 0);
}

TEST_F(AccountingTest, HasAnotherDatabaseForEachNamespace) {
  config_.network_namespace = "red";
  const auto accounting = make();
  EXPECT_EQ(accounting->name(), "accounting@red");
  accounting->stop();
  EXPECT_TRUE(std::filesystem::exists(directory_.path("accounting.sqlite.red")));
}

TEST_F(AccountingTest, LeavesNoGapWhenAReloadReplacesIt) {
  const auto before = make();
  before->tick();
  offer(*before, 100);
  const auto after = make();
  before->stop();
  offer(*after, 200);
  after->stop();
  EXPECT_EQ(octets_in_database(), 300);
  EXPECT_EQ(test::number_in(config_.database, "SELECT count(*) FROM gap"), 0);
}

TEST_F(AccountingTest, CountsNothingTwiceThatIsReportedAgain) {
  const auto report = [](Accounting& to, std::uint64_t octets, FlowEvent event) {
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    const Instant now = system_now();
    flow.event = event;
    flow.start = flow.earlier.start = now.wall - 5s;
    flow.end = now.wall;
    flow.original_counters = {octets / 100, octets};
    to.offer(flow, now);
  };
  const auto before = make();
  before->tick();
  report(*before, 1000, FlowEvent::kReported);
  before->stop();
  const auto after = make();  // where the state file has nothing of it
  after->tick();
  report(*after, 1500, FlowEvent::kEnded);
  after->stop();
  EXPECT_EQ(octets_in_database(), 1500);
  EXPECT_EQ(test::number_in(config_.database, "SELECT sum(connections) FROM usage WHERE level = 3"),
            1);
}

TEST_F(AccountingTest, FindsWhatAnEarlierVersionLeftBesideTheDatabase) {
  make()->stop();
  accounting::SessionLedger(config_.database).add(accounting::Direction::kOut, {0, 700, 0, 7, 1});
  const test::TemporaryDirectory runtime;
  setenv("RUNTIME_DIRECTORY", runtime.name().c_str(), 1);
  const auto accounting = make();
  accounting->stop();
  EXPECT_EQ(octets_in_database(), 700);
  EXPECT_EQ(std::get<AccountingStatus>(accounting->status(system_now()).details).recovered, 700U);
  bool another_runs = false;
  EXPECT_TRUE(accounting::left_sessions(config_.database, another_runs).empty());
}

TEST_F(AccountingTest, HasTheLockOfItsSessionWhileItsThreadMayStillWrite) {
  make()->stop();  // makes the database
  Database blocker(config_.database, Database::Access::kWrite);
  blocker.execute("BEGIN IMMEDIATE");  // as a disk that hangs, but for two seconds at most
  auto before = make();
  offer(*before, 100);
  before->tick();  // gives it to the thread
  before.reset();  // its thread goes on
  bool another_runs = false;
  EXPECT_TRUE(accounting::left_sessions(config_.database, another_runs).empty())
      << "it has not ended";
  EXPECT_TRUE(another_runs);
  const auto after = make();  // would take the rest of what was counted before for uncounted
  blocker.execute("COMMIT");
  run_until(*after, [&] { return octets_in_database() == 100; });
  const auto ledgers = [&] {
    const std::filesystem::directory_iterator all(
        std::filesystem::path(config_.database).parent_path());
    return std::count_if(begin(all), end(all), [](const auto& one) {
      return one.path().string().find("-session-") != std::string::npos;
    });
  };
  run_until(*after, [&] { return ledgers() == 1; });
  after->stop();
  EXPECT_EQ(octets_in_database(), 100);
  EXPECT_EQ(std::get<AccountingStatus>(after->status(system_now()).details).recovered, 0U);
  EXPECT_TRUE(accounting::left_sessions(config_.database, another_runs).empty());
  EXPECT_FALSE(another_runs) << "the thread has let go";
}

}  // namespace
}  // namespace ctflow
