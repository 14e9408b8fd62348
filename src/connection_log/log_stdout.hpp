// SPDX-License-Identifier: GPL-2.0-or-later
// Lines on standard output.
#pragma once

#include "connection_log/line_target.hpp"

namespace ctflow {

/// Several logs, one for each network namespace, write whole lines in turns.
class LogStdout : public LineTarget {
 public:
  /// `descriptor`: another one, for tests.
  explicit LogStdout(int descriptor = 1) : descriptor_(descriptor) {}

  std::error_code append(std::string_view lines, TimePoint now) override;
  [[nodiscard]] const char* doing() const override { return "write"; }
  TargetNews take_news() override { return {}; }

 private:
  int descriptor_;
  std::size_t done_ = 0;  ///< octets of the lines that an error interrupted
};

}  // namespace ctflow
