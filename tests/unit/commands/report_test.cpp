// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <ios>
#include <nlohmann/json.hpp>
#include <sstream>

#ifdef CTFLOWD_SQLITE

#include "ctflow/config_error.hpp"
#include "sqlite/sqlite.hpp"
#include "support/accounting_flows.hpp"
#include "support/fork_alone.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ReportCommandTest : public testing::Test {
 protected:
  ReportCommandTest() {
    options_.database = directory_.path("accounting.sqlite");
    options_.format = "json";
  }

  /// One flow report of that age, which is written now.
  void count(std::chrono::seconds age, std::uint64_t octets) {
    AccountingConfig config;
    config.database = options_.database;
    AggregateConfig hosts;
    hosts.name = "hosts";
    hosts.by = {AccountingKey::kHost};
    config.aggregates = {hosts};
    const auto accounts = std::make_shared<accounting::Accounts>(config);
    accounting::Job job;
    job.batch = std::make_unique<accounting::Batch>(config);
    job.now = system_now();
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    flow.start = flow.end = job.now.wall - age;
    flow.original_counters = {1, octets};
    test::add_report(*accounts, flow, *test::sample_surroundings(), job.now.wall, *job.batch);
    accounting::Session session;
    session.started = job.now.wall - age;
    accounting::Store(config, accounts, std::move(session)).write(job);
  }

  int run() {
    out_.str("");
    errors_.str("");
    return run_report(options_, "/none", out_, errors_);
  }

  /// Of a configuration that has accounting.
  [[nodiscard]] std::string settings() const {
    const std::string file = directory_.path("ctflowd.yaml");
    std::ofstream(file) << "accounting: {aggregates: [{name: hosts, by: [host]}]}\n";
    return file;
  }

  test::TemporaryDirectory directory_;
  ReportOptions options_;
  std::ostringstream out_;
  std::ostringstream errors_;
};

TEST_F(ReportCommandTest, HasAllOfTheTimeThatIsAskedFor) {
  count(59s, 700);
  options_.since = "1m";
  run();
  EXPECT_EQ(nlohmann::json::parse(out_.str()).at("total").at("up_octets"), 700);
}

TEST_F(ReportCommandTest, HasNoAnswerForAPeriodThatIsStillToCome) {
  count(0s, 700);
  options_.period = "2999-01";
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(errors_.str(), HasSubstr("--period: expected one that has begun, got 2999-01"));
}

TEST_F(ReportCommandTest, TakesNoOtherFormsOfAMonth) {
  count(0s, 700);
  for (const char* const period : {"2026-1-", "202-011", "2026-001", "20260101-1"}) {
    options_.period = period;
    EXPECT_EQ(run(), 2) << period;
    EXPECT_THAT(errors_.str(), HasSubstr("expected current, last, a month such as 2026-10"));
  }
}

/// As of `| head`; whether something of it is missed is main()'s.
TEST_F(ReportCommandTest, SaysNothingOfAReaderThatHasWhatItWants) {
  count(0s, 700);
  const int status = run();
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(run_report(options_, "/none", out_, errors_), status);
  EXPECT_EQ(run_accounting_export(options_, "/none", out_, errors_), 0);
  EXPECT_EQ(errors_.str(), "");
}

TEST_F(ReportCommandTest, SaysHowManyRowsWereRemoved) {
  count(40h, 700);
  Database(options_.database, Database::Access::kWrite)
      .execute("UPDATE usage SET time = time - 36000 WHERE level = (SELECT min(level) FROM usage)");
  EXPECT_EQ(run_accounting_prune(options_, settings(), out_, errors_), 0) << errors_.str();
  EXPECT_EQ(run_accounting_prune(options_, settings(), out_, errors_), 0) << errors_.str();
  EXPECT_EQ(out_.str(), "removed 1 row\nremoved 0 rows\n");
}

TEST_F(ReportCommandTest, RemovesNothingWithoutARetention) {
  count(40h, 700);
  Database(options_.database, Database::Access::kWrite)
      .execute("UPDATE usage SET time = time - 36000 WHERE level = (SELECT min(level) FROM usage)");
  const std::string file = settings();
  std::ofstream(file) << "log_connections: [{name: log, to: stdout}]\n";
  for (const std::string& config : {std::string("/none"), file}) {
    errors_.str("");
    EXPECT_EQ(run_accounting_prune(options_, config, out_, errors_), 2);
    EXPECT_EQ(errors_.str(),
              config + ": expected accounting, whose retention says what is removed, got none\n");
  }
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(run_accounting_prune(options_, settings(), out_, errors_), 0);
  EXPECT_EQ(out_.str(), "removed 1 row\n");
}

TEST_F(ReportCommandTest, AsksForTheNamespaceWhereThereAreSome) {
  const std::string file = settings();
  EXPECT_EQ(run_report(options_, file, out_, errors_), 2);
  EXPECT_THAT(errors_.str(), HasSubstr("got no such file: ctflowd makes it when"));
  std::ofstream(file, std::ios::app) << "namespaces: [{name: red}]\n";
  errors_.str("");
  EXPECT_EQ(run_report(options_, file, out_, errors_), 2);
  EXPECT_THAT(errors_.str(), HasSubstr("each of `namespaces` has its own: give --namespace"));
}

TEST_F(ReportCommandTest, DoesNotTakeForMissingWhatItMayNotSee) {
  const test::TemporaryDirectory hidden;
  chmod(hidden.name().c_str(), 0);
  constexpr int kNotPossible = 77;
  const pid_t child = test::fork_alone();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setresuid(kNobody, kNobody, kNobody) != 0) _exit(kNotPossible);
    options_.database = hidden.path("accounting.sqlite");
    const bool of_database =
        run() == 2 && errors_.str().find(": Permission denied: run as root") != std::string::npos;
    bool of_configuration = false;
    try {
      run_report(options_, hidden.path("ctflowd.yaml"), out_, errors_);
    } catch (const ConfigError& error) {
      of_configuration = true;
    }
    _exit((of_database ? 0 : 1) + (of_configuration ? 0 : 2));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotPossible) GTEST_SKIP() << "nothing can be run as another user";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ReportCommandTest, MakesNoTablesInADatabaseOfAnotherProgram) {
  Database(options_.database, Database::Access::kCreate).execute("CREATE TABLE notes(text)");
  EXPECT_EQ(run_accounting_prune(options_, settings(), out_, errors_), 2);
  EXPECT_EQ(errors_.str(), options_.database + ": no database of accounting\n");
  const Database database(options_.database, Database::Access::kRead);
  Statement tables(database, "SELECT count(*) FROM sqlite_master");
  ASSERT_TRUE(tables.step());
  EXPECT_EQ(tables.number(0), 1);
}

TEST_F(ReportCommandTest, DoesNotWaitForAPipe) {
  ASSERT_EQ(mkfifo(options_.database.c_str(), 0600), 0);
  EXPECT_EQ(run(), 2);
  EXPECT_THAT(errors_.str(), HasSubstr("expected a database of accounting, got no regular file"));
}

}  // namespace
}  // namespace ctflow

#endif
