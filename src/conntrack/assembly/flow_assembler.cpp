// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/flow_assembler.hpp"

#include <utility>

#include "conntrack/assembly/counter_resets.hpp"
#include "extras/apply_extras.hpp"

namespace ctflow {
namespace {

std::string text_of(const CounterResetters& resetters) {
  if (!resetters.programs.empty()) return fmt::format("{}", fmt::join(resetters.programs, ","));
  return resetters.hidden ? "not seen from here: ask ctflowd doctor as root" : "none known";
}

}  // namespace

void FlowAssembler::follow_clock() {
  const auto step = clock_steps->observe();
  if (step.count() == 0) return;
  log::warn(
      "clock_set by={}s impact=\"times from before are corrected by that\" fix=\"let chrony, ntpd "
      "or systemd-timesyncd keep the clock\"",
      std::chrono::duration<double>(step).count());
  opened += step;
  if (beginnings_since != TimePoint::max()) beginnings_since += step;
  silence.shift(step);
  reported.shift(step);
  timeouts.shift(step);
}

void FlowAssembler::derive_id(Flow& flow) const {
  if (derives_ids) flow.id = derived_id(flow);
}

/// A clock that was set before we looked at it: no connection is older than the machine's uptime.
void FlowAssembler::correct_stamps(Flow& flow, const Instant& now) const {
  const TimePoint boot = clock_steps->boot_time().value_or(TimePoint::min());
  const auto correct = [&](TimePoint& stamp) {
    stamp = std::max(clock_steps->correct(stamp, now.wall), boot);
  };
  if (flow.present.start) correct(flow.start);
  if (flow.present.stop && !flow.extras.by_present_clock) correct(flow.end);
  if (!flow.extras.present || flow.extras.by_present_clock) return;
  for (DirectionExtras* direction : {&flow.extras.original, &flow.extras.reply}) {
    if (!direction->has_times) continue;
    correct(direction->first);
    // By the clock as it is now, except where it was set back: then it is `first`.
    correct(direction->last);
  }
}

void FlowAssembler::complete_by_evidence(const ConnectionIdentity identity, Flow& flow,
                                         const Written& written) {
  if (!has_packet_times(flow.extras)) {
    correct_times(flow, timeouts, reported.last_packet(identity, written.latest),
                  written.earliest.wall, counters);
  }
  apply_extras(flow, counters);
  // A closed connection is reported as such, long before its entry is removed.
  if (flow.event == FlowEvent::kReported && flow.end_reason != EndReason::kEndOfFlow) {
    flow.end_reason = EndReason::kActiveTimeout;
  }
}

bool FlowAssembler::repeats_beginning(const Flow& flow) {
  const std::uint64_t losses = counters.overruns + counters.lost_overrun + counters.lost_ends;
  if (std::exchange(losses_seen_, losses) != losses && !keeps_ends_) begun.clear();
  if (begun.add(unstamped_key(flow, derives_ids ? 0 : flow.id))) return false;
  log_repeats();
  return true;
}

void FlowAssembler::log_repeats() {
  ++counters.repeated;
  if (repeats_log_.allow()) {
    log::warn(
        "events_repeated repeated={} suppressed={} impact=\"the kernel sends events again because "
        "a "
        "program in this namespace asked for reliable delivery and is too slow; they are exported "
        "once\" fix=\"more receive buffer for it: conntrackd, ulogd, another ctflowd, or this one "
        "with delivery: reliable\"",
        counters.repeated, repeats_log_.suppressed());
  }
}

void FlowAssembler::count_empty(const Instant& now) {
  ++counters.ended_empty;
  // The same as an entry without a packet, except that counters of others were set to zero.
  constexpr std::chrono::minutes kStillGoingOn{10};
  if (last_fall_ && now.steady - *last_fall_ < kStillGoingOn) ++counters.counters_fell;
}

/// Hosts with thousands of processes are not to be searched all the time.
void FlowAssembler::find_resetters(const Instant& now) {
  constexpr std::chrono::seconds kBetween{10};
  if (resetters_found_ && now.steady - *resetters_found_ < kBetween) return;
  resetters_found_ = now.steady;
  resetters = find_counter_resetters();
}

void FlowAssembler::watch_counters(const Instant& now) {
  const Falls falls = reported.take_falls();
  if (falls.connections == 0) return;
  counters.counters_fell += falls.connections;
  counters.fallen_packets += falls.packets;
  last_fall_ = now.steady;
  find_resetters(now);
  if (fell_log_.allow()) {
    log::warn(
        "counters_fell connections={} packets_at_least={} running={} impact=\"another program sets "
        "the kernel's counters to zero: what they had counted since the previous report is lost\" "
        "fix=\"stop it, or let it read without zeroing: nlbwmon, conntrack -L -z\" suppressed={}",
        counters.counters_fell, counters.fallen_packets, log::quoted(text_of(resetters)),
        fell_log_.suppressed());
  }
}

void FlowAssembler::count_no_room() {
  ++counters.no_room;
  if (no_room_log_.allow()) {
    log::warn(
        "live_connections_full reported={} impact=\"others are exported whole at their end\" "
        "fix=\"raise source.live_connections\" suppressed={}",
        reported.size(), no_room_log_.suppressed());
  }
}

}  // namespace ctflow
