// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/row_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "support/fakes.hpp"
#include "support/logged_lines.hpp"
#include "support/sample_flows.hpp"
#include "unit/postgresql/fake_server.hpp"

namespace ctflow::postgresql {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Fault;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class PostgresqlSink : public testing::Test {
 protected:
  PostgresqlSink() {
    config_.name = "db";
    config_.to = LogDestination::kPostgresql;
    config_.buffer = 1 << 20;
    config_.postgresql.retention = std::chrono::days(30);
    auto server = std::make_unique<test::FakeServer>(database_, said_);
    server_ = server.get();
    sink_ =
        std::make_unique<RowSink>(config_, std::move(server), ledger_, "writer", clock_.clock());
  }

  /// Rows of one message, with one packet and 100 octets each.
  void deliver(int count) {
    std::string lines;
    MessageContent content;
    for (int i = 0; i < count; ++i) {
      Flow flow = test::sample::tcp();
      flow.id = next_id_++;
      flow.original_counters = {1, 100};
      flow.reply_counters = {};
      flow.event_time = clock_.now().wall;
      sink_->append(lines, flow, {});
      ++content.flows;
      ++content.data_records;
      content.packets += 1;
      content.octets += 100;
    }
    offered_ += static_cast<std::uint64_t>(count);
    ledger_.offer(static_cast<std::uint64_t>(count));
    sink_->deliver(lines, content, clock_.now());
    EXPECT_TRUE(lines.empty());
  }

  /// Until nothing is to be done, waiting for what the sink waits for.
  void settle() {
    for (int i = 0; i < 5000; ++i) {
      server_->run();
      if (ledger_.counters().waiting.flows == 0) return;
      clock_.advance(std::max<MonoTime::duration>(server_->alarm() - clock_.now().steady, {}));
      server_->ring();
    }
    ADD_FAILURE() << "rows still wait";
  }

  void connect() {
    server_->ring();
    server_->run();
  }

  /// A fault at the `count`-th command of this beginning.
  void fail_once(const std::string& beginning, Fault fault, int count = 1) {
    server_->set_faults([=, left = count](const std::string& command) mutable {
      return command.starts_with(beginning) && --left == 0 ? fault : Fault::kNone;
    });
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    for (const std::string& row : database_.rows) {
      const std::size_t at = row.find('\t', row.find('\t') + 1) + 1;
      found.push_back(row.substr(at, row.find('\t', at) - at));
    }
    return found;
  }

  /// Each of `count` rows once, and in their order.
  void expect_all(std::uint32_t count) const {
    std::vector<std::string> expected;
    for (std::uint32_t id = 1; id <= count; ++id) expected.push_back(std::to_string(id));
    EXPECT_EQ(ids(), expected);
    EXPECT_EQ(ledger_.counters().flows, count);
    EXPECT_EQ(ledger_.counters().octets, std::uint64_t{count} * 100);
    EXPECT_EQ(ledger_.counters().waiting.messages, 0U);
    EXPECT_EQ(ledger_.counters().lost(), 0U);
  }

  OutputStatus status() const {
    OutputStatus status;
    sink_->describe(status);
    return status;
  }

