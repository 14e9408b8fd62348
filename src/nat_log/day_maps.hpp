// SPDX-License-Identifier: GPL-2.0-or-later
// The static maps in the file of a day.
#pragma once

#include <functional>
#include <optional>

#include "nat_log/day.hpp"
#include "nat_log/static_maps.hpp"
#include "sqlite/sqlite.hpp"

namespace ctflow::nat {

/// All functions throw SqliteError, and belong to the transaction of the file.
class DayMaps {
 public:
  /// Both outlive it.
  DayMaps(Database& database, Day day) : database_(database), day_(day) {}

  /// Whether the file has any, and is of the schema for that.
  [[nodiscard]] bool exist();

  /// An entry that holds since `began`, also where it had ended. Those that follow it from now on
  /// may have no row.
  void insert(const MapEntry& entry, Moment began);
  /// Where it has not ended.
  void end(const MapEntry& entry, Moment ended);
  /// All that have not ended.
  void end_all(Moment ended);

  /// Entries that have not ended.
  void for_each_open(const std::function<void(const MapEntry&, Moment began)>& take);

 private:
  [[nodiscard]] std::int64_t offset(Moment time) const { return (time - day_).count(); }
  void make();

  Database& database_;
  Day day_;
  std::optional<Statement> insert_;
};

}  // namespace ctflow::nat
