// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd status`: shows the status of a running ctflowd.
#pragma once

#include <iosfwd>
#include <string>

#include "ctflow/default_paths.hpp"

namespace ctflow {

struct StatusOptions {
  std::string socket = kStatusSocket;
  bool json = false;   ///< print the JSON as received
  bool watch = false;  ///< repeat until stopped
  unsigned interval_seconds = 2;
};

/// The body of GET `path` at a unix socket. Throws std::runtime_error with the cause and a hint.
std::string ask(const std::string& socket, const std::string& path);

/// Returns the exit status: 0 no problems, 1 problems, 2 no answer.
int run_status(const StatusOptions& options, std::ostream& out, std::ostream& errors);

}  // namespace ctflow
