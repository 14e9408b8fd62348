// SPDX-License-Identifier: GPL-2.0-or-later
// The times of the routing mirror's memory: when something was added, changed or removed.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "ctflow/clock.hpp"

namespace ctflow {

/// Nanoseconds of the steady clock, which is never set.
using RoutingTime = std::int64_t;

/// Before everything: of what was there when the kernel was read.
inline constexpr RoutingTime kAlways = std::numeric_limits<RoutingTime>::min();
inline constexpr RoutingTime kNever = std::numeric_limits<RoutingTime>::max();
/// Behind every change: what is asked as of now is asked as of then.
inline constexpr RoutingTime kNow = kNever - 1;

/// What was removed or replaced is remembered for so long, unless there is too much of it.
inline constexpr RoutingTime kRemembered =
    std::chrono::nanoseconds(std::chrono::minutes(15)).count();

inline RoutingTime routing_time(MonoTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

inline RoutingTime routing_clock() { return routing_time(std::chrono::steady_clock::now()); }

/// The time before which everything is forgotten at `now`.
constexpr RoutingTime oldest_remembered(RoutingTime now) {
  return now < kAlways + kRemembered ? kAlways : now - kRemembered;
}

}  // namespace ctflow
