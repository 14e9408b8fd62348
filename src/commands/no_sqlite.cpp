// SPDX-License-Identifier: GPL-2.0-or-later
// A build that has neither NAT log nor accounting (CTFLOWD_SQLITE=OFF), and so nothing to look up.
#include <ostream>

#include "commands/exit_status.hpp"
#include "commands/nat_lookup.hpp"
#include "commands/report.hpp"
#include "config/missing_part.hpp"

namespace ctflow {
namespace {

int no_nat_log(std::ostream& errors) {
  errors << "no NAT log: " << config::kWithoutSqlite << '\n';
  return kUsageError;
}

int no_accounting(std::ostream& errors) {
  errors << "no accounting: " << config::kWithoutSqlite << '\n';
  return kUsageError;
}

}  // namespace

int run_nat_lookup(const NatLookupOptions& /*options*/, const std::string& /*config_file*/,
                   std::ostream& /*out*/, std::ostream& errors) {
  return no_nat_log(errors);
}

int run_nat_log_forget(const NatLookupOptions& /*options*/, const std::string& /*config_file*/,
                       std::ostream& /*out*/, std::ostream& errors) {
  return no_nat_log(errors);
}

int run_report(const ReportOptions& /*options*/, const std::string& /*config_file*/,
               std::ostream& /*out*/, std::ostream& errors) {
  return no_accounting(errors);
}

int run_accounting_export(const ReportOptions& /*options*/, const std::string& /*config_file*/,
                          std::ostream& /*out*/, std::ostream& errors) {
  return no_accounting(errors);
}

int run_accounting_prune(const ReportOptions& /*options*/, const std::string& /*config_file*/,
                         std::ostream& /*out*/, std::ostream& errors) {
  return no_accounting(errors);
}

int run_accounting_check(const ReportOptions& /*options*/, const std::string& /*config_file*/,
                         std::ostream& /*out*/, std::ostream& errors) {
  return no_accounting(errors);
}

}  // namespace ctflow
