// SPDX-License-Identifier: GPL-2.0-or-later
// How much of their quotas networks and devices have used.
#pragma once

#include <string>
#include <vector>

#include "accounting/report.hpp"
#include "accounting/report_text.hpp"
#include "ctflow/accounting_config.hpp"

namespace ctflow::accounting {

struct QuotaUse {
  std::string by;           ///< network or device
  std::string name;         ///< of the settings
  Amounts amounts;          ///< of the time that was asked for
  std::uint64_t quota = 0;  ///< octets, down and up

  [[nodiscard]] bool over() const { return amounts.octets() > quota; }
};

/// What was counted under no key, so that it may be of any: `other` and `uncounted`.
struct Unassigned {
  std::string by;  ///< network or device
  std::uint64_t octets = 0;
};

struct QuotaReport {
  Report time;                           ///< from, until and what is missing; no rows
  std::vector<QuotaUse> uses{};          ///< of those that have a quota
  std::vector<Unassigned> unassigned{};  ///< where there is some

  [[nodiscard]] bool any_over() const;
  /// One is, or would be if what is unassigned were its own.
  [[nodiscard]] bool any_may_be_over() const;
};

/// The fullest first. `question`: its key does not matter. Throws the same as ask();
/// std::runtime_error where nothing has a quota.
QuotaReport ask_quotas(const Database& database, const AccountingConfig& config,
                       const Question& question);
/// The same in the order of the settings, networks first.
QuotaReport quota_uses(const Database& database, const AccountingConfig& config, Question question);

std::string quota_table(const QuotaReport& report, const Calendar& calendar,
                        const ReportView& view);
std::string quota_json(const QuotaReport& report, const std::string& scope);
std::string quota_csv(const QuotaReport& report);
/// What is unassigned, a line each.
std::string unassigned_text(const QuotaReport& report);

}  // namespace ctflow::accounting
