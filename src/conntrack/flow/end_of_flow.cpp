// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/end_of_flow.hpp"

#include <netinet/in.h>

#include <algorithm>

#include "conntrack/flow/answered.hpp"

namespace ctflow {
namespace {

/// A reset before any answer removes the entry at once, without setting the timeout of CLOSE
/// (nf_conntrack_tcp_packet()).
bool reset_before_answer(const Flow& flow) {
  constexpr std::uint8_t kClose = 8;  // enum tcp_conntrack
  return flow.original.protocol == IPPROTO_TCP && flow.present.state && flow.state == kClose &&
         !answered(flow);
}

/// When the entry was removed or, if it exists, written. Nothing: the kernel keeps no times.
std::optional<Bounds> reference(const Flow& flow, TimePoint written_after) {
  if (flow.event == FlowEvent::kReported && flow.present.timeout) {
    return Bounds{std::min(written_after, flow.event_time), flow.event_time};
  }
  if (!flow.present.stop) return std::nullopt;
  const TimePoint stop = std::min(flow.end, flow.event_time);
  return Bounds{stop, stop};
}

/// When the entry would expire without another packet, or did. The times of a recording may be
/// anything: what does not fit into 64 bits of nanoseconds is as good as never.
Bounds expiry(const Flow& flow, Bounds reference) {
  constexpr std::chrono::seconds kRoundedDown{1};
  constexpr std::chrono::seconds kLongestTimeout(0xffff'ffff);
  constexpr TimePoint kLatest = TimePoint::max() - kLongestTimeout - kRoundedDown;
  reference.earliest = std::min(reference.earliest, kLatest);
  reference.latest = std::min(reference.latest, kLatest);
  if (flow.present.timeout) {
    const std::chrono::seconds left(flow.timeout);
    return {reference.earliest + left, reference.latest + left + kRoundedDown};
  }
  // Nothing left: it expired, unless a program asked for its removal within its last second.
  return {reference.earliest,
          flow.port_id != 0 ? reference.latest + kRoundedDown : reference.latest};
}

/// What is known of the last packet without any timeout.
Bounds known(const Flow& flow, const std::optional<Bounds>& reference,
             const std::optional<Bounds>& bounds) {
  Bounds result{flow.start, reference ? reference->latest : flow.event_time};
  if (bounds) {
    result.earliest = std::max(result.earliest, bounds->earliest);
    result.latest = std::min(result.latest, bounds->latest);
  }
  // Where they contradict each other the clock was set, or time was measured by two clocks.
  result.earliest = std::min(result.earliest, flow.event_time);
  result.latest = std::max(result.latest, result.earliest);
  return result;
}

bool has_one_packet(const Flow& flow) {
  return flow.present.counters && flow.present.start &&
         flow.original_counters.packets + flow.reply_counters.packets == 1;
}

bool is_near(TimePoint time, const Bounds& bounds) {
  return time >= bounds.earliest - LastPacketSearch::kTolerance &&
         time - LastPacketSearch::kTolerance <= bounds.latest;
}

LastPacket search(const Flow& flow, const TimeoutHistory& timeouts, const Bounds& known,
                  const std::optional<Bounds>& reference) {
  if (reference && reset_before_answer(flow)) {
    return {reference->latest, LastPacketSearch::kTick, true, false};
  }
  std::optional<Bounds> expires;
  if (reference) expires = expiry(flow, *reference);
  LastPacketSearch search(known, expires);
  if (has_one_packet(flow)) search.only_packet(flow.start);
  const bool first = keeps_first_timeouts(flow) && flow.present.start;
  // The earlier first: a long silence is likelier than two packets that are as far apart.
  for (const TimeoutHistory::Period& period : timeouts.periods()) {
    const Bounds& in_force = period.in_force;
    if (first && (flow.start < in_force.earliest || flow.start > in_force.latest)) continue;
    const auto possible = possible_timeouts(flow, period.timeouts);
    for (const auto timeout : possible.all()) {
      search.consider(timeout, first ? Bounds{TimePoint::min(), TimePoint::max()} : in_force);
    }
  }
  LastPacket found = search.result();
  // Any other timeout would do as well.
  if (timeouts.knowledge() == TimeoutKnowledge::kNeverRead) {
    found.error = std::max({found.error, found.time - known.earliest, known.latest - found.time});
  }
  return found;
}

void count(const LastPacket& found, bool expires, bool bounded, SourceCounters& counters) {
  counters.end_ambiguous += found.ambiguous;
  counters.end_unexplained += expires && !found.explained;
  if (bounded && !found.explained) {
    ++counters.end_from_dump;
  } else if (expires) {
    ++counters.end_from_timeout;
  } else {
    ++counters.end_from_event;
  }
}

}  // namespace

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

bool may_be_dropped_early(const Flow& flow) {
  return flow.event == FlowEvent::kEnded && end_reason(flow) == EndReason::kForcedEnd &&
         flow.port_id == 0 && (flow.status & status::kAssured) == 0;
}

bool correct_usual_times(Flow& flow, const TimeoutHistory& timeouts, SourceCounters& counters) {
  constexpr Presence kStamped{
      .counters = true, .start = true, .stop = true, .timeout = false, .state = false};
  Presence present = flow.present;
  present.state = present.timeout = present.no_ports = false;
  const TimeoutHistory::Period* const period = timeouts.only_period();
  if (flow.event != FlowEvent::kEnded || present != kStamped || period == nullptr ||
      keeps_first_timeouts(flow) || reset_before_answer(flow)) {
    return false;
  }
  const std::chrono::seconds timeout = only_timeout(flow, period->timeouts);
  if (timeout == kNotOneTimeout) return false;
  const TimePoint stop = std::min(flow.end, flow.event_time);
  Bounds last = expiry(flow, {stop, stop});
  last = {last.earliest - timeout, last.latest - timeout};
  const Bounds& in_force = period->in_force;
  if (last.earliest < in_force.earliest || last.latest > in_force.latest) return false;
  // Its only packet began it.
  if (has_one_packet(flow) && is_near(flow.start, last)) {
    if (flow.start > flow.event_time) return false;
    flow.end = flow.start;
  } else {
    last = {std::max(last.earliest, flow.start), std::min(last.latest, stop)};
    if (last.earliest > last.latest) return false;
    flow.end = last.middle();
  }
  ++counters.end_from_timeout;
  return true;
}

LastPacket correct_times(Flow& flow, const TimeoutHistory& timeouts,
                         const std::optional<Bounds>& bounds, TimePoint written_after,
                         SourceCounters& counters) {
  // Without it the connection began when it was first seen; what was reported before is cut off
  // later.
  if (!flow.present.start) flow.start = bounds ? TimePoint{} : flow.event_time;
  // The wall clock may have been set while the connection lived.
  flow.start = std::min(flow.start, flow.event_time);
  const std::optional<Bounds> removed = reference(flow, written_after);
  const LastPacket found = search(flow, timeouts, known(flow, removed, bounds), removed);
  count(found, removed.has_value(), bounds.has_value(), counters);
  flow.end = std::clamp(found.time, flow.start, flow.event_time);
  return found;
}

}  // namespace ctflow
