// SPDX-License-Identifier: GPL-2.0-or-later
// When to look at the dying list again.
#pragma once

#include <algorithm>
#include <chrono>

#include "ctflow/clock.hpp"

namespace ctflow {

/// Each part of the kernel's answer is looked for from the head of the list, under its lock: where
/// 100 000 connections wait a look takes some ten seconds of CPU time. So the time from one look to
/// the next is at least what the look took.
class LookPace {
 public:
  void begin(MonoTime now) { begun_ = now; }

  void end(MonoTime now) {
    const MonoTime::duration longest = kLongest;
    rested_ = now + std::clamp(now - begun_, MonoTime::duration::zero(), longest);
  }

  /// Not to be asked during a look.
  [[nodiscard]] bool due(MonoTime now) const { return now >= rested_; }

 private:
  /// A host that was paused meanwhile does not put off looks for as long.
  static constexpr std::chrono::minutes kLongest{1};

  MonoTime begun_{};
  MonoTime rested_{};
};

}  // namespace ctflow
