// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/end_of_flow.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace ctflow {
namespace {

bool answered(const Flow& flow) { return (flow.status & status::kSeenReply) != 0; }

/// A reset before any answer removes the entry at once, without setting the timeout of CLOSE
/// (nf_conntrack_tcp_packet()).
bool reset_before_answer(const Flow& flow) {
  constexpr std::uint8_t kClose = 8;  // enum tcp_conntrack
  return flow.original.protocol == IPPROTO_TCP && flow.present.state && flow.state == kClose &&
         !answered(flow);
}

/// States in which both sides have ended the connection (enum tcp_conntrack, sctp_conntrack,
/// ct_dccp_states).
bool closed(const Flow& flow) {
  if (!flow.present.state) return false;
  switch (flow.original.protocol) {
    case IPPROTO_TCP:
      return flow.state >= 6 && flow.state <= 8;  // LAST_ACK, TIME_WAIT, CLOSE
    case IPPROTO_SCTP:
      // CLOSED, SHUTDOWN_ACK_SENT. A lone INIT is in CLOSED too (sctp_conntracks[]).
      return (flow.state == 1 && answered(flow)) || flow.state == 7;
    case IPPROTO_DCCP:
      return flow.state == 7;  // TIMEWAIT
    default:
      return false;
  }
}

/// When the entry was removed or, if it lives, looked at. Nothing: the kernel keeps no times.
std::optional<TimePoint> reference(const Flow& flow) {
  if (flow.event == FlowEvent::kReported && flow.present.timeout) return flow.event_time;
  if (flow.present.stop) return flow.end;
  return std::nullopt;
}

/// By counting the timeout back from `reference`. `earliest`: the last packet came not before.
TimePoint estimate_end(const Flow& flow, const Timeouts& timeouts, TimePoint reference,
                       TimePoint earliest) {
  if (reset_before_answer(flow)) return reference;
  // An expired entry has nothing left; any other still had flow.timeout seconds.
  const auto left = std::chrono::seconds(flow.present.timeout ? flow.timeout : 0);
  const auto last_packet = [&](std::chrono::seconds timeout) {
    return reference - std::max(timeout - left, std::chrono::seconds(0));
  };
  const TimePoint end = last_packet(timeout_of(flow, timeouts));
  if (end >= earliest || flow.original.protocol != IPPROTO_TCP) return end;
  // Too early: it was a shorter timeout, the one for unanswered data (tcp_packet()).
  return last_packet(std::min(timeouts.tcp_unacknowledged, timeouts.tcp_max_retrans));
}

}  // namespace

EndReason end_reason(const Flow& flow) {
  if (flow.port_id != 0) return EndReason::kForcedEnd;  // somebody asked for it over netlink
  if (closed(flow)) return EndReason::kEndOfFlow;
  // No time left: expired. Otherwise the kernel removed it early, for a reason it does not tell.
  return flow.present.timeout ? EndReason::kForcedEnd : EndReason::kIdleTimeout;
}

bool may_be_dropped_early(const Flow& flow) {
  return flow.event == FlowEvent::kEnded && end_reason(flow) == EndReason::kForcedEnd &&
         flow.port_id == 0 && (flow.status & status::kAssured) == 0;
}

void correct_times(Flow& flow, const Timeouts& timeouts, const std::optional<Bounds>& bounds,
                   SourceCounters& counters) {
  // Without it the connection began when it was first seen; what was told before is cut off later.
  if (!flow.present.start) flow.start = bounds ? TimePoint{} : flow.event_time;
  const TimePoint earliest = bounds ? std::max(bounds->earliest, flow.start) : flow.start;
  const TimePoint latest = bounds ? bounds->latest : flow.event_time;
  const std::optional<TimePoint> from = reference(flow);
  flow.end = from ? estimate_end(flow, timeouts, *from, earliest) : latest;
  if (bounds && (!from || flow.end < bounds->earliest || flow.end > latest)) {
    ++counters.end_from_dump;
  } else if (from) {
    ++counters.end_from_timeout;
  } else {
    ++counters.end_from_event;
  }
  if (bounds) flow.end = std::max(std::min(flow.end, latest), bounds->earliest);
  // The wall clock may have been set while the connection lived.
  flow.start = std::min(flow.start, flow.event_time);
  flow.end = std::clamp(flow.end, flow.start, flow.event_time);
}

}  // namespace ctflow
