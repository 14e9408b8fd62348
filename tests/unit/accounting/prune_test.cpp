// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/prune.hpp"

#include <gtest/gtest.h>

#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 12h;

class PruneTest : public testing::Test {
 protected:
  PruneTest() : database_(open_for_writing(file_)) {
    database_.execute(
        "INSERT INTO aggregate VALUES(1, 'hosts', 'host', 0);"
        "INSERT INTO key VALUES(1, 1, 0, x'0a000005', '', '', '', -1, -1, -1, '', '', x'', -1, '');"
        "INSERT INTO key VALUES(2, 1, 0, x'0a000006', '', '', '', -1, -1, -1, '', '', x'', -1, "
        "'');");
  }

  void add(Level level, std::chrono::seconds ago, int key) {
    const auto time = std::chrono::floor<std::chrono::seconds>(kNow - ago).time_since_epoch();
    Statement row(database_, "INSERT INTO usage VALUES(?, 1, ?, ?, 0, 1, 1, 1, 1, 1)");
    row.bind(1, static_cast<std::int64_t>(level)).bind(2, std::int64_t{time.count()});
    row.bind(3, std::int64_t{key}).run();
  }

  void add_interval(Level level, std::chrono::seconds ago, std::chrono::seconds length) {
    const auto time = std::chrono::floor<std::chrono::seconds>(kNow - ago).time_since_epoch();
    Statement row(database_, "INSERT INTO interval VALUES(?, ?, ?, 0, 0, 0, 0, 0)");
    row.bind(1, static_cast<std::int64_t>(level)).bind(2, std::int64_t{time.count()});
    row.bind(3, std::int64_t{(time + length).count()}).run();
  }

  [[nodiscard]] std::int64_t count(const std::string& table) const {
    return test::number_in(file_, "SELECT count(*) FROM " + table);
  }

  test::TemporaryDirectory directory_;
  std::string file_ = directory_.path("accounting.sqlite");
  Database database_;
};

TEST_F(PruneTest, RemovesWhatIsOlderThanTheRetentionOfItsLevel) {
  const std::array<std::chrono::seconds, kLevels> kept{48h, 35 * 24h, 800 * 24h, 3650 * 24h};
  for (const Level level : kAllLevels) {
    const auto keep = kept.at(static_cast<std::size_t>(level));
    add(level, keep, 1);
    add(level, keep + 60s, 2);
  }
  EXPECT_EQ(prune_rows(database_, {}, kNow, UnusedKeys::kRemove).rows, 4);
  EXPECT_EQ(count("usage"), 4);
  EXPECT_EQ(count("usage WHERE key = 1"), 4);
  EXPECT_EQ(count("key"), 1) << "the other has no row any more";
}

TEST_F(PruneTest, KeepsAnIntervalThatIsNotAllOlder) {
  AccountingRetention keep;
  keep.periods = std::chrono::days(30);
  add(Level::kPeriod, 31 * 24h - 1min, 1);  // it goes on
  add_interval(Level::kPeriod, 31 * 24h - 1min, 31 * 24h);
  add(Level::kPeriod, 62 * 24h - 1min, 2);
  add_interval(Level::kPeriod, 62 * 24h - 1min, 31 * 24h);
  EXPECT_EQ(prune_rows(database_, keep, kNow, UnusedKeys::kKeep).rows, 1);
  EXPECT_EQ(count("usage WHERE key = 1"), 1);
  EXPECT_EQ(count("interval"), 1);
  const auto begin = std::chrono::floor<std::chrono::seconds>(kNow - 31 * 24h + 1min);
  EXPECT_EQ(test::number_in(file_, "SELECT value FROM meta WHERE name = 'removed_before_3'"),
            begin.time_since_epoch().count());
}

TEST_F(PruneTest, TakesNothingForRemovedThatIsStillToCome) {
  prune_rows(database_, {}, kNow + 4000 * 24h, UnusedKeys::kKeep);  // the clock was ahead
  prune_rows(database_, {}, kNow, UnusedKeys::kKeep);
  const auto now = std::chrono::floor<std::chrono::seconds>(kNow).time_since_epoch();
  EXPECT_EQ(test::number_in(file_, "SELECT value FROM meta WHERE name = 'removed_before_0'"),
            now.count());
}

TEST_F(PruneTest, KeepsKeysThatAWriterMayUseAgain) {
  add(Level::kMinute, 49h, 1);
  EXPECT_EQ(prune_rows(database_, {}, kNow, UnusedKeys::kKeep).rows, 1);
  EXPECT_EQ(count("key"), 2);
}

}  // namespace
}  // namespace ctflow::accounting
