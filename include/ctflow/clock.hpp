// SPDX-License-Identifier: GPL-2.0-or-later
// The two clocks of the machine, read together.
#pragma once

#include <chrono>
#include <functional>

#include "ctflow/flow.hpp"

namespace ctflow {

struct Instant {
  TimePoint wall;                                ///< for what collectors are told
  std::chrono::steady_clock::time_point steady;  ///< for intervals
};
using Clock = std::function<Instant()>;

/// Now, by the clocks of this machine.
inline Instant system_now() {
  return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
}

}  // namespace ctflow
