// SPDX-License-Identifier: GPL-2.0-or-later
// What a kill or a power cut leaves of the files of days: each opens, has a whole number of
// transactions, and of what it lacks the log cannot say anything. The witness is plain SQL.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sqlite/sqlite.hpp"
#include "support/nat_log_flows.hpp"
#include "support/recorded_disk.hpp"
#include "support/seed.hpp"
#include "text/time_text.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::DiskChange;
using test::DiskImage;

struct CutRow {
  std::int64_t began = 0;
  std::optional<std::int64_t> ended{};
  bool operator==(const CutRow&) const = default;
};
/// By all else that the row says: "public_port id public_address inside_address".
using CutRows = std::map<std::string, CutRow>;
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
                   "SELECT public_port || ' ' || id || ' ' || hex(public_address) || ' ' || "
                   "hex(inside_address), began + value, ended + value FROM nat, meta "
                   "WHERE key = 'day'");
  while (select.step()) {
    CutRow& row = rows[select.text(0)];
    row.began = select.number(1);
    if (!select.is_null(2)) row.ended = select.number(2);
  }
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

  /// What happens to the clock after the eighth of the steps.
  using Turn = std::function<void(test::NatLogFixture&)>;

  /// Seven minutes, with one kill.
  void record(
      const std::string& begin, const Turn& turn = [](test::NatLogFixture&) {}) {
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
        std::swap(open[random_() % open.size()], open.back());  // some end on the day after
        log.end(open.back());
        open.pop_back();
      }
      if (i == 2) {
        open.push_back(unseen(log.now()));
        log.hole(HoleReason::kEventsLost);
      }
      log.table = open;
      if (random_() % 3 > 0) log.pass(15s);  // midnight may pass before it is written
      commit([&] { log.write(); });
      if (i == 7) turn(log);
      if (i == 9) {
        log.kill();
        log.pass(5s);
        commit([&] { log.start(); });
      }
      log.pass(15s + random_() % 15 * 1s);
    }
    changes_ = disk.changes();
    restarted_ = log.now() + 20min;
    log.kill();
  }

  /// Its beginning is lost: it gets a row from the connection table, in the file of that day.
  Flow unseen(Moment began) {
    Flow flow = any_flow();
    flow.present.start = true;
    flow.start = TimePoint(began);
    return flow;
  }

  /// Times of which the log cannot say who had a port, as a row or its end is gone.
  using Lost = std::set<std::pair<std::string, std::int64_t>>;

  static Lost lost_of(const CutFiles& committed, const CutFiles& found) {
    Lost lost;
    for (const auto& [name, rows] : committed) {
      const auto file = found.find(name);
      for (const auto& [key, row] : rows) {
        const std::string port = key.substr(0, key.find(' '));
        if (file == found.end() || file->second.count(key) == 0) {
          lost.emplace(port, row.began);
        } else if (row.ended && !file->second.at(key).ended) {
          lost.emplace(port, *row.ended + 1);
        }
      }
    }
    return lost;
  }

  /// What the files say of their times, for a failure.
  static std::string ledger_of(const std::string& directory) {
    std::string text;
    for (const auto& [name, rows] : files_in(directory)) {
      const Database database(directory + "/" + name, Database::Access::kWrite);
      text += "\n" + name;
      if (!has_table(database)) continue;
      Statement until(database, "SELECT value FROM meta WHERE key = 'last_commit'");
      if (until.step()) text += " until " + text::exact_utc_text(Moment(until.number(0) * 1ms));
      Statement hole(database, "SELECT began, ended, reason FROM holes WHERE ended IS NOT NULL");
      while (hole.step()) {
        text += "\n  " + hole.text(2) + " " + text::exact_utc_text(Moment(hole.number(0) * 1ms)) +
                " to " + text::exact_utc_text(Moment(hole.number(1) * 1ms));
      }
    }
    return text;
  }

  static void cannot_say(test::NatLogFixture& log, const Lost& lost, const char* when) {
    for (const auto& [port, at] : lost) {
      Question question;
      question.who = test::endpoint("203.0.113.7:" + port);
      question.at = Moment(at * 1ms);
      question.tolerance = 0ms;
      question.now = log.now();
      EXPECT_EQ(look_up(log.directory(), question).verdict, Verdict::kCannotSay)
          << "port " << port << " at " << text::exact_utc_text(question.at) << ", " << when
          << ledger_of(log.directory());
    }
  }

  /// The files have what was committed, each for itself, and go on.
  void check(const DiskImage& image, std::size_t at, bool in_order) {
    test::NatLogFixture log(text::exact_utc_text(restarted_));
    image.write_to(log.directory());
    std::size_t done = 0;
    while (done + 1 < states_.size() && states_[done + 1].ended <= at) ++done;
    const CutFiles found = files_in(log.directory());
    const Lost lost = lost_of(states_[done].files, found);
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
    cannot_say(log, lost, "before the next start");
    log.start();
    log.begin(test::source_nat(1'000'000, "10.0.0.99:1", "198.51.100.7:443", "203.0.113.7:1023"));
    log.write();
    cannot_say(log, lost, "after it");
    log.kill();
    EXPECT_EQ(files_in(log.directory())
                  .at(file_name(day_of(restarted_)))
                  .count("1023 1000000 CB007107 0A000063"),
              1U);
    lost_ += lost.size();
  }

  void cut_power() {
    const test::RecordedDisk quick;
    test::CachedDisk disk;
    for (std::size_t at = 0; at < changes_.size() && !HasFailure(); ++at) {
      SCOPED_TRACE(testing::Message() << "change " << at << ", " << changes_[at].file);
      if (random_() % 2 == 0) check(disk.after_power_cut(random_), at, false);
      disk.apply(changes_[at]);
    }
    EXPECT_GT(lost_, 0U) << "nothing was lost: the test tests nothing";
  }

  Moment restarted_{};
  std::vector<DiskChange> changes_;
  std::vector<CutState> states_;
  std::size_t lost_ = 0;
  std::uint64_t flows_ = 0;
  const unsigned seed_ = test::any_seed();
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
  record("2026-11-24T00:01:00Z");
  cut_power();
}

TEST_F(NatLogPowerCutTest, NorIsAnythingSureThatIsGoneWhenTheDayChanges) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record("2026-11-23T23:58:00Z");
  cut_power();
}

TEST_F(NatLogPowerCutTest, NorWhenItChangesTwice) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record("2026-11-23T23:58:00Z", [](test::NatLogFixture& log) { log.pass(23h + 55min); });
  cut_power();
}

TEST_F(NatLogPowerCutTest, NorWhenTheClockIsSetBackOverMidnight) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record("2026-11-23T23:58:00Z",
         [](test::NatLogFixture& log) { log.set_clock("2026-11-23T23:59:10Z"); });
  cut_power();
}

}  // namespace
}  // namespace ctflow::nat
