// SPDX-License-Identifier: GPL-2.0-or-later
// The files of a directory, as one question reads them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nat_log/day_reader.hpp"

namespace ctflow::nat {

/// Those that are asked for again and again are opened once. All functions throw SqliteError or
/// std::filesystem::filesystem_error.
class DayReaders {
 public:
  explicit DayReaders(std::string directory)
      : directory_(std::move(directory)), days_(list_days(directory_)) {}

  [[nodiscard]] const std::vector<Day>& days() const { return days_; }
  [[nodiscard]] bool has(Day day) const;

  /// That of this day stays open once it was opened.
  void keep(Day day) { kept_.insert(day); }

  /// Null: there is none, or nothing was ever committed to it. One that is not kept is there until
  /// the next call.
  DayReader* find(Day day);

  /// The holes that touch a time, by the files of its days.
  std::vector<Hole> holes(Moment from, Moment to);

 private:
  std::string directory_;
  std::vector<Day> days_;
  std::set<Day> kept_;
  std::map<Day, DayReader> open_;
  std::optional<DayReader> other_;
};

}  // namespace ctflow::nat
