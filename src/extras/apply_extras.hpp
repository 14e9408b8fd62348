// SPDX-License-Identifier: GPL-2.0-or-later
// Measured values replace estimates, whatever their origin.
#pragma once

#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// The times of the packets were measured: nothing has to be estimated.
bool has_packet_times(const KernelExtras& extras);

/// Replaces the counters by those of the wire where they were measured.
void apply_wire_counters(Flow& flow);

/// Sets times, counters, interfaces and end reason from flow.extras where they are present. To be
/// called after end_reason(), whose result stays where no reason was measured.
/// start <= end <= event_time holds afterwards.
void apply_extras(Flow& flow, SourceCounters& counters);

}  // namespace ctflow
