// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/apply_extras.hpp"

#include <algorithm>

#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

void apply_times(Flow& flow, SourceCounters& counters) {
  const DirectionExtras& original = flow.extras.original;
  const DirectionExtras& reply = flow.extras.reply;
  if (!has_packet_times(flow.extras)) return;
  TimePoint start = original.has_times ? original.first : reply.first;
  TimePoint end = original.has_times ? original.last : reply.last;
  if (original.has_times && reply.has_times) {
    start = std::min(start, reply.first);
    end = std::max(end, reply.last);
  }
  flow.start = std::min(start, flow.event_time);
  flow.end = std::clamp(end, flow.start, flow.event_time);
  ++counters.end_from_packets;
}

void apply_interfaces(Flow& flow) {
  if (flow.extras.original.has_interfaces) {
    flow.original_interfaces = flow.extras.original.interfaces;
  }
  if (flow.extras.reply.has_interfaces) flow.reply_interfaces = flow.extras.reply.interfaces;
}

/// A FIN from both sides, or a RST from either.
bool ended_by_segments(const KernelExtras& extras) {
  constexpr unsigned kFin = 0x001;
  constexpr unsigned kRst = 0x004;
  const unsigned original = extras.original.tcp_control_bits;
  const unsigned reply = extras.reply.tcp_control_bits;
  return ((original & reply) & kFin) != 0 || ((original | reply) & kRst) != 0;
}

void apply_reason(Flow& flow) {
  switch (flow.extras.reason) {
    case NF_CT_FLOW_REASON_TIMEOUT:
      if (ended_by_segments(flow.extras)) flow.end_reason = EndReason::kEndOfFlow;
      break;
    case NF_CT_FLOW_REASON_TCP_CLOSE:
    case NF_CT_FLOW_REASON_TCP_RESET:
    case NF_CT_FLOW_REASON_TCP_REOPEN:
      flow.end_reason = EndReason::kEndOfFlow;
      break;
    case NF_CT_FLOW_REASON_NETLINK:
    case NF_CT_FLOW_REASON_OTHER:
      flow.end_reason = EndReason::kForcedEnd;
      break;
    case NF_CT_FLOW_REASON_EARLY_DROP:
      flow.end_reason = EndReason::kLackOfResources;
      break;
    default:  // unknown, or a reason of a later kernel: the estimate stays
      break;
  }
}

}  // namespace

void apply_wire_counters(Flow& flow) {
  const DirectionExtras& original = flow.extras.original;
  const DirectionExtras& reply = flow.extras.reply;
  if (!original.has_wire && !reply.has_wire) return;
  // A direction without a nest has seen nothing.
  flow.original_counters = original.has_wire ? original.wire : Counters{};
  flow.reply_counters = reply.has_wire ? reply.wire : Counters{};
  flow.present.counters = true;  // they do not depend on nf_conntrack_acct
}

bool has_packet_times(const KernelExtras& extras) {
  return extras.original.has_times || extras.reply.has_times;
}

void apply_extras(Flow& flow, SourceCounters& counters) {
  if (!flow.extras.present) return;
  apply_times(flow, counters);
  apply_interfaces(flow);
  apply_wire_counters(flow);
  apply_reason(flow);
}

}  // namespace ctflow
