// SPDX-License-Identifier: GPL-2.0-or-later
// When and why a connection ended, from what a stock kernel reports.
#pragma once

#include <optional>

#include "conntrack/flow/last_packet.hpp"
#include "conntrack/flow/timeout_history.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// Its protocol tracker is in a state in which both sides have ended the connection.
bool closed(const Flow& flow);

/// flowEndReason of a removed entry (IANA, element 136).
inline EndReason end_reason(const Flow& flow) {
  if (flow.port_id != 0) return EndReason::kForcedEnd;  // a program asked for it over netlink
  if (flow.present.state && closed(flow)) return EndReason::kEndOfFlow;
  // No time left: expired. Otherwise the kernel removed it early, for an unknown reason.
  return flow.present.timeout ? EndReason::kForcedEnd : EndReason::kIdleTimeout;
}

/// The kernel removed it before its time and without being asked; of a full table it removes
/// connections that are not ASSURED (early_drop_list()).
bool may_be_dropped_early(const Flow& flow);

/// Sets `start` and `end` to the times of the packets and counts where they came from. Returns what
/// was concluded of the last packet.
///
/// The kernel's stop time is the moment of removal, and for an entry that expired that of expiry:
/// last packet plus timeout (nf_ct_delete()). An existing entry and one that was removed early say
/// how much of their timeout is left, in whole seconds rounded down. `bounds`: what scans of the
/// table saw of its last packet. The kernel wrote what was read at `written_after` at the earliest,
/// at event_time at the latest. Afterwards start <= end <= event_time holds.
LastPacket correct_times(Flow& flow, const TimeoutHistory& timeouts,
                         const std::optional<Bounds>& bounds, TimePoint written_after,
                         SourceCounters& counters);

/// The usual end: one timeout may have been set last, and nothing contradicts it. Then this does
/// what correct_times() does of a connection that no scan saw, without a search. False: it changed
/// nothing.
bool correct_usual_times(Flow& flow, const TimeoutHistory& timeouts, SourceCounters& counters);

}  // namespace ctflow
