// SPDX-License-Identifier: GPL-2.0-or-later
// When to look again at what has to be looked at now and then.
#pragma once

#include <chrono>

#include "ctflow/clock.hpp"

namespace ctflow {

/// The next whole multiple of `interval` by the steady clock, after `now`. Looks of which the
/// intervals divide each other fall together, and the process wakes up once for all of them.
inline MonoTime next_round(MonoTime::duration interval,
                           MonoTime now = std::chrono::steady_clock::now()) {
  return now - now.time_since_epoch() % interval + interval;
}

}  // namespace ctflow