  test::FakeDatabase database_;
  std::vector<std::string> said_;
  test::FakeClock clock_;
  ExportLedger ledger_;
  ConnectionLogConfig config_;
  test::FakeServer* server_ = nullptr;
  std::unique_ptr<RowSink> sink_;
  std::uint32_t next_id_ = 1;
  std::uint64_t offered_ = 0;
};

TEST_F(PostgresqlSink, MakesTablesAndPartitionsAndWritesRows) {
  connect();
  EXPECT_TRUE(database_.tables);
  EXPECT_EQ(database_.partitions, (std::set<std::string>{"20231114", "20231115"}));
  deliver(3);
  EXPECT_EQ(ledger_.counters().flows, 0U) << "not before the server has it";
  server_->run();
  expect_all(3);
  EXPECT_TRUE(status().connected);
  EXPECT_EQ(ledger_.counters().transport_sessions, 1U);
}

TEST_F(PostgresqlSink, WritesTogetherWhatCameMeanwhile) {
  for (int i = 0; i < 50; ++i) deliver(1);
  connect();
  expect_all(50);
  EXPECT_EQ(std::count(said_.begin(), said_.end(), "COMMIT"), 1);
}

TEST_F(PostgresqlSink, DoesNotWriteAgainWhatWasCommittedWithoutAnAnswer) {
  connect();
  fail_once("COMMIT", Fault::kAnswer);
  deliver(3);
  server_->run();
  EXPECT_EQ(database_.rows.size(), 3U);
  EXPECT_EQ(ledger_.counters().waiting.flows, 3U) << "it is not known";
  EXPECT_FALSE(status().connected);
  deliver(2);  // must not get into the same batch
  settle();
  expect_all(5);
}

TEST_F(PostgresqlSink, WritesAgainWhatWasNotCommitted) {
  for (const char* const command : {"COPY", "COMMIT", "BEGIN; SET LOCAL lock_timeout"}) {
    for (const Fault fault : {Fault::kLost, Fault::kShutdown}) {
      connect();
      fail_once(command, fault);
      deliver(4);
      settle();
    }
  }
  expect_all(24);
}

TEST_F(PostgresqlSink, BearsAFaultWhileItLooksForWhatAnotherHidIt) {
  for (const char* const second : {"CONNECT", "SET standard", "BEGIN", "ROLLBACK"}) {
    for (const Fault fault : {Fault::kLost, Fault::kAnswer, Fault::kShutdown}) {
      connect();
      server_->set_faults([=, lost = false, failed = false](const std::string& command) mutable {
        if (command == "COMMIT" && !std::exchange(lost, true)) return Fault::kAnswer;
        if (lost && command.starts_with(second) && !std::exchange(failed, true)) return fault;
        return Fault::kNone;
      });
      deliver(2);
      settle();
    }
  }
  expect_all(24);
}

TEST_F(PostgresqlSink, DoesNotTakeARollbackForACommit) {
  connect();
  deliver(2);
  for (int i = 0; i < 2; ++i) server_->turn();  // BEGIN, COPY
  server_->query("ROLLBACK");  // as if the server had given up what is to be committed
  server_->turn();
  EXPECT_EQ(ledger_.counters().flows, 0U);
  settle();
  expect_all(2);
}

TEST_F(PostgresqlSink, LosesTheRowThatTheServerRefusesAndNoOther) {
  connect();
  database_.refused = "\tend\t17\t";  // event, flow_id
  for (int i = 0; i < 5; ++i) deliver(10);
  settle();
  EXPECT_EQ(database_.rows.size(), 49U);
  EXPECT_THAT(ids(), Not(Contains("17")));
  const ExporterCounters& counters = ledger_.counters();
  EXPECT_EQ(counters.flows, 49U);
  EXPECT_EQ(counters.octets, 4900U);
  EXPECT_EQ(counters.lost_write_error.flows, 1U);
  EXPECT_EQ(counters.lost_octets, 100U);
  EXPECT_EQ(counters.lost_packets, 1U);
  EXPECT_EQ(counters.waiting.messages, 0U);
  EXPECT_TRUE(status().connected);
}

TEST_F(PostgresqlSink, CountsAsLostWhatATriggerDoesNotStore) {
  const test::LoggedLines lines;
  connect();
  database_.dropped = "\tend\t";
  for (int i = 0; i < 3; ++i) deliver(10);
  settle();
  EXPECT_EQ(ledger_.counters().flows, 0U);
  EXPECT_EQ(ledger_.counters().lost_write_error.flows, 30U);
  EXPECT_EQ(ledger_.counters().lost_octets, 3000U);
  EXPECT_EQ(ledger_.counters().waiting.messages, 0U);
  EXPECT_EQ(status().last_failure.reason, "the server stored 0 of 20 rows that it took");
  EXPECT_GE(lines.count("connection_log_rows_dropped"), 1U);
  database_.dropped = "\tend\t3";  // 31 to 39, not 40 to 60
  for (int i = 0; i < 3; ++i) deliver(10);
  settle();
  EXPECT_EQ(database_.rows.size(), 21U);
  EXPECT_EQ(ledger_.counters().flows, 21U);
  EXPECT_EQ(ledger_.counters().octets, 2100U);
  EXPECT_EQ(ledger_.counters().lost(), 39U);
  EXPECT_EQ(ledger_.counters().lost_packets, 39U);
  EXPECT_EQ(ledger_.counters().waiting.flows, 0U);
  EXPECT_EQ(ledger_.counters().waiting.messages, 0U);
  database_.dropped.clear();
  fail_once("COMMIT", Fault::kAnswer);
  deliver(10);
  settle();
  EXPECT_EQ(ledger_.counters().flows, 31U) << "of the same batch, which is there already";
}

TEST_F(PostgresqlSink, NamesTheColumnsThatCannotBeAdded) {
  const test::LoggedLines lines;
  database_.missing = {"reported", "event"};
  connect();
  EXPECT_EQ(status().last_failure.reason, "the table connections lacks reported, event");
  EXPECT_EQ(lines.count("fix=\"add them by ALTER TABLE"), 1U);
  database_.missing.clear();
  deliver(1);
  settle();
  expect_all(1);
}

TEST_F(PostgresqlSink, LosesAndWritesEachRowOnceWhateverFails) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::uint32_t first = next_id_;
    const std::size_t before = database_.rows.size();
    const std::uint64_t lost = ledger_.counters().lost();
    const std::uint32_t bad = first + static_cast<std::uint32_t>(random() % 40);
    database_.refused = "\tend\t" + std::to_string(bad) + "\t";
    server_->set_faults([&random, left = 40](const std::string&) mutable {
      if (left == 0 || random() % 4 != 0) return Fault::kNone;
      --left;
      return static_cast<Fault>(1 + random() % 3);
    });
    for (int i = 0; i < 8; ++i) {
      deliver(5);
      if (random() % 2 == 0) server_->turn();
    }
    settle();
    EXPECT_EQ(database_.rows.size() - before, 39U);
    EXPECT_EQ(ledger_.counters().lost() - lost, 1U);
    if (HasFailure()) break;
  }
  const std::vector<std::string> all = ids();
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  EXPECT_EQ(ledger_.counters().waiting.messages, 0U);
  EXPECT_EQ(ledger_.counters().waiting.octets, 0U);
}

