// SPDX-License-Identifier: GPL-2.0-or-later
// The SQL of the connection log: its tables, their partitions, and its transactions.
// docs/postgresql.md describes what it makes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctflow/flow.hpp"

namespace ctflow::postgresql {

/// A day of UTC, which a partition is of.
using Day = std::chrono::sys_days;

/// Of one table, whose name may have a schema before it.
class Statements {
 public:
  /// `writer`: which process writes, unique for ever.
  Statements(std::string_view table, std::string writer, std::chrono::days retention);

  /// Prepares the session. One row if the tables exist: `p` if that of connections has partitions.
  [[nodiscard]] std::string find_table() const;
  /// One row for each column that the table of connections has not; none if there is no table.
  [[nodiscard]] std::string find_missing_columns() const;
  /// Makes table, view and the table of batches, as far as they do not exist.
  [[nodiscard]] std::string make_tables() const;
  /// Makes the partitions of these days, as far as they do not exist.
  [[nodiscard]] std::string make_partitions(const std::vector<Day>& days) const;

  /// Begins a transaction and enters the batch: "INSERT 0 0" if it has been committed before.
  /// Waits while another connection is about to do so.
  [[nodiscard]] std::string begin(std::uint64_t batch) const;
  [[nodiscard]] const std::string& copy() const { return copy_; }

  /// One row for each partition all of which is older than the retention, by the server's clock
  /// and by ours: a clock that is wrong must not remove anything.
  [[nodiscard]] std::string find_old(TimePoint now) const;
  /// `partition`: a row of the answer.
  [[nodiscard]] std::string drop(const std::string& partition) const;

 private:
  /// A name of an object beside the table, in quotes.
  [[nodiscard]] std::string named(const std::string& suffix) const;

  std::string schema_;  ///< in quotes, with the dot; empty: the first of search_path
  std::string name_;    ///< of the table, without quotes
  std::string writer_;
  std::chrono::days retention_;
  std::string copy_;
};

}  // namespace ctflow::postgresql
