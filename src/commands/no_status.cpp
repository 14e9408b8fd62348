// SPDX-License-Identifier: GPL-2.0-or-later
// A build that serves no status (CTFLOWD_STATUS=OFF), and so asks for none.
#include <ostream>

#include "commands/exit_status.hpp"
#include "commands/status.hpp"
#include "commands/top.hpp"
#include "config/missing_part.hpp"

namespace ctflow {

int run_status(const StatusOptions& /*options*/, std::ostream& /*out*/, std::ostream& errors) {
  errors << "no status: " << config::kWithoutStatus << '\n';
  return kUsageError;
}

int run_top(const TopOptions& /*options*/, std::ostream& /*out*/, std::ostream& errors) {
  errors << "no status: " << config::kWithoutStatus << '\n';
  return kUsageError;
}

}  // namespace ctflow
