// SPDX-License-Identifier: GPL-2.0-or-later
// The two clocks of the machine, read together.
#pragma once

#include <chrono>
#include <functional>

#include "ctflow/flow.hpp"

namespace ctflow {

/// A time of the monotonic clock (std::chrono::steady_clock): for intervals and deadlines.
using MonoTime = std::chrono::steady_clock::time_point;

struct Instant {
  TimePoint wall;  ///< for what leaves this host
  MonoTime steady;
};
using Clock = std::function<Instant()>;

/// Now, by the clocks of this machine.
inline Instant system_now() {
  return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
}

}  // namespace ctflow
