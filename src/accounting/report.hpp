// SPDX-License-Identifier: GPL-2.0-or-later
// Questions to the database: who used how much.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "accounting/amounts.hpp"
#include "accounting/calendar.hpp"
#include "accounting/cause.hpp"
#include "accounting/schema.hpp"

namespace ctflow::accounting {

struct Question {
  Minute from{};
  Minute until{};
  Minute now{};
  std::string by{};                     ///< a column of `key`, or direction; empty: the first
  std::vector<Direction> directions{};  ///< empty: all
};

struct ReportRow {
  std::string name;
  std::string device{};  ///< by device: its MAC address, or its address
  Amounts amounts;
};

/// A time for which nothing was counted.
struct Gap {
  Minute from{};
  Minute until{};
  std::string reason{};
};

struct Report {
  std::string aggregate;
  std::int64_t aggregate_id = 0;  ///< another had the same name before its keys were changed
  std::string by;
  Minute from{};  ///< as asked, or earlier where only longer intervals are kept
  Minute until{};
  Minute now{};                   ///< when it was asked
  std::optional<Minute> written;  ///< what came later is in memory yet
  std::vector<ReportRow> rows{};  ///< the greatest first
  Amounts other;                  ///< of keys that found no room
  Amounts uncounted;              ///< of no known key
  Amounts total;                  ///< of all
  Missing missing;
  Causes causes{};                   ///< of what is missing, by name
  std::set<std::string> left_out{};  ///< settings that kept connections from being counted
  std::vector<Gap> gaps{};

  [[nodiscard]] bool complete() const {
    return gaps.empty() && missing.lost_events == 0 && missing.no_counters == 0 &&
           missing.counters_fell == 0 && causes.empty();
  }
};

/// Throws SqliteError, or std::runtime_error where no aggregate has the key.
Report ask(const Database& database, const Question& question);

}  // namespace ctflow::accounting
