// SPDX-License-Identifier: GPL-2.0-or-later
// What a kill or a power cut leaves of the files of days: each opens, has a whole number of
// transactions, and what it lacks is within a hole. The witness is plain SQL.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sqlite/sqlite.hpp"
#include "support/nat_log_flows.hpp"
#include "support/recorded_disk.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::DiskChange;
using test::DiskImage;

/// When a translation began, and all that its row says.
using CutRows = std::map<std::string, std::int64_t>;
using CutFiles = std::map<std::string, CutRows>;

bool has_table(const Database& database) {
  return Statement(database, "SELECT 1 FROM sqlite_schema WHERE name = 'holes'").step();
}

CutRows rows_in(const std::string& file) {
  CutRows rows;
  const Database database(file, Database::Access::kWrite);
  Statement check(database, "PRAGMA integrity_check");
  check.step();
  EXPECT_EQ(check.text(0), "ok") << file;
  if (!has_table(database)) return rows;
  Statement select(database,
                   "SELECT hex(public_address) || ' ' || public_port || ' ' || id || ' ' || "
                   "hex(inside_address) || ' ' || ifnull(ended, '-'), began + (SELECT value FROM "
                   "meta WHERE key = 'day') FROM nat");
  while (select.step()) rows[select.text(0)] = select.number(1);
  return rows;
}

CutFiles files_in(const std::string& directory) {
  CutFiles files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".sqlite") continue;
    files[entry.path().filename().string()] = rows_in(entry.path().string());
  }
  return files;
}

struct CutState {
  std::size_t began = 0;  ///< changes of the disk before the transaction, …
  std::size_t ended = 0;  ///< … and with it
  CutFiles files{};
};

class NatLogPowerCutTest : public testing::Test {
 protected:
  Flow any_flow() {
    const auto id = static_cast<std::uint32_t>(++flows_);
    return test::source_nat(id, "10.0.0." + std::to_string(2 + random_() % 9) + ":5000",
                            "198.51.100.7:443", "203.0.113.7:" + std::to_string(1024 + flows_));
  }

  /// Seven minutes, with one kill.
  void record(const std::string& begin) {
    const test::RecordedDisk disk;
    test::NatLogFixture log(begin);
    states_.emplace_back();
    const auto commit = [&](auto write) {
      CutState state;
      state.began = disk.changes().size();
      write();
      state.ended = disk.changes().size();
      state.files = files_in(log.directory());
      states_.push_back(std::move(state));
    };
    commit([&] { log.start(); });
    std::vector<Flow> open;
    for (int i = 0; i < 14; ++i) {
      const std::size_t beginning = 1 + random_() % 5;
      for (std::size_t n = 0; n < beginning; ++n) {
        open.push_back(any_flow());
        log.begin(open.back());
        log.pass(100ms);
      }
      while (!open.empty() && random_() % 2 == 0) {
        log.end(open.back());
        open.pop_back();
      }
      commit([&] { log.write(); });
      log.table = open;
      if (i == 9) {
        log.kill();
        log.pass(5s);
        commit([&] { log.start(); });
      }
      log.pass(30s);
    }
    changes_ = disk.changes();
    log.kill();
  }

  /// The files have what was committed, each for itself, and go on.
  void check(const DiskImage& image, std::size_t at, bool in_order) {
    test::NatLogFixture log("2026-11-24T00:20:00Z");
    image.write_to(log.directory());
    std::size_t done = 0;
    while (done + 1 < states_.size() && states_[done + 1].ended <= at) ++done;
    const CutFiles found = files_in(log.directory());
    std::set<std::int64_t> lost;
    for (const auto& [name, rows] : states_[done].files) {
      const auto here = found.find(name);
      for (const auto& [row, began] : rows) {
        // A row that did not end, where it had, is none that is missing.
        const std::string key = row.substr(0, row.rfind(' '));
        bool is_there = false;
        if (here != found.end()) {
          const auto next = here->second.lower_bound(key + ' ');
          is_there = next != here->second.end() && next->first.rfind(key + ' ', 0) == 0;
        }
        if (!is_there) lost.insert(began);
      }
    }
    if (in_order) {
      EXPECT_TRUE(lost.empty()) << "committed rows are gone";
    }
    for (const auto& [name, rows] : found) {
      bool known = false;
      for (const CutState& state : states_) {
        const auto place = state.files.find(name);
        known = known || (place == state.files.end() ? rows.empty() : place->second == rows);
        if (state.ended > at && state.began >= at) break;
      }
      EXPECT_TRUE(known) << name << ": rows of no transaction";
    }
    log.start();
    log.begin(test::source_nat(1'000'000, "10.0.0.99:1", "198.51.100.7:443", "203.0.113.7:1023"));
    log.write();
    log.kill();
    const auto holes = holes_in(log.directory());
    for (const std::int64_t began : lost) {
      const auto has = [&](const auto& hole) {
        return hole.first <= began && began <= hole.second;
      };
      EXPECT_TRUE(std::any_of(holes.begin(), holes.end(), has)) << "in no hole: " << began;
    }
    EXPECT_EQ(files_in(log.directory())
                  .at("nat-20261124.sqlite")
                  .count("CB007107 1023 1000000 "
                         "0A000063 -"),
              1U);
    lost_ += lost.size();
  }

  static std::vector<std::pair<std::int64_t, std::int64_t>> holes_in(const std::string& directory) {
    std::vector<std::pair<std::int64_t, std::int64_t>> holes;
    for (const auto& [name, rows] : files_in(directory)) {
      const Database database(directory + "/" + name, Database::Access::kWrite);
      if (!has_table(database)) continue;
      Statement select(database, "SELECT began, ended FROM holes WHERE ended IS NOT NULL");
      while (select.step()) holes.emplace_back(select.number(0), select.number(1));
    }
    return holes;
  }

  std::vector<DiskChange> changes_;
  std::vector<CutState> states_;
  std::size_t lost_ = 0;
  std::uint64_t flows_ = 0;
  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

TEST_F(NatLogPowerCutTest, AKillLosesNothingThatWasCommitted) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record("2026-11-23T23:58:00Z");  // two days
  const test::RecordedDisk quick;  // nothing is synchronised
  DiskImage image;
  for (std::size_t at = 0; at < changes_.size() && !HasFailure(); ++at) {
    SCOPED_TRACE(testing::Message() << "change " << at << ", " << changes_[at].file);
    if (changes_[at].kind == DiskChange::Kind::kSync) continue;
    const std::size_t size = changes_[at].octets.size();
    DiskImage torn = image;
    if (size > 1 && random_() % 2 == 0) {
      torn.apply(changes_[at], 0, 1 + random_() % (size - 1), random_() % 2 == 0);
    }
    if (random_() % 2 == 0) check(torn, at, true);
    image.apply(changes_[at]);
  }
}

TEST_F(NatLogPowerCutTest, APowerCutLeavesWholeTransactionsAndAHoleForTheOthers) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record("2026-11-24T00:01:00Z");  // one: what of two files is on the disk has no order
  const test::RecordedDisk quick;
  test::CachedDisk disk;
  for (std::size_t at = 0; at < changes_.size() && !HasFailure(); ++at) {
    SCOPED_TRACE(testing::Message() << "change " << at << ", " << changes_[at].file);
    if (random_() % 2 == 0) check(disk.after_power_cut(random_), at, false);
    disk.apply(changes_[at]);
  }
  EXPECT_GT(lost_, 0U) << "nothing was lost: the test tests nothing";
}

}  // namespace
}  // namespace ctflow::nat
