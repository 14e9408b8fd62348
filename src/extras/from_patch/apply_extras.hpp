// SPDX-License-Identifier: GPL-2.0-or-later
// What a patched kernel measured takes the place of what a stock kernel lets us estimate.
#pragma once

#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// True when the kernel told the times of the packets, so that nothing has to be estimated.
bool has_packet_times(const KernelExtras& extras);

/// Takes the counters of the wire where the kernel told them.
void apply_wire_counters(Flow& flow);

/// Sets times, interfaces and end reason from flow.extras where they are present, and the counters
/// if `wire_counters`. To be called behind end_reason(), which stays where the kernel told nothing.
/// start <= end <= event_time holds afterwards.
void apply_extras(Flow& flow, bool wire_counters, SourceCounters& counters);

}  // namespace ctflow
