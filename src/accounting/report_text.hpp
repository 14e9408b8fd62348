// SPDX-License-Identifier: GPL-2.0-or-later
// A report for people and for programs.
#pragma once

#include <cstdint>
#include <string>

#include "accounting/report.hpp"

namespace ctflow::accounting {

enum class ReportFormat : std::uint8_t { kTable, kJson, kCsv };

struct ReportView {
  std::size_t top = 20;  ///< rows, at most; the others are one row
  bool bytes = false;    ///< numbers as they are, in the table
  std::string scope{};   ///< which directions, in words
};

/// At most 80 columns, unless `bytes` or a name need more.
std::string report_table(const Report& report, const Calendar& calendar, const ReportView& view);
/// All rows.
std::string report_json(const Report& report, const ReportView& view);
std::string report_csv(const Report& report);

/// The first line of a report: since when, of what, and whether it is complete.
std::string title_line(const Report& report, const Calendar& calendar, const std::string& what,
                       const std::string& scope);

/// `complete`, or what is missing and why.
std::string completeness_text(const Report& report);
/// Which settings kept connections from being counted; empty: none.
std::string left_out_text(const Report& report);

}  // namespace ctflow::accounting
