// SPDX-License-Identifier: GPL-2.0-or-later
// Where a LogWriter's thread writes lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "ctflow/flow.hpp"

namespace ctflow {

/// What writing did beside, for the log of the daemon.
struct TargetNews {
  std::uint64_t begun = 0;    ///< files that were begun or opened
  std::uint64_t rotated = 0;  ///< files that were given another name
  std::uint64_t torn = 0;     ///< files that ended within a line: an earlier process was killed
  std::string failed{};       ///< what failed without keeping lines from being written
};

/// Used by one thread. May block; no function throws.
class LineTarget {
 public:
  LineTarget() = default;
  virtual ~LineTarget() = default;

  LineTarget(const LineTarget&) = delete;
  LineTarget& operator=(const LineTarget&) = delete;
  LineTarget(LineTarget&&) = delete;
  LineTarget& operator=(LineTarget&&) = delete;

  /// Opens what lines will go to, if that is possible without one: that it is not is known before
  /// there is any. After an error it is called again.
  virtual std::error_code begin(TimePoint /*now*/) { return {}; }

  /// Writes whole lines. After an error it is called again with the same lines, which then go on
  /// where they stopped, or have left no trace.
  virtual std::error_code append(std::string_view lines, TimePoint now) = 0;

  /// Another program has renamed the file: the next lines go into a new one.
  virtual void reopen() {}

  /// What an error was about: "open", "write", …
  [[nodiscard]] virtual const char* doing() const = 0;

  /// Since the last call.
  virtual TargetNews take_news() = 0;
};

}  // namespace ctflow
