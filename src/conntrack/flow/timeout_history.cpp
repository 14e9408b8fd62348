// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/timeout_history.hpp"

#include <algorithm>

namespace ctflow {
namespace {

constexpr Bounds kAlways{TimePoint::min(), TimePoint::max()};

}  // namespace

TimeoutHistory::TimeoutHistory() {
  periods_.reserve(kRemembered);
  periods_.push_back({Timeouts{}, kAlways});
}

void TimeoutHistory::observe(const TimeoutsRead& read, TimePoint now) {
  const bool complete = !read.failure;
  if (!(read.values == current())) {
    if (!read_) {
      // What was assumed so far was never seen in force.
      periods_.back() = {read.values, kAlways};
    } else {
      if (periods_.size() == kRemembered) periods_.erase(periods_.begin());
      periods_.back().in_force.latest = now;
      periods_.push_back({read.values, {std::min(*read_, now), TimePoint::max()}});
    }
  }
  if (complete) {
    read_ = now;
    knowledge_ = TimeoutKnowledge::kRead;
  } else {
    knowledge_ = read_ ? TimeoutKnowledge::kKept : TimeoutKnowledge::kNeverRead;
  }
}

void TimeoutHistory::shift(std::chrono::nanoseconds step) {
  for (Period& period : periods_) {
    if (period.in_force.earliest != TimePoint::min()) period.in_force.earliest += step;
    if (period.in_force.latest != TimePoint::max()) period.in_force.latest += step;
  }
  if (read_) *read_ += step;
}

}  // namespace ctflow
