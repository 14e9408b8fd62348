// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd nat-lookup` and `ctflowd nat-log forget`: what the NAT log knows.
#pragma once

#include <iosfwd>
#include <string>

namespace ctflow {

/// As the command line has them; empty: not given.
struct NatLookupOptions {
  std::string who{};  ///< ADDRESS:PORT, or the address to forget
  std::string protocol{};
  std::string at{};
  std::string remote{};
  std::string zone{};
  std::string tolerance = "1s";
  std::string format = "table";
  std::string subject{};
  std::string directory{};  ///< empty: that of the configuration file
  std::string network_namespace{};
};

/// Returns the exit status: 0 one inside host, 1 none, 3 several, 2 the log cannot say, or the
/// question is none. Throws ConfigError.
int run_nat_lookup(const NatLookupOptions& options, const std::string& config_file,
                   std::ostream& out, std::ostream& errors);

/// Returns the exit status: 0 the address is in no row any more, 2 that failed.
int run_nat_log_forget(const NatLookupOptions& options, const std::string& config_file,
                       std::ostream& out, std::ostream& errors);

}  // namespace ctflow
