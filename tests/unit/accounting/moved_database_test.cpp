// SPDX-License-Identifier: GPL-2.0-or-later
// A process that was killed, and what the next one enters of it where the database is not the one
// that it wrote.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "accounting/store.hpp"
#include "support/accounting_flows.hpp"
#include "support/logged_lines.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

class MovedDatabaseTest : public testing::Test {
 protected:
  MovedDatabaseTest() {
    config_.database = directory_.path("accounting.sqlite");
    config_.aggregates.emplace_back().name = "hosts";
    config_.aggregates.back().by = {AccountingKey::kHost};
    accounts_ = std::make_shared<Accounts>(config_);
  }

  void start() {
    Session session;
    session.started = now_.wall;
    session.prefix = prefix_;
    session.left = left_sessions(prefix_, session.continues);
    ledger_ = std::make_shared<SessionLedger>(prefix_);
    session.id = ledger_->id();
    session.ledger = ledger_;
    store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
    batch_ = std::make_unique<Batch>(config_);
  }

  void count(std::uint64_t octets) {
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    flow.start = flow.end = now_.wall;
    flow.original_counters = {1, octets};
    const Classified seen = test::add_report(*accounts_, flow, *surroundings_, now_.wall, *batch_);
    ledger_->begin(seen.direction, 0);
    ledger_->add(seen.direction, seen.amounts);
  }

  void commit() {
    Job job;
    job.batch = std::exchange(batch_, std::make_unique<Batch>(config_));
    job.totals = ledger_->totals();
    job.now = now_;
    store_->write(job);
    now_.wall += 1min;
    now_.steady += 1min;
  }

  void kill() {
    store_.reset();
    ledger_.reset();
    now_.wall += 10min;
    now_.steady += 10min;
  }

  void stop() {
    commit();
    store_->end_session();
    kill();
  }

  /// One that wrote 100, and has another 20 when it is killed.
  void live() {
    start();
    count(100);
    commit();
    count(20);
    kill();
  }

  void move(const std::string& from, const std::string& to) const {
    for (const std::string suffix : {"", "-wal", "-shm"}) {
      std::error_code ignored;
      std::filesystem::rename(directory_.path(from) + suffix, directory_.path(to) + suffix,
                              ignored);
    }
  }

  [[nodiscard]] std::int64_t octets(const std::string& kind = "0, 1, 2",
                                    const std::string& name = "accounting.sqlite") const {
    return test::number_in(directory_.path(name),
                           "SELECT coalesce(sum(up_octets), 0) FROM usage JOIN key ON key.id = "
                           "usage.key WHERE level = 3 AND kind IN (" +
                               kind + ")");
  }

  [[nodiscard]] std::int64_t uncounted() const { return octets("2"); }

  test::TemporaryDirectory directory_;
  test::TemporaryDirectory runtime_;
  std::string prefix_ = runtime_.path("accounting");
  AccountingConfig config_;
  std::shared_ptr<const Accounts> accounts_;
  std::shared_ptr<const Surroundings> surroundings_ = test::sample_surroundings();
  std::shared_ptr<SessionLedger> ledger_;
  std::unique_ptr<Batch> batch_;
  std::unique_ptr<Store> store_;
  Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + 14h, MonoTime(1h)};
};

TEST_F(MovedDatabaseTest, HasOnlyWhatWasNotWrittenInANewFile) {
  live();
  move("accounting.sqlite", "away");
  const test::LoggedLines lines;
  start();
  commit();
  EXPECT_EQ(uncounted(), 20);
  EXPECT_EQ(lines.count("accounting_uncounted"), 1U);
  EXPECT_EQ(lines.count("accounting_database_replaced"), 1U);
  stop();
  start();
  commit();
  EXPECT_EQ(octets(), 20) << "and no more at the start after it";
  EXPECT_EQ(octets("0, 1, 2", "away"), 100);
}

TEST_F(MovedDatabaseTest, HasOnlyWhatWasNotWrittenInAnEmptyFile) {
  live();
  move("accounting.sqlite", "away");
  { const std::ofstream touched(config_.database); }
  start();
  commit();
  EXPECT_EQ(octets(), 20);
}

