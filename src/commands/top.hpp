// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd top`: who uses how much now.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "ctflow/default_paths.hpp"

namespace ctflow {

/// As the command line has them; empty: not given.
struct TopOptions {
  std::string socket = kStatusSocket;
  std::string by{};
  std::string direction = "internet";
  std::string network_namespace{};
  std::uint32_t top = 20;
  unsigned interval_seconds = 10;
  bool once = false;
};

/// Returns the exit status: 0, or 2: no answer.
int run_top(const TopOptions& options, std::ostream& out, std::ostream& errors);

}  // namespace ctflow
