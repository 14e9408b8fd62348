// SPDX-License-Identifier: GPL-2.0-or-later
// When nf_conntrack_events was 0: what began then has no event of its end, whenever that is.
#pragma once

#include <algorithm>
#include <chrono>

#include "ctflow/clock.hpp"

namespace ctflow {

/// By the wall clock as it is now. Several times are one, from the first to the last.
class Silence {
 public:
  /// It is 0, at the latest since `since`.
  void begin(TimePoint since) {
    from_ = std::min(from_, since);
    until_ = TimePoint::max();
  }
  /// It was 0 until `now` at the latest.
  void end(TimePoint now) { until_ = now; }

  [[nodiscard]] bool contains(TimePoint start) const { return start >= from_ && start <= until_; }

  /// The wall clock was set.
  void shift(std::chrono::nanoseconds step) {
    if (from_ != TimePoint::min() && from_ != TimePoint::max()) from_ += step;
    if (until_ != TimePoint::min() && until_ != TimePoint::max()) until_ += step;
  }

 private:
  TimePoint from_ = TimePoint::max();
  TimePoint until_ = TimePoint::min();
};

}  // namespace ctflow
