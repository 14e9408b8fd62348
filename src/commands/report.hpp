// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd report` and `ctflowd accounting`: what accounting has counted.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

namespace ctflow {

/// As the command line has them; empty: not given.
struct ReportOptions {
  std::string since{};
  std::string period{};
  std::string by{};
  std::string direction = "internet";
  std::string format = "table";
  std::uint32_t top = 20;
  bool bytes = false;
  bool over_quota = false;
  std::string level = "day";  ///< of accounting export
  std::string database{};     ///< empty: that of the configuration file
  std::string network_namespace{};
};

/// Returns the exit status: 0 complete, 1 something is missing, 2 no answer; of quotas also 3: one
/// is exceeded. Throws ConfigError.
int run_report(const ReportOptions& options, const std::string& config_file, std::ostream& out,
               std::ostream& errors);

/// Prints the rows of a level as CSV. Returns 0, or 2: not possible.
int run_accounting_export(const ReportOptions& options, const std::string& config_file,
                          std::ostream& out, std::ostream& errors);
/// Removes what is older than the retention. Returns 0, or 2: not possible.
int run_accounting_prune(const ReportOptions& options, const std::string& config_file,
                         std::ostream& out, std::ostream& errors);
/// Compares the sums of all levels. Returns 0 they agree, 1 they do not, 2 not possible.
int run_accounting_check(const ReportOptions& options, const std::string& config_file,
                         std::ostream& out, std::ostream& errors);

}  // namespace ctflow