TEST_F(PostgresqlSink, LosesWhatFindsNoRoom) {
  server_->set_faults([](const std::string&) { return Fault::kLost; });
  connect();
  while (ledger_.counters().lost() == 0) deliver(100);
  const ExporterCounters& counters = ledger_.counters();
  EXPECT_EQ(counters.lost_write_error.flows, 100U) << "the server is away";
  EXPECT_EQ(counters.lost_octets, 10'000U);
  EXPECT_EQ(counters.offered, counters.waiting.flows + counters.lost());
  EXPECT_LE(status().backlog->memory, config_.buffer);
  EXPECT_GT(status().backlog->memory, config_.buffer * 9 / 10);
  server_->set_faults({});
  settle();
  EXPECT_EQ(database_.rows.size(), offered_ - 100);
}

TEST_F(PostgresqlSink, CountsWhatASlowServerCannotTakeAsSuch) {
  connect();
  while (ledger_.counters().lost() == 0) deliver(100);
  EXPECT_EQ(ledger_.counters().lost_would_block, 100U);
}

TEST_F(PostgresqlSink, WaitsLongerBetweenAttemptsThatFail) {
  server_->set_faults([](const std::string&) { return Fault::kLost; });
  connect();
  std::vector<MonoTime::duration> pauses;
  for (int i = 0; i < 10; ++i) {
    pauses.push_back(server_->alarm() - clock_.now().steady);
    clock_.advance(pauses.back());
    connect();
  }
  EXPECT_LE(pauses.front(), seconds(1));
  EXPECT_GE(pauses.front(), seconds(1) / 2);
  EXPECT_GE(pauses.back(), seconds(30));
  EXPECT_LE(pauses.back(), seconds(60));
}

TEST_F(PostgresqlSink, WaitsLongerWhileAServerThatIsThereTakesNothing) {
  server_->set_faults([](const std::string& command) {
    return command.starts_with("COPY") ? Fault::kShutdown : Fault::kNone;
  });
  const test::LoggedLines lines;
  deliver(1);
  connect();
  for (int i = 0; i < 10; ++i) {
    clock_.advance(server_->alarm() - clock_.now().steady);
    connect();
  }
  EXPECT_GE(server_->alarm() - clock_.now().steady, seconds(30));
  EXPECT_EQ(lines.count("connection_log_connected"), 1U) << "it is no news at each attempt";
  server_->set_faults({});
  settle();
  expect_all(1);
  EXPECT_EQ(lines.count("connection_log_continues"), 1U);
  server_->set_faults([](const std::string&) { return Fault::kLost; });
  deliver(1);
  server_->run();
  server_->set_faults({});
  settle();
  expect_all(2);
  EXPECT_EQ(lines.count("connection_log_connected"), 2U);
}

TEST_F(PostgresqlSink, MakesThePartitionsOfTheDaysOfRows) {
  deliver(1);                 // 14 November
  clock_.advance(hours(72));  // the server is away meanwhile
  connect();
  EXPECT_EQ(database_.partitions, (std::set<std::string>{"20231114", "20231117", "20231118"}));
  expect_all(1);
  clock_.advance(hours(24));
  deliver(1);
  server_->run();
  EXPECT_TRUE(database_.partitions.contains("20231119"));
  expect_all(2);
}

TEST_F(PostgresqlSink, MakesAPartitionAgainThatSomebodyRemoved) {
  connect();
  database_.partitions.clear();
  deliver(2);
  settle();
  expect_all(2);
}

TEST_F(PostgresqlSink, MakesNoPartitionsOfATableThatHasNone) {
  database_.tables = true;
  database_.kind = 'r';
  connect();
  deliver(2);
  server_->run();
  expect_all(2);
  EXPECT_TRUE(database_.partitions.empty());
  EXPECT_THAT(said_, Not(Contains(HasSubstr("DROP"))));
}

TEST_F(PostgresqlSink, RemovesOldPartitionsAndWritesIfItCannot) {
  database_.old = {"connections_20231001", "connections_20231002"};
  server_->locked_ = true;
  connect();
  deliver(1);
  server_->run();
  expect_all(1);
  EXPECT_EQ(database_.old.size(), 2U);
  EXPECT_TRUE(status().connected);
  server_->locked_ = false;
  clock_.advance(minutes(10));
  server_->ring();
  server_->run();
  EXPECT_TRUE(database_.old.empty());
}

TEST_F(PostgresqlSink, CountsWhatItDidNotWriteAtTheStop) {
  connect();
  deliver(3);
  EXPECT_TRUE(sink_->busy());
  sink_->stop();
  EXPECT_FALSE(sink_->busy());
  EXPECT_EQ(ledger_.counters().lost_stopped.flows, 3U);
  EXPECT_EQ(ledger_.counters().waiting.flows, 0U);
  EXPECT_FALSE(server_->turn());
}

TEST_F(PostgresqlSink, SaysWhatToDoAboutWhatTheServerSays) {
  for (const auto& [sqlstate, fix] :
       {std::pair("25006", "that may write"), std::pair("3F000", "create the schema"),
        std::pair("57014", "statement_timeout"), std::pair("53100", "make room")}) {
    SCOPED_TRACE(sqlstate);
    const test::LoggedLines lines;
    database_.refusal = sqlstate;
    auto server = std::make_unique<test::FakeServer>(database_, said_);
    server_ = server.get();
    sink_ =
        std::make_unique<RowSink>(config_, std::move(server), ledger_, "writer", clock_.clock());
    deliver(1);
    connect();
    EXPECT_EQ(lines.count(fix), 1U);
  }
}

TEST_F(PostgresqlSink, DoesNotCallLostAtTheStopWhatTheTableMayHave) {
  fail_once("COMMIT", Fault::kAnswer);
  deliver(3);
  connect();
  deliver(2);
  sink_->stop();
  EXPECT_EQ(database_.rows.size(), 3U);
  EXPECT_EQ(ledger_.counters().lost_uncertain.messages, 1U);
  EXPECT_EQ(ledger_.counters().lost_uncertain.flows, 3U);
  EXPECT_EQ(ledger_.counters().lost_uncertain.octets, 300U);
  EXPECT_EQ(ledger_.counters().lost_write_error.flows, 2U);
  EXPECT_EQ(ledger_.counters().waiting.messages, 0U);
  EXPECT_EQ(ledger_.counters().lost(), 5U);
}

TEST_F(PostgresqlSink, IsInDoubtOnlyWhileACommitIsNotAnswered) {
  connect();
  deliver(3);
  while (server_->turn() && !said_.back().starts_with("COPY ")) continue;
  sink_->stop();  // COMMIT is under way
  EXPECT_EQ(ledger_.counters().lost_uncertain.flows, 3U);
}

TEST_F(PostgresqlSink, IsInNoDoubtWhenTheServerSaysThatItHasNotTheBatch) {
  fail_once("COMMIT", Fault::kLost);
  deliver(3);
  connect();
  clock_.advance(minutes(2));
  server_->ring();
  while (server_->turn() && said_.back().find("VALUES ('writer'") == std::string::npos) continue;
  sink_->stop();
  EXPECT_EQ(ledger_.counters().lost_uncertain.flows, 0U);
  EXPECT_EQ(ledger_.counters().lost_stopped.flows, 3U);
}

TEST_F(PostgresqlSink, DoesNotHoldUpTheStopForAServerThatIsAway) {
  server_->set_faults([](const std::string&) { return Fault::kLost; });
  deliver(1);
  connect();
  EXPECT_FALSE(sink_->busy());
}

TEST(PostgresqlStatements, KeepPartitionsThatAWrongClockCallsOld) {
  const Statements statements("flows.connections", "w", std::chrono::days(30));
  const std::string old = statements.find_old(TimePoint(seconds(1'700'000'000)));
  EXPECT_THAT(old, HasSubstr("least(now(), to_timestamp(1700000000))"));
  EXPECT_THAT(old, HasSubstr("interval '31 days'"));
  EXPECT_THAT(statements.drop("connections_20231001"),
              HasSubstr("DROP TABLE \"flows\".\"connections_20231001\""));
}

}  // namespace
}  // namespace ctflow::postgresql
