// SPDX-License-Identifier: GPL-2.0-or-later
// The clock of the measuring programs.
#pragma once

#include <cstdint>
#include <ctime>

namespace ctflow {

/// Nanoseconds between two of the kernel's timer ticks, which is the resolution of coarse clocks.
inline std::uint64_t timer_tick() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return static_cast<std::uint64_t>(resolution.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(resolution.tv_nsec);
}

}  // namespace ctflow
