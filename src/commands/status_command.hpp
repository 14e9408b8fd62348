// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd status`: asks a running ctflowd.
#pragma once

#include <iosfwd>
#include <string>

namespace ctflow {

struct StatusQuestion {
  std::string socket = "/run/ctflowd/status.sock";
  bool json = false;   ///< as it came, instead of for a person
  bool watch = false;  ///< again every two seconds, until stopped
};

/// The body of GET `path` at a unix socket. Throws std::runtime_error that says what to do.
std::string ask(const std::string& socket, const std::string& path);

/// Returns the exit status: 0 all is well, 1 something is wrong, 2 nobody could be asked.
int run_status(const StatusQuestion& question, std::ostream& out, std::ostream& errors);

}  // namespace ctflow
