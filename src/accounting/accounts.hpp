// SPDX-License-Identifier: GPL-2.0-or-later
// All aggregates: what flow reports add to them between two transactions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "accounting/cause.hpp"
#include "accounting/classify.hpp"
#include "accounting/quota_sums.hpp"
#include "accounting/recent_rows.hpp"
#include "accounting/usage_table.hpp"

namespace ctflow::accounting {

/// What one transaction writes.
struct Batch {
  explicit Batch(const AccountingConfig& config);

  void clear();
  /// What is gathered goes to the cells of the tables: to be called before they are read.
  void settle();
  /// Rows that wait.
  [[nodiscard]] std::size_t rows() const;
  /// Cells that found no room in their table.
  [[nodiscard]] std::uint64_t merged() const;

  std::vector<UsageTable> tables;  ///< in the order of the aggregates; see settle()
  std::map<Minute, Missing> missing;
  std::map<Minute, Causes> causes;  ///< of what is missing
  QuotaSums quotas;
  std::array<Amounts, kDirections> totals{};  ///< what is in each table
  std::uint64_t flows = 0;                    ///< flow reports
  RecentRows recent;                          ///< of `tables`, and what these lack
};

/// Puts flow reports into a batch.
class Accounts {
 public:
  explicit Accounts(const AccountingConfig& config);

  /// `now`: nothing is entered later than that.
  void add(const Classified& report, const Flow& flow, TimePoint now, Batch& to) const;

  [[nodiscard]] const Names& names() const { return names_; }
  [[nodiscard]] const Quotas& quotas() const { return quotas_; }
  /// What any of the aggregates has.
  [[nodiscard]] const KeySelection& any() const { return any_; }
  [[nodiscard]] const KeySelection& selection(std::size_t aggregate) const {
    return selections_[aggregate];
  }

 private:
  /// To a row of each aggregate. `row`: with what any of them has.
  void add_rows(const RecentRows::Of& row, const Amounts& amounts, Batch& to) const;

  Names names_;
  Quotas quotas_;
  std::vector<KeySelection> selections_;
  KeySelection any_{{}};
  std::chrono::minutes kept_;
};

}  // namespace ctflow::accounting