TEST_F(MovedDatabaseTest, HasAllWhereItWasMovedBack) {
  live();
  move("accounting.sqlite", "away");
  move("away", "accounting.sqlite");
  const test::LoggedLines lines;
  start();
  commit();
  EXPECT_EQ(octets(), 120);
  EXPECT_EQ(uncounted(), 20);
  EXPECT_EQ(lines.count("accounting_database_replaced"), 0U);
}

TEST_F(MovedDatabaseTest, HasNothingTwiceWhereItIsMovedBackAfterAStart) {
  live();
  move("accounting.sqlite", "away");
  start();
  count(3);
  stop();
  move("accounting.sqlite", "meanwhile");
  move("away", "accounting.sqlite");
  start();
  count(4000);
  stop();
  EXPECT_EQ(octets(), 100 + 4000);
  EXPECT_EQ(octets("0, 1, 2", "meanwhile"), 20 + 3);
}

/// As where it is restored while ctflowd runs: a gap says what is only in the one of before.
TEST_F(MovedDatabaseTest, HasAGapAndNotWhatWasWrittenInABackup) {
  for (const bool knows_it : {false, true}) {
    SCOPED_TRACE(knows_it);
    const auto back_up = [&] {
      Database(config_.database, Database::Access::kWrite)
          .execute("VACUUM INTO '" + directory_.path("backup") + "'");
    };
    start();
    count(7);
    stop();
    if (!knows_it) back_up();
    start();
    count(100);
    commit();
    if (knows_it) back_up();
    const TimePoint backed_up = now_.wall;
    now_.wall += 1h;
    count(1000);
    commit();
    count(20);
    kill();
    move("accounting.sqlite", "away");
    move("backup", "accounting.sqlite");
    start();
    commit();
    EXPECT_EQ(octets(), 7 + (knows_it ? 100 : 0) + 20);
    EXPECT_EQ(uncounted(), 20);
    EXPECT_GT(test::number_in(config_.database, "SELECT max(ended - began) FROM gap"), 3600);
    EXPECT_LE(test::number_in(config_.database, "SELECT max(began) FROM gap"),
              seconds_of(std::chrono::floor<std::chrono::minutes>(backed_up)));
    stop();
    move("accounting.sqlite", "done");
  }
}

TEST_F(MovedDatabaseTest, HasNothingTwiceAfterTwoStarts) {
  live();
  move("accounting.sqlite", "away");
  std::filesystem::copy(runtime_.name(), directory_.path("ledgers"));
  start();
  count(3);
  kill();  // before its first transaction
  start();
  commit();
  EXPECT_EQ(octets(), 23);
  kill();
  // Killed behind the transaction, and before the file was removed.
  std::filesystem::copy(directory_.path("ledgers"), runtime_.name());
  start();
  commit();
  EXPECT_EQ(octets(), 23);
  const std::filesystem::directory_iterator ledgers(runtime_.name());
  EXPECT_EQ(std::distance(begin(ledgers), end(ledgers)), 1) << "that of the one that runs";
}

TEST_F(MovedDatabaseTest, HasAllOfOneThatWroteNothing) {
  live();
  start();
  stop();
  start();
  count(20);
  kill();
  move("accounting.sqlite", "away");
  start();
  commit();
  EXPECT_EQ(octets(), 20);
}

/// It was killed between a commit and the note of it in its file.
TEST_F(MovedDatabaseTest, BelievesItsRowWhereTheNoteIsOlder) {
  live();
  start();
  commit();
  count(1000);
  const SessionTotals noted = ledger_->totals();
  commit();
  count(20'000);
  ledger_->note_written({});
  ledger_->note_written(noted);
  ledger_->note_written({});
  kill();
  start();
  commit();
  EXPECT_EQ(octets("0"), 1100);
  EXPECT_EQ(uncounted(), 20 + 20'000);
}

TEST_F(MovedDatabaseTest, KeepsWhatItHasWhereItsFileIsTakenAwayWhileItRuns) {
  start();
  count(100);
  commit();
  move("accounting.sqlite", "away");
  count(20);
  commit();
  count(3);
  kill();
  start();
  commit();
  EXPECT_EQ(octets(), 20 + 3);
  EXPECT_EQ(uncounted(), 3);
}

}  // namespace
}  // namespace ctflow::accounting
