// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of the kernel's timestamps when the wall clock is set.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "ctflow/clock.hpp"

namespace ctflow {

/// Conntrack stamps a connection with the wall clock of its first packet. On a router without a
/// battery that is 1970, or the day its firmware was built, until NTP answers. This notes each step
/// of the clock and computes what it should have shown before.
class ClockSteps {
 public:
  using Elapsed = std::chrono::nanoseconds;

  /// Both clocks at one moment. `boot`: a clock that is never set and that counts suspended time,
  /// too: since the machine booted.
  struct Reading {
    TimePoint wall;
    Elapsed boot;
  };

  explicit ClockSteps(std::function<Reading()> clocks = machine_clocks());

  /// Looks at the clocks. What it returns is not 0 when the wall clock has been set since the last
  /// call: by how much. Slewing (NTP, 0.5 ms a second) is no step.
  Elapsed observe();

  /// All steps so far.
  [[nodiscard]] Elapsed total() const { return total_; }

  /// A time stamped by the wall clock as it then was, in terms of the wall clock as it is now.
  /// `wall`: now. Where a clock was set back, a time that it showed twice is taken for the later.
  [[nodiscard]] TimePoint correct(TimePoint stamp, TimePoint wall) const {
    return steps_.empty() ? stamp : correct_by_steps(stamp, wall);
  }

  /// When the machine began to run, by the wall clock as it was at the last look. Nothing: there
  /// was none.
  [[nodiscard]] std::optional<TimePoint> boot_time() const {
    if (!observed_) return std::nullopt;
    return last_.wall - last_.boot;
  }

  /// CLOCK_REALTIME and CLOCK_BOOTTIME, of the machine and not of a time namespace.
  static std::function<Reading()> machine_clocks();

 private:
  struct Step {
    TimePoint from;   ///< the step was not before this, and not after `until`: by the clock as it
    TimePoint until;  ///< was after the step
    Elapsed by;
  };

  [[nodiscard]] TimePoint correct_by_steps(TimePoint stamp, TimePoint wall) const;

  static constexpr std::size_t kRemembered = 16;

  std::function<Reading()> clocks_;
  std::vector<Step> steps_;  ///< the latest last
  Reading last_{};
  Elapsed total_{};
  bool observed_ = false;
};

}  // namespace ctflow
