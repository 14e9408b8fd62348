// SPDX-License-Identifier: GPL-2.0-or-later
// When and why a connection ended, from what a stock kernel tells.
#pragma once

#include <optional>

#include "conntrack/live_connections.hpp"
#include "conntrack/timeouts.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/metrics.hpp"

namespace ctflow {

/// flowEndReason of a removed entry (IANA, element 136).
EndReason end_reason(const Flow& flow);

/// The kernel removed it before its time and without being asked; of a full table it removes
/// connections that are not ASSURED (early_drop_list()).
bool may_be_dropped_early(const Flow& flow);

/// Sets `start` and `end` to the times of the packets and counts where they came from.
///
/// The kernel's stop time is the moment of removal, and for an entry that expired that of expiry:
/// last packet plus the protocol's timeout (nf_ct_delete()). A living entry tells how much of its
/// timeout is left. Where `bounds` contradicts, it decides: a dump saw the counters grow.
/// Afterwards start <= end <= event_time holds.
void correct_times(Flow& flow, const Timeouts& timeouts, const std::optional<Bounds>& bounds,
                   SourceCounters& counters);

}  // namespace ctflow
