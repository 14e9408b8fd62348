// SPDX-License-Identifier: GPL-2.0-or-later
// What an eBPF program measured of a connection -> KernelExtras.
#pragma once

#include "ctflow/clock.hpp"
#include "ctflow/flow.hpp"
#include "measurement.h"

namespace ctflow {

/// A time of CLOCK_MONOTONIC in terms of the wall clock as it is at `now`, also when that was set
/// in between. `monotonic`: nanoseconds.
TimePoint wall_time(std::uint64_t monotonic, const Instant& now);

/// Sets all but the reason. A direction in which nothing was seen stays empty. The times need no
/// correction where the clock was set (KernelExtras::by_present_clock).
void set_extras(const ctflow_measured& measured, std::uint8_t protocol, const Instant& now,
                KernelExtras& extras);

}  // namespace ctflow
